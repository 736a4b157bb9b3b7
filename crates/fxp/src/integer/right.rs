//! B, packed into panels of lines, with the norms of its columns.

use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayView2, Axis, CowArray};

use super::left::{add_squares, square, terms_of};
use super::{BLOCK, Line, Width, blocks};
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

impl<W: Width> Right<W> {
    /// Packs B into panels of at most `panel` lines.
    pub fn pack(b: ArrayView2<'_, i32>, panel: usize) -> Self {
        vectorized(PackRight { b, panel, kind: PhantomData })
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

struct PackRight<'a, W> {
    b: ArrayView2<'a, i32>,
    panel: usize,
    kind: PhantomData<W>,
}

impl<W: Width> Kernel for PackRight<'_, W> {
    type Output = Right<W>;

    #[inline(always)]
    fn run(self) -> Right<W> {
        let (inner, columns) = self.b.dim();
        let width = columns.div_ceil(W::COLUMNS);
        let panels = width.div_ceil(self.panel);
        let mut right = Right {
            inner,
            columns,
            width,
            panels,
            lines: vec![Line([0; 16]); inner.div_ceil(2) * width],
            norms: Vec::with_capacity(inner.div_ceil(BLOCK) * panels),
            kind: PhantomData,
        };
        let by_columns = self.b.stride_of(Axis(0)) == 1 && self.b.ncols() > 1;
        let b = if by_columns { self.b.reversed_axes() } else { self.b };
        let b = CowArray::from(b);
        let b = b.as_standard_layout();
        let b = b.as_slice().expect("standard layout");
        for pairs in blocks(inner) {
            if by_columns {
                right.take_columns(b, &pairs);
            } else {
                right.take_rows(b, &pairs);
            }
        }
        right
    }
}

impl<W: Width> Right<W> {
    /// Packs a block of a B that is stored row by row.
    #[inline(always)]
    fn take_rows(&mut self, b: &[i32], pairs: &Range<usize>) {
        let columns = self.columns;
        let mut norms = vec![[0.0_f32; 16]; self.width];
        for pair in pairs.clone() {
            let first = &b[2 * pair * columns..];
            // A missing second term has no columns.
            let second = b.get((2 * pair + 1) * columns..).unwrap_or(&[]);
            for panel in 0..self.panels {
                let span = self.span(panel);
                let place = self.place(pairs, &span).start + (pair - pairs.start) * span.len();
                for (place, line) in (place..).zip(span) {
                    let columns = line * W::COLUMNS..columns.min((line + 1) * W::COLUMNS);
                    let terms = (line_of(first, &columns), line_of(second, &columns));
                    self.lines[place] = W::line(&terms.0, &terms.1);
                    add_squares(&mut norms[line], &terms.0);
                    add_squares(&mut norms[line], &terms.1);
                }
            }
        }
        for panel in 0..self.panels {
            let mut largest = 0.0_f32;
            for norm in norms[self.span(panel)].as_flattened() {
                largest = largest.max(*norm);
            }
            self.norms.push(largest);
        }
    }

    /// Packs a block of a B that is stored column by column.
    #[inline(always)]
    fn take_columns(&mut self, b: &[i32], pairs: &Range<usize>) {
        for panel in 0..self.panels {
            let span = self.span(panel);
            let place = self.place(pairs, &span);
            let lines = &mut self.lines[place];
            let target = span.start * W::COLUMNS..self.columns.min(span.end * W::COLUMNS);
            let norm = columns_in::<W>(b, self.inner, (pairs, target), lines, span.len());
            self.norms.push(norm);
        }
    }
}

/// At most 16 columns of a row, filled up with zeros.
#[inline(always)]
fn line_of(row: &[i32], columns: &Range<usize>) -> [i32; 16] {
    let mut line = [0; 16];
    if let Some(whole) = row.get(columns.start..).and_then(|row| row.first_chunk::<16>()) {
        for (index, (line, value)) in line.iter_mut().zip(whole).enumerate() {
            *line = if index < columns.len() { *value } else { 0 };
        }
    } else if let Some(part) = row.get(columns.clone()) {
        line[..part.len()].copy_from_slice(part);
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
    width: usize,
) -> f32 {
    let mut largest = 0.0_f32;
    for (index, column) in target.enumerate() {
        let terms = &b[column * inner..][terms_of(pairs, inner)];
        largest = largest.max(square(terms));
        let (line, place) = (index / W::COLUMNS, index % W::COLUMNS);
        for (terms, lines) in terms.chunks(2).zip(lines.chunks_exact_mut(width)) {
            let second = terms.get(1).copied().unwrap_or(0);
            W::put(&mut lines[line], place, W::pair(terms[0], second));
        }
    }
    largest
}
