//! Every effective setting of a command, and whether it was given.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Settings by name, in the order of the alphabet.
#[derive(Debug, Default)]
pub struct Settings(pub Map<String, Value>);

impl Settings {
    /// The value given, or else the default; noted either way.
    pub fn take<V: Serialize + Clone>(&mut self, name: &str, given: &Option<V>, default: V) -> V {
        let value = given.clone().unwrap_or(default);
        self.0.insert(name.to_owned(), json!({"value": value, "default": given.is_none()}));
        value
    }

    /// One line per setting, as ibex's flow prints them.
    pub fn print(&self) {
        for (name, setting) in &self.0 {
            let mark = if setting["default"] == json!(true) { "  (default)" } else { "" };
            eprintln!("{name:>23} = {}{mark}", setting["value"]);
        }
    }
}
