//! The crate's one error type.

use thiserror::Error;

/// What can be wrong with a policy's settings or saved state.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DpsError {
    /// A width or integer length no format has.
    #[error("policy {policy}")]
    Format {
        /// The policy being built.
        policy: &'static str,
        /// What the format refused.
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

/// A constant that is a share of values or of a last place.
pub(crate) fn check_share(
    policy: &'static str,
    name: &'static str,
    found: f64,
) -> Result<(), DpsError> {
    if (0.0..1.0).contains(&found) { Ok(()) } else { Err(DpsError::Share { policy, name, found }) }
}

/// A constant that counts something there must be one of.
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
