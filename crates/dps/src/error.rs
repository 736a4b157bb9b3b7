//! The crate's one error type.

use thiserror::Error;

/// What can be wrong with a policy's settings or saved state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DpsError {
    /// A width or integer length no format has.
    #[error("policy {policy}")]
    Format {
        /// The policy being built.
        policy: &'static str,
        /// What the format refused.
        source: fxp::FxpError,
    },
    /// A constant outside its range.
    #[error("policy {policy}: expected {name} {expected}, found {found}")]
    Constant {
        /// The policy being built.
        policy: &'static str,
        /// The constant.
        name: &'static str,
        /// Its legal range in words.
        expected: String,
        /// The value given.
        found: u32,
    },
    /// A saved state that belongs to another policy or network.
    #[error("policy {policy}: expected a saved state of {expected}, found one of {found}")]
    State {
        /// The policy being restored.
        policy: &'static str,
        /// What it needs.
        expected: String,
        /// What was given.
        found: String,
    },
}
