//! The generated design and its synthesis report, shown below the runs.

use std::path::Path;

use flexmac_array::{ArrayConfig, PARAMETERS};
use flexmac_record::{RecordFile, SynthReport};
use serde::Serialize;

use crate::error::ReportError;
use crate::number::group;

/// The hardware to show. Each part that is given becomes a section of the page.
#[derive(Debug, Clone, Default)]
pub struct Hardware {
    /// A generated design.
    pub design: Option<ArrayConfig>,
    /// A synthesis report.
    pub synth: Option<SynthReport>,
}

/// A row of a table: name, value, meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TableRow {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) meaning: String,
}

impl TableRow {
    pub(crate) fn new(name: &str, value: impl ToString, meaning: &str) -> Self {
        let (name, meaning) = (name.to_owned(), meaning.to_owned());
        Self { name, value: value.to_string(), meaning }
    }
}

/// Reads a synthesis report. `path` is the file or its folder.
///
/// # Errors
/// [`ReportError::Record`].
pub fn read_synth(path: &Path) -> Result<SynthReport, ReportError> {
    let file = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    Ok(SynthReport::read(&file)?)
}

/// Reads the configuration of a generated design.
///
/// # Errors
/// [`ReportError::Design`].
pub fn read_design(path: &Path) -> Result<ArrayConfig, ReportError> {
    flexmac_rtlgen::read(path)
        .map_err(|source| ReportError::Design { path: path.to_owned(), source })
}

/// The design's parameters.
pub(crate) fn design_rows(config: &ArrayConfig) -> Vec<TableRow> {
    let row = |parameter: &flexmac_array::Parameter| {
        let value = (parameter.get)(config.spec()).to_string().replace(',', ", ");
        TableRow::new(parameter.name, value, parameter.meaning)
    };
    PARAMETERS.iter().map(row).collect()
}

/// The results of synthesis.
pub(crate) fn synth_rows(report: &SynthReport) -> Vec<TableRow> {
    let integer = |value: f64| format!("{value:.0}");
    let mut rows = vec![
        TableRow::new("top", &report.top, "module that was mapped"),
        TableRow::new("target", &report.target, "technology"),
    ];
    if let Some(library) = &report.library {
        rows.push(TableRow::new("library", &library.name, "standard cells"));
    }
    rows.push(TableRow::new("cells", group(report.cell_count), "leaf cells of the mapped design"));
    if let Some(area) = report.area_um2 {
        rows.push(TableRow::new("area (µm²)", integer(area), "cell area before placement"));
    }
    if let Some(area) = report.sequential_area_um2 {
        rows.push(TableRow::new("flip-flop area (µm²)", integer(area), "part of the area above"));
    }
    if let Some(timing) = &report.timing {
        let path = format!("{} cells, from {} to {}", timing.levels, timing.start, timing.end);
        rows.push(TableRow::new(
            "clock period (ps)",
            integer(timing.period_ps),
            "shortest between registers, ideal clock, before placement",
        ));
        rows.push(TableRow::new("clock (MHz)", format!("{:.1}", timing.fmax_mhz), "1 / period"));
        rows.push(TableRow::new("critical path", path, "the longest path between registers"));
    }
    if let Some(fpga) = &report.fpga {
        rows.push(TableRow::new("LUTs", group(fpga.luts), "4-input look-up tables"));
        rows.push(TableRow::new("carries", group(fpga.carries), "carry cells"));
        rows.push(TableRow::new("flip-flops", group(fpga.ffs), "registers"));
        rows.push(TableRow::new("block RAMs", group(fpga.brams), "4 kbit each"));
        rows.push(TableRow::new("DSP blocks", group(fpga.dsps), "hard multipliers"));
    }
    if let Some(gates) = &report.gates {
        let bound = if gates.lower_bound { "at least " } else { "" };
        let transistors = format!("{bound}{}", group(gates.transistors));
        rows.push(TableRow::new("transistors", transistors, "static CMOS estimate, not an area"));
    }
    rows
}

/// Time of `cycles` on the synthesized array: cycles times clock period. `None` without timing, or
/// if something else than the whole core was synthesized.
pub(crate) fn seconds_on_array(report: &SynthReport, cycles: u64) -> Option<f64> {
    let timing = report.timing.as_ref().filter(|_| report.top == flexmac_rtlgen::TOP)?;
    Some(cycles as f64 * timing.period_ps * 1e-12)
}
