//! The one-pass integer PE: where its registers are.

/// Places for a register in front of the accumulator of `rtl/flexmac_fixed_pe.v`.
pub(crate) const PLACES: [&str; 4] = ["operands", "partial products", "products", "sum"];

/// Registers of a fixed PE: every place and the accumulator.
pub(crate) const MAX_STAGES: u32 = 5;

/// Where the pipeline registers of a fixed PE are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// Bit n: a register at place n of [`PLACES`].
    pub registers: u32,
}

impl Pipeline {
    /// The placement for a number of stages: behind the sum, then inside the multipliers, then at
    /// the operands, then behind the multipliers.
    pub fn new(stages: u32) -> Self {
        let registers = match stages {
            1 => 0b0000,
            2 => 0b1000,
            3 => 0b1010,
            4 => 0b1011,
            _ => 0b1111,
        };
        Self { registers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_register() {
        for stages in 1..=MAX_STAGES {
            assert_eq!(Pipeline::new(stages).registers.count_ones() + 1, stages);
        }
    }
}
