//! B, packed as panels of lines, with the norms of its columns.

use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayView2, Axis, CowArray};

use super::left::{square, terms_of};
use super::{BLOCK, Line, Width, blocks};
use crate::vector::{Kernel, vectorized};

/// B (K, N), once for all rows of A: block by block of K, panel by panel of neighbouring columns,
/// pair by pair of terms, line by line of the panel. Missing terms and columns are zero.
#[derive(Debug)]
pub(crate) struct Right<W> {
    pub(super) inner: usize,
    pub(super) columns: usize,
    /// Lines that all columns take.
    width: usize,
    panels: usize,
    lines: Vec<Line>,
    /// The largest squared norm of a column in a block of K: block by block, panel by panel.
    norms: Vec<f32>,
    pub(super) kind: PhantomData<W>,
}

/// Columns of B that are multiplied together.
pub(super) struct Panel<'a> {
    pub first_column: usize,
    /// Lines that a pair of terms takes.
    pub width: usize,
    pub lines: &'a [Line],
    pub norm: f32,
}

impl<W: Width> Right<W> {
    /// Packs B into panels of at most `panel` lines.
    pub fn pack(b: ArrayView2<'_, i32>, panel: usize) -> Self {
        vectorized(PackRight { b, panel, kind: PhantomData })
    }

    /// Lines of a panel.
    fn span(&self, panel: usize) -> Range<usize> {
        panel * self.width / self.panels..(panel + 1) * self.width / self.panels
    }

    /// Where the lines of a panel lie.
    fn place(&self, pairs: &Range<usize>, span: &Range<usize>) -> Range<usize> {
        let start = pairs.start * self.width + pairs.len() * span.start;
        start..start + pairs.len() * span.len()
    }

    /// The panels of a block, which covers `pairs`.
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
            for panel in 0..panels {
                let span = right.span(panel);
                let place = right.place(&pairs, &span);
                let lines = &mut right.lines[place];
                let first = span.start * W::COLUMNS;
                let target = first..columns.min(span.end * W::COLUMNS);
                let norm = if by_columns {
                    columns_in::<W>(b, inner, (&pairs, target), lines, span.len())
                } else {
                    rows_in::<W>(b, (inner, columns), (&pairs, target), lines, span.len())
                };
                right.norms.push(norm);
            }
        }
        right
    }
}

/// Packs some columns of B, row by row in memory; returns the largest squared norm.
#[inline(always)]
fn rows_in<W: Width>(
    b: &[i32],
    (inner, columns): (usize, usize),
    (pairs, target): (&Range<usize>, Range<usize>),
    lines: &mut [Line],
    width: usize,
) -> f32 {
    const ZERO: [i32; 16] = [0; 16];
    let mut largest = 0.0_f32;
    for line in 0..width {
        let from = target.start + line * W::COLUMNS;
        let count = W::COLUMNS.min(target.end - from);
        let mut norms = [0.0_f32; 16];
        for (pair, lines) in pairs.clone().zip(lines.chunks_exact_mut(width)) {
            let first = &b[2 * pair * columns + from..][..count];
            let second = if 2 * pair + 1 < inner {
                &b[(2 * pair + 1) * columns + from..][..count]
            } else {
                &ZERO[..count]
            };
            if count == W::COLUMNS {
                // Of constant length: vectors.
                let (first, second) = (&first[..W::COLUMNS], &second[..W::COLUMNS]);
                W::put_all(&mut lines[line], first, second);
                add_squares(&mut norms[..W::COLUMNS], first, second);
            } else {
                W::put_all(&mut lines[line], first, second);
                add_squares(&mut norms, first, second);
            }
        }
        largest = norms.into_iter().fold(largest, f32::max);
    }
    largest
}

#[inline(always)]
fn add_squares(norms: &mut [f32], first: &[i32], second: &[i32]) {
    for (norm, (first, second)) in norms.iter_mut().zip(first.iter().zip(second)) {
        let (first, second) = (*first as f32, *second as f32); // rounded: see the margin
        *norm += first * first + second * second;
    }
}

/// Packs some columns of B, column by column in memory; returns the largest squared norm.
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
