//! Chooses how an exact integer GEMM is computed: by integer vector instructions where the
//! processor has them, our own or, for bytes, those of a library; by a floating-point GEMM
//! elsewhere.
//!
//! Integers up to 2^24 in magnitude are exact in an f32, up to 2^53 in an f64. If a dot product's
//! bound stays in that range, all its partial sums are exact too, in any order of addition. A GEMM
//! of narrow operands is therefore one call of a floating-point library. Wider operands are split
//! into pieces (Ozaki, Ogita, Oishi, Rump 2012, applied to integers), and K into stretches, such
//! that every product of pieces over a stretch meets the bound; these partial results are added as
//! integers.

use crate::bytes;
use crate::integer::VectorUnit;

/// How a GEMM is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GemmPlan {
    /// By byte kernels, operands of at most 8 bits and sums below 2^31.
    Bytes,
    /// By integer instructions, operands of at most 16 bits.
    Bits16(VectorUnit),
    /// By integer instructions, operands of at most 32 bits.
    Bits32(VectorUnit),
    /// By a floating-point GEMM.
    Float(FloatPlan),
}

impl GemmPlan {
    /// The plan for operands of these widths, on a processor with or without integer vectors. The
    /// other arguments are those of [`FloatPlan::new`].
    pub fn new(
        machine: Option<VectorUnit>,
        (bits_a, bits_b): (u32, u32),
        inner: usize,
        start: u128,
    ) -> Self {
        let sum = largest_sum((bits_a, bits_b), inner, start);
        match machine {
            Some(machine)
                if machine.has_byte_products()
                    && bits_a.max(bits_b) <= 8
                    && inner <= bytes::MAX_INNER
                    && sum < 1 << 31
                    && bytes::are_exact() =>
            {
                Self::Bytes
            }
            Some(machine) if bits_a.max(bits_b) <= 16 => Self::Bits16(machine),
            Some(machine) => Self::Bits32(machine),
            None => Self::Float(FloatPlan::new(bits_a, bits_b, inner, start)),
        }
    }
}

/// The largest magnitude of a sum of K = `inner` products of operands of these widths, and of an
/// initial sum of at most `start` in magnitude.
pub(crate) fn largest_sum((bits_a, bits_b): (u32, u32), inner: usize, start: u128) -> u128 {
    // No overflow: K is a length in memory, and K * 2^62 is below 2^126.
    ((inner as u128) << (bits_a + bits_b - 2)) + start
}

/// How a floating-point GEMM computes exact sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FloatPlan {
    /// Pieces A is split into.
    pub pieces_a: u32,
    /// Pieces B is split into.
    pub pieces_b: u32,
    /// Whether the pieces are multiplied as f32 rather than f64.
    pub single: bool,
    /// Longest stretch of K whose sums are exact, at most the GEMM's K.
    pub stretch: usize,
    /// Whether the complete sums, initial values included, are exact in the float type. Then there
    /// is one piece of each operand, one stretch, and no integer addition.
    pub whole: bool,
}

const SINGLE_BITS: u32 = 24;
const DOUBLE_BITS: u32 = 53;
/// More pieces are never needed: with 8-bit pieces in f64, stretches reach 2^37.
const MAX_PIECES: u32 = 4;
/// Shorter stretches cost more integer additions than they save multiplications.
const MIN_STRETCH: usize = 256;
/// Cost of adding one sum as an integer, in f32 multiplications.
const ADDITION_COST: usize = 64;

impl FloatPlan {
    /// The cheapest exact plan for operands of `bits_a` and `bits_b` bits, inner dimension `inner`,
    /// and initial sums of at most `start` in magnitude. An f64 multiplication costs as much as two
    /// in f32.
    pub fn new(bits_a: u32, bits_b: u32, inner: usize, start: u128) -> Self {
        let inner = inner.max(1);
        let mut best = None;
        for pieces_a in 1..=MAX_PIECES {
            for pieces_b in 1..=MAX_PIECES {
                let magnitude =
                    piece_magnitude_bits(bits_a, pieces_a) + piece_magnitude_bits(bits_b, pieces_b);
                for (single, limit, weight) in [(true, SINGLE_BITS, 1), (false, DOUBLE_BITS, 2)] {
                    let Some(room) = limit.checked_sub(magnitude) else { continue };
                    // Fits: at most 2^53 and at most a length in memory; usize has 64 bits here.
                    let stretch = inner.min(1 << room.min(usize::BITS - 2));
                    if stretch < inner.min(MIN_STRETCH) {
                        continue;
                    }
                    let pairs = (pieces_a * pieces_b) as usize;
                    let sum = ((inner as u128) << magnitude) + start;
                    let whole = pairs == 1 && sum <= 1 << limit;
                    let additions =
                        if whole { 0 } else { pairs * inner.div_ceil(stretch) * ADDITION_COST };
                    let cost = pairs * weight * inner + additions;
                    if best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, Self { pieces_a, pieces_b, single, stretch, whole }));
                    }
                }
            }
        }
        best.expect("8-bit pieces have long stretches in f64").1
    }
}

