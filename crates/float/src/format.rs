//! The formats: how many bits each field has, and which encodings are special.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::FloatError;

/// A floating-point format that an array multiplies or emits: a sign, a biased exponent, a
/// fraction. Exponent field 0 holds zero and the subnormal numbers.
///
/// # Source
/// IEEE 754-2019 (binary32); OCP 8-bit Floating Point Specification, revision 1.0 (E4M3, E5M2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatFormat {
    /// IEEE binary32: 8 exponent bits, 23 fraction bits.
    #[default]
    #[serde(rename = "fp32")]
    Binary32,
    /// bfloat16, the upper half of binary32: 8 exponent bits, 7 fraction bits.
    #[serde(rename = "bf16")]
    Bfloat16,
    /// OCP E4M3: 4 exponent bits, 3 fraction bits. No infinity; NaN is S.1111.111 only, so the
    /// largest number is 448.
    E4m3,
    /// OCP E5M2: 5 exponent bits, 2 fraction bits, infinity and NaN as in IEEE formats.
    E5m2,
}

impl FloatFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Binary32, Self::Bfloat16, Self::E4m3, Self::E5m2];

    /// The format's name in flags and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary32 => "fp32",
            Self::Bfloat16 => "bf16",
            Self::E4m3 => "e4m3",
            Self::E5m2 => "e5m2",
        }
    }

    /// Width of the encoding in bits, sign included.
    pub fn bits(self) -> u32 {
        1 + self.exponent_bits() + self.fraction_bits()
    }

    /// Width of the exponent field.
    pub fn exponent_bits(self) -> u32 {
        match self {
            Self::Binary32 | Self::Bfloat16 => 8,
            Self::E4m3 => 4,
            Self::E5m2 => 5,
        }
    }

    /// Width of the fraction field.
    pub fn fraction_bits(self) -> u32 {
        match self {
            Self::Binary32 => 23,
            Self::Bfloat16 => 7,
            Self::E4m3 => 3,
            Self::E5m2 => 2,
        }
    }

    /// What the exponent field exceeds the exponent by: 2^(exponent bits - 1) - 1.
    pub fn bias(self) -> i32 {
        (1 << (self.exponent_bits() - 1)) - 1
    }

    /// Exponent of the smallest normal number, and of the subnormal numbers.
    pub fn min_exponent(self) -> i32 {
        1 - self.bias()
    }

    /// Whether the format has infinities. Where it has none, the largest exponent field is that of
    /// numbers too, and only the largest fraction there is NaN.
    pub fn has_infinity(self) -> bool {
        self != Self::E4m3
    }

    /// The largest finite number.
    ///
    /// ```
    /// use flexmac_float::FloatFormat;
    /// assert_eq!(FloatFormat::E4m3.largest(), 448.0);
    /// assert_eq!(FloatFormat::E5m2.largest(), 57344.0);
    /// assert_eq!(FloatFormat::Binary32.largest(), f32::MAX);
    /// ```
    pub fn largest(self) -> f32 {
        self.decode(self.infinity_or_nan() - 1)
    }

    /// The first encoding of a positive sign that is no number: infinity, or NaN in E4M3.
    pub(crate) fn infinity_or_nan(self) -> u32 {
        let exponents = ((1 << self.exponent_bits()) - 1) << self.fraction_bits();
        if self.has_infinity() { exponents } else { exponents | ((1 << self.fraction_bits()) - 1) }
    }

    /// The encoding of NaN that conversions give: sign 0, in E4M3 the only fraction, elsewhere the
    /// quiet one without a payload.
    pub fn nan(self) -> u32 {
        if self.has_infinity() {
            self.infinity_or_nan() | 1 << (self.fraction_bits() - 1)
        } else {
            self.infinity_or_nan()
        }
    }
}

impl fmt::Display for FloatFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FloatFormat {
    type Err = FloatError;

    fn from_str(name: &str) -> Result<Self, FloatError> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| FloatError::FormatName { found: name.to_owned() })
    }
}
