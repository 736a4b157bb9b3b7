//! The widths that the blocks of a matrix need: what plane skipping knows of an operand's data.

use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;

use crate::matrix::{Matrix, RowReader};
use crate::vector::{Kernel, vectorized};

/// Elements that a task reads at least.
const PART: usize = 1 << 14;

/// The width in bits of the widest element of each block of a matrix, 0 for a block of zeros. The
/// width is that of two's complement: -1 needs one bit, 1 needs two.
///
/// Block (i, j) holds rows `rows[i]..rows[i + 1]` and columns `columns[j]..columns[j + 1]`. Each
/// element is read once.
///
/// # Shapes
/// (`rows.len()` - 1, `columns.len()` - 1).
///
/// # Panics
/// When bounds do not rise or lie outside the matrix, or when there are fewer than two.
///
/// ```
/// use flexmac_fxp::block_widths;
/// use ndarray::array;
///
/// let matrix = array![[0, 0, 3], [0, 0, -4], [-1, -1, 127]];
/// let widths = block_widths(matrix.view(), &[0, 2, 3], &[0, 2, 3]);
/// assert_eq!(widths, array![[0, 3], [1, 8]]);
/// ```
pub fn block_widths<'a>(
    matrix: impl Into<Matrix<'a, i32>>,
    rows: &[usize],
    columns: &[usize],
) -> Array2<u8> {
    let matrix = matrix.into();
    for (bounds, end) in [(rows, matrix.nrows()), (columns, matrix.ncols())] {
        let rising = bounds.len() > 1 && bounds.is_sorted_by(|a, b| a < b);
        assert!(rising && bounds.last() <= Some(&end), "bounds that rise inside the matrix");
    }
    if let Some(view) = matrix.by_columns() {
        return by_rows(view.reversed_axes().into(), columns, rows).reversed_axes();
    }
    by_rows(matrix, rows, columns)
}

fn by_rows(matrix: Matrix<'_, i32>, rows: &[usize], columns: &[usize]) -> Array2<u8> {
    let across = columns.len() - 1;
    let mut widths = Array2::zeros((rows.len() - 1, across));
    let reader = RowReader::new(matrix);
    let span = columns[0]..columns[across];
    // At least one block row each.
    let elements = span.len() * (rows[rows.len() - 1] - rows[0]).div_ceil(rows.len() - 1);
    let part = PART.div_ceil(elements);
    let out = widths.as_slice_mut().expect("made in row order");
    out.par_chunks_mut(part * across).zip(rows[..rows.len() - 1].par_chunks(part)).for_each(
        |(out, tops)| {
            let mut folded = vec![0; span.len()];
            let mut buffer = Vec::new();
            // Bounds are ascending and inside, so the next one exists.
            let first = rows.partition_point(|bound| bound < &tops[0]);
            for (index, out) in out.chunks_mut(across).enumerate() {
                folded.fill(0);
                let rows = rows[first + index]..rows[first + index + 1];
                let (reader, folded, buffer) = (&reader, &mut folded, &mut buffer);
                vectorized(Fold { reader, rows, span: span.clone(), folded, buffer });
                for (out, bounds) in out.iter_mut().zip(columns.windows(2)) {
                    let block = &folded[bounds[0] - span.start..bounds[1] - span.start];
                    let bits: u32 = block.iter().fold(0, |bits, value| bits | value);
                    // At most 32.
                    *out = (u32::BITS - bits.leading_zeros()) as u8;
                }
            }
        },
    );
    widths
}

/// ORs the elements of some rows, column by column, each as a number that has as many bits as the
/// element needs: 2 y for y >= 0, and -2 y - 1 below zero.
struct Fold<'s, 'a> {
    reader: &'s RowReader<'a>,
    rows: Range<usize>,
    /// The columns.
    span: Range<usize>,
    /// One number for each of them.
    folded: &'s mut [u32],
    /// For rows that do not lie in memory.
    buffer: &'s mut Vec<i32>,
}

impl Kernel for Fold<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.rows {
            let values = &self.reader.row(row, self.buffer)[self.span.clone()];
            for (folded, value) in self.folded.iter_mut().zip(values) {
                // The same bits, on purpose.
                *folded |= ((value << 1) ^ (value >> 31)) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PatchRows, Patches};

    /// Bits by definition: the fewest whose range holds the value; 0 for 0.
    fn bits(value: i32) -> u8 {
        if value == 0 {
            return 0;
        }
        let value = i64::from(value);
        (1..=32).find(|bits| (-(1 << (bits - 1))..1 << (bits - 1)).contains(&value)).unwrap()
    }

    fn naive(matrix: &Matrix<'_, i32>, rows: &[usize], columns: &[usize]) -> Array2<u8> {
        let dense = matrix.view().to_dense().into_owned();
        Array2::from_shape_fn((rows.len() - 1, columns.len() - 1), |(i, j)| {
            let block = ndarray::s![rows[i]..rows[i + 1], columns[j]..columns[j + 1]];
            dense.slice(block).iter().map(|value| bits(*value)).max().unwrap()
        })
    }

    fn values(count: usize) -> Vec<i32> {
        let mut state = crate::Lfsr::new(7);
        (0..count)
            .map(|_| {
                state.step();
                let word = state.word();
                let value = (word << 8 ^ word >> 3) as i32;
                if word.is_multiple_of(3) { 0 } else { value >> (word % 32) }
            })
            .collect()
    }

    #[test]
    fn extremes_need_what_twos_complement_says() {
        for value in [0, 1, -1, 2, -2, 127, -128, 128, i32::MAX, i32::MIN] {
            let found = block_widths(ndarray::array![[value]].view(), &[0, 1], &[0, 1]);
            assert_eq!(found[(0, 0)], bits(value), "{value}");
        }
    }

    #[test]
    fn blocks_equal_the_definition_in_any_order_of_memory() {
        for (m, n) in [(1, 1), (7, 13), (40, 3), (3, 400)] {
            let dense = Array2::from_shape_vec((m, n), values(m * n)).unwrap();
            let flipped = dense.t().as_standard_layout().into_owned();
            let wide = Array2::from_shape_fn((m, 2 * n), |(i, j)| dense[(i, j / 2)]);
            let rows = if m > 2 { vec![0, 1, m - 1] } else { vec![0, m] };
            let columns = if n > 2 { vec![1, 2, n] } else { vec![0, n] };
            let expected = naive(&dense.view().into(), &rows, &columns);
            for view in [dense.view(), flipped.t(), wide.slice(ndarray::s![.., ..;2])] {
                assert_eq!(block_widths(view, &rows, &columns), expected, "{m} x {n}");
            }
        }
    }

    #[test]
    fn blocks_of_patches_equal_the_definition() {
        for (kernel, stride, padding) in [(1, 1, 0), (3, 2, 1), (4, 3, 3)] {
            let patches = Patches { height: 6, width: 5, channels: 2, kernel, stride, padding };
            let images = values(3 * patches.image_len());
            let matrix = Matrix::from(PatchRows::new(&images, patches));
            let (m, n) = matrix.dim();
            let rows: Vec<_> = (0..m).step_by(4).chain([m]).collect();
            let columns = [0, n / 2, n];
            let expected = naive(&matrix, &rows, &columns);
            assert_eq!(block_widths(matrix.view(), &rows, &columns), expected);
        }
    }

    #[test]
    #[should_panic(expected = "bounds that rise inside the matrix")]
    fn bounds_must_rise() {
        block_widths(ndarray::array![[1, 2]].view(), &[0, 1], &[0, 2, 2]);
    }
}