/// Bits of the largest magnitude of a piece: a whole operand reaches 2^(bits-1), an unsigned low
/// piece of w bits is below 2^w, and the signed top piece is no larger.
fn piece_magnitude_bits(bits: u32, pieces: u32) -> u32 {
    if pieces == 1 { bits - 1 } else { piece_width(bits, pieces) }
}

/// Bits of every piece except the top one.
pub(crate) fn piece_width(bits: u32, pieces: u32) -> u32 {
    bits.div_ceil(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(single: bool, stretch: usize) -> FloatPlan {
        FloatPlan { pieces_a: 1, pieces_b: 1, single, stretch, whole: true }
    }

    #[test]
    fn machines_with_vectors_multiply_integers() {
        for machine in VectorUnit::all() {
            let plan = |a, b| GemmPlan::new(Some(machine), (a, b), 500, 0);
            assert!(matches!(plan(2, 16), GemmPlan::Bits16(_)));
            assert!(matches!(plan(16, 17), GemmPlan::Bits32(_)));
            assert!(matches!(plan(32, 32), GemmPlan::Bits32(_)));
            let exact = machine.has_byte_products() && bytes::are_exact();
            assert_eq!(matches!(plan(8, 8), GemmPlan::Bytes), exact);
            assert!(matches!(plan(8, 9), GemmPlan::Bits16(_)));
            let wide = GemmPlan::new(Some(machine), (8, 8), 500, 1 << 31);
            assert!(matches!(wide, GemmPlan::Bits16(_)));
            let long = GemmPlan::new(Some(machine), (2, 2), bytes::MAX_INNER + 1, 0);
            assert!(matches!(long, GemmPlan::Bits16(_)));
        }
        assert!(matches!(GemmPlan::new(None, (8, 8), 500, 0), GemmPlan::Float(_)));
    }

    #[test]
    fn plans_follow_the_bound() {
        assert_eq!(FloatPlan::new(8, 8, 1024, 0), whole(true, 1024));
        assert_eq!(FloatPlan::new(8, 8, 1025, 0), FloatPlan { whole: false, ..whole(true, 1024) });
        assert_eq!(FloatPlan::new(12, 12, 5, 0), whole(false, 5));
        assert_eq!(FloatPlan::new(16, 16, 1 << 22, 0), whole(false, 1 << 22));
        assert_eq!(FloatPlan::new(16, 16, 1 << 23, 0), whole(false, 1 << 23));
        assert!(!FloatPlan::new(16, 16, (1 << 23) + 1, 0).whole);
        let wide = FloatPlan::new(32, 32, 1 << 18, 0);
        assert_eq!((wide.pieces_a * wide.pieces_b, wide.single, wide.stretch), (3, false, 1 << 11));
        FloatPlan::new(32, 32, 1 << 36, 0);
    }

    #[test]
    fn what_sums_start_from_counts() {
        assert_eq!(FloatPlan::new(8, 8, 1023, 1 << 14), whole(true, 1023));
        assert_eq!(FloatPlan::new(8, 8, 1023, (1 << 14) + 1).stretch, 1023);
        assert!(!FloatPlan::new(8, 8, 1023, (1 << 14) + 1).whole);
        // An f64 multiplication costs less than an f32 one plus an integer addition.
        assert_eq!(FloatPlan::new(8, 8, 25, 1 << 24), whole(false, 25));
        assert!(!FloatPlan::new(16, 16, 25, u128::MAX >> 1).whole);
    }
}
