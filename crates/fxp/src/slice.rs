//! The requantizer on slices: [`Requantizer::apply`] for many values at once, vectorized.
//!
//! Sums that fit a double exactly are rounded in doubles. Every step is exact there: scaling by a
//! power of two, the floor, and the difference of two integers close to each other. Sums that need
//! 64 bits stay integers.

use crate::requant::{MAX_LEFT, MAX_RIGHT};
use crate::vector::{Kernel, vectorized};
use crate::{Counters, Format, Lfsr, Requantizer, Rounding, STREAM_BITS, exp2};

/// Larger shifts of a sum change no result: it saturates, or only its sign is left. This limit
/// keeps the scaled sum within the normal doubles.
const MAX_SHIFT: i32 = 900;

/// Values per block, few enough for 32-bit counts: each error is at most 2^8.
const BLOCK: usize = 1 << 20;

impl Requantizer {
    /// Rounds integers that a double holds exactly: [`Self::apply`] for each. Returns the counters.
    ///
    /// `streams` has one stream per value if rounding is stochastic, and is not used otherwise.
    ///
    /// # Panics
    /// When the lengths differ.
    ///
    /// ```
    /// use flexmac_fxp::{Requantizer, Rounding};
    /// let r = Requantizer { shift: 2, bits: 8, rounding: Rounding::Nearest };
    /// let mut out = [0; 3];
    /// let counters = r.apply_exact(&[10.0_f32, -10.0, 1e6], &[], &mut out);
    /// assert_eq!((out, counters.overflow_high), ([3, -2, 127], 1));
    /// ```
    pub fn apply_exact<S: Copy + Into<f64>>(
        &self,
        sums: &[S],
        streams: &[Lfsr],
        out: &mut [i32],
    ) -> Counters {
        let scale = exp2(-self.shift.clamp(-MAX_SHIFT, MAX_SHIFT));
        self.apply_parts(sums, streams, out, Doubles { scale })
    }

    /// Rounds sums below 2^62 in magnitude: [`Self::apply`] for each. `streams` as in
    /// [`Self::apply_exact`].
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn apply_integers(&self, sums: &[i64], streams: &[Lfsr], out: &mut [i32]) -> Counters {
        let right = self.shift.max(0).unsigned_abs();
        let split = Integers {
            // 63 shifts leave only the sign, and so does every longer one.
            floor_right: right.min(63),
            // Moves the top of the dropped field to bit 24, by a right or a left shift.
            field_right: right.saturating_sub(STREAM_BITS).min(63),
            field_left: STREAM_BITS.saturating_sub(right),
            left: self.shift.min(0).unsigned_abs().min(MAX_LEFT),
        };
        self.apply_parts(sums, streams, out, split)
    }

    /// Rounds sums below 2^102 in magnitude: [`Self::apply`] for each. `streams` as in
    /// [`Self::apply_exact`].
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn apply_wide(&self, sums: &[i128], streams: &[Lfsr], out: &mut [i32]) -> Counters {
        const PART: usize = 512;
        assert_eq!(sums.len(), out.len(), "one output for each sum");
        let stochastic = self.rounding == Rounding::Stochastic;
        // For a right shift, each kept number has its binary point at bit 24.
        let right = self.shift.max(0).unsigned_abs();
        let shift = if self.shift >= 0 { STREAM_BITS as i32 } else { self.shift };
        let by = Self { shift, ..*self };
        let mut kept = [0; PART];
        let mut counters = Counters::default();
        for (part, (sums, out)) in sums.chunks(PART).zip(out.chunks_mut(PART)).enumerate() {
            let kept = &mut kept[..sums.len()];
            for (kept, sum) in kept.iter_mut().zip(sums) {
                *kept = if self.shift >= 0 { keep(*sum, right) } else { clamp_floor(*sum) };
            }
            let streams = if stochastic { &streams[part * PART..][..sums.len()] } else { &[] };
            counters.merge(&by.apply_integers(kept, streams, out));
        }
        counters
    }

    fn apply_parts<S: Copy, P: Split<S>>(
        &self,
        sums: &[S],
        streams: &[Lfsr],
        out: &mut [i32],
        split: P,
    ) -> Counters {
        assert_eq!(sums.len(), out.len(), "one output for each sum");
        let stochastic = self.rounding == Rounding::Stochastic;
        assert!(!stochastic || streams.len() == sums.len(), "one stream for each sum");
        let mut counters = Counters::default();
        for (block, (sums, out)) in sums.chunks(BLOCK).zip(out.chunks_mut(BLOCK)).enumerate() {
            let streams = if stochastic { &streams[block * BLOCK..][..sums.len()] } else { &[] };
            counters.merge(&vectorized(RoundBlock { by: *self, sums, streams, out, split }));
        }
        counters
    }
}

