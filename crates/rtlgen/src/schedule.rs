//! How a product of any shape becomes array commands: tiles row by row, K in command-sized pieces.
//!
//! The driver sends these commands and the cycle model counts them, so both follow one plan. Rows of
//! the product lie on rows of the array. A dot product longer than one command holds is summed in
//! the requantizers over several commands, without leaving the array.

use crate::config::Config;

/// One command: a piece of K of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Tile number, row by row from 0; names the tile's random streams.
    pub tile: u64,
    /// First row of the product in this tile.
    pub row: usize,
    /// Rows of the product in this tile, at most the array's.
    pub rows_live: usize,
    /// First column of the product in this tile.
    pub col: usize,
    /// Columns of the product in this tile, at most the array's.
    pub cols_live: usize,
    /// First k of this piece.
    pub k: usize,
    /// Length of this piece.
    pub k_len: usize,
    /// Whether the tile's sum starts here, from zero or from a preload.
    pub first: bool,
    /// Whether the tile's sum ends here and is emitted.
    pub last: bool,
}

/// The commands of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Rows of A and of the product.
    pub m: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Columns of B and of the product.
    pub n: usize,
    /// Planes of A.
    pub planes_a: u32,
    /// Planes of B.
    pub planes_b: u32,
    rows: usize,
    cols: usize,
    lanes: usize,
    command_k: usize,
}

impl Schedule {
    /// The plan of an (m, k) x (k, n) product of `bits_a` x `bits_b` operands. All three sizes must
    /// be at least 1 and the widths at most the configuration's `max_bits`.
    pub fn new(
        config: &Config,
        (m, k, n): (usize, usize, usize),
        (bits_a, bits_b): (u32, u32),
    ) -> Self {
        let (planes_a, planes_b) = (config.planes(bits_a), config.planes(bits_b));
        Self {
            m,
            k,
            n,
            planes_a,
            planes_b,
            rows: config.rows(),
            cols: config.cols(),
            lanes: config.lanes(),
            command_k: config.command_k(planes_a, planes_b),
        }
    }

    /// Tiles along the product's columns.
    pub fn tiles_across(&self) -> usize {
        self.n.div_ceil(self.cols)
    }

    /// Tiles in all.
    pub fn tiles(&self) -> usize {
        self.m.div_ceil(self.rows) * self.tiles_across()
    }

    /// Operand words of one plane of a piece of `k_len`.
    pub fn words(&self, k_len: usize) -> usize {
        k_len.div_ceil(self.lanes)
    }

    /// Which piece of K a command is, from 0.
    pub fn piece(&self, command: &Command) -> usize {
        command.k / self.command_k
    }

    /// The tile's commands, in order of K.
    pub fn tile_commands(self, tile: usize) -> impl Iterator<Item = Command> {
        let row = tile / self.tiles_across() * self.rows;
        let col = tile % self.tiles_across() * self.cols;
        (0..self.k).step_by(self.command_k).map(move |k| {
            let k_len = self.command_k.min(self.k - k);
            Command {
                tile: tile as u64,
                row,
                rows_live: self.rows.min(self.m - row),
                col,
                cols_live: self.cols.min(self.n - col),
                k,
                k_len,
                first: k == 0,
                last: k + k_len == self.k,
            }
        })
    }

    /// Every command of the product, in the order the array runs them.
    pub fn commands(self) -> impl Iterator<Item = Command> {
        (0..self.tiles()).flat_map(move |tile| self.tile_commands(tile))
    }

    /// Plane pairs (i, j) of each significance i + j = s, from 0 to planes_a + planes_b - 2.
    pub fn pairs_by_significance(&self) -> impl Iterator<Item = u32> + use<> {
        let (a, b) = (self.planes_a, self.planes_b);
        (0..a + b - 1).map(move |s| (s + 1).min(a).min(b).min(a + b - 1 - s))
    }

    /// Passes of one word: planes_a * planes_b.
    pub fn passes(&self) -> u32 {
        self.planes_a * self.planes_b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigSpec;

    fn config() -> Config {
        let spec = ConfigSpec { rows: 3, cols: 5, lanes: 3, max_k: 7, ..ConfigSpec::default() };
        spec.check().unwrap()
    }

    #[test]
    fn commands_cover_the_product_once() {
        let schedule = Schedule::new(&config(), (7, 17, 11), (16, 8));
        let mut covered = vec![0; 7 * 17 * 11];
        for c in schedule.commands() {
            for m in c.row..c.row + c.rows_live {
                for n in c.col..c.col + c.cols_live {
                    for k in c.k..c.k + c.k_len {
                        covered[(m * 11 + n) * 17 + k] += 1;
                    }
                }
            }
            assert_eq!(c.first, c.k == 0);
            assert_eq!(c.last, c.k + c.k_len == 17);
        }
        assert!(covered.iter().all(|count| *count == 1));
    }

    #[test]
    fn pairs_add_up_to_the_passes() {
        for bits_a in [2, 8, 9, 16, 32] {
            for bits_b in [2, 8, 24, 32] {
                let schedule = Schedule::new(&config(), (1, 1, 1), (bits_a, bits_b));
                assert_eq!(schedule.pairs_by_significance().sum::<u32>(), schedule.passes());
            }
        }
    }
}
