//! Heat maps: rows of cells over iterations. A cell prints its value if there is room.

use crate::chart::{LegendEntry, WIDTH, axis_below, legend};
use crate::scale::Scale;
use crate::svg::{Anchor, Svg, text_width};

/// Most columns that a heat map can show. The caller merges finer data (`downsample.rs`).
pub(crate) const MAX_COLUMNS: u64 = 740;
const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - 70.0;
const ROW: f64 = 22.0;

/// One cell. `span` is a half-open range of iterations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatCell {
    pub(crate) span: (u64, u64),
    pub(crate) class: String,
    pub(crate) text: String,
    pub(crate) tooltip: String,
}

/// One row: its label, its cells, and the text to their right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeatRow {
    pub(crate) label: String,
    pub(crate) cells: Vec<HeatCell>,
    pub(crate) end_label: String,
}

/// A heat map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatMap<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    /// First iteration and the one after the last.
    pub(crate) span: (u64, u64),
    pub(crate) rows: Vec<HeatRow>,
    /// Class and label of each legend entry.
    pub(crate) legend: Vec<(String, String)>,
    /// Heading of the column of end labels.
    pub(crate) end_heading: &'a str,
}

impl HeatMap<'_> {
    pub(crate) fn draw(&self) -> Svg {
        let entries: Vec<_> = self
            .legend
            .iter()
            .map(|(class, text)| LegendEntry { class, filled: true, text })
            .collect();
        let top = legend(None, LEFT - 10.0, &entries) + 4.0;
        let bottom = top + ROW * self.rows.len() as f64;
        let mut svg = Svg::new(self.id, (WIDTH, bottom + 48.0), self.title, self.description);
        legend(Some(&mut svg), LEFT - 10.0, &entries);
        svg.label((RIGHT + 8.0, top - 6.0), Anchor::Start, "tick", self.end_heading);
        let domain = (self.span.0 as f64, self.span.1 as f64);
        let x = Scale::exact(domain, (LEFT, RIGHT), 8).integer_ticks();
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + ROW * index as f64;
            svg.label((LEFT - 8.0, y + 15.0), Anchor::End, "ink", &shorten(&row.label));
            svg.rect((LEFT, y + 1.0), (RIGHT - LEFT, ROW - 2.0), "row", "");
            for HeatCell { span, class, text, tooltip } in &row.cells {
                let (from, to) = (x.position(span.0 as f64), x.position(span.1 as f64));
                svg.rect((from, y + 1.0), ((to - from).max(1.0), ROW - 2.0), class, tooltip);
                if text_width(text) + 4.0 < to - from {
                    let middle = ((from + to) / 2.0, y + 15.0);
                    svg.label(middle, Anchor::Middle, &format!("cell {class}"), text);
                }
            }
            svg.label((RIGHT + 8.0, y + 15.0), Anchor::Start, "tick", &row.end_label);
        }
        axis_below(&mut svg, &x, (LEFT, RIGHT), bottom, "iteration");
        svg
    }
}

/// Cuts a label to fit left of the rows.
fn shorten(label: &str) -> String {
    const MAX_CHARS: usize = 21;
    if label.chars().count() <= MAX_CHARS {
        return label.to_owned();
    }
    let kept: String = label.chars().take(MAX_CHARS - 1).collect();
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
            tooltip: format!("tooltip {text}"),
        };
        let row = HeatRow {
            label: "a-rather-long-tensor-name.weight".to_owned(),
            cells: vec![cell((0, 50), "16"), cell((50, 51), "32")],
            end_label: "7".to_owned(),
        };
        let (legend, rows) = (vec![("w3".to_owned(), "8 bits".to_owned())], vec![row]);
        let map = HeatMap {
            id: "h",
            title: "",
            description: "",
            span: (0, 100),
            rows,
            legend,
            end_heading: "sum",
        };
        let text = map.draw().inline();
        assert!(text.contains("class=\"cell w3\">16</text>"), "{text}");
        assert!(
            !text.contains(">32</text>") && text.contains("<title>tooltip 32</title>"),
            "{text}"
        );
        assert!(text.contains(">a-rather-long-tensor…</text>"), "{text}");
        assert!(text.contains(">sum</text>") && text.contains(">8 bits</text>"));
    }
}
