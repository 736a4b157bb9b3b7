//! The measured area, clock and energy of an array.
//!
//! Area and clock are those of the full array. Energy is measured on small arrays, because Verilator must
//! compile every cell of a netlist, and is scaled to the full array part by part:
//!
//! | part | scales with | energy per |
//! | --- | --- | --- |
//! | PEs | rows x columns | cycle that multiplies |
//! | operand registers of rows | rows | cycle that multiplies |
//! | operand and control registers of columns | columns | cycle that multiplies |
//! | requantizers | columns | row drained |
//! | control | constant, or linear in columns if two small arrays were measured | cycle |
//! | clock tree (model) | clock pins, which scale like their parts | cycle |
//! | operand memory (model) | rows + columns | cycle that multiplies |
//!
//! PEs that are idle in a tile at the edge of a GEMM are counted like the others.

use std::collections::BTreeMap;
use std::path::Path;

use flexmac_array::ArrayConfig;
use flexmac_record::{OperandRole, PowerCase, PowerReport, RecordFile, SynthReport};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::precision_profile::OperandWidths;
use crate::workload::Workload;

/// Energy of one mode and role, in picojoules; see the table above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasuredEnergy {
    /// One PE, per cycle that multiplies.
    pub pe_pj: f64,
    /// The operand registers of one row, per cycle that multiplies.
    pub row_pj: f64,
    /// The operand and control registers of one column, per cycle that multiplies.
    pub col_pj: f64,
    /// One requantizer, per row drained.
    pub drain_pj: f64,
    /// Control, per cycle: the constant part, and the part per column.
    pub control_pj: (f64, f64),
}

impl MeasuredEnergy {
    /// Energy of control per cycle, in picojoules, of an array of `cols` columns.
    pub fn control(&self, cols: f64) -> f64 {
        self.control_pj.0 + self.control_pj.1 * cols
    }
}

/// The modules that are PEs, by style.
const PES: [&str; 3] = ["flexmac_pe", "flexmac_fixed_pe", "flexmac_float_pe"];

/// Area, clock and energy of a synthesized array.
#[derive(Debug, Clone)]
pub struct ArrayModel {
    /// Its name in tables.
    pub name: String,
    /// Its configuration.
    pub config: ArrayConfig,
    /// The cell library's name.
    pub library: String,
    /// Cell area of the full array, in um2.
    pub area_um2: f64,
    /// Its shortest clock period, in picoseconds.
    pub period_ps: f64,
    /// Energy of the clock tree of the full array per cycle, in picojoules.
    pub clock_pj: f64,
    /// Energy of operand memory per bit read, in picojoules.
    pub memory_pj_per_bit: f64,
    /// Energies by widths and role.
    energies: BTreeMap<(OperandWidths, OperandRole), MeasuredEnergy>,
    /// Indices of the layers whose forward GEMMs have sparse activations.
    sparse: Vec<u64>,
    /// Clock pins of the measured arrays, to scale the clock tree to another size.
    pins: Pins,
    /// Area of a PE, and of everything else in an n x n array as a linear function of n (constant, slope), in
    /// um2; none if only one square array was synthesized.
    area: Option<(f64, (f64, f64))>,
}

