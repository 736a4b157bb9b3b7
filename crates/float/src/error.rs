//! The crate's error type.

use thiserror::Error;

/// Why this crate rejected its input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FloatError {
    /// A format's name is not one of ours.
    #[error("float format: expected fp32, bf16, e4m3 or e5m2, found {found:?}")]
    FormatName {
        /// The name given.
        found: String,
    },
    /// An operand's element is not a number of its format.
    #[error(
        "gemm: operand {operand}[{row},{column}] = {found} is no number of format {format}; round \
         the operand to {format} first"
    )]
    NotRepresentable {
        /// `A` or `B`.
        operand: char,
        /// Row of the first such element.
        row: usize,
        /// Its column.
        column: usize,
        /// The element, in decimal.
        found: String,
        /// The operand's format.
        format: crate::FloatFormat,
    },
}
