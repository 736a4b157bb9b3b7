//! `power.json`: the energy of a mapped netlist on training operands.
//!
//! A *pass-cycle* is a cycle in which a word of operands is multiplied, with its share of the cycles that fill
//! and drain the array. A *mode* is a pair of operand widths. A *clock gate* is a cell that keeps the clock
//! from flip-flops which hold their value; the *clock tree* is the buffers that bring the clock to all others.

use flexmac_fxp::Role;
use serde::{Deserialize, Serialize};

use crate::file::RecordFile;
use crate::schema::Schema;
use crate::synth::{LibraryReport, ToolVersion};

/// Which training GEMM the operands are of. Forward GEMMs of sparse activations are a class of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperandRole {
    /// A layer's output.
    Forward,
    /// A layer's output, where at least [`OperandRole::SPARSE`] of its input is zero: after a ReLU, or dark pixels.
    ForwardSparse,
    /// The gradient with respect to a layer's input.
    InputGradient,
    /// The gradient with respect to a layer's weights.
    WeightGradient,
    /// Operands from files.
    Given,
}

impl OperandRole {
    /// The least share of zeros with which a layer's input counts as sparse, 0 to 1.
    pub const SPARSE: f64 = 0.3;

    /// The class of a training GEMM whose operand A has this share of zeros, 0 to 1.
    pub fn of(role: Role, zeros: f64) -> Self {
        match role {
            Role::InputGradient => Self::InputGradient,
            Role::WeightGradient => Self::WeightGradient,
            _ if zeros >= Self::SPARSE => Self::ForwardSparse,
            _ => Self::Forward,
        }
    }

    /// All roles, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Forward,
        Self::ForwardSparse,
        Self::InputGradient,
        Self::WeightGradient,
        Self::Given,
    ];

    /// The role's name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::ForwardSparse => "forward sparse",
            Self::InputGradient => "input gradient",
            Self::WeightGradient => "weight gradient",
            Self::Given => "given",
        }
    }
}

/// The part of one training GEMM that was simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledGemm {
    /// Number of the layer.
    pub layer: u64,
    /// M, K and N of the whole GEMM.
    pub shape: [usize; 3],
    /// M, K and N of the part that was simulated.
    pub part: [usize; 3],
    /// Share of zeros in the whole of A and of B, 0 to 1.
    pub zeros: [f64; 2],
    /// Cycles simulated.
    pub cycles: u64,
    /// Tiles of which every result, counter and cycle count equalled the reference.
    pub tiles_checked: u64,
}

/// Clock gates of a netlist, and flip-flops with and without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockGates {
    /// Number of clock gates.
    pub gates: usize,
    /// Flip-flops clocked by one.
    pub gated: usize,
    /// Flip-flops clocked by the clock itself.
    pub always: usize,
}

/// The modelled clock tree of a netlist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockTree {
    /// Cell pins on the clock net.
    pub pins: usize,
    /// Capacitance of these pins, in femtofarads.
    pub pins_ff: f64,
    /// Cell that buffers the clock.
    pub buffer: String,
    /// Pins or buffers that one buffer drives.
    pub fanout: usize,
    /// Buffers that drive pins.
    pub leaves: usize,
    /// Buffers that drive buffers.
    pub branches: usize,
    /// Energy per cycle of a buffer that drives pins, in picojoules.
    pub leaf_pj: f64,
    /// Energy per cycle of a buffer that drives buffers, in picojoules.
    pub branch_pj: f64,
    /// Energy per cycle of all buffers, in picojoules.
    pub cycle_pj: f64,
}

/// Where the energy per bit of operand memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemorySource {
    /// Given by the user.
    Given,
    /// Horowitz 2014 (10 pJ for 64 bits of an 8-kbyte memory at 45 nm), scaled by C V^2 to the cell library.
    Scaled,
}

/// The modelled operand memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryModel {
    /// Energy per bit read, in picojoules.
    pub pj_per_bit: f64,
    /// Where this number comes from.
    pub source: MemorySource,
    /// Bits read in a pass-cycle.
    pub bits_per_pass_cycle: usize,
}

impl MemoryModel {
    /// Energy of the operands that a pass-cycle reads, in picojoules.
    pub fn pass_cycle_pj(&self) -> f64 {
        self.pj_per_bit * self.bits_per_pass_cycle as f64
    }
}

/// Energy by cause, in picojoules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Inside cells, clock pins included.
    pub internal_pj: f64,
    /// Charging nets.
    pub switching_pj: f64,
    /// Leakage in the same time.
    pub leakage_pj: f64,
}

