//! Reads structural Verilog as `write_verilog -noexpr -noattr` writes it: modules, wires, assigns
//! and instances with named connections. Expressions are bits, slices, concatenations and constants.

use std::collections::{BTreeMap, HashMap};

use crate::error::ParseError;

/// A design's modules by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Netlist {
    /// Modules; names without the backslash of an escaped identifier.
    pub modules: BTreeMap<String, Module>,
}

/// A module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Module {
    /// Ports in the order of the header, as indices into `wires`.
    pub ports: Vec<usize>,
    /// Ports and wires.
    pub wires: Vec<Wire>,
    /// Number of bits of all wires; bit i of wire w is `wires[w].base + i`, least significant first.
    pub bits: usize,
    /// Pairs (driven, driver).
    pub assigns: Vec<(Bit, Bit)>,
    /// Instances of cells and modules.
    pub cells: Vec<CellInst>,
}

/// A declared name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// Name without the backslash of an escaped identifier.
    pub name: String,
    /// Index of its least significant bit among all bits of the module.
    pub base: usize,
    /// Number of bits.
    pub width: usize,
    /// Declared index of the least significant bit, and whether indices decrease from left to right.
    low: i64,
    falling: bool,
    /// Direction of a port.
    pub direction: Option<PortDirection>,
}

/// Direction of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortDirection {
    /// Driven from outside.
    Input,
    /// Driven from inside.
    Output,
}

/// One bit of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bit {
    /// A constant; none for `x` and `z`.
    Constant(Option<bool>),
    /// A bit of the module.
    Net(usize),
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellInst {
    /// Cell or module.
    pub kind: String,
    /// Instance name.
    pub name: String,
    /// Connections by pin, bits least significant first.
    pub pins: Vec<(String, Vec<Bit>)>,
}

impl Netlist {
    /// Reads a netlist.
    ///
    /// # Errors
    /// Text outside the subset above, with its line.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser { lexer: Lexer { rest: text, line: 1 }, depth: 0, bits: 0 };
        let mut netlist = Self::default();
        while let Some(token) = parser.lexer.next()? {
            parser.expect_token(&token, "module")?;
            let (name, module) = parser.module()?;
            if netlist.modules.insert(name.clone(), module).is_some() {
                return Err(parser.error("modules of different names", &name));
            }
        }
        if netlist.modules.is_empty() {
            return Err(ParseError::new(1, "a module", "none"));
        }
        Ok(netlist)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    /// An identifier, a keyword or a number; escaped identifiers are marked.
    Word(&'a str, bool),
    Symbol(char),
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
    }

    fn next(&mut self) -> Result<Option<Token<'a>>, ParseError> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.skip(blank);
            let end = if self.rest.starts_with("/*") {
                self.rest.find("*/").map(|at| at + 2)
            } else if self.rest.starts_with("//") {
                Some(self.rest.find('\n').unwrap_or(self.rest.len()))
            } else if self.rest.starts_with("(*") {
                self.rest.find("*)").map(|at| at + 2)
            } else {
                break;
            };
            let end =
                end.ok_or_else(|| ParseError::new(self.line, "the end of a comment", "none"))?;
            self.skip(end);
        }
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        if first == '\\' {
            let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
            let word = &self.rest[1..end];
            self.skip(end);
            return Ok(Some(Token::Word(word, true)));
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '\'');
        if is_word(first) {
            let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            let word = &self.rest[..end];
            self.skip(end);
            return Ok(Some(Token::Word(word, false)));
        }
        self.skip(first.len_utf8());
        Ok(Some(Token::Symbol(first)))
    }

    fn peek(&self) -> Result<Option<Token<'a>>, ParseError> {
        Self { ..*self }.next()
    }
}

/// Most bits in the declarations of a module, and in all expressions together: half a gigabyte of memory.
const MOST_BITS: usize = 1 << 25;

/// Deepest nesting of braces in an expression.
const DEEPEST: usize = 64;

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// Braces around the expression being read.
    depth: usize,
    /// Bits of all expressions so far.
    bits: usize,
}

