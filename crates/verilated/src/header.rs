//! Reads the ports from the header that Verilator generates for the top module.
//!
//! The header is used and not Verilator's XML output, because the compiler sees the header: the
//! shim checks every size found here against the class itself.

use serde::{Deserialize, Serialize};

use crate::digest::Fields;
use crate::error::{Error, Result};
use crate::port::{Direction, PortInfo, Storage};

/// A port as declared in the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Declared {
    /// Name in the Verilog source.
    pub(crate) name: String,
    /// Name of the C++ member.
    pub(crate) member: String,
    pub(crate) direction: Direction,
    /// Width in bits, at least 1.
    pub(crate) bits: u32,
    pub(crate) storage: Storage,
}

/// The ports declared in `text`, the header that Verilator generated for `top`, in its order.
/// Nothing is built.
///
/// # Errors
/// [`Error::Header`], with the line, for anything in the port section that is not a bit vector.
pub fn header_ports(top: &str, text: &str) -> Result<Vec<PortInfo>> {
    Ok(parse(top, text)?.into_iter().map(Declared::into_info).collect())
}

impl Declared {
    pub(crate) fn into_info(self) -> PortInfo {
        PortInfo { name: self.name, direction: self.direction, bits: self.bits }
    }
}

/// The ports declared in the generated header `text`, in its order.
///
/// # Errors
/// [`Error::Header`] for an unpacked array, a real, or anything else in the port section that is
/// not a `VL_IN`, `VL_OUT` or `VL_INOUT` declaration.
pub(crate) fn parse(top: &str, text: &str) -> Result<Vec<Declared>> {
    let mut ports = Vec::new();
    let mut in_section = false;
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        match line {
            "// PORTS" => in_section = true,
            "// CELLS" | "// CONSTRUCTORS" => in_section = false,
            _ => {}
        }
        let refuse = |expected| Error::Header {
            top: top.to_owned(),
            line: index + 1,
            expected,
            found: line.to_owned(),
        };
        if line.starts_with("VL_IN") || line.starts_with("VL_OUT") {
            ports.push(declaration(line).map_err(refuse)?);
        } else if in_section && !line.is_empty() && !line.starts_with("//") {
            return Err(refuse("a bit vector port (VL_IN, VL_OUT or VL_INOUT)"));
        }
    }
    Ok(ports)
}

/// The digest of a port table. It is compiled into the library and checked when the library is
/// loaded.
pub(crate) fn digest(ports: &[Declared]) -> String {
    ports
        .iter()
        .fold(Fields::new("ports"), |hash, port| {
            hash.field("name", &port.name)
                .field("member", &port.member)
                .field("shape", format!("{:?} {} {:?}", port.direction, port.bits, port.storage))
        })
        .hex()
}

/// Parses `VL_IN8(&name,msb,lsb);` or `VL_INW(&name,msb,lsb,words);`.
fn declaration(line: &str) -> Result<Declared, &'static str> {
    const FORM: &str = "VL_<direction><size>(&name,msb,lsb[,words]);";
    let (macro_name, rest) = line.split_once('(').ok_or(FORM)?;
    let body = rest.strip_suffix(");").ok_or(FORM)?;
    if body.contains(['(', '[']) {
        return Err("a packed port; flatten unpacked array ports into one vector");
    }
    let (direction, size) = if let Some(size) = macro_name.strip_prefix("VL_INOUT") {
        (Direction::InOut, size)
    } else if let Some(size) = macro_name.strip_prefix("VL_IN") {
        (Direction::In, size)
    } else {
        (Direction::Out, macro_name.strip_prefix("VL_OUT").ok_or(FORM)?)
    };

    let mut fields = body.split(',').map(str::trim);
    let member = fields.next().and_then(|name| name.strip_prefix('&')).ok_or(FORM)?;
    let is_identifier = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !is_identifier(member) {
        return Err("a C++ identifier as port name");
    }
    let mut bound = || fields.next()?.parse::<i64>().ok();
    let (msb, lsb) = (bound().ok_or(FORM)?, bound().ok_or(FORM)?);
    let words = bound();
    let bits = msb.abs_diff(lsb).checked_add(1).and_then(|bits| u32::try_from(bits).ok());
    let bits = bits.ok_or("a width below 2^32 bits")?;

    let storage = match (size, words) {
        ("8", None) => Storage::U8,
        ("16", None) => Storage::U16,
        ("", None) => Storage::U32,
        ("64", None) => Storage::U64,
        ("W", Some(_)) => Storage::Words,
        _ => return Err(FORM),
    };
    if storage != Storage::for_bits(bits)
        || words.is_some_and(|words| words != i64::from(bits.div_ceil(32)))
        || fields.next().is_some()
    {
        return Err("a width that fits the macro");
    }
    Ok(Declared { name: verilog_name(member), member: member.to_owned(), direction, bits, storage })
}

