//! Sharding: divides one GEMM among several arrays, which split the images of a batch.
//!
//! In the forward pass and the input gradient, images are rows of A. Each array computes whole
//! bands of tiles. Tiles keep the numbers they have on one array, and so the same random streams.
//! In the weight gradient, K runs over the images. Each array computes a part of K: it passes its
//! exact sums to the next array, which takes them as preloads, and the last array rounds. Sums are
//! exact integers, so N arrays give the same bits as one.
//!
//! Shards begin at a tile, or at any k, and not necessarily at an image; two arrays may read the
//! same image. Shards of whole images were rejected: two arrays would work on one tile, whose
//! columns draw their random words row after row.

use std::ops::Range;

use flexmac_fxp::Role;

use crate::config::ArrayConfig;
use crate::cycles::Cycles;
use crate::schedule::Schedule;

/// The part of a GEMM that one of several arrays computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shard {
    /// These tiles, over all of K.
    Tiles(Vec<usize>),
    /// All tiles, over this part of K.
    Depth(Range<usize>),
}

/// Divides 0..`count` into at most `parts` consecutive ranges whose lengths differ by at most 1.
/// None is empty.
///
/// ```
/// let parts: Vec<_> = flexmac_array::partition(7, 3).collect();
/// assert_eq!(parts, [0..2, 2..4, 4..7]);
/// ```
pub fn partition(count: usize, parts: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let parts = parts.min(count);
    (0..parts).map(move |part| count * part / parts..count * (part + 1) / parts)
}

impl Schedule {
    /// The shards of up to `arrays` arrays, in the order in which exact sums pass from array to
    /// array. There are fewer shards than arrays if there are fewer bands of tiles, or if K is
    /// shorter.
    ///
    /// # Panics
    /// When `role` is not one of [`Role::GEMMS`], or `arrays` is 0.
    pub fn shards(self, role: Role, arrays: usize) -> Vec<Shard> {
        assert!(arrays > 0, "at least one array");
        match role {
            Role::Forward | Role::InputGradient => partition(self.image_bands(), arrays)
                .map(|bands| {
                    let own = |tile: &usize| bands.contains(&self.image_band(*tile));
                    Shard::Tiles((0..self.tiles()).filter(own).collect())
                })
                .collect(),
            Role::WeightGradient => partition(self.k, arrays).map(Shard::Depth).collect(),
            Role::HostActivation | Role::HostUpdate => panic!("{} is not a GEMM", role.name()),
        }
    }

    /// Cycles of a shard on an array that never waits for another.
    fn shard_cycles(self, config: &ArrayConfig, shard: &Shard) -> Cycles {
        match shard {
            Shard::Tiles(tiles) => self.cycles_of_tiles(config, tiles.iter().copied()),
            Shard::Depth(range) => self.over(range.len()).cycles(config),
        }
    }

    /// Cycles of the slowest of the arrays.
    pub fn sharded_cycles(self, config: &ArrayConfig, role: Role, arrays: usize) -> Cycles {
        let shards = self.shards(role, arrays);
        let cycles = shards.iter().map(|shard| self.shard_cycles(config, shard));
        cycles.max_by_key(|cycles| cycles.busy).expect("at least one array")
    }

    /// Number of exact sums that pass from array to array, each of [`ArrayConfig::sum_bits`] bits.
    pub fn sums_handed_on(self, role: Role, arrays: usize) -> u64 {
        match role {
            Role::WeightGradient => ((arrays.min(self.k) - 1) * self.m * self.n) as u64,
            _ => 0,
        }
    }

    /// Number of bands of tiles along the rows of A, which lie on the array's columns if the GEMM
    /// is transposed.
    fn image_bands(&self) -> usize {
        if self.transposed { self.tiles_across() } else { self.tiles() / self.tiles_across() }
    }

    /// The index of a tile's band along the rows of A.
    fn image_band(&self, tile: usize) -> usize {
        if self.transposed { tile % self.tiles_across() } else { tile / self.tiles_across() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ArraySpec;
    use crate::schedule::Layout;

    fn config(rows: u32, cols: u32) -> ArrayConfig {
        ArraySpec { rows, cols, lanes: 3, ..ArraySpec::default() }.check().unwrap()
    }

    #[test]
    fn shards_cover_every_tile_and_every_k_once() {
        for (rows, cols) in [(1, 1), (3, 5), (8, 4)] {
            let config = config(rows, cols);
            for layout in Layout::ALL {
                for (shape, arrays) in [((1, 1, 1), 2), ((17, 5, 9), 2), ((40, 31, 2), 7)] {
                    let schedule = Schedule::laid_out(&config, layout, shape, (8, 16));
                    for role in [Role::Forward, Role::InputGradient] {
                        let mut seen = Vec::new();
                        for shard in schedule.shards(role, arrays) {
                            let Shard::Tiles(tiles) = shard else { panic!("{shard:?}") };
                            assert!(!tiles.is_empty());
                            seen.extend(tiles);
                        }
                        seen.sort_unstable();
                        assert!(seen.into_iter().eq(0..schedule.tiles()));
                    }
                    let mut next = 0;
                    for shard in schedule.shards(Role::WeightGradient, arrays) {
                        let Shard::Depth(range) = shard else { panic!("{shard:?}") };
                        assert!(range.start == next && range.end > next);
                        next = range.end;
                    }
                    assert_eq!(next, schedule.k);
                }
            }
        }
    }

    #[test]
    fn parts_cover_everything_in_order() {
        for count in 0..20 {
            for parts in 1..9 {
                assert_eq!(partition(count, parts).len(), parts.min(count));
                let mut next = 0;
                for part in partition(count, parts) {
                    assert_eq!(part.start, next);
                    assert!(part.end > part.start);
                    next = part.end;
                }
                assert_eq!(next, count);
            }
        }
    }

    #[test]
    fn sharding_to_one_array_changes_no_cycles() {
        let config = config(3, 5);
        for role in Role::GEMMS {
            for layout in Layout::ALL {
                let schedule = Schedule::laid_out(&config, layout, (20, 33, 11), (16, 8));
                assert_eq!(schedule.sharded_cycles(&config, role, 1), schedule.cycles(&config));
                assert_eq!(schedule.sums_handed_on(role, 1), 0);
            }
        }
    }

    #[test]
    fn images_lie_on_columns_where_the_gemm_is_transposed() {
        let config = config(8, 4);
        let given = Schedule::new(&config, (2, 5, 40), (8, 8));
        assert_eq!(given.shards(Role::Forward, 2).len(), 1, "one band of rows");
        let transposed = Schedule::laid_out(&config, Layout::Fastest, (12, 90, 40), (8, 8));
        assert!(transposed.transposed);
        let shards = transposed.shards(Role::Forward, 3);
        let expected = Shard::Tiles(vec![1, 4, 7, 10, 13]);
        assert_eq!(shards[1], expected, "12 rows of A in 3 bands of columns");
    }

    #[test]
    fn halves_of_a_weight_gradient_take_half_the_words() {
        let config = config(8, 4);
        let schedule = Schedule::new(&config, (20, 24 * 3, 10), (8, 8));
        let one = schedule.cycles(&config).compute;
        assert_eq!(schedule.sharded_cycles(&config, Role::WeightGradient, 2).compute, one / 2);
        assert_eq!(schedule.sums_handed_on(Role::WeightGradient, 2), 200);
        assert_eq!(schedule.sums_handed_on(Role::Forward, 2), 0);
    }
}
