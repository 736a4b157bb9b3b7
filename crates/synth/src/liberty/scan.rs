//! Walks Liberty text as nested groups and attributes, and hands them to a visitor.
//!
//! Only the outer syntax is understood: `name (args) { ... }`, `name : value ;`,
//! `name (args) ;`, comments and strings. Values stay text. One pass over the bytes, because
//! libraries run to tens of megabytes; a grammar crate was turned down for that reason.

use std::borrow::Cow;

use crate::error::ParseError;

/// Receives what the scanner meets. Depth 0 is the outermost group, normally `library`.
pub(crate) trait Visitor {
    /// A group opens: its word begins at byte `start` on `line`.
    fn open(&mut self, depth: usize, name: &str, args: &[Cow<'_, str>], start: usize, line: usize);
    /// `name : value` inside the innermost open group, which has depth `depth`.
    fn simple(
        &mut self,
        depth: usize,
        name: &str,
        value: &str,
        line: usize,
    ) -> Result<(), ParseError>;
    /// `name (args)` without a body.
    fn complex(
        &mut self,
        depth: usize,
        name: &str,
        args: &[Cow<'_, str>],
        line: usize,
    ) -> Result<(), ParseError>;
    /// The innermost group closes; `end` is the byte after its brace.
    fn close(&mut self, depth: usize, end: usize);
}

/// Scans `text` and reports every group and attribute.
///
/// # Errors
/// Text outside the syntax above, an unclosed group, string or comment.
pub(crate) fn scan(text: &[u8], visitor: &mut impl Visitor) -> Result<(), ParseError> {
    let mut lexer = Lexer { text, at: 0, line: 1 };
    let mut depth = 0_usize; // open groups
    loop {
        lexer.skip_blank()?;
        let (start, line) = (lexer.at, lexer.line);
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
                visitor.close(depth, lexer.at);
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
                            visitor.open(depth, &name, &args, start, line);
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

    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn rest_of_line(&self) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        String::from_utf8_lossy(&rest[..end]).into_owned()
    }

    /// Skips spaces, line continuations and comments.
    fn skip_blank(&mut self) -> Result<(), ParseError> {
        while let Some(byte) = self.peek() {
            let next = self.text.get(self.at + 1).copied();
            match (byte, next) {
                (b'/', Some(b'*')) => {
                    let line = self.line;
                    self.at += 2;
                    while !self.text.get(self.at..).unwrap_or_default().starts_with(b"*/") {
                        if self.peek().is_none() {
                            return Err(ParseError::new(
                                line,
                                "the end of a comment",
                                "the end of the file",
                            ));
                        }
                        self.step();
                    }
                    self.at += 2;
                }
                (b'/', Some(b'/')) => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.at += 1;
                    }
                }
                (b'\\', _) => self.step(),
                _ if byte.is_ascii_whitespace() => self.step(),
                _ => break,
            }
        }
        Ok(())
    }

    fn word(&mut self) -> Cow<'a, str> {
        let start = self.at;
        while self.peek().is_some_and(|b| !b.is_ascii_whitespace() && !b"(){}:;,\"".contains(&b)) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at])
    }

    /// A quoted string, the opening quote being next.
    fn string(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let line = self.line;
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let text = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(text));
                }
                b'\\' => {
                    self.step();
                    if self.peek().is_some() {
                        self.step();
                    }
                }
                _ => self.step(),
            }
        }
        Err(ParseError::new(line, "the end of a string", "the end of the file"))
    }

    /// The value of a simple attribute: a string, or text up to `;`, `}` or the end of the line.
    fn value(&mut self) -> Result<Cow<'a, str>, ParseError> {
        while self.peek().is_some_and(|b| b == b' ' || b == b'\t') {
            self.at += 1;
        }
        if self.peek() == Some(b'"') {
            return self.string();
        }
        let start = self.at;
        while self.peek().is_some_and(|b| !b";}\n".contains(&b)) {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        Ok(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })
    }

    /// Arguments up to the closing parenthesis, the opening one being behind.
    fn args(&mut self) -> Result<Vec<Cow<'a, str>>, ParseError> {
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
                        return Err(ParseError::new(
                            self.line,
                            "an argument or ')'",
                            &self.rest_of_line(),
                        ));
                    }
                    args.push(word);
                }
                None => return Err(ParseError::new(line, "')'", "the end of the file")),
            }
        }
    }
}
