//! Exact integer GEMM, at or near the speed of a single-precision GEMM.
//!
//! `plan` chooses between integer vectors (`integer`, `bytes`) and a floating-point GEMM; this file
//! computes it. [`exact_gemm`] computes a whole GEMM on all cores. [`RightOperand`] converts B once, for
//! callers that process A in bands, for example to round each band while it is in the cache.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;

use crate::FxpError;
use crate::bytes::{self, ByteLeft, ByteRight};
use crate::integer::{self, Bits16, Bits32, Left, Right, VectorUnit};
use crate::matrix::Matrix;
use crate::plan::{FloatPlan, GemmPlan, largest_sum, piece_width};
use crate::range::check_range;
use crate::sums::{Carrier, Start, Sums, SumsViewMut};

/// The exact sums A B + start, for A (M, K) and B (K, N) whose elements fit `bits_a` and `bits_b`
/// bits.
///
/// # Errors
/// [`FxpError::Shape`] when the inner dimensions differ, [`FxpError::OperandRange`] when an element
/// does not fit its width.
///
/// ```
/// use ndarray::array;
/// let (a, b) = (array![[i32::MIN, i32::MIN]], array![[i32::MIN], [i32::MIN]]);
/// let sums = flexmac_fxp::exact_gemm(a.view(), b.view(), (32, 32), None)?;
/// assert_eq!(sums.get(0, 0), 1 << 63);
/// # Ok::<(), flexmac_fxp::FxpError>(())
/// ```
pub fn exact_gemm<'a, 'b>(
    a: impl Into<Matrix<'a, i32>>,
    b: impl Into<Matrix<'b, i32>>,
    (bits_a, bits_b): (u32, u32),
    start: Option<Start<'_>>,
) -> Result<Sums, FxpError> {
    let (a, b) = (a.into(), b.into());
    if a.ncols() != b.nrows() {
        let shape = |matrix: &Matrix<'_, i32>| [matrix.nrows(), matrix.ncols()];
        return Err(FxpError::Shape { a: shape(&a), b: shape(&b) });
    }
    let widths = (check_range('A', a, bits_a)?, check_range('B', b, bits_b)?);
    Ok(gemm(a, b, Bound::new(VectorUnit::detect(), widths, a.ncols(), start.as_ref()), start))
}

/// Computes a whole GEMM, on all cores.
fn gemm(a: Matrix<'_, i32>, b: Matrix<'_, i32>, bound: Bound, start: Option<Start<'_>>) -> Sums {
    let mut sums = bound.zeros((a.nrows(), b.ncols()));
    if a.nrows() >= MIN_BAND * 2 {
        let right = RightOperand::convert(b, bound);
        sums.par_bands(MIN_BAND, |band, row| {
            right.product(a, row, start.as_ref(), band, &mut GemmScratch::default());
        });
    } else {
        sums.view_mut().begin(start.as_ref(), 0);
        if let Some(products) = split_inner(a, b, bound) {
            sums.add(&products);
        }
    }
    sums
}

/// Rows of A per task.
const MIN_BAND: usize = 64;

/// Operand elements converted per task when K is split among the cores.
const PANEL: usize = 1 << 16;

/// A GEMM with few rows: K is split among the cores. The order does not matter, because sums are
/// exact.
fn split_inner(a: Matrix<'_, i32>, b: Matrix<'_, i32>, bound: Bound) -> Option<Sums> {
    /// What a thread keeps from part to part.
    struct Worker {
        sums: Sums,
        right: RightOperand,
        scratch: GemmScratch,
    }
    let (rows, inner) = a.dim();
    let columns = b.ncols();
    let a = a.to_dense();
    let panel = (PANEL / rows.max(columns).max(1)).clamp(64, 1024);
    let new = || Worker {
        sums: bound.zeros((rows, columns)),
        right: RightOperand::empty(bound),
        scratch: GemmScratch::default(),
    };
    (0..inner.div_ceil(panel))
        .into_par_iter()
        .fold(new, |mut worker, part| {
            let terms = part * panel..inner.min((part + 1) * panel);
            worker.right.pack(b.rows(terms.clone()));
            let a = Matrix::from(a.slice_axis(Axis(1), Slice::from(terms)));
            worker.right.multiply_rows(a, 0, worker.sums.view_mut(), true, &mut worker.scratch);
            worker
        })
        .map(|worker| worker.sums)
        .reduce_with(|mut sums, other| {
            sums.add(&other);
            sums
        })
}

