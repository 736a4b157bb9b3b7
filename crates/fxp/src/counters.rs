//! The requantizers' counters: the only input of a dynamic-precision policy besides the loss.

use serde::{Deserialize, Serialize};

use crate::{ERROR_GRID_BITS, Rounded};

/// Totals over all values emitted since the counters were cleared.
///
/// # Source
/// The RTL module `flexmac_stats` counts the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Values emitted.
    pub emitted: u64,
    /// Values at or below the smallest raw value before saturation.
    pub overflow_low: u64,
    /// Values at or above the largest raw value before saturation.
    pub overflow_high: u64,
    /// Bitwise OR of the magnitudes of all emitted values, where the magnitude of y is y for y >= 0
    /// and -y - 1 for y < 0. Its highest set bit gives the number of bits in use below the sign.
    pub magnitude_or: u32,
    /// Sum of |rounding error|, in units of 2^-8 of the output's last place.
    pub error_sum: u64,
}

impl std::iter::Sum for Counters {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |mut total, part| {
            total.merge(&part);
            total
        })
    }
}

impl Counters {
    /// Counts one emitted value.
    pub fn record(&mut self, value: &Rounded) {
        self.emitted += 1;
        self.overflow_low += u64::from(value.overflow_low);
        self.overflow_high += u64::from(value.overflow_high);
        self.magnitude_or |= value.magnitude();
        self.error_sum += u64::from(value.error);
    }

    /// Adds the counts of another set of requantizers.
    pub fn merge(&mut self, other: &Self) {
        self.emitted += other.emitted;
        self.overflow_low += other.overflow_low;
        self.overflow_high += other.overflow_high;
        self.magnitude_or |= other.magnitude_or;
        self.error_sum += other.error_sum;
    }

    /// Overflows of both signs.
    pub fn overflows(&self) -> u64 {
        self.overflow_low + self.overflow_high
    }

    /// Overflows divided by the values emitted; 0 when none was emitted.
    pub fn overflow_rate(&self) -> f64 {
        // Counts stay far below 2^53.
        self.overflows() as f64 / self.emitted.max(1) as f64
    }

    /// Mean |rounding error| in units of the output's last place; 0 when nothing was emitted.
    pub fn mean_error(&self) -> f64 {
        if self.emitted == 0 {
            return 0.0;
        }
        self.error_sum as f64 / (self.emitted as f64 * f64::from(1_u32 << ERROR_GRID_BITS))
    }

    /// Whether values were emitted and nothing tells any of them from zero: no overflow, no bit of a
    /// magnitude, no rounding error. Such counters say nothing about the range that values need.
    ///
    /// Values below 2^-9 of the last place count as zero too, because their error rounds to none.
    pub fn only_zeros(&self) -> bool {
        self.emitted > 0 && self.overflows() == 0 && self.magnitude_or == 0 && self.error_sum == 0
    }

    /// Bits in use below the sign: 1 + the position of the highest set bit of `magnitude_or`, or 0.
    pub fn magnitude_bits(&self) -> u32 {
        u32::BITS - self.magnitude_or.leading_zeros()
    }
}
