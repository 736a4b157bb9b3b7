//! Sums patches back into images (col2im), the adjoint of [`flexmac_fxp::PatchRows`] (im2col).

use std::sync::{Mutex, PoisonError};

use flexmac_engine::RowSink;
use flexmac_fxp::{Kernel, Patches, vectorized};

use crate::element::Number;

/// Adds each element of a patch to the image element that it was copied from. Sums are exact, so
/// that the order of the patches does not matter.
pub(super) struct Col2im<'a, T: Number> {
    patches: Patches,
    /// The sums of each image.
    images: Vec<Mutex<&'a mut [T::Sum]>>,
}

impl<'a, T: Number> Col2im<'a, T> {
    /// Adds to `sums`: those of a whole number of images, image by image.
    pub fn new(sums: &'a mut [T::Sum], patches: Patches) -> Self {
        Self { patches, images: sums.chunks_mut(patches.image_len()).map(Mutex::new).collect() }
    }
}

impl<T: Number> RowSink<T> for Col2im<'_, T> {
    /// Takes patches: image by image, then by output row, then by output column.
    fn take_rows(&self, first: usize, rows: &[T]) {
        let (height, width) = self.patches.output();
        let patch_len = self.patches.patch_len();
        let (mut row, mut rows) = (first, rows);
        while !rows.is_empty() {
            let (image, position) = (row / (height * width), row % (height * width));
            let count = (height * width - position).min(rows.len() / patch_len);
            let (own, rest) = rows.split_at(count * patch_len);
            let mut sums = self.images[image].lock().unwrap_or_else(PoisonError::into_inner);
            vectorized(AddPatches { patches: &self.patches, position, rows: own, sums: &mut sums });
            (row, rows) = (row + count, rest);
        }
    }
}

/// Adds patches of one image, the first of them at number `position` of its output.
struct AddPatches<'a, T: Number> {
    patches: &'a Patches,
    position: usize,
    rows: &'a [T],
    sums: &'a mut [T::Sum],
}

impl<T: Number> Kernel for AddPatches<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.patches.output().1;
        let rows = self.rows.chunks_exact(self.patches.patch_len());
        for (patch, row) in (self.position..).zip(rows) {
            self.patches.runs((patch / width, patch % width), |from, to, len| {
                for (sum, value) in self.sums[to..][..len].iter_mut().zip(&row[from..][..len]) {
                    value.add_to(sum);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use flexmac_fxp::{Matrix, PatchRows};

    use super::*;

    /// <im2col(x), c> = <x, col2im(c)> for every x and c, in integers.
    #[test]
    fn col2im_is_the_adjoint() {
        for (kernel, stride, padding) in
            [(1, 1, 0), (3, 1, 0), (3, 1, 1), (3, 2, 1), (4, 3, 3), (2, 2, 0), (5, 1, 4)]
        {
            let p = Patches { height: 6, width: 5, channels: 2, kernel, stride, padding };
            let x: Vec<_> = (0..180).map(|i| i * 2_654_435 % 2001 - 1000).collect();
            let cols = Matrix::from(PatchRows::new(&x, p)).to_dense();
            let c = cols.map(|v| v / 3 + 7);
            let pairs = cols.iter().zip(c.iter());
            let left: i64 = pairs.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            let mut back = vec![0; x.len()];
            let sink = Col2im::<i32>::new(&mut back, p);
            // In pieces that end within an image, the last first.
            let c = c.as_standard_layout();
            let c = c.as_slice().unwrap();
            let rows = cols.nrows() / 2 + 1;
            let (head, tail) = c.split_at(rows * cols.ncols());
            sink.take_rows(rows, tail);
            sink.take_rows(0, head);
            let right: i64 = x.iter().zip(&back).map(|(a, b)| i64::from(*a) * b).sum();
            assert_eq!(left, right, "{p:?}");
        }
    }
}