/// A module under construction, with its names.
#[derive(Default)]
struct Builder {
    module: Module,
    names: HashMap<String, usize>,
}

impl<'a> Parser<'a> {
    fn error(&self, expected: impl Into<String>, found: &str) -> ParseError {
        ParseError::new(self.lexer.line, expected, found)
    }

    fn token(&mut self) -> Result<Token<'a>, ParseError> {
        self.lexer.next()?.ok_or_else(|| self.error("endmodule", "the end of the file"))
    }

    fn expect_token(&self, token: &Token<'_>, keyword: &str) -> Result<(), ParseError> {
        match token {
            Token::Word(word, false) if *word == keyword => Ok(()),
            other => Err(self.error(keyword, &shown(other))),
        }
    }

    fn symbol(&mut self, wanted: char) -> Result<(), ParseError> {
        match self.token()? {
            Token::Symbol(found) if found == wanted => Ok(()),
            other => Err(self.error(format!("'{wanted}'"), &shown(&other))),
        }
    }

    fn name(&mut self) -> Result<&'a str, ParseError> {
        match self.token()? {
            Token::Word(word, _) => Ok(word),
            other => Err(self.error("a name", &shown(&other))),
        }
    }

    fn number(&mut self) -> Result<i64, ParseError> {
        let word = self.name()?;
        word.parse().map_err(|_| self.error("a number", word))
    }

    /// Reads the closing symbol (true) or a `,` (false) after an item of a list.
    fn list_ends(&mut self, close: char) -> Result<bool, ParseError> {
        match self.token()? {
            Token::Symbol(',') => Ok(false),
            Token::Symbol(c) if c == close => Ok(true),
            other => Err(self.error(format!("',' or '{close}'"), &shown(&other))),
        }
    }

    fn module(&mut self) -> Result<(String, Module), ParseError> {
        let name = self.name()?.to_owned();
        let mut ports = Vec::new();
        self.symbol('(')?;
        if self.lexer.peek()? == Some(Token::Symbol(')')) {
            self.symbol(')')?;
        } else {
            loop {
                ports.push(self.name()?);
                if self.list_ends(')')? {
                    break;
                }
            }
        }
        self.symbol(';')?;
        let mut builder = Builder::default();
        loop {
            match self.token()? {
                Token::Word("endmodule", false) => break,
                Token::Word("input", false) => {
                    self.declare(&mut builder, Some(PortDirection::Input))?;
                }
                Token::Word("output", false) => {
                    self.declare(&mut builder, Some(PortDirection::Output))?;
                }
                Token::Word("wire", false) => self.declare(&mut builder, None)?,
                Token::Word("assign", false) => {
                    let driven = self.expression(&builder)?;
                    self.symbol('=')?;
                    let driver = self.expression(&builder)?;
                    self.symbol(';')?;
                    if driven.len() != driver.len() {
                        let found = format!("{} and {}", driven.len(), driver.len());
                        return Err(self.error("an assign of equal widths", &found));
                    }
                    builder.module.assigns.extend(driven.into_iter().zip(driver));
                }
                Token::Word(kind, escaped) => {
                    if !escaped && matches!(kind, "reg" | "always" | "initial" | "inout") {
                        return Err(self.error("a mapped netlist: wires and instances", kind));
                    }
                    let cell = self.instance(kind, &builder)?;
                    builder.module.cells.push(cell);
                }
                other => return Err(self.error("a declaration or an instance", &shown(&other))),
            }
        }
        for port in ports {
            match builder.names.get(port) {
                Some(&wire) if builder.module.wires[wire].direction.is_some() => {
                    builder.module.ports.push(wire);
                }
                _ => return Err(self.error(format!("a direction for port {port}"), "none")),
            }
        }
        Ok((name, builder.module))
    }

    /// Reads a declaration such as `input [7:0] a;`, after its first word.
    fn declare(
        &mut self,
        builder: &mut Builder,
        direction: Option<PortDirection>,
    ) -> Result<(), ParseError> {
        let (mut left, mut right) = (0, 0);
        // Later versions of Yosys keep the sign, which means nothing to gates.
        if self.lexer.peek()? == Some(Token::Word("signed", false)) {
            self.token()?;
        }
        if self.lexer.peek()? == Some(Token::Symbol('[')) {
            self.symbol('[')?;
            left = self.number()?;
            self.symbol(':')?;
            right = self.number()?;
            self.symbol(']')?;
        }
        loop {
            let name = self.name()?.to_owned();
            let width = usize::try_from(left.abs_diff(right)).unwrap_or(usize::MAX);
            let width = width.saturating_add(1);
            if width > MOST_BITS - builder.module.bits.min(MOST_BITS) {
                let expected = format!("at most {MOST_BITS} bits in a module");
                return Err(self.error(expected, &format!("[{left}:{right}] {name}")));
            }
            if let Some(&known) = builder.names.get(&name) {
                // Ports are declared again as wires.
                let wire = &mut builder.module.wires[known];
                if wire.width != width {
                    return Err(self.error(format!("{name} of one width"), &width.to_string()));
                }
                wire.direction = wire.direction.or(direction);
            } else {
                builder.names.insert(name.clone(), builder.module.wires.len());
                builder.module.wires.push(Wire {
                    name,
                    base: builder.module.bits,
                    width,
                    low: right,
                    falling: left >= right,
                    direction,
                });
                builder.module.bits += width;
            }
            if self.list_ends(';')? {
                return Ok(());
            }
        }
    }

    fn instance(&mut self, kind: &str, builder: &Builder) -> Result<CellInst, ParseError> {
        let name = self.name()?.to_owned();
        let mut pins = Vec::new();
        self.symbol('(')?;
        if self.lexer.peek()? == Some(Token::Symbol(')')) {
            self.symbol(')')?;
        } else {
            loop {
                self.symbol('.')?;
                let pin = self.name()?.to_owned();
                self.symbol('(')?;
                let bits = if self.lexer.peek()? == Some(Token::Symbol(')')) {
                    Vec::new()
                } else {
                    self.expression(builder)?
                };
                self.symbol(')')?;
                pins.push((pin, bits));
                if self.list_ends(')')? {
                    break;
                }
            }
        }
        self.symbol(';')?;
        Ok(CellInst { kind: kind.to_owned(), name, pins })
    }

    /// Counts bits of expressions before memory is allocated for them.
    fn count(&mut self, bits: usize) -> Result<(), ParseError> {
        self.bits = self.bits.saturating_add(bits);
        if self.bits > MOST_BITS {
            return Err(self.error(format!("at most {MOST_BITS} bits in expressions"), "more"));
        }
        Ok(())
    }

    /// Reads an expression; returns its bits, least significant first.
    fn expression(&mut self, builder: &Builder) -> Result<Vec<Bit>, ParseError> {
        let (word, escaped) = match self.token()? {
            Token::Symbol('{') => {
                if self.depth == DEEPEST {
                    return Err(self.error(format!("at most {DEEPEST} braces"), "more"));
                }
                self.depth += 1;
                let mut parts = Vec::new();
                loop {
                    parts.push(self.expression(builder)?);
                    if self.list_ends('}')? {
                        break;
                    }
                }
                self.depth -= 1;
                return Ok(parts.into_iter().rev().flatten().collect());
            }
            Token::Word(word, escaped) => (word, escaped),
            other => return Err(self.error("a net, a constant or '{'", &shown(&other))),
        };
        if !escaped && word.starts_with(|c: char| c.is_ascii_digit()) {
            let width = word.split_once('\'').and_then(|(width, _)| width.parse().ok());
            self.count(width.unwrap_or(0))?;
            return constant(word)
                .ok_or_else(|| self.error("a sized constant such as 4'b0101", word));
        }
        let wire = builder
            .names
            .get(word)
            .map(|&wire| &builder.module.wires[wire])
            .ok_or_else(|| self.error("a declared net", word))?;
        if self.lexer.peek()? != Some(Token::Symbol('[')) {
            self.count(wire.width)?;
            return Ok((wire.base..wire.base + wire.width).map(Bit::Net).collect());
        }
        self.symbol('[')?;
        let left = self.number()?;
        let right = match self.token()? {
            Token::Symbol(':') => {
                let right = self.number()?;
                self.symbol(']')?;
                right
            }
            Token::Symbol(']') => left,
            other => return Err(self.error("':' or ']'", &shown(&other))),
        };
        let at = |index: i64| {
            let (top, bottom) = if wire.falling { (index, wire.low) } else { (wire.low, index) };
            let offset = top.checked_sub(bottom)?;
            usize::try_from(offset).ok().filter(|offset| *offset < wire.width)
        };
        match (at(left), at(right)) {
            (Some(high), Some(low)) if low <= high => {
                self.count(high - low + 1)?;
                Ok((low..=high).map(|offset| Bit::Net(wire.base + offset)).collect())
            }
            _ => Err(self.error(format!("bits of {word}"), &format!("[{left}:{right}]"))),
        }
    }
}

