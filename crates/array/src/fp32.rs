//! The float PE: where its registers are, how its partial sums are added up, what that costs.
//!
//! A binary32 sum takes L cycles, so a lane keeps L partial sums: word w of a tile is added to the
//! one of word w - L. At the end of a tile they are reduced in R steps (`rtl/flexmac_fp32_pe.v`).
//! The number of partial sums is therefore part of the arithmetic, and this file is where the RTL,
//! the reference and the cycle model take it from.

use crate::bounds::ceil_log2;
use crate::config::{ArrayConfig, Style};
use crate::schedule::{Command, Schedule};

/// Registers of a float PE: 3 in the multiplier, 5 in the adder.
pub const MAX_STAGES: u32 = 8;

/// Where the pipeline registers of a float PE are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// Behind operands (bit 0), partial products, product.
    pub mul_registers: u32,
    /// Behind align (bit 0), add, count, normalize; one behind round is always there.
    pub add_registers: u32,
}

impl Pipeline {
    /// The placement for a number of stages: the loop gets a register when it is the slower part.
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

    /// Registers in the loop: partial sums of a lane.
    pub fn partial_sums(self) -> u32 {
        self.add_registers.count_ones() + 1
    }
}

/// A reduction step; numbers are those of `acc_op_i` in `rtl/flexmac_fp32_pe.v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReductionStep {
    /// Put the head of the queue back at its end.
    Keep,
    /// Keep, and hold the head for a later step.
    Hold,
    /// Add the held value.
    Held,
    /// Add the lane 2^j above.
    Lane(u32),
}

impl ReductionStep {
    /// Its encoding in the RTL.
    pub fn code(self) -> u128 {
        match self {
            Self::Keep => 1,
            Self::Hold => 2,
            Self::Held => 3,
            Self::Lane(level) => 4 + u128::from(level),
        }
    }
}

/// What each slot after a tile's last word does.
///
/// L slots per level of the lanes' tree bring lane 0 the L sums of all lanes. Then each round of L
/// slots adds neighbours: of elements that stand for the positions up to `2^round` wide, the older
/// one is held when it passes the head and added to the younger. The result ends at the last
/// position of the queue, which L - 1 more slots bring to its head.
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
    /// Where the registers of the float PE are.
    pub fn float_pipeline(&self) -> Pipeline {
        Pipeline::new(self.spec().stages)
    }

    /// Slots after a tile's last word in which its partial sums are added up; 0 for integers.
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

/// Words of a tile, of all its commands, and the slots that it takes by itself: those and the
/// reduction.
pub(crate) fn tile_slots(schedule: &Schedule, config: &ArrayConfig) -> (u64, u64) {
    let words = |command: Command| schedule.words(command.k_len) as u64;
    let words = schedule.tile_commands(0).map(words).sum();
    (words, words + u64::from(config.reduction_steps()))
}

/// Words, slots, rows of the last capture, slots in which a capture waited. A tile waits as a
/// significance of integers does.
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

    /// The steps, run on names: every partial sum counted once, in the documented order.
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
