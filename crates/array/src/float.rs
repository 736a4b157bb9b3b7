//! The float PE: its pipeline registers, and the cycles of a GEMM on a float array.
//!
//! A PE adds the exact products of a word to a binary32 sum. This addition takes L cycles, the registers of the
//! accumulation loop. A PE therefore works on L results in turn: columns c, c + COLS, ..., c + (L - 1) COLS of a
//! tile of ROWS x (L * COLS). The registers of the loop are the L sums, so no partial sums remain to be added at
//! the end, and the number of registers has no part in the arithmetic.

use crate::config::ArrayConfig;
use crate::schedule::{Command, Schedule};
use crate::style::Style;

/// The positions for a pipeline register in front of the accumulation loop, in the order of the data flow (RTL
/// module `flexmac_float_pe`). With one lane there is nothing to align and nothing to add up: two of them are not
/// there ([`ONE_LANE`]).
pub const FRONT_PLACES: [&str; 7] = [
    "operands",
    "products as carry-save pairs",
    "products",
    "aligned products",
    "sum as a carry-save pair",
    "magnitude",
    "normalized",
];

/// The positions in [`FRONT_PLACES`] that one lane has, as bits.
pub const ONE_LANE: u32 = 0b110_0111;

/// The positions for a register inside the loop (RTL module `flexmac_float_add`), besides that of the rounded sum,
/// which is always there.
pub const LOOP_PLACES: [&str; 4] = ["aligned", "sum", "count", "normalized"];

/// The positions of the pipeline registers in a float PE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// Bit n: a register at position n of [`FRONT_PLACES`].
    pub front: u32,
    /// Bit n: a register at position n of [`LOOP_PLACES`].
    pub accumulation: u32,
}

impl Pipeline {
    /// Most registers of a PE. More do not shorten its longest path.
    pub fn most_stages(lanes: u32) -> u32 {
        match lanes {
            1 => 9,
            _ => 11,
        }
    }

    /// The positions for a number of stages, 1 to [`Self::most_stages`]. The next register goes where it shortens the
    /// longest path most, as estimated from the delays between registers in netlists that have all of them (sky130);
    /// the last one goes after the operands, which already come from a register.
    pub fn new(lanes: u32, stages: u32) -> Self {
        let (front, accumulation) = match (lanes, stages) {
            (_, 1) => (0b000_0000, 0b0000),
            (_, 2) => (0b100_0000, 0b0000),
            (1, 3) => (0b100_0000, 0b0010),
            (1, 4) => (0b100_0100, 0b0010),
            (1, 5) => (0b100_0100, 0b0101),
            (1, 6) => (0b100_0100, 0b1011),
            (1, 7) => (0b100_0110, 0b1011),
            (1, 8) => (0b100_0110, 0b1111),
            (1, _) => (0b100_0111, 0b1111),
            (_, 3) => (0b100_1000, 0b0000),
            (_, 4) => (0b100_1000, 0b0010),
            (_, 5) => (0b110_0100, 0b0010),
            (_, 6) => (0b110_0100, 0b0101),
            (_, 7) => (0b110_1010, 0b0101),
            (_, 8) => (0b110_1010, 0b1011),
            (_, 9) => (0b111_0110, 0b1011),
            (_, 10) => (0b111_0110, 0b1111),
            (_, _) => (0b111_0111, 0b1111),
        };
        Self { front, accumulation }
    }

    /// Registers in front of the accumulation loop.
    pub fn before_loop(self) -> u32 {
        self.front.count_ones()
    }

    /// Registers in the accumulation loop: the results that a PE works on in turn.
    pub fn results(self) -> u32 {
        self.accumulation.count_ones() + 1
    }
}

impl ArrayConfig {
    /// The positions of the float PE's pipeline registers.
    pub fn float_pipeline(&self) -> Pipeline {
        Pipeline::new(self.spec().lanes, self.spec().stages)
    }

    /// Results that a PE works on in turn: 1 on an integer array, L on a float array.
    pub fn results_per_pe(&self) -> usize {
        match self.style() {
            Style::Flex | Style::Fixed => 1,
            Style::Fp32 | Style::Bf16 | Style::Fp8 => self.float_pipeline().results() as usize,
        }
    }

    /// Columns of a tile: those of the array, once for each result of a PE.
    pub fn tile_cols(&self) -> usize {
        self.cols() * self.results_per_pe()
    }
}

/// Slots in which a tile issues words, over all its commands. Each word takes L slots, in each of which every
/// column gets the operands of another result; a tile with fewer live blocks of columns takes as many.
pub(crate) fn issue_slots(schedule: &Schedule, config: &ArrayConfig) -> u64 {
    let words = |command: Command| schedule.words(command.k_len) as u64;
    let words: u64 = schedule.tile_commands(0).map(words).sum();
    words * config.results_per_pe() as u64
}

/// Returns issue slots, slots, beats of the last capture, and slots in which a capture waited. A tile waits for
/// the drain chains as a significance does on an integer array. A capture has one beat per live row and live block
/// of columns.
pub(crate) fn slots(
    schedule: &Schedule,
    config: &ArrayConfig,
    tiles: impl IntoIterator<Item = usize>,
) -> (u64, u64, u64, u64) {
    let own = issue_slots(schedule, config);
    let (mut issued, mut slots, mut draining) = (0, 0, 0);
    for tile in tiles {
        issued += own;
        slots += own.max(draining);
        draining = schedule.tile_beats(tile) as u64;
    }
    (issued, slots, draining, slots - issued)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ArraySpec;

    #[test]
    fn a_stage_is_a_register() {
        for lanes in [1, 2, 16] {
            for stages in 1..=Pipeline::most_stages(lanes) {
                let pipeline = Pipeline::new(lanes, stages);
                assert_eq!(pipeline.before_loop() + pipeline.results(), stages);
                assert!(pipeline.front < 1 << FRONT_PLACES.len());
                assert!(lanes > 1 || pipeline.front & !ONE_LANE == 0);
                assert!(pipeline.accumulation < 1 << LOOP_PLACES.len());
            }
        }
    }

    /// 2 x 3 PEs of two results each: tiles of 2 x 6.
    #[test]
    fn a_tile_takes_its_words_or_the_beats_before_it() {
        let stages =
            (1..=Pipeline::most_stages(4)).find(|stages| Pipeline::new(4, *stages).results() == 2);
        let stages = stages.expect("a pipeline of two results");
        let spec =
            ArraySpec { stages, rows: 2, cols: 3, lanes: 4, ..ArraySpec::of_style(Style::Bf16) };
        let config = spec.check().unwrap();
        let schedule = Schedule::new(&config, (2, 3, 13), (16, 16));
        assert_eq!(schedule.tiles(), 3);
        // One word in two slots. Two live blocks of two rows drain in four, the last block in two.
        assert_eq!(slots(&schedule, &config, 0..3), (6, 2 + 4 + 4, 2, 4));
        assert_eq!(schedule.captured_rows(&config), 2 * 5);
    }
}
