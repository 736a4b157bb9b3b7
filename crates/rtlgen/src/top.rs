//! Context of `flexmac_top.v.tera`: what the buses and the command check add to a design.

use flexmac_array::{ArrayConfig, ceil_log2};
use flexmac_fxp::Rounding;
use serde::Serialize;

use crate::design::Design;
use crate::registers::{Access, RegisterMap, parameter_value};

/// Address bits of the command queue: 16 commands.
const QUEUE_BITS: u32 = 4;

/// Widest k + lanes - 1 that the word count must be exact for: 2^18 + 15.
const DIVIDEND_BITS: u32 = 19;

/// The whole of `flexmac_top`, worked out.
#[derive(Debug, Serialize)]
pub(crate) struct Top {
    #[serde(flatten)]
    pub design: Design,
    axil_bits: u32,
    axil_msb: u32,
    op_a_bits: u32,
    op_b_bits: u32,
    stream_a_msb: u32,
    stream_b_msb: u32,
    stream_a_padded: bool,
    stream_b_padded: bool,
    preload_bits: u32,
    preload_msb: u32,
    queue_bits: u32,
    rounding_mask: u32,
    reciprocal: u32,
    places: u32,
    // the testbench's tile
    smoke_k: u32,
    smoke_shape: String,
    smoke_mode: String,
    preload_width: u32,
    results_width: u32,
    register_wires: Vec<Wire>,
    register_constants: Vec<Constant>,
    register_connections: Vec<Connection>,
}

/// A net between the register file and the rest.
#[derive(Debug, Serialize)]
struct Wire {
    range: String,
    name: String,
}

/// An input of the register file that never changes.
#[derive(Debug, Serialize)]
struct Constant {
    port: String,
    value: String,
}

/// A port of the register file and its net.
#[derive(Debug, Serialize)]
struct Connection {
    port: String,
    name: String,
}

/// Widths of the data pins of `flexmac_top`'s streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamBits {
    /// Operand A: digits, rounded up to bytes.
    pub a: u32,
    /// Operand B: digits, rounded up to bytes.
    pub b: u32,
    /// Preload: a slot of [`Self::preload_slot`] per column.
    pub preload: u32,
    /// One sum of a preload beat, sign-extended.
    pub preload_slot: u32,
    /// Seeds: 32 bits per column.
    pub seed: u32,
    /// Results: 32 bits per column.
    pub result: u32,
}

impl StreamBits {
    /// The widths of a configuration.
    pub fn new(config: &ArrayConfig) -> Self {
        let s = config.spec();
        let digits = |ports: u32| (ports * s.lanes * s.chunk).next_multiple_of(8);
        let preload_slot = config.sum_bits().next_multiple_of(32);
        Self {
            a: digits(s.rows),
            b: digits(s.cols),
            preload: s.cols * preload_slot,
            preload_slot,
            seed: s.cols * 32,
            result: s.cols * 32,
        }
    }
}

impl Top {
    pub fn new(config: &ArrayConfig, map: &RegisterMap) -> Self {
        let s = config.spec();
        let bits = StreamBits::new(config);
        let (op_a_bits, op_b_bits) = (s.rows * s.lanes * s.chunk, s.cols * s.lanes * s.chunk);
        let (reciprocal, places) = reciprocal(s.lanes);
        let rounding_mask = s.rounding.iter().map(|mode| 1 << mode.encoding()).sum();
        let mut top = Self {
            design: Design::new(config),
            axil_bits: map.address_bits,
            axil_msb: map.address_bits - 1,
            op_a_bits,
            op_b_bits,
            stream_a_msb: bits.a - 1,
            stream_b_msb: bits.b - 1,
            stream_a_padded: bits.a > op_a_bits,
            stream_b_padded: bits.b > op_b_bits,
            preload_bits: bits.preload_slot,
            preload_msb: bits.preload - 1,
            queue_bits: QUEUE_BITS,
            rounding_mask,
            reciprocal,
            places,
            smoke_k: s.lanes.min(s.max_k),
            smoke_shape: format!("{{16'd{}, 16'd{}}}", s.cols, s.rows),
            smoke_mode: format!("{{8'd0, 8'd{}, 16'd0}}", first_mode(config)),
            preload_width: bits.preload,
            results_width: bits.result,
            register_wires: Vec::new(),
            register_constants: Vec::new(),
            register_connections: Vec::new(),
        };
        top.connect(config, map, &bits);
        top
    }

