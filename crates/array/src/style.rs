//! The styles of processing element.

use std::fmt;
use std::str::FromStr;

use flexmac_fxp::{Rounding, RoundingSet};
use serde::{Deserialize, Serialize};

use crate::parameters::ArraySpec;
use crate::{float, integer};

/// Which processing element fills the array. The discriminants are what `param_style` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Style {
    /// The flexible PE: plane-major passes, digit retirement.
    Flex = 0,
    /// One-pass integer PE of `max_bits` (baseline).
    Fixed = 1,
    /// Dot products of IEEE binary32 numbers, added up in binary32 (baseline).
    Fp32 = 2,
    /// ... of bfloat16 numbers.
    Bf16 = 3,
    /// ... of 8-bit floats, E4M3 or E5M2, chosen for each operand at run time.
    Fp8 = 4,
}

impl Style {
    /// Every style.
    pub const ALL: [Self; 5] = [Self::Flex, Self::Fixed, Self::Fp32, Self::Bf16, Self::Fp8];

    /// The style's name, as flags and config.json write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Fixed => "fixed",
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp8 => "fp8",
        }
    }

    /// The style's number in the register `param_style`.
    pub fn encoding(self) -> u8 {
        self as u8
    }

    /// Whether operands are floats. Results are then binary32.
    pub fn is_float(self) -> bool {
        self.float_bits().is_some()
    }

    /// Bits of an operand of a float style; none in the integer styles.
    pub fn float_bits(self) -> Option<u32> {
        match self {
            Self::Flex | Self::Fixed => None,
            Self::Fp32 => Some(32),
            Self::Bf16 => Some(16),
            Self::Fp8 => Some(8),
        }
    }

    /// The widest operand that goes with the style where none is asked for.
    pub(crate) fn default_max_bits(self) -> u32 {
        self.float_bits().unwrap_or(ArraySpec::default().max_bits)
    }

    /// The multiplier width that goes with the style where none is asked for: the baselines
    /// multiply whole operands.
    pub fn default_chunk(self, max_bits: u32) -> u32 {
        match self {
            Self::Flex => ArraySpec::default().chunk,
            Self::Fixed => max_bits,
            Self::Fp32 | Self::Bf16 | Self::Fp8 => self.default_max_bits(),
        }
    }

    /// The rounding modes that go with the style where none are asked for: floats have one.
    pub fn default_rounding(self) -> RoundingSet {
        match self {
            Self::Flex | Self::Fixed => RoundingSet::all(),
            Self::Fp32 | Self::Bf16 | Self::Fp8 => nearest_only(),
        }
    }

    /// Most pipeline registers on the way through a PE.
    pub(crate) fn max_stages(self, lanes: u32) -> u32 {
        match self {
            Self::Flex => 4,
            Self::Fixed => integer::MAX_STAGES,
            Self::Fp32 | Self::Bf16 | Self::Fp8 => float::Pipeline::most_stages(lanes),
        }
    }
}

pub(crate) fn nearest_only() -> RoundingSet {
    RoundingSet::new([Rounding::Nearest]).expect("one mode is a set")
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Style {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|style| style.name() == name)
            .ok_or_else(|| format!("expected flex, fixed, fp32, bf16 or fp8, found {name:?}"))
    }
}
