//! A run's settings, and the command that gives the same run again.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name in `config.json`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it was not given, so that the default held.
    pub default: bool,
}

/// A setting that is not one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) name: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// Reads the settings of `config.json`.
pub(crate) fn settings(map: &Map<String, Value>) -> Result<Vec<Setting>, Wrong> {
    map.iter()
        .map(|(name, setting)| {
            let parts = setting.get("value").zip(setting.get("default").and_then(Value::as_bool));
            let (value, default) = parts.ok_or_else(|| {
                let expected = format!("setting {name:?} as {{\"value\": ..., \"default\": bool}}");
                Wrong { name: name.clone(), expected, found: setting.to_string() }
            })?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Ok(Setting { name: name.clone(), value, default })
        })
        .collect()
}

/// The flag of `flexmac train` for a setting, without the dashes. Two flags have new names since 0.1.0,
/// where `config.json` keeps the old ones.
pub fn flag_of(setting: &str) -> &str {
    match setting {
        "rounding" => "round",
        "forward-rounding" => "forward-round",
        flag => flag,
    }
}

/// The command: every setting that was given, and the seed whether given or not.
pub(crate) fn command_line(settings: &[Setting], out: &str) -> String {
    let mut command = "flexmac train".to_owned();
    for setting in settings.iter().filter(|setting| !setting.default || setting.name == "seed") {
        let _ = write!(command, " --{} {}", flag_of(&setting.name), quote(&setting.value));
    }
    let _ = write!(command, " --out {}", quote(&format!("{out}-again")));
    command
}

/// A word that a shell hands on as it is.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Setting>, Wrong> {
        settings(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_command_holds_what_was_given_and_the_seed() {
        let settings = read(
            r#"{"batch": {"value": 16, "default": false}, "data": {"value": "my data",
            "default": false}, "lr": {"value": 0.01, "default": true},
            "rounding": {"value": "nearest", "default": false},
            "seed": {"value": 1, "default": true}}"#,
        );
        let command = command_line(&settings.unwrap(), "run");
        assert_eq!(
            command,
            "flexmac train --batch 16 --data 'my data' --round nearest --seed 1 --out run-again"
        );
        assert_eq!(quote("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_setting_needs_value_and_default() {
        let wrong = read(r#"{"lr": {"value": 0.01}}"#).unwrap_err();
        assert_eq!(wrong.expected, "setting \"lr\" as {\"value\": ..., \"default\": bool}");
        assert_eq!((wrong.name.as_str(), wrong.found.as_str()), ("lr", r#"{"value":0.01}"#));
    }
}
