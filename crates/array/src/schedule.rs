//! How a product of any shape becomes array commands: tiles row by row, K in command-sized pieces.
//!
//! The driver sends these commands and the cycle model counts them, so both follow one plan. A
//! [`Layout`] says which of the product's dimensions lies on rows of the array and how high its bands
//! are. A dot product longer than one command holds is summed in the requantizers over several
//! commands, without leaving the array.

use std::fmt;
use std::str::FromStr;

use crate::config::{ArrayConfig, Style};

/// How a product lies on the array. Tiles, and with them the random streams, follow from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// Rows of the product on rows of the array, in bands as high as the array.
    #[default]
    AsGiven,
    /// Whatever takes the fewest cycles: either dimension on the rows, in bands as high as the array
    /// or all about equally high, which drains sooner where the last would be low. A function of
    /// configuration, shape and planes alone; of equals the first named.
    Fastest,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 2] = [Self::AsGiven, Self::Fastest];

    /// The layout's name, as flags write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsGiven => "as-given",
            Self::Fastest => "fastest",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|layout| layout.name() == name)
            .ok_or_else(|| format!("expected as-given or fastest, found {name:?}"))
    }
}

/// Where a result is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePosition {
    /// Tile.
    pub tile: u64,
    /// Row of the array.
    pub row: usize,
    /// Column of the array.
    pub col: usize,
}

/// One command: a piece of K of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Tile number, row by row from 0; names the tile's random streams.
    pub tile: u64,
    /// First line on the rows in this tile.
    pub row: usize,
    /// Lines on the rows in this tile, at most the array's rows.
    pub rows_live: usize,
    /// First line on the columns in this tile.
    pub col: usize,
    /// Lines on the columns in this tile, at most the array's columns.
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

/// The commands of one product, as the array sees it: where it is transposed, `m`, `n` and the planes
/// are those of (B^T, A^T).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Lines that lie on rows of the array.
    pub m: usize,
    /// Length of the dot products.
    pub k: usize,
    /// Lines that lie on columns of the array.
    pub n: usize,
    /// Planes of the operand on the rows.
    pub planes_a: u32,
    /// Planes of the operand on the columns.
    pub planes_b: u32,
    /// Whether the rows carry columns of B, and the columns rows of A.
    pub transposed: bool,
    /// Rows of a band of tiles, at most the array's.
    rows: usize,
    cols: usize,
    lanes: usize,
    command_k: usize,
}

