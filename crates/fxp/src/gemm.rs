//! The exact integer product of two matrices, at the speed of a floating-point GEMM.
//!
//! An integer below 2^24 in magnitude is exact in an f32 and one below 2^53 in an f64, and so is
//! every partial sum of a dot product whose bound stays below that, in any order of addition. So a
//! product of narrow operands is one library GEMM; wider operands are split into pieces (Ozaki,
//! Ogita, Oishi, Rump 2012, for integers) whose products each meet the bound, and the piece sums
//! are added as integers. [`GemmPlan`] picks the cheapest split from the widths and K alone.

use ndarray::{Array2, ArrayView2, Zip};

use crate::FxpError;

/// Exact sums of a product, in the narrowest integer that holds their bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sums {
    /// Every possible sum fits 64 bits.
    Narrow(Array2<i64>),
    /// Sums may pass 64 bits.
    Wide(Array2<i128>),
}

impl Sums {
    /// The sum at (row, column).
    pub fn get(&self, row: usize, column: usize) -> i128 {
        match self {
            Self::Narrow(sums) => sums[[row, column]].into(),
            Self::Wide(sums) => sums[[row, column]],
        }
    }

    /// (M, N).
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Self::Narrow(sums) => sums.dim(),
            Self::Wide(sums) => sums.dim(),
        }
    }
}

/// How a product is computed without rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GemmPlan {
    /// Pieces A is split into.
    pub pieces_a: u32,
    /// Pieces B is split into.
    pub pieces_b: u32,
    /// Whether the pieces are multiplied as f32 rather than f64.
    pub single: bool,
}

const SINGLE_BITS: u32 = 24;
const DOUBLE_BITS: u32 = 53;
/// More pieces than this are never needed: 8 x 8-bit pieces in f64 reach K = 2^37.
const MAX_PIECES: u32 = 4;

impl GemmPlan {
    /// The cheapest exact split for operands of `bits_a` and `bits_b` bits and inner dimension
    /// `inner`; an f64 GEMM counts twice an f32 one. `inner` must be below 2^37.
    pub fn new(bits_a: u32, bits_b: u32, inner: usize) -> Self {
        let mut best = None;
        for pieces_a in 1..=MAX_PIECES {
            for pieces_b in 1..=MAX_PIECES {
                let magnitude = piece_magnitude_bits(bits_a, pieces_a)
                    + piece_magnitude_bits(bits_b, pieces_b)
                    + ceil_log2(inner);
                for (single, limit, weight) in [(true, SINGLE_BITS, 1), (false, DOUBLE_BITS, 2)] {
                    let cost = pieces_a * pieces_b * weight;
                    if magnitude <= limit && best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, Self { pieces_a, pieces_b, single }));
                    }
                }
            }
        }
        best.expect("8-bit pieces are exact in f64 for every K below 2^37").1
    }
}

/// Bits of the largest magnitude a piece takes: a whole operand reaches 2^(bits-1), an unsigned low
/// piece of w bits stays below 2^w, and the signed top piece is no larger.
fn piece_magnitude_bits(bits: u32, pieces: u32) -> u32 {
    if pieces == 1 { bits - 1 } else { piece_width(bits, pieces) }
}

fn piece_width(bits: u32, pieces: u32) -> u32 {
    bits.div_ceil(pieces)
}

fn ceil_log2(n: usize) -> u32 {
    n.max(1).next_power_of_two().trailing_zeros()
}

/// The exact product of A (M, K) and B (K, N), whose elements fit `bits_a` and `bits_b` bits.
///
/// # Errors
/// [`FxpError::Shape`] when the inner dimensions differ, [`FxpError::OperandRange`] when an element
/// does not fit its width (it would break the bound that exactness rests on).
///
/// ```
/// use ndarray::array;
/// let (a, b) = (array![[i32::MIN, i32::MIN]], array![[i32::MIN], [i32::MIN]]);
/// let sums = fxp::exact_gemm(a.view(), b.view(), 32, 32)?;
/// assert_eq!(sums.get(0, 0), 1 << 63);
/// # Ok::<(), fxp::FxpError>(())
/// ```
pub fn exact_gemm(
    a: ArrayView2<'_, i32>,
    b: ArrayView2<'_, i32>,
    bits_a: u32,
    bits_b: u32,
) -> Result<Sums, FxpError> {
    if a.ncols() != b.nrows() {
        let shape = |view: &ArrayView2<'_, i32>| [view.nrows(), view.ncols()];
        return Err(FxpError::Shape { a: shape(&a), b: shape(&b) });
    }
    check_range('A', &a, bits_a)?;
    check_range('B', &b, bits_b)?;
    let inner = a.ncols();
    let plan = GemmPlan::new(bits_a, bits_b, inner);
    // |sum| <= K * 2^(bits_a + bits_b - 2); 62 leaves the sign and the bound itself.
    let narrow = bits_a + bits_b - 2 + ceil_log2(inner) <= 62;
    Ok(match (narrow, plan.single) {
        (true, true) => Sums::Narrow(split_gemm::<f32, i64>(&a, &b, bits_a, bits_b, plan)),
        (true, false) => Sums::Narrow(split_gemm::<f64, i64>(&a, &b, bits_a, bits_b, plan)),
        (false, true) => Sums::Wide(split_gemm::<f32, i128>(&a, &b, bits_a, bits_b, plan)),
        (false, false) => Sums::Wide(split_gemm::<f64, i128>(&a, &b, bits_a, bits_b, plan)),
    })
}