impl Energy {
    /// The sum, in picojoules.
    pub fn total(&self) -> f64 {
        self.internal_pj + self.switching_pj + self.leakage_pj
    }

    /// Adds another energy.
    pub fn add(&mut self, other: &Self) {
        self.internal_pj += other.internal_pj;
        self.switching_pj += other.switching_pj;
        self.leakage_pj += other.leakage_pj;
    }

    /// The energy times `factor`.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        Self {
            internal_pj: self.internal_pj * factor,
            switching_pj: self.switching_pj * factor,
            leakage_pj: self.leakage_pj * factor,
        }
    }
}

/// Energy and clock pins of a part of the design.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PowerPart {
    /// `PEs`, `rows`, `columns`, `edge` or `control`, or a module of the source.
    pub name: String,
    /// Number of instances.
    pub instances: u64,
    /// Cell pins on the clock net; pins that a clock gate drives do not count.
    pub clock_pins: u64,
    /// Energy per pass-cycle of all instances. That of a module leaves out its submodules.
    pub energy: Energy,
}

/// Energy of one mode and role. Energies are per pass-cycle unless the field says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PowerCase {
    /// Operand widths, `8x16` or `fp32`.
    pub mode: String,
    /// Which GEMMs the operands are of.
    pub role: OperandRole,
    /// What was simulated.
    pub samples: Vec<SampledGemm>,
    /// Mean toggles per net and cycle, without the clock net.
    pub toggles_per_net: f64,
    /// Share of cycles that multiply, 0 to 1.
    pub compute_share: f64,
    /// Multiply-accumulate passes per pass-cycle. Idle lanes and PEs do not count.
    pub mac_passes_per_pass_cycle: f64,
    /// Rows that each column's requantizer accepts per pass-cycle.
    pub drained_per_pass_cycle: f64,
    /// All cells.
    pub cells: Energy,
    /// The part of `cells` in flip-flops and latches.
    pub sequential: Energy,
    /// The part of `cells` in all other cells.
    pub combinational: Energy,
    /// Energy of clock edges that the clock gates block, in picojoules: OpenSTA counts it, `cells` does not.
    pub held_back_pj: f64,
    /// Buffers of the modelled clock tree, in picojoules.
    pub clock_tree_pj: f64,
    /// Operands read from the modelled memory, in picojoules.
    pub memory_pj: f64,
    /// Sum of cells, clock tree and memory, in picojoules.
    pub total_pj: f64,
    /// `total_pj` per multiply-accumulate pass, in picojoules.
    pub mac_pass_pj: f64,
    /// Energy of a multiply-accumulate, all its passes, in picojoules.
    pub mac_pj: f64,
    /// `cells` by part: PEs, registers of rows, registers of columns, requantizers at the edge, control.
    pub parts: Vec<PowerPart>,
    /// `cells` by module of the source.
    pub modules: Vec<PowerPart>,
    /// Energy of the cells by OpenSTA's default activity, divided by the measured energy.
    pub estimate_ratio: Option<f64>,
}

/// OpenSTA's estimate by its default activity, without measured activity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DefaultActivityEstimate {
    /// Energy of all cells per cycle.
    pub cells: Energy,
    /// Cells left out, because OpenSTA has no internal power for a cell whose output never changes.
    #[serde(default)]
    pub still_cells: usize,
}

/// Everything that an energy measurement found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PowerReport {
    /// Schema version.
    #[serde(default = "Schema::absent")]
    pub schema: Schema,
    /// The array in words ([`flexmac_array::ArrayConfig::summary`]).
    pub config: String,
    /// Folder of the synthesis, as given.
    pub netlist: String,
    /// Cell library.
    pub library: LibraryReport,
    /// Tools and versions.
    pub tools: Vec<ToolVersion>,
    /// Clock period in picoseconds. Only leakage depends on it.
    pub period_ps: f64,
    /// Number of library cells in the netlist.
    pub cells: usize,
    /// Number of nets in the netlist.
    pub nets: usize,
    /// Clock gates, and flip-flops with and without one.
    pub clock_gates: ClockGates,
    /// The modelled clock tree.
    pub clock_tree: ClockTree,
    /// The modelled operand memory.
    pub memory: MemoryModel,
    /// OpenSTA's estimate by its default activity; none where OpenSTA failed.
    pub estimate: Option<DefaultActivityEstimate>,
    /// Energy by mode and role.
    pub cases: Vec<PowerCase>,
}

impl RecordFile for PowerReport {
    const KIND: &'static str = "an energy measurement";
}
