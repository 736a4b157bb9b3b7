//! The exact product of integers, by integer instructions.
//!
//! Vector units multiply pairs of 16-bit integers and add the two products in 32 bits, or multiply
//! 32-bit integers into 64: two to four times the products of a double-precision GEMM, and nothing
//! is rounded. Such sums wrap, which does no harm to a sum that fits at its end. Whether it fits is
//! decided where it matters, for every tile of a product and every [`BLOCK`] of K, by the norms of
//! its rows and columns (Cauchy and Schwarz: |sum| <= |row| |column|), which are measured while
//! operands are packed. Rows that might not fit are cut in half, bit by bit: a half fits with any
//! column, whatever the values ([`Width::HALF`]).

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
