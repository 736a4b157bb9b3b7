//! Context of `flexmac_regs.v.tera`: ports, cases and expressions, worked out.

use flexmac_array::ArrayConfig;
use serde::Serialize;

use crate::registers::{Access, Field, Register, RegisterMap, constant};

/// The whole decode.
#[derive(Debug, Serialize)]
pub(crate) struct RegsContext {
    pub head: String,
    address_msb: u32,
    word_msb: u32,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    actions: Vec<Action>,
    stores: Vec<Store>,
    events: Vec<Event>,
    reads: Vec<Read>,
    holds: Vec<Hold>,
    written: Vec<Case>,
}

/// A port of a field: its declaration up to the name, and what it is.
#[derive(Debug, Serialize)]
struct Port {
    declaration: String,
    about: String,
}

/// A write-only register.
#[derive(Debug, Serialize)]
struct Action {
    name: String,
    word: String,
    fields: Vec<Slice>,
}

#[derive(Debug, Serialize)]
struct Slice {
    name: String,
    range: String,
    zero: String,
}

/// A read-write register.
#[derive(Debug, Serialize)]
struct Store {
    word: String,
    fields: Vec<Slice>,
}

/// A register whose bits hardware sets and software clears.
#[derive(Debug, Serialize)]
struct Event {
    name: String,
    word: String,
    fields: Vec<Slice>,
}

/// What a word reads as.
#[derive(Debug, Serialize)]
struct Read {
    word: String,
    name: String,
    data: String,
}

/// A word whose reading holds the upper half of its counter.
#[derive(Debug, Serialize)]
struct Hold {
    word: String,
    data: String,
}

/// A word that may be written.
#[derive(Debug, Serialize)]
struct Case {
    word: String,
    name: String,
}

/// The decode of `map` in an array. What the array or the generator fixes reads as a constant and has no
/// port.
pub(crate) fn regs_context(map: &RegisterMap, config: &ArrayConfig, head: String) -> RegsContext {
    let mut context = RegsContext {
        head,
        address_msb: map.address_bits - 1,
        word_msb: map.address_bits - 3,
        inputs: Vec::new(),
        outputs: Vec::new(),
        actions: Vec::new(),
        stores: Vec::new(),
        events: Vec::new(),
        reads: Vec::new(),
        holds: Vec::new(),
        written: Vec::new(),
    };
    for register in map.registers() {
        context.add(register, config, map.address_bits - 2);
    }
    context
}

impl RegsContext {
    fn add(&mut self, register: &Register, config: &ArrayConfig, word_bits: u32) {
        let word = |offset: u32| format!("{word_bits}'h{:03x}", offset / 4);
        let at = word(register.offset);
        let name = register.name.clone();
        let fields: Vec<_> = register
            .fields
            .iter()
            .map(|field| Slice {
                name: register.field_name(field),
                range: range(field.lsb, field.bits),
                zero: if field.bits == 1 {
                    "1'b0".to_owned()
                } else {
                    format!("{}'d0", field.bits)
                },
            })
            .collect();
        let ports = |kind: &str, suffix: &str| -> Vec<Port> {
            let is_port =
                |(field, _): &(&Field, &Slice)| constant(config, register, field).is_none();
            let declare = |(field, slice): (&Field, &Slice)| Port {
                declaration: format!("{kind}{} {}{suffix}", declared(field.bits), slice.name),
                about: format!("0x{:03x}", register.offset),
            };
            register.fields.iter().zip(&fields).filter(is_port).map(declare).collect()
        };
        let case = Case { word: at.clone(), name: name.clone() };
        match register.access {
            Access::ReadOnly => self.inputs.extend(ports("input  wire", "_i")),
            Access::ReadWrite => {
                self.outputs.extend(ports("output reg ", "_o"));
                self.written.push(case);
                self.stores.push(Store { word: at.clone(), fields });
            }
            Access::WriteOnly => {
                self.outputs.push(Port {
                    declaration: format!("output wire {name}_write_o"),
                    about: format!("0x{:03x}", register.offset),
                });
                self.outputs.extend(ports("output wire", "_o"));
                self.written.push(case);
                self.actions.push(Action { name: name.clone(), word: at.clone(), fields });
            }
            Access::WriteOneToClear => {
                self.inputs.extend(ports("input  wire", "_i"));
                self.outputs.extend(ports("output reg ", "_o"));
                self.written.push(case);
                self.events.push(Event { name: name.clone(), word: at.clone(), fields });
            }
        }
        if register.width == 64 {
            let bits = register.fields[0].bits;
            self.reads.push(Read {
                word: at.clone(),
                name: format!("{name}, low"),
                data: format!("{name}_i[31:0]"),
            });
            self.reads.push(Read {
                word: word(register.offset + 4),
                name: format!("{name}, high"),
                data: "high_q".to_owned(),
            });
            let data = match bits {
                32 => "32'd0".to_owned(),
                _ => format!("{{{}'d0, {name}_i[{}:32]}}", 64 - bits, bits - 1),
            };
            self.holds.push(Hold { word: at, data });
        } else {
            self.reads.push(Read { word: at, data: read_data(register, config), name });
        }
    }
}

fn range(lsb: u32, bits: u32) -> String {
    if bits == 1 { format!("[{lsb}]") } else { format!("[{}:{lsb}]", lsb + bits - 1) }
}

fn declared(bits: u32) -> String {
    if bits == 1 { String::new() } else { format!(" [{}:0]", bits - 1) }
}

/// What a 32-bit register reads as: its fields, and zeros between them.
fn read_data(register: &Register, config: &ArrayConfig) -> String {
    let suffix = match register.access {
        Access::ReadOnly => "_i",
        Access::ReadWrite | Access::WriteOneToClear => "_o",
        Access::WriteOnly => return "32'd0".to_owned(),
    };
    let mut parts = Vec::new();
    let mut bit = 0;
    for field in &register.fields {
        if field.lsb > bit {
            parts.push(format!("{}'d0", field.lsb - bit));
        }
        parts.push(match constant(config, register, field) {
            Some(value) => format!("{}'d{value}", field.bits),
            None => format!("{}{suffix}", register.field_name(field)),
        });
        bit = field.lsb + field.bits;
    }
    if bit < 32 {
        parts.push(format!("{}'d0", 32 - bit));
    }
    if parts.len() == 1 {
        return parts.remove(0);
    }
    parts.reverse();
    format!("{{{}}}", parts.join(", "))
}
