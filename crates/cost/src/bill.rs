//! A run on a machine: cycles, time and energy.

use flexmac_array::{Cycles, Layout};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::machine::Machine;
use crate::mix::{Mix, Widths};
use crate::work::work;

/// Energy by what spends it, in joules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Joules {
    /// PEs.
    pub pes: f64,
    /// Operand and control registers between the array's edge and its PEs.
    pub registers: f64,
    /// Requantizers.
    pub edge: f64,
    /// Sequencer, counters and the rest of control.
    pub control: f64,
    /// Clock tree, a model.
    pub clock: f64,
    /// Operand memory, a model.
    pub memory: f64,
}

impl Joules {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.pes + self.registers + self.edge + self.control + self.clock + self.memory
    }
}

/// What a run costs on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// Cycles of all products, one after the other.
    pub cycles: Cycles,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Multiply-accumulates times passes.
    pub mac_passes: u64,
    /// Time of the cycles at the machine's clock, in seconds.
    pub seconds: f64,
    /// Time times area, in seconds times square millimetres.
    pub area_time: f64,
    /// Energy.
    pub energy: Joules,
    /// Share of the multiply-accumulates whose mode and role were measured themselves.
    pub measured: f64,
}

const PJ: f64 = 1e-12;

impl Bill {
    /// The run on the machine; where `widths` are given, as a machine without precision scaling
    /// runs it: all products at these.
    ///
    /// # Errors
    /// A run that does not fit the machine.
    pub fn new(mix: &Mix, machine: &Machine, widths: Option<Widths>) -> Result<Self, Error> {
        let replaced;
        let mix = match widths {
            Some(widths) => {
                replaced = mix.with_widths(widths);
                &replaced
            }
            None => mix,
        };
        let (rows, cols) = machine.shape();
        let mut bill = Self {
            cycles: Cycles::default(),
            macs: 0,
            mac_passes: 0,
            seconds: 0.0,
            area_time: 0.0,
            energy: Joules::default(),
            measured: 0.0,
        };
        let mut measured = 0;
        for work in work(mix, &machine.config, Layout::Fastest)? {
            let (energy, exact) = machine.energy(&work);
            let (busy, compute) = (work.cycles.busy as f64, work.cycles.compute as f64);
            bill.cycles.add(&work.cycles);
            bill.macs += work.macs;
            bill.mac_passes += work.mac_passes;
            measured += if exact { work.macs } else { 0 };
            let sum = &mut bill.energy;
            sum.pes += PJ * compute * energy.pe_pj * rows * cols;
            sum.registers += PJ * compute * (energy.row_pj * rows + energy.col_pj * cols);
            sum.edge += PJ * work.drained as f64 * energy.drain_pj;
            sum.control += PJ * busy * energy.control(cols);
            sum.clock += PJ * busy * machine.clock_pj;
            sum.memory += PJ * work.operand_bits as f64 * machine.memory_pj_per_bit;
        }
        bill.seconds = bill.cycles.busy as f64 * machine.period_ps * PJ;
        bill.area_time = bill.seconds * machine.area_um2 * 1e-6;
        bill.measured = measured as f64 / bill.macs.max(1) as f64;
        Ok(bill)
    }
}
