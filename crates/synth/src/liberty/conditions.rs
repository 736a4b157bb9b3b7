//! Chooses the operating conditions for which a library's results hold.

use super::scan::Text;
use crate::error::ParseError;

/// Process, temperature in degrees Celsius and voltage; none for values that are not stated.
type Values = [Option<f64>; 3];

const NAMES: [(&str, &str); 3] =
    [("nom_process", "process"), ("nom_temperature", "temperature"), ("nom_voltage", "voltage")];

/// The conditions that a library defines.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    nominal: Values,
    groups: Vec<(String, Values)>,
    open: bool,
    /// The name that the library states as its default, and the line.
    pub default: Option<(String, usize)>,
}

impl Conditions {
    /// Opens a group of conditions.
    pub fn open(&mut self, name: &str) {
        self.groups.push((name.to_owned(), Values::default()));
        self.open = true;
    }

    /// Closes a group of the library.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// `nom_voltage` in volts.
    pub fn nominal_voltage(&self) -> Option<f64> {
        self.nominal[2]
    }

    /// Reads an attribute of the library.
    ///
    /// # Errors
    /// A nominal value that is not a number.
    pub fn nominal(&mut self, name: &str, value: &Text, line: usize) -> Result<(), ParseError> {
        let names = NAMES.map(|(nominal, _)| nominal);
        set(&mut self.nominal, &names, name, value, line)
    }

    /// Reads an attribute of the open group, if there is one.
    ///
    /// # Errors
    /// A value that is not a number.
    pub fn simple(&mut self, name: &str, value: &Text, line: usize) -> Result<(), ParseError> {
        match self.groups.last_mut() {
            Some((_, values)) if self.open => {
                set(values, &NAMES.map(|(_, own)| own), name, value, line)
            }
            _ => Ok(()),
        }
    }

    /// The wanted conditions; else the default ones; else the only ones; else those with the nominal values.
    ///
    /// # Errors
    /// Wanted or default conditions that are not defined.
    pub fn choose(
        &self,
        wanted: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Option<String>, ParseError> {
        let names: Vec<_> = self.groups.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(wanted) = wanted {
            if names.contains(&wanted) {
                return Ok(Some(wanted.to_owned()));
            }
            let known = if names.is_empty() { "none".into() } else { names.join(", ") };
            let expected = format!("operating conditions that the library defines: {known}");
            return Err(ParseError::new(0, expected, wanted));
        }
        if let Some((name, line)) = &self.default {
            if names.contains(&name.as_str()) {
                return Ok(Some(name.clone()));
            }
            let expected =
                if names.is_empty() { "no group at all".into() } else { names.join(", ") };
            let expected = format!("default_operating_conditions of a group: {expected}");
            return Err(ParseError::new(*line, expected, name));
        }
        match names.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some((*only).to_owned())),
            several => {
                let chosen = self.groups.iter().find(|(_, values)| self.is_nominal(values));
                let chosen = chosen.map(|(name, _)| name.clone());
                notes.push(format!(
                    "the library defines operating conditions {} and no default: {}",
                    several.join(", "),
                    chosen.as_deref().unwrap_or("its nominal values, which none of them has"),
                ));
                Ok(chosen)
            }
        }
    }

    /// Whether at least one value is stated in both places, and all such values agree.
    fn is_nominal(&self, values: &Values) -> bool {
        let both = || self.nominal.iter().zip(values).filter_map(|(a, b)| (*a).zip(*b));
        both().count() > 0 && both().all(|(a, b)| a == b)
    }
}

fn set(
    values: &mut Values,
    names: &[&str; 3],
    name: &str,
    value: &Text,
    line: usize,
) -> Result<(), ParseError> {
    if let Some(at) = names.iter().position(|known| *known == name) {
        let number: Option<f64> = value.trim().parse().ok();
        let number = number.filter(|number| number.is_finite());
        values[at] = Some(
            number.ok_or_else(|| ParseError::new(line, format!("a number for {name}"), value))?,
        );
    }
    Ok(())
}