/// Decodes Verilator's name encoding: `__0XX` is a character in hexadecimal, `__SYM__` marks a C++
/// keyword.
fn verilog_name(member: &str) -> String {
    let mut rest = member.strip_prefix("__SYM__").unwrap_or(member);
    let mut name = String::new();
    while let Some(first) = rest.chars().next() {
        let coded = rest
            .strip_prefix("__0")
            .and_then(|tail| tail.get(..2))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = coded {
            name.push(char::from(byte));
            rest = &rest["__0XX".len()..];
        } else {
            name.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "class Vtop {\n    // PORTS\n    // The application code\n    \
        VL_IN8(&clk_i,0,0);\n    VL_OUT16(&s,12,0);\n    VL_INW(&a,71,0,3);\n    \
        VL_OUT(&q,31,0);\n    VL_IN64(&d,43,4);\n    VL_INOUT8(&io,0,0);\n\n    // CELLS\n    \
        int other;\n};\n";

    #[test]
    fn reads_every_size_and_direction() {
        let ports = parse("top", HEADER).unwrap();
        let seen: Vec<_> =
            ports.iter().map(|p| (p.name.as_str(), p.direction, p.bits, p.storage)).collect();
        assert_eq!(
            seen,
            [
                ("clk_i", Direction::In, 1, Storage::U8),
                ("s", Direction::Out, 13, Storage::U16),
                ("a", Direction::In, 72, Storage::Words),
                ("q", Direction::Out, 32, Storage::U32),
                ("d", Direction::In, 40, Storage::U64),
                ("io", Direction::InOut, 1, Storage::U8),
            ]
        );
    }

    #[test]
    fn names_what_it_does_not_understand() {
        for (bad, expected) in [
            ("VL_IN8((&a)[2],3,0);", "flatten unpacked array ports"),
            ("double &r;", "a bit vector port"),
            ("VL_IN8(&a,8,0);", "a width that fits"),
            ("VL_IN8(&a,9223372036854775807,-9223372036854775808);", "a width below 2^32"),
            ("VL_INW(&a,71,0,2);", "a width that fits"),
            ("VL_IN8(&a,x,0);", "VL_<direction>"),
            ("VL_IN9(&a,3,0);", "VL_<direction>"),
        ] {
            let text = HEADER.replace("VL_IN8(&clk_i,0,0);", bad);
            let message = parse("top", &text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains(bad) && message.contains("line 4"), "{message}");
        }
    }

    #[test]
    fn decodes_names() {
        assert_eq!(verilog_name("a__02eb__05bc__05d"), "a.b[c]");
        assert_eq!(verilog_name("___05Funder"), "__under");
        assert_eq!(verilog_name("__SYM__class"), "class");
        assert_eq!(verilog_name("plain_i"), "plain_i");
    }

    #[test]
    fn digest_sees_every_field() {
        let ports = parse("top", HEADER).unwrap();
        let base = digest(&ports);
        let mut other = ports.clone();
        other[0].direction = Direction::Out;
        assert_ne!(digest(&other), base);
        let mut other = ports.clone();
        other[1].bits = 11;
        assert_ne!(digest(&other), base);
        assert_ne!(digest(&ports[1..]), base);
    }
}