/// floor(sum / 2^right), clamped to 34 bits if it does not fit, with the top 24 dropped bits below
/// it.
fn keep(sum: i128, right: u32) -> i64 {
    let aligned = if right >= STREAM_BITS {
        sum >> (right - STREAM_BITS).min(MAX_RIGHT)
    } else {
        // At most 102 + 24 bits.
        sum << (STREAM_BITS - right)
    };
    const LIMIT: i128 = 1 << 61;
    if (-LIMIT..LIMIT).contains(&aligned) {
        aligned as i64 // cannot truncate: in range
    } else {
        clamp_floor(aligned >> STREAM_BITS) << STREAM_BITS
            | (aligned & ((1 << STREAM_BITS) - 1)) as i64 // cannot truncate: masked to 24 bits
    }
}

/// Clamps an integer to 34 bits. The result still saturates, because outputs have at most 32 bits.
fn clamp_floor(floor: i128) -> i64 {
    // Cannot truncate: clamped to 34 bits.
    floor.clamp(-(1 << 33), 1 << 33) as i64
}

/// Rounds real numbers to a format: [`crate::quantize`] for each. Returns the counters.
///
/// `streams` has one stream per value if rounding is stochastic, and is not used otherwise.
///
/// # Panics
/// When the lengths differ.
pub fn quantize_slice(
    values: &[f64],
    format: Format,
    rounding: Rounding,
    streams: &[Lfsr],
    out: &mut [i32],
) -> Counters {
    let by = Requantizer { shift: -format.frac(), bits: format.bits(), rounding };
    by.apply_parts(values, streams, out, Doubles { scale: exp2(format.frac()) })
}

/// Splits a number, after the shift, into its floor and the bits below it.
trait Split<S>: Copy {
    type Floor: Floor;

    /// (floor, top 24 dropped bits).
    fn split(&self, sum: S) -> (Self::Floor, i32);
}

/// An integer before saturation.
trait Floor: Copy {
    /// Adds `up` and saturates to min..=max. NaN gives 0.
    fn saturate(self, up: i32, min: i32, max: i32) -> i32;

    /// 1 for NaN, else 0.
    fn not_a_number(self) -> u32;
}

#[derive(Clone, Copy)]
struct Doubles {
    scale: f64,
}

impl<S: Copy + Into<f64>> Split<S> for Doubles {
    type Floor = f64;

    #[inline(always)]
    fn split(&self, sum: S) -> (f64, i32) {
        const FIELD: f64 = (1 << STREAM_BITS) as f64;
        let scaled = sum.into() * self.scale;
        let floor = scaled.floor();
        // Two integers less than 2^24 apart: their difference is exact. An infinity has no dropped
        // bits.
        let dropped = (scaled * FIELD).floor() - floor * FIELD;
        (floor, low_bits(if scaled.abs() < f64::INFINITY { dropped } else { 0.0 }))
    }
}

/// Converts a double that holds a 32-bit integer. A cast gives the same result, but compilers do
/// not vectorize it. The last place of 3 * 2^51 is worth 1, so adding it leaves the integer in the
/// low bits.
#[inline(always)]
fn low_bits(integer: f64) -> i32 {
    const ONES_LAST: f64 = (3_u64 << 51) as f64;
    (integer + ONES_LAST).to_bits() as i32
}

impl Floor for f64 {
    #[inline(always)]
    fn saturate(self, up: i32, min: i32, max: i32) -> i32 {
        let (min, max) = (Self::from(min), Self::from(max));
        let rounded = self + Self::from(up);
        // Comparisons vectorize; `clamp` does not, because it checks its arguments.
        let rounded = if rounded < min { min } else { rounded };
        let rounded = if rounded > max { max } else { rounded };
        low_bits(if rounded.is_nan() { 0.0 } else { rounded })
    }

    #[inline(always)]
    fn not_a_number(self) -> u32 {
        u32::from(self.is_nan())
    }
}

#[derive(Clone, Copy)]
struct Integers {
    floor_right: u32,
    field_right: u32,
    field_left: u32,
    left: u32,
}

