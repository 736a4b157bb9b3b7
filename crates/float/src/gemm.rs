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

use std::ops::AddAssign;

use flexmac_fxp::{Kernel, vectorized};
use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use rayon::prelude::*;

use crate::convert::two_to;
use crate::dot::{DotProduct, add_zero_sign};
use crate::error::FloatError;
use crate::format::FloatFormat;
use crate::pack::{Factors, PANEL, Packed, PackedStretch, STRETCH, Words, in_memory};

/// Most lanes that are added at once. The slow model computes GEMMs of more.
const MOST_LANES: usize = 16;

/// Most rows of a band, the work of a thread.
const BAND: usize = 64;

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
    let mut out = Array2::zeros((rows, columns));
    let memory = out.as_slice_mut().expect("made in row order");
    let band = rows.div_ceil(4 * rayon::current_num_threads()).clamp(1, BAND);
    let slow = |row: usize, column: usize| {
        let (a, b) = (a.row(row), b.column(column));
        dot.of(a.into_iter().copied().zip(b.into_iter().copied()), pieces.iter().copied(), None)
    };
    if lanes == 1 {
        let (a, b) = (in_memory(&a), in_memory(&b));
        memory.par_chunks_mut(band * columns).enumerate().for_each(|(number, out)| {
            let a = &a[number * band * inner..];
            vectorized(FusedBand { a, b, inner, columns, out });
        });
    } else if lanes <= MOST_LANES {
        let words = Words::new(pieces, lanes);
        let packed = Packed::new(&dot, &b, &words);
        let a = in_memory(&a);
        let bands = memory.par_chunks_mut(band * columns).enumerate();
        bands.for_each_init(Factors::default, |factors, (number, out)| {
            let a = &a[number * band * inner..][..out.len() / columns * inner];
            for (number, stretch) in words.stretches.iter().enumerate() {
                let rows = a.chunks_exact(inner).map(|row| &row[stretch.clone()]);
                factors.fill(&dot, &words, stretch.len(), rows);
                let b = packed.stretch(words.slots_of(number));
                vectorized(Band { dot, words: &words, a: factors, b, columns, out });
            }
        });
        let special = |row: usize, column: usize| {
            special_a.binary_search(&row).is_ok() || special_b.binary_search(&column).is_ok()
        };
        if !(special_a.is_empty() && special_b.is_empty()) {
            let values = out.indexed_iter_mut().par_bridge();
            values
                .filter(|((row, column), _)| special(*row, *column))
                .for_each(|((row, column), value)| *value = slow(row, column));
        }
    } else {
        let values = memory.par_iter_mut().enumerate();
        values.for_each(|(index, value)| *value = slow(index / columns, index % columns));
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

/// Checks that all elements are numbers of the format. Returns the rows (of A) or columns (of B)
/// that hold infinity or NaN, in order.
fn check(
    operand: char,
    values: &CowArray<'_, f32, Ix2>,
    format: FloatFormat,
) -> Result<Vec<usize>, FloatError> {
    let columns = values.ncols();
    let flat = in_memory(values);
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

/// Adds a stretch of K to a band of the result.
struct Band<'a> {
    dot: DotProduct,
    words: &'a Words,
    a: &'a Factors,
    b: PackedStretch<'a>,
    columns: usize,
    /// Whole rows of the result.
    out: &'a mut [f32],
}

impl Kernel for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match (self.dot.significand <= NARROW, self.words.slots) {
            (true, 2) => self.panels::<i32, 2>(),
            (true, 4) => self.panels::<i32, 4>(),
            (true, 8) => self.panels::<i32, 8>(),
            (true, _) => self.panels::<i32, 16>(),
            (false, 2) => self.panels::<i64, 2>(),
            (false, 4) => self.panels::<i64, 4>(),
            (false, 8) => self.panels::<i64, 8>(),
            (false, _) => self.panels::<i64, 16>(),
        }
    }
}

