//! The closed-form cycle model. It predicts the RTL's own counters exactly.
//!
//! The sequencer issues one operand word per slot. In the slot after the last word of a
//! significance, the PEs capture its result digits into the drain chains; the same slot may issue
//! the first word of the next significance. A capture waits until the chains have drained the
//! previous one, at one row per cycle. Hence a significance of L words takes max(L, r) slots, where
//! r is the number of live rows of the previous capture; the first significance of a GEMM takes L.
//! Float arrays capture once per tile: `float.rs`.
//!
//! Registers between blocks of PEs (`fanout`) delay operands and control by the same number of
//! cycles. They only add to the latency of a whole GEMM.

use serde::{Deserialize, Serialize};

use crate::config::ArrayConfig;
use crate::float;
use crate::schedule::Schedule;
use crate::style::Style;

/// Clock cycles of one GEMM, by activity, as the counters of the RTL module `flexmac_core` report
/// them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycles {
    /// All cycles from the acceptance of the first command to that of the last result, both
    /// included.
    pub busy: u64,
    /// Cycles in which an operand word was issued.
    pub compute: u64,
    /// Cycles in which a capture waited for the drain chains.
    pub stall: u64,
    /// Cycles in which the array stood still because a preload or seed beat was missing.
    pub load: u64,
    /// Cycles in which the array stood still because a result beat was not accepted.
    pub blocked: u64,
}

impl Cycles {
    /// Adds the cycles of a GEMM that ran after this one.
    pub fn add(&mut self, other: &Self) {
        self.busy += other.busy;
        self.compute += other.compute;
        self.stall += other.stall;
        self.load += other.load;
        self.blocked += other.blocked;
    }

    /// The cycles of tiles of which words, slots, beats of the last capture and slots in which a capture
    /// waited are known, if nothing is ever late.
    fn of_slots(
        config: &ArrayConfig,
        (compute, slots, draining, stall): (u64, u64, u64, u64),
    ) -> Self {
        let busy = slots + draining + latency(config);
        Self { busy, compute, stall, load: 0, blocked: 0 }
    }

    /// Cycles spent on filling and emptying the pipeline: `busy` minus all other activities.
    pub fn drain(&self) -> u64 {
        self.busy - self.compute - self.stall - self.load - self.blocked
    }
}

/// The fixed part of [`latency`], in cycles: command register, operand read, capture, requantizer (on a
/// float array an adder), counters.
const FIXED_LATENCY: u64 = 9;

/// Cycles of a GEMM during which no slot is issued, without those for draining its last capture:
/// the fixed part, the PE's stages, one register per block of columns, and the drain lag of a
/// column. On float arrays, operands and control are broadcast without registers between blocks.
pub(crate) fn latency(config: &ArrayConfig) -> u64 {
    let blocks = match config.style() {
        Style::Flex | Style::Fixed => config.col_blocks() + config.drain_lag(),
        Style::Fp32 | Style::Bf16 | Style::Fp8 => 0,
    };
    FIXED_LATENCY + u64::from(config.capture_stages() + blocks)
}

impl Schedule {
    /// Cycles of the whole GEMM if no operand, preload, seed or result is ever late.
    ///
    /// # Source
    /// docs/arithmetic.md; co-simulation compares every count with the RTL's counters.
    pub fn cycles(&self, config: &ArrayConfig) -> Cycles {
        match config.style() {
            Style::Flex | Style::Fixed => Cycles::of_slots(config, self.slots()),
            Style::Fp32 | Style::Bf16 | Style::Fp8 => self.cycles_of_tiles(config, 0..self.tiles()),
        }
    }

    /// Cycles of some tiles of the GEMM alone, run one after the other in the given order.
    pub fn cycles_of_tiles(
        &self,
        config: &ArrayConfig,
        tiles: impl IntoIterator<Item = usize>,
    ) -> Cycles {
        let counts = match config.style() {
            Style::Flex | Style::Fixed => {
                let (mut words, mut slots) = (0, 0);
                let mut draining = 0; // live rows of the previous tile; none at the start
                for tile in tiles {
                    let rows = self.tile_rows(tile) as u64;
                    words += self.tile_slots(0, 0);
                    slots += self.tile_slots(rows, draining);
                    draining = rows;
                }
                (words, slots, draining, slots - words)
            }
            Style::Fp32 | Style::Bf16 | Style::Fp8 => float::slots(self, config, tiles),
        };
        Cycles::of_slots(config, counts)
    }

