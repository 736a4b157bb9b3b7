//! Reads OpenSTA's numbers and checks them against each other.
//!
//! Role: text in, checked numbers out; `sta.rs` runs the tool. Main decision: every number of a log is checked.
//! OpenSTA 2.0.17 continues after an error and exits with 0. So every number has a marker and must be finite,
//! and parts must add up to their total.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Internal, switching and leakage power in watts.
pub type Watts = [f64; 3];

/// A log of power.tcl, clock.tcl or estimate.tcl.
#[derive(Debug, Clone)]
pub struct Log {
    /// Its text.
    pub text: String,
    /// Its path, for messages.
    pub path: PathBuf,
}

impl Log {
    /// The log, if its script ran to the end.
    ///
    /// # Errors
    /// [`Error::Implausible`], as for all methods below.
    pub fn finished(text: String, path: PathBuf) -> Result<Self, Error> {
        let log = Self { text, path };
        if log.text.lines().any(|line| line.trim() == "FLEXMAC done") {
            return Ok(log);
        }
        let script = log.path.with_extension("tcl");
        let name = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Err(log.refuse(format!("the end of {name}"), "FLEXMAC done", "the end of the log"))
    }

    fn refuse(&self, what: String, expected: &str, found: &str) -> Error {
        let (expected, found) = (expected.to_owned(), found.to_owned());
        Error::Implausible { what, expected, found, log: self.path.clone() }
    }

    /// The numbers after a marker: at least `least`, all finite.
    ///
    /// # Errors
    /// No such line, or anything else after the marker.
    pub fn marked(&self, marker: &str, least: usize) -> Result<Vec<f64>, Error> {
        let line = self.text.lines().find_map(|line| line.strip_prefix(marker));
        let numbers: Option<Vec<f64>> =
            line.and_then(|line| line.split_whitespace().map(|word| word.parse().ok()).collect());
        numbers.filter(|n| n.len() >= least && n.iter().all(|n| n.is_finite())).ok_or_else(|| {
            let found = line.unwrap_or("no such line");
            self.refuse(format!("the line {marker:?}"), &format!("{least} or more numbers"), found)
        })
    }

    /// Compares the period of the clock with the one given.
    ///
    /// # Errors
    /// Another period, which means another unit of time.
    pub fn check_period(&self, period_ps: f64) -> Result<(), Error> {
        let found = self.marked("FLEXMAC period_ps ", 1)?[0];
        if (found - period_ps).abs() <= 1e-5 * period_ps {
            return Ok(());
        }
        Err(self.refuse("clock period".into(), &format!("{period_ps} ps"), &format!("{found}")))
    }

    /// The row `Total` of case `index`.
    ///
    /// # Errors
    /// No such row between the case's markers, or fewer than three finite numbers in it.
    pub fn total(&self, index: usize) -> Result<Watts, Error> {
        let (begin, end) = (format!("FLEXMAC begin {index}"), format!("FLEXMAC end {index}"));
        let row = self
            .text
            .lines()
            .skip_while(|line| line.trim() != begin)
            .take_while(|line| line.trim() != end)
            .find_map(|line| line.strip_prefix("Total"));
        let numbers: Vec<f64> = row
            .unwrap_or_default()
            .split_whitespace()
            .map_while(|word| word.parse().ok().filter(|number: &f64| number.is_finite()))
            .collect();
        match numbers.as_slice() {
            [internal, switching, leakage, ..] => Ok([*internal, *switching, *leakage]),
            _ => Err(self.refuse(
                format!("total power of case {index}"),
                "internal, switching and leakage power",
                row.unwrap_or("no such row"),
            )),
        }
    }

    /// Compares the sum over the cells with the total that OpenSTA prints for case `index`.
    ///
    /// # Errors
    /// A sum that is off by more than 0.2 %.
    pub fn check_total(&self, index: usize, cells: &[Watts]) -> Result<(), Error> {
        let stated = self.total(index)?;
        for (at, what) in ["internal", "switching", "leakage"].iter().enumerate() {
            let sum: f64 = cells.iter().map(|cell| cell[at]).sum();
            // OpenSTA adds single-precision numbers one by one.
            if (sum - stated[at]).abs() > 2e-3 * sum.abs() + 1e-15 {
                return Err(self.refuse(
                    format!("{what} power of case {index}, summed over cells"),
                    &format!("{} W as OpenSTA states", stated[at]),
                    &format!("{sum} W"),
                ));
            }
        }
        Ok(())
    }
}

