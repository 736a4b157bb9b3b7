//! Line charts, heat maps and stacked bar charts. Each turns plain data into an [`Svg`]; `plots.rs`
//! and `overlay.rs` decide what to draw of a run.

mod bars;
mod heat;
mod lines;

pub(crate) use bars::{Bar, BarChart};
pub(crate) use heat::{HeatCell, HeatMap, HeatRow, MAX_COLUMNS};
pub(crate) use lines::{Axis, LineChart, Series, Side, Ticks};

use crate::scale::Scale;
use crate::svg::{Anchor, Svg};

/// Width of every drawing, in SVG user units; the page scales it.
const WIDTH: f64 = 960.0;

/// One entry of a legend: the class of its sample, and its label.
struct LegendEntry<'a> {
    class: &'a str,
    filled: bool,
    text: &'a str,
}

/// Draws the entries from left to right, in as many rows as they need; returns the height used.
/// Without a drawing, it only measures.
fn legend(svg: Option<&mut Svg>, left: f64, entries: &[LegendEntry<'_>]) -> f64 {
    const ROW: f64 = 20.0;
    let (mut x, mut y, mut svg) = (left, 14.0, svg);
    for LegendEntry { class, filled, text } in entries {
        let width = 30.0 + crate::svg::text_width(text) + 18.0;
        if x > left && x + width > WIDTH {
            (x, y) = (left, y + ROW);
        }
        if let Some(svg) = svg.as_deref_mut() {
            if *filled {
                svg.rect((x + 10.0, y - 10.0), (14.0, 12.0), class, "");
            } else {
                svg.polyline(&[(x, y - 4.0), (x + 24.0, y - 4.0)], class);
            }
            svg.label((x + 30.0, y), Anchor::Start, "ink", text);
        }
        x += width;
    }
    y + ROW
}

/// Draws a horizontal axis below a plot.
fn axis_below(svg: &mut Svg, scale: &Scale, (left, right): (f64, f64), y: f64, label: &str) {
    svg.line((left, y), (right, y), "axis");
    for (value, text) in scale.ticks() {
        let x = scale.position(value);
        svg.line((x, y), (x, y + 5.0), "axis");
        svg.label((x, y + 19.0), Anchor::Middle, "tick", &text);
    }
    svg.label(((left + right) / 2.0, y + 38.0), Anchor::Middle, "ink", label);
}