/// Bounds on a GEMM's operands and sums, and the plan that follows from them.
#[derive(Debug, Clone, Copy)]
struct Bound {
    bits_a: u32,
    bits_b: u32,
    plan: GemmPlan,
    /// Largest possible magnitude of a sum.
    sum: u128,
}

impl Bound {
    fn new(
        machine: Option<VectorUnit>,
        (bits_a, bits_b): (u32, u32),
        inner: usize,
        start: Option<&Start<'_>>,
    ) -> Self {
        let start = start.map_or(0, Start::magnitude);
        let plan = GemmPlan::new(machine, (bits_a, bits_b), inner, start);
        let sum = largest_sum((bits_a, bits_b), inner, start);
        Self { bits_a, bits_b, plan, sum }
    }

    /// Zero sums of the cheapest type.
    fn zeros(&self, shape: (usize, usize)) -> Sums {
        match self.plan {
            GemmPlan::Float(FloatPlan { whole: true, single: true, .. }) => {
                Sums::Single(Array2::zeros(shape))
            }
            GemmPlan::Float(FloatPlan { whole: true, single: false, .. }) => {
                Sums::Double(Array2::zeros(shape))
            }
            _ if self.sum < 1 << 31 => Sums::Short(Array2::zeros(shape)),
            _ if self.sum < 1 << 62 => Sums::Narrow(Array2::zeros(shape)),
            _ => Sums::Wide(Array2::zeros(shape)),
        }
    }
}

/// B, split and converted once, to be multiplied from the left by bands of A.
#[derive(Debug)]
pub struct RightOperand {
    bound: Bound,
    columns: usize,
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    Bytes(ByteRight),
    Bits16(VectorUnit, Right<Bits16>),
    Bits32(VectorUnit, Right<Bits32>),
    Single(FloatPlan, Vec<(u32, Array2<f32>)>),
    Double(FloatPlan, Vec<(u32, Array2<f64>)>),
}

/// Memory for the bands of A that [`RightOperand::product`] multiplies, reused from call to call.
#[derive(Debug, Default)]
pub struct GemmScratch {
    bytes: ByteLeft,
    bits16: Left<Bits16>,
    bits32: Left<Bits32>,
}

