//! The requantizer: shift, round, saturate. This is the only rounding of a GEMM.
//!
//! The RTL module `flexmac_requant` does the same in hardware.

use crate::{Rounding, STREAM_BITS};

/// Rounding errors are counted in units of 2^-8 of the output's last place.
pub const ERROR_GRID_BITS: u32 = 8;

/// Larger left shifts give the same result: any non-zero sum saturates already at 31.
pub(crate) const MAX_LEFT: u32 = 31;

/// Larger right shifts give the same result: 24 bits past the widest sum, only sign bits are left.
pub(crate) const MAX_RIGHT: u32 = 126;

/// One emitted value, with what the counters need to know about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounded {
    /// The value after saturation.
    pub raw: i32,
    /// The rounded value was at or below the smallest raw value before saturation.
    pub overflow_low: bool,
    /// The rounded value was at or above the largest raw value before saturation.
    pub overflow_high: bool,
    /// |rounding error| without the effect of saturation, 0..=256, in units of 2^-8 of the last place.
    /// It is rounded down if the value was rounded down, and up if the value was rounded up.
    pub error: u32,
}

impl Rounded {
    /// y for y >= 0, -y - 1 for y < 0.
    pub fn magnitude(&self) -> u32 {
        (self.raw ^ (self.raw >> 31)) as u32 // never negative
    }
}

/// The settings of a requantizer, constant during a GEMM: shift, output width, rounding mode.
///
/// ```
/// use flexmac_fxp::{Requantizer, Rounding};
/// let r = Requantizer { shift: 2, bits: 8, rounding: Rounding::Nearest };
/// assert_eq!(r.apply(10, 0).raw, 3); // floor(2.5 + 0.5)
/// assert_eq!(r.apply(-10, 0).raw, -2); // floor(-2.5 + 0.5)
/// assert_eq!(r.apply(100_000, 0).raw, 127);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requantizer {
    /// Right shift in bits: output = sum * 2^-shift. A negative shift multiplies.
    pub shift: i32,
    /// Output width in bits, 2..=32.
    pub bits: u32,
    /// Rounding mode.
    pub rounding: Rounding,
}

impl Requantizer {
    /// Rounds one exact sum. `word` is the column's 24-bit random word; only stochastic rounding
    /// uses it.
    ///
    /// With s > 0 dropped bits, the result is the floor after an addition: nearest adds 1/2,
    /// truncate adds nothing, stochastic adds the top min(s, 24) bits of `word`, aligned to the top
    /// of the dropped bits. All three are one addition of a 24-bit number to the top 24 dropped
    /// bits: bits of the word below the dropped field meet only zeros and cannot carry.
    ///
    /// # Format
    /// |sum| must be below 2^102. Sums of [`crate::exact_gemm`] are, with room for a bias.
    pub fn apply(&self, sum: i128, word: u32) -> Rounded {
        debug_assert!(sum.unsigned_abs() < 1 << 102);
        let (floor, dropped) = if self.shift >= 0 {
            self.drop_bits(sum)
        } else {
            let left = self.shift.unsigned_abs().min(MAX_LEFT);
            // Clamp first: a sum of more than 33 bits saturates whatever the shift.
            (sum.clamp(-(1 << 33), 1 << 33) << left, 0)
        };
        let (up, error) = Rounding::decide(dropped, self.rounding.addend(word));
        let rounded = floor + i128::from(up);
        self.saturate(rounded, error)
    }

    /// floor(sum / 2^shift) and the top 24 of the dropped bits.
    fn drop_bits(&self, sum: i128) -> (i128, u32) {
        let shift = self.shift.unsigned_abs().min(MAX_RIGHT);
        let aligned = if shift >= STREAM_BITS {
            sum >> (shift - STREAM_BITS)
        } else {
            // At most 102 + 24 bits.
            sum << (STREAM_BITS - shift)
        };
        // Masked to 24 bits.
        let dropped = (aligned & ((1 << STREAM_BITS) - 1)) as u32;
        (aligned >> STREAM_BITS, dropped)
    }

