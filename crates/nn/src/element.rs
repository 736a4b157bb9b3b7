//! The element types of a network: raw integers or `f32`, with exact sums and conversions.

use std::fmt::Debug;

use flexmac_engine::Element;
use flexmac_fxp::{Counters, Format, Requantizer, Rounding, Words, exp2};

/// A matrix element that host code can sum exactly.
///
/// `i32` is a raw integer whose value follows from a [`Format`]. Raw integers are summed as
/// integers and rounded once. `f32` is a real number without a format, summed in double precision.
pub trait Number: Element {
    /// The type of a sum; large enough for any sum in training.
    type Sum: Copy + Default + Debug + Send + Sync;

    /// Whether elements are raw integers with formats.
    const FIXED: bool;

    /// Name of the element type in checkpoints.
    const KIND: &'static str;

    /// The element as four bytes, little-endian.
    fn to_bytes(self) -> [u8; 4];

    /// The element from four bytes, little-endian.
    fn from_bytes(bytes: [u8; 4]) -> Self;

    /// Adds the element to `sum`, whose elements all have the same format.
    fn add_to(self, sum: &mut Self::Sum);

    /// Adds another sum of elements of the same format.
    fn add_sums(sum: &mut Self::Sum, other: Self::Sum);

    /// Rounds sums in units of 2^-frac to format `to`, exactly as the array's requantizers do.
    fn round_sums(
        sums: &[Self::Sum],
        frac: i32,
        to: Format,
        rounding: Rounding,
        words: Words<'_>,
        out: &mut [Self],
    ) -> Counters;

    /// The value of a sum in units of 2^-frac.
    fn sum_value(sum: Self::Sum, frac: i32) -> f64;

    /// The value of one unit: 2^-frac for raw integers, 1 for `f32`.
    fn unit(format: Format) -> f64;

    /// The element as a number of units; its value is `units() * unit(format)`.
    fn units(self) -> f64;

    /// Converts elements from one format to another. Copies `f32` unchanged.
    fn convert(
        values: &[Self],
        from_to: (Format, Format),
        rounding: Rounding,
        words: Words<'_>,
        out: &mut [Self],
    ) -> Counters;
}

fn requantizer(frac: i32, to: Format, rounding: Rounding) -> Requantizer {
    Requantizer { shift: frac - to.frac(), bits: to.bits(), rounding }
}

impl Number for i32 {
    /// A sum of 2^30 elements stays below 2^62, the limit of the rounding functions.
    type Sum = i64;

    const FIXED: bool = true;

    const KIND: &'static str = "raw integers";

    fn to_bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }

    #[inline(always)]
    fn add_to(self, sum: &mut i64) {
        *sum += i64::from(self);
    }

    fn add_sums(sum: &mut i64, other: i64) {
        *sum += other;
    }

    fn round_sums(
        sums: &[i64],
        frac: i32,
        to: Format,
        rounding: Rounding,
        words: Words<'_>,
        out: &mut [Self],
    ) -> Counters {
        requantizer(frac, to, rounding).apply_slice(sums, words, out)
    }

    fn convert(
        values: &[Self],
        (from, to): (Format, Format),
        rounding: Rounding,
        words: Words<'_>,
        out: &mut [Self],
    ) -> Counters {
        requantizer(from.frac(), to, rounding).apply_slice(values, words, out)
    }

    fn sum_value(sum: i64, frac: i32) -> f64 {
        // Sums beyond 2^53 lose bits here; the update works in double precision anyway.
        sum as f64 * exp2(-frac)
    }

    fn unit(format: Format) -> f64 {
        exp2(-format.frac())
    }

    #[inline(always)]
    fn units(self) -> f64 {
        self.into()
    }
}

impl Number for f32 {
    type Sum = f64;

    const FIXED: bool = false;

    const KIND: &'static str = "float32";

    fn to_bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }

    #[inline(always)]
    fn add_to(self, sum: &mut f64) {
        *sum += f64::from(self);
    }

    fn add_sums(sum: &mut f64, other: f64) {
        *sum += other;
    }

    fn round_sums(
        sums: &[f64],
        _frac: i32,
        to: Format,
        rounding: Rounding,
        words: Words<'_>,
        out: &mut [Self],
    ) -> Counters {
        Self::quantize(sums, to, rounding, words, out)
    }

    fn convert(
        values: &[Self],
        _formats: (Format, Format),
        _rounding: Rounding,
        _words: Words<'_>,
        out: &mut [Self],
    ) -> Counters {
        out.copy_from_slice(values);
        Counters { emitted: out.len() as u64, ..Counters::default() }
    }

    fn sum_value(sum: f64, _frac: i32) -> f64 {
        sum
    }

    fn unit(_format: Format) -> f64 {
        1.0
    }

    #[inline(always)]
    fn units(self) -> f64 {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_keeps_the_value_or_rounds_and_counts_it() {
        let convert = |value: i32, formats| {
            let mut out = [0];
            let counters =
                i32::convert(&[value], formats, Rounding::Nearest, Words::None, &mut out);
            (out[0], counters)
        };
        let (narrow, wide) = (Format::new(8, 4).unwrap(), Format::new(16, 10).unwrap());
        let (up, counters) = convert(37, (narrow, wide));
        assert_eq!((up, counters.overflows(), counters.error_sum), (37 << 6, 0, 0));
        let (down, counters) = convert(37 << 6 | 33, (wide, narrow));
        assert_eq!((down, counters.overflows()), (38, 0));
        let (saturated, counters) = convert(20_000, (wide, narrow));
        assert_eq!((saturated, counters.emitted, counters.overflow_high), (127, 1, 1));
    }

    #[test]
    fn values_are_units_times_unit() {
        let format = Format::new(12, 7).unwrap();
        assert_eq!((-300).units() * i32::unit(format), (-300).value(format));
        assert_eq!(i32::sum_value(-300, 7), (-300).value(format));
        assert_eq!(1.5_f32.units() * f32::unit(format), 1.5);
    }
}
