//! The float PE: its pipeline registers, the order in which it adds partial sums, and the cycles
//! this takes.
//!
//! A binary32 addition takes L cycles, so each lane keeps L partial sums: the product of word w is
//! added to the partial sum of word w - L. At the end of a tile, the partial sums are reduced to
//! one result. Their number is therefore part of the arithmetic. RTL (module `flexmac_fp32_pe`),
//! reference and cycle model all take it from this file.

use crate::bounds::ceil_log2;
use crate::config::ArrayConfig;
use crate::schedule::{Command, Schedule};
use crate::style::Style;

/// Most registers of a float PE: 3 in the multiplier, 5 in the adder.
pub const MAX_STAGES: u32 = 8;

/// The positions of the pipeline registers in a float PE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// In the multiplier, one bit each: after the operands (bit 0), the partial products, the
    /// product.
    pub mul_registers: u32,
    /// In the adder, one bit each: after align (bit 0), add, count, normalize. A register after
    /// round is always present.
    pub add_registers: u32,
}

impl Pipeline {
    /// The positions for a number of stages. The next register goes where the longest path is, in
    /// front of the accumulation loop or inside it.
    pub fn new(stages: u32) -> Self {
        let (mul_registers, add_registers) = match stages {
            1 => (0b000, 0b0000),
            2 => (0b100, 0b0000),
            3 => (0b100, 0b0010),
            4 => (0b110, 0b0010),
            5 => (0b110, 0b0101),
            6 => (0b110, 0b0111),
            7 => (0b111, 0b0111),
            _ => (0b111, 0b1111),
        };
        Self { mul_registers, add_registers }
    }

    /// Registers in front of the accumulation loop.
    pub fn before_loop(self) -> u32 {
        self.mul_registers.count_ones()
    }

    /// Registers in the accumulation loop: the number of partial sums per lane.
    pub fn partial_sums(self) -> u32 {
        self.add_registers.count_ones() + 1
    }
}

/// One step of the reduction of a tile's partial sums, as the RTL module `flexmac_fp32_pe` performs
/// it. Partial sums circulate in a queue in each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReductionStep {
    /// Move the head of the queue to its end.
    Keep,
    /// Like `Keep`, and also hold the head for a later step.
    Hold,
    /// Add the held value to the head.
    Held,
    /// Add the head of the lane 2^j above.
    Lane(u32),
}

impl ReductionStep {
    /// The encoding of the step on the RTL port `acc_op_i`.
    pub fn code(self) -> u128 {
        match self {
            Self::Keep => 1,
            Self::Hold => 2,
            Self::Held => 3,
            Self::Lane(level) => 4 + u128::from(level),
        }
    }
}

/// The reduction of a tile's partial sums: one step for each slot after the tile's last word.
///
/// First the lanes are added as a tree. Each level takes L slots, after which lane 0 has L sums
/// over all lanes. Then rounds of L slots each add neighbouring sums of lane 0: the older of two
/// neighbours is held when it is at the head and added to the younger one when that gets there. The
/// result ends up at the last position of the queue; L - 1 more slots bring it to the head.
pub fn reduction(lanes: u32, partial_sums: u32) -> Vec<ReductionStep> {
    let mut steps = Vec::new();
    for level in 0..ceil_log2(lanes) {
        steps.extend((0..partial_sums).map(|_| ReductionStep::Lane(level)));
    }
    let rounds = ceil_log2(partial_sums);
    for round in 0..rounds {
        let mut slots = vec![ReductionStep::Keep; partial_sums as usize];
        let width = 1 << round;
        for older in (0..partial_sums).step_by(2 * width) {
            let younger = older + width as u32;
            if younger < partial_sums {
                let last = (younger + width as u32).min(partial_sums) - 1;
                slots[younger as usize - 1] = ReductionStep::Hold;
                slots[last as usize] = ReductionStep::Held;
            }
        }
        steps.extend(slots);
    }
    steps.extend((1..partial_sums).map(|_| ReductionStep::Keep));
    steps
}

impl ArrayConfig {
    /// The positions of the float PE's pipeline registers.
    pub fn float_pipeline(&self) -> Pipeline {
        Pipeline::new(self.spec().stages)
    }

    /// Slots after a tile's last word in which its partial sums are reduced; 0 on integer arrays.
    pub fn reduction_steps(&self) -> u32 {
        let spec = self.spec();
        match spec.style {
            Style::Fp32 => {
                let sums = self.float_pipeline().partial_sums();
                let rounds = ceil_log2(spec.lanes) + ceil_log2(sums);
                rounds * sums + sums - 1
            }
            _ => 0,
        }
    }
}

/// Words of a tile (of all its commands), and the slots it takes if it waits for nothing: words
/// plus reduction.
pub(crate) fn tile_slots(schedule: &Schedule, config: &ArrayConfig) -> (u64, u64) {
    let words = |command: Command| schedule.words(command.k_len) as u64;
    let words = schedule.tile_commands(0).map(words).sum();
    (words, words + u64::from(config.reduction_steps()))
}

/// Returns words, slots, live rows of the last capture, and slots in which a capture waited. A tile
/// waits for the drain chains as a significance does on an integer array.
pub(crate) fn slots(schedule: &Schedule, config: &ArrayConfig) -> (u64, u64, u64, u64) {
    let (words, own) = tile_slots(schedule, config);
    let (mut slots, mut draining, mut waiting) = (0, 0, 0_u64);
    for tile in 0..schedule.tiles() {
        slots += own.max(draining);
        waiting += draining.saturating_sub(own);
        draining = schedule.tile_rows(tile) as u64;
    }
    (words * schedule.tiles() as u64, slots, draining, waiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the steps on labels instead of numbers: every partial sum is added once, in the
    /// documented order.
    #[test]
    fn steps_add_every_partial_sum_once_and_in_order() {
        for stages in 1..=MAX_STAGES {
            let sums = Pipeline::new(stages).partial_sums() as usize;
            for lanes in 1..=16 {
                let mut queues: Vec<Vec<Vec<(usize, usize)>>> =
                    (0..lanes).map(|v| (0..sums).map(|i| vec![(i, v)]).collect()).collect();
                let mut held = Vec::new();
                for step in reduction(lanes as u32, sums as u32) {
                    let heads: Vec<_> = queues.iter_mut().map(|queue| queue.remove(0)).collect();
                    for lane in 0..lanes {
                        let mut sum = heads[lane].clone();
                        match step {
                            ReductionStep::Held if lane == 0 => {
                                sum = held.iter().chain(&sum).copied().collect();
                            }
                            ReductionStep::Lane(j)
                                if lane % (2 << j) == 0 && lane + (1 << j) < lanes =>
                            {
                                sum.extend(&heads[lane + (1 << j)]);
                            }
                            _ => {}
                        }
                        queues[lane].push(sum);
                    }
                    if step == ReductionStep::Hold {
                        held.clone_from(&heads[0]);
                    }
                }
                let all: Vec<_> = (0..sums).flat_map(|i| (0..lanes).map(move |v| (i, v))).collect();
                assert_eq!(queues[0][0], all, "{stages} stages, {lanes} lanes");
            }
        }
    }

    #[test]
    fn a_stage_is_a_register() {
        for stages in 1..=MAX_STAGES {
            let pipeline = Pipeline::new(stages);
            assert_eq!(pipeline.before_loop() + pipeline.partial_sums(), stages);
        }
    }
}
