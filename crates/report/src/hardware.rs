//! The array beside the run: a generated design, and what its synthesis measured.

use std::path::Path;

use flexmac_array::{ArrayConfig, PARAMETERS};
use flexmac_record::{RecordFile, SynthReport};
use serde::Serialize;

use crate::error::ReportError;
use crate::number::group;

/// What is known of the hardware; sections of the page, each where it is given.
#[derive(Debug, Clone, Default)]
pub struct Hardware {
    /// A generated design.
    pub design: Option<ArrayConfig>,
    /// A synthesis report.
    pub synth: Option<SynthReport>,
}

/// A line of a table: name, value, meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) meaning: String,
}

impl Fact {
    pub(crate) fn new(name: &str, value: impl ToString, meaning: &str) -> Self {
        let (name, meaning) = (name.to_owned(), meaning.to_owned());
        Self { name, value: value.to_string(), meaning }
    }
}

/// Reads a synthesis report; `path` is the file or its folder.
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
pub(crate) fn design_facts(config: &ArrayConfig) -> Vec<Fact> {
    let fact = |parameter: &flexmac_array::Parameter| {
        let value = (parameter.get)(config.spec()).to_string().replace(',', ", ");
        Fact::new(parameter.name, value, parameter.meaning)
    };
    PARAMETERS.iter().map(fact).collect()
}

/// What synthesis measured.
pub(crate) fn synth_facts(report: &SynthReport) -> Vec<Fact> {
    let whole = |value: f64| format!("{value:.0}");
    let mut facts = vec![
        Fact::new("top", &report.top, "module that was mapped"),
        Fact::new("target", &report.target, "technology"),
    ];
    if let Some(library) = &report.library {
        facts.push(Fact::new("library", &library.name, "standard cells"));
    }
    facts.push(Fact::new("cells", group(report.cell_count), "leaf cells of the mapped design"));
    if let Some(area) = report.area_um2 {
        facts.push(Fact::new("area (µm²)", whole(area), "cell area before placement"));
    }
    if let Some(area) = report.sequential_area_um2 {
        facts.push(Fact::new("flip-flop area (µm²)", whole(area), "part of the area above"));
    }
    if let Some(timing) = &report.timing {
        let path = format!("{} cells, from {} to {}", timing.levels, timing.start, timing.end);
        facts.push(Fact::new(
            "clock period (ps)",
            whole(timing.period_ps),
            "shortest between registers, ideal clock, before placement",
        ));
        facts.push(Fact::new("clock (MHz)", format!("{:.1}", timing.fmax_mhz), "1 / period"));
        facts.push(Fact::new("critical path", path, "what the period is spent on"));
    }
    if let Some(fpga) = &report.fpga {
        facts.push(Fact::new("LUTs", group(fpga.luts), "4-input look-up tables"));
        facts.push(Fact::new("carries", group(fpga.carries), "carry cells"));
        facts.push(Fact::new("flip-flops", group(fpga.ffs), "registers"));
        facts.push(Fact::new("block RAMs", group(fpga.brams), "4 kbit each"));
        facts.push(Fact::new("DSP blocks", group(fpga.dsps), "hard multipliers"));
    }
    if let Some(gates) = &report.gates {
        let bound = if gates.lower_bound { "at least " } else { "" };
        let transistors = format!("{bound}{}", group(gates.transistors));
        facts.push(Fact::new("transistors", transistors, "static CMOS estimate, not an area"));
    }
    facts
}

/// Time that a run takes on the synthesized array: cycles times its clock period.
pub(crate) fn seconds_on_array(report: &SynthReport, cycles: u64) -> Option<f64> {
    let timing = report.timing.as_ref().filter(|_| report.top == flexmac_rtlgen::TOP)?;
    Some(cycles as f64 * timing.period_ps * 1e-12)
}
