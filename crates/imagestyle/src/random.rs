//! The random numbers of a set: SplitMix64 (Steele, Lea, Flood 2014), one stream per picture.
//!
//! Implemented here because sets must repeat byte for byte for years; general random crates do not
//! promise that across versions.

/// A generator whose stream depends only on its seed and number.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Stream `number` of `seed`.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut mixer = Self { state: seed };
        mixer.state = mixer.next().wrapping_add(number);
        Self { state: mixer.next() }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number uniform on 0..bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The upper 64 bits of the product are below `bound`.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number uniform on [low, high).
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits are exact in single precision.
        let unit = (self.next() >> 40) as f32 / (1_u32 << 24) as f32;
        low + (high - low) * unit
    }

    /// A random direction: a point on the unit circle, uniform (by rejection).
    pub(crate) fn direction(&mut self) -> (f32, f32) {
        loop {
            let (x, y) = (self.range(-1.0, 1.0), self.range(-1.0, 1.0));
            let square = x * x + y * y;
            if (0.01..1.0).contains(&square) {
                let length = square.sqrt();
                return (x / length, y / length);
            }
        }
    }

    /// The Fisher-Yates shuffle.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