    /// Returns words, slots, live rows of the last capture, and slots in which a capture waited.
    fn slots(&self) -> (u64, u64, u64, u64) {
        let across = self.tiles_across() as u64;
        let (full, rest) = ((self.m / self.band_rows()) as u64, (self.m % self.band_rows()) as u64);
        let mut slots = 0;
        let mut draining = 0; // live rows of the previous capture; none at the start
        for (rows, tiles) in [(self.band_rows() as u64, full * across), (rest, across)] {
            if rows > 0 && tiles > 0 {
                slots +=
                    self.tile_slots(rows, draining) + (tiles - 1) * self.tile_slots(rows, rows);
                draining = rows;
            }
        }
        let compute = self.tiles() as u64 * self.tile_slots(0, 0);
        (compute, slots, draining, slots - compute)
    }

    /// Slots of a tile of `rows` live rows that follows a capture of `before` rows. With no rows to
    /// wait for (0, 0), this is the number of the tile's words.
    fn tile_slots(&self, rows: u64, before: u64) -> u64 {
        let command = |k_len: usize, before: u64| -> u64 {
            let words = self.words(k_len) as u64;
            self.pairs_by_significance()
                .zip(std::iter::once(before).chain(std::iter::repeat(rows)))
                .map(|(pairs, draining)| (words * u64::from(pairs)).max(draining))
                .sum()
        };
        let (whole, rest) = self.pieces();
        let longest = self.longest_piece();
        let mut slots = 0;
        let mut before = before;
        if whole > 0 {
            slots += command(longest, before) + (whole - 1) * command(longest, rows);
            before = rows;
        }
        rest.map_or(slots, |k_len| slots + command(k_len, before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ArraySpec;
    use crate::schedule::Layout;

    /// Counts command by command, in the order in which the sequencer runs them.
    fn walked(schedule: &Schedule) -> (u64, u64) {
        let (mut compute, mut slots, mut draining) = (0, 0, 0);
        for command in schedule.commands() {
            let words = schedule.words(command.k_len) as u64;
            for pairs in schedule.pairs_by_significance() {
                let length = words * u64::from(pairs);
                compute += length;
                slots += length.max(draining);
                draining = command.rows_live as u64;
            }
        }
        (compute, slots + draining)
    }

    #[test]
    fn closed_form_equals_the_walk() {
        for (rows, cols, lanes, max_k, fanout) in
            [(3, 5, 3, 7, 0), (1, 1, 1, 1, 1), (16, 16, 4, 4096, 4), (5, 2, 2, 100, 2)]
        {
            let spec = ArraySpec { rows, cols, lanes, max_k, fanout, ..ArraySpec::default() };
            let config = spec.check().unwrap();
            for shape in [(1, 1, 1), (7, 17, 11), (20, 25, 33), (3, 5, 5), (48, 100, 5), (2, 8, 90)]
            {
                for bits in [(8, 8), (16, 8), (32, 24), (2, 32)] {
                    for layout in Layout::ALL {
                        let schedule = Schedule::laid_out(&config, layout, shape, bits);
                        let cycles = schedule.cycles(&config);
                        let (compute, slots) = walked(&schedule);
                        assert_eq!(cycles.compute, compute, "{schedule:?}");
                        assert_eq!(cycles.busy, slots + latency(&config), "{schedule:?}");
                        let all = schedule.cycles_of_tiles(&config, 0..schedule.tiles());
                        assert_eq!(all, cycles, "{schedule:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_of_a_float_gemm_add_up() {
        for (style, lanes, stages, max_k) in
            [(Style::Fp32, 1, 1, 64), (Style::Bf16, 3, 4, 10), (Style::Fp8, 4, 9, 50)]
        {
            let style = ArraySpec::of_style(style);
            let spec = ArraySpec { rows: 40, cols: 3, lanes, stages, max_k, ..style };
            let config = spec.check().unwrap();
            for shape in [(1, 1, 1), (90, 3, 7), (40, 120, 3), (41, 1, 4)] {
                for layout in Layout::ALL {
                    let schedule = Schedule::laid_out(&config, layout, shape, (8, 8));
                    let all = schedule.cycles_of_tiles(&config, 0..schedule.tiles());
                    assert_eq!(all, schedule.cycles(&config), "{schedule:?}");
                    let issued: usize = schedule.commands().map(|c| schedule.words(c.k_len)).sum();
                    assert_eq!(all.compute, (issued * config.results_per_pe()) as u64);
                }
            }
        }
    }
}