impl Schedule {
    /// The plan of an (m, k) x (k, n) product of `bits_a` x `bits_b` operands. All three sizes must
    /// be at least 1 and the widths at most the configuration's `max_bits`.
    pub fn new(
        config: &ArrayConfig,
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
            transposed: false,
            rows: config.rows(),
            cols: config.cols(),
            lanes: config.lanes(),
            command_k: config.command_k(planes_a, planes_b),
        }
    }

    /// The plan of the same product in a given layout.
    pub fn laid_out(
        config: &ArrayConfig,
        layout: Layout,
        (m, k, n): (usize, usize, usize),
        (bits_a, bits_b): (u32, u32),
    ) -> Self {
        let given = Self::new(config, (m, k, n), (bits_a, bits_b));
        match layout {
            Layout::AsGiven => given,
            Layout::Fastest => {
                let transposed =
                    Self { transposed: true, ..Self::new(config, (n, k, m), (bits_b, bits_a)) };
                [given, transposed, given.balanced(), transposed.balanced()]
                    .into_iter()
                    .min_by_key(|schedule| schedule.cycles(config).busy)
                    .expect("four of them")
            }
        }
    }

    /// The plan of a product as given, in bands of `rows`, at least 1 and at most the array's.
    pub fn in_bands(
        config: &ArrayConfig,
        shape: (usize, usize, usize),
        bits: (u32, u32),
        rows: usize,
    ) -> Self {
        Self { rows, ..Self::new(config, shape, bits) }
    }

    /// As many bands as before, of about equal height.
    fn balanced(self) -> Self {
        Self { rows: self.m.div_ceil(self.m.div_ceil(self.rows)), ..self }
    }

    /// The same tiles over `k` in place of the whole of K.
    #[must_use]
    pub fn over(self, k: usize) -> Self {
        Self { k, ..self }
    }

    /// Rows of every band of tiles but the last, which may have fewer.
    pub fn band_rows(&self) -> usize {
        self.rows
    }

    /// Where the result at (row, column) of the product as given is computed.
    pub fn position(&self, at: (usize, usize)) -> TilePosition {
        let (line, across) = if self.transposed { (at.1, at.0) } else { at };
        TilePosition {
            tile: (line / self.rows * self.tiles_across() + across / self.cols) as u64,
            row: line % self.rows,
            col: across % self.cols,
        }
    }

    /// Tiles of a band.
    pub fn tiles_across(&self) -> usize {
        self.n.div_ceil(self.cols)
    }

    /// Tiles in all.
    pub fn tiles(&self) -> usize {
        self.m.div_ceil(self.rows) * self.tiles_across()
    }

    /// Live rows of a tile.
    pub fn tile_rows(&self, tile: usize) -> usize {
        self.rows.min(self.m - tile / self.tiles_across() * self.rows)
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
                rows_live: self.tile_rows(tile),
                col,
                cols_live: self.cols.min(self.n - col),
                k,
                k_len,
                first: k == 0,
                last: k + k_len == self.k,
            }
        })
    }

    /// Lengths of a tile's commands: how many of the longest, and the last where it is shorter.
    pub(crate) fn pieces(&self) -> (u64, Option<usize>) {
        let rest = self.k % self.command_k;
        ((self.k / self.command_k) as u64, (rest > 0).then_some(rest))
    }

    /// Rows that each column's requantizer takes from its drain chain: once per significance of every
    /// command, on a float array once per tile.
    pub fn captured_rows(&self, config: &ArrayConfig) -> u64 {
        let captures = match config.style() {
            Style::Flex | Style::Fixed => {
                self.tile_commands(0).count() * self.pairs_by_significance().count()
            }
            Style::Fp32 => 1,
        };
        (self.m * self.tiles_across() * captures) as u64
    }

    /// Longest piece of K of one command.
    pub(crate) fn longest_piece(&self) -> usize {
        self.command_k
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
    use crate::config::ArraySpec;

    fn config() -> ArrayConfig {
        let spec = ArraySpec { rows: 3, cols: 5, lanes: 3, max_k: 7, ..ArraySpec::default() };
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
    fn the_fastest_layout_covers_the_product_once_and_is_never_slower() {
        for shape in [(20, 9, 4), (4, 9, 20), (7, 17, 11), (1, 1, 1), (4, 2, 4)] {
            let given = Schedule::new(&config(), shape, (16, 8));
            let fastest = Schedule::laid_out(&config(), Layout::Fastest, shape, (16, 8));
            assert!(fastest.cycles(&config()).busy <= given.cycles(&config()).busy);
            let mut covered = vec![0; shape.0 * shape.2];
            for c in fastest.commands().filter(|c| c.last) {
                for row in 0..c.rows_live {
                    for col in 0..c.cols_live {
                        let (line, across) = (c.row + row, c.col + col);
                        let at = if fastest.transposed { (across, line) } else { (line, across) };
                        assert_eq!(fastest.position(at), TilePosition { tile: c.tile, row, col });
                        covered[at.0 * shape.2 + at.1] += 1;
                    }
                }
            }
            assert!(covered.iter().all(|count| *count == 1), "{shape:?}");
        }
    }

    /// Four rows on three: bands of two drain sooner than three and one.
    #[test]
    fn bands_are_balanced_where_drains_decide() {
        let fastest = Schedule::laid_out(&config(), Layout::Fastest, (4, 3, 25), (16, 16));
        assert!(!fastest.transposed);
        assert_eq!(fastest.band_rows(), 2);
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