impl Split<i64> for Integers {
    type Floor = i64;

    #[inline(always)]
    fn split(&self, sum: i64) -> (i64, i32) {
        let field = sum >> self.field_right << self.field_left;
        // Clamp before the left shift: a number of more than 32 bits saturates anyway.
        const BEYOND: i64 = (1 << 31) + 1;
        let floor = (sum >> self.floor_right).clamp(-BEYOND, BEYOND) << self.left;
        // Cannot truncate: masked to 24 bits.
        (floor, (field & ((1 << STREAM_BITS) - 1)) as i32)
    }
}

impl Floor for i64 {
    #[inline(always)]
    fn saturate(self, up: i32, min: i32, max: i32) -> i32 {
        // Cannot truncate: clamped to 32 bits.
        (self + Self::from(up)).clamp(min.into(), max.into()) as i32
    }

    #[inline(always)]
    fn not_a_number(self) -> u32 {
        0
    }
}

struct RoundBlock<'a, S, P> {
    by: Requantizer,
    sums: &'a [S],
    streams: &'a [Lfsr],
    out: &'a mut [i32],
    split: P,
}

impl<S: Copy, P: Split<S>> Kernel for RoundBlock<'_, S, P> {
    type Output = Counters;

    #[inline(always)]
    fn run(self) -> Counters {
        let format = Format::new(self.by.bits, 0).expect("requantizers have legal widths");
        let mut counts = BlockCounts::new(format.min_raw(), format.max_raw());
        let pairs = self.out.iter_mut().zip(self.sums);
        if self.by.rounding == Rounding::Stochastic {
            for ((out, sum), stream) in pairs.zip(self.streams) {
                *out = counts.round(self.split.split(*sum), stream.word());
            }
        } else {
            let addend = self.by.rounding.addend(0);
            for (out, sum) in pairs {
                *out = counts.round(self.split.split(*sum), addend);
            }
        }
        counts.counters(self.sums.len())
    }
}

/// [`Counters`] of a block, in 32 bits, so that counting vectorizes.
struct BlockCounts {
    min: i32,
    max: i32,
    low: u32,
    high: u32,
    magnitude_or: u32,
    error_sum: u32,
}

impl BlockCounts {
    #[inline(always)]
    fn new(min: i32, max: i32) -> Self {
        Self { min, max, low: 0, high: 0, magnitude_or: 0, error_sum: 0 }
    }

    #[inline(always)]
    fn round<F: Floor>(&mut self, (floor, dropped): (F, i32), addend: u32) -> i32 {
        // Cannot change sign: `dropped` is in 0..2^24.
        let (up, error) = Rounding::decide(dropped as u32, addend);
        // 0 or 1.
        let raw = floor.saturate(up as i32, self.min, self.max);
        let nan = floor.not_a_number();
        // A value at or beyond a limit equals the limit after saturation.
        self.low += u32::from(raw == self.min) + nan;
        self.high += u32::from(raw == self.max) + nan;
        self.magnitude_or |= (raw ^ (raw >> 31)) as u32; // never negative
        self.error_sum += error;
        raw
    }

