//! An array's parameters, checked: [`ArrayConfig`], and what follows from them.
//!
//! Everything after the check takes an [`ArrayConfig`], so no later code asks again whether a parameter
//! is legal. The parameters themselves are declared in `parameters.rs`.

use crate::bounds;
use crate::error::{ConfigError, ConfigErrors};
use crate::float;
use crate::parameters::{ArraySpec, PARAMETERS};
use crate::style::{Style, nearest_only};

impl ArraySpec {
    /// Checks the range of every parameter, and the rules between parameters.
    ///
    /// # Errors
    /// All broken rules at once, so that one correction round is enough.
    pub fn check(self) -> Result<ArrayConfig, ConfigErrors> {
        let mut errors: Vec<_> =
            PARAMETERS.iter().filter_map(|parameter| parameter.out_of_range(&self)).collect();
        let in_range = |name: &str| {
            let named = |error: &ConfigError| matches!(error, ConfigError::Range { name: found, .. } if *found == name);
            !errors.iter().any(named)
        };
        let fanout_in_range = in_range("fanout");
        let bits_in_range = in_range("max_bits");
        let depth_in_range = in_range("depth");
        let stages_in_range = in_range("stages");
        let chunk_legal = match self.style {
            Style::Flex => [2, 4, 8, 16].contains(&self.chunk),
            Style::Fixed | Style::Fp32 | Style::Bf16 | Style::Fp8 => self.chunk == self.max_bits,
        };
        // Of a wrong width, a style of floats says that alone: the chunk follows the width.
        let width_legal = self.style.float_bits().is_none_or(|bits| bits == self.max_bits);
        if !chunk_legal && self.style == Style::Flex {
            errors.push(ConfigError::Chunk { found: self.chunk });
        } else if !chunk_legal && width_legal {
            let (found, max_bits) = (self.chunk, self.max_bits);
            errors.push(ConfigError::WholeOperands { style: self.style, found, max_bits });
        }
        let style = self.style;
        if let Some(expected) = style.float_bits().filter(|bits| *bits != self.max_bits)
            && bits_in_range
        {
            errors.push(ConfigError::FloatBits { style, expected, found: self.max_bits });
        }
        if style.is_float() && self.rounding != nearest_only() {
            errors.push(ConfigError::FloatRounding { style, found: self.rounding.clone() });
        }
        if chunk_legal && bits_in_range && self.max_bits < self.chunk {
            errors.push(ConfigError::NarrowerThanChunk {
                max_bits: self.max_bits,
                chunk: self.chunk,
            });
        }
        if depth_in_range && !self.depth.is_power_of_two() {
            errors.push(ConfigError::DepthPower { found: self.depth });
        }
        if depth_in_range && chunk_legal && bits_in_range {
            let planes = self.max_bits.div_ceil(self.chunk);
            if self.depth < planes {
                errors.push(ConfigError::DepthPlanes { found: self.depth, planes });
            }
        }
        if style.is_float() && depth_in_range && stages_in_range {
            let (stages, found) = (self.stages, self.depth);
            let results = float::Pipeline::new(self.lanes, stages).results();
            if found < results {
                errors.push(ConfigError::DepthResults { found, results, stages });
            }
        }
        if style.is_float() && fanout_in_range && self.fanout != 0 {
            errors.push(ConfigError::FloatFanout { style, found: self.fanout });
        }
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        let config = ArrayConfig { spec: self };
        let (sum_bits, acc_bits) = (config.sum_bits(), config.acc_bits());
        if !config.style().is_float() && sum_bits <= acc_bits {
            let found = config.spec.max_sum_bits;
            return Err(ConfigErrors(vec![ConfigError::NarrowSums { found, acc_bits }]));
        }
        Ok(config)
    }
}

/// A legal configuration and everything that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayConfig {
    spec: ArraySpec,
}

impl ArrayConfig {
    /// The parameters.
    pub fn spec(&self) -> &ArraySpec {
        &self.spec
    }

    /// Rows of the array: results per column and tile.
    pub fn rows(&self) -> usize {
        self.spec.rows as usize
    }

    /// Columns of the array: results per row and tile.
    pub fn cols(&self) -> usize {
        self.spec.cols as usize
    }

    /// Products per PE and cycle, along K.
    pub fn lanes(&self) -> usize {
        self.spec.lanes as usize
    }

    /// Which PE fills the array.
    pub fn style(&self) -> Style {
        self.spec.style
    }

    /// Multiplier width P: bits of one plane, of a whole operand in the baselines.
    pub fn chunk(&self) -> u32 {
        self.spec.chunk
    }

    /// Widest operand.
    pub fn max_bits(&self) -> u32 {
        self.spec.max_bits
    }

    /// Most planes an operand has.
    pub fn max_planes(&self) -> u32 {
        self.planes(self.spec.max_bits)
    }

    /// Planes of an operand of `bits`: ceil(bits / chunk).
    pub fn planes(&self, bits: u32) -> u32 {
        bits.div_ceil(self.spec.chunk)
    }

