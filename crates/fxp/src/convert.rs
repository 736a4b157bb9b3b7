//! Conversion between real numbers and fixed point.

use crate::{Format, Rounded, Rounding, STREAM_BITS};

/// Rounds the real number `value` to `format`, by the same rules as [`Requantizer::apply`].
///
/// `word` is a 24-bit random word; only stochastic rounding uses it. Infinities saturate. NaN gives
/// 0 with both overflow flags set.
///
/// [`Requantizer::apply`]: crate::Requantizer::apply
///
/// ```
/// use flexmac_fxp::{Format, Rounding, quantize, to_value};
/// let format = Format::new(8, 4)?;
/// let q = quantize(1.53, format, Rounding::Nearest, 0);
/// assert_eq!((q.raw, to_value(q.raw, format)), (24, 1.5));
/// # Ok::<(), flexmac_fxp::FxpError>(())
/// ```
pub fn quantize(value: f64, format: Format, rounding: Rounding, word: u32) -> Rounded {
    if value.is_nan() {
        return Rounded { raw: 0, overflow_low: true, overflow_high: true, error: 0 };
    }
    let scaled = value * exp2(format.frac());
    let floor = scaled.floor();
    // Both floors are integers less than 2^24 apart, so the difference is exact.
    let field = f64::from(1_u32 << STREAM_BITS);
    let dropped = (scaled * field).floor() - floor * field;
    // Below 2^24. An infinity has no dropped bits.
    let dropped = if scaled.is_finite() { dropped as u32 } else { 0 };
    let (up, error) = Rounding::decide(dropped, rounding.addend(word));
    let rounded = floor + f64::from(up);
    let (min, max) = (f64::from(format.min_raw()), f64::from(format.max_raw()));
    Rounded {
        // Cannot truncate: clamped to the format, whose limits fit an i32.
        raw: rounded.clamp(min, max) as i32,
        overflow_low: rounded <= min,
        overflow_high: rounded >= max,
        error,
    }
}

/// The value of a raw integer, raw * 2^-frac. Exact in a double, unless `frac` is so extreme that
/// the result leaves the doubles' range.
pub fn to_value(raw: i32, format: Format) -> f64 {
    f64::from(raw) * exp2(-format.frac())
}

/// 2^n, exact; 0 or infinity where a double cannot hold it. Built from its bit pattern, because the
/// precision of `f64::powi` is not specified.
pub fn exp2(n: i32) -> f64 {
    match n {
        1024.. => f64::INFINITY,
        -1022..1024 => f64::from_bits(((1023 + n) as u64) << 52), // 1 to 2046
        -1074..-1022 => f64::from_bits(1 << (n + 1074)),          // subnormal
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Requantizer;

    #[test]
    fn powers_of_two_are_exact_over_all_doubles() {
        assert_eq!((exp2(0), exp2(10), exp2(-3)), (1.0, 1024.0, 0.125));
        for n in -1074..1023 {
            assert_eq!(exp2(n) * 2.0, exp2(n + 1), "2^{n}");
        }
        assert_eq!((exp2(-1022), exp2(-1074)), (f64::MIN_POSITIVE, f64::from_bits(1)));
        assert_eq!((exp2(-1075), exp2(1024)), (0.0, f64::INFINITY));
    }

    /// A double that is a multiple of 2^-16 is an exact sum over 2^16: both roundings must agree.
    #[test]
    fn agrees_with_the_requantizer() {
        for rounding in Rounding::ALL {
            for frac in [0, 3, 8, 16] {
                let format = Format::new(9, frac).unwrap();
                let r = Requantizer { shift: 16 - frac, bits: 9, rounding };
                for sum in (-300_000_i128..300_000).step_by(577) {
                    for word in [0, 1 << 23, 0x00ab_cdef, (1 << 24) - 1] {
                        let value = sum as f64 / 65536.0;
                        assert_eq!(quantize(value, format, rounding, word), r.apply(sum, word));
                    }
                }
            }
        }
    }

    #[test]
    fn values_round_trip() {
        for frac in [-40, -3, 0, 7, 31, 60] {
            let format = Format::new(32, frac).unwrap();
            for raw in [i32::MIN, -1, 0, 1, 12345, i32::MAX] {
                let q = quantize(to_value(raw, format), format, Rounding::Truncate, 0);
                assert_eq!(q.raw, raw);
            }
        }
    }

    /// A value just below an integer rounds down to the next lower one, however close it is. (1 -
    /// 2^-60 is not a double, so the test uses values just below 0.)
    #[test]
    fn values_just_below_zero() {
        let format = Format::new(8, 0).unwrap();
        for value in [-exp2(-60), -1e-300] {
            let raw = |rounding, word| quantize(value, format, rounding, word).raw;
            assert_eq!(raw(Rounding::Truncate, 0), -1);
            assert_eq!(raw(Rounding::Nearest, 0), 0);
            assert_eq!((raw(Rounding::Stochastic, 0), raw(Rounding::Stochastic, 1)), (-1, 0));
        }
    }

    #[test]
    fn infinities_saturate_and_nan_flags_both() {
        let format = Format::new(8, 0).unwrap();
        let high = quantize(f64::INFINITY, format, Rounding::Nearest, 0);
        assert_eq!((high.raw, high.overflow_high, high.overflow_low), (127, true, false));
        let low = quantize(f64::NEG_INFINITY, format, Rounding::Nearest, 0);
        assert_eq!((low.raw, low.overflow_high, low.overflow_low), (-128, false, true));
        let nan = quantize(f64::NAN, format, Rounding::Nearest, 0);
        assert_eq!((nan.raw, nan.overflow_high, nan.overflow_low), (0, true, true));
    }
}
