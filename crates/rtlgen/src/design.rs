//! The values that the parameters of the hand-written modules take in a design.

use flexmac_array::float::{FRONT_PLACES, LOOP_PLACES};
use flexmac_array::{ArrayConfig, Style, ceil_log2, integer};
use flexmac_fxp::Rounding;

use crate::top::top_values;

/// Names of Verilog parameters and their values.
pub(crate) type Values = Vec<(&'static str, String)>;

/// The parameters of `flexmac_column`, `flexmac_array` and `flexmac_core`.
pub(crate) fn values(config: &ArrayConfig) -> Values {
    let s = config.spec();
    let mut values = vec![
        ("ROWS", s.rows.to_string()),
        ("COLS", s.cols.to_string()),
        ("LANES", s.lanes.to_string()),
        ("DEPTH", s.depth.to_string()),
        ("STAGES", config.capture_stages().to_string()),
    ];
    values.extend(match s.style {
        Style::Flex | Style::Fixed => integer_values(config),
        Style::Fp32 | Style::Bf16 | Style::Fp8 => float_values(config),
    });
    values
}

fn integer_values(config: &ArrayConfig) -> Values {
    let s = config.spec();
    let registers = integer::Pipeline::new(s.stages).registers;
    vec![
        ("CHUNK", s.chunk.to_string()),
        ("MAX_BITS", s.max_bits.to_string()),
        ("REGISTERS", format!("4'b{registers:04b}")),
        ("FANOUT", s.fanout.to_string()),
        ("BLOCK_ROWS", config.block_rows().to_string()),
        ("BLOCK_COLS", config.block_cols().to_string()),
        ("ACC_WIDTH", config.acc_bits().to_string()),
        ("SUM_WIDTH", config.sum_bits().to_string()),
        ("STOCHASTIC", u32::from(s.rounding.contains(Rounding::Stochastic)).to_string()),
        ("FIXED_PE", u32::from(s.style == Style::Fixed).to_string()),
    ]
}

fn float_values(config: &ArrayConfig) -> Values {
    let pipeline = config.float_pipeline();
    let bits = |places: usize, registers: u32| format!("{places}'b{registers:0places$b}");
    vec![
        ("OPERAND_WIDTH", config.max_bits().to_string()),
        ("FRONT_REGISTERS", bits(FRONT_PLACES.len(), pipeline.front)),
        ("LOOP_REGISTERS", bits(LOOP_PLACES.len(), pipeline.accumulation)),
        ("RESULTS", pipeline.results().to_string()),
    ]
}

/// The text of a module whose header gives its parameters these values. Parameters that are not
/// among them follow from the others and stay as they are.
pub(crate) fn with_values(text: &str, values: &Values) -> String {
    text.lines()
        .map(|line| with_value(line, values).unwrap_or_else(|| line.to_owned()) + "\n")
        .collect()
}

/// A line of the header, `    parameter [range] NAME = default,`: what is before the equals sign, the name
/// in it, and what is behind the sign.
fn declaration(line: &str) -> Option<(&str, &str, &str)> {
    let (declared, default) = line.strip_prefix("    parameter ")?.split_once('=')?;
    Some((declared, declared.split_whitespace().last()?, default))
}

/// A line of the header with the value of the design.
fn with_value(line: &str, values: &Values) -> Option<String> {
    let (declared, name, default) = declaration(line)?;
    let (_, value) = values.iter().find(|(known, _)| *known == name)?;
    let comma = if default.contains(',') { "," } else { "" };
    Some(format!("    parameter {declared}= {value}{comma}"))
}

/// The parameters of one module of a design, for a tool that elaborates it alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleParameters {
    /// Name and Verilog constant of those that the design decides, where the module's text has another
    /// value.
    pub set: Vec<(String, String)>,
    /// Those that the design does not know, since they follow from where the module stands in it, with the
    /// default that they keep.
    pub defaults: Vec<(String, String)>,
}

/// What the parameters of the module in `text` are in a design. Parameters computed from others are left
/// alone.
pub fn module_parameters(config: &ArrayConfig, text: &str) -> ModuleParameters {
    let values = top_values(config);
    let mut found = ModuleParameters::default();
    for (_, name, default) in text.lines().filter_map(declaration) {
        let default = default.split([',', '/']).next().unwrap_or(default).trim();
        let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        match value {
            Some(value) if value == default => {}
            Some(value) => found.set.push((name.to_owned(), value.clone())),
            None if default.starts_with(|c: char| c.is_ascii_digit()) => {
                found.defaults.push((name.to_owned(), default.to_owned()));
            }
            None => {}
        }
    }
    found
}

/// Ports of `flexmac_core` whose width follows from the configuration, with that width.
pub fn port_bits(config: &ArrayConfig) -> Vec<(&'static str, u32)> {
    let s = config.spec();
    let count_bits = |count: u32| ceil_log2(count + 1).max(1);
    let word = s.lanes * s.chunk;
    vec![
        ("op_a_i", s.rows * word),
        ("op_b_i", s.cols * word),
        ("op_addr_a_o", ceil_log2(s.depth).max(1)),
        ("cmd_words_i", count_bits(s.depth)),
        ("cmd_planes_a_i", count_bits(config.max_planes())),
        ("cmd_rows_i", count_bits(s.rows)),
        ("cmd_cols_i", count_bits(config.tile_cols() as u32)),
        ("pre_data_i", s.cols * config.sum_bits()),
        ("seed_data_i", s.cols * 32),
        ("res_data_o", s.cols * 32),
        ("sum_valid_o", s.cols),
        ("sum_data_o", s.cols * config.sum_bits()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use flexmac_array::ArraySpec;

    #[test]
    fn parameters_of_a_module_are_those_of_the_design() {
        let spec = ArraySpec { chunk: 4, lanes: 2, ..ArraySpec::default() };
        let config = spec.check().expect("valid");
        let text = "module m #(\n    parameter       CHUNK = 8,\n    parameter       LANES = 2,\n    \
                    parameter [3:0] REGISTERS = 4'b1111, // all\n    parameter       ADDR_WIDTH = 10,\n    \
                    parameter       WIDTH = CHUNK * LANES\n) ();\n";
        let found = module_parameters(&config, text);
        let owned = |pairs: &[(&str, &str)]| -> Vec<_> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let registers =
            format!("4'b{:04b}", integer::Pipeline::new(config.spec().stages).registers);
        assert_eq!(found.set, owned(&[("CHUNK", "4"), ("REGISTERS", &registers)]));
        assert_eq!(found.defaults, owned(&[("ADDR_WIDTH", "10")]));
    }

    #[test]
    fn a_parameter_keeps_its_range_and_its_comma() {
        let values = vec![("A", "4'b0110".to_owned()), ("B_WIDTH", "7".to_owned())];
        let text = "module m #(\n    parameter [3:0] A       = 4'b0,\n    parameter       C = A + 1,\n    \
                    parameter       B_WIDTH = 3\n) ();\n  localparam A = 1;\n";
        let expected = "module m #(\n    parameter [3:0] A       = 4'b0110,\n    parameter       C = A + 1,\n    \
                        parameter       B_WIDTH = 7\n) ();\n  localparam A = 1;\n";
        assert_eq!(with_values(text, &values), expected);
    }
}
