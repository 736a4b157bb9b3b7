//! What a product must be, from docs/arithmetic.md in plain 128-bit integers.
//!
//! Nothing of `fxp` is used: the dot product is a loop, rounding is a floored division, the random
//! stream is stepped bit by bit. It is slow and meant to be obvious.

use super::npy::Matrix;

/// How dropped bits decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    Nearest,
    Truncate,
    Stochastic,
}

impl Round {
    pub const ALL: [Self; 3] = [Self::Nearest, Self::Truncate, Self::Stochastic];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Truncate => "truncate",
            Self::Stochastic => "stochastic",
        }
    }
}

/// A product of integers on an array of `rows` x `cols`, whose tiles decide the random streams.
#[derive(Debug, Clone)]
pub struct Product {
    pub rows: usize,
    pub cols: usize,
    pub a: Matrix,
    pub b: Matrix,
    /// One row, or the shape of the result; shifted left by the second.
    pub bias: Option<(Matrix, u32)>,
    pub shift: i32,
    pub bits_out: u32,
    pub round: Round,
    pub seed: u64,
}

/// Counters as `flexmac gemm --json` names them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    pub emitted: u64,
    pub overflow_low: u64,
    pub overflow_high: u64,
    pub magnitude_or: u64,
    pub error_sum: u64,
}

/// What must come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Exact, bias included, row by row.
    pub sums: Vec<i128>,
    pub values: Matrix,
    pub counters: Counters,
}

impl Product {
    pub fn expected(&self) -> Expected {
        let (m, n) = (self.a.rows, self.b.cols);
        assert_eq!(self.a.cols, self.b.rows);
        let (mut sums, mut values) = (Vec::new(), Vec::new());
        let mut counters = Counters::default();
        for row in 0..m {
            for col in 0..n {
                let sum = self.sum(row, col);
                let (value, error) = self.rounded(sum, self.word(row, col));
                let max = (1_i128 << (self.bits_out - 1)) - 1;
                let emitted = value.clamp(-max - 1, max);
                counters.emitted += 1;
                counters.overflow_low += u64::from(value < -max);
                counters.overflow_high += u64::from(value >= max);
                let magnitude = if emitted < 0 { -emitted - 1 } else { emitted };
                counters.magnitude_or |= u64::try_from(magnitude).unwrap();
                counters.error_sum += error;
                sums.push(sum);
                values.push(i64::try_from(emitted).unwrap());
            }
        }
        Expected { sums, values: Matrix::new(m, n, values), counters }
    }

    fn sum(&self, row: usize, col: usize) -> i128 {
        let products =
            (0..self.a.cols).map(|k| i128::from(self.a.at(row, k)) * i128::from(self.b.at(k, col)));
        let bias = self.bias.as_ref().map_or(0, |(bias, shift)| {
            i128::from(bias.at(if bias.rows == 1 { 0 } else { row }, col)) << shift
        });
        products.sum::<i128>() + bias
    }

    /// The rounded value before saturation, and its error in 2^-8 of the last place: a value that
    /// went down lost the fraction (rounded down), one that went up gained the rest (rounded up).
    fn rounded(&self, sum: i128, word: u64) -> (i128, u64) {
        if self.shift <= 0 {
            // Beyond 40 places every sum but 0 is out of any format.
            return (sum << self.shift.unsigned_abs().min(36), 0);
        }
        // No sum reaches 2^88: dropping more than 116 bits rounds like dropping 116.
        let dropped = self.shift.unsigned_abs().min(116);
        let one = 1_i128 << dropped;
        let addend = match self.round {
            Round::Nearest => one / 2,
            Round::Truncate => 0,
            // r = min(s, 24) random bits, aligned to the top of the dropped field.
            Round::Stochastic => {
                let random = dropped.min(24);
                i128::from(word >> (24 - random)) << (dropped - random)
            }
        };
        let value = (sum + addend).div_euclid(one);
        let (floor, fraction) = (sum.div_euclid(one), sum.rem_euclid(one));
        let grid = u64::try_from((fraction * 256).div_euclid(one)).unwrap();
        (value, if value == floor { grid } else { 256 - grid })
    }

    /// The random word of one result: its column's stream, one step for each row above in its tile.
    fn word(&self, row: usize, col: usize) -> u64 {
        if self.round != Round::Stochastic {
            return 0;
        }
        let across = self.b.cols.div_ceil(self.cols);
        let tile = row / self.rows * across + col / self.cols;
        let mut state = column_seed(self.seed, tile as u64, (col % self.cols) as u64);
        if state == 0 {
            state = 1;
        }
        for _ in 0..32 * (row % self.rows) {
            // x^32 + x^22 + x^2 + x + 1, shifting right.
            state = (state >> 1) ^ if state & 1 == 1 { 0x8020_0003 } else { 0 };
        }
        u64::from(state >> 8)
    }
}

/// Seed of a column of a tile of a product that stands alone: SplitMix64's mix over run,
/// iteration 0, layer 0, role 0 (forward), tile and column; the upper half of the last.
pub fn column_seed(run: u64, tile: u64, column: u64) -> u32 {
    let mut state = 0_u64;
    for field in [run, 0, 0, 0, tile, column] {
        let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(field);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state = z ^ (z >> 31);
    }
    (state >> 32) as u32
}

/// A run seed for which column 0 of tile 0 gets the seed 0, which the stream replaces by 1. Found
/// by running the mix backwards.
pub const ZERO_SEED: u64 = 0xc863_69eb_040b_9e05;

/// Numbers for operands: xorshift64, a run of it per seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Integers of `bits`, sign included, one in eight at a limit.
    pub fn matrix(&mut self, rows: usize, cols: usize, bits: u32) -> Matrix {
        let values = (0..rows * cols).map(|_| {
            let (min, max) = (-1_i64 << (bits - 1), (1_i64 << (bits - 1)) - 1);
            match self.next() % 16 {
                0 => min,
                1 => max,
                // The top bits of a word, with its sign.
                _ => self.next() as i64 >> (64 - bits),
            }
        });
        Matrix::new(rows, cols, values.collect::<Vec<_>>())
    }
}
