//! What an entry of the parameter table says, and the macro that makes a struct and a table of entries.
//!
//! Main decision: an entry is written once, and a macro derives both the field of [`ArraySpec`] and its
//! [`Parameter`]. The alternative, a struct and a table beside it with a test that compares the two,
//! needs two edits for a parameter and leaves its type and default in both.

use std::fmt;
use std::ops::RangeInclusive;

use flexmac_fxp::{Rounding, RoundingSet};
use serde::Serialize;

use crate::error::ConfigError;
use crate::parameters::ArraySpec;
use crate::style::Style;

/// The value of a parameter of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An integer.
    Number(u32),
    /// Rounding modes.
    Modes(RoundingSet),
    /// A style.
    Style(Style),
}

impl Value {
    /// The name of the value's type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "integer",
            Self::Modes(_) => "list",
            Self::Style(_) => "name",
        }
    }

    /// What the parameter's register reads: the number, one bit for each mode, the style's number.
    pub fn encoding(&self) -> u32 {
        match self {
            Self::Number(number) => *number,
            Self::Modes(modes) => modes.iter().map(|mode| 1 << mode.encoding()).sum(),
            Self::Style(style) => style.encoding().into(),
        }
    }

    /// A value of the same type from text.
    fn parse(&self, text: &str) -> Result<Self, String> {
        match self {
            Self::Number(_) => match text.parse() {
                Ok(number) => Ok(Self::Number(number)),
                Err(_) => Err(format!("expected an integer, found {text:?}")),
            },
            Self::Modes(_) => {
                let modes: Result<Vec<Rounding>, _> = text.split(',').map(str::parse).collect();
                let modes = modes.map_err(|error| error.to_string())?;
                Ok(Self::Modes(RoundingSet::new(modes).expect("split gives at least one word")))
            }
            Self::Style(_) => text.parse().map(Self::Style),
        }
    }
}

/// As flags take it and as it is printed: `8`, `nearest,truncate`, `flex`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Modes(modes) => modes.fmt(f),
            Self::Style(style) => style.fmt(f),
        }
    }
}

macro_rules! value_of {
    ($($variant:ident: $type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }

        impl TryFrom<Value> for $type {
            type Error = Value;

            fn try_from(value: Value) -> Result<Self, Value> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => Err(other),
                }
            }
        }
    )*};
}

value_of!(Number: u32, Modes: RoundingSet, Style: Style);

/// A default that depends on other parameters.
#[derive(Debug)]
pub struct DependentDefault<S: 'static> {
    /// When it differs from the plain default, in words.
    pub words: &'static str,
    /// The default beside the other parameters.
    pub value: fn(&S) -> Value,
}

/// One entry of the table. `S` is the struct that has the parameter as a field.
#[derive(Debug)]
pub struct Parameter<S: 'static = ArraySpec> {
    /// Name in config.json.
    pub name: &'static str,
    /// What it does and costs.
    pub meaning: &'static str,
    /// What it is in a few words, for the help of its flag.
    pub help: &'static str,
    /// What its flag takes.
    pub unit: &'static str,
    /// The legal range of an integer, which may depend on other parameters; [`ArraySpec::check`] has the
    /// rules that are no range.
    pub range: fn(&S) -> RangeInclusive<u32>,
    /// Legal values in words, where the range does not say it all.
    pub legal: Option<&'static str>,
    /// The default where it depends on other parameters.
    pub dependent_default: Option<DependentDefault<S>>,
    /// Reads the parameter.
    pub get: fn(&S) -> Value,
    /// Sets the parameter; panics at a value of another type.
    pub set: fn(&mut S, Value),
}

/// What `flexmac describe` says of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Name in config.json.
    pub name: &'static str,
    /// Type.
    pub kind: &'static str,
    /// Legal values.
    pub range: String,
    /// Value when not given.
    pub default: String,
    /// What it does and costs.
    pub meaning: &'static str,
}

impl<S: Default> Parameter<S> {
    /// The parameter's flag: its name with `-` for `_`.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The value when not given.
    pub fn default(&self) -> Value {
        (self.get)(&S::default())
    }

    /// The default in words, also where it depends on other parameters.
    pub fn default_words(&self) -> String {
        let default = self.default().to_string();
        match &self.dependent_default {
            Some(dependent) => format!("{default}; {}", dependent.words),
            None => default,
        }
    }

    /// A value of the parameter from the text that its flag takes.
    ///
    /// # Errors
    /// What was expected, for text of another type. Ranges are checked by [`ArraySpec::check`].
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        self.default().parse(text)
    }

    /// Type, range, default and meaning.
    pub fn describe(&self) -> Description {
        let names = |names: &[&str]| names.join(", ");
        let default = self.default();
        let range = match (self.legal, &default) {
            (Some(legal), _) => legal.to_owned(),
            (None, Value::Number(_)) => format!("{:?}", (self.range)(&S::default())),
            (None, Value::Modes(_)) => names(&Rounding::ALL.map(Rounding::name)),
            (None, Value::Style(_)) => names(&Style::ALL.map(Style::name)),
        };
        Description {
            name: self.name,
            kind: default.kind(),
            range,
            default: default.to_string(),
            meaning: self.meaning,
        }
    }

    /// The error of a value outside the range.
    pub(crate) fn out_of_range(&self, spec: &S) -> Option<ConfigError> {
        let range = (self.range)(spec);
        let found = u32::try_from((self.get)(spec)).ok()?;
        let (min, max) = range.clone().into_inner();
        (!range.contains(&found)).then_some(ConfigError::Range { name: self.name, found, min, max })
    }
}

