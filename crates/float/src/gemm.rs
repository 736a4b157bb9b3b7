//! The dot products of whole GEMMs, by vectors over the columns of the result.
//!
//! A word of K is added for many columns at once, in integers: products of significands, shifted to
//! a common exponent for each column. The integer sum is exact in double precision. It is added to
//! the result so far in double precision, too, and what that addition loses makes the last bit odd:
//! the conversion to binary32 then rounds as if the sum were exact (rounding to odd; double
//! precision has more than two bits beyond binary32). Elements with infinities or NaN among their
//! factors are computed by the slow model instead.
//!
//! With one lane, a step is a fused multiply-add, which processors have.

use std::ops::Range;

use flexmac_fxp::{Kernel, vectorized};
use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use rayon::prelude::*;

use crate::convert::two_to;
use crate::dot::{DotProduct, add_zero_sign};
use crate::error::FloatError;
use crate::format::FloatFormat;

/// Columns that are computed together.
const PANEL: usize = 32;

/// Most k of a pass over the rows of a band: a panel's factors of that many k stay in the cache.
const STRETCH: usize = 256;

/// Most rows of a band, the work of a thread.
const BAND: usize = 64;

/// The exponent of a zero: below those of all products, even twice.
const ZERO: i32 = -(1 << 14);

/// Below the exponents of all products: 2 * (-126 - 23).
const FLOOR: i32 = -400;

/// Largest significand of which products and their sums in a word fit 32 bits.
const NARROW: u32 = 8;

/// The product A B + bias of a float array: every element is that of [`DotProduct::of`].
///
/// A is (M, K), B (K, N), the bias (1, N) or (M, N). `pieces` are the lengths of the commands that K
/// is cut into. Works on all threads of the pool; the result does not depend on their number.
///
/// # Errors
/// [`FloatError::NotRepresentable`] for an element that is no number of its operand's format.
///
/// # Panics
/// When shapes, or the sum of `pieces` and K, differ; otherwise those of [`DotProduct::new`].
///
/// ```
/// use flexmac_float::{FloatFormat, gemm};
/// use ndarray::array;
/// let (a, b) = (array![[1.5_f32, 2.0]], array![[2.0_f32], [0.25]]);
/// let formats = [FloatFormat::E4m3, FloatFormat::E5m2];
/// assert_eq!(gemm((a.view(), b.view()), formats, 4, &[2], None)?, array![[3.5]]);
/// # Ok::<(), flexmac_float::FloatError>(())
/// ```
pub fn gemm(
    (a, b): (ArrayView2<'_, f32>, ArrayView2<'_, f32>),
    formats: [FloatFormat; 2],
    lanes: usize,
    pieces: &[usize],
    bias: Option<ArrayView2<'_, f32>>,
) -> Result<Array2<f32>, FloatError> {
    let ((rows, inner), columns) = (a.dim(), b.ncols());
    assert_eq!(inner, b.nrows(), "A is (M, K), B (K, N)");
    assert_eq!(inner, pieces.iter().sum::<usize>(), "the pieces of K");
    let dot = DotProduct::new(formats, lanes);
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let special_a = check('A', &a, formats[0])?;
    let special_b = check('B', &b, formats[1])?;
    let stretches = stretches(pieces, lanes);
    let mut out = Array2::zeros((rows, columns));
    let memory = out.as_slice_mut().expect("made in row order");
    let band = rows.div_ceil(4 * rayon::current_num_threads()).clamp(1, BAND);
    if lanes == 1 {
        memory.par_chunks_mut(band * columns).enumerate().for_each(|(number, out)| {
            let a = &a.as_slice().expect("standard layout")[number * band * inner..];
            let b = b.as_slice().expect("standard layout");
            vectorized(FusedBand { a, b, inner, columns, out });
        });
    } else {
        let packed = Packed::new(&dot, &b, &stretches);
        memory.par_chunks_mut(band * columns).enumerate().for_each_init(
            Factors::default,
            |factors, (number, out)| {
                let a = &a.as_slice().expect("standard layout")[number * band * inner..];
                let a = &a[..out.len() / columns * inner];
                for stretch in &stretches {
                    let rows = a.chunks_exact(inner).map(|row| &row[stretch.clone()]);
                    factors.fill(&dot, rows);
                    let b = packed.stretch(stretch);
                    vectorized(Band { dot, a: factors, b, k: stretch.len(), columns, out });
                }
            },
        );
        let special = |row: usize, column: usize| {
            special_a.binary_search(&row).is_ok() || special_b.binary_search(&column).is_ok()
        };
        if !(special_a.is_empty() && special_b.is_empty()) {
            out.indexed_iter_mut()
                .par_bridge()
                .filter(|((row, column), _)| special(*row, *column))
                .for_each(|((row, column), value)| {
                    let products =
                        a.row(row).into_iter().copied().zip(b.column(column).into_iter().copied());
                    *value = dot.of(products, pieces.iter().copied(), None);
                });
        }
    }
    match bias {
        None => out.par_mapv_inplace(add_zero_sign),
        Some(bias) => {
            let bias = bias.broadcast(out.dim()).expect("a bias of (1, N) or (M, N)");
            ndarray::Zip::from(&mut out)
                .and(bias)
                .par_for_each(|value, bias| *value = add_zero_sign(*value + bias));
        }
    }
    Ok(out)
}

