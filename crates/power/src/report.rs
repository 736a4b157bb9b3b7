//! What a measurement found, ready to be stored as JSON.

use flexmac_synth::{LibraryReport, ToolVersion};
use serde::{Deserialize, Serialize};

use crate::cases::{Role, Sampled};
use crate::clock::ClockTree;
use crate::gated::ClockGates;
use crate::memory::Memory;

/// Energy by cause, in picojoules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Inside cells, their clock pins included.
    pub internal_pj: f64,
    /// Charging nets.
    pub switching_pj: f64,
    /// Leakage over the same time.
    pub leakage_pj: f64,
}

impl Energy {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.internal_pj + self.switching_pj + self.leakage_pj
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.internal_pj += other.internal_pj;
        self.switching_pj += other.switching_pj;
        self.leakage_pj += other.leakage_pj;
    }

    pub(crate) fn times(&self, factor: f64) -> Self {
        Self {
            internal_pj: self.internal_pj * factor,
            switching_pj: self.switching_pj * factor,
            leakage_pj: self.leakage_pj * factor,
        }
    }
}

/// Energy and clock pins of a part of the design.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `PEs`, `rows`, `columns`, `edge` or `control`, or a module of the source.
    pub name: String,
    /// How often it occurs.
    pub instances: u64,
    /// Cell pins on the clock net, those behind clock gates left out.
    pub clock_pins: u64,
    /// Energy per pass-cycle of all its instances, without the modules inside for a module.
    pub energy: Energy,
}

/// Energy of one mode and role. Everything is per pass-cycle unless named otherwise: a cycle in
/// which a word of operands is multiplied, with its share of the cycles that fill and drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Operand widths, `8x16` or `fp32`.
    pub mode: String,
    /// What the products are.
    pub role: Role,
    /// What was run.
    pub samples: Vec<Sampled>,
    /// Mean toggles per net and cycle, the clock left out.
    pub toggles_per_net: f64,
    /// Share of the cycles that multiply.
    pub compute_share: f64,
    /// Multiply-accumulate passes of the products per pass-cycle: lanes and PEs without work count
    /// as none.
    pub mac_passes_per_pass_cycle: f64,
    /// Rows that each column's requantizer takes per pass-cycle.
    pub drained_per_pass_cycle: f64,
    /// The cells.
    pub cells: Energy,
    /// Of `cells`, flip-flops and latches.
    pub sequential: Energy,
    /// Of `cells`, everything else.
    pub combinational: Energy,
    /// What clock gates held back: counted by OpenSTA, taken off `cells`.
    pub held_back_pj: f64,
    /// Buffers of the modelled clock tree.
    pub clock_tree_pj: f64,
    /// Operands read from memory, as modelled.
    pub memory_pj: f64,
    /// Cells, clock tree and memory.
    pub total_pj: f64,
    /// `total_pj` per multiply-accumulate pass.
    pub mac_pass_pj: f64,
    /// `total_pj` of all passes per multiply-accumulate.
    pub mac_pj: f64,
    /// `cells` by part: PEs, registers at the array's rows, those at its columns, the requantizers at
    /// its edge, control.
    pub parts: Vec<Part>,
    /// `cells` by module of the source.
    pub modules: Vec<Part>,
    /// Energy of the cells by OpenSTA's default activity over that measured, both per cycle.
    pub estimate_ratio: Option<f64>,
}

/// OpenSTA's own estimate, per cycle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Energy of the cells in a cycle.
    pub cells: Energy,
    /// Cells whose output OpenSTA never sees change and whose internal power it has no number for.
    #[serde(default)]
    pub still_cells: usize,
}

/// Everything a measurement found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PowerReport {
    /// The configuration in words.
    pub config: String,
    /// The synthesis measured.
    pub netlist: String,
    /// Cell library.
    pub library: LibraryReport,
    /// Tools and versions.
    pub tools: Vec<ToolVersion>,
    /// Clock period that energies per cycle hold for; only leakage depends on it.
    pub period_ps: f64,
    /// Library cells in the netlist.
    pub cells: usize,
    /// Nets in the netlist.
    pub nets: usize,
    /// Clock gates, and flip-flops with and without one.
    pub clock_gates: ClockGates,
    /// The modelled clock tree.
    pub clock_tree: ClockTree,
    /// The modelled operand memory.
    pub memory: Memory,
    /// OpenSTA's estimate without measured activity; none where OpenSTA failed.
    pub estimate: Option<Estimate>,
    /// What was measured.
    pub cases: Vec<Case>,
}
