//! Operands of a GEMM: matrices in memory, and matrices of the patches of images.

use std::fmt::Debug;

use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2, Slice};
use rayon::prelude::*;

use crate::vector::{Kernel, vectorized};

/// The patches of an image that a convolution's filter covers.
///
/// Images are stored row by row, pixel by pixel, with the channels of a pixel together (NHWC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patches {
    /// Height of the image.
    pub height: usize,
    /// Width of the image.
    pub width: usize,
    /// Channels of the image.
    pub channels: usize,
    /// Height and width of the filter.
    pub kernel: usize,
    /// Distance between filter positions.
    pub stride: usize,
    /// Zeros added on each side of the image.
    pub padding: usize,
}

impl Patches {
    /// Height and width of the output: the number of filter positions.
    pub fn output(&self) -> (usize, usize) {
        let steps = |size: usize| (size + 2 * self.padding - self.kernel) / self.stride + 1;
        (steps(self.height), steps(self.width))
    }

    /// Number of elements of an image.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Number of elements of a patch: kernel * kernel * channels, in the order filter row, filter
    /// column, channel.
    pub fn patch_len(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    /// Calls `run(start in patch, start in image, length)` for each filter row of the patch at
    /// output (y, x): a run of elements that is contiguous in both. Skips padding.
    #[inline(always)]
    pub fn runs(&self, (y, x): (usize, usize), mut run: impl FnMut(usize, usize, usize)) {
        // The filter columns first..last lie inside the image.
        let left = x * self.stride;
        let first = self.padding.saturating_sub(left);
        let last = (self.width + self.padding).saturating_sub(left).min(self.kernel);
        if first >= last {
            return;
        }
        let top = y * self.stride;
        // So do the filter rows.
        let rows = self.padding.saturating_sub(top)
            ..(self.height + self.padding).saturating_sub(top).min(self.kernel);
        let column = left + first - self.padding;
        for row in rows {
            let image_row = top + row - self.padding;
            run(
                (row * self.kernel + first) * self.channels,
                (image_row * self.width + column) * self.channels,
                (last - first) * self.channels,
            );
        }
    }
}

/// A matrix whose rows are the patches of images: image by image, then by output row, then by
/// output column (im2col). It is never stored: a GEMM reads the images.
#[derive(Debug, Clone, Copy)]
pub struct PatchRows<'a, T> {
    images: &'a [T],
    patches: Patches,
    first: usize,
    rows: usize,
}

impl<'a, T: Copy + Default> PatchRows<'a, T> {
    /// The patches of all images.
    ///
    /// # Panics
    /// If `images` is not a whole number of images.
    pub fn new(images: &'a [T], patches: Patches) -> Self {
        assert!(images.len().is_multiple_of(patches.image_len()), "whole images");
        let (height, width) = patches.output();
        let rows = images.len() / patches.image_len() * height * width;
        Self { images, patches, first: 0, rows }
    }

    /// Copies a row to `out`, whose length is that of a patch or more. Elements of padding become
    /// zero; elements beyond the patch are not defined.
    #[inline(always)]
    pub(crate) fn copy_row(&self, row: usize, out: &mut [T]) {
        let (height, width) = self.patches.output();
        let (image, position) =
            ((self.first + row) / (height * width), (self.first + row) % (height * width));
        let image = &self.images[image * self.patches.image_len()..][..self.patches.image_len()];
        if self.patches.padding > 0 {
            out.fill(T::default());
        }
        self.patches.runs((position / width, position % width), |to, from, len| {
            copy(&mut out[to..][..len], &image[from..][..len]);
        });
    }
}

/// `copy_from_slice`, without a call: by vectors, of which the last two may overlap.
#[inline(always)]
fn copy<T: Copy>(out: &mut [T], from: &[T]) {
    match from.len() {
        16.. => copy_by::<T, 16>(out, from),
        8.. => copy_by::<T, 8>(out, from),
        4.. => copy_by::<T, 4>(out, from),
        2.. => copy_by::<T, 2>(out, from),
        _ => copy_by::<T, 1>(out, from),
    }
}

