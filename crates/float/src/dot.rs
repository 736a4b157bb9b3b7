//! The dot product of a float array, defined: a slow model in exact integers.
//!
//! [`gemm`](crate::gemm) computes the same, fast.

use crate::convert::NAN;
use crate::format::FloatFormat;

/// Bits of a binary32 significand; the window of the adder tree holds at least as many.
const RESULT_BITS: u32 = 24;

/// Bits of the window beyond a result's, or beyond a product's.
const SPARE_BITS: u32 = 3;

/// How a float array adds up products: `lanes` at a time, in a window below the largest exponent,
/// and then in binary32.
///
/// ```
/// use flexmac_float::{DotProduct, FloatFormat};
/// let dot = DotProduct::new([FloatFormat::Bfloat16; 2], 2);
/// // 2^20 * 1 and 2^-20 * 1 meet in one word: the second is below the window of the first.
/// let small = f32::powi(2.0, -20);
/// assert_eq!(dot.of([(1_048_576.0, 1.0), (small, 1.0), (-1_048_576.0, 1.0)], [3], None), 0.0);
/// // In two words it is only rounded away if binary32 rounds it away.
/// assert_eq!(dot.of([(1.0, 1.0), (0.0, 0.0), (small, 1.0)], [3], None), 1.0 + small);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DotProduct {
    /// Bits of a significand, s.
    pub(crate) significand: u32,
    /// Guard bits of the window, G.
    pub(crate) guard: u32,
    /// Exponents of the subnormal numbers of A and of B.
    pub(crate) min_exponents: [i32; 2],
    pub(crate) lanes: usize,
}

/// A factor without its sign: significand * 2^exponent.
struct Factor {
    negative: bool,
    significand: u64,
    exponent: i32,
}

/// What is left of a word's products.
enum WordSum {
    /// Not a number.
    Nan,
    /// An infinity.
    Infinite { negative: bool },
    /// (integer, exponent): integer * 2^exponent, exact.
    Finite(i128, i32),
}

impl FloatFormat {
    /// Bits of a significand as the array multiplies it, with the hidden one: that of E5M2 is
    /// extended by a zero, so that it has those of E4M3.
    pub fn significand_bits(self) -> u32 {
        match self {
            Self::E5m2 => Self::E4m3.significand_bits(),
            _ => self.fraction_bits() + 1,
        }
    }
}

impl DotProduct {
    /// The rule for operands of these two formats, A's and B's, and a number of lanes.
    ///
    /// # Panics
    /// When `lanes` is 0, or the formats are not of one style: their significands must have the same
    /// number of bits.
    pub fn new(formats: [FloatFormat; 2], lanes: usize) -> Self {
        assert!(lanes > 0, "an array has at least one lane");
        let [significand, other] = formats.map(FloatFormat::significand_bits);
        assert_eq!(significand, other, "an array multiplies formats of one style");
        let guard = (2 * significand).max(RESULT_BITS) + SPARE_BITS - 2 * significand;
        Self { significand, guard, min_exponents: formats.map(FloatFormat::min_exponent), lanes }
    }

    /// The sum of products (a, b) in the array's order, and of a bias. `pieces` are the lengths of
    /// the commands that K is cut into; they add up to the number of products. Every factor must be
    /// a number of its format.
    pub fn of(
        &self,
        products: impl IntoIterator<Item = (f32, f32)>,
        pieces: impl IntoIterator<Item = usize>,
        bias: Option<f32>,
    ) -> f32 {
        let mut products = products.into_iter();
        let mut acc = 0.0;
        for piece in pieces {
            let piece: Vec<_> = products.by_ref().take(piece).collect();
            for word in piece.chunks(self.lanes) {
                acc = add(acc, &self.word(word));
            }
        }
        match bias {
            None => acc,
            Some(bias) => add_zero_sign(acc + bias),
        }
    }

    /// The sum of a word's products: points 1 to 3 of the definition.
    fn word(&self, word: &[(f32, f32)]) -> WordSum {
        let invalid = |(a, b): &(f32, f32)| {
            a.is_nan()
                || b.is_nan()
                || (a.is_infinite() && *b == 0.0)
                || (*a == 0.0 && b.is_infinite())
        };
        let negative = |(a, b): &(f32, f32)| a.is_sign_negative() != b.is_sign_negative();
        let mut infinite =
            word.iter().filter(|(a, b)| a.is_infinite() || b.is_infinite()).map(negative);
        if word.iter().any(invalid) {
            return WordSum::Nan;
        }
        if let Some(first) = infinite.next() {
            return if infinite.all(|other| other == first) {
                WordSum::Infinite { negative: first }
            } else {
                WordSum::Nan
            };
        }
        let product = |(a, b): &(f32, f32)| {
            let [of_a, of_b] = self.min_exponents;
            let (a, b) = (self.factor(*a, of_a), self.factor(*b, of_b));
            let significand = a.significand * b.significand;
            let negative = a.negative != b.negative;
            (significand > 0).then_some((negative, significand, a.exponent + b.exponent))
        };
        let products: Vec<_> = word.iter().filter_map(product).collect();
        let Some(largest) = products.iter().map(|(_, _, exponent)| *exponent).max() else {
            return WordSum::Finite(0, 0);
        };
        let term = |(negative, significand, exponent): &(bool, u64, i32)| {
            // What is below the window is cut: beyond 127 places nothing is left.
            let down = (largest - exponent).min(127);
            let magnitude = (i128::from(*significand) << self.guard) >> down;
            if *negative { -magnitude } else { magnitude }
        };
        WordSum::Finite(products.iter().map(term).sum(), largest - self.guard as i32)
    }

