//! Rows of A, packed as pairs of terms (k, k + 1), with their norms.

use ndarray::{ArrayView2, Axis};

use super::width::fits;
use super::{BLOCK, Width, blocks};
use crate::exp2;
use crate::matrix::{Matrix, RowReader};
use crate::vector::Kernel;

/// Packed rows of A. Its memory is reused from band to band.
#[derive(Debug)]
pub(crate) struct Left<W: Width> {
    /// Pairs per row.
    stride: usize,
    /// Row by row.
    pairs: Vec<W::Pair>,
    /// Squared norm of each block of K, row by row; none if every sum fits whatever the elements.
    norms: Vec<f32>,
}

impl<W: Width> Default for Left<W> {
    fn default() -> Self {
        Self { stride: 0, pairs: Vec::new(), norms: Vec::new() }
    }
}

impl<W: Width> Left<W> {
    /// The pairs of a row.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &[W::Pair] {
        &self.pairs[row * self.stride..][..self.stride]
    }

    /// Whether all sums of these rows fit within a block of K, with columns of this squared norm.
    #[inline(always)]
    pub fn fits(&self, rows: std::ops::Range<usize>, block: usize, column: f32) -> bool {
        if self.norms.is_empty() {
            return true;
        }
        let count = self.stride.div_ceil(BLOCK / 2);
        fits::<W>(rows.fold(0.0, |norm, row| norm.max(self.norms[row * count + block])), column)
    }
}

/// The squared norm of a block of the largest possible elements of this width.
pub(super) fn largest_norm(inner: usize, bits: u32) -> f32 {
    inner.min(BLOCK) as f32 * exp2(2 * (bits as i32 - 1)) as f32
}

/// Packs rows.
pub(super) struct PackLeft<'a, 'l, W: Width> {
    pub a: Matrix<'a, i32>,
    /// Width of its elements in bits.
    pub bits: u32,
    /// The largest squared norm of a column of B within a block of K.
    pub right_norm: f32,
    pub left: &'l mut Left<W>,
}

/// For rows shorter than this, measuring norms costs more than multiplying in halves.
const MIN_MEASURED: usize = 48;

impl<W: Width> Kernel for PackLeft<'_, '_, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (rows, inner) = self.a.dim();
        let stride = inner.div_ceil(2);
        let largest = largest_norm(inner, self.bits);
        let always = fits::<W>(largest, self.right_norm);
        let measured = inner >= MIN_MEASURED && !always;
        let left = self.left;
        left.stride = stride;
        left.pairs.resize(rows * stride, W::Pair::default());
        left.norms.clear();
        if let Some(a) = self.a.by_columns() {
            left.take_columns(a, (!measured).then_some(largest));
            if always {
                left.norms.clear();
            }
            return;
        }
        let reader = RowReader::new(self.a);
        let mut buffer = Vec::new();
        for (row, pairs) in left.pairs.chunks_exact_mut(stride).enumerate() {
            let row = reader.row(row, &mut buffer);
            let (whole, last) = row.as_chunks::<2>();
            for (pair, [first, second]) in pairs.iter_mut().zip(whole) {
                *pair = W::pair(*first, *second);
            }
            if let Some(last) = last.first() {
                pairs[stride - 1] = W::pair(*last, 0);
            }
            if always {
                continue;
            }
            for block in blocks(inner) {
                let norm = if measured { square(&row[terms_of(&block, inner)]) } else { largest };
                left.norms.push(norm);
            }
        }
    }
}

impl<W: Width> Left<W> {
    /// Packs an A that is stored column by column. `bound` is the norm of all blocks; without one,
    /// norms are measured.
    #[inline(always)]
    fn take_columns(&mut self, a: ArrayView2<'_, i32>, bound: Option<f32>) {
        let (rows, inner) = a.dim();
        let stride = self.stride;
        let terms = |term: usize| {
            let column = if term < inner { Some(a.index_axis_move(Axis(1), term)) } else { None };
            column.map(|column| column.to_slice().expect("columns have stride 1"))
        };
        let blocks_of_row = stride.div_ceil(BLOCK / 2);
        self.norms.resize(rows * blocks_of_row, bound.unwrap_or(0.0));
        let mut squares = vec![0.0_f32; rows];
        for (block, pairs) in blocks(inner).enumerate() {
            squares.fill(0.0);
            for pair in pairs {
                let first = terms(2 * pair).expect("a pair has a first term");
                let second = terms(2 * pair + 1);
                for (row, first) in first.iter().enumerate() {
                    let second = second.map_or(0, |second| second[row]);
                    self.pairs[row * stride + pair] = W::pair(*first, second);
                }
                if bound.is_none() {
                    for terms in [Some(first), second].into_iter().flatten() {
                        for (square, value) in squares.iter_mut().zip(terms) {
                            *square += *value as f32 * *value as f32; // rounded; `MARGIN` covers it
                        }
                    }
                }
            }
            if bound.is_none() {
                for (row, square) in squares.iter().enumerate() {
                    self.norms[row * blocks_of_row + block] = *square;
                }
            }
        }
    }
}

/// The range of terms that a range of pairs covers.
pub(super) fn terms_of(pairs: &std::ops::Range<usize>, inner: usize) -> std::ops::Range<usize> {
    2 * pairs.start..inner.min(2 * pairs.end)
}

/// The sum of squares.
#[inline(always)]
pub(super) fn square(values: &[i32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (lanes, rest) = values.as_chunks::<16>();
    for lane in lanes {
        add_squares(&mut sums, lane);
    }
    let mut last = [0; 16];
    if let Some(window) = values.last_chunk::<16>() {
        let counted = 16 - rest.len();
        for (index, (last, value)) in last.iter_mut().zip(window).enumerate() {
            *last = if index < counted { 0 } else { *value };
        }
    } else {
        last[..rest.len()].copy_from_slice(rest);
    }
    add_squares(&mut sums, &last);
    let mut halves = [0.0; 8];
    for (index, half) in halves.iter_mut().enumerate() {
        *half = sums[index] + sums[index + 8];
    }
    let [a, b, c, d, e, f, g, h] = halves;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Adds the square of each value to its sum.
#[inline(always)]
pub(super) fn add_squares<const N: usize>(sums: &mut [f32; N], values: &[i32; N]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += *value as f32 * *value as f32; // rounded; `MARGIN` covers it
    }
}
