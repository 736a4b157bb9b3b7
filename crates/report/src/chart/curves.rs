//! Curves over iterations, with a second axis on the right where units differ.

use crate::chart::{Entry, WIDTH, axis_below, legend};
use crate::downsample::min_max;
use crate::scale::Scale;
use crate::svg::{Anchor, Svg};

/// The axis a series is read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ticks {
    /// Round numbers around the values.
    Around,
    /// Round numbers from zero.
    FromZero,
    /// Multiples of a number from zero.
    Every(f64),
}

/// An axis: its label with the unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) label: String,
    pub(crate) ticks: Ticks,
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Words of the legend; a curve without is drawn but not listed.
    pub(crate) name: String,
    /// Colour and dashes.
    pub(crate) class: String,
    pub(crate) side: Side,
    /// Points, rising in x.
    pub(crate) points: Vec<(f64, f64)>,
    /// Notes of the points; where there are any, the points are marked.
    pub(crate) notes: Vec<String>,
}

/// Curves in one frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curves<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) note: &'a str,
    pub(crate) height: f64,
    /// First and last x.
    pub(crate) span: (f64, f64),
    pub(crate) left: Axis,
    pub(crate) right: Option<Axis>,
    /// Drawn in order, so the last lies on top.
    pub(crate) series: Vec<Series>,
}

impl Curves<'_> {
    pub(crate) fn draw(&self) -> Svg {
        let mut svg = Svg::new(self.id, (WIDTH, self.height), self.title, self.note);
        let (left, right) = (64.0, WIDTH - if self.right.is_some() { 64.0 } else { 16.0 });
        let entries: Vec<_> = self
            .series
            .iter()
            .filter(|series| !series.name.is_empty())
            .map(|series| Entry { class: &series.class, filled: false, text: &series.name })
            .collect();
        let top = legend(Some(&mut svg), left, &entries) + 2.0;
        let bottom = self.height - 48.0;

        let x = Scale::exact(self.span, (left, right), 8).whole();
        let range = (bottom, top);
        let left_scale = self.scale(Side::Left, &self.left, range);
        for (value, text) in left_scale.ticks() {
            let y = left_scale.place(value);
            svg.line((left, y), (right, y), "grid");
            svg.label((left - 8.0, y + 4.0), Anchor::End, "tick", &text);
        }
        let middle = (top + bottom) / 2.0;
        svg.label_up((16.0, middle), "ink", &self.left.label);
        let right_scale = self.right.as_ref().map(|axis| {
            let scale = self.scale(Side::Right, axis, range);
            svg.line((right, top), (right, bottom), "axis");
            for (value, text) in scale.ticks() {
                let y = scale.place(value);
                svg.line((right, y), (right + 5.0, y), "axis");
                svg.label((right + 9.0, y + 4.0), Anchor::Start, "tick", &text);
            }
            svg.label_up((WIDTH - 10.0, middle), "ink", &axis.label);
            scale
        });
        axis_below(&mut svg, &x, (left, right), bottom, "iteration");

        // As many columns as the plot is wide: 880 at most.
        let columns = (right - left) as usize;
        for series in &self.series {
            let y = match (series.side, &right_scale) {
                (Side::Right, Some(scale)) => scale,
                _ => &left_scale,
            };
            let place = |point: &(f64, f64)| (x.place(point.0), y.place(point.1));
            let points: Vec<_> = min_max(&series.points, columns).iter().map(place).collect();
            if points.len() > 1 {
                svg.polyline(&points, &series.class);
            }
            for (point, note) in series.points.iter().zip(&series.notes) {
                svg.circle(place(point), 3.5, &series.class, note);
            }
            if let ([point], true) = (points.as_slice(), series.notes.is_empty()) {
                svg.circle(*point, 3.5, &series.class, "");
            }
        }
        svg
    }

    fn scale(&self, side: Side, axis: &Axis, range: (f64, f64)) -> Scale {
        let values = self.series.iter().filter(|series| series.side == side);
        let values = values.flat_map(|series| &series.points).map(|point| point.1);
        let (low, high) =
            values.fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        match axis.ticks {
            Ticks::Around => Scale::round((low, high), range, 6),
            Ticks::FromZero => Scale::round((low.min(0.0), high), range, 6),
            Ticks::Every(step) => Scale::from_zero(high, step, range),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(points: Vec<(f64, f64)>, notes: Vec<String>) -> String {
        let class = "s0 d0".to_owned();
        let series = Series { name: "loss".to_owned(), class, side: Side::Left, points, notes };
        let left = Axis { label: "loss (nat)".to_owned(), ticks: Ticks::FromZero };
        let curves = Curves {
            id: "c",
            title: "t",
            note: "n",
            height: 300.0,
            span: (0.0, 4.0),
            left,
            right: Some(Axis { label: "width (bits)".to_owned(), ticks: Ticks::Every(8.0) }),
            series: vec![series],
        };
        curves.draw().inline()
    }

    #[test]
    fn points_lie_on_their_axes() {
        let text = curves(vec![(0.0, 0.0), (4.0, 2.0)], vec!["a".to_owned(), "b".to_owned()]);
        // Below the legend at 36, above the axis at 252.
        assert!(text.contains("points=\"64,252 896,36\""), "{text}");
        assert!(text.contains("<title>b</title></circle>"), "{text}");
        assert!(text.contains(">loss (nat)</text>") && text.contains(">width (bits)</text>"));
    }

    #[test]
    fn a_single_point_is_a_dot_and_none_is_empty() {
        assert!(curves(vec![(2.0, 1.0)], Vec::new()).contains("<circle"));
        assert!(!curves(Vec::new(), Vec::new()).contains("<circle"));
    }
}