    /// A finite factor as an integer of `significand` bits and a power of two. A number below
    /// 2^`least` is subnormal: it has the exponent of the smallest normal number.
    fn factor(&self, number: f32, least: i32) -> Factor {
        let bits = number.to_bits();
        let (field, fraction) = ((bits >> 23 & 0xff) as i32, u64::from(bits & 0x7f_ffff));
        let significand = u64::from(field > 0) << 23 | fraction;
        let exponent = field.max(1) - 127;
        // Nothing is lost: the number is one of its format. A zero may be far below.
        let drop = (24 - self.significand as i32 + (least - exponent).max(0)).min(63);
        Factor {
            negative: number.is_sign_negative(),
            significand: significand >> drop,
            exponent: exponent.max(least) - (self.significand as i32 - 1),
        }
    }
}

/// binary32(acc + sum), where a zero is +0 and NaN is the one NaN.
fn add(acc: f32, sum: &WordSum) -> f32 {
    let sum = match sum {
        WordSum::Nan => return NAN,
        WordSum::Infinite { negative } => {
            return add_zero_sign(acc + if *negative { f32::NEG_INFINITY } else { f32::INFINITY });
        }
        WordSum::Finite(integer, exponent) => (*integer, *exponent),
    };
    if !acc.is_finite() {
        return acc;
    }
    let bits = acc.to_bits();
    let (field, fraction) = ((bits >> 23 & 0xff) as i32, i128::from(bits & 0x7f_ffff));
    let magnitude = fraction | i128::from(field > 0) << 23;
    let acc = (if acc.is_sign_negative() { -magnitude } else { magnitude }, field.max(1) - 150);
    round(exact_sum(acc, sum))
}

/// The sum of two numbers integer * 2^exponent. Where the exponents are so far apart that no common
/// integer holds both, the smaller number becomes one unit of its sign: it is far below half a last
/// place of any rounding of the larger one.
fn exact_sum(x: (i128, i32), y: (i128, i32)) -> (i128, i32) {
    /// Places by which integers of up to 60 bits can be shifted.
    const ROOM: i32 = 60;
    let (high, low) = if x.1 >= y.1 { (x, y) } else { (y, x) };
    if high.0 == 0 {
        return low;
    }
    let apart = high.1 - low.1;
    if apart <= ROOM {
        ((high.0 << apart) + low.0, low.1)
    } else {
        ((high.0 << ROOM) + low.0.signum(), high.1 - ROOM)
    }
}

/// integer * 2^exponent in binary32, to nearest, ties to even. Zero is +0.
fn round((integer, exponent): (i128, i32)) -> f32 {
    const LEAST: i32 = -149;
    let magnitude = integer.unsigned_abs();
    let bits = u128::BITS - magnitude.leading_zeros();
    let drop = (bits as i32 - RESULT_BITS as i32).max(LEAST - exponent);
    let (kept, exponent) = if drop <= 0 {
        (magnitude, exponent)
    } else if drop > bits as i32 {
        (0, LEAST)
    } else {
        let (floor, rest) = (magnitude >> drop, magnitude & ((1 << drop) - 1));
        let half = 1 << (drop - 1);
        let up = rest > half || (rest == half && floor & 1 == 1);
        (floor + u128::from(up), exponent + drop)
    };
    if kept == 0 {
        return 0.0;
    }
    // At most 2^24, or an integer of few bits: exact in double precision, and then, unless it
    // overflows, in binary32. The power is split, so that it is a normal double.
    let value =
        kept as f64 * f64::powi(2.0, exponent / 2) * f64::powi(2.0, exponent - exponent / 2);
    let value = value as f32;
    if integer < 0 { -value } else { value }
}

/// The sum with zero as +0 and NaN as the one NaN.
pub(crate) fn add_zero_sign(sum: f32) -> f32 {
    if sum.is_nan() { NAN } else { sum + 0.0 }
}
