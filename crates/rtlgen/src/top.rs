//! What the buses and the command check add to the values of a design.

use flexmac_array::{ArrayConfig, ceil_log2};
use flexmac_fxp::Rounding;

use crate::design::{Values, values};

/// Widest k + lanes - 1 that the word count must be exact for: 2^18 + 15.
const DIVIDEND_BITS: u32 = 19;

/// Address bits of the command queue in `flexmac_top`: 16 commands.
pub(crate) const QUEUE_ADDR_WIDTH: u32 = 4;

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
        ("ROUND", first_mode(config).to_string()),
    ]);
    values
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
    use flexmac_array::{ArraySpec, PARAMETERS};

    use crate::registers::{Access, constant, register_map};

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
    fn connections() -> Vec<(&'static str, &'static str)> {
        let (_, instance) = flexmac_assets::rtl("flexmac_top.v")
            .split_once("flexmac_regs u_regs (")
            .expect("an instance");
        let (instance, _) = instance.split_once(");\n\n").expect("its end");
        instance
            .lines()
            .filter_map(|line| line.trim().strip_prefix('.')?.split_once('('))
            .map(|(port, net)| (port.trim(), net.trim_end_matches([',', ')'])))
            .collect()
    }

    #[test]
    fn the_top_connects_every_field_of_the_register_map_and_nothing_else() {
        let (map, config) = (register_map(), ArraySpec::default().check().unwrap());
        assert_eq!(map.address_bits, 12, "ports of flexmac_top");
        let mut ports = Vec::new();
        for register in map.registers() {
            if register.access == Access::WriteOnly {
                ports.push(format!("{}_write_o", register.name));
            }
            for field in &register.fields {
                let name = register.field_name(field);
                if constant(&config, register, field).is_some() {
                    continue;
                }
                if matches!(register.access, Access::ReadOnly | Access::WriteOneToClear) {
                    ports.push(format!("{name}_i"));
                }
                if register.access != Access::ReadOnly {
                    ports.push(format!("{name}_o"));
                }
            }
        }
        let connected = connections();
        let bus = connected.iter().position(|(port, _)| *port == ports[0]).expect("a field");
        let connected: Vec<_> = connected[bus..].iter().map(|(port, _)| *port).collect();
        assert_eq!(connected, ports);
        let depth = format!("QUEUE_ADDR_WIDTH = {QUEUE_ADDR_WIDTH};");
        assert!(flexmac_assets::rtl("flexmac_top.v").contains(&depth));
    }

    #[test]
    fn every_parameter_can_be_read_back() {
        let (map, config) = (register_map(), ArraySpec::default().check().unwrap());
        for parameter in PARAMETERS {
            let name = format!("param_{}", parameter.name);
            let register =
                map.registers().find(|register| register.name == name).expect("a register");
            for field in &register.fields {
                assert!(constant(&config, register, field).is_some(), "{name}");
            }
        }
    }
}