/// The bits of a constant such as `4'b01x0` or `2'h3`, least significant first; at most [`MOST_BITS`].
fn constant(word: &str) -> Option<Vec<Bit>> {
    let (width, rest) = word.split_once('\'')?;
    let width: usize = width.parse().ok()?;
    let (base, digits) = rest.split_at_checked(1)?;
    let per_digit = match base {
        "b" => 1,
        "h" => 4,
        "d" => {
            let value: u64 = digits.parse().ok()?;
            let bit = |at: usize| Bit::Constant(Some(at < 64 && value >> at & 1 == 1));
            return Some((0..width).map(bit).collect());
        }
        _ => return None,
    };
    let mut bits = Vec::new();
    for digit in digits.chars().rev().filter(|digit| *digit != '_') {
        if matches!(digit, 'x' | 'z') {
            bits.extend([Bit::Constant(None)].repeat(per_digit));
        } else {
            let value = digit.to_digit(1 << per_digit)?;
            bits.extend((0..per_digit).map(|at| Bit::Constant(Some(value >> at & 1 == 1))));
        }
    }
    bits.resize(width, Bit::Constant(Some(false)));
    Some(bits)
}

fn shown(token: &Token<'_>) -> String {
    match token {
        Token::Word(word, _) => (*word).to_owned(),
        Token::Symbol(symbol) => symbol.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "/* Generated by Yosys 0.23 */\n
module \\$paramod\\pe\\W=s32'00 (clk_i, a_i, q_o);
  wire _0_;
  input clk_i;
  wire clk_i;
  input [3:0] a_i;
  wire [3:0] a_i;
  output [1:0] q_o;
  wire [0:2] \\odd.name[0] ;
  assign q_o[1] = 1'b0;
  assign { \\odd.name[0] [0], \\odd.name[0] [1] } = a_i[3:2];
  INV \\u$1  ( .A(a_i[0]), .Y(_0_) );
  DFF q ( .C(clk_i), .D(_0_), .Q(q_o[0]), .QN() );
endmodule
module top (x);
  input x;
  \\$paramod\\pe\\W=s32'00  u_pe ( .a_i({ x, 2'h2, x }), .clk_i(x) );
