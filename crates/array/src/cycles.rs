//! The closed-form cycle model, equal to the RTL's own counters.
//!
//! The sequencer issues one operand word per slot, and the capture of a finished significance into
//! the drain chains in the slot after its last word, which may also be the next significance's
//! first. A capture waits until the chains have drained the previous one, one row per cycle. So
//! with L the words of a significance and r the live rows of the capture before it, a significance
//! takes max(L, r) slots, and the first of a product takes L.
//!
//! Registers between blocks of PEs (`fanout`) delay operands and control alike: they add to the
//! latency of a whole product, and to nothing else.

use serde::{Deserialize, Serialize};

use crate::config::{ArrayConfig, Style};
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
/// hide, apart from the PE's own stages and the blocks': command register, operand read, capture,
/// requantizer.
const FIXED_LATENCY: u64 = 8;

/// Cycles from a product's last word to its last result that no schedule hides, apart from the rows
/// of its last capture: fixed, PE stages, a register per block of columns, and the way up a column.
/// Float arrays are told what to do without a register in between.
fn latency(config: &ArrayConfig) -> u64 {
    let blocks = match config.style() {
        Style::Flex | Style::Fixed => config.col_blocks() + config.drain_lag(),
        Style::Fp32 => 0,
    };
    FIXED_LATENCY + u64::from(config.capture_stages() + blocks)
}

impl Schedule {
    /// Cycles of the whole product with operands, preloads, seeds and results never waiting.
    pub fn cycles(&self, config: &ArrayConfig) -> Cycles {
        let (compute, slots, draining, waiting) = match config.style() {
            Style::Flex | Style::Fixed => self.slots(),
            Style::Fp32 => fp32::slots(self, config),
        };
        Cycles {
            busy: slots + draining + latency(config),
            compute,
            stall: waiting,
            load: 0,
            blocked: 0,
        }
    }

    /// Cycles of some of the product's tiles alone, one after the other in the order given.
    pub fn cycles_of_tiles(
        &self,
        config: &ArrayConfig,
        tiles: impl IntoIterator<Item = usize>,
    ) -> Cycles {
        let mut cycles = Cycles::default();
        let mut draining = 0; // live rows of the tile before, none at the start
        for tile in tiles {
            let rows = self.tile_rows(tile) as u64;
            let (words, slots, waiting) = match config.style() {
                Style::Flex | Style::Fixed => {
                    let (words, slots) = (self.tile_slots(0, 0), self.tile_slots(rows, draining));
                    (words, slots, slots - words)
                }
                Style::Fp32 => {
                    let (words, own) = fp32::tile_slots(self, config);
                    (words, own.max(draining), draining.saturating_sub(own))
                }
            };
            cycles.compute += words;
            cycles.busy += slots;
            cycles.stall += waiting;
            draining = rows;
        }
        cycles.busy += draining + latency(config);
        cycles
    }

    /// Words, slots, rows of the last capture, slots in which a capture waited.
    fn slots(&self) -> (u64, u64, u64, u64) {
        let across = self.tiles_across() as u64;
        let (full, rest) = ((self.m / self.band_rows()) as u64, (self.m % self.band_rows()) as u64);
        let mut slots = 0;
        let mut draining = 0; // live rows of the capture before, none at the start
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

    /// Slots of a tile of `rows` live rows after one that left `before` rows in the chains. With no
    /// rows to wait for they are the tile's words.
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
    use crate::config::ArraySpec;
    use crate::schedule::Layout;

    /// Command by command, as the sequencer runs them.
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
    fn tiles_of_floats_add_up_to_their_product() {
        for (lanes, stages, max_k) in [(1, 1, 64), (3, 4, 10), (4, 8, 50)] {
            let style = Style::Fp32;
            let (chunk, rounding) = (style.default_chunk(32), style.default_rounding());
            let spec = ArraySpec {
                style,
                chunk,
                rounding,
                rows: 40,
                cols: 3,
                lanes,
                stages,
                max_k,
                ..ArraySpec::default()
            };
            let config = spec.check().unwrap();
            for shape in [(1, 1, 1), (90, 3, 7), (40, 120, 3), (41, 1, 4)] {
                let schedule = Schedule::new(&config, shape, (32, 32));
                let all = schedule.cycles_of_tiles(&config, 0..schedule.tiles());
                assert_eq!(all, schedule.cycles(&config), "{schedule:?}");
            }
        }
    }
}