/// Divides K into stretches of whole words; a piece of K ends one.
fn stretches(pieces: &[usize], lanes: usize) -> Vec<Range<usize>> {
    let step = (STRETCH / lanes).max(1) * lanes;
    let mut stretches = Vec::new();
    let mut start = 0;
    for piece in pieces {
        let end = start + piece;
        while start < end {
            stretches.push(start..end.min(start + step));
            start = stretches.last().expect("just pushed").end;
        }
    }
    stretches
}

/// Checks that all elements are numbers of the format. Returns the rows (of A) or columns (of B)
/// that hold infinity or NaN, in order.
fn check(
    operand: char,
    values: &CowArray<'_, f32, Ix2>,
    format: FloatFormat,
) -> Result<Vec<usize>, FloatError> {
    let columns = values.ncols();
    let flat = values.as_slice().expect("standard layout");
    let (foreign, special) = flat
        .par_chunks(1 << 14)
        .map(|values| vectorized(Check { values, format }))
        .reduce(|| (false, false), |a, b| (a.0 | b.0, a.1 | b.1));
    if foreign && let Some(index) = flat.iter().position(|value| !format.has(*value)) {
        let (row, column) = (index / columns, index % columns);
        let found = flat[index].to_string();
        return Err(FloatError::NotRepresentable { operand, row, column, found, format });
    }
    let mut lines = Vec::new();
    if special {
        let infinite = flat.iter().enumerate().filter(|(_, value)| !value.is_finite());
        lines = infinite
            .map(|(index, _)| if operand == 'A' { index / columns } else { index % columns })
            .collect();
        lines.sort_unstable();
        lines.dedup();
    }
    Ok(lines)
}

/// Whether any element may be none of the format, and whether any is infinity or NaN.
struct Check<'a> {
    values: &'a [f32],
    format: FloatFormat,
}

impl Kernel for Check<'_> {
    type Output = (bool, bool);

    #[inline(always)]
    fn run(self) -> (bool, bool) {
        let format = self.format;
        let (mut foreign, mut special) = (0, 0);
        let drop = 23 - format.fraction_bits();
        let least = format.min_exponent();
        let largest = format.largest().to_bits();
        for value in self.values {
            let bits = value.to_bits() & 0x7fff_ffff;
            let field = (bits >> 23) as i32;
            let under = (least - (field.max(1) - 127)).clamp(0, 8) as u32;
            // A subnormal number of the format has fewer bits: one less for each power of two.
            let hidden = u32::from(field > 0) << 23;
            let significand = hidden | (bits & 0x7f_ffff);
            let lost = significand & ((1 << (drop + under)) - 1);
            foreign |= lost | u32::from(bits > largest);
            special |= u32::from(field == 255);
        }
        (foreign != 0, special != 0)
    }
}

