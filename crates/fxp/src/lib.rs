//! Fixed-point formats, rounding, saturation, the random stream and the exact GEMM reference.
//!
//! This crate is the arithmetic contract of flexmac (docs/arithmetic.md). The array
//! computes exact integer dot products and rounds once, at its edge, so the reference is
//! mathematics and not a model of a pipeline: [`exact_gemm`] gives the sums, [`Requantizer`] the
//! one rounding, [`Lfsr`] and [`SeedPath`] the random bits that stochastic rounding consumes.
//!
//! The crate does no I/O. Floating point appears where real numbers enter and leave (`convert`) and
//! where it carries integers that it represents exactly (`gemm`, `sums`, `slice`) or bounds
//! them (`integer`).

mod convert;
mod counters;
mod error;
mod format;
mod gemm;
mod integer;
mod lfsr;
mod plan;
mod requant;
mod rounding;
mod seed;
mod slice;
mod sums;
mod vector;

pub use convert::{exp2, quantize, to_value};
pub use counters::Counters;
pub use error::FxpError;
pub use format::{Format, MAX_BITS, MIN_BITS};
pub use gemm::{RightOperand, check_range, exact_gemm};
pub use lfsr::{LFSR_TAPS, Lfsr, STREAM_BITS};
pub use requant::{ERROR_GRID_BITS, Requantizer, Rounded};
pub use rounding::{Rounding, RoundingSet};
pub use seed::{Role, SeedPath};
pub use slice::quantize_slice;
pub use sums::{Start, Sums, SumsViewMut};
