//! Line charts over iterations, with a second axis on the right if there are two units.

use crate::chart::{LegendEntry, WIDTH, axis_below, legend};
use crate::downsample::keep_extremes;
use crate::scale::Scale;
use crate::svg::{Anchor, Svg};

/// The axis that a series belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// How the ticks of an axis are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ticks {
    /// Round numbers that enclose the values.
    AroundData,
    /// Round numbers, zero included.
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
    /// Label in the legend; a curve without one is drawn but not listed.
    pub(crate) name: String,
    /// Colour and dashes.
    pub(crate) class: String,
    pub(crate) side: Side,
    /// Points, in order of x.
    pub(crate) points: Vec<(f64, f64)>,
    /// One tooltip for each point, or none. Points with tooltips are marked with dots.
    pub(crate) tooltips: Vec<String>,
}

/// A line chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LineChart<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    pub(crate) height: f64,
    /// First and last x.
    pub(crate) span: (f64, f64),
    pub(crate) left: Axis,
    pub(crate) right: Option<Axis>,
    /// Drawn in order, so the last lies on top.
    pub(crate) series: Vec<Series>,
}

impl LineChart<'_> {
    pub(crate) fn draw(&self) -> Svg {
        let mut svg = Svg::new(self.id, (WIDTH, self.height), self.title, self.description);
        let (left, right) = (64.0, WIDTH - if self.right.is_some() { 64.0 } else { 16.0 });
        let entries: Vec<_> = self
            .series
            .iter()
            .filter(|series| !series.name.is_empty())
            .map(|series| LegendEntry { class: &series.class, filled: false, text: &series.name })
            .collect();
        let top = legend(Some(&mut svg), left, &entries) + 2.0;
        let bottom = self.height - 48.0;

        let x = Scale::exact(self.span, (left, right), 8).integer_ticks();
        let range = (bottom, top);
        let left_scale = self.scale(Side::Left, &self.left, range);
        for (value, text) in left_scale.ticks() {
            let y = left_scale.position(value);
            svg.line((left, y), (right, y), "grid");
            svg.label((left - 8.0, y + 4.0), Anchor::End, "tick", &text);
        }
        let middle = (top + bottom) / 2.0;
        svg.vertical_label((16.0, middle), "ink", &self.left.label);
        let right_scale = self.right.as_ref().map(|axis| {
            let scale = self.scale(Side::Right, axis, range);
            svg.line((right, top), (right, bottom), "axis");
            for (value, text) in scale.ticks() {
                let y = scale.position(value);
                svg.line((right, y), (right + 5.0, y), "axis");
                svg.label((right + 9.0, y + 4.0), Anchor::Start, "tick", &text);
            }
            svg.vertical_label((WIDTH - 10.0, middle), "ink", &axis.label);
            scale
        });
        axis_below(&mut svg, &x, (left, right), bottom, "iteration");

        // One column for each unit of width: 880 at most.
        let columns = (right - left) as usize;
        for series in &self.series {
            let y = match (series.side, &right_scale) {
                (Side::Right, Some(scale)) => scale,
                _ => &left_scale,
            };
            let position = |point: &(f64, f64)| (x.position(point.0), y.position(point.1));
            let points: Vec<_> =
                keep_extremes(&series.points, columns).iter().map(position).collect();
            if points.len() > 1 {
                svg.polyline(&points, &series.class);
            }
            for (point, tooltip) in series.points.iter().zip(&series.tooltips) {
                svg.circle(position(point), 3.5, &series.class, tooltip);
            }
            if let ([point], true) = (points.as_slice(), series.tooltips.is_empty()) {
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
            Ticks::AroundData => Scale::round((low, high), range, 6),
            Ticks::FromZero => Scale::round((low.min(0.0), high), range, 6),
            Ticks::Every(step) => Scale::from_zero(high, step, range),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>, tooltips: Vec<String>) -> String {
        let class = "s0 d0".to_owned();
        let series = Series { name: "loss".to_owned(), class, side: Side::Left, points, tooltips };
        let left = Axis { label: "loss (nat)".to_owned(), ticks: Ticks::FromZero };
        let chart = LineChart {
            id: "c",
            title: "t",
            description: "n",
            height: 300.0,
            span: (0.0, 4.0),
            left,
            right: Some(Axis { label: "width (bits)".to_owned(), ticks: Ticks::Every(8.0) }),
            series: vec![series],
        };
        chart.draw().inline()
    }

    #[test]
    fn points_lie_on_their_axes() {
        let text = chart(vec![(0.0, 0.0), (4.0, 2.0)], vec!["a".to_owned(), "b".to_owned()]);
        // Below the legend at 36, above the axis at 252.
        assert!(text.contains("points=\"64,252 896,36\""), "{text}");
        assert!(text.contains("<title>b</title></circle>"), "{text}");
        assert!(text.contains(">loss (nat)</text>") && text.contains(">width (bits)</text>"));
    }

    #[test]
    fn a_single_point_is_a_dot_and_none_is_empty() {
        assert!(chart(vec![(2.0, 1.0)], Vec::new()).contains("<circle"));
        assert!(!chart(Vec::new(), Vec::new()).contains("<circle"));
    }
}
