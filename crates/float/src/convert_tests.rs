//! Conversions against a model that shares nothing with them: the list of all numbers of a format,
//! from the formula of its specification, and a search for the neighbours of a value.

use flexmac_fxp::Lfsr;

use crate::{FloatFormat, FloatRounding, NAN, Overflow};

/// (exponent bits, fraction bits, bias, the first encoding that is no number) as the specifications
/// print them.
fn printed(format: FloatFormat) -> (u32, u32, i32, u32) {
    match format {
        FloatFormat::Binary32 => (8, 23, 127, 0x7f80_0000),
        FloatFormat::Bfloat16 => (8, 7, 127, 0x7f80),
        FloatFormat::E4m3 => (4, 3, 7, 0x7f),
        FloatFormat::E5m2 => (5, 2, 15, 0x7c),
    }
}

/// The value of a finite encoding without its sign: (-1)^S 2^(E-bias) 1.M, or 2^(1-bias) 0.M.
fn value(format: FloatFormat, encoding: u32) -> f64 {
    let (_, fraction_bits, bias, _) = printed(format);
    let (exponent, fraction) = (encoding >> fraction_bits, encoding & ((1 << fraction_bits) - 1));
    let fraction = f64::from(fraction) / f64::from(1 << fraction_bits);
    match exponent {
        0 => f64::powi(2.0, 1 - bias) * fraction,
        _ => f64::powi(2.0, exponent as i32 - bias) * (1.0 + fraction),
    }
}

/// The neighbours of a magnitude: the largest encoding not above it, and the next one. The latter may
/// be beyond the largest number; its value is then what it would be with a larger exponent.
fn neighbours(format: FloatFormat, magnitude: f64) -> u32 {
    let (_, _, _, end) = printed(format);
    let (mut below, mut above) = (0, end + (1 << 23));
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if value(format, middle) <= magnitude { below = middle } else { above = middle }
    }
    below
}

/// What a conversion must give.
fn model(
    format: FloatFormat,
    real: f64,
    rounding: FloatRounding,
    overflow: Overflow,
    word: u32,
) -> f32 {
    if real.is_nan() {
        return NAN;
    }
    let (_, _, _, end) = printed(format);
    let encoding = if real.is_infinite() {
        end
    } else {
        let below = neighbours(format, real.abs());
        let (low, high) = (value(format, below), value(format, below + 1));
        let up = match rounding {
            FloatRounding::Nearest => {
                let middle = low + (high - low) / 2.0;
                real.abs() > middle || (real.abs() == middle && below % 2 == 1)
            }
            FloatRounding::Stochastic => {
                let fraction = (real.abs() - low) / (high - low);
                (fraction * f64::powi(2.0, 24)).floor() + f64::from(word) >= f64::powi(2.0, 24)
            }
        };
        below + u32::from(up)
    };
    let magnitude = if encoding < end {
        value(format, encoding)
    } else {
        match overflow {
            Overflow::Saturate => value(format, end - 1),
            Overflow::Infinity if format == FloatFormat::E4m3 => return NAN,
            Overflow::Infinity => f64::INFINITY,
        }
    };
    magnitude.copysign(real) as f32
}

const OVERFLOWS: [Overflow; 2] = [Overflow::Saturate, Overflow::Infinity];

const NARROW: [FloatFormat; 3] = [FloatFormat::Bfloat16, FloatFormat::E4m3, FloatFormat::E5m2];

/// Every upper half of a binary32 encoding with the lower halves that decide: nothing, one bit of
/// either end, a tie of bfloat16 and its neighbours. The lower half of any other value rounds like
/// one of these.
fn deciding_values() -> Vec<f32> {
    (0..=0xffff_u32)
        .flat_map(|high| {
            [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff].map(|low| f32::from_bits(high << 16 | low))
        })
        .collect()
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits()
}

#[test]
fn rounding_to_nearest_agrees_with_the_list_of_numbers() {
    for format in NARROW {
        for overflow in OVERFLOWS {
            for value in deciding_values() {
                let (nearest, real) = (FloatRounding::Nearest, f64::from(value));
                let found = format.round(real, nearest, overflow, 0);
                let expected = model(format, real, nearest, overflow, 0);
                assert!(
                    same(found, expected),
                    "{format} {overflow:?} {value:e}: {found:e}, not {expected:e}"
                );
            }
        }
    }
}

#[test]
fn doubles_round_once() {
    // In binary32 the value is a tie of bfloat16; the double is above it.
    let above = 1.0 + f64::powi(2.0, -8) + f64::powi(2.0, -40);
    let nearest = |format: FloatFormat, value| {
        format.round(value, FloatRounding::Nearest, Overflow::Infinity, 0)
    };
    assert_eq!(nearest(FloatFormat::Bfloat16, above), 1.0 + f32::powi(2.0, -7));
    for value in [above, 1e-45, 1e-46, 3.5e38, -1e300, f64::MIN_POSITIVE, 0.1, -0.0, f64::INFINITY]
    {
        assert!(same(nearest(FloatFormat::Binary32, value), value as f32), "{value:e}");
        for format in NARROW {
            let expected = model(format, value, FloatRounding::Nearest, Overflow::Infinity, 0);
            assert!(same(nearest(format, value), expected), "{format} {value:e}");
        }
    }
    let saturated =
        FloatFormat::Binary32.round(-1e39, FloatRounding::Nearest, Overflow::Saturate, 0);
    assert_eq!(saturated, f32::MIN);
}

