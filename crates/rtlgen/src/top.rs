//! What the buses and the command check add to the values of a design.

use flexmac_array::{ArrayConfig, ceil_log2};
use flexmac_fxp::Rounding;

use crate::design::{Values, values, with_values};
use crate::registers::{parameter_value, register_map};

/// Widest k + lanes - 1 that the word count must be exact for: 2^18 + 15.
const DIVIDEND_BITS: u32 = 19;

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

/// The parameters of `flexmac_top` and of its test bench.
pub(crate) fn top_values(config: &ArrayConfig) -> Values {
    let s = config.spec();
    let (reciprocal, places) = reciprocal(s.lanes);
    let modes: u32 = s.rounding.iter().map(|mode| 1 << mode.encoding()).sum();
    let mut values = values(config);
    values.extend([
        ("MAX_K", s.max_k.to_string()),
        ("ROUNDING", format!("4'b{modes:04b}")),
        ("RECIPROCAL", reciprocal.to_string()),
        ("RECIPROCAL_SHIFT", places.to_string()),
        ("VERSION_MAJOR", env!("CARGO_PKG_VERSION_MAJOR").to_owned()),
        ("VERSION_MINOR", env!("CARGO_PKG_VERSION_MINOR").to_owned()),
        ("VERSION_PATCH", env!("CARGO_PKG_VERSION_PATCH").to_owned()),
        ("ROUND", first_mode(config).to_string()),
    ]);
    values
}

/// The text of `flexmac_top` with the values of a design. Parameters of the array that the module does
/// not know by name are read back as well: their registers are tied to their values.
pub(crate) fn top_text(config: &ArrayConfig, text: &str) -> String {
    let mut tied = String::new();
    for register in register_map().registers() {
        for field in &register.fields {
            let port = format!("{}_i", register.field_name(field));
            if let Some(value) = parameter_value(config, register, field)
                && !text.contains(&format!(".{port} "))
                && !text.contains(&format!(".{port}("))
            {
                tied += &format!("      .{port}({}'d{value}),\n", field.bits);
            }
        }
    }
    let first_signal = "      .scratch_o ";
    with_values(text, &top_values(config)).replacen(first_signal, &(tied + first_signal), 1)
}

/// The first rounding mode the design has: the test bench drops nothing, so every mode must agree.
fn first_mode(config: &ArrayConfig) -> u8 {
    config.spec().rounding.iter().map(Rounding::encoding).next().unwrap_or_default()
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
    use crate::registers::Access;
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

    /// Names of ports and what they are connected to, of the register file in `flexmac_top`.
    fn connections() -> Vec<(String, String)> {
        let config = ArraySpec::default().check().unwrap();
        let text = top_text(&config, flexmac_assets::rtl("flexmac_top.v"));
        let (_, instance) = text.split_once("flexmac_regs u_regs (").expect("an instance");
        let (instance, _) = instance.split_once(");\n\n").expect("its end");
        let connection = |line: &str| {
            let (port, net) = line.trim().strip_prefix('.')?.split_once('(')?;
            Some((port.trim().to_owned(), net.trim_end_matches([',', ')']).to_owned()))
        };
        instance.lines().filter_map(connection).collect()
    }

    #[test]
    fn the_top_connects_every_field_of_the_register_map_and_nothing_else() {
        let map = register_map();
        assert_eq!(map.address_bits, 12, "ports of flexmac_top");
        let mut ports = Vec::new();
        for register in map.registers() {
            if register.access == Access::WriteOnly {
                ports.push(format!("{}_write_o", register.name));
            }
            for field in &register.fields {
                let name = register.field_name(field);
                if matches!(register.access, Access::ReadOnly | Access::WriteOneToClear) {
                    ports.push(format!("{name}_i"));
                }
                if register.access != Access::ReadOnly {
                    ports.push(format!("{name}_o"));
                }
            }
        }
        let connected = connections();
        let bus = connected.iter().take_while(|(port, _)| *port != "id_i").count();
        let mut found: Vec<_> = connected[bus..].iter().map(|(port, _)| port.clone()).collect();
        found.sort();
        ports.sort();
        assert_eq!(found, ports);
        let id = format!("ID = 32'h{:08x};", crate::registers::ID);
        assert!(flexmac_assets::rtl("flexmac_top.v").contains(&id));
    }

    #[test]
    fn every_parameter_can_be_read_back() {
        let connected = connections();
        for parameter in flexmac_array::PARAMETERS {
            let port = format!("param_{}", parameter.name);
            assert!(connected.iter().any(|(name, _)| name.starts_with(&port)), "{port}");
        }
        for (port, net) in connected.iter().filter(|(port, _)| port.starts_with("param_")) {
            assert!(!net.contains("status") && !net.ends_with("_i"), "{port} is constant: {net}");
        }
    }
}