#[inline(always)]
fn copy_by<T: Copy, const N: usize>(out: &mut [T], from: &[T]) {
    for (out, from) in out.as_chunks_mut::<N>().0.iter_mut().zip(from.as_chunks::<N>().0) {
        *out = *from;
    }
    if let (Some(out), Some(from)) = (out.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *out = *from;
    }
}

/// Counts zeros.
struct Zeros<'a, T>(&'a [T]);

impl<T: Copy + Default + PartialEq> Kernel for Zeros<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        self.0.iter().map(|value| usize::from(*value == T::default())).sum()
    }
}

/// An operand of a GEMM.
#[derive(Debug, Clone, Copy)]
pub enum Matrix<'a, T> {
    /// A matrix in memory, with any strides: a transposed view is as good.
    Dense(ArrayView2<'a, T>),
    /// The patches of images.
    Patches(PatchRows<'a, T>),
}

impl<'a, T> From<ArrayView2<'a, T>> for Matrix<'a, T> {
    fn from(view: ArrayView2<'a, T>) -> Self {
        Self::Dense(view)
    }
}

impl<'a, T> From<PatchRows<'a, T>> for Matrix<'a, T> {
    fn from(rows: PatchRows<'a, T>) -> Self {
        Self::Patches(rows)
    }
}

impl<'a, T: Copy + Default + Send + Sync> Matrix<'a, T> {
    /// (rows, columns).
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Self::Dense(view) => view.dim(),
            Self::Patches(rows) => (rows.rows, rows.patches.patch_len()),
        }
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.dim().0
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.dim().1
    }

    /// The same matrix, for a shorter time.
    pub fn view(&self) -> Matrix<'_, T> {
        match self {
            Self::Dense(view) => Matrix::Dense(view.view()),
            Self::Patches(rows) => Matrix::Patches(*rows),
        }
    }

    /// The matrix in memory; the patches of images are copied.
    pub fn to_dense(self) -> CowArray<'a, T, Ix2> {
        match self {
            Self::Dense(view) => view.into(),
            Self::Patches(rows) => {
                /// Rows copied by a task.
                const BAND: usize = 64;
                let mut dense = Array2::from_elem(self.dim(), T::default());
                let elements = dense.as_slice_mut().expect("made in row order");
                let length = rows.patches.patch_len();
                elements.par_chunks_mut(BAND * length).enumerate().for_each(|(band, elements)| {
                    for (row, out) in elements.chunks_mut(length).enumerate() {
                        rows.copy_row(band * BAND + row, out);
                    }
                });
                dense.into()
            }
        }
    }

    /// The number of zeros among the elements in memory, and the number of these elements: those of
    /// the matrix, or of the whole images whose patches it holds.
    ///
    /// ```
    /// use flexmac_fxp::{Matrix, PatchRows, Patches};
    ///
    /// let image = [0, 7, 0, 5];
    /// let patches = Patches { height: 2, width: 2, channels: 1, kernel: 2, stride: 1, padding: 1 };
    /// let matrix: Matrix<'_, i32> = PatchRows::new(&image, patches).into();
    /// assert_eq!(matrix.dim(), (9, 4));
    /// assert_eq!(matrix.zeros_in_memory(), (2, 4));
    /// ```
    pub fn zeros_in_memory(&self) -> (usize, usize)
    where
        T: PartialEq,
    {
        let in_order = match self {
            Self::Dense(view) => view.as_slice_memory_order(),
            Self::Patches(rows) => Some(rows.images),
        };
        match (in_order, self) {
            (Some(elements), _) => (vectorized(Zeros(elements)), elements.len()),
            (None, Self::Dense(view)) => {
                (view.iter().filter(|value| **value == T::default()).count(), view.len())
            }
            (None, Self::Patches(_)) => unreachable!("images lie in order"),
        }
    }

    /// The rows from `range.start` on, below `range.end`.
    pub fn rows(self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::Dense(view) => Self::Dense(view.slice_axis_move(Axis(0), Slice::from(range))),
            Self::Patches(rows) => Self::Patches(PatchRows {
                first: rows.first + range.start,
                rows: range.len(),
                ..rows
            }),
        }
    }

    /// The matrix as a view, if it is stored column by column.
    #[inline(always)]
    pub(crate) fn by_columns(&self) -> Option<ArrayView2<'a, T>> {
        match self {
            Self::Dense(view)
                if view.stride_of(Axis(0)) == 1 && view.nrows() > 1 && view.ncols() > 1 =>
            {
                Some(*view)
            }
            _ => None,
        }
    }

    /// The elements that the matrix is read from, among them all of its own, if they lie together
    /// in memory. A patch matrix may have zeros besides.
    pub(crate) fn elements(&self) -> Option<&[T]> {
        match self {
            Self::Dense(view) => view.as_slice_memory_order(),
            Self::Patches(rows) => Some(rows.images),
        }
    }
}

