//! Reads Boolean functions in Liberty syntax into a tree and writes them as Verilog.
//!
//! Liberty has more than one spelling of each operator: `!a` and `a'`; `a & b`, `a * b` and `a b`; `a | b`
//! and `a + b`. Inversion binds strongest, then XOR, AND, OR. XOR binds stronger than AND in Liberty but not
//! in Verilog, so the Verilog is fully parenthesised.

use std::fmt::Write as _;

/// A function of pins and internal nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Function {
    /// Constant 0 or 1.
    Constant(bool),
    /// A pin or an internal node.
    Name(String),
    /// Inversion.
    Not(Box<Function>),
    /// Conjunction.
    And(Box<Function>, Box<Function>),
    /// Disjunction.
    Or(Box<Function>, Box<Function>),
    /// Exclusive or.
    Xor(Box<Function>, Box<Function>),
}

impl Function {
    /// Reads a function of at most 4096 bytes and 256 levels of inversions and parentheses; the limits
    /// exist because the tree is walked recursively.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("expected at most {LONGEST} bytes, found {}", text.len()));
        }
        let mut reader = Reader { rest: text.trim_start(), depth: 0 };
        let function = reader.or()?;
        if reader.rest.is_empty() {
            Ok(function)
        } else {
            Err(format!("expected an operator, found {:?} in {text:?}", reader.rest))
        }
    }

    /// The function as a Verilog expression; `name` gives the Verilog name of a pin or node.
    pub fn verilog(&self, name: &mut dyn FnMut(&str) -> String) -> String {
        let mut text = String::new();
        self.write(&mut text, name);
        text
    }

    fn write(&self, text: &mut String, name: &mut dyn FnMut(&str) -> String) {
        let mut pair = |text: &mut String, a: &Self, operator: char, b: &Self| {
            text.push('(');
            a.write(text, name);
            // Writing to a string cannot fail.
            let _ = write!(text, " {operator} ");
            b.write(text, name);
            text.push(')');
        };
        match self {
            Self::Constant(value) => text.push_str(if *value { "1'b1" } else { "1'b0" }),
            Self::Name(pin) => text.push_str(&name(pin)),
            Self::Not(a) => {
                text.push('~');
                a.write(text, name);
            }
            Self::And(a, b) => pair(text, a, '&', b),
            Self::Or(a, b) => pair(text, a, '|', b),
            Self::Xor(a, b) => pair(text, a, '^', b),
        }
    }

    /// All pins and nodes in order of appearance, with repetitions.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Name(name) => vec![name],
            Self::Not(a) => a.names(),
            Self::And(a, b) | Self::Or(a, b) | Self::Xor(a, b) => {
                let mut names = a.names();
                names.extend(b.names());
                names
            }
        }
    }

    /// The value for given values of the names.
    pub fn eval(&self, value: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Constant(constant) => *constant,
            Self::Name(name) => value(name),
            Self::Not(a) => !a.eval(value),
            Self::And(a, b) => a.eval(value) & b.eval(value),
            Self::Or(a, b) => a.eval(value) | b.eval(value),
            Self::Xor(a, b) => a.eval(value) ^ b.eval(value),
        }
    }
}

/// Longest text of a function, in bytes; real cells have some hundreds.
const LONGEST: usize = 4096;

/// Deepest nesting of inversions and parentheses.
const DEEPEST: usize = 256;

