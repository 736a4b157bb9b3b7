//! Divides a GEMM of any shape into array commands: tiles row by row, and K into pieces of one
//! command.
//!
//! The driver sends these commands and the cycle model counts them, so both follow one plan. A
//! [`Layout`] selects which dimension of the GEMM lies on the rows of the array, and the height of
//! the bands of tiles. A dot product that is too long for one command is summed in the requantizers
//! over several commands, without leaving the array.

use std::fmt;
use std::str::FromStr;

use crate::config::ArrayConfig;
use crate::style::Style;

/// How a GEMM is laid out on the array. The layout determines the tiles, and with them the random
/// streams of stochastic rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// Rows of the result on rows of the array, in bands as high as the array.
    #[default]
    AsGiven,
    /// The layout with the fewest cycles of four: either dimension of the result on the rows of the
    /// array, in bands as high as the array or in bands of about equal height (which drains sooner
    /// if the last band would be low). It depends on configuration, shape and planes only; ties go
    /// to the first.
    Fastest,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 2] = [Self::AsGiven, Self::Fastest];

    /// The layout's name in flags.
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

/// The place where a result is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePosition {
    /// Tile number.
    pub tile: u64,
    /// Row of the array.
    pub row: usize,
    /// Column of the tile. On an integer array it is the column of the array; on a float array, column c of the
    /// array computes columns c, c + COLS, ... of the tile in turn.
    pub col: usize,
}

/// One command: a piece of K of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Tile number, row by row from 0. It selects the tile's random streams.
    pub tile: u64,
    /// First row of the tile in the result.
    pub row: usize,
    /// Live rows of the tile, at most the array's rows.
    pub rows_live: usize,
    /// First column of the tile in the result.
    pub col: usize,
    /// Live columns of the tile, at most [`ArrayConfig::tile_cols`].
    pub cols_live: usize,
    /// First k of this piece.
    pub k: usize,
    /// Length of this piece.
    pub k_len: usize,
    /// Planes of the operand on the rows that the command uses.
    pub planes_a: u32,
    /// Planes of the operand on the columns that the command uses.
    pub planes_b: u32,
    /// Whether this is the tile's first command: sums start from zero or from a preload.
    pub first: bool,
    /// Whether this is the tile's last command: results are emitted.
    pub last: bool,
}

/// The plan of one GEMM: its tiles and commands.
///
/// `m`, `n` and the planes describe the GEMM as it lies on the array. If it is transposed, they are
/// those of B^T A^T instead of A B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Rows of the result, on rows of the array.
    pub m: usize,
    /// Length of the dot products.
    pub k: usize,
    /// Columns of the result, on columns of the array.
    pub n: usize,
    /// Planes of the operand on the rows.
    pub planes_a: u32,
    /// Planes of the operand on the columns.
    pub planes_b: u32,
    /// Whether columns of B lie on rows of the array, and rows of A on its columns.
    pub transposed: bool,
    /// Rows of a band of tiles, at most the array's.
    rows: usize,
    /// Columns of a tile.
    cols: usize,
    /// Columns of the array, of which a tile has one block or several.
    block_cols: usize,
    lanes: usize,
    command_k: usize,
}

