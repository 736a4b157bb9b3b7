//! The map as software sees it: C header, Rust module, Markdown page, JSON.

use serde::Serialize;

use crate::error::RtlgenError;
use crate::registers::{Register, RegisterMap};
use crate::render::render_text;

#[derive(Debug, Serialize)]
struct SoftwareContext {
    version: &'static str,
    groups: Vec<GroupLines>,
}

#[derive(Debug, Serialize)]
struct GroupLines {
    title: String,
    about: String,
    registers: Vec<RegisterLines>,
}

#[derive(Debug, Serialize)]
struct RegisterLines {
    name: String,
    upper: String,
    offset: String,
    access: &'static str,
    about: String,
    wide: bool,
    /// Whether the page lists fields: the single field of a plain number says nothing new.
    listed: bool,
    fields: Vec<FieldLines>,
}

#[derive(Debug, Serialize)]
struct FieldLines {
    name: String,
    /// Prefix of the field's constants.
    upper: String,
    lsb: u32,
    mask: String,
    bits: String,
    about: String,
    /// Whether shift and mask are worth a constant.
    partial: bool,
    values: Vec<ValueLines>,
}

#[derive(Debug, Serialize)]
struct ValueLines {
    value: u32,
    name: String,
    upper: String,
    about: String,
}

/// Renders a file of `templates/registers`.
fn render_map(name: &'static str, map: &RegisterMap) -> Result<String, RtlgenError> {
    let template = flexmac_assets::text(&format!("templates/registers/{name}.tera"));
    render_text(name, template, &SoftwareContext::new(map))
}

impl SoftwareContext {
    fn new(map: &RegisterMap) -> Self {
        let groups = map.groups.iter().map(|group| GroupLines {
            title: group.title.clone(),
            about: group.about.clone(),
            registers: group.registers.iter().map(register_lines).collect(),
        });
        Self { version: env!("CARGO_PKG_VERSION"), groups: groups.collect() }
    }
}

fn register_lines(register: &Register) -> RegisterLines {
    let wide = register.width == 64;
    let fields: Vec<_> = register
        .fields
        .iter()
        .map(|field| {
            let name = register.field_name(field);
            let upper = name.to_uppercase();
            let ones = if field.bits >= 32 { u32::MAX } else { (1 << field.bits) - 1 };
            let top = field.lsb + field.bits - 1;
            FieldLines {
                lsb: field.lsb,
                mask: format!("0x{:08x}", ones.wrapping_shl(field.lsb)),
                bits: if field.bits == 1 {
                    top.to_string()
                } else {
                    format!("{top}:{}", field.lsb)
                },
                about: field.about.clone(),
                partial: !wide && field.bits < 32,
                values: field
                    .values
                    .iter()
                    .map(|value| ValueLines {
                        value: value.value,
                        name: value.name.clone(),
                        upper: format!("{upper}_{}", value.name.to_uppercase()),
                        about: value.about.clone(),
                    })
                    .collect(),
                upper,
                name: field.name.clone(),
            }
        })
        .collect();
    RegisterLines {
        name: register.name.clone(),
        upper: register.name.to_uppercase(),
        offset: format!("0x{:03x}", register.offset),
        access: register.access.short(),
        about: register.about.clone(),
        wide,
        listed: fields.iter().any(|field| !field.about.is_empty() || !field.values.is_empty()),
        fields,
    }
}

/// A C header of addresses, shifts, masks and named values.
///
/// # Errors
/// [`RtlgenError::Template`], which would be a fault of this program.
pub fn c_header(map: &RegisterMap) -> Result<String, RtlgenError> {
    render_map("flexmac_regs.h", map)
}

/// The same constants as a Rust module without dependencies.
///
/// # Errors
/// [`RtlgenError::Template`], which would be a fault of this program.
pub fn rust_module(map: &RegisterMap) -> Result<String, RtlgenError> {
    render_map("flexmac_regs.rs", map)
}

/// The page to read: docs/registers.md.
///
/// # Errors
/// [`RtlgenError::Template`], which would be a fault of this program.
pub fn markdown(map: &RegisterMap) -> Result<String, RtlgenError> {
    render_map("registers.md", map)
}

/// The map itself, for tools.
pub fn json(map: &RegisterMap) -> String {
    let mut text = serde_json::to_string_pretty(map).expect("plain data serialises");
    text.push('\n');
    text
}
