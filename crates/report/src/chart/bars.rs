//! Stacked horizontal bars.

use crate::chart::{Entry, WIDTH, legend};
use crate::number::short;
use crate::scale::Scale;
use crate::svg::{Anchor, Svg};

const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - 120.0;
const ROW: f64 = 30.0;

/// One bar: a name, and a value with a note for each part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) parts: Vec<(u64, String)>,
    /// Words at the bar's end.
    pub(crate) end: String,
}

/// Bars in one frame; part n has class `r<n>`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bars<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) note: &'a str,
    /// Label of the value axis, with the unit.
    pub(crate) axis: &'a str,
    /// Words of the parts.
    pub(crate) parts: &'a [&'a str],
    pub(crate) bars: Vec<Bar>,
}

impl Bars<'_> {
    pub(crate) fn draw(&self) -> Svg {
        let classes: Vec<_> = (0..self.parts.len()).map(|n| format!("r{n}")).collect();
        let entries: Vec<_> = classes
            .iter()
            .zip(self.parts)
            .map(|(class, text)| Entry { class, filled: true, text })
            .collect();
        let top = legend(None, LEFT - 10.0, &entries) + 2.0;
        let bottom = top + ROW * self.bars.len() as f64;
        let mut svg = Svg::new(self.id, (WIDTH, bottom + 48.0), self.title, self.note);
        legend(Some(&mut svg), LEFT - 10.0, &entries);
        let total =
            |bar: &Bar| bar.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.0));
        let most = self.bars.iter().map(total).max().unwrap_or(0).max(1);
        let x = Scale::exact((0.0, most as f64), (LEFT, RIGHT), 6).whole();
        for (value, _) in x.ticks() {
            let place = x.place(value);
            svg.line((place, top), (place, bottom), "grid");
            // Ticks are whole and not negative.
            let text = short(value.round() as u64);
            svg.label((place, bottom + 17.0), Anchor::Middle, "tick", &text);
        }
        for (index, bar) in self.bars.iter().enumerate() {
            let y = top + ROW * index as f64;
            svg.label((LEFT - 8.0, y + 19.0), Anchor::End, "ink", &bar.label);
            let mut from = LEFT;
            for ((value, note), class) in bar.parts.iter().zip(&classes) {
                let width = x.place(*value as f64) - LEFT;
                if *value > 0 {
                    svg.rect((from, y + 4.0), (width.max(0.5), ROW - 8.0), class, note);
                }
                from += width;
            }
            svg.label((from + 8.0, y + 19.0), Anchor::Start, "tick", &bar.end);
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
    fn parts_follow_each_other() {
        let part = |value| (value, format!("{value} cycles"));
        let bar = Bar {
            label: "conv1".to_owned(),
            parts: vec![part(10), part(0), part(30)],
            end: "40".to_owned(),
        };
        let bars = Bars {
            id: "b",
            title: "",
            note: "",
            axis: "cycles",
            parts: &["a", "b", "c"],
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
