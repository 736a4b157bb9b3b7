//! Fixed-point formats: total width and fraction length.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::FxpError;

/// Narrowest format, sign included.
pub const MIN_BITS: u32 = 2;
/// Widest format, sign included.
pub const MAX_BITS: u32 = 32;

/// A fixed-point format: total width in bits (sign included) and fraction length in bits.
/// The value of a raw integer is raw * 2^-frac.
///
/// The fraction length may be negative or larger than the width. Papers write `<IL, FL>` and do not
/// count the sign bit: IL is [`Format::integer_length`], FL is [`Format::frac`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Format {
    bits: u32,
    frac: i32,
}

impl Format {
    /// A format of `bits` bits in total, `frac` of them after the binary point.
    ///
    /// # Errors
    /// [`FxpError::Bits`] when `bits` is outside 2..=32.
    ///
    /// ```
    /// let q = flexmac_fxp::Format::new(16, 12)?;
    /// assert_eq!(q.to_string(), "s3.12");
    /// assert_eq!((q.min_raw(), q.max_raw()), (-32768, 32767));
    /// # Ok::<(), flexmac_fxp::FxpError>(())
    /// ```
    pub fn new(bits: u32, frac: i32) -> Result<Self, FxpError> {
        if (MIN_BITS..=MAX_BITS).contains(&bits) {
            Ok(Self { bits, frac })
        } else {
            Err(FxpError::Bits { found: bits })
        }
    }

    /// The format of `bits` bits in total with the given integer length (the papers' IL, sign not
    /// counted).
    ///
    /// # Errors
    /// [`FxpError::Bits`] when `bits` is outside 2..=32.
    pub fn with_integer_length(bits: u32, integer_length: i32) -> Result<Self, FxpError> {
        // The cast can only truncate a `bits` that `new` then rejects.
        Self::new(bits, (bits as i32).wrapping_sub(1).saturating_sub(integer_length))
    }

    /// Total width, sign included.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Fraction length (FL).
    pub fn frac(self) -> i32 {
        self.frac
    }

    /// Integer length (IL), sign excluded: bits - 1 - frac.
    pub fn integer_length(self) -> i32 {
        self.bits as i32 - 1 - self.frac
    }

    /// Smallest raw value, -2^(bits-1).
    pub fn min_raw(self) -> i32 {
        // -2^31 at the widest, which an i32 holds.
        (-(1_i64 << (self.bits - 1))) as i32
    }

    /// Largest raw value, 2^(bits-1) - 1.
    pub fn max_raw(self) -> i32 {
        // 2^31 - 1 at the widest, which an i32 holds.
        ((1_i64 << (self.bits - 1)) - 1) as i32
    }
}

/// Written `s<integer length>.<fraction length>`, for example `s3.12`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}.{}", self.integer_length(), self.frac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_at_every_width() {
        for bits in MIN_BITS..=MAX_BITS {
            let format = Format::new(bits, 0).unwrap();
            assert_eq!(i64::from(format.max_raw()), (1_i64 << (bits - 1)) - 1);
            assert_eq!(i64::from(format.min_raw()), -(1_i64 << (bits - 1)));
        }
    }

    #[test]
    fn published_widths_leave_the_sign_out() {
        let format = Format::with_integer_length(16, 8).unwrap();
        assert_eq!((format.integer_length(), format.frac()), (8, 7));
        let beyond = Format::with_integer_length(8, -3).unwrap();
        assert_eq!((beyond.frac(), beyond.to_string().as_str()), (10, "s-3.10"));
    }

    #[test]
    fn widths_outside_the_array_are_refused() {
        for bits in [0, 1, 33, u32::MAX] {
            let error = Format::new(bits, 0).unwrap_err();
            assert_eq!(error, FxpError::Bits { found: bits });
            assert!(error.to_string().contains("2..=32"));
        }
    }
}
