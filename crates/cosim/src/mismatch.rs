//! What the checked engine says when RTL and reference differ.

use std::fmt;

/// The first difference found.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Where and what.
    pub report: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}
