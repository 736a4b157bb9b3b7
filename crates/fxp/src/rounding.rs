//! The three rounding modes, in one enumeration with one encoding, which the RTL shares.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ERROR_GRID_BITS, FxpError, STREAM_BITS};

/// A rounding mode. The discriminants are the encoding of the RTL port `round_mode_i` (module
/// `flexmac_requant`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Rounding {
    /// floor(x + 1/2): ties go up.
    Nearest = 0,
    /// floor(x).
    Truncate = 1,
    /// floor(x + u), u uniform on [0, 1) from the architecture's random stream.
    Stochastic = 2,
}

impl Rounding {
    /// Every mode, in encoding order.
    pub const ALL: [Self; 3] = [Self::Nearest, Self::Truncate, Self::Stochastic];

    /// The two-bit code the RTL decodes.
    pub fn encoding(self) -> u8 {
        self as u8
    }

    /// The number added to the top 24 dropped bits before the floor is taken. `word` is a 24-bit
    /// random word; only stochastic rounding uses it.
    pub(crate) fn addend(self, word: u32) -> u32 {
        match self {
            Self::Nearest => 1 << (STREAM_BITS - 1),
            Self::Truncate => 0,
            Self::Stochastic => word,
        }
    }

    /// Returns the increment of the floor, 0 or 1, and |rounding error| in units of 2^-8 of the
    /// last place. `dropped` holds the top 24 dropped bits, `addend` comes from [`Self::addend`].
    #[inline(always)]
    pub(crate) fn decide(dropped: u32, addend: u32) -> (u32, u32) {
        let up = (dropped + addend) >> STREAM_BITS;
        let fraction = dropped >> (STREAM_BITS - ERROR_GRID_BITS);
        (up, if up == 1 { (1 << ERROR_GRID_BITS) - fraction } else { fraction })
    }

    /// The mode's name in flags and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Truncate => "truncate",
            Self::Stochastic => "stochastic",
        }
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Rounding {
    type Err = FxpError;

    fn from_str(name: &str) -> Result<Self, FxpError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| FxpError::RoundingName { found: name.to_owned() })
    }
}

/// A non-empty set of rounding modes: those that an array's requantizers are built with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rounding>", into = "Vec<Rounding>")]
pub struct RoundingSet(Vec<Rounding>);

impl TryFrom<Vec<Rounding>> for RoundingSet {
    type Error = FxpError;

    fn try_from(modes: Vec<Rounding>) -> Result<Self, FxpError> {
        Self::new(modes).ok_or(FxpError::NoRounding)
    }
}

impl From<RoundingSet> for Vec<Rounding> {
    fn from(set: RoundingSet) -> Self {
        set.0
    }
}

impl RoundingSet {
    /// All three modes.
    pub fn all() -> Self {
        Self(Rounding::ALL.to_vec())
    }

    /// The modes given, sorted and without repeats; `None` when there is none.
    pub fn new(modes: impl IntoIterator<Item = Rounding>) -> Option<Self> {
        let mut modes: Vec<_> = modes.into_iter().collect();
        modes.sort_unstable();
        modes.dedup();
        (!modes.is_empty()).then_some(Self(modes))
    }

    /// Whether the set holds `mode`.
    pub fn contains(&self, mode: Rounding) -> bool {
        self.0.contains(&mode)
    }

    /// The modes in encoding order.
    pub fn iter(&self) -> impl Iterator<Item = Rounding> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for RoundingSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Rounding::name).collect();
        f.pad(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_round_trip() {
        for (code, mode) in Rounding::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(mode.encoding()), code);
            assert_eq!(mode.name().parse::<Rounding>().unwrap(), mode);
        }
        let error = "floor".parse::<Rounding>().unwrap_err().to_string();
        assert!(error.contains("expected nearest, truncate or stochastic, found \"floor\""));
    }

    #[test]
    fn a_set_is_sorted_and_never_empty() {
        let set = RoundingSet::new([Rounding::Stochastic, Rounding::Nearest, Rounding::Nearest]);
        assert_eq!(set.unwrap().to_string(), "nearest,stochastic");
        assert_eq!(RoundingSet::new([]), None);
    }
}
