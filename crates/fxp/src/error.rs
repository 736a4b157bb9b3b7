//! The crate's error type.

use thiserror::Error;

/// Why this crate rejected its input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FxpError {
    /// A format's width is outside 2 to 32 bits.
    #[error("format: expected bits in 2..=32 (sign included), found {found}")]
    Bits {
        /// The width asked for.
        found: u32,
    },
    /// A rounding mode's name is not one of the three.
    #[error("rounding: expected nearest, truncate or stochastic, found {found:?}")]
    RoundingName {
        /// The name given.
        found: String,
    },
    /// A set of rounding modes is empty.
    #[error("rounding: expected at least one of nearest, truncate and stochastic, found none")]
    NoRounding,
    /// The inner dimensions of a GEMM differ.
    #[error("gemm: expected A (M,K) and B (K,N) with one K, found A {a:?} and B {b:?}")]
    Shape {
        /// Shape of A.
        a: [usize; 2],
        /// Shape of B.
        b: [usize; 2],
    },
    /// An operand does not fit the width stated for it.
    #[error(
        "gemm: operand {operand}[{row},{column}] = {found} does not fit {bits} bits, whose range is \
         {min}..={max}"
    )]
    OperandRange {
        /// `A` or `B`.
        operand: char,
        /// Row of the first element out of range.
        row: usize,
        /// Column of the first element out of range.
        column: usize,
        /// The element.
        found: i64,
        /// The width stated.
        bits: u32,
        /// Smallest raw value of that width.
        min: i64,
        /// Largest raw value of that width.
        max: i64,
    },
}