/// Checks that every element fits `bits` bits.
///
/// # Errors
/// [`FxpError::OperandRange`] naming the first that does not.
pub fn check_range(operand: char, view: &ArrayView2<'_, i32>, bits: u32) -> Result<(), FxpError> {
    let format = crate::Format::new(bits, 0)?;
    let (min, max) = (format.min_raw(), format.max_raw());
    // The common case first, without indices.
    if bits == 32 || view.iter().all(|value| (min..=max).contains(value)) {
        return Ok(());
    }
    let ((row, column), found) = view
        .indexed_iter()
        .find(|(_, value)| !(min..=max).contains(*value))
        .expect("the scan above found one");
    Err(FxpError::OperandRange {
        operand,
        row,
        column,
        found: (*found).into(),
        bits,
        min: min.into(),
        max: max.into(),
    })
}

/// A float that carries pieces exactly.
trait Carrier: ndarray::LinalgScalar {
    fn from_piece(piece: i32) -> Self;
    fn to_integer(self) -> i64;
}

impl Carrier for f32 {
    fn from_piece(piece: i32) -> Self {
        // Within 24 bits by the plan.
        piece as Self
    }
    fn to_integer(self) -> i64 {
        // An integer below 2^24 by the plan.
        self as i64
    }
}

impl Carrier for f64 {
    fn from_piece(piece: i32) -> Self {
        piece.into()
    }
    fn to_integer(self) -> i64 {
        // An integer of at most 2^53 by the plan.
        self as i64
    }
}

/// An integer that sums pieces.
trait Accumulator: Copy + Default + Send + Sync {
    fn add_shifted(&mut self, piece_sum: i64, shift: u32);
}

impl Accumulator for i64 {
    fn add_shifted(&mut self, piece_sum: i64, shift: u32) {
        // Partial totals may wrap past 64 bits and come back: the final one fits by its bound.
        *self = self.wrapping_add(piece_sum.wrapping_shl(shift));
    }
}

impl Accumulator for i128 {
    fn add_shifted(&mut self, piece_sum: i64, shift: u32) {
        *self += Self::from(piece_sum) << shift;
    }
}

fn split_gemm<F: Carrier, S: Accumulator>(
    a: &ArrayView2<'_, i32>,
    b: &ArrayView2<'_, i32>,
    bits_a: u32,
    bits_b: u32,
    plan: GemmPlan,
) -> Array2<S> {
    let pieces_a = pieces::<F>(a, bits_a, plan.pieces_a);
    let pieces_b = pieces::<F>(b, bits_b, plan.pieces_b);
    let mut sums = Array2::from_elem((a.nrows(), b.ncols()), S::default());
    for (shift_a, piece_a) in &pieces_a {
        for (shift_b, piece_b) in &pieces_b {
            let product = piece_a.dot(piece_b);
            let shift = shift_a + shift_b;
            Zip::from(&mut sums)
                .and(&product)
                .for_each(|sum, value| sum.add_shifted(value.to_integer(), shift));
        }
    }
    sums
}

