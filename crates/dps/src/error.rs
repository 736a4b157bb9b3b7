//! Errors of policies.

use thiserror::Error;

/// Why a policy's settings or saved state were refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DpsError {
    /// A width or integer length that is not legal for a format.
    #[error("policy {policy}")]
    Format {
        /// The policy being built.
        policy: &'static str,
        /// The format's error.
        source: flexmac_fxp::FxpError,
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
    /// A share outside its range.
    #[error("policy {policy}: expected {name} in 0..1, found {found}")]
    Share {
        /// The policy being built.
        policy: &'static str,
        /// The constant.
        name: &'static str,
        /// The value given.
        found: f64,
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

/// Checks a constant in [`Unit::Share`](crate::Unit::Share).
pub(crate) fn check_share(
    policy: &'static str,
    name: &'static str,
    found: f64,
) -> Result<(), DpsError> {
    if (0.0..1.0).contains(&found) { Ok(()) } else { Err(DpsError::Share { policy, name, found }) }
}

/// Checks a count that must be at least 1.
pub(crate) fn check_count(
    policy: &'static str,
    name: &'static str,
    found: u32,
) -> Result<(), DpsError> {
    if found > 0 {
        return Ok(());
    }
    Err(DpsError::Constant { policy, name, expected: "of at least 1".to_owned(), found })
}
