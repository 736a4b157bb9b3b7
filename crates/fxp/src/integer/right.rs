//! B, packed into panels of lines, with the norms of its columns.

use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayView2, CowArray};

use super::left::{add_squares, largest_norm, square, terms_of};
use super::width::fits;
use super::{Line, Width, blocks};
use crate::matrix::{Matrix, RowReader};
use crate::vector::{Kernel, vectorized};

/// B (K, N), packed once for all rows of A. The order is: block of K, panel of neighbouring
/// columns, pair of terms, line of the panel. Missing terms and columns are zero.
#[derive(Debug)]
pub(crate) struct Right<W> {
    pub(super) inner: usize,
    pub(super) columns: usize,
    /// Lines that hold one pair of terms of all columns.
    width: usize,
    panels: usize,
    lines: Vec<Line>,
    /// The largest squared column norm of each block of K and panel: block by block, panel by
    /// panel.
    norms: Vec<f32>,
    pub(super) kind: PhantomData<W>,
}

/// Neighbouring columns of B that are multiplied together.
pub(super) struct Panel<'a> {
    pub first_column: usize,
    /// Lines per pair of terms.
    pub width: usize,
    pub lines: &'a [Line],
    pub norm: f32,
}

impl<W: Width> Default for Right<W> {
    fn default() -> Self {
        Self {
            inner: 0,
            columns: 0,
            width: 0,
            panels: 0,
            lines: Vec::new(),
            norms: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<W: Width> Right<W> {
    /// Packs B into panels of at most `panel` lines, instead of what was packed before. The widths
    /// are those of A and of B.
    pub fn pack(&mut self, b: Matrix<'_, i32>, widths: (u32, u32), panel: usize) {
        vectorized(PackRight { b, widths, panel, right: self });
    }

    /// The largest squared norm of a column within a block of K.
    pub(super) fn norm(&self) -> f32 {
        self.norms.iter().copied().fold(0.0, f32::max)
    }

    /// The lines of a panel, within those of all columns.
    fn span(&self, panel: usize) -> Range<usize> {
        panel * self.width / self.panels..(panel + 1) * self.width / self.panels
    }

    /// The indices of a panel's lines in `lines`.
    fn place(&self, pairs: &Range<usize>, span: &Range<usize>) -> Range<usize> {
        let start = pairs.start * self.width + pairs.len() * span.start;
        start..start + pairs.len() * span.len()
    }

    /// The panels of a block of K, which covers `pairs`.
    #[inline(always)]
    pub(super) fn panels(
        &self,
        block: usize,
        pairs: Range<usize>,
    ) -> impl Iterator<Item = Panel<'_>> {
        (0..self.panels).map(move |panel| {
            let span = self.span(panel);
            Panel {
                first_column: span.start * W::COLUMNS,
                width: span.len(),
                lines: &self.lines[self.place(&pairs, &span)],
                norm: self.norms[block * self.panels + panel],
            }
        })
    }
}

struct PackRight<'a, 'r, W> {
    b: Matrix<'a, i32>,
    widths: (u32, u32),
    panel: usize,
    right: &'r mut Right<W>,
}

impl<W: Width> Kernel for PackRight<'_, '_, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (inner, columns) = self.b.dim();
        let right = self.right;
        (right.inner, right.columns) = (inner, columns);
        right.width = columns.div_ceil(W::COLUMNS);
        right.panels = right.width.div_ceil(self.panel);
        right.norms.clear();
        // Columns need no norms if every sum of operands of these widths fits.
        let (of_a, of_b) = self.widths;
        let largest = largest_norm(inner, of_b);
        let bound = fits::<W>(largest_norm(inner, of_a), largest).then_some(largest);
        let lines = inner.div_ceil(2) * right.width;
        if let Some(b) = self.b.by_columns() {
            right.lines.clear();
            right.lines.resize(lines, Line([0; 16]));
            right.take_columns(b, bound);
        } else {
            right.lines.resize(lines, Line([0; 16]));
            right.take_rows(self.b, bound);
        }
    }
}

