//! GEMMs of operands of at most 8 bits, by the byte kernels of `rten-gemm`: with VNNI, one
//! instruction multiplies four pairs of bytes and adds the products to a 32-bit sum.
//!
//! The instruction takes unsigned bytes of A. 128 is added to each, and the library takes 128 times
//! the column's sum away again. Sums may wrap on the way; the final ones fit, by their bound.

use std::fmt;
use std::sync::OnceLock;

use ndarray::{ArrayView2, ArrayViewMut2};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix, QuantParams};
use rten_tensor::NdTensorView;

use crate::matrix::{Matrix, RowReader};
use crate::vector::{Kernel, vectorized};

/// Added to the elements of A.
const OFFSET: u8 = 128;

/// Longest K for which no sum of the library's wraps: K * 255 * 128 < 2^31.
pub(crate) const MAX_INNER: usize = 1 << 16;

type Executor = GemmExecutor<u8, i8, i32>;

/// Whether byte kernels give exact sums here. Those for older instruction sets may saturate sums of
/// two products.
pub(crate) fn are_exact() -> bool {
    static EXACT: OnceLock<bool> = OnceLock::new();
    *EXACT.get_or_init(|| EXECUTOR.with(|executor| !executor.may_saturate()))
}

thread_local! {
    /// The library's choice of a kernel, which threads cannot share.
    static EXECUTOR: Executor = Executor::new();
}

/// A packed B.
#[derive(Default)]
pub(crate) struct ByteRight {
    packed: Option<PackedBMatrix<i8>>,
}

impl fmt::Debug for ByteRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteRight").finish_non_exhaustive()
    }
}

/// Memory for bands of A.
#[derive(Debug, Default)]
pub(crate) struct ByteLeft {
    bytes: Vec<u8>,
    offsets: Vec<u8>,
}

impl ByteRight {
    /// Packs B (K, N), whose elements must fit 8 bits, instead of what was packed before.
    pub fn pack(&mut self, b: Matrix<'_, i32>) {
        let mut bytes = Vec::new();
        let (shape, transposed) = to_bytes(b, |value| value as i8, &mut bytes);
        let view = NdTensorView::from_data(shape, &bytes[..]);
        let view = if transposed { view.transposed() } else { view };
        self.packed = Some(EXECUTOR.with(|executor| executor.prepack_b(view)));
    }
}

/// Adds A B to the sums, or overwrites them with it. Elements of A must fit 8 bits, the sums 32.
pub(crate) fn multiply(
    a: Matrix<'_, i32>,
    right: &ByteRight,
    mut sums: ArrayViewMut2<'_, i32>,
    add: bool,
    left: &mut ByteLeft,
) {
    let (rows, inner) = a.dim();
    if inner == 0 || sums.is_empty() {
        if !add {
            sums.fill(0);
        }
        return;
    }
    let (shape, transposed) = to_bytes(a, |value| value as u8 ^ OFFSET, &mut left.bytes);
    let view = NdTensorView::from_data(shape, &left.bytes[..]);
    let view = if transposed { view.transposed() } else { view };
    left.offsets.resize(rows, OFFSET);
    let options = GemmOptions {
        beta: add.into(),
        a_quant: Some(QuantParams { zero_point: &left.offsets }),
        ..GemmOptions::default()
    };
    let right = right.packed.as_ref().expect("B is packed before a band of A is multiplied");
    let out = sums.as_slice_mut().expect("sums are made in row order");
    let (a, b) = (GemmInputA::Unpacked(view), GemmInputB::Packed(right));
    EXECUTOR
        .with(|executor| executor.gemm(out, a, b, options))
        .expect("shapes that the caller checked");
}

/// Converts a matrix to bytes, in the order in which it lies in memory. Returns their shape, and
/// whether that is the shape of the transposed matrix.
fn to_bytes<B: Copy + Default>(
    matrix: Matrix<'_, i32>,
    byte: impl Fn(i32) -> B + Copy,
    bytes: &mut Vec<B>,
) -> ([usize; 2], bool) {
    let (rows, columns) = matrix.dim();
    bytes.resize(rows * columns, B::default());
    if let Some(view) = matrix.by_columns() {
        convert(view.reversed_axes(), byte, bytes);
        return ([columns, rows], true);
    }
    match matrix {
        Matrix::Dense(view) => {
            convert(view, byte, bytes);
            ([rows, columns], false)
        }
        matrix => {
            vectorized(PatchBytes { reader: RowReader::new(matrix), columns, byte, bytes });
            ([rows, columns], false)
        }
    }
}

/// Converts row by row.
fn convert<B: Copy>(view: ArrayView2<'_, i32>, byte: impl Fn(i32) -> B + Copy, bytes: &mut [B]) {
    let columns = view.ncols();
    for (row, bytes) in view.outer_iter().zip(bytes.chunks_exact_mut(columns)) {
        match row.as_slice() {
            Some(values) => vectorized(Bytes { values, byte, bytes }),
            None => bytes.iter_mut().zip(row).for_each(|(out, value)| *out = byte(*value)),
        }
    }
}

struct Bytes<'a, F, B> {
    values: &'a [i32],
    byte: F,
    bytes: &'a mut [B],
}

impl<B, F: Fn(i32) -> B> Kernel for Bytes<'_, F, B> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, value) in self.bytes.iter_mut().zip(self.values) {
            *out = (self.byte)(*value);
        }
    }
}

/// Converts the patches of images.
struct PatchBytes<'a, 'r, F, B> {
    reader: RowReader<'r>,
    columns: usize,
    byte: F,
    bytes: &'a mut [B],
}

impl<B, F: Fn(i32) -> B + Copy> Kernel for PatchBytes<'_, '_, F, B> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut buffer = Vec::new();
        for (row, bytes) in self.bytes.chunks_exact_mut(self.columns).enumerate() {
            let values = self.reader.row(row, &mut buffer);
            Bytes { values, byte: self.byte, bytes }.run();
        }
    }
}
