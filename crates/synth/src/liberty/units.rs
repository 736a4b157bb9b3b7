//! The units of a library: read in any spelling, written in one.

use super::scan::Text;
use crate::error::ParseError;

/// Units written as a number, a prefix and a symbol: attribute and symbol.
const SPELLED: [(&str, &str); 4] = [
    ("voltage_unit", "V"),
    ("current_unit", "A"),
    ("pulling_resistance_unit", "ohm"),
    ("leakage_power_unit", "W"),
];

const PREFIXES: [(&str, i32); 8] =
    [("f", -15), ("p", -12), ("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6)];

/// Units of a library.
#[derive(Debug, Default)]
pub(crate) struct Units {
    time_ps: Option<f64>,
    capacitance_ff: Option<f64>,
    /// The other units, as attributes.
    others: Vec<String>,
}

impl Units {
    /// Time unit in picoseconds. Liberty's default is 1 ns.
    pub fn time_ps(&self) -> f64 {
        self.time_ps.unwrap_or(1e3)
    }

    /// Whether the file states a time unit.
    pub fn states_time(&self) -> bool {
        self.time_ps.is_some()
    }

    /// Capacitance unit in femtofarads.
    pub fn capacitance_ff(&self) -> Option<f64> {
        self.capacitance_ff
    }

    /// Reads a simple attribute of the library; returns false if it is not a unit.
    ///
    /// # Errors
    /// A unit that cannot be parsed, or that some of the tools do not know.
    pub fn simple(&mut self, name: &str, value: &str, line: usize) -> Result<bool, ParseError> {
        if name == "time_unit" {
            let expected = "time_unit of 1ps, 10ps, 100ps or 1ns";
            let found = time_ps(value).ok_or_else(|| ParseError::new(line, expected, value))?;
            let legal = [1.0, 10.0, 100.0, 1e3].into_iter().find(|ps| close(found, *ps));
            self.time_ps = Some(legal.ok_or_else(|| ParseError::new(line, expected, value))?);
            return Ok(true);
        }
        let Some((_, symbol)) = SPELLED.iter().find(|(unit, _)| *unit == name) else {
            return Ok(false);
        };
        let spelled = spell(value, symbol).ok_or_else(|| {
            ParseError::new(line, format!("{name} such as 1{symbol}, 10m{symbol}"), value)
        })?;
        self.others.push(format!("{name} : \"{spelled}\";"));
        Ok(true)
    }

    /// Reads a complex attribute of the library; returns false if it is not a unit.
    ///
    /// # Errors
    /// A unit that cannot be parsed.
    pub fn complex(
        &mut self,
        name: &str,
        args: &[Text<'_>],
        line: usize,
    ) -> Result<bool, ParseError> {
        if name != "capacitive_load_unit" {
            return Ok(false);
        }
        let expected = "capacitive_load_unit such as (1, pf) or (1, ff)";
        let [scale, unit] = args else {
            let found: Vec<_> = args.iter().map(|arg| arg.to_string()).collect();
            return Err(ParseError::new(line, expected, &found.join(", ")));
        };
        let unit_ff = match unit.trim().to_ascii_lowercase().as_str() {
            "ff" => 1.0,
            "pf" => 1e3,
            _ => return Err(ParseError::new(line, expected, unit)),
        };
        let ff = scale.trim().parse().ok().map(|scale: f64| scale * unit_ff);
        let ff = ff.filter(|ff| ff.is_finite() && *ff > 0.0);
        self.capacitance_ff = Some(ff.ok_or_else(|| ParseError::new(line, expected, scale))?);
        Ok(true)
    }

    /// The units as Liberty attributes.
    pub fn lines(&self) -> Vec<String> {
        let time = match self.time_ps() {
            ps if ps >= 1e3 => "1ns".to_owned(),
            ps => format!("{ps}ps"),
        };
        let mut lines = vec![format!("time_unit : \"{time}\";")];
        if let Some(ff) = self.capacitance_ff {
            let (scale, unit) = if ff >= 1e3 { (ff / 1e3, "pf") } else { (ff, "ff") };
            lines.push(format!("capacitive_load_unit ({scale}, {unit});"));
        }
        lines.extend(self.others.iter().cloned());
        lines
    }
}

fn close(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-9
}

/// A number above 0 and the unit after it.
fn split(value: &str) -> Option<(f64, &str)> {
    let value = value.trim();
    let end = value.find(|c: char| c.is_ascii_alphabetic())?;
    let (scale, unit) = value.split_at(end);
    let scale: f64 = scale.trim().parse().ok()?;
    (scale.is_finite() && scale > 0.0).then_some((scale, unit.trim()))
}

/// `1ns`, `10 ps`, `1000ps`, ... in picoseconds.
pub(crate) fn time_ps(value: &str) -> Option<f64> {
    let (scale, unit) = split(value)?;
    let unit_ps = match unit.to_ascii_lowercase().as_str() {
        "fs" => 1e-3,
        "ps" => 1.0,
        "ns" => 1e3,
        "us" => 1e6,
        _ => return None,
    };
    Some(scale * unit_ps)
}

/// A unit as 1, 10 or 100, a prefix and its symbol.
fn spell(value: &str, symbol: &str) -> Option<String> {
    let (scale, unit) = split(value)?;
    let at = unit.len().checked_sub(symbol.len())?;
    let (prefix, end) = (unit.get(..at)?, unit.get(at..)?);
    if !end.eq_ignore_ascii_case(symbol) {
        return None;
    }
    let exponent = |found: &str| {
        let exact = PREFIXES.iter().find(|(prefix, _)| *prefix == found);
        let any = || PREFIXES.iter().find(|(prefix, _)| prefix.eq_ignore_ascii_case(found));
        exact.or_else(any).map(|(_, exponent)| *exponent)
    };
    let size = scale * 10_f64.powi(exponent(prefix)?);
    PREFIXES.iter().find_map(|(prefix, exponent)| {
        [1_u32, 10, 100].into_iter().find_map(|scale| {
            let legal = f64::from(scale) * 10_f64.powi(*exponent);
            close(size, legal).then(|| format!("{scale}{prefix}{symbol}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_any_spelling() {
        for (text, ps) in
            [("1ps", 1.0), ("10 ps", 10.0), ("0.1ns", 100.0), ("1000ps", 1e3), ("1 NS", 1e3)]
        {
            assert_eq!(time_ps(text), Some(ps), "{text}");
            let mut units = Units::default();
            assert_eq!(units.simple("time_unit", text, 1), Ok(true));
            assert!(units.states_time() && units.time_ps() == ps);
        }
        for text in ["1", "-1ns", "1volt", "ns", "0ns"] {
            assert_eq!(time_ps(text), None, "{text}");
        }
        for text in ["2ns", "1us", "1fs", "1"] {
            assert!(Units::default().simple("time_unit", text, 7).is_err_and(|e| e.line == 7));
        }
    }

    #[test]
    fn each_unit_is_written_in_one_spelling() {
        let spelled = [
            ("1000uW", "W", Some("1mW")),
            ("0.001 uw", "W", Some("1nW")),
            ("1V", "V", Some("1V")),
            ("1kohm", "ohm", Some("1kohm")),
            ("1KOHM", "ohm", Some("1kohm")),
            ("100mV", "V", Some("100mV")),
            ("2V", "V", None),
            ("1", "V", None),
            ("V", "V", None),
        ];
        for (text, symbol, expected) in spelled {
            assert_eq!(spell(text, symbol).as_deref(), expected, "{text}");
        }
        let arg = |text: &'static str| Text { text: text.into(), quoted: false };
        for (scale, unit, line) in [
            ("1", "pf", "capacitive_load_unit (1, pf);"),
            ("1000", "ff", "capacitive_load_unit (1, pf);"),
            ("0.001", "PF", "capacitive_load_unit (1, ff);"),
            ("10", "ff", "capacitive_load_unit (10, ff);"),
        ] {
            let mut units = Units::default();
            assert_eq!(
                units.complex("capacitive_load_unit", &[arg(scale), arg(unit)], 1),
                Ok(true)
            );
            assert_eq!(units.lines(), ["time_unit : \"1ns\";", line]);
        }
        for scale in ["1e308", "inf", "NaN", "0", "-1"] {
            let read =
                Units::default().complex("capacitive_load_unit", &[arg(scale), arg("pf")], 7);
            assert!(read.is_err_and(|error| error.line == 7 && error.found == scale), "{scale}");
        }
    }
}