/// Reads an operand row by row.
pub(crate) enum RowReader<'a> {
    /// A matrix in row order.
    Stored(CowArray<'a, i32, Ix2>),
    Patches(PatchRows<'a, i32>),
}

impl<'a> RowReader<'a> {
    /// Copies the matrix if it lies in memory in another order.
    pub fn new(matrix: Matrix<'a, i32>) -> Self {
        match matrix {
            Matrix::Dense(view) if view.is_standard_layout() => Self::Stored(view.into()),
            Matrix::Dense(view) => Self::Stored(view.as_standard_layout().into_owned().into()),
            Matrix::Patches(rows) => Self::Patches(rows),
        }
    }

    /// A row, in memory or in the buffer.
    #[inline(always)]
    pub fn row<'s>(&'s self, row: usize, buffer: &'s mut Vec<i32>) -> &'s [i32] {
        match self {
            Self::Stored(matrix) => {
                let columns = matrix.ncols();
                &matrix.as_slice().expect("in row order")[row * columns..][..columns]
            }
            Self::Patches(rows) => {
                buffer.resize(rows.patches.patch_len(), 0);
                rows.copy_row(row, buffer);
                buffer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// im2col by its definition: element by element, with a comparison for padding.
    fn naive(images: &[i32], p: &Patches) -> Array2<i32> {
        let (rows, columns) = p.output();
        let c = p.channels;
        let count = images.len() / p.image_len() * rows * columns;
        Array2::from_shape_fn((count, p.patch_len()), |(patch, k)| {
            let (b, y, x) = (patch / (rows * columns), patch / columns % rows, patch % columns);
            let iy = (y * p.stride + k / c / p.kernel) as i64 - p.padding as i64;
            let ix = (x * p.stride + k / c % p.kernel) as i64 - p.padding as i64;
            let inside = (0..p.height as i64).contains(&iy) && (0..p.width as i64).contains(&ix);
            if inside {
                let at = (iy as usize * p.width + ix as usize) * c + k % c;
                images[b * p.image_len() + at]
            } else {
                0
            }
        })
    }

    #[test]
    fn patch_rows_equal_the_definition() {
        for (kernel, stride, padding) in
            [(1, 1, 0), (3, 1, 0), (3, 1, 1), (3, 2, 1), (4, 3, 3), (2, 2, 0), (5, 1, 4)]
        {
            for channels in [1, 2, 7] {
                let patches = Patches { height: 6, width: 5, channels, kernel, stride, padding };
                let images: Vec<_> = (1..=3 * patches.image_len() as i32).collect();
                let matrix = Matrix::from(PatchRows::new(&images, patches));
                let expected = naive(&images, &patches);
                assert_eq!(matrix.dim(), expected.dim());
                assert_eq!(matrix.to_dense(), expected, "{patches:?}");
                let part = matrix.rows(2..5).rows(1..3).to_dense();
                assert_eq!(part, expected.slice(ndarray::s![3..5, ..]), "{patches:?}");
            }
        }
    }
}