impl RightOperand {
    /// Converts B (K, N). `widths` are the bits of A and of B, `start` the initial sums. The
    /// elements of both operands must fit these widths; check them with [`check_range`] first.
    pub fn new<'b>(
        b: impl Into<Matrix<'b, i32>>,
        widths: (u32, u32),
        start: Option<&Start<'_>>,
    ) -> Self {
        let b = b.into();
        Self::convert(b, Bound::new(VectorUnit::detect(), widths, b.nrows(), start))
    }

    fn convert(b: Matrix<'_, i32>, bound: Bound) -> Self {
        let mut right = Self::empty(bound);
        right.pack(b);
        right
    }

    /// No operand yet.
    fn empty(bound: Bound) -> Self {
        let pieces = match bound.plan {
            GemmPlan::Bytes => Pieces::Bytes(ByteRight::default()),
            GemmPlan::Bits16(machine) => Pieces::Bits16(machine, Right::default()),
            GemmPlan::Bits32(machine) => Pieces::Bits32(machine, Right::default()),
            GemmPlan::Float(plan) if plan.single => Pieces::Single(plan, Vec::new()),
            GemmPlan::Float(plan) => Pieces::Double(plan, Vec::new()),
        };
        Self { bound, columns: 0, pieces }
    }

    /// Converts another B within the same bounds.
    fn pack(&mut self, b: Matrix<'_, i32>) {
        let Bound { bits_a, bits_b, .. } = self.bound;
        self.columns = b.ncols();
        match &mut self.pieces {
            Pieces::Bytes(right) => right.pack(b),
            Pieces::Bits16(machine, right) => right.pack(b, (bits_a, bits_b), machine.panel()),
            Pieces::Bits32(machine, right) => right.pack(b, (bits_a, bits_b), machine.panel()),
            Pieces::Single(plan, parts) => {
                *parts = pieces(&b.to_dense().view(), bits_b, plan.pieces_b);
            }
            Pieces::Double(plan, parts) => {
                *parts = pieces(&b.to_dense().view(), bits_b, plan.pieces_b);
            }
        }
    }

    /// Zero sums (rows, N) of the right type.
    pub fn zeros(&self, rows: usize) -> Sums {
        self.bound.zeros((rows, self.columns))
    }

    /// Writes A[row..] B + start into `sums`, which [`Self::zeros`] made: as many rows of A, from
    /// `row` on, as `sums` has.
    pub fn product<'a>(
        &self,
        a: impl Into<Matrix<'a, i32>>,
        row: usize,
        start: Option<&Start<'_>>,
        mut sums: SumsViewMut<'_>,
        scratch: &mut GemmScratch,
    ) {
        // A floating-point GEMM in stretches adds to the sums; all other plans can overwrite them.
        let add = start.is_some()
            || matches!(self.bound.plan, GemmPlan::Float(FloatPlan { whole: false, .. }));
        if add {
            sums.begin(start, row);
        }
        self.multiply_rows(a.into(), row, sums, add, scratch);
    }

    /// Adds A[row..] B to the sums, or overwrites them with it.
    fn multiply_rows(
        &self,
        a: Matrix<'_, i32>,
        row: usize,
        sums: SumsViewMut<'_>,
        add: bool,
        scratch: &mut GemmScratch,
    ) {
        let a = a.rows(row..row + sums.nrows());
        let bits = self.bound.bits_a;
        match &self.pieces {
            Pieces::Bytes(b) => match sums {
                SumsViewMut::Short(sums) => bytes::multiply(a, b, sums, add, &mut scratch.bytes),
                _ => unreachable!("sums of bytes are below 2^31"),
            },
            Pieces::Bits16(machine, b) => {
                multiply_integers(*machine, (a, bits), b, sums, add, &mut scratch.bits16);
            }
            Pieces::Bits32(machine, b) => {
                multiply_integers(*machine, (a, bits), b, sums, add, &mut scratch.bits32);
            }
            Pieces::Single(plan, b) => match sums {
                SumsViewMut::Single(sums) => multiply(a.to_dense().view(), &b[0].1, sums, add),
                sums => self.accumulate(plan, a.to_dense().view(), b, sums),
            },
            Pieces::Double(plan, b) => match sums {
                SumsViewMut::Double(sums) => multiply(a.to_dense().view(), &b[0].1, sums, add),
                sums => self.accumulate(plan, a.to_dense().view(), b, sums),
            },
        }
    }

    /// Multiplies pieces over stretches of K and adds the results as integers.
    fn accumulate<F: Carrier>(
        &self,
        plan: &FloatPlan,
        a: ArrayView2<'_, i32>,
        pieces_b: &[(u32, Array2<F>)],
        mut sums: SumsViewMut<'_>,
    ) {
        let mut product = Array2::zeros(sums.dim());
        for (shift_a, piece_a) in pieces::<F>(&a, self.bound.bits_a, plan.pieces_a) {
            for (shift_b, piece_b) in pieces_b {
                let stretches = piece_a
                    .axis_chunks_iter(Axis(1), plan.stretch)
                    .zip(piece_b.axis_chunks_iter(Axis(0), plan.stretch));
                for (part_a, part_b) in stretches {
                    general_mat_mul(F::one(), &part_a, &part_b, F::zero(), &mut product);
                    sums.add_shifted(&product, shift_a + shift_b);
                }
            }
        }
    }
}

