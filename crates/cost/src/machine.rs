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

use flexmac_array::{ArrayConfig, Style};
use flexmac_record::{OperandRole, PowerCase, PowerReport, RecordFile, SynthReport};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::mix::Widths;
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
    /// Control, a cycle: constant, and by column.
    pub control_pj: (f64, f64),
}

impl Measured {
    /// Control of an array of so many columns, a cycle.
    pub fn control(&self, cols: f64) -> f64 {
        self.control_pj.0 + self.control_pj.1 * cols
    }
}

/// The modules that are PEs, by style.
const PES: [&str; 3] = ["flexmac_pe", "flexmac_fixed_pe", "flexmac_fp32_pe"];

/// A synthesized array.
#[derive(Debug, Clone)]
pub struct Machine {
    /// How tables call it.
    pub name: String,
    /// What it is.
    pub config: ArrayConfig,
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
    energies: BTreeMap<(Widths, OperandRole), Measured>,
    /// Layers whose forward products have sparse activations, by number.
    sparse: Vec<u64>,
    /// Measured small arrays, for the clock tree of another size.
    pins: Pins,
    /// Of a PE, and what squares of n x n have beside PEs, as a line in n; none where only one
    /// square was synthesized.
    area: Option<(f64, (f64, f64))>,
}

/// Clock pins of the parts of an array, and the energy of one.
#[derive(Debug, Clone, Copy)]
struct Pins {
    pe: f64,
    row: f64,
    col: f64,
    /// Of control: constant, and by column.
    control: (f64, f64),
    pj: f64,
}

impl Pins {
    fn cycle_pj(&self, (rows, cols): (f64, f64)) -> f64 {
        let (constant, by_column) = self.control;
        let control = constant + by_column * cols;
        self.pj * (self.pe * rows * cols + self.row * rows + self.col * cols + control)
    }
}

/// A measured small array.
pub struct Probe {
    /// What it is.
    pub config: ArrayConfig,
    /// What was measured.
    pub report: PowerReport,
    /// Its area, where its synthesis is at hand.
    pub area_um2: Option<f64>,
}

impl Probe {
    /// Reads the folders that `flexmac gen`, `flexmac synth` and `flexmac power` wrote.
    ///
    /// # Errors
    /// Folders that are not theirs.
    pub fn read(config: &Path, synth: &Path, power: &Path) -> Result<Self, Error> {
        let synth = SynthReport::read(&synth.join("report.json"))?;
        let report = PowerReport::read(&power.join("power.json"))?;
        let config = read_config(config)?;
        if report.config != config.summary() {
            return Err(Error::Misfit {
                what: format!("measurement in {}", power.display()),
                expected: format!("one of {}", config.summary()),
                found: report.config,
            });
        }
        Ok(Self { config, report, area_um2: synth.area_um2 })
    }
}

/// The configuration in a folder that `flexmac gen` wrote.
///
/// # Errors
/// A folder without one.
pub fn read_config(folder: &Path) -> Result<ArrayConfig, Error> {
    flexmac_rtlgen::read(folder)
        .map_err(|error| Error::file(folder, "a generated array (flexmac gen)", error))
}

