//! What the program knows of a policy: its name, its constants, and how to make one.
//!
//! The file of each policy defines its [`PolicyKind`], and [`POLICIES`](crate::POLICIES) lists it.
//! The program derives flags, help, completions and the recorded settings from that list, so a new
//! policy changes nothing outside this crate. Constants therefore carry their help text. That
//! text writes the name of another constant bare (`max-width`, not `--max-width`), because only the
//! program knows how its flags are spelled.

use flexmac_fxp::Rounding;

use crate::error::DpsError;
use crate::policy::Policy;
use crate::tensor::TensorSpec;

/// A policy that can be chosen by name.
pub struct PolicyKind {
    /// The name in flags, histories and checkpoints.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Heading of its constants in the help.
    pub heading: &'static str,
    /// Its own constants; it may also use any of [`SHARED_CONSTANTS`].
    pub constants: &'static [Constant],
    /// Default rounding mode of the forward pass; `None`: the run's rounding mode.
    pub forward_rounding: Option<Rounding>,
    /// Makes the policy.
    pub make: MakePolicy,
}

/// Makes a policy in its initial state, for a network's tensors and an array. Asks for each
/// constant once.
///
/// # Errors
/// [`DpsError`] when a constant is out of range.
pub type MakePolicy =
    fn(&mut dyn Constants, &ArrayLimits, &[TensorSpec]) -> Result<Box<dyn Policy>, DpsError>;

/// What a policy needs to know about the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayLimits {
    /// Width of a plane, in bits.
    pub chunk: u32,
    /// Width of the widest operand, in bits.
    pub max_bits: u32,
}

/// A constant of one or more policies, which the user can set.
#[derive(Debug, Clone, Copy)]
pub struct Constant {
    /// Its name, for example `max-width`.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Its meaning and default, for the help.
    pub meaning: &'static str,
}

/// The unit of a constant, which determines its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bits, sign included.
    Bits,
    /// A number of things (`u32`).
    Count,
    /// A number of iterations (`u64`).
    Iterations,
    /// Bits before the binary point, sign excluded (`i32`); may be negative.
    IntegerLength,
    /// A fraction in 0..1, of values or of an LSB (`f64`).
    Share,
}

/// Gives a policy its constants: the user's value, or else the default.
pub trait Constants {
    /// The constant `name`, in [`Unit::Bits`] or [`Unit::Count`].
    fn count(&mut self, name: &'static str, default: u32) -> u32;
    /// The constant `name`, in [`Unit::Iterations`].
    fn iterations(&mut self, name: &'static str, default: u64) -> u64;
    /// The constant `name`, in [`Unit::IntegerLength`].
    fn integer_length(&mut self, name: &'static str, default: i32) -> i32;
    /// The constant `name`, in [`Unit::Share`].
    fn share(&mut self, name: &'static str, default: f64) -> f64;
}

/// Short form of a [`Constant`], for lists.
pub(crate) const fn constant(name: &'static str, unit: Unit, meaning: &'static str) -> Constant {
    Constant { name, unit, meaning }
}

/// Constants that several policies share.
pub const SHARED_CONSTANTS: &[Constant] = &[
    constant(
        "bits",
        Unit::Bits,
        "Width of every operand, sign included; the initial width for taras2018 [default: static \
         16, courbariaux2014 10, taras2018 16]",
    ),
    constant(
        "storage-bits",
        Unit::Bits,
        "Width of stored parameters and momentum [default: static the larger of 16 and bits, \
         courbariaux2014 12, planewise 16]",
    ),
    constant(
        "max-width",
        Unit::Bits,
        "Largest width: of na2016 at the start and after a jump, of courbariaux2014 during \
         calibration, of taras2018 always [default: the array's max_bits, at most 32]",
    ),
    constant(
        "first-il",
        Unit::IntegerLength,
        "Initial integer length of every tensor [default: courbariaux2014 5, taras2018 4]",
    ),
    constant(
        "overflow-limit",
        Unit::Share,
        "Share of values that may overflow [default: courbariaux2014 and taras2018 0.0001; planewise \
         0.0009765625 at 8 bits, doubled for every bit less]",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::POLICIES;
    use crate::tensor::TensorRole;

    /// Returns defaults and records which constants a policy asks for.
    #[derive(Default)]
    struct Asked(BTreeSet<(&'static str, &'static str)>);

    impl Asked {
        fn note<V>(&mut self, name: &'static str, kind: &'static str, default: V) -> V {
            assert!(self.0.insert((name, kind)), "{name} twice");
            default
        }
    }

    impl Constants for Asked {
        fn count(&mut self, name: &'static str, default: u32) -> u32 {
            self.note(name, "count", default)
        }
        fn iterations(&mut self, name: &'static str, default: u64) -> u64 {
            self.note(name, "iterations", default)
        }
        fn integer_length(&mut self, name: &'static str, default: i32) -> i32 {
            self.note(name, "integer length", default)
        }
        fn share(&mut self, name: &'static str, default: f64) -> f64 {
            self.note(name, "share", default)
        }
    }

    fn named(constant: &Constant) -> (&'static str, &'static str) {
        let kind = match constant.unit {
            Unit::Bits | Unit::Count => "count",
            Unit::Iterations => "iterations",
            Unit::IntegerLength => "integer length",
            Unit::Share => "share",
        };
        (constant.name, kind)
    }

    #[test]
    fn every_policy_asks_for_its_constants_by_type_and_for_no_other() {
        let shared: BTreeSet<_> = SHARED_CONSTANTS.iter().map(named).collect();
        let role = TensorRole::Weight { shared: false };
        let tensors = [TensorSpec { name: "w".to_owned(), role }];
        let mut used = BTreeSet::new();
        for kind in POLICIES {
            let own: BTreeSet<_> = kind.constants.iter().map(named).collect();
            for limits in [(8, 32), (2, 4)] {
                let limits = ArrayLimits { chunk: limits.0, max_bits: limits.1 };
                let mut asked = Asked::default();
                let made = (kind.make)(&mut asked, &limits, &tensors);
                let left: BTreeSet<_> = asked.0.difference(&shared).copied().collect();
                assert_eq!(left, own, "{}", kind.name);
                used.extend(asked.0);
                if limits.max_bits == 32 {
                    assert_eq!(made.unwrap().name(), kind.name);
                }
            }
        }
        assert_eq!(shared.difference(&used).next(), None, "a shared constant that none uses");
    }

    #[test]
    fn no_two_constants_or_policies_share_a_name() {
        let own = POLICIES.iter().flat_map(|kind| kind.constants);
        let mut names: Vec<_> =
            SHARED_CONSTANTS.iter().chain(own).map(|constant| constant.name).collect();
        names.extend(POLICIES.iter().map(|kind| kind.name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
