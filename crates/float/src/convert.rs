//! Conversions: from encodings to `f32`, and from real numbers to the numbers of a format.
//!
//! All numbers of the formats are numbers of binary32, so a number *in* a format is an `f32` here
//! that the format can represent. A conversion rounds once, from the exact value of its source.

use flexmac_fxp::{Kernel, Lfsr, STREAM_BITS, exp2, vectorized};
use serde::{Deserialize, Serialize};

use crate::format::FloatFormat;

/// How a conversion rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatRounding {
    /// To the nearest number, ties to the one whose last bit is 0.
    Nearest,
    /// To one of the two neighbours, by a random word of 24 bits: to the one of larger magnitude if
    /// the top 24 dropped bits of the magnitude plus the word reach 2^24.
    Stochastic,
}

/// What a conversion makes of a number beyond the largest one, and of infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// The largest number, with the sign. OCP calls this mode saturating.
    Saturate,
    /// Infinity with the sign; NaN in E4M3, which has no infinity. OCP: non-saturating.
    Infinity,
}

/// The one NaN of binary32 that arrays and conversions give.
pub const NAN: f32 = f32::from_bits(0x7fc0_0000);

impl FloatFormat {
    /// The number that an encoding stands for. Bits above [`Self::bits`] are ignored. Every NaN is
    /// [`NAN`].
    ///
    /// ```
    /// use flexmac_float::FloatFormat;
    /// assert_eq!(FloatFormat::E4m3.decode(0b0_0111_100), 1.5);
    /// assert_eq!(FloatFormat::E5m2.decode(0b1_00000_01), -(0.5_f32.powi(16)));
    /// assert!(FloatFormat::E4m3.decode(0b1_1111_111).is_nan());
    /// ```
    pub fn decode(self, encoding: u32) -> f32 {
        let (fraction_bits, sign_bit) = (self.fraction_bits(), self.bits() - 1);
        let magnitude = encoding & ((1 << sign_bit) - 1);
        let sign = if encoding >> sign_bit & 1 == 1 { -1.0_f64 } else { 1.0 };
        if magnitude >= self.infinity_or_nan() {
            let infinite = self.has_infinity() && magnitude == self.infinity_or_nan();
            return if infinite { (sign * f64::INFINITY) as f32 } else { NAN };
        }
        let (exponent, fraction) =
            (magnitude >> fraction_bits, magnitude & ((1 << fraction_bits) - 1));
        let hidden = u32::from(exponent > 0) << fraction_bits;
        // Exact: at most 24 bits, and every number of a format is one of binary32.
        let power = exponent.max(1) as i32 - self.bias() - fraction_bits as i32;
        (sign * f64::from(hidden | fraction) * exp2(power)) as f32
    }

    /// The encoding of a number of this format; that of [`Self::nan`] for NaN. `None` if the format
    /// has no such number.
    ///
    /// ```
    /// use flexmac_float::FloatFormat;
    /// assert_eq!(FloatFormat::E4m3.encode(-448.0), Some(0b1_1111_110));
    /// assert_eq!(FloatFormat::E4m3.encode(449.0), None);
    /// ```
    pub fn encode(self, number: f32) -> Option<u32> {
        if number.is_nan() {
            return Some(self.nan());
        }
        let sign = (number.to_bits() >> 31) << (self.bits() - 1);
        let magnitude = number.abs();
        if magnitude.is_infinite() {
            return self.has_infinity().then(|| sign | self.infinity_or_nan());
        }
        if magnitude == 0.0 {
            return Some(sign);
        }
        let value = f64::from(magnitude);
        let exponent = exponent_of(value).max(self.min_exponent());
        let fraction_bits = self.fraction_bits();
        let significand = value * exp2(fraction_bits as i32 - exponent);
        if significand.fract() != 0.0 || magnitude > self.largest() {
            return None;
        }
        // At most 2^24, checked to be an integer.
        let significand = significand as u32;
        let hidden = 1 << fraction_bits;
        // Field 0 for subnormal numbers; above it at least 1, as the exponent is at least the least.
        let field = (exponent + self.bias()) as u32;
        let normal = || (field << fraction_bits) | (significand - hidden);
        let magnitude = if significand < hidden { significand } else { normal() };
        Some(sign | magnitude)
    }

    /// Whether the format has this number. NaN it has.
    pub fn has(self, number: f32) -> bool {
        match self {
            Self::Binary32 => true,
            // The upper half of binary32.
            Self::Bfloat16 => number.to_bits() & 0xffff == 0 || number.is_nan(),
            _ => self.encode(number).is_some(),
        }
    }

    /// The number of this format that a real number rounds to. `word` is a random word of 24 bits,
    /// which only stochastic rounding uses. NaN becomes [`NAN`]; zero keeps its sign.
    ///
    /// ```
    /// use flexmac_float::{FloatFormat, FloatRounding, Overflow};
    /// let e4m3 = |value, overflow| FloatFormat::E4m3.round(value, FloatRounding::Nearest, overflow, 0);
    /// assert_eq!(e4m3(0.3, Overflow::Saturate), 0.3125);
    /// assert_eq!(e4m3(464.0, Overflow::Infinity), 448.0, "a tie, to even");
    /// assert!(e4m3(464.1, Overflow::Infinity).is_nan());
    /// assert_eq!(e4m3(-1e9, Overflow::Saturate), -448.0);
    /// ```
    #[inline(always)]
    pub fn round(self, value: f64, rounding: FloatRounding, overflow: Overflow, word: u32) -> f32 {
        Rounder::new(self, overflow).round(value, rounding, word)
    }