/// Recursive-descent parser. `rest` is the unread text and never starts with a blank.
struct Reader<'a> {
    rest: &'a str,
    /// Nesting depth of the operand being read.
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Skips the next character, which is ASCII, and the blanks after it.
    fn take(&mut self) {
        self.rest = self.rest[1..].trim_start();
    }

    fn or(&mut self) -> Result<Function, String> {
        let mut left = self.and()?;
        while matches!(self.peek(), Some('|' | '+')) {
            self.take();
            left = Function::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Function, String> {
        let mut left = self.xor()?;
        loop {
            match self.peek() {
                Some('&' | '*') => self.take(),
                // Two adjacent operands.
                Some(c) if c == '!' || c == '(' || is_name(c) => {}
                _ => return Ok(left),
            }
            left = Function::And(Box::new(left), Box::new(self.xor()?));
        }
    }

    fn xor(&mut self) -> Result<Function, String> {
        let mut left = self.operand()?;
        while self.peek() == Some('^') {
            self.take();
            left = Function::Xor(Box::new(left), Box::new(self.operand()?));
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Function, String> {
        if self.depth == DEEPEST {
            return Err(format!("expected at most {DEEPEST} levels, found more"));
        }
        self.depth += 1;
        let function = self.inverted();
        self.depth -= 1;
        function
    }

    fn inverted(&mut self) -> Result<Function, String> {
        let mut function = match self.peek() {
            Some('!') => {
                self.take();
                Function::Not(Box::new(self.operand()?))
            }
            Some('(') => {
                self.take();
                let inner = self.or()?;
                if self.peek() != Some(')') {
                    return Err(format!("expected ')', found {:?}", self.rest));
                }
                self.take();
                inner
            }
            Some(c) if is_name(c) => {
                let end = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
                let (name, rest) = self.rest.split_at(end);
                self.rest = rest.trim_start();
                match name {
                    "0" => Function::Constant(false),
                    "1" => Function::Constant(true),
                    _ => Function::Name(name.to_owned()),
                }
            }
            _ => return Err(format!("expected a pin, '!' or '(', found {:?}", self.rest)),
        };
        while self.peek() == Some('\'') {
            self.take();
            function = Function::Not(Box::new(function));
        }
        Ok(function)
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verilog(text: &str) -> String {
        Function::parse(text).expect(text).verilog(&mut str::to_owned)
    }

    #[test]
    fn every_operator_in_both_spellings() {
        assert_eq!(verilog("!A"), "~A");
        assert_eq!(verilog("A'"), "~A");
        for and in ["A & B", "A*B", "A B", "(A)(B)", "A (B)"] {
            assert_eq!(verilog(and), "(A & B)", "{and}");
        }
        assert_eq!(verilog("A !B"), "(A & ~B)");
        assert_eq!(verilog("A' B'"), "(~A & ~B)");
        for or in ["A | B", "A+B", "(A) + (B)"] {
            assert_eq!(verilog(or), "(A | B)", "{or}");
        }
        assert_eq!(verilog("A ^ B"), "(A ^ B)");
        assert_eq!((verilog("0").as_str(), verilog(" 1 ").as_str()), ("1'b0", "1'b1"));
    }

    #[test]
    fn inversion_then_xor_then_and_then_or() {
        assert_eq!(verilog("A & B ^ C"), "(A & (B ^ C))");
        assert_eq!(verilog("A + B * C"), "(A | (B & C))");
        assert_eq!(verilog("!A ^ B'"), "(~A ^ ~B)");
        assert_eq!(verilog("!(A + B)'"), "~~(A | B)");
        assert_eq!(
            verilog("(D&DE&!SCE) | (IQ&!DE&!SCE)"),
            "(((D & DE) & ~SCE) | ((IQ & ~DE) & ~SCE))"
        );
    }

    #[test]
    fn values_agree_with_the_tree() {
        let majority = Function::parse("(A B) + C*(A^B)").expect("parses");
        for bits in 0..8_u32 {
            let value = |name: &str| bits >> (name.as_bytes()[0] - b'A') & 1 == 1;
            assert_eq!(majority.eval(&value), bits.count_ones() >= 2, "{bits:03b}");
        }
        assert_eq!(majority.names(), ["A", "B", "C", "A", "B"]);
    }

    /// Each of these once overflowed the stack.
    #[test]
    fn towers_of_operators_are_refused() {
        for tower in ["(", "!", "(!"] {
            let error = Function::parse(&(tower.repeat(1000) + "A")).unwrap_err();
            assert_eq!(error, "expected at most 256 levels, found more");
        }
        for chain in ["A'", "A+", "A^", "A "] {
            let error = Function::parse(&(chain.repeat(100_000) + "A")).unwrap_err();
            assert_eq!(error, "expected at most 4096 bytes, found 200001");
        }
        let deepest = "(".repeat(255) + "A" + &")".repeat(255);
        assert_eq!(verilog(&deepest), "A");
        let longest = verilog(&("A'".to_owned() + &"'".repeat(4094)));
        assert_eq!(longest.len(), 4096);
    }

    #[test]
    fn what_is_no_function_is_refused() {
        for (text, message) in [
            ("", "expected a pin, '!' or '(', found \"\""),
            ("A &", "expected a pin, '!' or '(', found \"\""),
            ("(A | B", "expected ')', found \"\""),
            ("A ) B", "expected an operator, found \") B\" in \"A ) B\""),
            ("A ? B", "expected an operator, found \"? B\" in \"A ? B\""),
        ] {
            assert_eq!(Function::parse(text), Err(message.to_owned()), "{text}");
        }
    }
}
