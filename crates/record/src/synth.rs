//! `report.json`: what a synthesis measured.
//!
//! Yosys turns Verilog into a netlist of *leaf cells*, the gates and flip-flops of a cell library (a *Liberty*
//! file) or of an FPGA. ABC, a part of Yosys, chooses the gates; a *recipe* is the script that it runs. OpenSTA
//! finds the *slack* of a path: the clock period that was given, minus what the path needs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::file::RecordFile;
use crate::schema::Schema;

/// A step of a synthesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Inputs are checked and copied, the library is read.
    Prepare,
    /// Yosys maps the design.
    Synthesis,
    /// OpenSTA finds the clock period.
    Timing,
    /// Results are checked and written.
    Report,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare => "prepare",
            Self::Synthesis => "synthesis",
            Self::Timing => "timing",
            Self::Report => "report",
        })
    }
}

/// A stage, or a part of one whose result is cached on its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageId {
    /// The stage.
    pub stage: Stage,
    /// Name of the part; none for a whole stage. `elaborate`, `link`, a module with its ABC recipe, or a try
    /// of a period search.
    #[serde(default)]
    pub part: Option<String>,
}

impl StageId {
    /// `part` of `stage`.
    pub fn new(stage: Stage, part: impl Into<String>) -> Self {
        Self { stage, part: Some(part.into()) }
    }

    /// The whole of `stage`.
    pub fn whole(stage: Stage) -> Self {
        Self { stage, part: None }
    }

    /// The name as part of a file name: without slashes and blanks.
    pub fn file_name(&self) -> String {
        match &self.part {
            Some(part) => format!("{}-{}", self.stage, part.replace(['/', ' '], "-")),
            None => self.stage.to_string(),
        }
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(f, "{}, {part}", self.stage),
            None => self.stage.fmt(f),
        }
    }
}

/// Wall time of one stage or part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// The stage or part.
    #[serde(flatten)]
    pub id: StageId,
    /// Wall time in seconds, of the synthesis that ran it.
    pub wall_s: f64,
    /// Whether this synthesis reused an earlier result.
    #[serde(default)]
    pub kept: bool,
}

/// How a module of the hierarchy was mapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitReport {
    /// Module name as written in the source, made a file name; parameterisations get a suffix `_2`, `_3`, ...
    /// ([`ModuleReport::module`] has `#2`, `#3`, ... and numbers them on its own).
    pub unit: String,
    /// ABC recipe: `small`, `quick`, `fast` or `fastest`.
    pub recipe: String,
    /// Longest path through its logic by ABC's estimate, in picoseconds, without registers.
    pub delay_ps: f64,
}

/// One netlist of a search for the shortest period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TryReport {
    /// The order in which ABC got the cells of each module: 0 as Yosys writes them, others permuted.
    #[serde(default)]
    pub order: u32,
    /// Period given to mapping and OpenSTA, in picoseconds.
    pub given_ps: f64,
    /// Whether the netlist meets it.
    pub met: bool,
    /// Shortest period that the netlist meets, in picoseconds.
    pub period_ps: f64,
    /// Cell area in um2.
    pub area_um2: f64,
    /// How its modules were mapped.
    pub units: Vec<UnitReport>,
    /// Its folder below the output folder.
    pub folder: String,
}

/// A tool that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolVersion {
    /// Program name.
    pub name: String,
    /// First line that the tool prints about its version.
    pub version: String,
}

/// The cell library of a synthesis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LibraryReport {
    /// Name in the library header.
    pub name: String,
    /// Path of the Liberty file, as given.
    pub path: String,
    /// SHA-256 of the uncompressed text (`zcat -f FILE | sha256sum`).
    pub sha256: String,
    /// Path of the LEF file whose areas replace those of the library, where they differ by more than 1 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lef: Option<String>,
    /// Time unit of the library, in picoseconds. Every time in reports is in picoseconds.
    pub time_unit_ps: f64,
    /// Operating conditions that were set in OpenSTA.
    pub operating_conditions: Option<String>,
    /// Cell and pin that drive constant 1.
    pub tie_high: Option<(String, String)>,
    /// Cell and pin that drive constant 0.
    pub tie_low: Option<(String, String)>,
    /// Buffer that ABC assumes as driver of every input.
    pub buffer: Option<String>,
    /// Cells that mapping may not use: `dont_use`, isolation, level shifters, always-on.
    pub excluded_cells: Vec<String>,
}

/// Area and cells of one module of the mapped hierarchy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModuleReport {
    /// Module name as written in the source; parameterisations get a suffix `#2`, `#3`, ...
    pub module: String,
    /// Yosys' name for this parameterisation.
    pub yosys_name: String,
    /// How often it occurs below the top.
    pub instances: u64,
    /// Leaf cells in one instance, without its submodules, by type.
    pub cells: BTreeMap<String, u64>,
    /// Area of one instance without its submodules, in um2; none when the target defines no area.
    pub own_area_um2: Option<f64>,
    /// Area of one instance with its submodules, in um2.
    pub area_um2: Option<f64>,
}