/// Power of each cell of `power.v`, from the file at `path` that power.tcl writes: cells `u0` to
/// `u<cells - 1>` in order, then the `registers` of the stimulus, whose names begin with `s`.
///
/// # Errors
/// [`Error::Implausible`]: a line that is not a name and four finite numbers, a repeated or a missing
/// cell.
pub fn cell_powers(
    text: &str,
    cells: usize,
    registers: usize,
    path: &Path,
) -> Result<Vec<Watts>, Error> {
    let refuse = |found: &str| Error::Implausible {
        what: "power of a cell".to_owned(),
        expected: "its name and four finite numbers, once".to_owned(),
        found: found.to_owned(),
        log: path.to_owned(),
    };
    let mut powers: Vec<Option<Watts>> = vec![None; cells];
    let mut others = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let numbers: Option<Vec<f64>> =
            words.map(|word| word.parse().ok().filter(|n: &f64| n.is_finite())).collect();
        let Some(&[internal, switching, leakage, _]) = numbers.as_deref() else {
            return Err(refuse(line));
        };
        let watts = [internal, switching, leakage];
        match name.strip_prefix('u').and_then(|index| index.parse::<usize>().ok()) {
            Some(index) if index < cells && powers[index].is_none() => powers[index] = Some(watts),
            None if name.starts_with('s') => others.push(watts),
            _ => return Err(refuse(line)),
        }
    }
    let found: Option<Vec<Watts>> = powers.into_iter().collect();
    let mut found = found.ok_or_else(|| refuse("fewer cells than the netlist has"))?;
    if others.len() != registers {
        return Err(refuse(&format!("{} registers for {registers} inputs", others.len())));
    }
    found.extend(others);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POWER: &str = include_str!("../../../tests/hostile/seeds/power-log/power.log");
    const CLOCK: &str = include_str!("../../../tests/hostile/seeds/power-log/clock.log");
    const CELLS: &str = include_str!("../../../tests/hostile/seeds/cell-powers/power_0.txt");

    fn log(text: impl Into<String>) -> Log {
        Log::finished(text.into(), PathBuf::from("out/power.log")).unwrap()
    }

    fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn reads_what_the_scripts_print() {
        let power = log(POWER);
        power.check_period(3449.866211).unwrap();
        assert_eq!(power.total(0).unwrap(), [1.509995759e-1, 1.557826810e-2, 8.646853189e-7]);
        assert_eq!(power.total(1).unwrap()[0], 1.392661184e-1);
        power.check_total(0, &[[0.15, 0.015, 8e-7], [0.001, 0.0005782681, 0.6468e-7]]).unwrap();
        assert_eq!(log(CLOCK).marked("FLEXMAC leaf ", 2).unwrap().len(), 4);
        let cells = cell_powers(CELLS, 4, 2, Path::new("power_0.txt")).unwrap();
        assert_eq!(cells.len(), 6);
        assert_eq!(
            cells[4],
            [5.9454647271195427e-5, 0.00014022455434314907, 6.606390434704679e-11]
        );
    }

    #[test]
    fn refuses_a_log_that_lacks_something() {
        let end = message(Log::finished(POWER.replace("done", ""), "out/power.log".into()));
        assert!(end.contains("the end of power.tcl: expected FLEXMAC done"), "{end}");
        let period = message(log(POWER).check_period(3.449866));
        assert!(period.contains("expected 3.449866 ps, found 3449.866211"), "{period}");
        // If the row of case 0 is missing, the row of case 1 is not used instead.
        let row = POWER.replacen("Total    ", "Sum      ", 1);
        let missing = message(log(row).total(0));
        assert!(missing.contains("total power of case 0") && missing.contains("no such row"));
        let sum = message(log(POWER).check_total(0, &[[0.14, 0.01557, 8.6e-7]]));
        assert!(sum.contains("internal power of case 0, summed over cells"), "{sum}");
    }

    #[test]
    fn refuses_numbers_that_are_missing_or_none() {
        // One number instead of the two that are added up: this once caused a panic.
        let line = CLOCK.lines().find(|line| line.starts_with("FLEXMAC leaf")).unwrap();
        for bad in ["FLEXMAC leaf 6.1e-5", "FLEXMAC leaf", "FLEXMAC leaf inf 1", "FLEXMAC leaf x 1"]
        {
            let found = message(log(CLOCK.replace(line, bad)).marked("FLEXMAC leaf ", 2));
            assert!(found.contains("expected 2 or more numbers"), "{found}");
        }
        let nan = POWER.replacen("1.557826810e-02", "NaN", 1);
        assert!(message(log(nan).total(0)).contains("internal, switching and leakage"));
    }

    #[test]
    fn refuses_cells_that_are_not_those_of_the_netlist() {
        let read = |text: &str| cell_powers(text, 4, 2, Path::new("power_0.txt"));
        let first = CELLS.lines().next().unwrap();
        for (bad, expected) in [
            (CELLS.replace(first, ""), "four finite numbers"),
            (CELLS.replace(&format!("{first}\n"), ""), "fewer cells"),
            (format!("{CELLS}{first}\n"), "four finite numbers, once"),
            (CELLS.replace("u3 ", "u4 "), "four finite numbers, once"),
            (CELLS.replace("s1 ", "s1 x "), "found s1 x"),
            (format!("{CELLS}s2 1 1 1 3\n"), "3 registers for 2 inputs"),
        ] {
            let found = message(read(&bad));
            assert!(found.contains(expected), "{found}");
        }
    }
}
