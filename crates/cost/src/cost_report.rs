//! The cost of a run on an array: cycles, time and energy.

use flexmac_array::{Cycles, Layout};
use serde::{Deserialize, Serialize};

use crate::array_model::ArrayModel;
use crate::error::Error;
use crate::precision_profile::{OperandWidths, PrecisionProfile};
use crate::skipping::WithoutSkipping;
use crate::workload::workloads;

/// Energy by part of the array, in joules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EnergyBreakdown {
    /// PEs.
    pub pes: f64,
    /// Operand and control registers between the edge of the array and its PEs.
    pub registers: f64,
    /// Requantizers.
    pub edge: f64,
    /// Sequencer, counters and the rest of control.
    pub control: f64,
    /// Clock tree, as modelled.
    pub clock: f64,
    /// Operand memory, as modelled.
    pub memory: f64,
}

impl EnergyBreakdown {
    /// The sum, in joules.
    pub fn total(&self) -> f64 {
        self.pes + self.registers + self.edge + self.control + self.clock + self.memory
    }
}

/// The cost of a run on an array.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CostReport {
    /// Cycles of all GEMMs, one after the other.
    pub cycles: Cycles,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Multiply-accumulates times passes.
    pub mac_passes: u64,
    /// Cost without skipping, where the run skipped planes on this array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_skipping: Option<WithoutSkipping>,
    /// Time at the array's clock, in seconds.
    pub seconds: f64,
    /// Time times area, in seconds times mm2.
    pub area_time: f64,
    /// Energy, in joules.
    pub energy: EnergyBreakdown,
    /// Share of the multiply-accumulates whose mode and role were measured, 0 to 1. For the others, the energy
    /// of the nearest measured mode is used ([`ArrayModel::energy`]).
    pub measured: f64,
}

const PJ: f64 = 1e-12;

impl CostReport {
    /// The mean of costs on one array, at least one. Counts are rounded down.
    pub(crate) fn mean(costs: &[Self]) -> Self {
        let number = costs.len() as u64;
        let mean = |counts: &mut dyn Iterator<Item = u64>| {
            // Sums of counts of runs: as wide as their number makes them.
            let sum: u128 = counts.map(u128::from).sum();
            // A mean is at most the largest of them.
            (sum / u128::from(number)) as u64
        };
        let count = |value: fn(&Self) -> u64| mean(&mut costs.iter().map(value));
        let full: Option<Vec<_>> = costs.iter().map(|cost| cost.without_skipping).collect();
        let real = |value: fn(&Self) -> f64| costs.iter().map(value).sum::<f64>() / number as f64;
        Self {
            cycles: Cycles {
                busy: count(|cost| cost.cycles.busy),
                compute: count(|cost| cost.cycles.compute),
                stall: count(|cost| cost.cycles.stall),
                load: count(|cost| cost.cycles.load),
                blocked: count(|cost| cost.cycles.blocked),
            },
            macs: count(|cost| cost.macs),
            mac_passes: count(|cost| cost.mac_passes),
            without_skipping: full.map(|full| WithoutSkipping {
                mac_passes: mean(&mut full.iter().map(|full| full.mac_passes)),
                busy_cycles: mean(&mut full.iter().map(|full| full.busy_cycles)),
            }),
            seconds: real(|cost| cost.seconds),
            area_time: real(|cost| cost.area_time),
            energy: EnergyBreakdown {
                pes: real(|cost| cost.energy.pes),
                registers: real(|cost| cost.energy.registers),
                edge: real(|cost| cost.energy.edge),
                control: real(|cost| cost.energy.control),
                clock: real(|cost| cost.energy.clock),
                memory: real(|cost| cost.energy.memory),
            },
            measured: real(|cost| cost.measured),
        }
    }

    /// Computes the cost of a run on an array. With `widths`, every GEMM has these widths, as on an array
    /// without precision scaling.
    ///
    /// # Errors
    /// A run that does not fit the array.
    pub fn new(
        profile: &PrecisionProfile,
        array: &ArrayModel,
        widths: Option<OperandWidths>,
    ) -> Result<Self, Error> {
        let replaced;
        let profile = match widths {
            Some(widths) => {
                replaced = profile.with_widths(widths);
                &replaced
            }
            None => profile,
        };
        let (rows, cols) = array.shape();
        let mut cost = Self {
            cycles: Cycles::default(),
            macs: 0,
            mac_passes: 0,
            without_skipping: None,
            seconds: 0.0,
            area_time: 0.0,
            energy: EnergyBreakdown::default(),
            measured: 0.0,
        };
        let mut measured = 0;
        for workload in workloads(profile, &array.config, Layout::Fastest)? {
            let (energy, exact) = array.energy(&workload);
            let (busy, compute) = (workload.cycles.busy as f64, workload.cycles.compute as f64);
            cost.without_skipping =
                WithoutSkipping::sum(cost.without_skipping, workload.without_skipping);
            cost.cycles.add(&workload.cycles);
            cost.macs += workload.macs;
            cost.mac_passes += workload.mac_passes;
            measured += if exact { workload.macs } else { 0 };
            let sum = &mut cost.energy;
            sum.pes += PJ * compute * energy.pe_pj * rows * cols;
            sum.registers += PJ * compute * (energy.row_pj * rows + energy.col_pj * cols);
            sum.edge += PJ * workload.drained as f64 * energy.drain_pj;
            sum.control += PJ * busy * energy.control(cols);
            sum.clock += PJ * busy * array.clock_pj;
            sum.memory += PJ * workload.operand_bits as f64 * array.memory_pj_per_bit;
        }
        cost.seconds = cost.cycles.busy as f64 * array.period_ps * PJ;
        cost.area_time = cost.seconds * array.area_um2 * 1e-6;
        cost.measured = measured as f64 / cost.macs.max(1) as f64;
        Ok(cost)
    }
}