#[test]
fn stochastic_rounding_follows_the_word() {
    let words = [0, 1, 0x7f_ffff, 0x80_0000, 0xff_fffe, 0xff_ffff, 0x12_3456];
    for format in NARROW {
        for overflow in OVERFLOWS {
            for value in deciding_values().into_iter().step_by(7) {
                for word in words {
                    let (mode, real) = (FloatRounding::Stochastic, f64::from(value));
                    let found = format.round(real, mode, overflow, word);
                    let expected = model(format, real, mode, overflow, word);
                    assert!(
                        same(found, expected),
                        "{format} {value:e} {word:x}: {found:e}, not {expected:e}"
                    );
                }
            }
        }
    }
}

#[test]
fn encodings_round_trip() {
    for format in NARROW {
        let (_, _, _, end) = printed(format);
        let sign = 1 << (format.bits() - 1);
        for encoding in 0..sign {
            for encoding in [encoding, encoding | sign] {
                let number = format.decode(encoding);
                let magnitude = encoding & (sign - 1);
                if magnitude < end {
                    let expected = value(format, magnitude) as f32;
                    assert_eq!(number.abs(), expected);
                    assert_eq!(number.is_sign_negative(), encoding >= sign);
                    assert_eq!(format.encode(number), Some(encoding));
                } else if number.is_infinite() {
                    assert!(format.has_infinity() && magnitude == end);
                    assert_eq!(format.encode(number), Some(encoding));
                } else {
                    assert!(same(number, NAN));
                    assert_eq!(format.encode(number), Some(format.nan()));
                }
                assert!(format.has(number));
            }
        }
        // What a format has is what rounding does not change.
        for value in deciding_values() {
            let rounded = format.round(value.into(), FloatRounding::Nearest, Overflow::Infinity, 0);
            let has = value.is_nan() || same(rounded, value);
            assert_eq!(
                (format.has(value), format.encode(value).is_some()),
                (has, has),
                "{format} {value:e}"
            );
        }
    }
    for number in deciding_values() {
        let encoding = FloatFormat::Binary32.encode(number).unwrap();
        assert!(number.is_nan() || encoding == number.to_bits());
        assert!(same(
            FloatFormat::Binary32.decode(encoding),
            if number.is_nan() { NAN } else { number }
        ));
    }
}

#[test]
fn slices_round_as_numbers_do_and_count_changes() {
    let values = deciding_values();
    for format in NARROW {
        for scale in [0, 3, -40] {
            let mut out = vec![0.0; values.len()];
            let changed = format.round_slice((&values, scale), Overflow::Saturate, None, &mut out);
            let scaled = |value: f32| f64::from(value) * f64::powi(2.0, scale);
            let mut expected = 0;
            for (value, out) in values.iter().zip(&out) {
                let rounded =
                    format.round(scaled(*value), FloatRounding::Nearest, Overflow::Saturate, 0);
                assert!(same(*out, rounded), "{format} {value:e} by 2^{scale}");
                expected += u64::from(!value.is_nan() && f64::from(rounded) != scaled(*value));
            }
            assert_eq!(changed, expected);
            let seeds = [Lfsr::new(5), Lfsr::new(6), Lfsr::new(7)];
            let mut streams = seeds;
            format.round_slice((&values, scale), Overflow::Saturate, Some(&mut streams), &mut out);
            for (index, (value, out)) in values.iter().zip(&out).enumerate().step_by(997) {
                let mut stream = seeds[index % 3];
                stream.skip(index as u64 / 3);
                let mode = FloatRounding::Stochastic;
                let rounded = format.round(scaled(*value), mode, Overflow::Saturate, stream.word());
                assert!(same(*out, rounded), "{format} {value:e} by 2^{scale}");
            }
        }
    }
}

#[test]
fn a_scale_is_the_largest_that_fits() {
    for format in NARROW {
        for value in deciding_values()
            .into_iter()
            .step_by(3)
            .filter(|value| value.is_finite() && *value != 0.0)
        {
            let scale = format.scale_of(value);
            let scaled = |scale| f64::from(value.abs()) * f64::powi(2.0, scale);
            let largest = f64::from(format.largest());
            assert!(
                scaled(scale) <= largest && scaled(scale + 1) > largest,
                "{format} {value:e}: {scale}"
            );
        }
        assert_eq!([f32::INFINITY, f32::NAN, -0.0].map(|value| format.scale_of(value)), [0; 3]);
    }
}

#[test]
fn names_are_parsed() {
    for format in FloatFormat::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    let error = "e3m4".parse::<FloatFormat>().unwrap_err().to_string();
    assert_eq!(error, "float format: expected fp32, bf16, e4m3 or e5m2, found \"e3m4\"");
}
