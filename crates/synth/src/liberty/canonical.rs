//! Rewrites a library so that every tool interprets it in the same way.
//!
//! Tools differ in what they accept and how they interpret it: `1000ps`, a list of names, a comment before a
//! semicolon, an unquoted expression, `dont_use : false`. The canonical text has one spelling: units first, as
//! `1ns` or `1ps` and `pf` or `ff`; one name per pin group; numbers in place of arithmetic; quotes around all
//! other expressions; no comments, no continued lines, no supply pins and no cell that must not be used.

use std::fmt::Write as _;

use super::scan::Text;
use super::units::Units;

/// Attributes about supply pins, which are left out.
const SUPPLY: [&str; 7] = [
    "related_power_pin",
    "related_ground_pin",
    "related_bias_pin",
    "power_down_function",
    "rail_connection",
    "input_signal_level",
    "output_signal_level",
];

/// The text of the library so far.
#[derive(Debug, Default)]
pub(crate) struct Canonical {
    body: String,
    open: Vec<OpenGroup>,
    /// Most bytes of the text.
    limit: usize,
}

#[derive(Debug)]
struct OpenGroup {
    /// Offsets of its head and of its contents.
    head: usize,
    inside: usize,
    name: String,
    /// The names of a group that lists several pins.
    names: Vec<String>,
    left_out: bool,
}

impl Canonical {
    /// A text for a library of `bytes`. Libraries grow by a quarter; only lists of pins can reach the limit.
    pub fn new(bytes: usize) -> Self {
        Self { limit: bytes.saturating_mul(16).saturating_add(1 << 16), ..Self::default() }
    }

