//! The arithmetic of rounding for each type of number, written so that it vectorizes: shift, floor,
//! dropped bits, saturation.
//!
//! Sums of at most 32 bits are rounded as 32-bit integers, wider ones as 64-bit integers. Sums in
//! floating-point types, and real numbers, are rounded in doubles; every step is exact there:
//! scaling by a power of two, the floor, and the difference of two integers close to each other.

use crate::requant::MAX_LEFT;
use crate::{Format, Requantizer, STREAM_BITS, exp2};

/// Splits a number, after the shift, into its floor and the bits below it.
pub(crate) trait Split<S>: Copy {
    type Floor: Floor;

    /// Whether there may be bits below the floor.
    fn drops(&self) -> bool;

    /// (floor, top 24 dropped bits).
    fn split(&self, sum: S) -> (Self::Floor, i32);
}

/// An integer before saturation.
pub(crate) trait Floor: Copy {
    /// Adds `up` and saturates to min..=max. NaN gives 0.
    fn saturate(self, up: i32, min: i32, max: i32) -> i32;

    /// 1 for NaN, else 0.
    fn not_a_number(self) -> u32;
}

#[derive(Clone, Copy)]
pub(crate) struct Doubles {
    scale: f64,
    /// Whether scaled numbers may have bits below the point.
    fractions: bool,
}

impl Doubles {
    /// For sums: integers.
    pub fn of_integers(by: &Requantizer) -> Self {
        /// Larger shifts change no result: the sum saturates, or only its sign is left. This limit
        /// keeps the scaled sum within the normal doubles.
        const MAX_SHIFT: i32 = 900;
        let scale = exp2(-by.shift.clamp(-MAX_SHIFT, MAX_SHIFT));
        Self { scale, fractions: by.shift > 0 }
    }

    /// For real numbers.
    pub fn of_reals(format: Format) -> Self {
        Self { scale: exp2(format.frac()), fractions: true }
    }
}

impl<S: Copy + Into<f64>> Split<S> for Doubles {
    type Floor = f64;

    fn drops(&self) -> bool {
        self.fractions
    }

    #[inline(always)]
    fn split(&self, sum: S) -> (f64, i32) {
        const FIELD: f64 = (1 << STREAM_BITS) as f64;
        let scaled = sum.into() * self.scale;
        let floor = scaled.floor();
        // Two integers less than 2^24 apart: their difference is exact. An infinity has no dropped
        // bits.
        let dropped = (scaled * FIELD).floor() - floor * FIELD;
        (floor, low_bits(if scaled.abs() < f64::INFINITY { dropped } else { 0.0 }))
    }
}

/// Converts a double that holds a 32-bit integer. A cast gives the same result, but compilers do
/// not vectorize it. The last place of 3 * 2^51 is worth 1, so adding it leaves the integer in the
/// low bits.
#[inline(always)]
fn low_bits(integer: f64) -> i32 {
    const ONES_LAST: f64 = (3_u64 << 51) as f64;
    (integer + ONES_LAST).to_bits() as i32
}

impl Floor for f64 {
    #[inline(always)]
    fn saturate(self, up: i32, min: i32, max: i32) -> i32 {
        let (min, max) = (Self::from(min), Self::from(max));
        let rounded = self + Self::from(up);
        // Comparisons vectorize; `clamp` does not, because it checks its arguments.
        let rounded = if rounded < min { min } else { rounded };
        let rounded = if rounded > max { max } else { rounded };
        low_bits(if rounded.is_nan() { 0.0 } else { rounded })
    }

    #[inline(always)]
    fn not_a_number(self) -> u32 {
        u32::from(self.is_nan())
    }
}

/// Integers, shifted right or left.
#[derive(Clone, Copy)]
pub(crate) struct Integers {
    floor_right: u32,
    field_right: u32,
    field_left: u32,
    left: u32,
}

impl Integers {
    pub fn new(by: &Requantizer) -> Self {
        let right = by.shift.max(0).unsigned_abs();
        Self {
            floor_right: right,
            // Moves the top of the dropped field to bit 24, by a right or a left shift.
            field_right: right.saturating_sub(STREAM_BITS),
            field_left: STREAM_BITS.saturating_sub(right),
            left: by.shift.min(0).unsigned_abs().min(MAX_LEFT),
        }
    }
}

impl Split<i64> for Integers {
    type Floor = i64;

    fn drops(&self) -> bool {
        self.floor_right > 0
    }

    #[inline(always)]
    fn split(&self, sum: i64) -> (i64, i32) {
        // 63 shifts leave only the sign, and so does every longer one.
        let field = sum >> self.field_right.min(63) << self.field_left;
        // Clamp before the left shift: a number of more than 32 bits saturates anyway.
        const BEYOND: i64 = (1 << 31) + 1;
        let floor = (sum >> self.floor_right.min(63)).clamp(-BEYOND, BEYOND) << self.left;
        // Cannot truncate: masked to 24 bits.
        (floor, (field & ((1 << STREAM_BITS) - 1)) as i32)
    }
}

/// Right shifts only.
impl Split<i32> for Integers {
    type Floor = i32;

    fn drops(&self) -> bool {
        true
    }

    #[inline(always)]
    fn split(&self, sum: i32) -> (i32, i32) {
        // 31 shifts leave only the sign, and so does every longer one.
        let field = sum >> self.field_right.min(31) << self.field_left;
        // At least one bit is dropped, so that the floor can be incremented.
        (sum >> self.floor_right.min(31), field & ((1 << STREAM_BITS) - 1))
    }
}

impl Floor for i32 {
    #[inline(always)]
    fn saturate(self, up: i32, min: i32, max: i32) -> i32 {
        let rounded = self + up;
        let rounded = if rounded < min { min } else { rounded };
        if rounded > max { max } else { rounded }
    }

    #[inline(always)]
    fn not_a_number(self) -> u32 {
        0
    }
}

/// 32-bit integers, shifted left: nothing is dropped.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    left: u32,
    /// The integers that do not saturate, -1 - `largest`..=`largest`, and the limits of the output.
    smallest: i32,
    largest: i32,
    min: i32,
    max: i32,
}

impl Left {
    pub fn new(by: &Requantizer) -> Self {
        let format = Format::new(by.bits, 0).expect("requantizers have legal widths");
        let left = by.shift.min(0).unsigned_abs().min(MAX_LEFT);
        let (min, max) = (format.min_raw(), format.max_raw());
        // The smallest integer whose multiple is at least `min`: -(|min| >> left).
        // Cannot truncate: at most 31 bits and a sign.
        let smallest = -(-i64::from(min) >> left) as i32;
        Self { left, smallest, largest: max >> left, min, max }
    }
}

impl Split<i32> for Left {
    type Floor = i32;

    fn drops(&self) -> bool {
        false
    }

    #[inline(always)]
    fn split(&self, sum: i32) -> (i32, i32) {
        let shifted = if sum < self.smallest { self.min } else { sum << self.left };
        (if sum > self.largest { self.max } else { shifted }, 0)
    }
}

impl Floor for i64 {
    #[inline(always)]
    fn saturate(self, up: i32, min: i32, max: i32) -> i32 {
        // Cannot truncate: clamped to 32 bits.
        (self + Self::from(up)).clamp(min.into(), max.into()) as i32
    }

    #[inline(always)]
    fn not_a_number(self) -> u32 {
        0
    }
}
