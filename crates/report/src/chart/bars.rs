//! Stacked horizontal bars.

use crate::chart::{LegendEntry, WIDTH, legend};
use crate::number::short;
use crate::scale::Scale;
use crate::svg::{Anchor, Svg};

const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - 120.0;
const ROW: f64 = 30.0;

/// One bar: its label, and the value and tooltip of each part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) parts: Vec<(u64, String)>,
    /// Text to the right of the bar.
    pub(crate) end_label: String,
}

/// A bar chart. Part n of each bar has class `r<n>`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BarChart<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    /// Label of the value axis, with the unit.
    pub(crate) axis: &'a str,
    /// Legend labels of the parts.
    pub(crate) part_labels: &'a [&'a str],
    pub(crate) bars: Vec<Bar>,
}

impl BarChart<'_> {
    pub(crate) fn draw(&self) -> Svg {
        let classes: Vec<_> = (0..self.part_labels.len()).map(|n| format!("r{n}")).collect();
        let entries: Vec<_> = classes
            .iter()
            .zip(self.part_labels)
            .map(|(class, text)| LegendEntry { class, filled: true, text })
            .collect();
        let top = legend(None, LEFT - 10.0, &entries) + 2.0;
        let bottom = top + ROW * self.bars.len() as f64;
        let mut svg = Svg::new(self.id, (WIDTH, bottom + 48.0), self.title, self.description);
        legend(Some(&mut svg), LEFT - 10.0, &entries);
        let total =
            |bar: &Bar| bar.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.0));
        let longest = self.bars.iter().map(total).max().unwrap_or(0).max(1);
        let x = Scale::exact((0.0, longest as f64), (LEFT, RIGHT), 6).integer_ticks();
        for (value, _) in x.ticks() {
            let tick_x = x.position(value);
            svg.line((tick_x, top), (tick_x, bottom), "grid");
            // Ticks are non-negative integers.
            let text = short(value.round() as u64);
            svg.label((tick_x, bottom + 17.0), Anchor::Middle, "tick", &text);
        }
        for (index, bar) in self.bars.iter().enumerate() {
            let y = top + ROW * index as f64;
            svg.label((LEFT - 8.0, y + 19.0), Anchor::End, "ink", &bar.label);
            let mut left = LEFT;
            for ((value, tooltip), class) in bar.parts.iter().zip(&classes) {
                let width = x.position(*value as f64) - LEFT;
                if *value > 0 {
                    svg.rect((left, y + 4.0), (width.max(0.5), ROW - 8.0), class, tooltip);
                }
                left += width;
            }
            svg.label((left + 8.0, y + 19.0), Anchor::Start, "tick", &bar.end_label);
        }
        svg.line((LEFT, top), (LEFT, bottom), "axis");
        svg.label(((LEFT + RIGHT) / 2.0, bottom + 36.0), Anchor::Middle, "ink", self.axis);
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_stacked_left_to_right() {
        let part = |value| (value, format!("{value} cycles"));
        let bar = Bar {
            label: "conv1".to_owned(),
            parts: vec![part(10), part(0), part(30)],
            end_label: "40".to_owned(),
        };
        let bars = BarChart {
            id: "b",
            title: "",
            description: "",
            axis: "cycles",
            part_labels: &["a", "b", "c"],
            bars: vec![bar],
        };
        let text = bars.draw().inline();
        // 690 units for 40: 172.5 for the first part.
        assert!(text.contains("x=\"150\" y=\"40\" width=\"172.5\""), "{text}");
        assert!(text.contains("x=\"322.5\" y=\"40\" width=\"517.5\""), "{text}");
        assert!(!text.contains("0 cycles</title></rect>\n<rect x=\"322.5\" y=\"40\" width=\"0"));
        assert!(text.contains("<title>30 cycles</title>"), "{text}");
    }
}
