//! Heat maps: rows of cells over iterations, each cell with its value where it fits.

use crate::chart::{Entry, WIDTH, axis_below, legend};
use crate::scale::Scale;
use crate::svg::{Anchor, Svg, text_width};

/// Columns that a heat map can show; finer data are to be merged before.
pub(crate) const COLUMNS: u64 = 740;
const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - 70.0;
const ROW: f64 = 22.0;

/// A stretch of iterations, the second number excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatCell {
    pub(crate) span: (u64, u64),
    pub(crate) class: String,
    pub(crate) text: String,
    pub(crate) note: String,
}

/// One row: a name, cells, and words at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatRow {
    pub(crate) label: String,
    pub(crate) cells: Vec<HeatCell>,
    pub(crate) end: String,
}

/// Rows in one frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heat<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) note: &'a str,
    /// First iteration and the one after the last.
    pub(crate) span: (u64, u64),
    pub(crate) rows: Vec<HeatRow>,
    /// Classes and words of the legend.
    pub(crate) legend: Vec<(String, String)>,
    /// Heading of the words at the rows' ends.
    pub(crate) end: &'a str,
}

impl Heat<'_> {
    pub(crate) fn draw(&self) -> Svg {
        let entries: Vec<_> =
            self.legend.iter().map(|(class, text)| Entry { class, filled: true, text }).collect();
        let top = legend(None, LEFT - 10.0, &entries) + 4.0;
        let bottom = top + ROW * self.rows.len() as f64;
        let mut svg = Svg::new(self.id, (WIDTH, bottom + 48.0), self.title, self.note);
        legend(Some(&mut svg), LEFT - 10.0, &entries);
        svg.label((RIGHT + 8.0, top - 6.0), Anchor::Start, "tick", self.end);
        let domain = (self.span.0 as f64, self.span.1 as f64);
        let x = Scale::exact(domain, (LEFT, RIGHT), 8).whole();
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + ROW * index as f64;
            svg.label((LEFT - 8.0, y + 15.0), Anchor::End, "ink", &shorten(&row.label));
            svg.rect((LEFT, y + 1.0), (RIGHT - LEFT, ROW - 2.0), "row", "");
            for HeatCell { span, class, text, note } in &row.cells {
                let (from, to) = (x.place(span.0 as f64), x.place(span.1 as f64));
                svg.rect((from, y + 1.0), ((to - from).max(1.0), ROW - 2.0), class, note);
                if text_width(text) + 4.0 < to - from {
                    let middle = ((from + to) / 2.0, y + 15.0);
                    svg.label(middle, Anchor::Middle, &format!("cell {class}"), text);
                }
            }
            svg.label((RIGHT + 8.0, y + 15.0), Anchor::Start, "tick", &row.end);
        }
        axis_below(&mut svg, &x, (LEFT, RIGHT), bottom, "iteration");
        svg
    }
}

/// A label that fits left of the rows.
fn shorten(label: &str) -> String {
    const MOST: usize = 21;
    if label.chars().count() <= MOST {
        return label.to_owned();
    }
    let kept: String = label.chars().take(MOST - 1).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_where_they_fit() {
        let cell = |span, text: &str| HeatCell {
            span,
            class: "w3".to_owned(),
            text: text.to_owned(),
            note: format!("note {text}"),
        };
        let row = HeatRow {
            label: "a-rather-long-tensor-name.weight".to_owned(),
            cells: vec![cell((0, 50), "16"), cell((50, 51), "32")],
            end: "7".to_owned(),
        };
        let (legend, rows) = (vec![("w3".to_owned(), "8 bits".to_owned())], vec![row]);
        let heat = Heat { id: "h", title: "", note: "", span: (0, 100), rows, legend, end: "sum" };
        let text = heat.draw().inline();
        assert!(text.contains("class=\"cell w3\">16</text>"), "{text}");
        assert!(!text.contains(">32</text>") && text.contains("<title>note 32</title>"), "{text}");
        assert!(text.contains(">a-rather-long-tensor…</text>"), "{text}");
        assert!(text.contains(">sum</text>") && text.contains(">8 bits</text>"));
    }
}
