//! A small SVG writer. Elements have classes, and one style sheet colours them.
//!
//! The `plotters` crate writes fixed colours and no titles. The page needs drawings that follow its
//! theme, names for screen readers, and tooltips.

use std::fmt::{Display, Write};

use crate::theme;

/// Which point of a text is at its coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    id: String,
    size: (f64, f64),
    title: String,
    description: String,
    body: String,
}

impl Svg {
    /// An empty drawing; screen readers read `title` and `description`.
    pub(crate) fn new(id: &str, size: (f64, f64), title: &str, description: &str) -> Self {
        let (id, title) = (id.to_owned(), title.to_owned());
        Self { id, size, title, description: description.to_owned(), body: String::new() }
    }

    /// The SVG element, for a page that has the style sheet.
    pub fn inline(&self) -> String {
        self.text("", "")
    }

    /// A complete SVG file, in the light theme.
    pub fn standalone(&self) -> String {
        let style = format!("<style>{}</style>\n", theme::standalone());
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        format!("{head}{}\n", self.text(" xmlns=\"http://www.w3.org/2000/svg\"", &style))
    }

    fn text(&self, attributes: &str, style: &str) -> String {
        let Self { id, size: (width, height), body, .. } = self;
        let (title, description) = (escape(&self.title), escape(&self.description));
        format!(
            "<svg{attributes} id=\"{id}\" class=\"plot\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{title}</title>\n\
             <desc id=\"{id}-d\">{description}</desc>\n{style}{body}</svg>"
        )
    }

    /// A rectangle, with a tooltip unless `tooltip` is empty.
    pub(crate) fn rect(
        &mut self,
        (x, y): (f64, f64),
        size: (f64, f64),
        class: &str,
        tooltip: &str,
    ) {
        let (x, y, width, height) = (rounded(x), rounded(y), rounded(size.0), rounded(size.1));
        let _ = write!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\""
        );
        self.finish_element("rect", tooltip);
    }

    /// A point.
    pub(crate) fn circle(&mut self, (x, y): (f64, f64), radius: f64, class: &str, tooltip: &str) {
        let (x, y, radius) = (rounded(x), rounded(y), rounded(radius));
        let _ = write!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" class=\"{class}\"");
        self.finish_element("circle", tooltip);
    }

    fn finish_element(&mut self, name: &str, tooltip: &str) {
        if tooltip.is_empty() {
            self.body.push_str("/>\n");
        } else {
            let _ = writeln!(self.body, "><title>{}</title></{name}>", escape(tooltip));
        }
    }

    /// A straight line.
    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (rounded(x1), rounded(y1), rounded(x2), rounded(y2));
        let _ = writeln!(
            self.body,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>"
        );
    }

    /// A line through points.
    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        let _ = write!(self.body, "<polyline class=\"{class}\" points=\"");
        for (index, (x, y)) in points.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            let _ = write!(self.body, "{gap}{},{}", rounded(*x), rounded(*y));
        }
        self.body.push_str("\"/>\n");
    }

    /// A text.
    pub(crate) fn label(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        self.text_element(at, anchor, class, "", text);
    }

    /// A text that reads from bottom to top.
    pub(crate) fn vertical_label(&mut self, at: (f64, f64), class: &str, text: &str) {
        let turn = format!(" transform=\"rotate(-90 {} {})\"", rounded(at.0), rounded(at.1));
        self.text_element(at, Anchor::Middle, class, &turn, text);
    }

    fn text_element(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        class: &str,
        extra: &str,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, text) = (rounded(at.0), rounded(at.1), escape(text));
        let _ = writeln!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" class=\"{class}\"{extra}>{text}\
             </text>"
        );
    }
}

/// Approximate width of a label, in SVG user units.
pub(crate) fn text_width(text: &str) -> f64 {
    // In the 12-unit sans-serif font, a letter is 6 to 7 units wide on average.
    6.6 * text.chars().count() as f64
}

/// Escapes the special characters of XML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML allows no other control characters.
            c if c.is_control() && !"\n\t".contains(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Rounds a coordinate to a hundredth of a unit, which no screen or printer can show.
fn rounded(value: f64) -> impl Display {
    let rounded = (value * 100.0).round() / 100.0;
    // Negative zero would print a sign.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_escaped_and_rounded() {
        let mut svg = Svg::new("t", (10.0, 5.5), "a < b", "c & d");
        svg.rect((0.123_456, -0.0001), (1.0, 2.0), "q1", "x > \"y\"");
        svg.label((1.0, 2.0), Anchor::End, "tick", "\u{1}&");
        let text = svg.inline();
        assert!(text.contains("viewBox=\"0 0 10 5.5\""), "{text}");
        assert!(text.contains(">a &lt; b</title>") && text.contains(">c &amp; d</desc>"));
        let rect = "<rect x=\"0.12\" y=\"0\" width=\"1\" height=\"2\" class=\"q1\">\
                    <title>x &gt; &quot;y&quot;</title></rect>";
        assert!(text.contains(rect), "{text}");
        assert!(text.contains(">\u{fffd}&amp;</text>"), "{text}");
        assert!(!text.contains("<style>") && svg.standalone().contains("<style>"));
    }
}
