//! The requantizer on slices: [`Requantizer::apply`] for many values at once, vectorized.
//!
//! `split` has the arithmetic of each type of number.

use crate::lfsr::VECTOR;
use crate::requant::MAX_RIGHT;
use crate::split::{Doubles, Floor, Integers, Left, Split};
use crate::vector::{Kernel, vectorized};
use crate::{Counters, Format, Lfsr, Requantizer, Rounding, STREAM_BITS};

/// Values per block, few enough for 32-bit counts: each error is at most 2^8.
const BLOCK: usize = 1 << 20;

/// Where the random words of stochastic rounding come from. Other modes use none.
#[derive(Debug)]
pub enum Words<'a> {
    /// Nowhere: no random word is needed ([`Requantizer::needs_words`]).
    None,
    /// One stream for each value.
    Each(&'a [Lfsr]),
    /// One stream for each column of a matrix that is given row by row. Every stream advances by
    /// one step for each row, as a column of the array does. The last row may be shorter.
    Columns(&'a mut [Lfsr]),
}

impl Words<'_> {
    /// The words of `count` values from number `first` on, which begin a row if there are columns.
    fn part(&mut self, first: usize, count: usize) -> Words<'_> {
        match self {
            Self::None => Words::None,
            Self::Each(streams) => Words::Each(&streams[first..][..count]),
            Self::Columns(streams) => Words::Columns(streams),
        }
    }
}

/// The type of an exact sum, which [`Requantizer::apply_slice`] rounds.
pub trait Roundable: Copy + Sized {
    /// [`Requantizer::apply_slice`] for this type.
    #[doc(hidden)]
    fn round(by: &Requantizer, sums: &[Self], words: Words<'_>, out: &mut [i32]) -> Counters;
}

impl Requantizer {
    /// Whether rounding uses random words: it is stochastic and there are bits to drop.
    pub fn needs_words(&self) -> bool {
        self.rounding == Rounding::Stochastic && self.shift > 0
    }

    /// Rounds exact sums, [`Self::apply`] for each, and returns the counters. Sums of
    /// floating-point types are integers; 64-bit sums must be below 2^62 in magnitude, wider ones
    /// below 2^102.
    ///
    /// # Panics
    /// When the lengths differ, or words are missing.
    ///
    /// ```
    /// use flexmac_fxp::{Requantizer, Rounding, Words};
    /// let r = Requantizer { shift: 2, bits: 8, rounding: Rounding::Nearest };
    /// let mut out = [0; 3];
    /// let counters = r.apply_slice(&[10, -10, 1_000_000], Words::None, &mut out);
    /// assert_eq!((out, counters.overflow_high), ([3, -2, 127], 1));
    /// ```
    pub fn apply_slice<S: Roundable>(
        &self,
        sums: &[S],
        words: Words<'_>,
        out: &mut [i32],
    ) -> Counters {
        S::round(self, sums, words, out)
    }

    fn apply_parts<S: Copy, P: Split<S>>(
        &self,
        sums: &[S],
        words: Words<'_>,
        out: &mut [i32],
        split: P,
    ) -> Counters {
        assert_eq!(sums.len(), out.len(), "one output for each sum");
        let mut counters = Counters::default();
        let mut words = match words {
            _ if sums.is_empty() || self.rounding != Rounding::Stochastic || !split.drops() => {
                Words::None
            }
            Words::None => panic!("stochastic rounding needs random words"),
            words => words,
        };
        // Whole rows, if there are columns.
        let block = match &words {
            Words::Columns(streams) if streams.len() < BLOCK => BLOCK - BLOCK % streams.len(),
            Words::Columns(streams) => streams.len(),
            Words::Each(streams) => {
                assert_eq!(streams.len(), sums.len(), "one stream for each sum");
                BLOCK
            }
            Words::None => BLOCK,
        };
        for (number, (sums, out)) in sums.chunks(block).zip(out.chunks_mut(block)).enumerate() {
            let words = words.part(number * block, sums.len());
            counters.merge(&vectorized(RoundBlock { by: *self, sums, words, out, split }));
        }
        counters
    }