/// Clock pins by part of an array, and the energy of one pin.
#[derive(Debug, Clone, Copy)]
struct Pins {
    pe: f64,
    row: f64,
    col: f64,
    /// Pins of control: the constant part, and the part per column.
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
pub struct MeasuredArray {
    /// Its configuration.
    pub config: ArrayConfig,
    /// The measurement.
    pub report: PowerReport,
    /// Its cell area in um2; none if the target has no area.
    pub area_um2: Option<f64>,
}

impl MeasuredArray {
    /// Reads a generated design, its synthesis and its energy measurement from their folders.
    ///
    /// # Errors
    /// [`Error::Record`] or [`Error::File`] for a file that cannot be read, [`Error::Misfit`] for a measurement of
    /// another configuration.
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

/// Reads the configuration of a generated design from its folder.
///
/// # Errors
/// [`Error::File`]: a folder without a configuration.
pub fn read_config(folder: &Path) -> Result<ArrayConfig, Error> {
    flexmac_rtlgen::read(folder).map_err(|error| Error::file(folder, "a generated array", error))
}

impl ArrayModel {
    /// Makes the model of an array from its configuration and synthesis, and from measurements of one or two
    /// smaller arrays, the smaller first. They may differ from it only in rows and columns.
    ///
    /// # Errors
    /// [`Error::Misfit`] for reports that do not belong together.
    pub fn new(
        name: &str,
        config: ArrayConfig,
        synth: &SynthReport,
        probes: &[MeasuredArray],
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

    /// Energy of a workload's mode and role, and whether that mode and role was measured. If not, it is the
    /// energy of the nearest measured mode, by the product of its widths.
    pub fn energy(&self, workload: &Workload) -> (MeasuredEnergy, bool) {
        let role = match workload.role {
            flexmac_fxp::Role::InputGradient => OperandRole::InputGradient,
            flexmac_fxp::Role::WeightGradient => OperandRole::WeightGradient,
            _ if self.sparse.contains(&workload.layer_index) => OperandRole::ForwardSparse,
            _ => OperandRole::Forward,
        };
        let wanted = workload.mode(&self.config);
        let swapped = wanted.map(|(a, b)| (b, a));
        let exact = [wanted, swapped].into_iter().find_map(|mode| self.energies.get(&(mode, role)));
        if let Some(energy) = exact {
            return (*energy, true);
        }
        // Widths on a flexible array are multiples of a plane, so their product is proportional to passes.
        let size = |widths: OperandWidths| widths.map_or(0.0, |(a, b)| f64::from(a * b).ln());
        // Another mode of the same role is nearer than another role: per pass, modes differ less than roles.
        let distance = |key: &(OperandWidths, OperandRole)| {
            (size(key.0) - size(wanted)).abs() + f64::from(u8::from(key.1 != role)) * 100.0
        };
        let nearest = self
            .energies
            .iter()
            .min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))
            .expect("at least one mode");
        (*nearest.1, false)
    }

    /// The array with another number of rows and columns. Energy scales by the table above. Area is that of the
    /// PEs plus the rest, which is taken as linear from two square arrays. The clock period is unchanged, which
    /// in large arrays requires registers every few PEs (`fanout`).
    ///
    /// # Errors
    /// [`Error::Misfit`]: rows or columns out of range, or fewer than two areas.
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

    /// Whether the array computes in floats.
    pub fn is_float(&self) -> bool {
        self.config.style().is_float()
    }

    /// Rows and columns, as floats for arithmetic with energies.
    pub fn shape(&self) -> (f64, f64) {
        (self.config.rows() as f64, self.config.cols() as f64)
    }
}

/// The widths that a mode's name gives, such as `8x16`; none for `fp32`.
fn widths(mode: &str) -> Option<OperandWidths> {
    match mode.parse().ok()? {
        flexmac_power::Mode::Fixed(a, b) => Some(Some((a, b))),
        flexmac_power::Mode::Float => Some(None),
    }
}

fn part(case: &PowerCase, name: &str) -> f64 {
    case.parts.iter().find(|part| part.name == name).map_or(0.0, |part| part.energy.total())
}

/// Energy of one PE, one row, one column and one drained row from a measured case. `first` is the same case on a
/// smaller array, if there is one.
fn measured(
    first: Option<(&ArrayConfig, &PowerCase)>,
    (config, case): (&ArrayConfig, &PowerCase),
) -> MeasuredEnergy {
    let (rows, cols) = (config.rows() as f64, config.cols() as f64);
    let per_cycle = |case: &PowerCase| part(case, "control") * case.compute_share;
    let control_pj = match first {
        // A linear function of the columns through both points.
        Some((small, first)) if small.cols() != config.cols() => {
            line((small.cols() as f64, per_cycle(first)), (cols, per_cycle(case)))
        }
        _ => (per_cycle(case), 0.0),
    };
    let drained = case.drained_per_pass_cycle * cols;
    MeasuredEnergy {
        pe_pj: part(case, "PEs") / (rows * cols),
        row_pj: part(case, "rows") / rows,
        col_pj: part(case, "columns") / cols,
        drain_pj: part(case, "edge") / drained,
        control_pj,
    }
}

/// Clock pins by part of the last array. If two arrays were measured, those of control are linear in columns.
fn pins(probes: &[MeasuredArray]) -> Pins {
    let last = &probes[probes.len() - 1];
    let tree = &last.report.clock_tree;
    let pins = |probe: &MeasuredArray, name: &str| {
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
