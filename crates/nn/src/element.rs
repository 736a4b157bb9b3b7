//! What layers need of a matrix element beyond rounding: exact sums.

use std::fmt::Debug;

use flexmac_engine::Element;
use flexmac_fxp::{Counters, Format, Lfsr, Requantizer, Rounding, exp2};

/// An element that host code can add up without losing anything.
///
/// Raw integers are summed as integers and rounded once; single-precision numbers are summed in
/// double precision.
pub trait Number: Element {
    /// Holds any sum of elements met in training.
    type Sum: Copy + Default + Debug + Send + Sync;

    /// Whether elements carry formats.
    const FIXED: bool;

    /// What checkpoints call the element.
    const KIND: &'static str;

    /// The element as four bytes, least significant first.
    fn to_bytes(self) -> [u8; 4];

    /// The element of four bytes.
    fn from_bytes(bytes: [u8; 4]) -> Self;

    /// Adds the element to a sum of elements of its format.
    fn add_to(self, sum: &mut Self::Sum);

    /// Rounds sums whose last place is 2^-frac to a format, as the array's requantizers would.
    /// `streams` is empty unless rounding is stochastic; then it gives each sum its word.
    fn round_sums(
        sums: &[Self::Sum],
        frac: i32,
        to: Format,
        rounding: Rounding,
        streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters;

    /// The real number a sum stands for.
    fn sum_value(sum: Self::Sum, frac: i32) -> f64;

    /// The real number that one unit of the element stands for.
    fn unit(format: Format) -> f64;

    /// The element as a number of units.
    fn units(self) -> f64;

    /// The elements in another format; `streams` as above.
    fn convert(
        values: &[Self],
        from_to: (Format, Format),
        rounding: Rounding,
        streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters;
}

fn requantizer(frac: i32, to: Format, rounding: Rounding) -> Requantizer {
    Requantizer { shift: frac - to.frac(), bits: to.bits(), rounding }
}

impl Number for i32 {
    /// 2^30 elements of any format stay below the 2^62 that sums are rounded from.
    type Sum = i64;

    const FIXED: bool = true;

    const KIND: &'static str = "raw integers";

    fn to_bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }

    fn add_to(self, sum: &mut i64) {
        *sum += i64::from(self);
    }

    fn round_sums(
        sums: &[i64],
        frac: i32,
        to: Format,
        rounding: Rounding,
        streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters {
        requantizer(frac, to, rounding).apply_integers(sums, streams, out)
    }

    fn convert(
        values: &[Self],
        (from, to): (Format, Format),
        rounding: Rounding,
        streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters {
        requantizer(from.frac(), to, rounding).apply_exact(values, streams, out)
    }

    fn sum_value(sum: i64, frac: i32) -> f64 {
        // Rounds sums beyond 2^53 to double precision, in which the update is done anyway.
        sum as f64 * exp2(-frac)
    }

    fn unit(format: Format) -> f64 {
        exp2(-format.frac())
    }

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

    fn add_to(self, sum: &mut f64) {
        *sum += f64::from(self);
    }

    fn round_sums(
        sums: &[f64],
        _frac: i32,
        to: Format,
        rounding: Rounding,
        streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters {
        Self::quantize(sums, to, rounding, streams, out)
    }

    fn convert(
        values: &[Self],
        _formats: (Format, Format),
        _rounding: Rounding,
        _streams: &[Lfsr],
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
            let counters = i32::convert(&[value], formats, Rounding::Nearest, &[], &mut out);
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