/// The matrix as `count` matrices and the left shift of each: unsigned low pieces, signed top one.
fn pieces<F: Carrier>(view: &ArrayView2<'_, i32>, bits: u32, count: u32) -> Vec<(u32, Array2<F>)> {
    let width = piece_width(bits, count);
    (0..count)
        .map(|index| {
            let shift = index * width;
            let top = index + 1 == count;
            let mask = if top { -1 } else { (1 << width) - 1 };
            (shift, view.mapv(|value| F::from_piece((value >> shift) & mask)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn oracle(a: &Array2<i32>, b: &Array2<i32>) -> Array2<i128> {
        Array2::from_shape_fn((a.nrows(), b.ncols()), |(row, column)| {
            (0..a.ncols()).map(|k| i128::from(a[[row, k]]) * i128::from(b[[k, column]])).sum()
        })
    }

    fn check(a: &Array2<i32>, b: &Array2<i32>, bits_a: u32, bits_b: u32) {
        let sums = exact_gemm(a.view(), b.view(), bits_a, bits_b).unwrap();
        let expected = oracle(a, b);
        assert_eq!(sums.dim(), expected.dim());
        for ((row, column), value) in expected.indexed_iter() {
            assert_eq!(sums.get(row, column), *value, "{bits_a} x {bits_b} at ({row},{column})");
        }
    }

    /// All operands at their most negative: every bound is met with equality.
    #[test]
    fn extremes_at_every_pair_of_widths() {
        for bits_a in 2..=32 {
            for bits_b in 2..=32 {
                for inner in [1, 2, 3, 7, 64, 65] {
                    let low = |bits: u32| (-(1_i64 << (bits - 1))) as i32;
                    let a = Array2::from_elem((2, inner), low(bits_a));
                    let b = Array2::from_elem((inner, 3), low(bits_b));
                    check(&a, &b, bits_a, bits_b);
                    check(&a, &b.mapv(|v: i32| !v), bits_a, bits_b);
                }
            }
        }
    }

    /// Just inside and just outside each carrier's reach, with the odd last bit that rounding
    /// would lose.
    #[test]
    fn at_the_bound_of_each_plan() {
        for (bits_a, bits_b, inner) in
            [(8, 8, 1024), (8, 8, 1025), (12, 12, 4), (12, 12, 5), (16, 16, 4096), (32, 32, 300)]
        {
            let mut a = Array2::from_elem((1, inner), (-(1_i64 << (bits_a - 1))) as i32);
            let mut b = Array2::from_elem((inner, 1), (-(1_i64 << (bits_b - 1))) as i32);
            check(&a, &b, bits_a, bits_b);
            a[[0, inner - 1]] += 1;
            b[[inner - 1, 0]] += 1;
            check(&a, &b, bits_a, bits_b);
        }
    }

    #[test]
    fn plans_follow_the_bound() {
        let whole = |single| GemmPlan { pieces_a: 1, pieces_b: 1, single };
        assert_eq!(GemmPlan::new(8, 8, 1024), whole(true));
        assert_eq!(GemmPlan::new(8, 8, 1025), whole(false));
        assert_eq!(GemmPlan::new(16, 16, 1 << 22), whole(false));
        let wide = GemmPlan::new(32, 32, 1 << 18);
        assert_eq!((wide.pieces_a * wide.pieces_b, wide.single), (4, false));
        GemmPlan::new(32, 32, 1 << 36);
    }

    #[test]
    fn misfits_are_named() {
        let a = Array2::from_elem((2, 3), 1);
        let error = exact_gemm(a.view(), a.view(), 8, 8).unwrap_err().to_string();
        assert!(error.contains("found A [2, 3] and B [2, 3]"), "{error}");
        let mut b = Array2::from_elem((3, 2), 1);
        b[[2, 1]] = 128;
        let error = exact_gemm(a.view(), b.view(), 8, 8).unwrap_err().to_string();
        assert!(error.contains("B[2,1] = 128 does not fit 8 bits"), "{error}");
    }

    proptest! {
        #[test]
        fn agrees_with_wide_integers(
            rows in 1_usize..6, inner in 1_usize..40, columns in 1_usize..6,
            bits_a in 2_u32..=32, bits_b in 2_u32..=32, seed in any::<u64>(),
        ) {
            let mut state = seed;
            let mut draw = |bits: u32| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 32) as i32 >> (32 - bits)
            };
            let a = Array2::from_shape_simple_fn((rows, inner), || draw(bits_a));
            let b = Array2::from_shape_simple_fn((inner, columns), || draw(bits_b));
            check(&a, &b, bits_a, bits_b);
            // Strided views too.
            let (at, bt) = (a.t().to_owned(), b.t().to_owned());
            let sums = exact_gemm(at.t(), bt.t(), bits_a, bits_b).unwrap();
            prop_assert_eq!(sums, exact_gemm(a.view(), b.view(), bits_a, bits_b).unwrap());
        }
    }
}
