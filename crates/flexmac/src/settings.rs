//! The settings of a run, from its flags, the record of a resumed run, and defaults, in this order.

use std::collections::BTreeMap;
use std::fmt::Display;

use anyhow::{Result, bail};
use flexmac_record::Setting;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Every effective setting, and whether it was given.
#[derive(Debug, Default)]
pub struct Settings {
    effective: BTreeMap<String, Setting>,
    /// Settings of the resumed run.
    recorded: Option<BTreeMap<String, Setting>>,
    may_change: &'static [&'static str],
    contradictions: Vec<String>,
}

impl Settings {
    /// No settings yet; `recorded` are those of the resumed run.
    pub fn new(recorded: Option<BTreeMap<String, Setting>>) -> Self {
        Self { recorded, ..Self::default() }
    }

    /// Settings that may differ from the recorded ones.
    pub fn may_change(&mut self, names: &'static [&'static str]) {
        self.may_change = names;
    }

    /// Decides the value of a setting. A flag that contradicts the recorded run is noted, and
    /// [`Settings::effective`] refuses all of them together.
    pub fn take<V>(&mut self, name: &str, given: &Option<V>, default: V) -> V
    where
        V: Serialize + DeserializeOwned + Clone,
    {
        let recorded = self.recorded.as_ref().and_then(|recorded| recorded.get(name));
        let (setting, value) = match (given, recorded) {
            (None, Some(recorded)) => match serde_json::from_value(recorded.value.clone()) {
                Ok(value) => (recorded.clone(), value),
                Err(error) => {
                    self.contradictions.push(format!("{name}: {error}"));
                    (recorded.clone(), default)
                }
            },
            (Some(given), Some(recorded)) => {
                let asked = json!(given);
                if asked == recorded.value {
                    (recorded.clone(), given.clone())
                } else {
                    if !self.may_change.contains(&name) {
                        let expected = &recorded.value;
                        let flag = flexmac_report::flag_of(name);
                        self.contradictions
                            .push(format!("--{flag}: expected {expected}, found {asked}"));
                    }
                    (Setting { default: false, value: asked }, given.clone())
                }
            }
            (given, None) => {
                let value = given.clone().unwrap_or(default);
                (Setting { default: given.is_none(), value: json!(value) }, value)
            }
        };
        self.effective.insert(name.to_owned(), setting);
        value
    }

    /// Settles a setting that is recorded only where it is given, because runs from before it have
    /// none. A resumed run has it if it was started with it.
    ///
    /// # Errors
    /// A flag that the resumed run was started without.
    pub fn take_given<V>(&mut self, name: &str, given: &Option<V>, default: V) -> Result<V>
    where
        V: Serialize + DeserializeOwned + Clone + Display,
    {
        let had = self.recorded.as_ref().map(|recorded| recorded.contains_key(name));
        match (given, had) {
            (None, None | Some(false)) => Ok(default),
            (Some(given), Some(false)) => bail!(
                "--{name}: expected none, as the resumed run was started without, found {given}; \
                 start another run"
            ),
            _ => Ok(self.take(name, given, default)),
        }
    }

    /// Whether a setting has its default value because no flag gave it.
    pub fn is_default(&self, name: &str) -> bool {
        self.effective.get(name).is_none_or(|setting| setting.default)
    }

    /// Whether the value of a setting is decided.
    pub fn has(&self, name: &str) -> bool {
        self.effective.contains_key(name)
    }

    /// The value of a setting that a flag gave.
    pub fn given<V: DeserializeOwned>(&self, name: &str) -> Option<V> {
        let setting = self.effective.get(name).filter(|_| !self.is_default(name))?;
        serde_json::from_value(setting.value.clone()).ok()
    }

    /// All settings. To be called after the last [`Settings::take`].
    ///
    /// # Errors
    /// Flags that contradict the recorded run.
    pub fn effective(&self) -> Result<BTreeMap<String, Setting>> {
        if !self.contradictions.is_empty() {
            bail!(
                "--resume: the run was started with other settings; leave the flag out, or start \
                 another run\n  {}",
                self.contradictions.join("\n  ")
            );
        }
        Ok(self.effective.clone())
    }

    /// Prints one line per setting.
    pub fn print(&self) {
        for (name, setting) in &self.effective {
            let mark = if setting.default { "  (default)" } else { "" };
            errln!("{name:>23} = {}{mark}", setting.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_settings_stand_in_for_defaults_and_contradictions_are_named_together() {
        let mut first = Settings::default();
        assert_eq!(first.take("seed", &Some(7), 1), 7);
        assert_eq!(first.take("lr", &None, 0.01), 0.01);
        assert_eq!(first.take("iters", &Some(10), 1000), 10);
        let recorded = first.effective().unwrap();

        let mut again = Settings::new(Some(recorded.clone()));
        again.may_change(&["iters"]);
        assert_eq!(again.take("seed", &None, 1), 7);
        assert_eq!(again.take("lr", &Some(0.01), 0.01), 0.01);
        assert_eq!(again.take("iters", &None, 1000), 10);
        assert_eq!(again.effective().unwrap(), recorded);

        let mut other = Settings::new(Some(recorded));
        other.may_change(&["iters"]);
        other.take("seed", &Some(8), 1);
        other.take("lr", &Some(0.02), 0.01);
        assert_eq!(other.take("iters", &Some(20), 1000), 20);
        let error = other.effective().unwrap_err().to_string();
        assert!(error.contains("--seed: expected 7, found 8\n  --lr: expected 0.01, found 0.02"));
        assert!(!error.contains("iters"), "{error}");
    }
}
