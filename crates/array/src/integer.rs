//! Pipeline registers of the integer PEs, flexible and one-pass.

/// Places for a register in front of the accumulator of `rtl/flexmac_pe.v` and
/// `rtl/flexmac_fixed_pe.v`, in the order operands pass them.
pub const PLACES: [&str; 4] = ["operands", "half of the adder tree", "adder tree", "sum"];

/// Registers of an integer PE: every place and the accumulator.
pub const MAX_STAGES: u32 = 5;

/// Where the pipeline registers of an integer PE are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// Bit n: a register at place n of [`PLACES`].
    pub registers: u32,
}

impl Pipeline {
    /// The placement for a number of stages: behind the adder tree, then inside it, then behind the
    /// sum of its pair, then at the operands. The tree and the accumulator's carry chain are the
    /// long paths; operands come from a register of the array's anyway.
    pub fn new(stages: u32) -> Self {
        let registers = match stages {
            1 => 0b0000,
            2 => 0b0100,
            3 => 0b0110,
            4 => 0b1110,
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