    #[inline(always)]
    fn counters(&self, emitted: usize) -> Counters {
        Counters {
            emitted: emitted as u64,
            overflow_low: self.low.into(),
            overflow_high: self.high.into(),
            magnitude_or: self.magnitude_or,
            error_sum: self.error_sum.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Rounded, quantize};

    fn streams(seed: u32, count: usize) -> Vec<Lfsr> {
        // Seeds that differ in the bits that form a word.
        (0..count as u32).map(|i| Lfsr::new((seed ^ i).wrapping_mul(0x9e37_79b9))).collect()
    }

    /// The same, one value at a time.
    fn one_by_one(count: usize, round: impl Fn(usize) -> Rounded) -> (Vec<i32>, Counters) {
        let mut counters = Counters::default();
        let values = (0..count)
            .map(|i| {
                let rounded = round(i);
                counters.record(&rounded);
                rounded.raw
            })
            .collect();
        (values, counters)
    }

    fn check(r: &Requantizer, sums: &[i64], seed: u32) {
        let streams = streams(seed, sums.len());
        let words = if r.rounding == Rounding::Stochastic { &streams[..] } else { &[] };
        let expected = one_by_one(sums.len(), |i| r.apply(sums[i].into(), streams[i].word()));
        let mut out = vec![0; sums.len()];
        let counters = r.apply_integers(sums, words, &mut out);
        assert_eq!((&out, counters), (&expected.0, expected.1), "{r:?} {sums:?} as integers");
        check_wide(r, &sums.iter().map(|sum| i128::from(*sum)).collect::<Vec<_>>(), seed);
        if sums.iter().all(|sum| sum.unsigned_abs() <= 1 << 53) {
            // At most 2^53.
            let doubles: Vec<_> = sums.iter().map(|sum| *sum as f64).collect();
            let counters = r.apply_exact(&doubles, words, &mut out);
            assert_eq!((&out, counters), (&expected.0, expected.1), "{r:?} {sums:?} as doubles");
        }
    }

    fn check_wide(r: &Requantizer, sums: &[i128], seed: u32) {
        let streams = streams(seed, sums.len());
        let words = if r.rounding == Rounding::Stochastic { &streams[..] } else { &[] };
        let expected = one_by_one(sums.len(), |i| r.apply(sums[i], streams[i].word()));
        let mut out = vec![0; sums.len()];
        let counters = r.apply_wide(sums, words, &mut out);
        assert_eq!((&out, counters), (&expected.0, expected.1), "{r:?} {sums:?} as wide integers");
    }

    /// Sums around every power of two, more than one part in total.
    #[test]
    fn wide_sums_at_every_size() {
        let sums: Vec<i128> = (0..102)
            .flat_map(|bit| [-3, -1, 0, 1, 0x55_5555].map(|by| (1_i128 << bit) + by))
            .flat_map(|sum| [sum, -sum])
            .filter(|sum| sum.unsigned_abs() < 1 << 102)
            .collect();
        assert!(sums.len() > 512);
        for rounding in Rounding::ALL {
            for shift in [i32::MIN, -33, -5, 0, 1, 23, 24, 25, 40, 61, 85, 86, 125, 126, i32::MAX] {
                for bits in [2, 16, 32] {
                    check_wide(&Requantizer { shift, bits, rounding }, &sums, 11);
                }
            }
        }
    }

    #[test]
    fn exhaustive_at_small_widths() {
        let sums: Vec<i64> = (-600..=600).collect();
        for rounding in Rounding::ALL {
            for bits in 2..=5 {
                for shift in -3..=6 {
                    check(&Requantizer { shift, bits, rounding }, &sums, 5);
                }
            }
        }
    }

    #[test]
    fn extreme_shifts_and_sums() {
        let sums = [0, 1, -1, 1 << 53, -(1 << 53), (1 << 62) - 1, 1 - (1 << 62), 1 << 31, -1 << 31];
        for rounding in Rounding::ALL {
            for shift in
                [i32::MIN, -901, -900, -64, -33, 0, 1, 23, 24, 25, 62, 63, 64, 900, i32::MAX]
            {
                check(&Requantizer { shift, bits: 32, rounding }, &sums, 9);
                check(&Requantizer { shift, bits: 32, rounding }, &sums[..5], 9);
            }
        }
    }

    #[test]
    fn real_numbers_as_one_by_one() {
        let values = [
            0.0,
            1.5,
            -1.5,
            1e-300,
            -1e-300,
            -0.5 - 1e-16,
            -0.25 + 1e-17,
            1e300,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            127.4,
            -128.6,
            0.499_999_999_999_999_94,
        ];
        for rounding in Rounding::ALL {
            for frac in [-300, -3, 0, 5, 300] {
                let format = Format::new(8, frac).unwrap();
                let streams = streams(3, values.len());
                let mut out = [0; 14];
                let counters = quantize_slice(&values, format, rounding, &streams, &mut out);
                let expected = one_by_one(values.len(), |i| {
                    quantize(values[i], format, rounding, streams[i].word())
                });
                assert_eq!((out.to_vec(), counters), expected, "{rounding} {frac}");
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_single_values(
            sums in prop::collection::vec(-(1_i64 << 62) + 1..1_i64 << 62, 1..100),
            narrow in 0_u32..62,
            shift in -40_i32..=100,
            bits in 2_u32..=32,
            mode in 0_usize..3,
            seed in any::<u32>(),
        ) {
            let sums: Vec<_> = sums.iter().map(|sum| sum >> narrow).collect();
            check(&Requantizer { shift, bits, rounding: Rounding::ALL[mode] }, &sums, seed);
        }
    }
}