impl<W: Width> Right<W> {
    /// Packs B row by row.
    #[inline(always)]
    fn take_rows(&mut self, b: Matrix<'_, i32>, bound: Option<f32>) {
        let (inner, columns) = (self.inner, self.columns);
        let reader = RowReader::new(b);
        let mut buffers = (Vec::new(), Vec::new());
        let mut norms = vec![[0.0_f32; 16]; self.width];
        for pairs in blocks(inner) {
            norms.fill([0.0; 16]);
            for pair in pairs.clone() {
                let first = reader.row(2 * pair, &mut buffers.0);
                // A missing second term has no columns.
                let second = if 2 * pair + 1 < inner {
                    reader.row(2 * pair + 1, &mut buffers.1)
                } else {
                    &[]
                };
                for panel in 0..self.panels {
                    let span = self.span(panel);
                    let place = self.place(&pairs, &span).start + (pair - pairs.start) * span.len();
                    let lines = &mut self.lines[place..][..span.len()];
                    for (packed, line) in lines.iter_mut().zip(span) {
                        let columns = line * W::COLUMNS..columns.min((line + 1) * W::COLUMNS);
                        let terms = (line_of(first, &columns), line_of(second, &columns));
                        *packed = W::line(&terms.0, &terms.1);
                        if bound.is_none() {
                            add_squares(&mut norms[line], &terms.0);
                            add_squares(&mut norms[line], &terms.1);
                        }
                    }
                }
            }
            for panel in 0..self.panels {
                let measured = norms[self.span(panel)].as_flattened();
                let measured = measured.iter().fold(0.0, |largest: f32, norm| largest.max(*norm));
                self.norms.push(bound.unwrap_or(measured));
            }
        }
    }

    /// Packs a B that is stored column by column.
    #[inline(always)]
    fn take_columns(&mut self, b: ArrayView2<'_, i32>, bound: Option<f32>) {
        let b = CowArray::from(b.reversed_axes());
        let b = b.as_standard_layout();
        let b = b.as_slice().expect("standard layout");
        for pairs in blocks(self.inner) {
            for panel in 0..self.panels {
                let span = self.span(panel);
                let place = self.place(&pairs, &span);
                let lines = &mut self.lines[place];
                let target = span.start * W::COLUMNS..self.columns.min(span.end * W::COLUMNS);
                let measured = bound.is_none();
                let norm =
                    columns_in::<W>(b, self.inner, (&pairs, target), lines, (span.len(), measured));
                self.norms.push(bound.unwrap_or(norm));
            }
        }
    }
}

/// At most 16 columns of a row, filled up with zeros.
#[inline(always)]
fn line_of(row: &[i32], columns: &Range<usize>) -> [i32; 16] {
    let mut line = [0; 16];
    if let Some(part) = row.get(columns.clone()) {
        if let Some(whole) = part.first_chunk::<16>() {
            return *whole;
        }
        for (line, value) in line.iter_mut().zip(part) {
            *line = *value;
        }
    }
    line
}

/// Packs columns of a B that is stored column by column; returns the largest squared norm.
#[inline(always)]
fn columns_in<W: Width>(
    b: &[i32],
    inner: usize,
    (pairs, target): (&Range<usize>, Range<usize>),
    lines: &mut [Line],
    (width, measured): (usize, bool),
) -> f32 {
    let mut largest = 0.0_f32;
    for (index, column) in target.enumerate() {
        let terms = &b[column * inner..][terms_of(pairs, inner)];
        if measured {
            largest = largest.max(square(terms));
        }
        let (line, place) = (index / W::COLUMNS, index % W::COLUMNS);
        for (terms, lines) in terms.chunks(2).zip(lines.chunks_exact_mut(width)) {
            let second = terms.get(1).copied().unwrap_or(0);
            W::put(&mut lines[line], place, W::pair(terms[0], second));
        }
    }
    largest
}