/// Splits factors into signed significands and exponents, as the array multiplies them.
struct Split<'a> {
    values: &'a [f32],
    bits: u32,
    least: i32,
    significands: &'a mut [i32],
    exponents: &'a mut [i32],
}

impl Kernel for Split<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, bits, least, significands, exponents } = self;
        let (drop, places) = (24 - bits, bits as i32 - 1);
        let out = significands.iter_mut().zip(exponents);
        for (value, (significand, exponent)) in values.iter().zip(out) {
            let raw = value.to_bits();
            let field = (raw >> 23 & 0xff) as i32;
            let magnitude = u32::from(field > 0) << 23 | (raw & 0x7f_ffff);
            let own = field.max(1) - 127;
            let under = (least - own).clamp(0, 7) as u32;
            // Below 2^24.
            let kept = (magnitude >> (drop + under)) as i32;
            let sign = (raw as i32) >> 31;
            *significand = (kept ^ sign) - sign;
            *exponent = if kept == 0 { ZERO } else { own.max(least) - places };
        }
    }
}

/// Significands and exponents of a band of A over a stretch of K, row by row.
#[derive(Default)]
struct Factors {
    significands: Vec<i32>,
    exponents: Vec<i32>,
}

impl Factors {
    fn fill<'a>(&mut self, dot: &DotProduct, rows: impl ExactSizeIterator<Item = &'a [f32]>) {
        let (mut used, bits, least) = (0, dot.significand, dot.min_exponents[0]);
        for values in rows {
            let end = used + values.len();
            if self.significands.len() < end {
                self.significands.resize(end, 0);
                self.exponents.resize(end, 0);
            }
            let significands = &mut self.significands[used..end];
            let exponents = &mut self.exponents[used..end];
            vectorized(Split { values, bits, least, significands, exponents });
            used = end;
        }
    }
}

/// B, split into factors: stretch by stretch of K, then panel by panel of columns. Columns beyond
/// the last are zeros.
struct Packed {
    panels: usize,
    significands: Vec<[i32; PANEL]>,
    exponents: Vec<[i32; PANEL]>,
}

/// The factors of a stretch of K: k after k of a panel, panel after panel.
#[derive(Clone, Copy)]
struct PackedStretch<'a> {
    significands: &'a [[i32; PANEL]],
    exponents: &'a [[i32; PANEL]],
}

impl Packed {
    fn new(dot: &DotProduct, b: &CowArray<'_, f32, Ix2>, stretches: &[Range<usize>]) -> Self {
        let (inner, columns) = b.dim();
        let panels = columns.div_ceil(PANEL);
        let mut significands = vec![[0; PANEL]; inner * panels];
        let mut exponents = vec![[ZERO; PANEL]; inner * panels];
        let flat = b.as_slice().expect("standard layout");
        // Stretches differ in length, so their parts are cut off one after the other.
        let (mut rest, mut parts) = ((&mut significands[..], &mut exponents[..]), Vec::new());
        for stretch in stretches {
            let length = stretch.len() * panels;
            let (head, tail) = (rest.0.split_at_mut(length), rest.1.split_at_mut(length));
            parts.push((stretch, head.0, tail.0));
            rest = (head.1, tail.1);
        }
        let (bits, least) = (dot.significand, dot.min_exponents[1]);
        parts.into_par_iter().for_each(|(stretch, significands, exponents)| {
            let length = stretch.len();
            for k in stretch.clone() {
                let row = &flat[k * columns..][..columns];
                for (panel, values) in row.chunks(PANEL).enumerate() {
                    let at = panel * length + k - stretch.start;
                    let (significands, exponents) = (&mut significands[at], &mut exponents[at]);
                    vectorized(Split { values, bits, least, significands, exponents });
                }
            }
        });
        Self { panels, significands, exponents }
    }

    fn stretch(&self, stretch: &Range<usize>) -> PackedStretch<'_> {
        let span = stretch.start * self.panels..stretch.end * self.panels;
        PackedStretch {
            significands: &self.significands[span.clone()],
            exponents: &self.exponents[span],
        }
    }
}

/// Adds a stretch of K to a band of the result.
struct Band<'a> {
    dot: DotProduct,
    a: &'a Factors,
    b: PackedStretch<'a>,
    /// Length of the stretch.
    k: usize,
    columns: usize,
    /// Whole rows of the result.
    out: &'a mut [f32],
}

