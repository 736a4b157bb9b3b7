//! The settings of a run, and the command that repeats it.

use std::collections::BTreeMap;
use std::fmt::Write;

use flexmac_record::Setting as RecordedSetting;
use serde::Serialize;

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name in `config.json`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the value is the default: no flag gave it.
    pub default: bool,
}

/// The settings of a run as text.
pub(crate) fn settings(recorded: &BTreeMap<String, RecordedSetting>) -> Vec<Setting> {
    let setting = |(name, recorded): (&String, &RecordedSetting)| {
        let value = recorded.value.as_str();
        let value = value.map_or_else(|| recorded.value.to_string(), str::to_owned);
        Setting { name: name.clone(), value, default: recorded.default }
    };
    recorded.iter().map(setting).collect()
}

/// The flag of `flexmac train` for a setting, without the dashes. Two flags were renamed after
/// 0.1.0; `config.json` keeps the old names.
pub fn flag_of(setting: &str) -> &str {
    match setting {
        "rounding" => "round",
        "forward-rounding" => "forward-round",
        flag => flag,
    }
}

/// The command: every setting that was given, and always the seed.
pub(crate) fn command_line(settings: &[Setting], out: &str) -> String {
    let mut command = "flexmac train".to_owned();
    for setting in settings.iter().filter(|setting| !setting.default || setting.name == "seed") {
        let _ = write!(command, " --{} {}", flag_of(&setting.name), quote(&setting.value));
    }
    let _ = write!(command, " --out {}", quote(&format!("{out}-again")));
    command
}

/// Quotes a word for a shell, if it needs quotes.
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

    fn read(text: &str) -> Vec<Setting> {
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
        let command = command_line(&settings, "run");
        assert_eq!(
            command,
            "flexmac train --batch 16 --data 'my data' --round nearest --seed 1 --out run-again"
        );
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