impl Band<'_> {
    #[inline(always)]
    fn panels<S: WordSums, const SLOTS: usize>(self) {
        let Self { dot, a, b, columns, out, .. } = self;
        let (slots, width) = (a.slots, b.width);
        let guard = dot.guard;
        // Reused from word to word; only `width` of each are in use.
        let (mut largest, mut sums, mut acc) = ([0; PANEL], [S::default(); PANEL], [0.0; PANEL]);
        let (largest, sums) = (&mut largest[..width], &mut sums[..width]);
        let acc = &mut acc[..width];
        let panels = b.significands.chunks_exact(slots * width);
        for (panel, b) in panels.zip(b.exponents.chunks_exact(slots * width)).enumerate() {
            let first = panel * width;
            for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                let out = &mut out[first..columns.min(first + width)];
                acc[..out.len()].copy_from_slice(out);
                let line = |values| -> &[i32] { &Vec::as_slice(values)[row * slots..][..slots] };
                let a = line(&a.significands)
                    .as_chunks::<SLOTS>()
                    .0
                    .iter()
                    .zip(line(&a.exponents).as_chunks::<SLOTS>().0);
                let word = SLOTS * width;
                let b = b.0.chunks_exact(word).zip(b.1.chunks_exact(word));
                for (a, b) in a.zip(b) {
                    add_up(guard, a, b, largest, sums);
                    for ((acc, sum), largest) in acc.iter_mut().zip(&*sums).zip(&*largest) {
                        *acc = sum.add_to(*acc, two_to(i64::from(largest - guard as i32)));
                    }
                }
                out.copy_from_slice(&acc[..out.len()]);
            }
        }
    }
}

/// A word of one row of A: significands and exponents.
type WordOfA<'a, const SLOTS: usize> = (&'a [i32; SLOTS], &'a [i32; SLOTS]);

/// The integer sum of a word's products, in units of the last place of its window.
trait WordSums: Copy + Default + AddAssign {
    /// A product of significands with `guard` bits below it, cut toward zero `down` places up.
    fn term(a: i32, b: i32, guard: u32, down: i32) -> Self;

    /// binary32(acc + self * unit), where a zero is +0.
    fn add_to(self, acc: f32, unit: f64) -> f32;
}

/// For significands of at most eight bits: terms below 2^27, of at most 16 lanes.
impl WordSums for i32 {
    #[inline(always)]
    fn term(a: i32, b: i32, guard: u32, down: i32) -> Self {
        let product = a * b;
        let sign = product >> 31;
        // What is far below is cut whole.
        let magnitude = (((product ^ sign) - sign) << guard) >> down.min(31);
        (magnitude ^ sign) - sign
    }

    #[inline(always)]
    fn add_to(self, acc: f32, unit: f64) -> f32 {
        add_exactly(acc, f64::from(self) * unit)
    }
}

/// For significands of 24 bits: terms below 2^51, of at most 16 lanes.
impl WordSums for i64 {
    #[inline(always)]
    fn term(a: i32, b: i32, guard: u32, down: i32) -> Self {
        let product = Self::from(a) * Self::from(b);
        let sign = product >> 63;
        let magnitude = (((product ^ sign) - sign) << guard) >> Self::from(down.min(63));
        (magnitude ^ sign) - sign
    }

    #[inline(always)]
    fn add_to(self, acc: f32, unit: f64) -> f32 {
        // Two parts that are both exact in double precision.
        let low = self & 0xff;
        add_two_exactly(acc, (self - low) as f64 * unit, low as f64 * unit)
    }
}

/// Adds up the products of a word for each column of a panel. B's factors are given slot after slot.
/// Writes the largest exponents and the sums.
#[inline(always)]
fn add_up<S: WordSums, const SLOTS: usize>(
    guard: u32,
    (a, exponents_a): WordOfA<'_, SLOTS>,
    (b, exponents_b): (&[i32], &[i32]),
    largest: &mut [i32],
    sums: &mut [S],
) {
    let width = sums.len();
    let b: [&[i32]; SLOTS] = std::array::from_fn(|slot| &b[slot * width..][..width]);
    let exponents_b: [&[i32]; SLOTS] =
        std::array::from_fn(|slot| &exponents_b[slot * width..][..width]);
    for (n, (largest, sum)) in largest.iter_mut().zip(sums).enumerate() {
        let exponents: [i32; SLOTS] =
            std::array::from_fn(|slot| exponents_a[slot] + exponents_b[slot][n]);
        *largest = exponents.iter().fold(FLOOR, |largest, exponent| largest.max(*exponent));
        *sum = S::default();
        for slot in 0..SLOTS {
            // The distance is not negative.
            *sum += S::term(a[slot], b[slot][n], guard, *largest - exponents[slot]);
        }
    }
}

/// binary32(acc + sum), where a zero is +0. An infinite `acc` stays.
#[inline(always)]
fn add_exactly(acc: f32, sum: f64) -> f32 {
    let (total, lost) = two_sum(acc.into(), sum);
    to_odd(total, lost) as f32 + 0.0
}

/// binary32(acc + high + low), where a zero is +0. An infinite `acc` stays. `low` is less than a last
/// place of 2^53 `high`s.
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