    fn saturate(&self, rounded: i128, error: u32) -> Rounded {
        let max = (1_i128 << (self.bits - 1)) - 1;
        let min = -max - 1;
        Rounded {
            // Cannot truncate: clamped to at most 32 bits.
            raw: rounded.clamp(min, max) as i32,
            overflow_low: rounded <= min,
            overflow_high: rounded >= max,
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of docs/arithmetic.md, computed exactly on a numerator over 2^(shift + 24).
    fn definition(r: &Requantizer, sum: i128, word: u32) -> i128 {
        if r.shift <= 0 {
            return sum * (1 << -r.shift);
        }
        let s = r.shift as u32;
        let denominator = 1_i128 << s;
        let addend = match r.rounding {
            Rounding::Truncate => 0,
            Rounding::Nearest => denominator / 2,
            Rounding::Stochastic => {
                let bits = s.min(STREAM_BITS);
                i128::from(word >> (STREAM_BITS - bits)) << (s - bits)
            }
        };
        (sum + addend).div_euclid(denominator)
    }

    fn check(r: &Requantizer, sum: i128, word: u32) {
        let expected = definition(r, sum, word);
        let max = (1_i128 << (r.bits - 1)) - 1;
        let found = r.apply(sum, word);
        assert_eq!(i128::from(found.raw), expected.clamp(-max - 1, max), "{r:?} {sum} {word:#x}");
        assert_eq!(found.overflow_high, expected >= max, "{r:?} {sum} {word:#x}");
        assert_eq!(found.overflow_low, expected < -max, "{r:?} {sum} {word:#x}");
        if r.shift > 0 && r.shift <= ERROR_GRID_BITS as i32 {
            let error = (expected * (1 << r.shift) - sum).unsigned_abs();
            assert_eq!(u128::from(found.error), error << (ERROR_GRID_BITS as i32 - r.shift));
        }
    }

    #[test]
    fn exhaustive_at_small_widths() {
        for rounding in Rounding::ALL {
            for bits in 2..=5 {
                for shift in -3..=6 {
                    let r = Requantizer { shift, bits, rounding };
                    for sum in -600..=600 {
                        for top in 0..64 {
                            // With low bits set and clear: they must not matter.
                            for word in [top << 18 | 0x3ffff, top << 18] {
                                check(&r, sum, word);
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn extreme_shifts_equal_infinite_ones() {
        for rounding in Rounding::ALL {
            for (sum, left) in [(1, i32::MAX), (-1, i32::MIN), (0, 0)] {
                let r = Requantizer { shift: i32::MIN, bits: 32, rounding };
                assert_eq!(r.apply(sum, 5).raw, left);
            }
            let r = Requantizer { shift: i32::MAX, bits: 32, rounding };
            let low = if rounding == Rounding::Truncate { -1 } else { 0 };
            assert_eq!(r.apply(-(1 << 100), 1).raw, low);
            assert_eq!(r.apply(1 << 100, 1).raw, 0);
        }
    }

    #[test]
    fn magnitude_is_the_complement_below_zero() {
        let r = Requantizer { shift: 0, bits: 8, rounding: Rounding::Truncate };
        for (sum, magnitude) in [(0, 0), (-1, 0), (5, 5), (-6, 5), (-500, 127), (500, 127)] {
            assert_eq!(r.apply(sum, 0).magnitude(), magnitude);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            sum in -(1_i128 << 95)..(1_i128 << 95),
            narrow in 0_u32..96,
            shift in -20_i32..=100,
            bits in 2_u32..=32,
            mode in 0_usize..3,
            word in 0_u32..1 << STREAM_BITS,
        ) {
            let r = Requantizer { shift, bits, rounding: Rounding::ALL[mode] };
            check(&r, sum >> narrow, word);
        }
    }
}