/// A GEMM by integer vectors: adds to the sums, or overwrites them.
fn multiply_integers<W: integer::Supported>(
    machine: VectorUnit,
    a: (Matrix<'_, i32>, u32),
    b: &Right<W>,
    sums: SumsViewMut<'_>,
    add: bool,
    left: &mut Left<W>,
) {
    match sums {
        SumsViewMut::Short(sums) => integer::multiply(machine, a, b, sums, add, left),
        SumsViewMut::Narrow(sums) => integer::multiply(machine, a, b, sums, add, left),
        SumsViewMut::Wide(sums) => integer::multiply(machine, a, b, sums, add, left),
        SumsViewMut::Single(_) | SumsViewMut::Double(_) => {
            unreachable!("integers have integer sums")
        }
    }
}

/// A whole GEMM in one float type: adds to the sums, or overwrites them.
fn multiply<F: Carrier>(
    a: ArrayView2<'_, i32>,
    b: &Array2<F>,
    mut sums: ArrayViewMut2<'_, F>,
    add: bool,
) {
    let a = a.mapv(F::from_piece);
    general_mat_mul(F::one(), &a, b, if add { F::one() } else { F::zero() }, &mut sums);
}

/// Splits a matrix into `count` pieces, each with its left shift. The top piece is signed, the
/// others are unsigned.
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

    /// Every way in which this machine can compute a GEMM.
    fn bounds(widths: (u32, u32), inner: usize, start: Option<&Start<'_>>) -> Vec<Bound> {
        let mut bounds = vec![Bound::new(None, widths, inner, start)];
        for machine in VectorUnit::all() {
            let bound = Bound::new(Some(machine), widths, inner, start);
            bounds.push(bound);
            if let GemmPlan::Bytes = bound.plan {
                bounds.push(Bound { plan: GemmPlan::Bits16(machine), ..bound });
            }
            if let GemmPlan::Bytes | GemmPlan::Bits16(_) = bound.plan {
                bounds.push(Bound { plan: GemmPlan::Bits32(machine), ..bound });
            }
        }
        bounds
    }

    /// Compares every way to compute a GEMM with wide integers.
    fn check_from(
        a: ArrayView2<'_, i32>,
        b: ArrayView2<'_, i32>,
        widths: (u32, u32),
        start: Option<Start<'_>>,
    ) {
        let mut expected = oracle(&a.to_owned(), &b.to_owned());
        if let Some(start) = start {
            expected.indexed_iter_mut().for_each(|((m, n), sum)| *sum += start.at(m, n));
        }
        for bound in bounds(widths, a.ncols(), start.as_ref()) {
            let sums = gemm(a.into(), b.into(), bound, start);
            assert_eq!(sums.dim(), expected.dim());
            for ((row, column), value) in expected.indexed_iter() {
                let found = sums.get(row, column);
                assert_eq!(found, *value, "{bound:?}, K {}, at ({row},{column})", a.ncols());
            }
        }
    }

    fn check(a: &Array2<i32>, b: &Array2<i32>, bits_a: u32, bits_b: u32) {
        check_from(a.view(), b.view(), (bits_a, bits_b), None);
    }

    /// Every pair of operands at every pair of small widths, alone and beside every other pair.
    #[test]
    fn exhaustive_at_small_widths() {
        let values = |bits: u32| -(1 << (bits - 1))..1 << (bits - 1);
        for bits_a in 2..=5 {
            for bits_b in 2..=5 {
                let a: Vec<i32> = values(bits_a).collect();
                let b: Vec<i32> = values(bits_b).collect();
                let column = Array2::from_shape_vec((a.len(), 1), a.clone()).unwrap();
                let row = Array2::from_shape_vec((1, b.len()), b.clone()).unwrap();
                check(&column, &row, bits_a, bits_b);
                // K = 2: all pairs of values of A against all pairs of values of B.
                let pairs = |v: &[i32]| -> Vec<i32> {
                    v.iter().flat_map(|x| v.iter().flat_map(move |y| [*x, *y])).collect()
                };
                let a = Array2::from_shape_vec((a.len() * a.len(), 2), pairs(&a)).unwrap();
                let b = Array2::from_shape_vec((b.len() * b.len(), 2), pairs(&b)).unwrap();
                check(&a, &b.reversed_axes(), bits_a, bits_b);
            }
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

    /// Sums just inside and just outside the exact range of each float type, with an odd last bit
    /// that rounding would lose.
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

    /// Initial sums at the limit of each type of sum: the bound must include them.
    #[test]
    fn starts_at_the_bound() {
        for (bits, inner) in
            [(8, 1023), (8, 1024), (8, 2000), (16, 300), (27, 1), (32, 3), (32, 300)]
        {
            for rows in [1, 2, 130] {
                let low = (-(1_i64 << (bits - 1))) as i32;
                let a = Array2::from_elem((rows, inner), low);
                let b = Array2::from_elem((inner, 2), low);
                for shift in [0, 14, 20, 31, 60] {
                    for height in [1, rows] {
                        let values = Array2::from_shape_fn((height, 2), |(m, n)| {
                            [1, -1, i32::MAX, i32::MIN, 0][(m + n) % 5]
                        });
                        let start = Start { values: values.view(), shift };
                        check_from(a.view(), b.view(), (bits, bits), Some(start));
                    }
                }
            }
        }
    }

    /// Shapes just below and just above full lines, panels, tiles and blocks, with extreme operands
    /// whose products add up or cancel.
    #[test]
    fn awkward_shapes_at_every_reach() {
        let columns = [1, 8, 17, 48, 49, 100];
        for (rows, inner) in [(1, 1), (1, 256), (2, 257), (3, 511), (5, 513), (9, 255), (131, 2)] {
            for (bits_a, bits_b) in
                [(8, 8), (8, 16), (12, 12), (13, 12), (16, 16), (17, 16), (28, 28), (32, 32)]
            {
                let low = |bits: u32| (-(1_i64 << (bits - 1))) as i32;
                for columns in columns {
                    let a = Array2::from_elem((rows, inner), low(bits_a));
                    let b = Array2::from_elem((inner, columns), low(bits_b));
                    check(&a, &b, bits_a, bits_b);
                    // Each row and column with its own signs, at both ends of the range.
                    let sign =
                        |value: i32, at: usize| if at.is_multiple_of(3) { !value } else { value };
                    let a = Array2::from_shape_fn(a.dim(), |(m, k)| sign(low(bits_a), m + k));
                    let b = Array2::from_shape_fn(b.dim(), |(k, n)| sign(low(bits_b), k * 2 + n));
                    check(&a, &b, bits_a, bits_b);
                }
            }
        }
    }

    /// The longest K whose 16-bit sums fit 32 bits according to the norms, and slightly longer
    /// ones.
    #[test]
    fn at_the_bound_of_a_tile() {
        for (value_a, value_b, inner) in [(1 << 11, 1 << 12, 255), (-(1 << 15), 1 << 15, 2)] {
            for inner in [inner, inner + 1, inner + 2] {
                let a = Array2::from_elem((9, inner), value_a);
                let b = Array2::from_elem((inner, 50), -value_b);
                check(&a, &b, 16, 17 - u32::from(value_b < 1 << 15));
            }
        }
    }

    /// Patches of images as A and as B, more rows than a band and fewer.
    #[test]
    fn patches_multiply_like_their_matrix() {
        use crate::{PatchRows, Patches};
        for (kernel, stride, padding) in [(1, 1, 0), (3, 2, 1), (4, 3, 3), (5, 1, 0)] {
            for (count, bits) in [(1, 8), (9, 8), (30, 16), (9, 20)] {
                let patches = Patches { height: 9, width: 7, channels: 5, kernel, stride, padding };
                let images: Vec<_> = (0..count * patches.image_len() as i32)
                    .map(|i| i.wrapping_mul(0x2545_f491) >> (32 - bits))
                    .collect();
                let rows = Matrix::from(PatchRows::new(&images, patches));
                let dense = rows.to_dense().into_owned();
                let draw = |(m, n)| ((m * 31 + n * 17) as i32).wrapping_mul(0x5bd1_e995);
                let widths = (bits as u32, bits as u32);
                let right =
                    Array2::from_shape_fn((rows.ncols(), 13), draw).map(|v| v >> (32 - bits));
                let left = Array2::from_shape_fn((6, rows.nrows()), draw).map(|v| v >> (32 - bits));
                for bound in bounds(widths, rows.ncols(), None) {
                    let found = gemm(rows, right.view().into(), bound, None);
                    assert_eq!(found, gemm(dense.view().into(), right.view().into(), bound, None));
                }
                for bound in bounds(widths, rows.nrows(), None) {
                    let found = gemm(left.view().into(), rows, bound, None);
                    assert_eq!(found, gemm(left.view().into(), dense.view().into(), bound, None));
                }
            }
        }
    }

    #[test]
    fn misfits_are_named() {
        let a = Array2::from_elem((2, 3), 1);
        let error = exact_gemm(a.view(), a.view(), (8, 8), None).unwrap_err().to_string();
        assert!(error.contains("found A [2, 3] and B [2, 3]"), "{error}");
        let mut b = Array2::from_elem((3, 2), 1);
        b[[2, 1]] = 128;
        let error = exact_gemm(a.view(), b.view(), (8, 8), None).unwrap_err().to_string();
        assert!(error.contains("B[2,1] = 128 does not fit 8 bits"), "{error}");
    }

    proptest! {
        #[test]
        fn agrees_with_wide_integers(
            rows in prop_oneof![1_usize..12, 126_usize..200], inner in prop_oneof![1_usize..40, 200_usize..600],
            columns in 1_usize..60,
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
            check_from(at.t(), bt.t(), (bits_a, bits_b), None);
        }
    }
}
