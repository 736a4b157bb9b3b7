//! The closed-form cycle model, equal to the RTL's own counters.
//!
//! The sequencer issues one operand word per slot, and the capture of a finished significance into
//! the drain chains in the slot after its last word, which may also be the next significance's
//! first. A capture waits until the chains have drained the previous one, one row per cycle. So
//! with L the words of a significance and r the live rows of the capture before it, a significance
//! takes max(L, r) slots, and the first of a product takes L.

use serde::{Deserialize, Serialize};

use crate::config::{Config, Style};
use crate::fp32;
use crate::schedule::Schedule;

/// Cycles of one product, as the RTL's counters report them (`rtl/flexmac_stats.v`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycles {
    /// From the first command's acceptance to the last result's, both included.
    pub busy: u64,
    /// Cycles that issued an operand word.
    pub compute: u64,
    /// Cycles in which a capture waited for the drain chains.
    pub stall: u64,
    /// Cycles frozen for want of a preload or seed beat.
    pub load: u64,
    /// Cycles frozen because a result beat was not accepted.
    pub blocked: u64,
}

impl Cycles {
    /// Adds the cycles of a product that ran after this one.
    pub fn add(&mut self, other: &Self) {
        self.busy += other.busy;
        self.compute += other.compute;
        self.stall += other.stall;
        self.load += other.load;
        self.blocked += other.blocked;
    }

    /// Cycles of filling and emptying the pipeline: neither computing nor waiting.
    pub fn drain(&self) -> u64 {
        self.busy - self.compute - self.stall - self.load - self.blocked
    }
}

/// Cycles from a command's acceptance to its first capture-slot result beat that no schedule can
/// hide, apart from the PE's own stages: command register, operand read, capture, requantizer.
const FIXED_LATENCY: u64 = 8;

impl Schedule {
    /// Cycles of the whole product with operands, preloads, seeds and results never waiting.
    pub fn cycles(&self, config: &Config) -> Cycles {
        let (compute, slots, draining, waiting) = match config.style() {
            Style::Flex | Style::Fixed => self.slots(),
            Style::Fp32 => fp32::slots(self, config),
        };
        Cycles {
            busy: slots + draining + FIXED_LATENCY + u64::from(config.capture_stages()),
            compute,
            stall: waiting,
            load: 0,
            blocked: 0,
        }
    }

    /// Words, slots, rows of the last capture, slots in which a capture waited.
    fn slots(&self) -> (u64, u64, u64, u64) {
        let mut compute = 0;
        let mut slots = 0;
        let mut draining = 0; // live rows of the capture before, none at the start
        for command in self.commands() {
            let words = self.words(command.k_len) as u64;
            for pairs in self.pairs_by_significance() {
                let length = words * u64::from(pairs);
                compute += length;
                slots += length.max(draining);
                draining = command.rows_live as u64;
            }
        }
        (compute, slots, draining, slots - compute)
    }
}
