//! The rules that a configuration can break.

use std::fmt;

use flexmac_fxp::RoundingSet;
use thiserror::Error;

use crate::style::Style;

/// One broken rule of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A parameter is outside its range.
    #[error("{name}: expected {min}..={max}, found {found}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// Its value.
        found: u32,
        /// Smallest legal value.
        min: u32,
        /// Largest legal value.
        max: u32,
    },
    /// The multiplier width is not one of the four.
    #[error("chunk: expected 2, 4, 8 or 16, found {found}")]
    Chunk {
        /// Its value.
        found: u32,
    },
    /// A baseline whose multipliers do not take whole operands.
    #[error(
        "chunk: style {style} multiplies max_bits = {max_bits} in one pass, found {found}; leave \
         chunk out"
    )]
    WholeOperands {
        /// The style.
        style: Style,
        /// Multiplier width asked for.
        found: u32,
        /// Widest operand asked for.
        max_bits: u32,
    },
    /// A float PE whose width is not that of its format.
    #[error("max_bits: style {style} has {expected}, found {found}; leave max_bits out")]
    FloatBits {
        /// The style.
        style: Style,
        /// Bits of its operands.
        expected: u32,
        /// Widest operand asked for.
        found: u32,
    },
    /// A float PE with rounding modes other than nearest.
    #[error("rounding: style {style} rounds to nearest, ties to even, found {found}; leave it out")]
    FloatRounding {
        /// The style.
        style: Style,
        /// Modes asked for.
        found: RoundingSet,
    },
    /// Registers between float PEs, which do not have any.
    #[error(
        "fanout: style {style} has 0, its operands are broadcast, found {found}; leave fanout out"
    )]
    FloatFanout {
        /// The style.
        style: Style,
        /// The number of PEs that was to share a register.
        found: u32,
    },
    /// Operands narrower than one plane.
    #[error("max_bits: expected at least chunk = {chunk}, found {max_bits}")]
    NarrowerThanChunk {
        /// Widest operand asked for.
        max_bits: u32,
        /// Multiplier width asked for.
        chunk: u32,
    },
    /// A bank's depth is not a power of two.
    #[error("depth: expected a power of two, found {found}")]
    DepthPower {
        /// Its value.
        found: u32,
    },
    /// An operand bank cannot hold one word of every plane.
    #[error(
        "depth: expected at least {planes}, one word for each plane of max_bits, found {found}"
    )]
    DepthPlanes {
        /// Its value.
        found: u32,
        /// Planes of the widest operand.
        planes: u32,
    },
    /// An operand bank cannot hold one word for every result of a PE.
    #[error(
        "depth: expected at least {results}, one word for each result that a PE of {stages} stages works on, found \
         {found}"
    )]
    DepthResults {
        /// Its value.
        found: u32,
        /// Results that a PE works on in turn.
        results: u32,
        /// Registers of the PE.
        stages: u32,
    },
    /// Exact sums that an accumulator would not fit into.
    #[error(
        "max_sum_bits: expected more than {acc_bits}, the bits of an accumulator, found {found}"
    )]
    NarrowSums {
        /// Its value.
        found: u32,
        /// Bits of a PE's accumulator.
        acc_bits: u32,
    },
}

/// Every broken rule of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(crate) Vec<ConfigError>);

impl ConfigErrors {
    /// The broken rules.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} illegal parameter{}:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for ConfigErrors {}