impl Machine {
    /// Puts a machine together: the whole array's configuration and synthesis, and measurements of
    /// one or two smaller ones that differ from it in rows and columns alone, the smaller first.
    ///
    /// # Errors
    /// Reports that do not belong together.
    pub fn new(
        name: &str,
        config: ArrayConfig,
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
            let first = probes[0]
                .report
                .cases
                .iter()
                .find(|other| other.mode == case.mode && other.role == case.role);
            let small = first.map(|case| (&probes[0].config, case));
            energies.insert((widths, case.role), measured(small, (&last.config, case)));
        }
        if energies.is_empty() {
            return misfit("measurement", "at least one mode".to_owned(), "none".to_owned());
        }
        let mut sparse: Vec<u64> = last
            .report
            .cases
            .iter()
            .filter(|case| case.role == OperandRole::ForwardSparse)
            .flat_map(|case| case.samples.iter().map(|sample| sample.layer))
            .collect();
        sparse.sort_unstable();
        sparse.dedup();
        let pins = pins(probes);
        let pe = synth.modules.iter().find(|module| PES.contains(&module.module.as_str()));
        let beside = |config: &ArrayConfig, area: f64, pe: f64| {
            let n = config.rows() as f64;
            (config.rows() == config.cols()).then_some((n, area - pe * n * n))
        };
        let area = pe.and_then(|module| module.area_um2).and_then(|pe| {
            let whole = beside(&config, area_um2, pe)?;
            let small = beside(&last.config, last.area_um2?, pe)?;
            (small.0 != whole.0).then(|| (pe, line(small, whole)))
        });
        Ok(Self {
            name: name.to_owned(),
            library: library.to_owned(),
            area_um2,
            period_ps: timing.period_ps,
            clock_pj: pins.cycle_pj((config.rows() as f64, config.cols() as f64)),
            memory_pj_per_bit: last.report.memory.pj_per_bit,
            energies,
            sparse,
            pins,
            area,
            config,
        })
    }

    /// Energy of a work's mode and role, and whether it was measured in just that mode. Of modes that
    /// were not, the one nearest by the product of its widths stands in.
    pub fn energy(&self, work: &Work) -> (Measured, bool) {
        let role = match work.role {
            flexmac_fxp::Role::InputGradient => OperandRole::InputGradient,
            flexmac_fxp::Role::WeightGradient => OperandRole::WeightGradient,
            _ if self.sparse.contains(&work.layer_index) => OperandRole::ForwardSparse,
            _ => OperandRole::Forward,
        };
        let wanted = work.mode(&self.config);
        let swapped = wanted.map(|(a, b)| (b, a));
        let exact = [wanted, swapped].into_iter().find_map(|mode| self.energies.get(&(mode, role)));
        if let Some(energy) = exact {
            return (*energy, true);
        }
        // On a flexible array widths are whole planes, so this compares passes.
        let size = |widths: Widths| widths.map_or(0.0, |(a, b)| f64::from(a * b).ln());
        // The same role in another mode comes before another role: modes differ less per pass.
        let distance = |key: &(Widths, OperandRole)| {
            (size(key.0) - size(wanted)).abs() + f64::from(u8::from(key.1 != role)) * 100.0
        };
        let nearest = self
            .energies
            .iter()
            .min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))
            .expect("at least one mode");
        (*nearest.1, false)
    }

    /// The same PEs in another number of rows and columns: energy by the table above; area as PEs and
    /// a line through what two square arrays have beside them; the clock as it is, which takes
    /// registers every few PEs (`fanout`) in large arrays.
    ///
    /// # Errors
    /// Rows and columns out of range; fewer than two areas to go by.
    pub fn resized(&self, rows: u32, cols: u32) -> Result<Self, Error> {
        let mut spec = self.config.spec().clone();
        (spec.rows, spec.cols) = (rows, cols);
        let what = format!("{} as {rows} x {cols}", self.name);
        let config = spec.check().map_err(|errors| Error::Misfit {
            what: what.clone(),
            expected: "a legal array".to_owned(),
            found: errors.to_string(),
        })?;
        let Some((pe, (constant, by_n))) = self.area else {
            return Err(Error::Misfit {
                what,
                expected: "a square array and a smaller one to take its area from".to_owned(),
                found: "one area".to_owned(),
            });
        };
        let (n, pes) = (f64::from(rows + cols) / 2.0, f64::from(rows) * f64::from(cols));
        let clock_pj = self.pins.cycle_pj((f64::from(rows), f64::from(cols)));
        let area_um2 = constant + by_n * n + pe * pes;
        Ok(Self { config, area_um2, clock_pj, ..self.clone() })
    }

    /// Whether it computes in floats.
    pub fn is_float(&self) -> bool {
        self.config.style() == Style::Fp32
    }

    /// Rows and columns, as numbers to multiply energies by.
    pub fn shape(&self) -> (f64, f64) {
        (self.config.rows() as f64, self.config.cols() as f64)
    }
}

/// Reads a mode's name.
fn widths(mode: &str) -> Option<Widths> {
    match mode.parse().ok()? {
        flexmac_power::Mode::Fixed(a, b) => Some(Some((a, b))),
        flexmac_power::Mode::Float => Some(None),
    }
}

fn part(case: &PowerCase, name: &str) -> f64 {
    case.parts.iter().find(|part| part.name == name).map_or(0.0, |part| part.energy.total())
}

/// What a case says of one PE, one row, one column, one drained row; `first` is the same case on a
/// smaller array, where there is one.
fn measured(
    first: Option<(&ArrayConfig, &PowerCase)>,
    (config, case): (&ArrayConfig, &PowerCase),
) -> Measured {
    let (rows, cols) = (config.rows() as f64, config.cols() as f64);
    let per_cycle = |case: &PowerCase| part(case, "control") * case.compute_share;
    let control_pj = match first {
        // A line through both, by columns.
        Some((small, first)) if small.cols() != config.cols() => {
            line((small.cols() as f64, per_cycle(first)), (cols, per_cycle(case)))
        }
        _ => (per_cycle(case), 0.0),
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

/// Clock pins by part, of the last array; control's by column, where two say so.
fn pins(probes: &[Probe]) -> Pins {
    let last = &probes[probes.len() - 1];
    let tree = &last.report.clock_tree;
    let pins = |probe: &Probe, name: &str| {
        let parts = &probe.report.cases[0].parts;
        parts.iter().find(|part| part.name == name).map_or(0.0, |part| part.clock_pins as f64)
    };
    let (rows, cols) = (last.config.rows() as f64, last.config.cols() as f64);
    let control = match probes {
        [first, _] if first.config.cols() != last.config.cols() => line(
            (first.config.cols() as f64, pins(first, "control")),
            (cols, pins(last, "control")),
        ),
        _ => (pins(last, "control"), 0.0),
    };
    Pins {
        pe: pins(last, "PEs") / (rows * cols),
        row: pins(last, "rows") / rows,
        col: (pins(last, "columns") + pins(last, "edge")) / cols,
        control,
        pj: tree.cycle_pj / tree.pins.max(1) as f64,
    }
}

/// Constant and slope of the line through two points.
fn line(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let slope = (b.1 - a.1) / (b.0 - a.0);
    (a.1 - slope * a.0, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_its_points() {
        assert_eq!(line((1.0, 5.0), (2.0, 7.0)), (3.0, 2.0));
    }

    #[test]
    fn clock_pins_are_counted_by_rows_and_columns() {
        let pins = Pins { pe: 2.0, row: 3.0, col: 5.0, control: (7.0, 11.0), pj: 0.5 };
        assert_eq!(pins.cycle_pj((2.0, 3.0)), 0.5 * (12.0 + 6.0 + 15.0 + 7.0 + 33.0));
    }
}
