//! The exact product of integers, by integer instructions.
//!
//! One instruction multiplies pairs of 16-bit integers and adds the two products in 32 bits: four
//! times as many products as one of doubles. Another multiplies 32-bit integers into 64 bits, where
//! doubles take three products. Sums wrap, which does no harm to one that fits at its end. Whether
//! all do is decided for every tile of a product and every [`BLOCK`] of K by the norms of its rows
//! and columns (Cauchy and Schwarz: |sum| <= |row| |column|), which are measured while operands are
//! packed; widths alone would promise less, since few elements are near the largest. Rows whose sums
//! might not fit are split into a high and a low half of their bits: a half fits with any column
//! ([`Width::HALF`]).

mod left;
mod multiplier;
mod right;
mod tile;
mod width;

pub(crate) use multiplier::Machine;
pub(crate) use right::Right;
pub(crate) use tile::{Supported, multiply};
pub(crate) use width::{Bits16, Bits32, Width};

/// Terms of K that are summed before they are added to the product's sums.
const BLOCK: usize = 256;

/// A cache line of B: the pairs of terms (k, k + 1) of neighbouring columns.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Line([i32; 16]);

/// Blocks of K, as ranges of pairs of terms; the last pair's second term may be missing.
fn blocks(inner: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let pairs = inner.div_ceil(2);
    let ends = move |start| start..pairs.min(start + BLOCK / 2);
    (0..pairs).step_by(BLOCK / 2).map(ends)
}
