//! The flags that choose an array, shared by `gen` and by commands that make one on the fly.
//!
//! They follow from the table of parameters, so clap's derive, which needs a field for each, is not
//! used.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use flexmac_array::{ArrayConfig, ArraySpec, ConfigErrors, PARAMETERS, Parameter, Style, Value};
use flexmac_fxp::{Rounding, RoundingSet};

/// The parameters of an array that were given; `flexmac describe` explains each.
#[derive(Debug, Clone)]
pub struct ConfigArgs {
    given: Vec<(&'static Parameter, Value)>,
}

impl ConfigArgs {
    /// The checked configuration.
    ///
    /// # Errors
    /// Every broken rule at once.
    pub fn check(&self) -> Result<ArrayConfig, ConfigErrors> {
        ArraySpec::with(self.given.iter().cloned()).check()
    }
}

/// The flag of a parameter.
fn flag(parameter: &'static Parameter) -> Arg {
    let help = format!("{} [default: {}]", parameter.help, parameter.default_words());
    let arg = Arg::new(parameter.name)
        .long(parameter.flag())
        .value_name(parameter.unit)
        .help(help)
        .help_heading("Array parameters (flexmac describe)");
    match parameter.default() {
        Value::Number(_) => arg.value_parser(value_parser!(u32)),
        Value::Modes(_) => {
            arg.value_parser(value_parser!(Rounding)).value_delimiter(',').action(ArgAction::Append)
        }
        Value::Style(_) => arg.value_parser(value_parser!(Style)),
    }
}

/// The value that was given for a parameter.
fn value(parameter: &Parameter, matches: &ArgMatches) -> Option<Value> {
    let name = parameter.name;
    match parameter.default() {
        Value::Number(_) => matches.get_one::<u32>(name).copied().map(Value::Number),
        Value::Modes(_) => {
            let modes = matches.get_many::<Rounding>(name)?.copied();
            RoundingSet::new(modes).map(Value::Modes)
        }
        Value::Style(_) => matches.get_one::<Style>(name).copied().map(Value::Style),
    }
}

impl Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        command.args(PARAMETERS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |parameter| Some((parameter, value(parameter, matches)?));
        Ok(Self { given: PARAMETERS.iter().filter_map(given).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
