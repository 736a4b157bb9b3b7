//! The exact integer product of two matrices, at the speed of a floating-point GEMM.
//!
//! An integer below 2^24 in magnitude is exact in an f32 and one below 2^53 in an f64, and so is
//! every partial sum of a dot product whose bound stays below that, in any order of addition. So a
//! product of narrow operands is one library GEMM; wider operands are split into pieces (Ozaki,
//! Ogita, Oishi, Rump 2012, for integers) and long dot products into stretches of K, so that the
//! products of pieces over a stretch meet the bound; their sums are added as integers. [`GemmPlan`]
//! picks the cheapest split from the widths and K alone.
//!
//! [`RightOperand`] converts B once, for callers that go through A in bands (to round a band while
//! it is in the cache); [`exact_gemm`] does the whole product on all cores.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice, Zip};
use rayon::prelude::*;

use crate::FxpError;

/// Exact sums of a product, in the narrowest integer that holds their bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sums {
    /// Every possible sum fits 64 bits.
    Narrow(Array2<i64>),
    /// Sums may pass 64 bits.
    Wide(Array2<i128>),
}

/// Rows of [`Sums`], writable.
#[derive(Debug)]
pub enum SumsViewMut<'a> {
    /// Of [`Sums::Narrow`].
    Narrow(ArrayViewMut2<'a, i64>),
    /// Of [`Sums::Wide`].
    Wide(ArrayViewMut2<'a, i128>),
}

impl SumsViewMut<'_> {
    fn nrows(&self) -> usize {
        match self {
            Self::Narrow(sums) => sums.nrows(),
            Self::Wide(sums) => sums.nrows(),
        }
    }
}

impl Sums {
    /// Zero sums of shape (M, N), wide enough for products of `bits_a` x `bits_b` bits over
    /// `inner` terms: |sum| <= inner * 2^(bits_a + bits_b - 2).
    pub fn zeros(shape: (usize, usize), bits_a: u32, bits_b: u32, inner: usize) -> Self {
        // 62 leaves the sign, and the bound itself when `inner` is a power of two.
        if bits_a + bits_b - 2 + ceil_log2(inner) <= 62 {
            Self::Narrow(Array2::zeros(shape))
        } else {
            Self::Wide(Array2::zeros(shape))
        }
    }

    /// All rows, writable.
    pub fn view_mut(&mut self) -> SumsViewMut<'_> {
        match self {
            Self::Narrow(sums) => SumsViewMut::Narrow(sums.view_mut()),
            Self::Wide(sums) => SumsViewMut::Wide(sums.view_mut()),
        }
    }

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

    /// Calls `fill` with bands of at most `rows` rows and each band's first row, on all cores.
    fn par_bands(&mut self, rows: usize, fill: impl Fn(SumsViewMut<'_>, usize) + Sync) {
        match self {
            Self::Narrow(sums) => sums
                .axis_chunks_iter_mut(Axis(0), rows)
                .into_par_iter()
                .enumerate()
                .for_each(|(band, sums)| fill(SumsViewMut::Narrow(sums), band * rows)),
            Self::Wide(sums) => sums
                .axis_chunks_iter_mut(Axis(0), rows)
                .into_par_iter()
                .enumerate()
                .for_each(|(band, sums)| fill(SumsViewMut::Wide(sums), band * rows)),
        }
    }

    /// Adds sums of the same shape and bound.
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Narrow(sums), Self::Narrow(other)) => *sums += other,
            (Self::Wide(sums), Self::Wide(other)) => *sums += other,
            _ => unreachable!("parts of one product have one bound"),
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
    /// Longest stretch of K whose sums are exact, at most the product's K.
    pub stretch: usize,
}

const SINGLE_BITS: u32 = 24;
const DOUBLE_BITS: u32 = 53;
/// More pieces than this are never needed: 8 x 8-bit pieces in f64 reach stretches of 2^37.
const MAX_PIECES: u32 = 4;
/// Shorter stretches cost more in integer additions than they save in multiplications.
const MIN_STRETCH: usize = 256;

impl GemmPlan {
    /// The cheapest exact split for operands of `bits_a` and `bits_b` bits and inner dimension
    /// `inner`; an f64 GEMM counts twice an f32 one.
    pub fn new(bits_a: u32, bits_b: u32, inner: usize) -> Self {
        let inner = inner.max(1);
        let mut best = None;
        for pieces_a in 1..=MAX_PIECES {
            for pieces_b in 1..=MAX_PIECES {
                let magnitude =
                    piece_magnitude_bits(bits_a, pieces_a) + piece_magnitude_bits(bits_b, pieces_b);
                for (single, limit, weight) in [(true, SINGLE_BITS, 1), (false, DOUBLE_BITS, 2)] {
                    let Some(room) = limit.checked_sub(magnitude) else { continue };
                    // At most 2^53 and a length in memory, on the 64-bit machines this runs on.
                    let stretch = inner.min(1 << room.min(usize::BITS - 2));
                    let cost = pieces_a * pieces_b * weight;
                    if stretch >= inner.min(MIN_STRETCH)
                        && best.is_none_or(|(least, _)| cost < least)
                    {
                        best = Some((cost, Self { pieces_a, pieces_b, single, stretch }));
                    }
                }
            }
        }
        best.expect("8-bit pieces have long stretches in f64").1
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
    check_shape(&a, &b)?;
    check_range('A', &a, bits_a)?;
    let (rows, inner) = a.dim();
    let mut sums = Sums::zeros((rows, b.ncols()), bits_a, bits_b, inner);
    if rows >= MIN_BAND * 2 {
        let right = RightOperand::new(b, bits_a, bits_b)?;
        sums.par_bands(MIN_BAND, |band, row| right.add_product(a, row, band));
    } else {
        // Few rows: the cores share K instead. Integer sums do not care.
        check_range('B', &b, bits_b)?;
        let stretch = inner.div_ceil(rayon::current_num_threads()).max(MIN_STRETCH);
        let parts: Vec<_> = (0..inner)
            .step_by(stretch)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|k| {
                let part = Slice::from(k..inner.min(k + stretch));
                let (a, b) = (a.slice_axis(Axis(1), part), b.slice_axis(Axis(0), part));
                let right = RightOperand::convert(b, bits_a, bits_b);
                let mut sums = Sums::zeros((rows, b.ncols()), bits_a, bits_b, inner);
                right.add_product(a, 0, sums.view_mut());
                sums
            })
            .collect();
        parts.iter().for_each(|part| sums.add(part));
    }
    Ok(sums)
}

