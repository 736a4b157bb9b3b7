//! The flags of precision policies: one for each constant of the policies in `flexmac-dps`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use clap::builder::{PossibleValue, PossibleValuesParser, ValueParser};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use flexmac_array::ArrayConfig;
use flexmac_dps::{
    ArrayLimits, Constant, Constants, POLICIES, Policy, PolicyKind, SHARED_CONSTANTS, TensorSpec,
    Unit,
};

use crate::settings::Settings;

/// The names of the policies, for a flag that takes one.
pub fn names() -> PossibleValuesParser {
    let value = |kind: &&PolicyKind| PossibleValue::new(kind.name).help(kind.about);
    PossibleValuesParser::new(POLICIES.iter().map(value))
}

/// The policy of a name.
///
/// # Errors
/// A name that no policy has, as an edited `config.json` may hold.
pub fn by_name(name: &str) -> Result<&'static PolicyKind> {
    POLICIES.iter().find(|kind| kind.name == name).copied().with_context(|| {
        let names: Vec<_> = POLICIES.iter().map(|kind| kind.name).collect();
        format!("policy: expected one of {}, found {name:?}", names.join(", "))
    })
}

/// The constants of policies that flags gave.
#[derive(Debug, Default)]
pub struct PolicyArgs {
    counts: BTreeMap<&'static str, u32>,
    iterations: BTreeMap<&'static str, u64>,
    integer_lengths: BTreeMap<&'static str, i32>,
    shares: BTreeMap<&'static str, f64>,
}

impl PolicyArgs {
    /// Number of losses in the smoothed loss, if given.
    pub fn loss_window(&self) -> Option<u32> {
        self.counts.get("loss-window").copied()
    }

    /// Makes the policy of `kind` for `tensors` on `array`. Records every constant that it uses in
    /// `settings`.
    ///
    /// # Errors
    /// A constant out of range, or a flag for a constant of another policy.
    pub fn make(
        &self,
        kind: &PolicyKind,
        settings: &mut Settings,
        array: &ArrayConfig,
        tensors: &[TensorSpec],
    ) -> Result<Box<dyn Policy>> {
        let max_bits = array.max_bits().min(flexmac_fxp::MAX_BITS);
        let limits = ArrayLimits { chunk: array.spec().chunk, max_bits };
        let policy = (kind.make)(&mut Taken { given: self, settings }, &limits, tensors)?;
        self.expect_taken(settings, &format!("--policy {}", kind.name))?;
        Ok(policy)
    }

    /// Refuses flags for constants that no setting uses. `found` names the policy in the message.
    ///
    /// # Errors
    /// The names of these flags.
    pub fn expect_taken(&self, settings: &Settings, found: &str) -> Result<()> {
        let counts = self.counts.keys().chain(self.iterations.keys());
        let given = counts.chain(self.integer_lengths.keys()).chain(self.shares.keys());
        let flags: Vec<_> =
            given.filter(|name| !settings.has(name)).map(|name| format!("--{name}")).collect();
        match flags.as_slice() {
            [] => Ok(()),
            flags => bail!(
                "{}: expected a policy that has it, found {found}; flexmac train --help lists them by \
                 policy",
                flags.join(", ")
            ),
        }
    }
}

/// Constants from flags, or from the record of a resumed run.
struct Taken<'a> {
    given: &'a PolicyArgs,
    settings: &'a mut Settings,
}

impl Constants for Taken<'_> {
    fn count(&mut self, name: &'static str, default: u32) -> u32 {
        self.settings.take(name, &self.given.counts.get(name).copied(), default)
    }

    fn iterations(&mut self, name: &'static str, default: u64) -> u64 {
        self.settings.take(name, &self.given.iterations.get(name).copied(), default)
    }

    fn integer_length(&mut self, name: &'static str, default: i32) -> i32 {
        self.settings.take(name, &self.given.integer_lengths.get(name).copied(), default)
    }

    fn share(&mut self, name: &'static str, default: f64) -> f64 {
        self.settings.take(name, &self.given.shares.get(name).copied(), default)
    }
}

/// Headings of the help, with the constants below each.
fn groups() -> impl Iterator<Item = (&'static str, &'static [Constant])> {
    let own = POLICIES.iter().map(|kind| (kind.heading, kind.constants));
    std::iter::once(("Several policies", SHARED_CONSTANTS)).chain(own)
}

fn flag(heading: &'static str, constant: &'static Constant) -> Arg {
    let (value, parser): (_, ValueParser) = match constant.unit {
        Unit::Bits => ("BITS", value_parser!(u32).into()),
        Unit::Count => ("N", value_parser!(u32).into()),
        Unit::Iterations => ("N", value_parser!(u64).into()),
        // Beyond the widest sum of any array.
        Unit::IntegerLength => ("IL", value_parser!(i32).range(-128..=128).into()),
        Unit::Share => ("SHARE", value_parser!(f64).into()),
    };
    Arg::new(constant.name)
        .long(constant.name)
        .value_name(value)
        .value_parser(parser)
        .allow_negative_numbers(constant.unit == Unit::IntegerLength)
        .help(constant.meaning)
        .help_heading(heading)
}

impl Args for PolicyArgs {
    fn augment_args(command: Command) -> Command {
        groups().fold(command, |command, (heading, constants)| {
            command.args(constants.iter().map(|constant| flag(heading, constant)))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PolicyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        fn note<V: Copy + Send + Sync + 'static>(
            matches: &ArgMatches,
            name: &'static str,
            given: &mut BTreeMap<&'static str, V>,
        ) {
            given.extend(matches.get_one::<V>(name).map(|value| (name, *value)));
        }
        for constant in groups().flat_map(|(_, constants)| constants) {
            match constant.unit {
                Unit::Bits | Unit::Count => note(matches, constant.name, &mut self.counts),
                Unit::Iterations => note(matches, constant.name, &mut self.iterations),
                Unit::IntegerLength => note(matches, constant.name, &mut self.integer_lengths),
                Unit::Share => note(matches, constant.name, &mut self.shares),
            }
        }
        Ok(())
    }
}
