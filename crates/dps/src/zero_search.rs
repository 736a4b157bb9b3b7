//! The search for the range of a tensor that shows only zeros.
//!
//! Counters do not tell zeros from values far below the last place. So shorter ranges are tried, as
//! for any values that use none of their bits. If no range down to the shortest shows a value, the
//! tensor is taken for zeros and gets back the format that it had before: zeros fit any range, and
//! a later value should not find one that is too short by thirty bits.

use flexmac_fxp::{Counters, Format};
use serde::{Deserialize, Serialize};

/// What the search for a range knows of the zeros of a tensor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroSearch {
    /// The last iteration showed values.
    #[default]
    Values,
    /// It did not. The first such iteration had this format; since then ranges shrink.
    Since(Format),
    /// No range showed a value: the tensor keeps its format until one does.
    Zeros,
}

impl ZeroSearch {
    /// Takes the counters of an iteration with format `now`. Returns the format that the tensor
    /// gets if it is taken for zeros; `None` leaves the search to its rules.
    pub(crate) fn step(&mut self, counters: &Counters, now: Format) -> Option<Format> {
        if !counters.only_zeros() {
            *self = Self::Values;
            return None;
        }
        match *self {
            Self::Values => {
                *self = Self::Since(now);
                None
            }
            Self::Since(first) if now.integer_length() <= crate::SHORTEST => {
                *self = Self::Zeros;
                Some(first)
            }
            Self::Since(_) => None,
            Self::Zeros => Some(now),
        }
    }

    /// Whether nothing is known of zeros. Saved states leave it out then.
    pub(crate) fn is_values(&self) -> bool {
        *self == Self::Values
    }
}