    fn as_doubles<S: Copy + Into<f64>>(
        &self,
        sums: &[S],
        words: Words<'_>,
        out: &mut [i32],
    ) -> Counters {
        self.apply_parts(sums, words, out, Doubles::of_integers(self))
    }
}

/// Sums: integers.
impl Roundable for f32 {
    fn round(by: &Requantizer, sums: &[Self], words: Words<'_>, out: &mut [i32]) -> Counters {
        by.as_doubles(sums, words, out)
    }
}

/// Sums: integers. [`quantize_slice`] rounds real numbers.
impl Roundable for f64 {
    fn round(by: &Requantizer, sums: &[Self], words: Words<'_>, out: &mut [i32]) -> Counters {
        by.as_doubles(sums, words, out)
    }
}

impl Roundable for i32 {
    fn round(by: &Requantizer, sums: &[Self], words: Words<'_>, out: &mut [i32]) -> Counters {
        if by.shift > 0 {
            by.apply_parts(sums, words, out, Integers::new(by))
        } else {
            by.apply_parts(sums, words, out, Left::new(by))
        }
    }
}

impl Roundable for i64 {
    fn round(by: &Requantizer, sums: &[Self], words: Words<'_>, out: &mut [i32]) -> Counters {
        by.apply_parts(sums, words, out, Integers::new(by))
    }
}

impl Roundable for i128 {
    fn round(by: &Requantizer, sums: &[Self], words: Words<'_>, out: &mut [i32]) -> Counters {
        /// Numbers reduced to 64 bits at a time, if their words do not say how many.
        const PART: usize = 512;
        assert_eq!(sums.len(), out.len(), "one output for each sum");
        // For a right shift, each kept number has its binary point at bit 24.
        let right = by.shift.max(0).unsigned_abs();
        let shift = if by.shift > 0 { STREAM_BITS as i32 } else { by.shift };
        let part = Requantizer { shift, ..*by };
        let keep = |sum: &Self| if by.shift > 0 { keep(*sum, right) } else { clamp_floor(*sum) };
        let mut counters = Counters::default();
        let mut kept = Vec::new();
        let mut words = words;
        let length = match &words {
            Words::Columns(streams) => streams.len().max(1),
            _ => PART,
        };
        for (number, (sums, out)) in sums.chunks(length).zip(out.chunks_mut(length)).enumerate() {
            kept.clear();
            kept.extend(sums.iter().map(keep));
            let words = words.part(number * length, sums.len());
            counters.merge(&part.apply_slice(&kept, words, out));
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
/// # Panics
/// When the lengths differ, or words are missing.
pub fn quantize_slice(
    values: &[f64],
    format: Format,
    rounding: Rounding,
    words: Words<'_>,
    out: &mut [i32],
) -> Counters {
    let by = Requantizer { shift: -format.frac(), bits: format.bits(), rounding };
    by.apply_parts(values, words, out, Doubles::of_reals(format))
}

struct RoundBlock<'a, S, P> {
    by: Requantizer,
    sums: &'a [S],
    words: Words<'a>,
    out: &'a mut [i32],
    split: P,
}

impl<S: Copy, P: Split<S>> Kernel for RoundBlock<'_, S, P> {
    type Output = Counters;

    #[inline(always)]
    fn run(self) -> Counters {
        let format = Format::new(self.by.bits, 0).expect("requantizers have legal widths");
        let mut counts = BlockCounts::new(format.min_raw(), format.max_raw());
        match self.words {
            Words::None => {
                let addend = self.by.rounding.addend(0);
                for (out, sum) in self.out.iter_mut().zip(self.sums) {
                    *out = counts.round(self.split.split(*sum), addend);
                }
            }
            Words::Each(streams) => {
                for ((out, sum), stream) in self.out.iter_mut().zip(self.sums).zip(streams) {
                    *out = counts.round(self.split.split(*sum), stream.word());
                }
            }
            Words::Columns(streams) => {
                let columns = streams.len();
                for (sums, out) in self.sums.chunks(columns).zip(self.out.chunks_mut(columns)) {
                    round_row(&mut counts, self.split, sums, streams, out);
                }
            }
        }
        counts.counters(self.sums.len())
    }
}

/// Rounds a row and advances its streams.
#[inline(always)]
fn round_row<S: Copy, P: Split<S>>(
    counts: &mut BlockCounts,
    split: P,
    sums: &[S],
    streams: &mut [Lfsr],
    out: &mut [i32],
) {
    let streams = &mut streams[..sums.len()];
    let (sums, last_sums) = sums.as_chunks::<VECTOR>();
    let (out, last_out) = out.as_chunks_mut::<VECTOR>();
    let (streams, last_streams) = streams.as_chunks_mut::<VECTOR>();
    // A constant length, so that the compiler vectorizes it.
    for ((sums, out), streams) in sums.iter().zip(out).zip(streams) {
        for ((sum, out), stream) in sums.iter().zip(out).zip(streams) {
            *out = counts.round(split.split(*sum), stream.word());
            stream.advance();
        }
    }
    for ((sum, out), stream) in last_sums.iter().zip(last_out).zip(last_streams) {
        *out = counts.round(split.split(*sum), stream.word());
        stream.advance();
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
        check_type(r, sums, seed);
        check_type(r, &sums.iter().map(|sum| i128::from(*sum)).collect::<Vec<_>>(), seed);
        // At most 2^53.
        let exact = sums.iter().filter(|sum| sum.unsigned_abs() <= 1 << 53);
        check_type(r, &exact.map(|sum| *sum as f64).collect::<Vec<_>>(), seed);
        let short = sums.iter().filter_map(|sum| i32::try_from(*sum).ok());
        check_type(r, &short.collect::<Vec<_>>(), seed);
    }

    /// Compares with [`Requantizer::apply`], with the words from one stream for each value, and from
    /// one for each column of matrices of several widths.
    fn check_type<S: Roundable + Integer>(r: &Requantizer, sums: &[S], seed: u32) {
        let count = sums.len();
        let compare = |words: Words<'_>, word: &dyn Fn(usize) -> u32| {
            let name = format!("{r:?} {words:?}");
            let expected = one_by_one(count, |i| r.apply(sums[i].integer(), word(i)));
            let mut out = vec![0; count];
            let counters = r.apply_slice(sums, words, &mut out);
            assert_eq!((&out, counters), (&expected.0, expected.1), "{name} {sums:?}");
        };
        let each = streams(seed, count);
        if !r.needs_words() {
            compare(Words::None, &|i| each[i].word());
        }
        compare(Words::Each(&each), &|i| each[i].word());
        for columns in [1, 5, 16, 37] {
            let first = streams(seed, columns);
            let mut walking = first.clone();
            compare(Words::Columns(&mut walking), &|i| {
                let mut stream = first[i % columns];
                stream.skip((i / columns) as u64);
                stream.word()
            });
        }
    }

    /// What the tests need of a sum.
    trait Integer: std::fmt::Debug {
        fn integer(&self) -> i128;
    }

    macro_rules! integer {
        ($($kind:ty),*) => {
            $(impl Integer for $kind {
                fn integer(&self) -> i128 {
                    *self as i128 // exact: the tests use integers
                }
            })*
        };
    }

    integer!(i32, i64, i128, f64);

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
                    check_type(&Requantizer { shift, bits, rounding }, &sums, 11);
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
                let counters =
                    quantize_slice(&values, format, rounding, Words::Each(&streams), &mut out);
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