impl Kernel for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match (self.dot.significand <= NARROW, self.dot.lanes) {
            (true, 2) => self.panels(narrow::<2>),
            (true, 4) => self.panels(narrow::<4>),
            (true, 8) => self.panels(narrow::<8>),
            (true, 16) => self.panels(narrow::<16>),
            (true, lanes) if lanes <= 16 => self.panels(narrow::<0>),
            _ => self.panels(wide),
        }
    }
}

/// Factors of A and B over a stretch: for A one row of it, for B one panel.
type Operands<'a> = ((&'a [i32], &'a [i32]), (&'a [[i32; PANEL]], &'a [[i32; PANEL]]));

impl Band<'_> {
    #[inline(always)]
    fn panels(self, add: impl Fn(&DotProduct, Operands<'_>, &mut [f32; PANEL])) {
        let Self { dot, a, b, k, columns, out } = self;
        let panels = b.significands.chunks_exact(k).zip(b.exponents.chunks_exact(k));
        for (panel, b) in panels.enumerate() {
            let first = panel * PANEL;
            for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                let a = (&a.significands[row * k..][..k], &a.exponents[row * k..][..k]);
                let out = &mut out[first..columns.min(first + PANEL)];
                let mut acc = [0.0; PANEL];
                acc[..out.len()].copy_from_slice(out);
                add(&dot, (a, b), &mut acc);
                out.copy_from_slice(&acc[..out.len()]);
            }
        }
    }
}

/// Significands of at most eight bits: products and sums in 32 bits. `LANES` is the number of
/// lanes, 0 if only `dot` knows it.
#[inline(always)]
fn narrow<const LANES: usize>(dot: &DotProduct, (a, b): Operands<'_>, acc: &mut [f32; PANEL]) {
    let lanes = if LANES == 0 { dot.lanes } else { LANES };
    let guard = dot.guard;
    let mut at = 0;
    while at < a.0.len() {
        let end = a.0.len().min(at + lanes);
        let word = ((&a.0[at..end], &a.1[at..end]), (&b.0[at..end], &b.1[at..end]));
        at = end;
        let mut largest = [FLOOR; PANEL];
        for (a, b) in word.0.1.iter().zip(word.1.1) {
            for (largest, b) in largest.iter_mut().zip(b) {
                *largest = (*largest).max(a + b);
            }
        }
        let mut sums = [0_i32; PANEL];
        let factors = word.0.0.iter().zip(word.0.1).zip(word.1.0.iter().zip(word.1.1));
        for ((a, exponent_a), (b, exponents_b)) in factors {
            for n in 0..PANEL {
                let product = a * b[n];
                let down = (largest[n] - (exponent_a + exponents_b[n])) as u32;
                let sign = product >> 31;
                let magnitude = (product.unsigned_abs() << guard).checked_shr(down).unwrap_or(0);
                // Below 2^27.
                sums[n] += (magnitude as i32 ^ sign) - sign;
            }
        }
        for n in 0..PANEL {
            let unit = two_to(i64::from(largest[n] - guard as i32));
            acc[n] = add_exactly(acc[n], f64::from(sums[n]) * unit);
        }
    }
}