impl Schedule {
    /// The plan of an (m, k) x (k, n) GEMM with operands of `bits_a` and `bits_b` bits, in the
    /// layout [`Layout::AsGiven`]. All three sizes must be at least 1, and the widths at most
    /// `max_bits` of the configuration.
    ///
    /// ```
    /// use flexmac_array::{ArraySpec, Schedule};
    /// let array = ArraySpec { rows: 4, cols: 4, lanes: 4, ..ArraySpec::default() }.check()?;
    /// let schedule = Schedule::new(&array, (6, 10, 4), (8, 8));
    /// let commands: Vec<_> = schedule.commands().collect();
    /// assert_eq!(commands.len(), 2, "two tiles, and K fits one command");
    /// assert_eq!((commands[1].row, commands[1].rows_live), (4, 2));
    /// // 10 products on 4 lanes take 3 words.
    /// assert_eq!(schedule.cycles(&array).compute, 2 * 3);
    /// # Ok::<(), flexmac_array::ConfigErrors>(())
    /// ```
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
            cols: config.tile_cols(),
            block_cols: config.cols(),
            lanes: config.lanes(),
            command_k: config.command_k(planes_a, planes_b),
        }
    }

    /// The plan of the same GEMM in another layout.
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

    /// Like [`Self::new`], with bands of `rows` rows, which must be at least 1 and at most the
    /// array's.
    pub fn in_bands(
        config: &ArrayConfig,
        shape: (usize, usize, usize),
        bits: (u32, u32),
        rows: usize,
    ) -> Self {
        Self { rows, ..Self::new(config, shape, bits) }
    }

    /// The same number of bands, of about equal height.
    fn balanced(self) -> Self {
        Self { rows: self.m.div_ceil(self.m.div_ceil(self.rows)), ..self }
    }

    /// The same tiles with another length of the dot products.
    #[must_use]
    pub fn over(self, k: usize) -> Self {
        Self { k, ..self }
    }

    /// Rows of a band of tiles. The last band may have fewer.
    pub fn band_rows(&self) -> usize {
        self.rows
    }

    /// The place where the result at (row, column) of A B is computed.
    pub fn position(&self, at: (usize, usize)) -> TilePosition {
        let (line, across) = if self.transposed { (at.1, at.0) } else { at };
        TilePosition {
            tile: (line / self.rows * self.tiles_across() + across / self.cols) as u64,
            row: line % self.rows,
            col: across % self.cols,
        }
    }

    /// Tiles per band.
    pub fn tiles_across(&self) -> usize {
        self.n.div_ceil(self.cols)
    }

    /// Tiles in all.
    pub fn tiles(&self) -> usize {
        self.m.div_ceil(self.rows) * self.tiles_across()
    }

    /// Number of live rows of a tile.
    pub fn tile_rows(&self, tile: usize) -> usize {
        self.rows.min(self.m - tile / self.tiles_across() * self.rows)
    }

    /// Columns of a tile, as many as [`ArrayConfig::tile_cols`].
    pub fn band_cols(&self) -> usize {
        self.cols
    }

    /// Live blocks of columns in a tile with `cols_live` live columns: results that each row of the tile leaves
    /// in each column's chain.
    pub fn blocks(&self, cols_live: usize) -> usize {
        cols_live.div_ceil(self.block_cols)
    }

    /// The fewest live columns with as many live blocks as `cols_live` columns have.
    pub fn least_columns(&self, cols_live: usize) -> usize {
        (self.blocks(cols_live) - 1) * self.block_cols + 1
    }

    /// The beats in which a tile's results leave the array: live rows times live blocks of columns.
    pub fn tile_beats(&self, tile: usize) -> usize {
        self.tile_rows(tile) * self.blocks(self.tile_cols(tile))
    }

    /// Number of live columns of a tile.
    pub fn tile_cols(&self, tile: usize) -> usize {
        self.cols.min(self.n - tile % self.tiles_across() * self.cols)
    }

    /// Products that a PE forms per word.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Operand words of one plane of a piece of K of length `k_len`.
    pub fn words(&self, k_len: usize) -> usize {
        k_len.div_ceil(self.lanes)
    }

    /// The index of a command's piece of K, from 0.
    pub fn piece(&self, command: &Command) -> usize {
        command.k / self.command_k
    }

    /// The commands of a tile, in order of K.
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
                cols_live: self.tile_cols(tile),
                k,
                k_len,
                planes_a: self.planes_a,
                planes_b: self.planes_b,
                first: k == 0,
                last: k + k_len == self.k,
            }
        })
    }

    /// The lengths of a tile's commands: the number of commands of full length, and the length of a
    /// last, shorter one.
    pub(crate) fn pieces(&self) -> (u64, Option<usize>) {
        let rest = self.k % self.command_k;
        ((self.k / self.command_k) as u64, (rest > 0).then_some(rest))
    }

    /// Rows that the requantizer of each column accepts from its drain chain during the GEMM: each
    /// live row once per significance of every command, or once per tile and live block of columns on
    /// a float array.
    pub fn captured_rows(&self, config: &ArrayConfig) -> u64 {
        let captures = match config.style() {
            Style::Flex | Style::Fixed => {
                self.tile_commands(0).count() * self.pairs_by_significance().count()
            }
            Style::Fp32 | Style::Bf16 | Style::Fp8 => 1,
        };
        (self.m * self.blocks(self.n) * captures) as u64
    }

    /// Length of the longest piece of K in one command.
    pub fn longest_piece(&self) -> usize {
        self.command_k
    }

    /// All commands of the GEMM, in the order in which the array runs them.
    pub fn commands(self) -> impl Iterator<Item = Command> {
        (0..self.tiles()).flat_map(move |tile| self.tile_commands(tile))
    }

    /// The number of plane pairs (i, j) of each significance i + j = s, from s = 0 to
    /// planes_a + planes_b - 2.
    pub fn pairs_by_significance(&self) -> impl Iterator<Item = u32> + use<> {
        let (a, b) = (self.planes_a, self.planes_b);
        (0..a + b - 1).map(move |s| (s + 1).min(a).min(b).min(a + b - 1 - s))
    }

    /// Passes over the operands, one per pair of planes: planes_a * planes_b.
    pub fn passes(&self) -> u32 {
        self.planes_a * self.planes_b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ArraySpec;

    fn config() -> ArrayConfig {
        let spec = ArraySpec { rows: 3, cols: 5, lanes: 3, max_k: 7, ..ArraySpec::default() };
        spec.check().unwrap()
    }

    #[test]
    fn commands_cover_the_gemm_once() {
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
    fn the_fastest_layout_covers_the_gemm_once_and_is_never_slower() {
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

    /// 4 rows on an array of 3: two bands of 2 drain sooner than bands of 3 and 1.
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
