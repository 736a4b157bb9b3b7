//! Loops over tiles of the result: which rows meet which columns, whole or in halves.

use std::ops::Range;

use ndarray::ArrayViewMut2;

use super::left::{Left, PackLeft};
use super::multiplier::Multiplier;
use super::right::Panel;
use super::{Line, Right, VectorUnit, Width, blocks};
use crate::matrix::Matrix;
use crate::sums::IntegerAccumulator;
use crate::vector::vectorized;

/// An operand width for which there are vector instructions.
pub(crate) trait Supported: Width {
    /// Computes a band with the given instructions.
    fn run<S: IntegerAccumulator>(machine: VectorUnit, band: Band<'_, Self, S>);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::multiplier::With;
    use super::super::{Bits16, Bits32};
    use super::*;

    macro_rules! supported {
        ($width:ident) => {
            impl Supported for $width {
                fn run<S: IntegerAccumulator>(machine: VectorUnit, band: Band<'_, Self, S>) {
                    match machine {
                        VectorUnit::V3(v3) => v3.vectorize(Run(With(v3, $width), band)),
                        VectorUnit::V4(v4) => v4.vectorize(Run(With(v4, $width), band)),
                        VectorUnit::Vnni(v4, vnni) => vnni.vectorize(Run(With(v4, $width), band)),
                    }
                }
            }
        };
    }

    supported!(Bits16);
    supported!(Bits32);

    struct Run<'a, X: Multiplier, S>(X, Band<'a, X::Width, S>);

    impl<X: Multiplier, S: IntegerAccumulator> pulp::NullaryFnOnce for Run<'_, X, S> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            self.1.multiply(self.0);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl<W: Width> Supported for W {
    fn run<S: IntegerAccumulator>(machine: VectorUnit, _: Band<'_, Self, S>) {
        match machine {}
    }
}

/// Adds A B to the sums, or overwrites them with it. Elements of A must fit `bits` bits; those of A
/// and B must fit the width W. `left` is memory.
pub(crate) fn multiply<W: Supported, S: IntegerAccumulator>(
    machine: VectorUnit,
    (a, bits): (Matrix<'_, i32>, u32),
    right: &Right<W>,
    mut sums: ArrayViewMut2<'_, S>,
    add: bool,
    left: &mut Left<W>,
) {
    assert_eq!(a.ncols(), right.inner, "K of both operands");
    assert_eq!(sums.dim(), (a.nrows(), right.columns), "the shape of the product");
    if right.inner == 0 || sums.is_empty() {
        if !add {
            sums.fill(S::zero());
        }
        return;
    }
    vectorized(PackLeft { a, bits, right_norm: right.norm(), left });
    let sums = sums.as_slice_mut().expect("sums are made in row order");
    W::run(machine, Band { left, right, sums, add });
}

/// Some rows of a GEMM.
pub(crate) struct Band<'a, W: Width, S> {
    left: &'a Left<W>,
    right: &'a Right<W>,
    /// Row by row.
    sums: &'a mut [S],
    add: bool,
}

