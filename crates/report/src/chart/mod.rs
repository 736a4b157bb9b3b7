//! The kinds of drawings: curves, heat maps, stacked bars. Each turns data into an [`Svg`] and
//! knows nothing of runs.

mod bars;
mod curves;
mod heat;

pub(crate) use bars::{Bar, Bars};
pub(crate) use curves::{Axis, Curves, Series, Side, Ticks};
pub(crate) use heat::{COLUMNS, Heat, HeatCell, HeatRow};

use crate::scale::Scale;
use crate::svg::{Anchor, Svg};

/// Width of every drawing, in its own units; a page scales it.
const WIDTH: f64 = 960.0;

/// One entry of a legend: what its sample looks like, and its words.
struct Entry<'a> {
    class: &'a str,
    filled: bool,
    text: &'a str,
}

/// Draws entries from left to right, further rows below; returns the height used. Without a drawing
/// it only measures.
fn legend(svg: Option<&mut Svg>, left: f64, entries: &[Entry<'_>]) -> f64 {
    const ROW: f64 = 20.0;
    let (mut x, mut y, mut svg) = (left, 14.0, svg);
    for Entry { class, filled, text } in entries {
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

/// Draws an axis of iterations or amounts below a plot.
fn axis_below(svg: &mut Svg, scale: &Scale, (left, right): (f64, f64), y: f64, label: &str) {
    svg.line((left, y), (right, y), "axis");
    for (value, text) in scale.ticks() {
        let x = scale.place(value);
        svg.line((x, y), (x, y + 5.0), "axis");
        svg.label((x, y + 19.0), Anchor::Middle, "tick", &text);
    }
    svg.label(((left + right) / 2.0, y + 38.0), Anchor::Middle, "ink", label);
}
