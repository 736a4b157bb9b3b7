//! Derives the seed of each column of each tile from the seed of the run.
//!
//! The random streams are part of the architecture. Because a seed depends only on run, iteration,
//! layer, role, tile and column, any tile can be replayed alone, in any order and on any number of
//! threads, and a checkpoint needs only the run's seed.
//!
//! The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied once per
//! field in the order run, iteration, layer, role, tile, column: `h = mix(h + GOLDEN + field)`,
//! starting from
//! 0. The column's seed is the upper half of the last `h`.

use serde::{Deserialize, Serialize};

use crate::Lfsr;
use crate::vector::{Kernel, vectorized};

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a random stream rounds: one of a layer's three GEMMs, or a tensor on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Role {
    /// The layer's output.
    Forward = 0,
    /// The gradient with respect to the layer's input.
    InputGradient = 1,
    /// The gradient with respect to the layer's weights.
    WeightGradient = 2,
    /// Rounding of an activation or its gradient on the host.
    HostActivation = 3,
    /// Rounding of a parameter on the host, after its update.
    HostUpdate = 4,
}

impl Role {
    /// The three GEMMs of a layer in training.
    pub const GEMMS: [Self; 3] = [Self::Forward, Self::InputGradient, Self::WeightGradient];

    /// The role's name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::InputGradient => "input_gradient",
            Self::WeightGradient => "weight_gradient",
            Self::HostActivation => "host_activation",
            Self::HostUpdate => "host_update",
        }
    }
}

/// Identifies one GEMM (or one rounding on the host) of a run, and with it the seeds of its tiles
/// and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeedPath {
    /// The run's seed.
    pub run: u64,
    /// Training iteration, from 0.
    pub iteration: u64,
    /// Layer number, from 0.
    pub layer: u64,
    /// Which GEMM of the layer, or which rounding on the host.
    pub role: Role,
}

impl SeedPath {
    /// The path of a GEMM outside any training: iteration 0, layer 0, forward.
    pub fn alone(run: u64) -> Self {
        Self { run, iteration: 0, layer: 0, role: Role::Forward }
    }

    /// The seed of a column of a tile. Tiles are numbered row by row, from 0.
    ///
    /// ```
    /// use flexmac_fxp::{Lfsr, SeedPath};
    /// // Results 0, 1, 2, ... of column 3 of tile 7 are rounded with these words, in this order.
    /// let mut stream = Lfsr::new(SeedPath::alone(1).column_seed(7, 3));
    /// let first = stream.word();
    /// stream.step();
    /// assert!(first < 1 << 24 && stream.word() != first);
    /// ```
    pub fn column_seed(self, tile: u64, column: u64) -> u32 {
        let fields = [self.run, self.iteration, self.layer, self.role as u64, tile, column];
        // The upper half of a 64-bit word fits 32 bits.
        (fields.into_iter().fold(0, absorb) >> 32) as u32
    }

    /// A random number for a tile, from 0 to 2^64 - 1: mixed like a column's seed, with a column
    /// number that no array has.
    pub fn tile_draw(self, tile: u64) -> u64 {
        let fields = [self.run, self.iteration, self.layer, self.role as u64, tile, u64::MAX];
        fields.into_iter().fold(0, absorb)
    }

    /// Fills `streams` with the first-row streams of consecutive tiles, `cols` columns each,
    /// starting with tile `first_tile`.
    ///
    /// # Panics
    /// When `cols` is zero.
    pub fn seed_row(self, first_tile: u64, cols: usize, streams: &mut [Lfsr]) {
        let fields = [self.run, self.iteration, self.layer, self.role as u64];
        let path = fields.into_iter().fold(0, absorb);
        for (tile, streams) in streams.chunks_mut(cols).enumerate() {
            let tile = absorb(path, first_tile + tile as u64);
            vectorized(SeedTile { tile, streams });
        }
    }
}

struct SeedTile<'a> {
    tile: u64,
    streams: &'a mut [Lfsr],
}

impl Kernel for SeedTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (column, stream) in self.streams.iter_mut().enumerate() {
            // The upper half of a 64-bit word fits 32 bits.
            *stream = Lfsr::new((absorb(self.tile, column as u64) >> 32) as u32);
        }
    }
}

#[inline(always)]
fn absorb(state: u64, field: u64) -> u64 {
    let mut z = state.wrapping_add(GOLDEN).wrapping_add(field);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_mix_is_splitmix64() {
        // First output of SplitMix64 from state 0, as published with the generator.
        assert_eq!(absorb(0, 0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn a_row_of_tiles_is_its_columns() {
        let path = SeedPath { run: 1, iteration: 2, layer: 3, role: Role::InputGradient };
        for cols in [1, 3, 16] {
            let mut streams = vec![Lfsr::new(1); 40];
            path.seed_row(7, cols, &mut streams);
            for (n, stream) in streams.iter().enumerate() {
                let (tile, column) = (7 + n / cols, n % cols);
                assert_eq!(*stream, Lfsr::new(path.column_seed(tile as u64, column as u64)));
            }
        }
    }

    #[test]
    fn a_tile_draws_apart_from_its_columns() {
        let path = SeedPath::alone(3);
        let draws: Vec<_> = (0..100).map(|tile| path.tile_draw(tile)).collect();
        for (tile, draw) in draws.iter().enumerate() {
            assert!(draws[..tile].iter().all(|other| other != draw));
            // A column's seed is the upper half of such a number.
            let upper = (draw >> 32) as u32;
            assert!((0..128).all(|column| path.column_seed(tile as u64, column) != upper));
        }
    }

    #[test]
    fn every_field_matters() {
        let path = SeedPath { run: 1, iteration: 2, layer: 3, role: Role::Forward };
        let variants = [
            path.column_seed(4, 5),
            path.column_seed(5, 5),
            path.column_seed(4, 6),
            SeedPath { run: 2, ..path }.column_seed(4, 5),
            SeedPath { iteration: 3, ..path }.column_seed(4, 5),
            SeedPath { layer: 4, ..path }.column_seed(4, 5),
            SeedPath { role: Role::WeightGradient, ..path }.column_seed(4, 5),
        ];
        for (i, a) in variants.iter().enumerate() {
            assert!(variants[i + 1..].iter().all(|b| a != b));
        }
    }
}
