//! A configuration with what `flexmac synth` and `flexmac power` measured of it.
//!
//! Area and clock are those of the whole array. Energy is measured on small arrays, since Verilator
//! has to compile every cell of a netlist, and carried to the whole by what each part is there for:
//!
//! | part | scales with | per |
//! | --- | --- | --- |
//! | PEs | rows x columns | cycle that multiplies |
//! | operand registers of rows | rows | cycle that multiplies |
//! | operand and control registers of columns | columns | cycle that multiplies |
//! | requantizers | columns | row drained |
//! | control | constant, or by columns as two small arrays say | cycle |
//! | clock tree (model) | clock pins, as the parts | cycle |
//! | operand memory (model) | rows + columns | cycle that multiplies |
//!
//! PEs that have no work in a tile at the edge of a product count like the others.

use std::collections::BTreeMap;
use std::path::Path;

use power::{Case, PowerReport, Role};
use rtlgen::{Config, Style};
use serde::{Deserialize, Serialize};
use synth::SynthReport;

use crate::error::Error;
use crate::mix::{Widths, read_json};
use crate::work::Work;

/// Energy of one mode and role, in picojoules; see the table above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// A PE, a cycle that multiplies.
    pub pe_pj: f64,
    /// A row's operand registers, a cycle that multiplies.
    pub row_pj: f64,
    /// A column's operand and control registers, a cycle that multiplies.
    pub col_pj: f64,
    /// A requantizer, a row drained.
    pub drain_pj: f64,
    /// Control, a cycle.
    pub control_pj: f64,
}

/// A synthesized array.
#[derive(Debug, Clone)]
pub struct Machine {
    /// How tables call it.
    pub name: String,
    /// What it is.
    pub config: Config,
    /// The cell library's name.
    pub library: String,
    /// Cells of the whole array.
    pub area_um2: f64,
    /// Its best clock.
    pub period_ps: f64,
    /// The clock tree of the whole array, a cycle.
    pub clock_pj: f64,
    /// Operand memory, a bit read.
    pub memory_pj_per_bit: f64,
    /// By widths and role.
    energies: BTreeMap<(Widths, Role), Measured>,
    /// Layers whose forward products have sparse activations, by number.
    sparse: Vec<u64>,
}

/// A measured small array.
pub struct Probe {
    /// What it is.
    pub config: Config,
    /// What was measured.
    pub report: PowerReport,
}

impl Probe {
    /// Reads the folders that `flexmac gen` and `flexmac power` wrote.
    ///
    /// # Errors
    /// Folders that are not theirs.
    pub fn read(config: &Path, power: &Path) -> Result<Self, Error> {
        let expected = "a measurement (flexmac power)";
        let report: PowerReport = read_json(&power.join("power.json"), expected)?;
        let config = read_config(config)?;
        if report.config != config.summary() {
            return Err(Error::Misfit {
                what: format!("measurement in {}", power.display()),
                expected: format!("one of {}", config.summary()),
                found: report.config,
            });
        }
        Ok(Self { config, report })
    }
}

/// The configuration in a folder that `flexmac gen` wrote.
///
/// # Errors
/// A folder without one.
pub fn read_config(folder: &Path) -> Result<Config, Error> {
    rtlgen::read(folder).map_err(|error| {
        Error::file(folder, "a generated array (flexmac gen)", error)
    })
}

impl Machine {
    /// Puts a machine together: the whole array's configuration and synthesis, and measurements of
    /// one or two smaller ones that differ from it in rows and columns alone, the smaller first.
    ///
    /// # Errors
    /// Reports that do not belong together.
    pub fn new(
        name: &str,
        config: Config,
        synth: &SynthReport,
        probes: &[Probe],
    ) -> Result<Self, Error> {
        let misfit = |what: &str, expected: String, found: String| {
            Err(Error::Misfit { what: format!("{name}: {what}"), expected, found })
        };
        let library = synth.library.as_ref().map_or("none", |library| library.name.as_str());
        let (Some(area_um2), Some(timing), Some(last)) =
            (synth.area_um2, synth.timing.as_ref(), probes.last())
        else {
            let expected = "area and clock on a cell library, and an energy measurement".to_owned();
            return misfit("reports", expected, format!("target {}", synth.target));
        };
        for probe in probes {
            let mut small = probe.config.spec().clone();
            (small.rows, small.cols) = (config.spec().rows, config.spec().cols);
            if small != *config.spec() {
                let expected = format!("{} with fewer rows and columns", config.summary());
                return misfit("measured array", expected, probe.config.summary());
            }
            if probe.report.library.name != library {
                let found = probe.report.library.name.clone();
                return misfit("library of the measurement", library.to_owned(), found);
            }
        }
        let mut energies = BTreeMap::new();
        for case in &last.report.cases {
            let Some(widths) = widths(&case.mode) else {
                return misfit("mode", "two widths or fp32".to_owned(), case.mode.clone());
            };
            let first = probes[0].report.cases.iter().find(|other| other.mode == case.mode && other.role == case.role);
            let small = first.map(|case| (&probes[0].config, case));
            energies.insert((widths, case.role), measured(&config, small, (&last.config, case)));
        }
        if energies.is_empty() {
            return misfit("measurement", "at least one mode".to_owned(), "none".to_owned());
        }
        let mut sparse: Vec<u64> = last
            .report
            .cases
            .iter()
            .filter(|case| case.role == Role::ForwardSparse)
            .flat_map(|case| case.samples.iter().map(|sample| sample.layer))
            .collect();
        sparse.sort_unstable();
        sparse.dedup();
        Ok(Self {
            name: name.to_owned(),
            library: library.to_owned(),
            area_um2,
            period_ps: timing.period_ps,
            clock_pj: clock(&config, probes),
            memory_pj_per_bit: last.report.memory.pj_per_bit,
            energies,
            sparse,
            config,
        })
    }

