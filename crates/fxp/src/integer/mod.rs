//! Exact integer GEMM by integer vector instructions.
//!
//! One instruction multiplies pairs of 16-bit integers and adds the two products in 32 bits: four
//! times as many products as an instruction on doubles. Another multiplies 32-bit integers into 64
//! bits, for which doubles need three products.
//!
//! Sums may wrap on the way, as long as the final sum fits. Whether it does is decided for every
//! tile and every [`BLOCK`] of K from the norms of its rows and columns (Cauchy-Schwarz: |sum| <=
//! |row| |column|), which are measured while the operands are packed. A bound from the widths alone
//! would be looser, since few elements are near the largest. Rows whose sums might not fit are
//! split into a high and a low half of their bits; a half fits with any column ([`Width::HALF`]).

mod left;
mod multiplier;
mod right;
mod tile;
mod width;

pub(crate) use left::Left;
pub(crate) use multiplier::VectorUnit;
pub(crate) use right::Right;
pub(crate) use tile::{Supported, multiply};
pub(crate) use width::{Bits16, Bits32, Width};

/// Terms of K summed in registers before they are added to the GEMM's sums.
const BLOCK: usize = 256;

/// One cache line of B: pairs of terms (k, k + 1) of neighbouring columns.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Line([i32; 16]);

/// Blocks of K, as ranges of pairs of terms. The second term of the last pair may be missing.
fn blocks(inner: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let pairs = inner.div_ceil(2);
    let ends = move |start| start..pairs.min(start + BLOCK / 2);
    (0..pairs).step_by(BLOCK / 2).map(ends)
}
