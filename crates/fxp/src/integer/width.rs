//! The two operand widths for which there are vector instructions.

use std::fmt::Debug;

use super::Line;

/// An operand width, and how pairs of terms are stored.
pub(crate) trait Width: Copy + Debug + Send + Sync + 'static {
    /// Two neighbouring terms of a row of A.
    type Pair: Copy + Debug + Default + Send + Sync;

    /// Columns in a [`Line`].
    const COLUMNS: usize;

    /// Bits of a low half; operands have at most twice as many bits. Sums with a half always fit:
    /// for any operand b, a half h of at most 2^(HALF - 1) in magnitude, and 256 terms,
    /// |sum of h b| <= 2^8 2^(HALF - 1) 2^(2 HALF - 1), which fits the sum's 4 HALF bits.
    const HALF: u32;

    /// Sums fit if their magnitude is below this.
    const LIMIT: f64;

    fn pair(first: i32, second: i32) -> Self::Pair;

    /// Splits both terms into high * 2^HALF + low.
    fn halves(pair: Self::Pair) -> (Self::Pair, Self::Pair);

    /// Writes one column's pair.
    fn put(line: &mut Line, column: usize, pair: Self::Pair);

    /// A line from the first and second terms of its columns. Only the first `COLUMNS` entries are
    /// used.
    fn line(first: &[i32; 16], second: &[i32; 16]) -> Line;
}

/// Operands of at most 16 bits, sums of 32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits16;

impl Width for Bits16 {
    /// The first term is in the low half.
    type Pair = i32;

    const COLUMNS: usize = 16;
    const HALF: u32 = 8;
    const LIMIT: f64 = (1_u64 << 31) as f64;

    #[inline(always)]
    fn pair(first: i32, second: i32) -> i32 {
        (first & 0xffff) | second << 16
    }

    #[inline(always)]
    fn halves(pair: i32) -> (i32, i32) {
        // Both shifts extend the sign.
        let (first, second) = (pair << 16 >> 16, pair >> 16);
        let (first, second) = (halves(first, Self::HALF), halves(second, Self::HALF));
        (Self::pair(first.0, second.0), Self::pair(first.1, second.1))
    }

    #[inline(always)]
    fn put(line: &mut Line, column: usize, pair: i32) {
        line.0[column] = pair;
    }

    #[inline(always)]
    fn line(first: &[i32; 16], second: &[i32; 16]) -> Line {
        let mut line = Line([0; 16]);
        for (pair, (first, second)) in line.0.iter_mut().zip(first.iter().zip(second)) {
            *pair = Self::pair(*first, *second);
        }
        line
    }
}

/// Operands of at most 32 bits, sums of 64.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits32;

impl Width for Bits32 {
    type Pair = [i32; 2];

    const COLUMNS: usize = 8;
    const HALF: u32 = 16;
    const LIMIT: f64 = (1_u64 << 63) as f64;

    #[inline(always)]
    fn pair(first: i32, second: i32) -> [i32; 2] {
        [first, second]
    }

    #[inline(always)]
    fn halves([first, second]: [i32; 2]) -> ([i32; 2], [i32; 2]) {
        let (first, second) = (halves(first, Self::HALF), halves(second, Self::HALF));
        ([first.0, second.0], [first.1, second.1])
    }

    #[inline(always)]
    fn put(line: &mut Line, column: usize, pair: [i32; 2]) {
        line.0[2 * column] = pair[0];
        line.0[2 * column + 1] = pair[1];
    }

    #[inline(always)]
    fn line(first: &[i32; 16], second: &[i32; 16]) -> Line {
        let mut line = Line([0; 16]);
        let (pairs, _) = line.0.as_chunks_mut::<2>();
        for (pair, (first, second)) in pairs.iter_mut().zip(first.iter().zip(second)) {
            *pair = [*first, *second];
        }
        line
    }
}

/// Splits value = high * 2^bits + low, with low in [-2^(bits-1), 2^(bits-1)) and high at most
/// 2^(bits-1) in magnitude.
#[inline(always)]
fn halves(value: i32, bits: u32) -> (i32, i32) {
    let low = value << (32 - bits) >> (32 - bits);
    // Not (value - low) >> bits: the difference can exceed the largest i32.
    let high = (value >> bits) + i32::from(low < 0);
    (high, low)
}

/// Factor by which squared norms in f32 are increased, so that rounding cannot make them too small.
/// Each of at most 256 squares and additions is off by a few parts in 2^24.
const MARGIN: f64 = 1.0 + 1.0 / 4096.0;

/// Whether every sum of a row and a column of these squared norms stays below W's limit.
#[inline(always)]
pub(super) fn fits<W: Width>(row: f32, column: f32) -> bool {
    f64::from(row) * f64::from(column) * (MARGIN * MARGIN) < W::LIMIT * W::LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_make_the_whole_and_are_narrow() {
        let values = (-70_000..70_000).chain([i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX]);
        for value in values {
            for bits in [8, 16] {
                if bits == 8 && i16::try_from(value).is_err() {
                    continue;
                }
                let (high, low) = halves(value, bits);
                assert_eq!((i64::from(high) << bits) + i64::from(low), value.into(), "{bits}");
                assert!(high.unsigned_abs() <= 1 << (bits - 1), "{value} {high}");
                assert!(low.unsigned_abs() <= 1 << (bits - 1), "{value} {low}");
            }
        }
    }

    #[test]
    fn pairs_split_term_by_term() {
        let values = [i16::MIN, -129, -128, -1, 0, 127, 128, 32_639, 32_640, i16::MAX];
        for first in values.map(i32::from) {
            for second in values.map(i32::from) {
                let (high, low) = Bits16::halves(Bits16::pair(first, second));
                let (a, b) = (halves(first, 8), halves(second, 8));
                assert_eq!(high, Bits16::pair(a.0, b.0));
                assert_eq!(low, Bits16::pair(a.1, b.1));
            }
        }
    }

    /// Norms whose product is exactly the limit do not fit; slightly smaller ones do.
    #[test]
    fn the_limit_does_not_fit() {
        let square = |value: f32| 256.0 * value * value;
        assert!(!fits::<Bits16>(square(2048.0), square(4096.0)));
        assert!(fits::<Bits16>(square(2040.0), square(4096.0)));
        assert!(!fits::<Bits32>(square(f32::powi(2.0, 31)), square(f32::powi(2.0, 24))));
        assert!(fits::<Bits32>(square(f32::powi(2.0, 30)), square(f32::powi(2.0, 24))));
    }
}
