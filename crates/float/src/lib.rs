//! The floating-point formats of the float arrays, and the dot product that these arrays compute.
//!
//! [`FloatFormat`] converts real numbers to binary32, bfloat16 and the 8-bit formats of OCP, to
//! nearest or stochastically. docs/arithmetic.md (section Floats) states the same in words.
//!
//! The crate does no I/O and knows no array sizes.

mod convert;
mod dot;
mod error;
mod format;
mod gemm;
mod pack;

pub use convert::{FloatRounding, NAN, Overflow};
pub use dot::DotProduct;
pub use error::FloatError;
pub use format::FloatFormat;
pub use gemm::gemm;

#[cfg(test)]
mod convert_tests;
#[cfg(test)]
mod gemm_tests;
