//! The configuration of a synthesis run, and its checks before anything is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::library::LibraryOptions;
use crate::target::Target;

/// A synthesis run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SynthConfig {
    /// Verilog-2005 files; each must be self-contained (no `include`, no `$readmemh` by relative path).
    pub sources: Vec<PathBuf>,
    /// Top module.
    pub top: String,
    /// Parameters of the top module and their values, Verilog constants; the others keep their defaults.
    pub parameters: Vec<(String, String)>,
    /// Technology.
    pub target: Target,
    /// How the cell library is read.
    pub library: LibraryOptions,
    /// Clock port of the top module; default `clk_i`.
    pub clock: String,
    /// Target period in picoseconds. Each module is mapped with the smallest ABC recipe that fits; without a
    /// period, every module is mapped with `fast`.
    pub period_ps: Option<f64>,
    /// Search for the shortest period; excludes `period_ps`.
    pub search_period: bool,
    /// Map each module with its cells in this many orders, at least 1, and keep the best whole netlist: that of
    /// the smallest area times period, or in a period search that of the shortest period. The orders change
    /// nothing but ABC's luck ([`TryReport::order`](flexmac_record::TryReport)).
    pub orders: u32,
    /// Flatten the hierarchy before optimising: one module, no breakdown by module.
    pub flatten: bool,
    /// Modules that are kept in a hierarchical run; the hierarchy below them is flattened. Empty: every module
    /// is kept. For modules that occur often and are better optimised flat.
    pub units: Vec<String>,
    /// Add a buffer at every input except `bare_ports` to modules that contain registers but no other module
    /// with registers. A net to many such modules then drives one small load in each. Not in flat runs.
    pub input_buffers: bool,
    /// Ports without such a buffer: the clock, and connections between two modules.
    pub bare_ports: Vec<String>,
    /// Verilog macros defined while reading.
    pub defines: Vec<String>,
    /// Use the library's clock gates, if it has any, for registers of four or more bits with an enable.
    /// Otherwise each bit gets a multiplexer.
    pub clock_gates: bool,
    /// Folder for scripts, logs, netlists and `report.json`; created if missing.
    pub out_dir: PathBuf,
    /// Keep the working copy of the cell library (46 MB for ASAP7), so that the scripts can be run again.
    pub keep: bool,
    /// Time limit for each tool; default two hours.
    pub timeout: Duration,
    /// Repeat every stage, even if an earlier result is current.
    pub force: bool,
    /// Number of modules mapped at the same time; default: the number of cores.
    pub jobs: usize,
}

impl SynthConfig {
    /// A hierarchical run without a target period; add [`sources`](Self::sources).
    pub fn new(top: impl Into<String>, target: Target, out_dir: impl Into<PathBuf>) -> Self {
        Self {
            sources: Vec::new(),
            top: top.into(),
            parameters: Vec::new(),
            target,
            library: LibraryOptions::default(),
            clock: "clk_i".to_owned(),
            period_ps: None,
            search_period: false,
            orders: 1,
            flatten: false,
            units: Vec::new(),
            input_buffers: false,
            bare_ports: vec!["clk_i".to_owned()],
            defines: Vec::new(),
            clock_gates: false,
            out_dir: out_dir.into(),
            keep: false,
            timeout: Duration::from_secs(2 * 60 * 60),
            force: false,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Sets the Verilog files.
    #[must_use]
    pub fn sources<P: Into<PathBuf>>(mut self, sources: impl IntoIterator<Item = P>) -> Self {
        self.sources = sources.into_iter().map(Into::into).collect();
        self
    }

    /// Checks everything that can be checked without running a tool.
    ///
    /// Names become part of scripts, so they must be plain Verilog identifiers.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (field, name) in [("top", &self.top), ("clock", &self.clock)] {
            if !is_identifier(name) {
                return Err(Error::Config {
                    field,
                    found: format!("{name:?}"),
                    expected: "a Verilog identifier: letters, digits and _, no digit first",
                });
            }
        }
        for (name, value) in &self.parameters {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '\'';
            if !is_identifier(name) || value.is_empty() || !value.chars().all(plain) {
                return Err(Error::Config {
                    field: "parameters",
                    found: format!("{name} = {value}"),
                    expected: "a Verilog identifier and a Verilog constant",
                });
            }
        }
        if self.sources.is_empty() {
            return Err(Error::Config {
                field: "sources",
                found: "no files".to_owned(),
                expected: "at least one Verilog file",
            });
        }
        if let Some(period_ps) = self.period_ps
            && !(1.0..=1e9).contains(&period_ps)
        {
            return Err(Error::Config {
                field: "period_ps",
                found: period_ps.to_string(),
                expected: "1 to 1e9 picoseconds",
            });
        }
        if self.search_period
            && (self.period_ps.is_some() || !matches!(self.target, Target::Liberty { .. }))
        {
            return Err(Error::Config {
                field: "search_period",
                found: format!("target {}, period {:?}", self.target.name(), self.period_ps),
                expected: "a cell library, and no period given",
            });
        }
        if self.timeout.is_zero() {
            return Err(Error::Config {
                field: "timeout",
                found: "0 s".to_owned(),
                expected: "a positive duration",
            });
        }
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Name of source `index` in the staging folder: ordered, unique, and safe for every tool.
pub(crate) fn staged_name(index: usize, source: &Path) -> String {
    let stem: String = source
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
        .collect();
    format!("input/{index:03}_{stem}.v")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SynthConfig {
        SynthConfig::new("top", Target::Generic, "out").sources(["a.v"])
    }

    #[test]
    fn a_plain_configuration_passes() {
        config().check().expect("valid");
    }

    #[test]
    fn names_that_would_change_a_script_are_refused() {
        for bad in ["", "1a", "a b", "a;b", "a\nb", "a$b", "ä"] {
            let config = SynthConfig { top: bad.to_owned(), ..config() };
            let message = config.check().expect_err(bad).to_string();
            assert!(message.starts_with("top: found "), "{message}");
        }
    }

    #[test]
    fn periods_outside_the_range_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let config = SynthConfig { period_ps: Some(bad), ..config() };
            assert!(config.check().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_search_needs_a_library_and_no_period() {
        let search = SynthConfig { search_period: true, ..config() };
        let message = search.check().expect_err("generic").to_string();
        assert!(message.starts_with("search_period: found target generic"), "{message}");
        let search = SynthConfig { target: Target::default_liberty(), ..search };
        search.check().expect("valid");
        assert!(SynthConfig { period_ps: Some(1000.0), ..search }.check().is_err());
    }

    #[test]
    fn staged_names_are_plain_and_ordered() {
        assert_eq!(staged_name(7, Path::new("/a b/mac pe.v")), "input/007_mac_pe.v");
        assert_eq!(staged_name(0, Path::new("..")), "input/000_.v");
    }
}