/// Makes a struct of parameters as asked for, with defaults and JSON, and its table `PARAMETERS`.
///
/// An entry is `name: type = default, { meaning: "...", help: "...", ... }` with the fields of
/// [`Parameter`]; what it leaves out is as in the function `entry` below.
macro_rules! parameter_table {
    (
        $(#[$of_struct:meta])*
        pub struct $Spec:ident;
        $(
            $(#[$of_field:meta])*
            $name:ident: $type:ty = $default:expr, {
                meaning: $meaning:literal,
                help: $help:literal,
                $($key:ident: $value:expr,)*
            }
        )*
    ) => {
        $(#[$of_struct])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $Spec {
            $(#[doc = $meaning] $(#[$of_field])* pub $name: $type,)*
        }

        /// Defaults, also for `#[serde(default = "default::name")]`.
        mod default {
            #[allow(unused_imports, reason = "a table of numbers needs no type")]
            use super::*;
            $(pub(super) fn $name() -> $type { $default })*
        }

        impl Default for $Spec {
            fn default() -> Self {
                Self { $($name: default::$name(),)* }
            }
        }

        /// Every parameter, in the order of config.json.
        pub static PARAMETERS: &[$crate::parameter::Parameter<$Spec>] = &[$(
            $crate::parameter::Parameter {
                $($key: $value,)*
                ..$crate::parameter::entry::<$Spec>(
                    (stringify!($name), $meaning, $help),
                    |spec| $crate::parameter::Value::from(spec.$name.clone()),
                    |spec, value| {
                        spec.$name = value.try_into().expect(concat!("a value of ", stringify!($name)));
                    },
                )
            },
        )*];
    };
}

pub(crate) use parameter_table;

/// An entry that says no more than it must.
pub(crate) const fn entry<S>(
    (name, meaning, help): (&'static str, &'static str, &'static str),
    get: fn(&S) -> Value,
    set: fn(&mut S, Value),
) -> Parameter<S> {
    Parameter {
        name,
        meaning,
        help,
        unit: "N",
        range: |_| 0..=u32::MAX,
        legal: None,
        dependent_default: None,
        get,
        set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of two, the second of which came later: an older file lacks it.
    mod extended {

        parameter_table! {
            /// A table for tests.
            pub struct Extended;

            rows: u32 = 8, {
                meaning: "results per column",
                help: "Rows",
                range: |_| 1..=128,
            }
            #[serde(default = "default::bank_words")]
            bank_words: u32 = 2, {
                meaning: "words of a bank",
                help: "Words",
                unit: "WORDS",
                range: |extended| 1..=extended.rows,
            }
        }
    }
    use extended::Extended;

    fn errors(extended: &Extended) -> Vec<String> {
        let broken = extended::PARAMETERS.iter().filter_map(|entry| entry.out_of_range(extended));
        broken.map(|error| error.to_string()).collect()
    }

    #[test]
    fn one_more_entry_is_checked_and_described() {
        let [_, added] = extended::PARAMETERS else { panic!("two entries") };
        assert_eq!(added.flag(), "bank-words");
        let described = serde_json::to_string(&added.describe()).unwrap();
        assert_eq!(
            described,
            "{\"name\":\"bank_words\",\"kind\":\"integer\",\"range\":\"1..=8\",\"default\":\"2\",\
             \"meaning\":\"words of a bank\"}"
        );
        assert_eq!(errors(&Extended::default()), [""; 0]);
        let mut extended = Extended { rows: 129, ..Extended::default() };
        (added.set)(&mut extended, added.parse("130").unwrap());
        assert_eq!(
            errors(&extended),
            ["rows: expected 1..=128, found 129", "bank_words: expected 1..=129, found 130"]
        );
    }

    #[test]
    fn files_from_before_an_entry_are_read() {
        let old: Extended = serde_json::from_str("{\"rows\": 3}").unwrap();
        assert_eq!(old, Extended { rows: 3, ..Extended::default() });
        assert_eq!(serde_json::to_string(&old).unwrap(), "{\"rows\":3,\"bank_words\":2}");
    }

    #[test]
    fn text_of_another_type_is_refused() {
        let [rows, ..] = extended::PARAMETERS else { panic!("two entries") };
        assert_eq!(rows.parse("x").unwrap_err(), "expected an integer, found \"x\"");
        assert!(Value::Style(Style::Flex).parse("x").unwrap_err().contains("found \"x\""));
        let modes = Value::Modes(RoundingSet::all()).parse("truncate,nearest").unwrap();
        assert_eq!((modes.to_string().as_str(), modes.encoding()), ("nearest,truncate", 0b011));
    }
}