    /// Rounds the product of each number and 2^`scale` and returns how many changed.
    /// `words` gives the random words of stochastic rounding, none for nearest: element i takes
    /// that of stream i mod (number of streams) and advances it.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn round_slice(
        self,
        (values, scale): (&[f32], i32),
        overflow: Overflow,
        words: Option<&mut [Lfsr]>,
        out: &mut [f32],
    ) -> u64 {
        assert_eq!(values.len(), out.len(), "one number for each value");
        let rounder = Rounder::new(self, overflow);
        let scale = exp2(scale);
        match words {
            None => vectorized(RoundNearest { rounder, values, scale, out }),
            Some(streams) => {
                let mut changed = 0;
                for (values, out) in values.chunks(streams.len()).zip(out.chunks_mut(streams.len()))
                {
                    for ((value, out), stream) in values.iter().zip(out).zip(&mut *streams) {
                        let exact = f64::from(*value) * scale;
                        *out = rounder.round(exact, FloatRounding::Stochastic, stream.word());
                        changed += u64::from(f64::from(*out) != exact && !value.is_nan());
                        stream.step();
                    }
                }
                changed
            }
        }
    }

    /// The largest s for which `largest` * 2^s is at most the format's largest number: the scale of
    /// a tensor whose largest magnitude is `largest`. 0 for 0, infinity and NaN.
    ///
    /// ```
    /// use flexmac_float::FloatFormat;
    /// assert_eq!(FloatFormat::E4m3.scale_of(448.0), 0);
    /// assert_eq!(FloatFormat::E4m3.scale_of(449.0), -1);
    /// assert_eq!(FloatFormat::E4m3.scale_of(1.0), 8);
    /// assert_eq!(FloatFormat::E5m2.scale_of(0.0), 0);
    /// ```
    pub fn scale_of(self, largest: f32) -> i32 {
        let largest = f64::from(largest.abs());
        if largest == 0.0 || !largest.is_finite() {
            return 0;
        }
        let most = f64::from(self.largest());
        let scale = exponent_of(most) - exponent_of(largest);
        // The quotient of the significands decides on the last step.
        if largest * exp2(scale) > most { scale - 1 } else { scale }
    }
}

/// The constants of a conversion.
#[derive(Debug, Clone, Copy)]
struct Rounder {
    min_exponent: i64,
    fraction_bits: i64,
    largest: f64,
    /// What a number beyond the largest becomes.
    beyond: f64,
}

impl Rounder {
    fn new(format: FloatFormat, overflow: Overflow) -> Self {
        let largest = f64::from(format.largest());
        let beyond = match overflow {
            Overflow::Saturate => largest,
            Overflow::Infinity if format.has_infinity() => f64::INFINITY,
            Overflow::Infinity => f64::NAN,
        };
        let min_exponent = format.min_exponent().into();
        Self { min_exponent, fraction_bits: format.fraction_bits().into(), largest, beyond }
    }

    /// Exponent of the distance between numbers near `value`: that of the last fraction bit. The
    /// limit above is beyond all formats; it keeps infinity's exponent in range.
    #[inline(always)]
    fn last_place(self, value: f64) -> i64 {
        /// Above the exponents of binary32.
        const MOST: i64 = 200;
        let exponent = (value.to_bits() >> 52 & 0x7ff) as i64 - 1023;
        exponent.max(self.min_exponent).min(MOST) - self.fraction_bits
    }

    #[inline(always)]
    fn round(self, value: f64, rounding: FloatRounding, word: u32) -> f32 {
        match rounding {
            FloatRounding::Nearest => self.nearest(value),
            FloatRounding::Stochastic => {
                let last = self.last_place(value);
                let (unit, units) = (two_to(last), value.abs() * two_to(-last));
                let whole = units.floor();
                // The fraction's top 24 bits; both are integers below 2^24.
                let dropped = ((units - whole) * f64::from(1 << STREAM_BITS)) as u32;
                let up = f64::from((dropped + word) >> STREAM_BITS);
                self.finish(((whole + up) * unit).copysign(value))
            }
        }
    }

    #[inline(always)]
    fn nearest(self, value: f64) -> f32 {
        // Beyond 2^52 last places, doubles have no bits below one: adding and taking away again
        // 1.5 * 2^52 of them rounds to whole ones, ties to even. The second step is exact.
        let last = self.last_place(value);
        let large = 1.5 * two_to(last + 52);
        let units = value.abs();
        // Numbers beyond the largest are cut first: their size must not matter here.
        let units = if units > 2.0 * self.largest { f64::INFINITY } else { units };
        self.finish(((units + large) - large).copysign(value))
    }

    /// Overflow and NaN. The rest is exact in binary32.
    #[inline(always)]
    fn finish(self, rounded: f64) -> f32 {
        let cut =
            if rounded.abs() > self.largest { self.beyond.copysign(rounded) } else { rounded };
        if cut.is_nan() { NAN } else { cut as f32 }
    }
}

struct RoundNearest<'a> {
    rounder: Rounder,
    values: &'a [f32],
    scale: f64,
    out: &'a mut [f32],
}

impl Kernel for RoundNearest<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let mut changed = 0;
        for (value, out) in self.values.iter().zip(self.out) {
            let exact = f64::from(*value) * self.scale;
            *out = self.rounder.nearest(exact);
            changed += u64::from(f64::from(*out) != exact && !value.is_nan());
        }
        changed
    }
}

/// 2^exponent, for exponents of normal doubles.
#[inline(always)]
pub(crate) fn two_to(exponent: i64) -> f64 {
    // The caller's exponent is in -1022..=1023.
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The exponent of a normal double.
fn exponent_of(value: f64) -> i32 {
    // Eleven bits.
    (value.to_bits() >> 52 & 0x7ff) as i32 - 1023
}