/// Rows of A that one core multiplies at a time.
const MIN_BAND: usize = 64;

fn check_shape(a: &ArrayView2<'_, i32>, b: &ArrayView2<'_, i32>) -> Result<(), FxpError> {
    if a.ncols() == b.nrows() {
        return Ok(());
    }
    let shape = |view: &ArrayView2<'_, i32>| [view.nrows(), view.ncols()];
    Err(FxpError::Shape { a: shape(a), b: shape(b) })
}

/// B, split and converted once, ready to be multiplied from the left by bands of A.
#[derive(Debug)]
pub struct RightOperand {
    plan: GemmPlan,
    bits_a: u32,
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    Single(Vec<(u32, Array2<f32>)>),
    Double(Vec<(u32, Array2<f64>)>),
}

impl RightOperand {
    /// Converts B (K, N) of `bits_b` bits, to meet operands of `bits_a` bits.
    ///
    /// # Errors
    /// [`FxpError::OperandRange`] when an element does not fit `bits_b`.
    pub fn new(b: ArrayView2<'_, i32>, bits_a: u32, bits_b: u32) -> Result<Self, FxpError> {
        check_range('B', &b, bits_b)?;
        Ok(Self::convert(b, bits_a, bits_b))
    }

    fn convert(b: ArrayView2<'_, i32>, bits_a: u32, bits_b: u32) -> Self {
        let plan = GemmPlan::new(bits_a, bits_b, b.nrows());
        let pieces = if plan.single {
            Pieces::Single(pieces(&b, bits_b, plan.pieces_b))
        } else {
            Pieces::Double(pieces(&b, bits_b, plan.pieces_b))
        };
        Self { plan, bits_a, pieces }
    }

    /// Adds A[row..] B to `sums`, one row of A for each of theirs. A's elements must fit the width
    /// given to [`Self::new`] ([`check_range`]).
    pub fn add_product(&self, a: ArrayView2<'_, i32>, row: usize, sums: SumsViewMut<'_>) {
        let rows = row..row + sums.nrows();
        let a = a.slice_axis(Axis(0), Slice::from(rows));
        match (&self.pieces, sums) {
            (Pieces::Single(b), SumsViewMut::Narrow(sums)) => self.accumulate(a, b, sums),
            (Pieces::Single(b), SumsViewMut::Wide(sums)) => self.accumulate(a, b, sums),
            (Pieces::Double(b), SumsViewMut::Narrow(sums)) => self.accumulate(a, b, sums),
            (Pieces::Double(b), SumsViewMut::Wide(sums)) => self.accumulate(a, b, sums),
        }
    }

    fn accumulate<F: Carrier, S: Accumulator>(
        &self,
        a: ArrayView2<'_, i32>,
        pieces_b: &[(u32, Array2<F>)],
        mut sums: ArrayViewMut2<'_, S>,
    ) {
        for (shift_a, piece_a) in pieces::<F>(&a, self.bits_a, self.plan.pieces_a) {
            for (shift_b, piece_b) in pieces_b {
                let stretches = piece_a
                    .axis_chunks_iter(Axis(1), self.plan.stretch)
                    .zip(piece_b.axis_chunks_iter(Axis(0), self.plan.stretch));
                for (part_a, part_b) in stretches {
                    let product = part_a.dot(&part_b);
                    Zip::from(&mut sums).and(&product).for_each(|sum, value| {
                        sum.add_shifted(value.to_integer(), shift_a + shift_b);
                    });
                }
            }
        }
    }
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
        let whole = |single, stretch| GemmPlan { pieces_a: 1, pieces_b: 1, single, stretch };
        assert_eq!(GemmPlan::new(8, 8, 1024), whole(true, 1024));
        assert_eq!(GemmPlan::new(8, 8, 1025), whole(true, 1024));
        assert_eq!(GemmPlan::new(12, 12, 5), whole(false, 5));
        assert_eq!(GemmPlan::new(16, 16, 1 << 22), whole(false, 1 << 22));
        let wide = GemmPlan::new(32, 32, 1 << 18);
        assert_eq!((wide.pieces_a * wide.pieces_b, wide.single, wide.stretch), (3, false, 1 << 11));
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
            rows in prop_oneof![1_usize..6, 126_usize..200], inner in 1_usize..40, columns in 1_usize..6,
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