endmodule
";

    #[test]
    fn yosys_text_is_read() {
        let netlist = Netlist::parse(SAMPLE).expect("parses");
        let pe = &netlist.modules["$paramod\\pe\\W=s32'00"];
        let names: Vec<_> = pe.ports.iter().map(|port| pe.wires[*port].name.as_str()).collect();
        assert_eq!(names, ["clk_i", "a_i", "q_o"]);
        assert_eq!(pe.bits, 1 + 1 + 4 + 2 + 3);
        let wire = |name: &str| pe.wires.iter().find(|wire| wire.name == name).expect(name);
        let bit = |name: &str, offset: usize| Bit::Net(wire(name).base + offset);
        assert_eq!(
            pe.assigns,
            [
                (bit("q_o", 1), Bit::Constant(Some(false))),
                // [0:2] has its least significant bit at index 2.
                (bit("odd.name[0]", 1), bit("a_i", 2)),
                (bit("odd.name[0]", 2), bit("a_i", 3)),
            ]
        );
        assert_eq!(pe.cells[0].name, "u$1");
        assert_eq!(pe.cells[0].pins[0], ("A".to_owned(), vec![bit("a_i", 0)]));
        assert_eq!(pe.cells[1].pins[3], ("QN".to_owned(), vec![]));
        let one = Bit::Constant(Some(true));
        let (x, zero) = (Bit::Net(0), Bit::Constant(Some(false)));
        let top = &netlist.modules["top"];
        assert_eq!(top.cells[0].pins[0].1, [x, zero, one, x]);
    }

    /// Each of these once exhausted memory, or overflowed a number or the stack.
    #[test]
    fn a_sign_means_nothing() {
        let signed = SAMPLE.replace("input [3:0]", "input signed [3:0]");
        let signed = signed
            .replace("wire [3:0]", "wire signed [3:0]")
            .replace("wire _0_", "wire signed _0_");
        assert_eq!(Netlist::parse(&signed), Netlist::parse(SAMPLE));
    }

    #[test]
    fn widths_and_braces_beyond_memory_are_refused() {
        let braces = "{".repeat(100_000);
        let wide = "x, ".repeat(100);
        for (text, message) in [
            ("wire [9223372036854775807:0] x;".to_owned(), "at most 33554432 bits in a module"),
            ("wire [9223372036854775807:-1] x;".to_owned(), "a name"),
            ("wire [33554431:0] x;\nwire y;".to_owned(), "at most 33554432 bits in a module"),
            ("INV u (.A(99999999999'd0));".to_owned(), "at most 33554432 bits in expressions"),
            (
                "INV u (.A(18446744073709551615'b0));".to_owned(),
                "at most 33554432 bits in expressions",
            ),
            (
                format!("wire [999999:0] x;\nINV u (.A({{{wide}x}}));"),
                "at most 33554432 bits in expressions",
            ),
            (format!("INV u (.A({braces}));"), "at most 64 braces"),
            ("wire [1:0] x;\nINV u (.A(x[9223372036854775807]));".to_owned(), "bits of x"),
        ] {
            let error = Netlist::parse(&format!("module a ();\n{text}\nendmodule")).unwrap_err();
            assert_eq!(error.expected, message, "{text:.60}");
        }
    }

    /// A core of sixteen 32-bit lanes has registers of a thousand bits, with one line for each bit.
    #[test]
    fn a_bit_of_a_wide_net_counts_as_one() {
        let pins = ".A(x[7]), ".repeat(100);
        let text =
            format!("module a ();\nwire [999999:0] x;\nINV u ({pins}.B(x[9:8]));\nendmodule");
        let netlist = Netlist::parse(&text).unwrap();
        assert_eq!(netlist.modules["a"].cells[0].pins.len(), 101);
    }

    #[test]
    fn what_is_no_netlist_has_a_line() {
        for (text, message) in [
            ("", "a module"),
            ("module a (x);\nendmodule", "a direction for port x"),
            ("module a ();\nalways @* y = 1;", "a mapped netlist: wires and instances"),
            ("module a ();\nwire x;\nassign x = y;", "a declared net"),
            ("module a ();\nwire [1:0] x;\nassign x[2] = 1'b0;", "bits of x"),
            ("module a ();\nwire [1:0] x;\nassign x = 1'b0;", "an assign of equal widths"),
            ("module a ();\nINV u (a);", "'.'"),
            ("module a ();\nINV u (.A(1'q0));", "a sized constant such as 4'b0101"),
            ("module a ();\n", "endmodule"),
            ("module a (); endmodule module a (); endmodule", "modules of different names"),
        ] {
            assert_eq!(Netlist::parse(text).expect_err(text).expected, message);
        }
        let error = Netlist::parse("module a ();\nwire x;\nassign x = y;").expect_err("y");
        assert_eq!((error.line, error.found.as_str()), (3, "y"));
    }
}
