//! The register map of `flexmac_top`: one description, five renderings.
//!
//! The data in `registers/map.rs` becomes the Verilog decode (`flexmac_regs`), a C header, a Rust
//! module, a Markdown page and JSON. The map does not depend on the configuration: parameters are
//! values of read-only registers, so one driver serves every array. The alternative, a map sized to
//! each array, would save a few flip-flops and cost every driver a build per array.

mod map;
mod software;
mod verilog;

use serde::{Deserialize, Serialize};

pub(crate) use map::constant;
pub use map::register_map;
pub use software::{c_header, json, markdown, rust_module};
pub(crate) use verilog::regs_context;

/// Who may do what with a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Hardware writes, software reads; a write answers SLVERR.
    ReadOnly,
    /// Software writes, hardware reads; starts at 0.
    ReadWrite,
    /// A write does something once; reads as 0.
    WriteOnly,
    /// Hardware sets bits, software clears them by writing ones.
    WriteOneToClear,
}

impl Access {
    /// The usual abbreviation.
    pub fn short(self) -> &'static str {
        match self {
            Self::ReadOnly => "RO",
            Self::ReadWrite => "RW",
            Self::WriteOnly => "WO",
            Self::WriteOneToClear => "W1C",
        }
    }
}

/// A named value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedValue {
    /// The number.
    pub value: u32,
    /// Its name, lower case.
    pub name: String,
    /// What it says.
    pub about: String,
}

/// Bits of a register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Lower case; `value` where the register has one field.
    pub name: String,
    /// Lowest bit.
    pub lsb: u32,
    /// Width.
    pub bits: u32,
    /// What it says or does.
    pub about: String,
    /// Values with a name; empty where every number means itself.
    pub values: Vec<NamedValue>,
}

/// One register, 32 bits, or 64 for a counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Lower case.
    pub name: String,
    /// Byte address.
    pub offset: u32,
    /// 32, or 64: two words, the low one first. Reading the low word holds the high one.
    pub width: u32,
    /// Who may do what.
    pub access: Access,
    /// What it is for.
    pub about: String,
    /// Lowest bits first; bits of no field read as 0 and ignore writes.
    pub fields: Vec<Field>,
}

/// Registers that belong together, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Heading.
    pub title: String,
    /// One paragraph.
    pub about: String,
    /// In order of their offsets.
    pub registers: Vec<Register>,
}

/// The whole map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterMap {
    /// Bits of a byte address.
    pub address_bits: u32,
    /// In order of their offsets.
    pub groups: Vec<Group>,
}

impl RegisterMap {
    /// Every register, in order of offsets.
    pub fn registers(&self) -> impl Iterator<Item = &Register> {
        self.groups.iter().flat_map(|group| &group.registers)
    }

    /// The register of that name.
    pub fn register(&self, name: &str) -> Option<&Register> {
        self.registers().find(|register| register.name == name)
    }
}

impl Register {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// A field's name in Verilog and software: the register's, and its own where it has one.
    pub fn field_name(&self, field: &Field) -> String {
        if field.name == "value" {
            self.name.clone()
        } else {
            format!("{}_{}", self.name, field.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_lie_apart_and_fields_inside() {
        let map = register_map();
        let mut free = 0;
        for register in map.registers() {
            assert!(register.offset >= free, "{} overlaps", register.name);
            assert!(register.offset.is_multiple_of(register.width / 8), "{}", register.name);
            free = register.offset + register.width / 8;
            let mut bit = 0;
            for field in &register.fields {
                assert!(field.lsb >= bit && field.bits > 0, "{}.{}", register.name, field.name);
                bit = field.lsb + field.bits;
            }
            assert!(bit <= register.width, "{}", register.name);
            assert!(register.width == 32 || register.access == Access::ReadOnly);
        }
        assert!(free <= 1 << map.address_bits);
    }

    #[test]
    fn names_are_unique() {
        let map = register_map();
        let mut names: Vec<_> = map
            .registers()
            .flat_map(|r| r.fields.iter().map(|field| r.field_name(field)))
            .collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn json_reads_back() {
        let map = register_map();
        assert_eq!(serde_json::from_str::<RegisterMap>(&json(&map)).unwrap(), map);
    }

    /// Leaf cells hold the error codes as constants of their own.
    #[test]
    fn error_codes_are_those_of_the_leaf_cells() {
        let check = flexmac_assets::rtl("flexmac_check.v");
        let map = register_map();
        let codes = &map.register("error").unwrap().field("code").unwrap().values;
        let mut found = 0;
        for line in check.lines() {
            let Some(rest) = line.trim().strip_prefix("localparam [7:0] BAD_") else { continue };
            let (name, number) = rest.split_once(" = 8'd").unwrap();
            let number: u32 = number.trim_end_matches(';').parse().unwrap();
            let code = codes.iter().find(|code| code.value == number).unwrap();
            assert_eq!(code.name, name.to_lowercase());
            found += 1;
        }
        assert_eq!(found, 10);
    }
}
