//! Scans Liberty text as nested groups and attributes, and passes them to a visitor.
//!
//! Only the outer syntax is parsed: `name (args) { ... }`, `name : value ;`, `name (args) ;`, comments,
//! strings and continued lines. Values stay text. The scanner makes one pass over the bytes, because
//! libraries have tens of megabytes; all tools of a flow use its result.

use std::borrow::Cow;
use std::ops::Deref;

use crate::error::ParseError;

/// An argument or a value: its text, and whether it is quoted in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    /// The text without quotes, comments and line continuations.
    pub text: Cow<'a, str>,
    /// Whether it is quoted.
    pub quoted: bool,
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Receives groups and attributes. Depth 0 is the outermost group, normally `library`.
pub(crate) trait Visitor {
    /// A group opens on `line`.
    fn open(
        &mut self,
        depth: usize,
        name: &str,
        args: &[Text<'_>],
        line: usize,
    ) -> Result<(), ParseError>;
    /// `name : value` in the innermost open group, which has depth `depth`.
    fn simple(
        &mut self,
        depth: usize,
        name: &str,
        value: &Text<'_>,
        line: usize,
    ) -> Result<(), ParseError>;
    /// `name (args)` without a body.
    fn complex(
        &mut self,
        depth: usize,
        name: &str,
        args: &[Text<'_>],
        line: usize,
    ) -> Result<(), ParseError>;
    /// The innermost group closes on `line`.
    fn close(&mut self, depth: usize, line: usize) -> Result<(), ParseError>;
}

/// Deepest nesting of groups; libraries have six.
const DEPTH_MAX: usize = 16;

/// Scans `text` and reports every group and attribute.
///
/// # Errors
/// Text outside the syntax above, an unclosed group, string or comment.
pub(crate) fn scan(text: &[u8], visitor: &mut impl Visitor) -> Result<(), ParseError> {
    let mut lexer = Lexer { text, at: 0, line: 1 };
    let mut depth = 0_usize; // open groups
    loop {
        lexer.skip_blank()?;
        let line = lexer.line;
        match lexer.peek() {
            None if depth == 0 => return Ok(()),
            None => return Err(ParseError::new(line, "a closing brace", "the end of the file")),
            Some(b';') => lexer.at += 1,
            Some(b'}') => {
                lexer.at += 1;
                if depth == 0 {
                    return Err(ParseError::new(line, "a group", "a closing brace"));
                }
                depth -= 1;
                visitor.close(depth, line)?;
            }
            Some(_) => {
                let name = lexer.word();
                if name.is_empty() {
                    return Err(ParseError::new(line, "a name", &lexer.rest_of_line()));
                }
                lexer.skip_blank()?;
                match lexer.peek() {
                    Some(b':') if depth > 0 => {
                        lexer.at += 1;
                        let value = lexer.value()?;
                        visitor.simple(depth - 1, &name, &value, line)?;
                    }
                    Some(b'(') => {
                        lexer.at += 1;
                        let args = lexer.args()?;
                        lexer.skip_blank()?;
                        if lexer.peek() == Some(b'{') {
                            lexer.at += 1;
                            if depth == DEPTH_MAX {
                                let expected = format!("at most {DEPTH_MAX} nested groups");
                                return Err(ParseError::new(line, expected, "one more"));
                            }
                            visitor.open(depth, &name, &args, line)?;
                            depth += 1;
                        } else if depth > 0 {
                            visitor.complex(depth - 1, &name, &args, line)?;
                        } else {
                            return Err(ParseError::new(line, "library (name) {", &name));
                        }
                    }
                    _ => {
                        return Err(ParseError::new(
                            line,
                            format!("':' or '(' after {name:.40}"),
                            &lexer.rest_of_line(),
                        ));
                    }
                }
            }
        }
    }
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn rest_of_line(&self) -> String {
        let rest = self.rest();
        let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        String::from_utf8_lossy(&rest[..end]).into_owned()
    }

    /// Skips a comment if one begins here. `//` is not in the standard, but tools accept it.
    fn skip_comment(&mut self) -> Result<bool, ParseError> {
        if self.rest().starts_with(b"/*") {
            let line = self.line;
            self.at += 2;
            while !self.rest().starts_with(b"*/") {
                if self.peek().is_none() {
                    let found = "the end of the file";
                    return Err(ParseError::new(line, "the end of a comment", found));
                }
                self.step();
            }
            self.at += 2;
            return Ok(true);
        }
        if self.rest().starts_with(b"//") {
            while self.peek().is_some_and(|b| b != b'\n') {
                self.at += 1;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Length of a line continuation that begins here: a backslash, blanks and the end of the line.
    fn continuation(&self) -> Option<usize> {
        let rest = self.rest().strip_prefix(b"\\")?;
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
        (rest.get(blanks) == Some(&b'\n')).then_some(blanks + 2)
    }

    /// Skips spaces, line continuations and comments.
    fn skip_blank(&mut self) -> Result<(), ParseError> {
        while let Some(byte) = self.peek() {
            if byte.is_ascii_whitespace() || byte == b'\\' {
                self.step();
            } else if byte != b'/' || !self.skip_comment()? {
                break;
            }
        }
        Ok(())
    }

    fn word(&mut self) -> Cow<'a, str> {
        let start = self.at;
        while self.peek().is_some_and(|b| !b.is_ascii_whitespace() && !b"(){}:;,\"".contains(&b))
            && !self.rest().starts_with(b"/*")
            && self.continuation().is_none()
        {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at])
    }

    /// Reads a quoted string; the opening quote is next. Continued lines are joined.
    fn string(&mut self) -> Result<Text<'a>, ParseError> {
        let line = self.line;
        self.at += 1;
        let mut start = self.at;
        let mut joined: Option<Vec<u8>> = None;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let last = &self.text[start..self.at];
                    self.at += 1;
                    let text = match joined {
                        None => String::from_utf8_lossy(last),
                        Some(mut text) => {
                            text.extend_from_slice(last);
                            Cow::Owned(String::from_utf8_lossy(&text).into_owned())
                        }
                    };
                    return Ok(Text { text, quoted: true });
                }
                b'\\' => {
                    if let Some(length) = self.continuation() {
                        joined
                            .get_or_insert_default()
                            .extend_from_slice(&self.text[start..self.at]);
                        self.at += length;
                        self.line += 1;
                        start = self.at;
                    } else {
                        self.step();
                        if self.peek().is_some() {
                            self.step();
                        }
                    }
                }
                _ => self.step(),
            }
        }
        Err(ParseError::new(line, "the end of a string", "the end of the file"))
    }

    /// Reads the value of a simple attribute: a string, or text up to `;`, `}` or the end of the line.
    fn value(&mut self) -> Result<Text<'a>, ParseError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'/') if self.skip_comment()? => {}
                Some(b'\\') if self.continuation().is_some() => self.skip_blank()?,
                Some(b'"') => return self.string(),
                _ => break,
            }
        }
        let mut text = Cow::Borrowed("");
        let mut start = self.at;
        while let Some(byte) = self.peek() {
            let end = self.at;
            let gap = match byte {
                b';' | b'}' | b'\n' => break,
                b'/' => self.skip_comment()?,
                b'\\' => self.continuation().is_some_and(|length| {
                    self.at += length;
                    self.line += 1;
                    true
                }),
                _ => false,
            };
            if gap {
                append(&mut text, &self.text[start..end]);
                start = self.at;
            } else {
                self.at += 1;
            }
        }
        append(&mut text, &self.text[start..self.at]);
        Ok(Text { text, quoted: false })
    }

    /// Reads arguments up to the closing parenthesis, after the opening one.
    fn args(&mut self) -> Result<Vec<Text<'a>>, ParseError> {
        let line = self.line;
        let mut args = Vec::new();
        loop {
            self.skip_blank()?;
            match self.peek() {
                Some(b')') => {
                    self.at += 1;
                    return Ok(args);
                }
                Some(b',') => self.at += 1,
                Some(b'"') => args.push(self.string()?),
                Some(b':') => self.at += 1, // bit ranges in bus definitions
                Some(_) => {
                    let word = self.word();
                    if word.is_empty() {
                        let found = self.rest_of_line();
                        return Err(ParseError::new(self.line, "an argument or ')'", &found));
                    }
                    args.push(Text { text: word, quoted: false });
                }
                None => return Err(ParseError::new(line, "')'", "the end of the file")),
            }
        }
    }
}

/// Appends a part of a value; one space replaces the gap before it.
fn append<'a>(text: &mut Cow<'a, str>, part: &'a [u8]) {
    let part = String::from_utf8_lossy(part);
    let part = match part {
        Cow::Borrowed(part) => Cow::Borrowed(part.trim()),
        Cow::Owned(part) => Cow::Owned(part.trim().to_owned()),
    };
    if part.is_empty() {
        return;
    }
    if text.is_empty() {
        *text = part;
    } else {
        text.to_mut().push(' ');
        text.to_mut().push_str(&part);
    }
}
