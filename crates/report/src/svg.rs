//! A small SVG writer: elements with classes, so that one style sheet colours them.
//!
//! Written here rather than taken from `plotters`, whose SVG has fixed colours and no titles: the
//! page needs both themes from one drawing, names for screen readers, and notes under the pointer.

use std::fmt::{Display, Write};

use crate::theme;

/// Where a text's coordinates lie on it.
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
    note: String,
    body: String,
}

impl Svg {
    /// An empty drawing; `title` names it to screen readers, `note` describes it.
    pub(crate) fn new(id: &str, size: (f64, f64), title: &str, note: &str) -> Self {
        let (id, title, note) = (id.to_owned(), title.to_owned(), note.to_owned());
        Self { id, size, title, note, body: String::new() }
    }

    /// Text for use inside a page that has the style sheet.
    pub fn inline(&self) -> String {
        self.text("", "")
    }

    /// Text of a file of its own, in the light theme.
    pub fn standalone(&self) -> String {
        let style = format!("<style>{}</style>\n", theme::standalone());
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        format!("{head}{}\n", self.text(" xmlns=\"http://www.w3.org/2000/svg\"", &style))
    }

    fn text(&self, attributes: &str, style: &str) -> String {
        let Self { id, size: (width, height), body, .. } = self;
        let (title, note) = (escape(&self.title), escape(&self.note));
        format!(
            "<svg{attributes} id=\"{id}\" class=\"plot\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{title}</title>\n\
             <desc id=\"{id}-d\">{note}</desc>\n{style}{body}</svg>"
        )
    }

    /// A rectangle, with a note under the pointer unless `note` is empty.
    pub(crate) fn rect(&mut self, (x, y): (f64, f64), size: (f64, f64), class: &str, note: &str) {
        let (x, y, width, height) = (short(x), short(y), short(size.0), short(size.1));
        let _ = write!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\""
        );
        self.close("rect", note);
    }

    /// A point.
    pub(crate) fn circle(&mut self, (x, y): (f64, f64), radius: f64, class: &str, note: &str) {
        let (x, y, radius) = (short(x), short(y), short(radius));
        let _ = write!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" class=\"{class}\"");
        self.close("circle", note);
    }

    fn close(&mut self, name: &str, note: &str) {
        if note.is_empty() {
            self.body.push_str("/>\n");
        } else {
            let _ = writeln!(self.body, "><title>{}</title></{name}>", escape(note));
        }
    }

    /// A straight line.
    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (short(x1), short(y1), short(x2), short(y2));
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
            let _ = write!(self.body, "{gap}{},{}", short(*x), short(*y));
        }
        self.body.push_str("\"/>\n");
    }

    /// A text.
    pub(crate) fn label(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        self.place(at, anchor, class, "", text);
    }

    /// A text that reads upwards.
    pub(crate) fn label_up(&mut self, at: (f64, f64), class: &str, text: &str) {
        let turn = format!(" transform=\"rotate(-90 {} {})\"", short(at.0), short(at.1));
        self.place(at, Anchor::Middle, class, &turn, text);
    }

    fn place(&mut self, at: (f64, f64), anchor: Anchor, class: &str, extra: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, text) = (short(at.0), short(at.1), escape(text));
        let _ = writeln!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" class=\"{class}\"{extra}>{text}\
             </text>"
        );
    }
}

/// About how wide a label is, in the units of the drawing.
pub(crate) fn text_width(text: &str) -> f64 {
    // Labels are set in a 12-unit sans-serif face, whose letters are 6 to 7 wide on average.
    6.6 * text.chars().count() as f64
}

/// Text with the characters that mean something to XML replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no other control characters.
            c if c.is_control() && !"\n\t".contains(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A hundredth of a unit is below what any screen or printer shows.
fn short(value: f64) -> impl Display {
    let rounded = (value * 100.0).round() / 100.0;
    // Negative zero would print its sign.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_escaped_and_short() {
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
