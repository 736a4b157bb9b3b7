//! Why a GEMM was not computed.

use std::error::Error;

use thiserror::Error;

use crate::mismatch::Mismatch;

/// A GEMM that an array cannot compute.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GemmError {
    /// Numbers that do not fit their formats or shapes.
    #[error(transparent)]
    Fxp(#[from] flexmac_fxp::FxpError),
    /// An operand is wider than the array's multipliers can be made.
    #[error(
        "gemm: operand {operand} is {found} bits wide, the array's max_bits is {max_bits}; generate \
         a wider array or narrow the operand"
    )]
    TooWide {
        /// `A` or `B`.
        operand: char,
        /// Its width.
        found: u32,
        /// The configuration's.
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
        /// What it multiplies.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },
    /// Several arrays asked to share a product of floats.
    #[error(
        "gemm: {arrays} arrays share sums of integers, which are exact in any order; sums of floats \
         are not, expected one array"
    )]
    FloatSharding {
        /// How many.
        arrays: usize,
    },
    /// The array was generated without this rounding mode.
    #[error("gemm: rounding {found} asked for, the array was generated with {available}")]
    RoundingAbsent {
        /// The mode asked for.
        found: flexmac_fxp::Rounding,
        /// What the array has.
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
    /// The bias neither has the result's shape nor is one row of it.
    #[error("gemm: expected a bias of shape (1, {n}) or ({m}, {n}), found ({}, {})", found.0, found.1)]
    BiasShape {
        /// Rows of the result.
        m: usize,
        /// Columns of the result.
        n: usize,
        /// The bias's shape.
        found: (usize, usize),
    },
    /// The bias has bits below the sums' last place.
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
    /// A sum could pass the width of the array's sums.
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
        /// Bits the bound asks for.
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
    /// The engine itself failed: a simulator, a disk. The crate of the engine says how.
    #[error(transparent)]
    Backend(Box<dyn Error + Send + Sync>),
}

impl EngineError {
    /// Wraps the error of an engine's own.
    pub fn backend(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Backend(Box::new(error))
    }
}

impl From<flexmac_fxp::FxpError> for EngineError {
    fn from(error: flexmac_fxp::FxpError) -> Self {
        Self::Gemm(error.into())
    }
}
