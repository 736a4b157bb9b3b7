//! What layers need of a matrix element beyond rounding: exact sums.

use std::fmt::Debug;

use cosim::Element;
use fxp::{Counters, Format, Requantizer, Rounding};

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

    /// Rounds a sum whose last place is 2^-frac to a format, as the array's requantizer would.
    fn round_sum(
        sum: Self::Sum,
        frac: i32,
        to: Format,
        rounding: Rounding,
        word: u32,
        counters: &mut Counters,
    ) -> Self;

    /// The real number a sum stands for.
    fn sum_value(sum: Self::Sum, frac: i32) -> f64;

    /// The real number that one unit of the element stands for.
    fn unit(format: Format) -> f64;

    /// The element as a number of units.
    fn units(self) -> f64;

    /// The element in another format.
    fn convert(
        self,
        from: Format,
        to: Format,
        rounding: Rounding,
        word: u32,
        counters: &mut Counters,
    ) -> Self {
        let mut sum = Self::Sum::default();
        self.add_to(&mut sum);
        Self::round_sum(sum, from.frac(), to, rounding, word, counters)
    }
}

impl Number for i32 {
    /// 2^32 elements of any format fit.
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

    fn round_sum(
        sum: i64,
        frac: i32,
        to: Format,
        rounding: Rounding,
        word: u32,
        counters: &mut Counters,
    ) -> Self {
        let requantizer = Requantizer { shift: frac - to.frac(), bits: to.bits(), rounding };
        let rounded = requantizer.apply(sum.into(), word);
        counters.record(&rounded);
        rounded.raw
    }

    fn sum_value(sum: i64, frac: i32) -> f64 {
        // Rounds sums beyond 2^53 to double precision, in which the update is done anyway.
        sum as f64 * f64::powi(2.0, -frac)
    }

    fn unit(format: Format) -> f64 {
        f64::powi(2.0, -format.frac())
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

    fn round_sum(
        sum: f64,
        _frac: i32,
        _to: Format,
        _rounding: Rounding,
        _word: u32,
        counters: &mut Counters,
    ) -> Self {
        counters.emitted += 1;
        // Rounds to single precision, which is what a float run is.
        sum as Self
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
        let mut counters = Counters::default();
        let (narrow, wide) = (Format::new(8, 4).unwrap(), Format::new(16, 10).unwrap());
        let up = 37.convert(narrow, wide, Rounding::Nearest, 0, &mut counters);
        assert_eq!((up, counters.overflows(), counters.error_sum), (37 << 6, 0, 0));
        let down = (37 << 6 | 33).convert(wide, narrow, Rounding::Nearest, 0, &mut counters);
        assert_eq!((down, counters.overflows()), (38, 0));
        assert_eq!(20_000.convert(wide, narrow, Rounding::Nearest, 0, &mut counters), 127);
        assert_eq!((counters.emitted, counters.overflow_high), (3, 1));
    }

    #[test]
    fn values_are_units_times_unit() {
        let format = Format::new(12, 7).unwrap();
        assert_eq!((-300).units() * i32::unit(format), (-300).value(format));
        assert_eq!(i32::sum_value(-300, 7), (-300).value(format));
        assert_eq!(1.5_f32.units() * f32::unit(format), 1.5);
    }
}
