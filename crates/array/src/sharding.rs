//! One product on several arrays: who computes what when the images of a batch are dealt out.
//!
//! Where images are lines of A (forward, input gradient), every array takes whole bands of tiles, with
//! the numbers that they have on one array, and so with the same random streams. Where the sums run
//! over the images (weight gradient), every array takes a part of K: each but the last hands its exact
//! sums on to the next, which takes them as preloads, and the last one rounds. Sums are integers, so
//! that N arrays give the bits of one.
//!
//! Cuts lie at tiles, or at any k, not at images: where the two differ, two arrays read one image. The
//! alternative, cuts at images, would put two arrays to work on one tile, whose columns draw their
//! random words row after row.

use std::ops::Range;

use flexmac_fxp::Role;

use crate::config::ArrayConfig;
use crate::cycles::Cycles;
use crate::schedule::Schedule;

/// What one of several arrays does of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shard {
    /// These tiles, whole in K.
    Tiles(Vec<usize>),
    /// Every tile, over this part of K.
    Depth(Range<usize>),
}

/// `count` things in order, in at most `parts` parts of equal size, one more or less, none empty.
pub fn partition(count: usize, parts: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let parts = parts.min(count);
    (0..parts).map(move |part| count * part / parts..count * (part + 1) / parts)
}

impl Schedule {
    /// The shares of up to `arrays` arrays, in the order in which exact sums go from one to the next.
    /// Fewer than that where there are fewer bands of tiles, or less of K, to deal out.
    ///
    /// # Panics
    /// When `role` is no product, or `arrays` is 0.
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
            Role::HostActivation | Role::HostUpdate => panic!("{} is no product", role.name()),
        }
    }

    /// Cycles of a share on an array that waits for nothing.
    fn shard_cycles(self, config: &ArrayConfig, share: &Shard) -> Cycles {
        match share {
            Shard::Tiles(tiles) => self.cycles_of_tiles(config, tiles.iter().copied()),
            Shard::Depth(range) => self.over(range.len()).cycles(config),
        }
    }

    /// Cycles of the array that takes longest.
    pub fn sharded_cycles(self, config: &ArrayConfig, role: Role, arrays: usize) -> Cycles {
        let shares = self.shards(role, arrays);
        let cycles = shares.iter().map(|share| self.shard_cycles(config, share));
        cycles.max_by_key(|cycles| cycles.busy).expect("at least one array")
    }

    /// Exact sums that pass from array to array, each of `ArrayConfig::sum_bits` bits.
    pub fn sums_handed_on(self, role: Role, arrays: usize) -> u64 {
        match role {
            Role::WeightGradient => ((arrays.min(self.k) - 1) * self.m * self.n) as u64,
            _ => 0,
        }
    }

    /// Bands of tiles along lines of A, which lie on the array's columns where it is transposed.
    fn image_bands(&self) -> usize {
        if self.transposed { self.tiles_across() } else { self.tiles() / self.tiles_across() }
    }

    /// The band of a tile.
    fn image_band(&self, tile: usize) -> usize {
        if self.transposed { tile % self.tiles_across() } else { tile / self.tiles_across() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ArraySpec;
    use crate::schedule::Layout;

    fn config(rows: u32, cols: u32) -> ArrayConfig {
        ArraySpec { rows, cols, lanes: 3, ..ArraySpec::default() }.check().unwrap()
    }

    #[test]
    fn shares_cover_every_tile_and_every_k_once() {
        for (rows, cols) in [(1, 1), (3, 5), (8, 4)] {
            let config = config(rows, cols);
            for layout in Layout::ALL {
                for (shape, arrays) in [((1, 1, 1), 2), ((17, 5, 9), 2), ((40, 31, 2), 7)] {
                    let schedule = Schedule::laid_out(&config, layout, shape, (8, 16));
                    for role in [Role::Forward, Role::InputGradient] {
                        let mut seen = Vec::new();
                        for share in schedule.shards(role, arrays) {
                            let Shard::Tiles(tiles) = share else { panic!("{share:?}") };
                            assert!(!tiles.is_empty());
                            seen.extend(tiles);
                        }
                        seen.sort_unstable();
                        assert!(seen.into_iter().eq(0..schedule.tiles()));
                    }
                    let mut next = 0;
                    for share in schedule.shards(Role::WeightGradient, arrays) {
                        let Shard::Depth(range) = share else { panic!("{share:?}") };
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
    fn one_array_takes_what_one_array_takes() {
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
    fn images_lie_on_columns_where_the_product_is_transposed() {
        let config = config(8, 4);
        let given = Schedule::new(&config, (2, 5, 40), (8, 8));
        assert_eq!(given.shards(Role::Forward, 2).len(), 1, "one band of rows");
        let turned = Schedule::laid_out(&config, Layout::Fastest, (12, 90, 40), (8, 8));
        assert!(turned.transposed);
        let shares = turned.shards(Role::Forward, 3);
        assert_eq!(shares[1], Shard::Tiles(vec![1, 4, 7, 10, 13]), "12 lines of A in 3 columns");
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
