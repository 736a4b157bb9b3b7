//! The range of an operand's elements: whether they fit their width, and what width they need.

use rayon::prelude::*;

use crate::FxpError;
use crate::matrix::Matrix;
use crate::vector::{Kernel, vectorized};

/// Elements that a task reads.
const PART: usize = 1 << 16;

/// Checks that every element fits `bits` bits and returns the width they need, 2..=`bits`.
/// `operand`, `A` or `B`, names the matrix in the error.
///
/// # Errors
/// [`FxpError::OperandRange`], which names the first element that does not fit; [`FxpError::Bits`].
pub fn check_range<'a>(
    operand: char,
    matrix: impl Into<Matrix<'a, i32>>,
    bits: u32,
) -> Result<u32, FxpError> {
    let matrix = matrix.into();
    let format = crate::Format::new(bits, 0)?;
    let magnitude = match matrix.elements() {
        Some(values) => values
            .par_chunks(PART)
            .map(|values| vectorized(Magnitudes(values)))
            .reduce(|| 0, |a, b| a | b),
        None => matrix.to_dense().iter().fold(0, join),
    };
    let needed = (33 - magnitude.leading_zeros()).max(crate::MIN_BITS);
    if needed <= bits {
        return Ok(needed);
    }
    let (min, max) = (format.min_raw(), format.max_raw());
    let dense = matrix.to_dense();
    let misfit = dense.indexed_iter().find(|(_, value)| !(min..=max).contains(*value));
    let Some(((row, column), found)) = misfit else {
        // Of an image, some elements may be in no patch.
        return Ok(bits);
    };
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

/// OR of the magnitudes (y for y >= 0, -y - 1 below zero); b bits hold a magnitude of b - 1 bits.
#[inline(always)]
fn join(bits: i32, value: &i32) -> i32 {
    bits | value ^ (value >> 31)
}

struct Magnitudes<'a>(&'a [i32]);

impl Kernel for Magnitudes<'_> {
    type Output = i32;

    #[inline(always)]
    fn run(self) -> i32 {
        self.0.iter().fold(0, join)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// The image has elements that are in no patch: they may have any value.
    #[test]
    fn only_elements_of_patches_must_fit() {
        use crate::{PatchRows, Patches};
        let patches =
            Patches { height: 3, width: 3, channels: 1, kernel: 1, stride: 2, padding: 0 };
        let mut images = [1, 1000, 2, 1000, 1000, 1000, 3, 1000, 4];
        assert_eq!(check_range('A', PatchRows::new(&images, patches), 8), Ok(8));
        images[6] = -129;
        let error = check_range('A', PatchRows::new(&images, patches), 8).unwrap_err();
        assert!(error.to_string().contains("A[2,0] = -129 does not fit 8 bits"), "{error}");
    }

    #[test]
    fn the_width_needed_is_measured() {
        let a = Array2::from_shape_vec((1, 3), vec![0, 127, -128]).unwrap();
        assert_eq!(check_range('A', a.view(), 32), Ok(8));
        assert_eq!(check_range('A', a.map(|v| v * 2).view(), 9), Ok(9));
        assert_eq!(check_range('A', a.map(|v| v >> 7).view(), 9), Ok(2));
        assert_eq!(check_range('A', a.map(|_| i32::MIN).view(), 32), Ok(32));
        assert_eq!(check_range('A', Array2::zeros((0, 3)).view(), 5), Ok(2));
    }
}
