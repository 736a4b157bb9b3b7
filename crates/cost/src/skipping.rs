//! What a run that skipped planes recorded of its array: passes and cycles follow from the data, so they are known
//! for the run's own array only.

use std::collections::BTreeMap;

use flexmac_array::{ArrayConfig, ArraySpec, Cycles};
use flexmac_record::GemmRecord;
use serde::{Deserialize, Serialize};

use crate::precision_profile::OperandWidths;

/// The recorded cost of the GEMMs of a run with skipped planes.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedSkipping {
    /// The run's array.
    array: ArraySpec,
    /// For each GEMM, the sum over all iterations by widths.
    gemms: Vec<BTreeMap<OperandWidths, SkippedCost>>,
}

/// Passes, cycles and traffic of a GEMM with skipped planes, over a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkippedCost {
    /// Multiply-accumulates times passes.
    pub mac_passes: u64,
    /// Cycles.
    pub cycles: Cycles,
    /// Rows that the requantizer of each column accepted from its drain chain.
    pub captured_rows: u64,
    /// Bits of operand words written to the banks.
    pub loaded_bits: u64,
}

/// What the same GEMMs cost without skipping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithoutSkipping {
    /// Multiply-accumulates times passes.
    pub mac_passes: u64,
    /// Busy cycles.
    pub busy_cycles: u64,
}

impl WithoutSkipping {
    /// Adds that of other GEMMs of the run, all of which have one or none.
    pub(crate) fn sum(sum: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (sum, other) = (sum.unwrap_or_default(), other?);
        Some(Self {
            mac_passes: sum.mac_passes + other.mac_passes,
            busy_cycles: sum.busy_cycles + other.busy_cycles,
        })
    }
}

impl RecordedSkipping {
    /// Of a run on `array`, with so many GEMMs an iteration; nothing recorded yet.
    pub(crate) fn new(array: ArraySpec, gemms: usize) -> Self {
        Self { array, gemms: vec![BTreeMap::new(); gemms] }
    }

    /// Adds an iteration of GEMM `index`. `None` if a count exceeds 64 bits, or if no planes were skipped.
    pub(crate) fn add(
        &mut self,
        index: usize,
        widths: OperandWidths,
        GemmRecord { stats, .. }: &GemmRecord,
    ) -> Option<()> {
        let skipping = stats.plane_skipping?;
        let sum = self.gemms[index].entry(widths).or_default();
        for (sum, count) in [
            (&mut sum.mac_passes, stats.mac_passes),
            (&mut sum.cycles.busy, stats.cycles.busy),
            (&mut sum.cycles.compute, stats.cycles.compute),
            (&mut sum.cycles.stall, stats.cycles.stall),
            (&mut sum.captured_rows, skipping.captured_rows),
            (&mut sum.loaded_bits, skipping.loaded_bits),
        ] {
            *sum = sum.checked_add(count)?;
        }
        Some(())
    }

    /// Whether the recorded cost is that of an array of `config`: rounding modes do not change it.
    pub fn is_of(&self, config: &ArrayConfig) -> bool {
        let found = ArraySpec { rounding: self.array.rounding.clone(), ..config.spec().clone() };
        found == self.array
    }

    /// The cost of GEMM `index` in all iterations with these widths.
    pub fn cost(&self, index: usize, widths: OperandWidths) -> Option<&SkippedCost> {
        self.gemms[index].get(&widths)
    }
}
