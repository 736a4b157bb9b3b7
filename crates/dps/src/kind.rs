//! Policies as data: what one is called, which constants it has, how one is made.
//!
//! Each policy's file ends with its [`PolicyKind`] and [`POLICIES`](crate::POLICIES) lists it; flags,
//! help, completions and the settings that a run records follow from that. The alternative, flags
//! typed by hand in the command line, spread every policy over two crates.

use flexmac_fxp::Rounding;

use crate::error::DpsError;
use crate::policy::Policy;
use crate::tensor::TensorSpec;

/// A policy that can be chosen by name.
pub struct PolicyKind {
    /// The name, as flags, histories and checkpoints write it.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What the help puts above its constants.
    pub heading: &'static str,
    /// Constants of its own; it may also take any of [`SHARED`].
    pub constants: &'static [Constant],
    /// Rounding of the way forward where the user gives none; the run's where there is none here.
    pub forward_rounding: Option<Rounding>,
    /// Makes the policy at its start, with what it is given for each constant it asks for.
    pub make: Make,
}

/// Makes a policy for tensors on an array.
///
/// # Errors
/// [`DpsError`] when a constant is out of range.
pub type Make =
    fn(&mut dyn Constants, &Machine, &[TensorSpec]) -> Result<Box<dyn Policy>, DpsError>;

/// What a policy may know of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Bits of a plane.
    pub chunk: u32,
    /// Widest operand.
    pub max_bits: u32,
}

/// A constant of policies: a flag.
#[derive(Debug, Clone, Copy)]
pub struct Constant {
    /// The flag's name without dashes.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it means and what it is by default, for the help.
    pub meaning: &'static str,
}

/// What a constant counts, and so its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bits, sign included.
    Bits,
    /// Things.
    Count,
    /// Iterations of a run.
    Iterations,
    /// Bits before the point, sign excluded; may be negative.
    IntegerLength,
    /// A share of values, or of a last place.
    Share,
}

/// Where a policy gets its constants from: what the user gave, else the default.
pub trait Constants {
    /// One in [`Unit::Bits`] or [`Unit::Count`].
    fn count(&mut self, name: &'static str, default: u32) -> u32;
    /// One in [`Unit::Iterations`].
    fn iterations(&mut self, name: &'static str, default: u64) -> u64;
    /// One in [`Unit::IntegerLength`].
    fn integer_length(&mut self, name: &'static str, default: i32) -> i32;
    /// One in [`Unit::Share`].
    fn share(&mut self, name: &'static str, default: f64) -> f64;
}

/// A constant's definition, short enough for a list of them.
pub(crate) const fn constant(name: &'static str, unit: Unit, meaning: &'static str) -> Constant {
    Constant { name, unit, meaning }
}

/// Constants of several policies.
pub const SHARED: &[Constant] = &[
    constant(
        "bits",
        Unit::Bits,
        "Width of every operand, sign included [default: static 16, courbariaux2014 10; the first \
         one of taras2018 16]",
    ),
    constant(
        "storage-bits",
        Unit::Bits,
        "Width of stored parameters and momentum [default: static the greater of 16 and --bits, \
         courbariaux2014 12, planewise 16]",
    ),
    constant(
        "max-width",
        Unit::Bits,
        "Widest format: of na2016 at the start and after a jump, of courbariaux2014 while it \
         calibrates, of taras2018 [default: 32, or the array's max_bits]",
    ),
    constant(
        "first-il",
        Unit::IntegerLength,
        "First integer length of everything [default: courbariaux2014 5, taras2018 4]",
    ),
    constant(
        "overflow-limit",
        Unit::Share,
        "Share of values that may overflow [default: courbariaux2014 and taras2018 0.0001; planewise \
         0.0009765625 at 8 bits, doubled by every bit less]",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::POLICIES;
    use crate::tensor::TensorRole;

    /// Gives defaults and notes what was asked for.
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
        let shared: BTreeSet<_> = SHARED.iter().map(named).collect();
        let role = TensorRole::Weight { shared: false };
        let tensors = [TensorSpec { name: "w".to_owned(), role }];
        let mut used = BTreeSet::new();
        for kind in POLICIES {
            let own: BTreeSet<_> = kind.constants.iter().map(named).collect();
            for machine in [(8, 32), (2, 4)] {
                let machine = Machine { chunk: machine.0, max_bits: machine.1 };
                let mut asked = Asked::default();
                let made = (kind.make)(&mut asked, &machine, &tensors);
                let left: BTreeSet<_> = asked.0.difference(&shared).copied().collect();
                assert_eq!(left, own, "{}", kind.name);
                used.extend(asked.0);
                if machine.max_bits == 32 {
                    assert_eq!(made.unwrap().name(), kind.name);
                }
            }
        }
        assert_eq!(shared.difference(&used).next(), None, "a shared constant that none uses");
    }

    #[test]
    fn no_two_constants_or_policies_share_a_name() {
        let own = POLICIES.iter().flat_map(|kind| kind.constants);
        let mut names: Vec<_> = SHARED.iter().chain(own).map(|constant| constant.name).collect();
        names.extend(POLICIES.iter().map(|kind| kind.name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
