//! The errors of a GEMM.

use std::error::Error;

use thiserror::Error;

use crate::mismatch::Mismatch;

/// Why an array cannot compute a GEMM.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GemmError {
    /// Operands do not fit their formats or each other.
    #[error(transparent)]
    Fxp(#[from] flexmac_fxp::FxpError),
    /// An operand is wider than the array's `max_bits`.
    #[error(
        "gemm: operand {operand} is {found} bits wide, the array's max_bits is {max_bits}; generate \
         a wider array or narrow the operand"
    )]
    TooWide {
        /// `A` or `B`.
        operand: char,
        /// Its width in bits.
        found: u32,
        /// The widest operand of the array.
        max_bits: u32,
    },
    /// Integers for a float array, or floats for an integer one.
    #[error(
        "gemm: the array is of style {style} and multiplies {expected}, found {found}; generate an \
         array of another style or convert the operands"
    )]
    Style {
        /// The array's style.
        style: flexmac_array::Style,
        /// The elements it multiplies.
        expected: &'static str,
        /// The elements it was given.
        found: &'static str,
    },
    /// An operand, bias or result of floats is of a format that the array does not have there.
    #[error(
        "gemm: {what}: an array of style {style} has {expected} here, found {found}; round to \
         {expected} first"
    )]
    FloatFormat {
        /// The array's style.
        style: flexmac_array::Style,
        /// Operand, bias or result.
        what: &'static str,
        /// The formats that the array has there.
        expected: String,
        /// The format found.
        found: flexmac_float::FloatFormat,
    },
    /// An element is no number of its operand's format.
    #[error(transparent)]
    Float(#[from] flexmac_float::FloatError),
    /// Several arrays were to share a GEMM of floats.
    #[error(
        "gemm: {arrays} arrays share sums of integers, which are exact in any order; sums of floats \
         are not, expected one array"
    )]
    FloatSharding {
        /// The number of arrays.
        arrays: usize,
    },
    /// The array does not have this rounding mode.
    #[error("gemm: rounding {found} asked for, the array was generated with {available}")]
    RoundingAbsent {
        /// The mode requested.
        found: flexmac_fxp::Rounding,
        /// The modes of the array.
        available: flexmac_fxp::RoundingSet,
    },
    /// A dimension is zero.
    #[error("gemm: expected M, K and N of at least 1, found M={m} K={k} N={n}")]
    Empty {
        /// Rows of A.
        m: usize,
        /// Columns of A.
        k: usize,
        /// Columns of B.
        n: usize,
    },
    /// The shape of the bias is neither that of the result nor that of one row of it.
    #[error("gemm: expected a bias of shape (1, {n}) or ({m}, {n}), found ({}, {})", found.0, found.1)]
    BiasShape {
        /// Rows of the result.
        m: usize,
        /// Columns of the result.
        n: usize,
        /// The bias's shape.
        found: (usize, usize),
    },
    /// The bias has more fraction bits than the sums.
    #[error(
        "gemm: the bias has {bias_frac} fraction bits, the sums have {sum_frac}; round it to the \
         sums' grid first"
    )]
    BiasGrid {
        /// The bias's fraction length.
        bias_frac: i32,
        /// The sums' fraction length.
        sum_frac: i32,
    },
    /// A sum might not fit the array's sums.
    #[error(
        "gemm: with K={k}, {bits_a} x {bits_b} bits and this bias a sum may need {needed} bits, the \
         array's sums have {available}; shift the bias less, or split K"
    )]
    SumRange {
        /// Inner dimension.
        k: usize,
        /// Width of A.
        bits_a: u32,
        /// Width of B.
        bits_b: u32,
        /// Bits needed according to the bound.
        needed: u32,
        /// `sum_bits` of the configuration.
        available: u32,
    },
}

/// Why an engine did not compute a GEMM.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The array cannot compute it.
    #[error(transparent)]
    Gemm(#[from] GemmError),
    /// RTL and reference differ.
    #[error("{0}")]
    Mismatch(Box<Mismatch>),
    /// The backend itself failed, for example a simulator or a disk. The error type is that of the
    /// backend's crate.
    #[error(transparent)]
    Backend(Box<dyn Error + Send + Sync>),
}

impl EngineError {
    /// Wraps a backend's own error.
    pub fn backend(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Backend(Box::new(error))
    }
}

impl From<flexmac_fxp::FxpError> for EngineError {
    fn from(error: flexmac_fxp::FxpError) -> Self {
        Self::Gemm(error.into())
    }
}