impl<W: Width, S: IntegerAccumulator> Band<'_, W, S> {
    #[inline(always)]
    fn multiply<X: Multiplier<Width = W>>(mut self, x: X) {
        let rows = self.sums.len() / self.right.columns;
        let mut halves = Halves::default();
        for (block, pairs) in blocks(self.right.inner).enumerate() {
            for panel in self.right.panels(block, pairs.clone()) {
                let mut row = 0;
                while row < rows {
                    let cell = Cell { rows: row..rows, block, pairs: pairs.clone() };
                    row += match rows - row {
                        8.. if X::ROWS >= 8 => self.tiles::<X, 8>(x, cell, &panel, &mut halves),
                        3.. => self.tiles::<X, 4>(x, cell, &panel, &mut halves),
                        _ => self.tiles::<X, 2>(x, cell, &panel, &mut halves),
                    };
                }
            }
            self.add = true;
        }
    }

    /// Multiplies up to R rows by a panel; returns R.
    #[inline(always)]
    fn tiles<X: Multiplier<Width = W>, const R: usize>(
        &mut self,
        x: X,
        cell: Cell,
        panel: &Panel<'_>,
        halves: &mut Halves<W>,
    ) -> usize {
        let rows = cell.rows.start..cell.rows.end.min(cell.rows.start + R);
        let whole = self.left.fits(rows.clone(), cell.block, panel.norm);
        // Missing rows repeat the last one; their results are dropped.
        let mut given: [&[W::Pair]; R] = [&[]; R];
        for (index, given) in given.iter_mut().enumerate() {
            let row = (rows.start + index).min(rows.end - 1);
            *given = &self.left.row(row)[cell.pairs.clone()];
        }
        if !whole {
            halves.split(&given);
        }
        let mut add = self.add;
        for (half, shift) in [(0, W::HALF), (1, 0)] {
            let given = if whole { given } else { halves.rows(half) };
            if whole && half == 0 {
                continue;
            }
            match panel.width {
                3 => self.tile::<X, R, 3>(x, given, (&rows, panel), (shift, add)),
                2 => self.tile::<X, R, 2>(x, given, (&rows, panel), (shift, add)),
                _ => self.tile::<X, R, 1>(x, given, (&rows, panel), (shift, add)),
            }
            add = true;
        }
        R
    }

    /// Multiplies R rows by the L lines of a panel and stores the sums of `rows`.
    #[inline(always)]
    fn tile<X: Multiplier<Width = W>, const R: usize, const L: usize>(
        &mut self,
        x: X,
        given: [&[W::Pair]; R],
        (rows, panel): (&Range<usize>, &Panel<'_>),
        (shift, add): (u32, bool),
    ) {
        let sums = products::<X, R, L>(x, given, panel.lines);
        let columns = self.right.columns;
        if shift == 0 && !add && panel.first_column + L * W::COLUMNS <= columns {
            // The usual case, which compiles to plain stores.
            for (row, sums) in rows.clone().zip(&sums) {
                let out = &mut self.sums[row * columns + panel.first_column..][..L * W::COLUMNS];
                for (out, sums) in out.chunks_exact_mut(W::COLUMNS).zip(sums) {
                    for (out, sum) in out.iter_mut().zip(sums.as_ref()) {
                        *out = S::of_product((*sum).into());
                    }
                }
            }
            return;
        }
        for (row, sums) in rows.clone().zip(&sums) {
            let row = &mut self.sums[row * columns..][..columns];
            let row = &mut row[panel.first_column..];
            for (line, sums) in sums.iter().enumerate() {
                let out = &mut row[line * W::COLUMNS..];
                if out.len() >= W::COLUMNS {
                    // A constant length, so that the compiler vectorizes it.
                    store_sums(&mut out[..W::COLUMNS], sums.as_ref(), (shift, add));
                } else {
                    store_sums(out, sums.as_ref(), (shift, add));
                }
            }
        }
    }
}

/// The rows still to do, within a block of K.
struct Cell {
    rows: Range<usize>,
    block: usize,
    pairs: Range<usize>,
}

/// Adds sums, shifted left, to `out`, or overwrites it with them.
#[inline(always)]
fn store_sums<S: IntegerAccumulator, P: Copy + Into<i64>>(
    out: &mut [S],
    sums: &[P],
    (shift, add): (u32, bool),
) {
    if add {
        for (out, sum) in out.iter_mut().zip(sums) {
            out.add_shifted((*sum).into(), shift);
        }
    } else {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = S::zero();
            out.add_shifted((*sum).into(), shift);
        }
    }
}

/// The sums of R rows and L lines. All of them stay in registers until the end.
#[inline(always)]
fn products<X: Multiplier, const R: usize, const L: usize>(
    x: X,
    mut rows: [&[<X::Width as Width>::Pair]; R],
    lines: &[Line],
) -> [[X::Stored; L]; R] {
    let (lines, _) = lines.as_chunks::<L>();
    for row in &mut rows {
        *row = &row[..lines.len()];
    }
    let mut sums = [[x.zero(); L]; R];
    for (term, lines) in lines.iter().enumerate() {
        let mut loaded = [x.load(&lines[0]); L];
        for line in 1..L {
            loaded[line] = x.load(&lines[line]);
        }
        for row in 0..R {
            let pair = rows[row][term];
            for line in 0..L {
                sums[row][line] = x.add_products(sums[row][line], pair, loaded[line]);
            }
        }
    }
    let mut stored = [[x.store(x.zero()); L]; R];
    for row in 0..R {
        for line in 0..L {
            stored[row][line] = x.store(sums[row][line]);
        }
    }
    stored
}

/// The high and low halves of the rows of a tile.
struct Halves<W: Width> {
    high_low: [Vec<W::Pair>; 2],
}

impl<W: Width> Default for Halves<W> {
    fn default() -> Self {
        Self { high_low: [Vec::new(), Vec::new()] }
    }
}

impl<W: Width> Halves<W> {
    #[inline(always)]
    fn split(&mut self, rows: &[&[W::Pair]]) {
        let [high, low] = &mut self.high_low;
        high.clear();
        low.clear();
        for row in rows {
            for pair in *row {
                let halves = W::halves(*pair);
                high.push(halves.0);
                low.push(halves.1);
            }
        }
    }

    /// The rows of one half.
    #[inline(always)]
    fn rows<const R: usize>(&self, half: usize) -> [&[W::Pair]; R] {
        let pairs = &self.high_low[half];
        let count = pairs.len() / R;
        let mut rows: [&[W::Pair]; R] = [&[]; R];
        for (index, row) in rows.iter_mut().enumerate() {
            *row = &pairs[index * count..][..count];
        }
        rows
    }
}