    /// Rows that share the registers of what passes them: `fanout`, or all.
    pub fn block_rows(&self) -> u32 {
        block(self.spec.rows, self.spec.fanout)
    }

    /// Columns that share the registers of what passes them: `fanout`, or all.
    pub fn block_cols(&self) -> u32 {
        block(self.spec.cols, self.spec.fanout)
    }

    /// Blocks along a column.
    pub fn row_blocks(&self) -> u32 {
        self.spec.rows.div_ceil(self.block_rows())
    }

    /// Blocks along a row.
    pub fn col_blocks(&self) -> u32 {
        self.spec.cols.div_ceil(self.block_cols())
    }

    /// Slots from a row's being told to leave its chain to its requantizer's being told to take it:
    /// time to pass every block of the column. With one block both are told at once.
    pub fn drain_lag(&self) -> u32 {
        match self.row_blocks() {
            1 => 0,
            blocks => blocks,
        }
    }

    /// Bits of one PE's accumulator, from the bound in `bounds.rs`; a binary32 number has its own.
    pub fn acc_bits(&self) -> u32 {
        match self.spec.style {
            Style::Flex | Style::Fixed => bounds::accumulator_bits(&self.spec),
            Style::Fp32 | Style::Bf16 | Style::Fp8 => 32,
        }
    }

    /// Cycles from a PE's operands to where its sums are captured: all its registers, or in the
    /// float PE those in front of the accumulation loop and one.
    pub fn capture_stages(&self) -> u32 {
        match self.spec.style {
            Style::Flex | Style::Fixed => self.spec.stages,
            Style::Fp32 | Style::Bf16 | Style::Fp8 => self.float_pipeline().before_loop() + 1,
        }
    }

    /// Bits of the exact sum in a requantizer: any product of `max_bits` operands up to K = 2^24,
    /// over as many commands as it takes, and never fewer than 48, so that narrow arrays take a
    /// bias too; but at most `max_sum_bits`.
    pub fn sum_bits(&self) -> u32 {
        match self.spec.style {
            Style::Flex | Style::Fixed => {
                (2 * self.spec.max_bits + 24).max(48).min(self.spec.max_sum_bits)
            }
            Style::Fp32 | Style::Bf16 | Style::Fp8 => 32,
        }
    }

    /// Longest dot product of one command at these plane counts: bounded by `max_k` and by what one
    /// operand bank holds. A bank of B holds a word for each result that a PE works on.
    pub fn command_k(&self, planes_a: u32, planes_b: u32) -> usize {
        let planes = planes_a.max(planes_b) as usize;
        let words = self.spec.depth as usize / (planes * self.results_per_pe());
        (self.spec.max_k as usize).min(words * self.lanes())
    }

    /// A short name for logs and reports: `16x16 chunk 8 lanes 4 max_bits 32`,
    /// `16x16 fixed 32 bits lanes 4`, `16x16 bf16 lanes 4`, and `fanout 4` where it is not 0.
    pub fn summary(&self) -> String {
        let s = &self.spec;
        let (rows, cols, lanes) = (s.rows, s.cols, s.lanes);
        let fanout = match s.fanout {
            0 => String::new(),
            n => format!(" fanout {n}"),
        };
        match s.style {
            Style::Flex => format!(
                "{rows}x{cols} chunk {} lanes {lanes} max_bits {}{fanout}",
                s.chunk, s.max_bits
            ),
            Style::Fixed => {
                format!("{rows}x{cols} fixed {} bits lanes {lanes}{fanout}", s.max_bits)
            }
            Style::Fp32 | Style::Bf16 | Style::Fp8 => {
                format!("{rows}x{cols} {} lanes {lanes}", s.style)
            }
        }
    }
}

