//! The host's random numbers: initial weights, order of the images, crops, dropout, synthetic data.
//!
//! SplitMix64 (Steele, Lea, Flood 2014), implemented here because runs must repeat bit for bit for
//! years; general random crates do not promise that across versions. Rounding never uses it: the
//! array has its own streams ([`flexmac_fxp::Lfsr`]).

/// A generator whose stream depends only on its seed.
#[derive(Debug, Clone)]
pub struct SplitMix {
    state: u64,
}

impl SplitMix {
    /// Stream number `index` for `purpose`, in a run with this seed.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut mixer = Self { state: seed };
        mixer.state = mixer.next().wrapping_add(purpose as u64);
        mixer.state = mixer.next().wrapping_add(index);
        Self { state: mixer.next() }
    }

    /// 64 random bits.
    #[allow(clippy::should_implement_trait, reason = "the stream never ends")]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number uniform on [0, 1).
    pub fn unit(&mut self) -> f64 {
        // 53 bits are exact in a double.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number uniform on 0..bound, by multiplication; the bias is below bound / 2^64.
    pub fn below(&mut self, bound: usize) -> usize {
        // The upper 64 bits of the product are below `bound`.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// The purpose of a stream. Different purposes have different streams.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Initial weights, one stream per parameter.
    Weights = 1,
    /// Order of the images, one stream per epoch.
    Order = 2,
    /// Synthetic images.
    Synthetic = 3,
    /// Seeds for the rounding streams of evaluations, one stream per evaluation.
    Evaluation = 4,
    /// Dropout masks, one stream per iteration and layer.
    Dropout = 5,
    /// Crops and mirroring of pictures, one stream per iteration and picture.
    Window = 6,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| SplitMix::new(seed, purpose, index).next();
        let all = [
            first(1, Purpose::Weights, 0),
            first(2, Purpose::Weights, 0),
            first(1, Purpose::Order, 0),
            first(1, Purpose::Weights, 1),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn below_reaches_every_value_and_no_more() {
        let mut random = SplitMix::new(7, Purpose::Order, 0);
        let mut seen = [0; 5];
        (0..1000).for_each(|_| seen[random.below(5)] += 1);
        assert!(seen.iter().all(|count| (150..250).contains(count)), "{seen:?}");
    }
}