    fn connect(&mut self, config: &ArrayConfig, map: &RegisterMap, bits: &StreamBits) {
        for register in map.registers() {
            if register.access == Access::WriteOnly {
                let name = format!("{}_write", register.name);
                self.wire(String::new(), &name, format!("{name}_o"));
            }
            for field in &register.fields {
                let name = register.field_name(field);
                let range = if field.bits == 1 {
                    String::new()
                } else {
                    format!(" [{}:0]", field.bits - 1)
                };
                let value = parameter_value(config, register, field)
                    .or_else(|| constant(config, bits, &name));
                if let Some(value) = value {
                    let value = format!("{}'d{value}", field.bits);
                    self.register_constants.push(Constant { port: format!("{name}_i"), value });
                    continue;
                }
                match register.access {
                    Access::ReadOnly => self.wire(range, &name, format!("{name}_i")),
                    Access::ReadWrite if name == "scratch" => {
                        self.wire(range, "unused_scratch", format!("{name}_o"));
                    }
                    Access::ReadWrite | Access::WriteOnly => {
                        self.wire(range, &name, format!("{name}_o"));
                    }
                    Access::WriteOneToClear => {
                        let set = format!("{}_set_{}", register.name, field.name);
                        self.wire(range.clone(), &set, format!("{name}_i"));
                        self.wire(range, &name, format!("{name}_o"));
                    }
                }
            }
        }
    }

    fn wire(&mut self, range: String, name: &str, port: String) {
        self.register_wires.push(Wire { range, name: name.to_owned() });
        self.register_connections.push(Connection { port, name: name.to_owned() });
    }
}

/// The first rounding mode the design has: nothing is dropped where every mode must agree.
fn first_mode(config: &ArrayConfig) -> u8 {
    config.spec().rounding.iter().map(Rounding::encoding).next().unwrap_or_default()
}

/// What a read-only field that is no parameter is tied to, where the configuration or the generator
/// decides.
fn constant(config: &ArrayConfig, bits: &StreamBits, field: &str) -> Option<u32> {
    let version = |part: &str| part.parse().expect("cargo versions are numbers");
    Some(match field {
        "id" => crate::registers::ID,
        "version_major" => version(env!("CARGO_PKG_VERSION_MAJOR")),
        "version_minor" => version(env!("CARGO_PKG_VERSION_MINOR")),
        "version_patch" => version(env!("CARGO_PKG_VERSION_PATCH")),
        "param_sum_bits" => config.sum_bits(),
        "param_preload_bits" => bits.preload_slot,
        "param_queue" => 1 << QUEUE_BITS,
        _ => return None,
    })
}

/// (2^places / lanes rounded up, places): floor(x * reciprocal / 2^places) = floor(x / lanes) for
/// every x below 2^19, because the excess, below lanes, stays within 2^(places - 19).
fn reciprocal(lanes: u32) -> (u32, u32) {
    let places = DIVIDEND_BITS + ceil_log2(lanes);
    ((1_u32 << places).div_ceil(lanes), places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::register_map;
    use flexmac_array::ArraySpec;

    #[test]
    fn reciprocals_divide_exactly() {
        for lanes in 1..=16 {
            let (reciprocal, places) = reciprocal(lanes);
            assert!(reciprocal < 1 << 20);
            for k in 1..=1_u32 << 18 {
                let x = k + lanes - 1;
                let quotient = (u64::from(x) * u64::from(reciprocal)) >> places;
                assert_eq!(quotient, u64::from(k.div_ceil(lanes)), "{k} / {lanes}");
            }
        }
    }

    #[test]
    fn every_parameter_can_be_read_back() {
        let config = ArraySpec::default().check().unwrap();
        let top = Top::new(&config, &register_map());
        for parameter in flexmac_array::PARAMETERS {
            let port = format!("param_{}", parameter.name);
            assert!(top.register_constants.iter().any(|c| c.port.starts_with(&port)), "{port}");
        }
        assert!(!top.register_wires.iter().any(|wire| wire.name.starts_with("param_")));
    }
}