/// PEs of a line of `count` that share a register.
fn block(count: u32, fanout: u32) -> u32 {
    match fanout {
        0 => count,
        n => n.min(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_rule_is_reported_at_once() {
        let spec = ArraySpec {
            rows: 0,
            cols: 129,
            chunk: 3,
            lanes: 17,
            max_bits: 33,
            max_k: (1 << 18) + 1,
            stages: 5,
            fanout: 129,
            depth: 3,
            ..ArraySpec::default()
        };
        let errors = spec.check().unwrap_err();
        let text = errors.to_string();
        for name in
            ["rows", "cols", "chunk", "lanes", "max_bits", "max_k", "stages", "fanout", "depth"]
        {
            assert!(text.contains(&format!("\n  {name}: ")), "{name} missing in {text}");
        }
        assert_eq!(errors.iter().count(), 9);
    }

    #[test]
    fn rules_between_parameters() {
        let spec = ArraySpec { chunk: 16, max_bits: 8, ..ArraySpec::default() };
        let text = spec.check().unwrap_err().to_string();
        assert!(text.contains("max_bits: expected at least chunk = 16, found 8"), "{text}");
        let spec = ArraySpec { chunk: 2, max_bits: 32, depth: 8, ..ArraySpec::default() };
        let text = spec.check().unwrap_err().to_string();
        assert!(text.contains("depth: expected at least 16"), "{text}");
    }

    #[test]
    fn baselines_multiply_whole_operands() {
        let fixed = ArraySpec { style: Style::Fixed, max_bits: 13, ..ArraySpec::default() };
        let text = fixed.clone().check().unwrap_err().to_string();
        assert!(text.contains("chunk: style fixed multiplies max_bits = 13"), "{text}");
        let config = ArraySpec { chunk: 13, ..fixed }.check().unwrap();
        assert_eq!((config.planes(2), config.planes(13), config.max_planes()), (1, 1, 1));
        // 2 * max_bits + ceil(log2(max_k)).
        assert_eq!(config.acc_bits(), 26 + 12);
        let fp32 = ArraySpec { style: Style::Fp32, max_bits: 16, ..ArraySpec::default() };
        let text = fp32.check().unwrap_err().to_string();
        assert!(text.contains("\n  max_bits: ") && !text.contains("\n  chunk: "), "{text}");
        assert!(text.contains("\n  rounding: "), "{text}");
        let fp32 = ArraySpec { style: Style::Fp32, fanout: 4, ..ArraySpec::default() };
        let text = fp32.check().unwrap_err().to_string();
        assert!(text.contains("\n  fanout: style fp32 has 0"), "{text}");
        let fp8 = ArraySpec { max_bits: 9, chunk: 9, ..ArraySpec::of_style(Style::Fp8) };
        let text = fp8.check().unwrap_err().to_string();
        assert!(
            text.contains("\n  max_bits: style fp8 has 8, found 9; leave max_bits out"),
            "{text}"
        );
        let stages = float::Pipeline::most_stages(4);
        let shallow = ArraySpec { stages, depth: 2, ..ArraySpec::of_style(Style::Bf16) };
        let text = shallow.check().unwrap_err().to_string();
        assert!(
            text.contains("\n  depth: expected at least 5, one word for each result"),
            "{text}"
        );
    }

    /// The requantizers sign-extend accumulators to sums, and a PE its lanes' sum to accumulators.
    #[test]
    fn sums_are_wider_than_accumulators_are_wider_than_lane_sums() {
        for chunk in [2, 4, 8, 16] {
            for max_bits in chunk..=32 {
                for (max_k, lanes) in [(1, 16), (100, 3), (1 << 18, 1), (1 << 18, 16)] {
                    let spec = ArraySpec { chunk, max_bits, max_k, lanes, ..ArraySpec::default() };
                    let config = spec.check().unwrap();
                    let lane_sum = 2 * chunk + 1 + lanes.next_power_of_two().trailing_zeros();
                    assert!(config.acc_bits() > lane_sum, "{config:?}");
                    assert!(config.sum_bits() > config.acc_bits(), "{config:?}");
                }
            }
        }
    }

    #[test]
    fn sums_are_as_wide_as_asked_for() {
        let spec = ArraySpec { max_sum_bits: 64, ..ArraySpec::default() };
        assert_eq!(spec.clone().check().unwrap().sum_bits(), 64);
        let narrow = ArraySpec { max_bits: 16, ..spec.clone() };
        assert_eq!(narrow.check().unwrap().sum_bits(), 56);
        let fixed = ArraySpec { style: Style::Fixed, chunk: 32, max_sum_bits: 48, ..spec };
        let text = fixed.check().unwrap_err().to_string();
        assert!(text.contains("max_sum_bits: expected more than 76"), "{text}");
    }

    #[test]
    fn blocks_cover_the_array() {
        let blocks = |rows, cols, fanout| {
            let config = ArraySpec { rows, cols, fanout, ..ArraySpec::default() };
            let config = config.check().unwrap();
            (config.row_blocks(), config.col_blocks(), config.drain_lag())
        };
        assert_eq!(blocks(8, 16, 0), (1, 1, 0));
        assert_eq!(blocks(8, 16, 4), (2, 4, 2));
        assert_eq!(blocks(3, 5, 1), (3, 5, 3));
        assert_eq!(blocks(5, 3, 3), (2, 1, 2));
        assert_eq!(blocks(1, 1, 1), (1, 1, 0));
        assert_eq!(blocks(2, 3, 128), (1, 1, 0));
    }

    #[test]
    fn a_float_bank_holds_a_word_for_every_result_of_a_pe() {
        let stages = float::Pipeline::most_stages(3);
        let spec = ArraySpec { lanes: 3, depth: 16, stages, ..ArraySpec::of_style(Style::Fp8) };
        let config = spec.check().unwrap();
        assert_eq!((config.results_per_pe(), config.tile_cols()), (5, 40));
        assert_eq!(config.command_k(1, 1), 16 / 5 * 3);
    }

    #[test]
    fn a_command_holds_what_its_banks_and_accumulators_hold() {
        let spec = ArraySpec { lanes: 3, depth: 16, max_k: 20, ..ArraySpec::default() };
        let config = spec.check().unwrap();
        assert_eq!(config.command_k(1, 1), 20);
        assert_eq!(config.command_k(2, 4), 12);
    }
}
