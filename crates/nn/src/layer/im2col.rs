//! Copies patches of images to the rows of a matrix (im2col), and sums them back (col2im).

use ndarray::Array2;
use rayon::prelude::*;

use crate::element::Number;
use crate::spec::Shape;

/// The patches of an image that a convolution's filter covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patches {
    /// Shape of the image.
    pub input: Shape,
    /// Height and width of the filter.
    pub kernel: usize,
    /// Distance between filter positions.
    pub stride: usize,
    /// Zeros added on each side of the image.
    pub padding: usize,
}

impl Patches {
    /// Height and width of the output.
    pub fn output(&self) -> (usize, usize) {
        let steps = |size: usize| (size + 2 * self.padding - self.kernel) / self.stride + 1;
        (steps(self.input.height), steps(self.input.width))
    }

    /// Number of elements of a patch: kernel * kernel * channels, in the order of [`Shape`]. A
    /// convolution's weights have the same order.
    pub fn patch_len(&self) -> usize {
        self.kernel * self.kernel * self.input.channels
    }

    /// Calls `run(start in patch, start in image, length)` for each filter row of the patch at
    /// output (y, x): a run of elements that is contiguous in both. Skips padding.
    fn runs(&self, (y, x): (usize, usize), mut run: impl FnMut(usize, usize, usize)) {
        let channels = self.input.channels;
        // The filter columns first..last lie inside the image.
        let left = x * self.stride;
        let first = self.padding.saturating_sub(left);
        let last = (self.input.width + self.padding).saturating_sub(left).min(self.kernel);
        if first >= last {
            return;
        }
        for row in 0..self.kernel {
            let Some(image_row) = (y * self.stride + row).checked_sub(self.padding) else {
                continue;
            };
            if image_row >= self.input.height {
                break;
            }
            let column = left + first - self.padding;
            run(
                (row * self.kernel + first) * channels,
                (image_row * self.input.width + column) * channels,
                (last - first) * channels,
            );
        }
    }
}

/// Copies every patch to a row of `cols`: image by image, then by output row, then by output
/// column. Allocates `cols` only if its shape differs, so reuse it from batch to batch. It must be
/// empty or come from an earlier call with the same `patches`, because padding is not written
/// again.
///
/// # Shapes
/// `images`: (batch, input length). `cols`: (batch * height out * width out, patch length).
///
/// # Panics
/// If a row of `images` is not one image of shape `patches.input`.
pub fn im2col<T: Number>(images: &Array2<T>, patches: &Patches, cols: &mut Array2<T>) {
    let (rows, columns) = patches.output();
    let patch_len = patches.patch_len();
    let image_len = patches.input.len();
    assert_eq!(images.ncols(), image_len, "one image per row");
    let shape = (images.nrows() * rows * columns, patch_len);
    if cols.dim() != shape {
        *cols = Array2::from_elem(shape, T::default());
    }
    let images = images.as_slice().expect("batches are stored row by row");
    let cols = cols.as_slice_mut().expect("made in row order");
    cols.par_chunks_mut(rows * columns * patch_len).zip(images.par_chunks(image_len)).for_each(
        |(cols, image)| {
            for (patch, cols) in cols.chunks_mut(patch_len).enumerate() {
                patches.runs((patch / columns, patch % columns), |to, from, len| {
                    cols[to..to + len].copy_from_slice(&image[from..from + len]);
                });
            }
        },
    );
}

/// The adjoint of [`im2col`]: adds each element of a patch to the image element it was copied from.
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
    let image_len = patches.input.len();
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
    use super::*;

    const GEOMETRIES: [(usize, usize, usize); 7] =
        [(1, 1, 0), (3, 1, 0), (3, 1, 1), (3, 2, 1), (4, 3, 3), (2, 2, 0), (5, 1, 4)];

    fn patches((kernel, stride, padding): (usize, usize, usize)) -> Patches {
        Patches { input: Shape { height: 6, width: 5, channels: 2 }, kernel, stride, padding }
    }

    fn images(count: usize) -> Array2<i32> {
        Array2::from_shape_fn((count, 60), |(b, i)| ((b * 60 + i) * 2_654_435 % 2001) as i32 - 1000)
    }

    /// im2col by its definition: element by element, with a comparison for padding.
    fn naive(images: &Array2<i32>, p: &Patches) -> Array2<i32> {
        let (rows, columns) = p.output();
        let c = p.input.channels;
        Array2::from_shape_fn((images.nrows() * rows * columns, p.patch_len()), |(patch, k)| {
            let (b, y, x) = (patch / (rows * columns), patch / columns % rows, patch % columns);
            let iy = (y * p.stride + k / c / p.kernel) as i64 - p.padding as i64;
            let ix = (x * p.stride + k / c % p.kernel) as i64 - p.padding as i64;
            let inside =
                (0..p.input.height as i64).contains(&iy) && (0..p.input.width as i64).contains(&ix);
            if inside {
                images[[b, (iy as usize * p.input.width + ix as usize) * c + k % c]]
            } else {
                0
            }
        })
    }

    #[test]
    fn im2col_equals_the_definition() {
        for geometry in GEOMETRIES {
            let p = patches(geometry);
            let mut cols = Array2::zeros((0, 0));
            im2col(&images(2), &p, &mut cols);
            assert_eq!(cols, naive(&images(2), &p), "{geometry:?}");
            // Reuse the memory for other images.
            let other = images(2).map(|v| 3 - v);
            im2col(&other, &p, &mut cols);
            assert_eq!(cols, naive(&other, &p), "{geometry:?}");
        }
    }

    /// <im2col(x), c> = <x, col2im(c)> for every x and c, in integers.
    #[test]
    fn col2im_is_the_adjoint() {
        for geometry in GEOMETRIES {
            let p = patches(geometry);
            let x = images(3);
            let cols = naive(&x, &p);
            let c = cols.map(|v| v / 3 + 7);
            let left: i64 = cols.iter().zip(&c).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            let back = col2im(&c, &p);
            let right: i64 = x.iter().zip(&back).map(|(a, b)| i64::from(*a) * b).sum();
            assert_eq!(left, right, "{geometry:?}");
        }
    }
}
