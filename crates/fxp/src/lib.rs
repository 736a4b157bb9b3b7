//! Fixed-point arithmetic of the flexmac array: formats, rounding, saturation, random streams,
//! exact GEMM.
//!
//! The array computes exact integer dot products and rounds each result once, at its edge. The
//! reference is therefore plain integer arithmetic and not a model of a pipeline: [`exact_gemm`]
//! computes the sums, [`Requantizer`] rounds them, [`Lfsr`] and [`SeedPath`] give the random bits
//! for stochastic rounding. docs/arithmetic.md states the same in words.
//!
//! ```
//! use flexmac_fxp::{Format, Requantizer, Rounding, exact_gemm, to_value};
//! use ndarray::array;
//!
//! // Two 8-bit operands with 4 fraction bits each: the exact sums have 8.
//! let a = array![[24, -8], [16, 40]]; // 1.5, -0.5, 1.0, 2.5
//! let b = array![[32], [4]]; // 2.0, 0.25
//! let sums = exact_gemm(a.view(), b.view(), (8, 8), None)?;
//! assert_eq!(sums.get(0, 0), 24 * 32 - 8 * 4);
//!
//! // Round to 8 bits with 3 fraction bits.
//! let out = Format::new(8, 3)?;
//! let requantizer = Requantizer { shift: 8 - 3, bits: out.bits(), rounding: Rounding::Nearest };
//! let y = requantizer.apply(sums.get(0, 0), 0);
//! assert_eq!((y.raw, to_value(y.raw, out)), (23, 2.875));
//! # Ok::<(), flexmac_fxp::FxpError>(())
//! ```
//!
//! The crate does no I/O. It uses floating point to convert real numbers (`convert`), to hold
//! integers that it represents exactly (`gemm`, `sums`, `split`), and to bound sums (`integer`).

mod blocks;
mod bytes;
mod convert;
mod counters;
mod error;
mod format;
mod gemm;
mod integer;
mod lfsr;
mod matrix;
mod plan;
mod range;
mod requant;
mod rounding;
mod seed;
mod slice;
mod split;
mod sums;
mod vector;

pub use blocks::block_widths;
pub use convert::{exp2, quantize, to_value};
pub use counters::Counters;
pub use error::FxpError;
pub use format::{Format, MAX_BITS, MIN_BITS};
pub use gemm::{GemmScratch, RightOperand, exact_gemm};
pub use lfsr::{LFSR_TAPS, Lfsr, STREAM_BITS};
pub use matrix::{Matrix, PatchRows, Patches};
pub use range::check_range;
pub use requant::{ERROR_GRID_BITS, Requantizer, Rounded};
pub use rounding::{Rounding, RoundingSet};
pub use seed::{Role, SeedPath};
pub use slice::{Roundable, Words, quantize_slice};
pub use sums::{Start, Sums, SumsViewMut};
pub use vector::{Kernel, vectorized};
