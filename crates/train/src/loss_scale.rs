//! Loss scaling: the gradient of the loss is multiplied by a power of two before the backward pass,
//! and the gradients of the parameters are divided by it, exactly, in the update.
//!
//! It moves gradients away from the smallest numbers of a float format. Formats with the exponents
//! of binary32, and operands with scales of their own, do not need it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest exponent of a scale; 2^126 times a gradient is a number of binary32 still.
const MOST: i32 = 126;

/// How the loss is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LossScale {
    /// By 2^n, n from 0 to 126, in every iteration.
    Constant(i32),
    /// By a power of two that begins with 2^16, is halved after an iteration with a gradient that is
    /// not finite, in which no parameter changes, and doubled after 2000 others in a row. The rule of
    /// PyTorch's `GradScaler`.
    Dynamic,
}

impl Default for LossScale {
    /// No scaling.
    fn default() -> Self {
        Self::Constant(0)
    }
}

impl fmt::Display for LossScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(exponent) => write!(f, "{}", flexmac_fxp::exp2(*exponent)),
            Self::Dynamic => f.write_str("dynamic"),
        }
    }
}

impl FromStr for LossScale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "dynamic" {
            return Ok(Self::Dynamic);
        }
        let exponents = 0..=MOST;
        let parsed = text.parse().ok().and_then(|scale: f64| {
            exponents.into_iter().find(|exponent| flexmac_fxp::exp2(*exponent) == scale)
        });
        parsed.map(Self::Constant).ok_or_else(|| {
            format!("expected a power of two, 1 to 2^{MOST}, or dynamic, found {text:?}")
        })
    }
}

impl TryFrom<String> for LossScale {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LossScale> for String {
    fn from(scale: LossScale) -> Self {
        scale.to_string()
    }
}

/// The state of dynamic scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicScale {
    /// The scale is 2^exponent.
    pub exponent: i32,
    /// Iterations in a row with finite gradients, since the last change.
    pub finite: u32,
}

impl Default for DynamicScale {
    fn default() -> Self {
        Self { exponent: 16, finite: 0 }
    }
}

impl DynamicScale {
    /// Iterations after which the scale doubles.
    const PATIENCE: u32 = 2000;

    /// The state after an iteration, and whether its scale is another one.
    pub(crate) fn after(self, finite: bool) -> (Self, bool) {
        let next = match (finite, self.finite + 1) {
            (false, _) => Self { exponent: (self.exponent - 1).max(0), finite: 0 },
            (true, Self::PATIENCE) => Self { exponent: (self.exponent + 1).min(MOST), finite: 0 },
            (true, finite) => Self { finite, ..self },
        };
        (next, next.exponent != self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_powers_of_two() {
        assert_eq!("1".parse(), Ok(LossScale::default()));
        assert_eq!("1024".parse(), Ok(LossScale::Constant(10)));
        for text in ["1000", "0", "-2", "0.5", "inf", "NaN", "x", ""] {
            let error = text.parse::<LossScale>().unwrap_err();
            assert!(
                error.starts_with("expected a power of two, 1 to 2^126, or dynamic"),
                "{error}"
            );
        }
        for scale in [LossScale::Dynamic, LossScale::Constant(0), LossScale::Constant(126)] {
            assert_eq!(scale.to_string().parse(), Ok(scale));
        }
    }

    #[test]
    fn the_dynamic_scale_halves_at_once_and_doubles_with_patience() {
        let start = DynamicScale::default();
        let (halved, changed) = start.after(false);
        assert_eq!((halved.exponent, halved.finite, changed), (15, 0, true));
        let mut state = halved;
        for _ in 1..DynamicScale::PATIENCE {
            let (next, changed) = state.after(true);
            assert!(!changed && next.exponent == 15);
            state = next;
        }
        assert_eq!(state.after(true), (DynamicScale { exponent: 16, finite: 0 }, true));
        let least = DynamicScale { exponent: 0, finite: 3 };
        assert_eq!(least.after(false), (DynamicScale { exponent: 0, finite: 0 }, false));
    }
}
