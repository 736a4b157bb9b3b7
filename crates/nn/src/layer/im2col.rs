//! Sums patches back into images (col2im), the adjoint of [`flexmac_fxp::PatchRows`] (im2col).

use flexmac_fxp::Patches;
use ndarray::Array2;
use rayon::prelude::*;

use crate::element::Number;

/// Adds each element of a patch to the image element that it was copied from.
/// Sums are exact.
///
/// # Shapes
/// `cols`: (batch * height out * width out, patch length). Result: batch * input length sums, image
/// by image.
///
/// # Panics
/// If `cols` does not hold the patches of a whole number of images.
pub fn col2im<T: Number>(cols: &Array2<T>, patches: &Patches) -> Vec<T::Sum> {
    let (rows, columns) = patches.output();
    let patch_len = patches.patch_len();
    assert_eq!(cols.ncols(), patch_len, "one patch per row");
    assert_eq!(cols.nrows() % (rows * columns), 0, "whole images");
    let cols = cols.as_slice().expect("patches are stored row by row");
    let image_len = patches.image_len();
    let mut sums = vec![T::Sum::default(); cols.len() / (rows * columns * patch_len) * image_len];
    sums.par_chunks_mut(image_len).zip(cols.par_chunks(rows * columns * patch_len)).for_each(
        |(sums, cols)| {
            for (patch, cols) in cols.chunks(patch_len).enumerate() {
                patches.runs((patch / columns, patch % columns), |from, to, len| {
                    for (sum, value) in sums[to..to + len].iter_mut().zip(&cols[from..from + len]) {
                        value.add_to(sum);
                    }
                });
            }
        },
    );
    sums
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
            let left: i64 = cols.iter().zip(&c).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            let back = col2im(&c, &p);
            let right: i64 = x.iter().zip(&back).map(|(a, b)| i64::from(*a) * b).sum();
            assert_eq!(left, right, "{p:?}");
        }
    }
}