/// Significands of any width: products and sums in 64 bits.
#[inline(always)]
fn wide(dot: &DotProduct, (a, b): Operands<'_>, acc: &mut [f32; PANEL]) {
    let (lanes, guard) = (dot.lanes, dot.guard);
    // A term is below 2^51, or 2^27 for narrow significands.
    let exact = lanes <= 4 || dot.significand <= NARROW;
    let mut at = 0;
    while at < a.0.len() {
        let end = a.0.len().min(at + lanes);
        let word = ((&a.0[at..end], &a.1[at..end]), (&b.0[at..end], &b.1[at..end]));
        at = end;
        let mut largest = [FLOOR; PANEL];
        for (a, b) in word.0.1.iter().zip(word.1.1) {
            for (largest, b) in largest.iter_mut().zip(b) {
                *largest = (*largest).max(a + b);
            }
        }
        let mut sums = [0_i64; PANEL];
        let factors = word.0.0.iter().zip(word.0.1).zip(word.1.0.iter().zip(word.1.1));
        for ((a, exponent_a), (b, exponents_b)) in factors {
            for n in 0..PANEL {
                let product = i64::from(*a) * i64::from(b[n]);
                let down = (largest[n] - (exponent_a + exponents_b[n])) as u32;
                let sign = product >> 63;
                let magnitude = (product.unsigned_abs() << guard).checked_shr(down).unwrap_or(0);
                // Below 2^51.
                sums[n] += (magnitude as i64 ^ sign) - sign;
            }
        }
        for n in 0..PANEL {
            let unit = two_to(i64::from(largest[n] - guard as i32));
            acc[n] = if exact {
                // At most 2^53.
                add_exactly(acc[n], sums[n] as f64 * unit)
            } else {
                // The sum in two parts, which are both exact in double precision.
                let low = sums[n] & 0xff;
                add_two_exactly(acc[n], (sums[n] - low) as f64 * unit, low as f64 * unit)
            };
        }
    }
}

/// binary32(acc + sum), where a zero is +0. An infinite `acc` stays.
#[inline(always)]
fn add_exactly(acc: f32, sum: f64) -> f32 {
    let (total, lost) = two_sum(acc.into(), sum);
    to_odd(total, lost) as f32 + 0.0
}

/// binary32(acc + high + low), where a zero is +0. An infinite `acc` stays. `low` is less than a last place of 2^53 `high`s.
#[inline(always)]
fn add_two_exactly(acc: f32, high: f64, low: f64) -> f32 {
    let (total, lost) = two_sum(acc.into(), high);
    let (lost, least) = two_sum(lost, low);
    let (total, lost) = two_sum(total, lost);
    // What the first loses outweighs what the second lost.
    let lost = if lost == 0.0 { least } else { lost };
    if acc.is_infinite() { acc } else { to_odd(total, lost) as f32 + 0.0 }
}

/// The sum, rounded, and what rounding took away: exact (Knuth).
#[inline(always)]
fn two_sum(x: f64, y: f64) -> (f64, f64) {
    let sum = x + y;
    let of_y = sum - x;
    (sum, (x - (sum - of_y)) + (y - of_y))
}

/// total + lost, cut toward zero; the last bit is set if that is not exact. `total` is the sum
/// rounded to nearest. Infinities stay: what they lost is NaN.
#[inline(always)]
fn to_odd(total: f64, lost: f64) -> f64 {
    let inexact = u64::from((lost > 0.0) | (lost < 0.0));
    let (bits, lost) = (total.to_bits(), lost.to_bits());
    let beyond = (bits ^ lost) >> 63 & inexact;
    f64::from_bits((bits - beyond) | inexact)
}

/// A band of the result with one lane: fused multiply-adds.
struct FusedBand<'a> {
    /// Rows of A, from the band's first on.
    a: &'a [f32],
    b: &'a [f32],
    inner: usize,
    columns: usize,
    out: &'a mut [f32],
}

impl Kernel for FusedBand<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { a, b, inner, columns, out } = self;
        for first in (0..inner).step_by(STRETCH) {
            let span = first..inner.min(first + STRETCH);
            for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                let a = &a[row * inner..][..inner][span.clone()];
                for (panel, out) in out.chunks_mut(PANEL).enumerate() {
                    let mut acc = [0.0; PANEL];
                    acc[..out.len()].copy_from_slice(out);
                    for (k, a) in span.clone().zip(a) {
                        let b = &b[k * columns + panel * PANEL..][..out.len()];
                        match b.first_chunk::<PANEL>() {
                            Some(b) => {
                                for (acc, b) in acc.iter_mut().zip(b) {
                                    *acc = a.mul_add(*b, *acc);
                                }
                            }
                            None => {
                                for (acc, b) in acc.iter_mut().zip(b) {
                                    *acc = a.mul_add(*b, *acc);
                                }
                            }
                        }
                    }
                    out.copy_from_slice(&acc[..out.len()]);
                }
            }
        }
    }
}
