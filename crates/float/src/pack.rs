//! The factors of a GEMM, split into significands and exponents and laid out for the loops of
//! [`gemm`](crate::gemm): word by word of K, with a power of two of slots for the lanes of a word.

use std::ops::Range;

use flexmac_fxp::{Kernel, vectorized};
use ndarray::{CowArray, Ix2};
use rayon::prelude::*;

use crate::dot::DotProduct;

/// Most columns that are computed together.
pub(crate) const PANEL: usize = 64;

/// Panels have a multiple of this many columns: 32-bit integers of a 512-bit vector.
const VECTOR: usize = 16;

/// Most k of a pass over the rows of a band: a panel's factors of that many k stay in the cache.
pub(crate) const STRETCH: usize = 256;

/// The exponent of a zero: below those of all products, even twice.
const ZERO: i32 = -(1 << 14);

/// How K is divided into words, and words into stretches.
pub(crate) struct Words {
    lanes: usize,
    /// Lanes as the loops have them: a power of two. The last ones of a word may be zeros.
    pub slots: usize,
    /// Stretches of K of whole words. Only at the end of a piece is the last word of one shorter.
    pub stretches: Vec<Range<usize>>,
    /// The first slot of each stretch.
    firsts: Vec<usize>,
}

impl Words {
    pub fn new(pieces: &[usize], lanes: usize) -> Self {
        let step = (STRETCH / lanes).max(1) * lanes;
        let slots = lanes.next_power_of_two();
        let mut words = Self { lanes, slots, stretches: Vec::new(), firsts: Vec::new() };
        let (mut start, mut first) = (0, 0);
        for piece in pieces {
            let end = start + piece;
            while start < end {
                let stretch = start..end.min(start + step);
                start = stretch.end;
                words.firsts.push(first);
                first += words.slots_in(stretch.len());
                words.stretches.push(stretch);
            }
        }
        words.firsts.push(first);
        words
    }

    /// Slots of a stretch of `length` k.
    fn slots_in(&self, length: usize) -> usize {
        length.div_ceil(self.lanes) * self.slots
    }

    /// The slot of a k, counted from the beginning of its stretch.
    fn slot(&self, k: usize) -> usize {
        k / self.lanes * self.slots + k % self.lanes
    }

    /// The slots of stretch `number`, counted from the beginning of K.
    pub fn slots_of(&self, number: usize) -> Range<usize> {
        self.firsts[number]..self.firsts[number + 1]
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

/// Significands and exponents of a band of A over a stretch of K: row by row, slot by slot.
#[derive(Default)]
pub(crate) struct Factors {
    pub slots: usize,
    pub significands: Vec<i32>,
    pub exponents: Vec<i32>,
}

impl Factors {
    pub fn fill<'a>(
        &mut self,
        dot: &DotProduct,
        words: &Words,
        length: usize,
        rows: impl ExactSizeIterator<Item = &'a [f32]>,
    ) {
        let (bits, least) = (dot.significand, dot.min_exponents[0]);
        self.slots = words.slots_in(length);
        let all = self.slots * rows.len();
        self.significands.clear();
        self.significands.resize(all, 0);
        self.exponents.clear();
        self.exponents.resize(all, ZERO);
        // With a power of two of lanes, only the end of the stretch has slots of zeros.
        let run = if words.lanes == words.slots { length } else { words.lanes };
        let lines = self.significands.chunks_exact_mut(self.slots);
        for ((significands, exponents), values) in
            lines.zip(self.exponents.chunks_exact_mut(self.slots)).zip(rows)
        {
            for (number, values) in values.chunks(run).enumerate() {
                let first = words.slot(number * run);
                let span = first..first + values.len();
                let (significands, exponents) =
                    (&mut significands[span.clone()], &mut exponents[span]);
                vectorized(Split { values, bits, least, significands, exponents });
            }
        }
    }
}

/// B, split into factors: stretch by stretch of K, in each panel by panel of columns, and in each
/// slot by slot. Columns beyond the last are zeros.
pub(crate) struct Packed {
    panels: usize,
    width: usize,
    significands: Vec<i32>,
    exponents: Vec<i32>,
}

/// The factors of a stretch of K.
#[derive(Clone, Copy)]
pub(crate) struct PackedStretch<'a> {
    /// Columns of a panel.
    pub width: usize,
    pub significands: &'a [i32],
    pub exponents: &'a [i32],
}

impl Packed {
    pub fn new(dot: &DotProduct, b: &CowArray<'_, f32, Ix2>, words: &Words) -> Self {
        let columns = b.ncols();
        let panels = columns.div_ceil(PANEL);
        let width = columns.div_ceil(panels).next_multiple_of(VECTOR);
        let all = words.firsts.last().expect("one more than stretches") * panels * width;
        let (mut significands, mut exponents) = (vec![0; all], vec![ZERO; all]);
        let flat = in_memory(b);
        // Stretches differ in length, so their parts are cut off one after the other.
        let (mut rest, mut parts) = ((&mut significands[..], &mut exponents[..]), Vec::new());
        for stretch in &words.stretches {
            let length = words.slots_in(stretch.len()) * panels * width;
            let (head, tail) = (rest.0.split_at_mut(length), rest.1.split_at_mut(length));
            parts.push((stretch, head.0, tail.0));
            rest = (head.1, tail.1);
        }
        let (bits, least) = (dot.significand, dot.min_exponents[1]);
        parts.into_par_iter().for_each(|(stretch, significands, exponents)| {
            let slots = words.slots_in(stretch.len());
            for k in stretch.clone() {
                let row = &flat[k * columns..][..columns];
                for (panel, values) in row.chunks(width).enumerate() {
                    let first = (panel * slots + words.slot(k - stretch.start)) * width;
                    let (significands, exponents) =
                        (&mut significands[first..], &mut exponents[first..]);
                    vectorized(Split { values, bits, least, significands, exponents });
                }
            }
        });
        Self { panels, width, significands, exponents }
    }

    pub fn stretch(&self, slots: Range<usize>) -> PackedStretch<'_> {
        let scale = self.panels * self.width;
        let span = slots.start * scale..slots.end * scale;
        PackedStretch {
            width: self.width,
            significands: &self.significands[span.clone()],
            exponents: &self.exponents[span],
        }
    }
}

/// The elements, row by row.
pub(crate) fn in_memory<'a>(values: &'a CowArray<'_, f32, Ix2>) -> &'a [f32] {
    values.as_slice().expect("standard layout")
}