/// Clock of the mapped netlist; see `crates/synth/scripts/README.md` for what it leaves out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingReport {
    /// Period given to OpenSTA, in picoseconds.
    pub given_period_ps: f64,
    /// Shortest register-to-register period: given period minus worst slack, in picoseconds.
    pub period_ps: f64,
    /// 1e6 / `period_ps`, in megahertz.
    pub fmax_mhz: f64,
    /// Worst register-to-register slack in picoseconds, against `given_period_ps`.
    pub worst_slack_ps: f64,
    /// Register where the critical path starts.
    pub start: String,
    /// Register where the critical path ends.
    pub end: String,
    /// Number of cells between the two registers, buffers included.
    pub levels: usize,
    /// Largest delay of a single cell on that path, in picoseconds; a large share of the period
    /// means an unbuffered net with a high fan-out.
    pub slowest_cell_ps: f64,
    /// The cell with that delay.
    pub slowest_cell: String,
    /// The same period with ports included: zero external delay, ideal drivers, reset recovery
    /// left out; in picoseconds.
    pub overall_period_ps: f64,
    /// Start of the overall critical path: a register or a port.
    pub overall_start: String,
    /// End of the overall critical path: a register or a port.
    pub overall_end: String,
}

/// FPGA resources before placement: iCE40, ECP5 or Xilinx 7 series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FpgaResources {
    /// Look-up tables (`SB_LUT4`, `LUT4`, `LUT1` to `LUT6`); the packer may add some for routing.
    pub luts: u64,
    /// Carry cells (`SB_CARRY`: 1 bit, `CCU2C`: 2, `CARRY4`: 4).
    pub carries: u64,
    /// Flip-flops (`SB_DFF*`, `TRELLIS_FF`, `FDRE` and kin).
    pub ffs: u64,
    /// Block RAMs (`SB_RAM40_4K*`: 4 kbit, `DP16KD`: 18, `RAMB18E1` and `RAMB36E1`).
    pub brams: u64,
    /// 256-kbit single-port RAMs (`SB_SPRAM256KA`, iCE40 only).
    pub sprams: u64,
    /// DSP blocks (`SB_MAC16`, `MULT18X18D`, `DSP48E1`).
    pub dsps: u64,
}

/// Size of a generic netlist by Yosys' static CMOS table. An estimate, not an area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateEstimate {
    /// Transistors.
    pub transistors: u64,
    /// True when Yosys met cells that its table lacks, so the count is too small.
    pub lower_bound: bool,
    /// `transistors` / 4: the same in two-input NAND gates.
    pub nand2_equivalents: f64,
}

/// Everything that a synthesis measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SynthReport {
    /// Schema version.
    #[serde(default = "Schema::absent")]
    pub schema: Schema,
    /// Top module.
    pub top: String,
    /// Target name: `generic`, `ice40`, `ecp5`, `xilinx` or `liberty`.
    pub target: String,
    /// Whether the hierarchy was dissolved.
    pub flatten: bool,
    /// Tools and their versions.
    pub tools: Vec<ToolVersion>,
    /// Cell library; none for other targets than `liberty`.
    pub library: Option<LibraryReport>,
    /// Leaf cells of the whole design by type.
    pub cells: BTreeMap<String, u64>,
    /// Sum of `cells`.
    pub cell_count: u64,
    /// Cell area in um2; none when the target defines no area.
    pub area_um2: Option<f64>,
    /// Part of `area_um2` in flip-flops and latches.
    pub sequential_area_um2: Option<f64>,
    /// Part of `area_um2` in all other cells.
    pub combinational_area_um2: Option<f64>,
    /// Modules of the mapped hierarchy, top first; a single entry when flattened.
    pub modules: Vec<ModuleReport>,
    /// Clock; none for other targets than `liberty`.
    pub timing: Option<TimingReport>,
    /// How the modules were mapped; empty for other targets than `liberty`.
    #[serde(default)]
    pub units: Vec<UnitReport>,
    /// Tries of a search for the shortest period, in order; empty without a search.
    #[serde(default)]
    pub tries: Vec<TryReport>,
    /// Resources of an FPGA target.
    pub fpga: Option<FpgaResources>,
    /// Size estimate of target `generic`.
    pub gates: Option<GateEstimate>,
    /// Warnings of the tools, each once; those that say nothing about the design are left out.
    pub warnings: Vec<String>,
    /// Wall time by stage and part. The last stage does not count the writing of this file.
    pub stages: Vec<StageTime>,
    /// Names of the scripts that were run, in the output folder.
    pub scripts: Vec<String>,
    /// Names of the logs, in the output folder.
    pub logs: Vec<String>,
    /// Name of the netlist, in the output folder.
    pub netlist: String,
}

impl RecordFile for SynthReport {
    const KIND: &'static str = "a synthesis report";
}
