//! A random sample of tiles to check, and the bound on wrong tiles that follows if the sample shows
//! none.
//!
//! Whether a tile is in the sample depends only on its GEMM's seed path and its number, as its
//! random streams do. A rerun, a resumed run and a run on other engines or another number of models
//! therefore draw the same tiles, and there is no state to keep.

use flexmac_fxp::SeedPath;

/// A sampling rate, which determines the tiles to check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    rate: f64,
}

impl Sample {
    /// Each tile is checked with probability `rate`. `None` unless 0 < `rate` <= 1.
    pub fn new(rate: f64) -> Option<Self> {
        (rate > 0.0 && rate <= 1.0).then_some(Self { rate })
    }

    /// Whether every tile is checked.
    pub fn is_all(self) -> bool {
        self.rate >= 1.0
    }

    /// The tiles to check, in order, of the `tiles` tiles of the GEMM with this seed path.
    ///
    /// ```
    /// use flexmac_engine::Sample;
    /// use flexmac_fxp::SeedPath;
    /// let sample = Sample::new(0.1).expect("a rate");
    /// let drawn = sample.of(SeedPath::alone(1), 1000);
    /// assert!((50..150).contains(&drawn.len()));
    /// assert_eq!(drawn, sample.of(SeedPath::alone(1), 1000));
    /// ```
    pub fn of(self, gemm: SeedPath, tiles: usize) -> Vec<usize> {
        // At most 2^64.
        let below = (self.rate * 2.0_f64.powi(64)) as u128;
        let drawn = |tile: &usize| u128::from(gemm.tile_draw(*tile as u64)) < below;
        (0..tiles).filter(drawn).collect()
    }
}

/// The upper bound, with 95 % confidence, on the share of wrong tiles if a random sample of
/// `checked` tiles shows none. With this share, the sample would still show none with a probability
/// of 5 %.
///
/// It is the exact (Clopper-Pearson) one-sided bound, 1 - 0.05^(1 / checked); 1 if `checked` is 0.
pub fn wrong_share_bound(checked: u64) -> f64 {
    if checked == 0 {
        return 1.0;
    }
    // Counts are far below 2^53. `exp_m1` keeps the digits that 1 - x would lose.
    -(0.05_f64.ln() / checked as f64).exp_m1()
}

/// The upper bound on the share of wrong tiles (0 to 1, not a number of tiles) of a run of `tiles`
/// tiles of which `checked` were compared and none was wrong: [`wrong_share_bound`], 0 if all tiles
/// were checked, `None` if no tile was.
pub fn wrong_tiles_bound(tiles: u64, checked: u64) -> Option<f64> {
    match checked {
        0 => None,
        all if all == tiles => Some(0.0),
        some => Some(wrong_share_bound(some)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_share() {
        for rate in [0.0, -0.5, 1.000_001, f64::NAN, f64::INFINITY] {
            assert_eq!(Sample::new(rate), None, "{rate}");
        }
        assert!(Sample::new(1.0).unwrap().is_all());
        assert!(!Sample::new(0.999).unwrap().is_all());
    }

    #[test]
    fn samples_are_of_their_rate_and_grow_with_it() {
        let tiles = 100_000;
        let gemm = SeedPath::alone(7);
        assert_eq!(Sample::new(1.0).unwrap().of(gemm, tiles).len(), tiles);
        let mut before = Vec::new();
        for rate in [1e-3, 0.01, 0.1, 0.5, 0.9] {
            let sample = Sample::new(rate).unwrap().of(gemm, tiles);
            let (mean, found) = (rate * tiles as f64, sample.len() as f64);
            let deviation = (mean * (1.0 - rate)).sqrt();
            assert!((found - mean).abs() < 4.0 * deviation, "{rate}: {found} of {tiles}");
            assert!(before.iter().all(|tile| sample.binary_search(tile).is_ok()));
            before = sample;
        }
        let other = SeedPath { iteration: 1, ..gemm };
        assert_ne!(
            Sample::new(0.5).unwrap().of(other, 100),
            Sample::new(0.5).unwrap().of(gemm, 100)
        );
    }

    /// The bound is where (1 - share)^checked is 5 %.
    #[test]
    fn the_bound_leaves_five_percent() {
        assert_eq!(wrong_share_bound(0), 1.0);
        assert!((wrong_share_bound(1) - 0.95).abs() < 1e-15);
        for checked in [2, 3, 59, 1_000, 1_000_000, 1_000_000_000] {
            let bound = wrong_share_bound(checked);
            let missed = ((-bound).ln_1p() * checked as f64).exp();
            assert!((missed - 0.05).abs() < 1e-9, "{checked}: {bound}");
        }
        // 59 is the smallest number of tiles that excludes 5 %.
        assert!(wrong_share_bound(59) < 0.05 && wrong_share_bound(58) > 0.05);
    }
}