    /// Opens a group. [`Self::finish`] writes the head of the library itself.
    pub fn open(&mut self, name: &str, args: &[Text<'_>]) {
        let head = self.body.len();
        let list = matches!(name, "pin" | "bus" | "bundle") && args.len() > 1;
        let names = if list { args.iter().map(|arg| arg.to_string()).collect() } else { vec![] };
        if !self.open.is_empty() {
            self.indent();
            let args: Vec<_> = args.iter().map(argument).collect();
            self.line(&format!("{name} ({}) {{", args.join(", ")));
        }
        let (inside, left_out) = (self.body.len(), name == "pg_pin");
        self.open.push(OpenGroup { head, inside, name: name.to_owned(), names, left_out });
    }

    /// Leaves out the innermost open group.
    pub fn leave_out(&mut self) {
        if let Some(group) = self.open.last_mut() {
            group.left_out = true;
        }
    }

    /// Closes the innermost group.
    ///
    /// # Errors
    /// The limit in bytes, if the text exceeds it.
    pub fn close(&mut self) -> Result<(), usize> {
        let Some(group) = self.open.pop() else { return Ok(()) };
        if self.open.is_empty() {
            return Ok(());
        }
        if group.left_out {
            self.body.truncate(group.head);
            return Ok(());
        }
        let copies = (self.body.len() - group.inside).saturating_mul(group.names.len());
        if self.body.len().saturating_add(copies) > self.limit {
            return Err(self.limit);
        }
        if group.names.is_empty() {
            self.indent();
            self.line("}");
            return Ok(());
        }
        let inside = self.body.split_off(group.inside);
        self.body.truncate(group.head);
        for name in &group.names {
            self.indent();
            self.line(&format!("{} ({}) {{", group.name, quoted_if_needed(name)));
            self.body.push_str(&inside);
            self.indent();
            self.line("}");
        }
        Ok(())
    }

    /// Writes `name : value`.
    pub fn simple(&mut self, name: &str, value: &Text<'_>) {
        let in_cell = self.open.len() == 2;
        let no = value.eq_ignore_ascii_case("false");
        if SUPPLY.contains(&name) || (in_cell && (no || matches!(name, "dont_use" | "dont_touch")))
        {
            return;
        }
        // Voltage levels such as `0.3 * VDD` use names; no tool of the flow computes them.
        let levels = self.open.last().is_some_and(|group| group.name.ends_with("put_voltage"));
        let written = if levels && !value.quoted { value.to_string() } else { argument(value) };
        self.indent();
        self.line(&format!("{name} : {written};"));
    }

    /// Writes `name (args)`.
    pub fn complex(&mut self, name: &str, args: &[Text<'_>]) {
        if SUPPLY.contains(&name) {
            return;
        }
        let args: Vec<_> = args.iter().map(argument).collect();
        self.indent();
        self.line(&format!("{name} ({});", args.join(", ")));
    }

    /// The library's text.
    pub fn finish(self, name: &str, units: &Units, conditions: Option<&str>) -> String {
        let mut text = format!("library ({}) {{\n", quoted_if_needed(name));
        for line in units.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {line}");
        }
        text.push_str(&self.body);
        if let Some(conditions) = conditions {
            let conditions = quoted_if_needed(conditions);
            let _ = writeln!(text, "  default_operating_conditions : {conditions};");
        }
        text.push_str("}\n");
        text
    }

    fn indent(&mut self) {
        for _ in &self.open {
            self.body.push_str("  ");
        }
    }

    fn line(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push('\n');
    }
}

/// An argument or value; quoted if the file quotes it or if it is not a plain word.
fn argument(value: &Text<'_>) -> String {
    if value.quoted { format!("\"{}\"", value.text) } else { quoted_if_needed(value) }
}

/// The text as one word or string. Escapes in it stay, because the scanner leaves them in what it reads.
fn quoted_if_needed(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.extend(['\\', chars.next().unwrap_or('\\')]),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The value of unquoted arithmetic on numbers, such as `0.0100 + 0.0025`; none for anything else.
///
/// # Errors
/// Invalid arithmetic, or arithmetic without a finite value.
pub(crate) fn computed(text: &str) -> Option<Result<f64, String>> {
    let arithmetic = |c: char| c.is_ascii_digit() || " \t.+-*/()eE".contains(c);
    let number = text.parse::<f64>().is_ok();
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    if number || !has_digit || !text.chars().all(arithmetic) {
        return None;
    }
    let mut reader = Arithmetic { text, at: 0, depth: 0 };
    let value = reader.sum().and_then(|value| {
        reader.blank();
        if reader.at < text.len() {
            Err(format!("an operator before {:?}", &text[reader.at..]))
        } else if value.is_finite() {
            Ok(value)
        } else {
            Err("a finite value".to_owned())
        }
    });
    Some(value)
}

/// Parser for arithmetic; its text is ASCII.
struct Arithmetic<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Arithmetic<'_> {
    fn peek(&mut self) -> Option<u8> {
        self.blank();
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        while let Some(operator @ (b'+' | b'-')) = self.peek() {
            self.at += 1;
            let right = self.product()?;
            value = if operator == b'+' { value + right } else { value - right };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.factor()?;
        while let Some(operator @ (b'*' | b'/')) = self.peek() {
            self.at += 1;
            let right = self.factor()?;
            value = if operator == b'*' { value * right } else { value / right };
        }
        Ok(value)
    }

    fn factor(&mut self) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > 64 {
            return Err("fewer signs and parentheses".to_owned());
        }
        let value = match self.peek() {
            Some(b'-') => {
                self.at += 1;
                self.factor().map(|value| -value)
            }
            Some(b'+') => {
                self.at += 1;
                self.factor()
            }
            Some(b'(') => {
                self.at += 1;
                let value = self.sum()?;
                if self.peek() != Some(b')') {
                    return Err("a closing parenthesis".to_owned());
                }
                self.at += 1;
                Ok(value)
            }
            _ => self.number(),
        };
        self.depth -= 1;
        value
    }

    fn number(&mut self) -> Result<f64, String> {
        let rest = &self.text[self.at..];
        let mut end = 0;
        let mut before = b' ';
        for byte in rest.bytes() {
            let exponent = matches!(before, b'e' | b'E');
            let belongs = byte.is_ascii_digit()
                || matches!(byte, b'.' | b'e' | b'E')
                || (exponent && matches!(byte, b'+' | b'-'));
            if !belongs {
                break;
            }
            before = byte;
            end += 1;
        }
        let value = rest[..end].parse().map_err(|_| format!("a number before {rest:?}"))?;
        self.at += end;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_a_name_are_written_as_they_were_read() {
        for (text, inside) in [
            ("a b", "a b"),
            (r"A\[0\]", r"A\[0\]"),
            (r#"a\"b"#, r#"a\"b"#),
            (r#"a"b"#, r#"a\"b"#),
            (r"a\", r"a\\"),
            (r"a\\", r"a\\"),
            ("", ""),
        ] {
            let written = format!("\"{inside}\"");
            assert_eq!(quoted_if_needed(text), written, "{text}");
            assert_eq!(quoted_if_needed(inside), written, "{inside}");
        }
        assert_eq!(quoted_if_needed("A_1.0+-"), "A_1.0+-");
    }

    #[test]
    fn arithmetic_on_numbers_is_computed() {
        for (text, value) in [
            ("0.0100 + 0.0025", 0.0125),
            ("2*3-4/8", 5.5),
            ("-(1 + 2) * 2", -6.0),
            ("1e-3*2", 2e-3),
            ("1.5E+2 - -1", 151.0),
            (" (3)", 3.0),
        ] {
            let found = computed(text).expect(text).expect(text);
            assert!((found - value).abs() <= value.abs() * 1e-15, "{text}: {found}");
        }
        for text in ["1", "-2.5e3", "A + B", "VDD", "!RN", "0.3 * VDD", "", "()"] {
            assert_eq!(computed(text), None, "{text}");
        }
        for text in ["1 +", "1 2", "(1", "1)", "1 / 0", "e1 + 2", "1..2 + 1"] {
            assert!(computed(text).expect(text).is_err(), "{text}");
        }
        let deep = format!("{}1", "(".repeat(1000));
        assert!(computed(&deep).expect("arithmetic").is_err());
    }
}