    /// Energy of a work's mode and role, and whether it was measured in just that mode. Of modes that
    /// were not, the one whose passes are nearest stands in.
    pub fn energy(&self, work: &Work) -> (Measured, bool) {
        let role = match work.role {
            fxp::Role::InputGradient => Role::InputGradient,
            fxp::Role::WeightGradient => Role::WeightGradient,
            _ if self.sparse.contains(&work.layer_index) => Role::ForwardSparse,
            _ => Role::Forward,
        };
        let wanted = work.mode(&self.config);
        let swapped = wanted.map(|(a, b)| (b, a));
        let exact = [wanted, swapped].into_iter().find_map(|mode| self.energies.get(&(mode, role)));
        if let Some(energy) = exact {
            return (*energy, true);
        }
        let passes = |widths: Widths| {
            widths.map_or(1.0, |(a, b)| {
                f64::from(self.config.planes(a) * self.config.planes(b)).ln()
            })
        };
        // Another role before another mode: a mode's cost differs less than its role's.
        let distance = |key: &(Widths, Role)| {
            (passes(key.0) - passes(wanted)).abs() + f64::from(u8::from(key.1 != role)) * 100.0
        };
        let nearest = self
            .energies
            .iter()
            .min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))
            .expect("at least one mode");
        (*nearest.1, false)
    }

    /// Whether it computes in floats.
    pub fn is_float(&self) -> bool {
        self.config.style() == Style::Fp32
    }

    /// Leading and trailing dimensions, as numbers to multiply energies by.
    pub fn shape(&self) -> (f64, f64) {
        (self.config.rows() as f64, self.config.cols() as f64)
    }
}

/// Reads a mode's name.
fn widths(mode: &str) -> Option<Widths> {
    match mode.parse().ok()? {
        power::Mode::Fixed(a, b) => Some(Some((a, b))),
        power::Mode::Float => Some(None),
    }
}

fn part(case: &Case, name: &str) -> f64 {
    case.parts.iter().find(|part| part.name == name).map_or(0.0, |part| part.energy.total())
}

/// What a case says of one PE, one row, one column, one drained row; `first` is the same case on a
/// smaller array, where there is one.
fn measured(whole: &Config, first: Option<(&Config, &Case)>, (config, case): (&Config, &Case)) -> Measured {
    let (rows, cols) = (config.rows() as f64, config.cols() as f64);
    let per_cycle = |case: &Case| part(case, "control") * case.compute_share;
    let control_pj = match first {
        // A line through both, by columns.
        Some((small, first)) if small.cols() != config.cols() => {
            let slope = (per_cycle(case) - per_cycle(first)) / (cols - small.cols() as f64);
            per_cycle(case) + slope * (whole.cols() as f64 - cols)
        }
        _ => per_cycle(case),
    };
    let drained = case.drained_per_pass_cycle * cols;
    Measured {
        pe_pj: part(case, "PEs") / (rows * cols),
        row_pj: part(case, "rows") / rows,
        col_pj: part(case, "columns") / cols,
        drain_pj: part(case, "edge") / drained,
        control_pj,
    }
}

/// The clock tree of the whole: its energy a pin, times pins by module.
fn clock(whole: &Config, probes: &[Probe]) -> f64 {
    let last = &probes[probes.len() - 1];
    let tree = &last.report.clock_tree;
    let pins = |probe: &Probe, name: &str| {
        let parts = &probe.report.cases[0].parts;
        parts.iter().find(|part| part.name == name).map_or(0.0, |part| part.clock_pins as f64)
    };
    let (rows, cols) = (last.config.rows() as f64, last.config.cols() as f64);
    let (all_rows, all_cols) = (whole.rows() as f64, whole.cols() as f64);
    let control = match probes {
        [first, .., _] if first.config.cols() != last.config.cols() => {
            let (small, large) = (pins(first, "control"), pins(last, "control"));
            let slope = (large - small) / (cols - first.config.cols() as f64);
            large + slope * (all_cols - cols)
        }
        _ => pins(last, "control"),
    };
    let total = pins(last, "PEs") / (rows * cols) * all_rows * all_cols
        + pins(last, "rows") / rows * all_rows
        + (pins(last, "columns") + pins(last, "edge")) / cols * all_cols
        + control;
    tree.cycle_pj / tree.pins as f64 * total
}
