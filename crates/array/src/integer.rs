//! Pipeline registers of the integer PEs (styles flex and fixed).

/// The positions for a pipeline register in front of the accumulator, in the order of the data flow
/// (RTL modules `flexmac_pe` and `flexmac_fixed_pe`).
pub const PLACES: [&str; 4] = ["operands", "half of the adder tree", "adder tree", "sum"];

/// Most registers of an integer PE: one at every position, and the accumulator.
pub const MAX_STAGES: u32 = 5;

/// The positions of the pipeline registers in an integer PE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// Bit n: a register at position n of [`PLACES`].
    pub registers: u32,
}

impl Pipeline {
    /// The positions for a number of stages, in order of use: after the adder tree, inside it,
    /// after the sum of the tree's two outputs, after the operands. The tree and the accumulator's
    /// carry chain are the long paths; operands already come from a register of the array.
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
