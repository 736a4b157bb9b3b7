//! A run's iterations, read from `history.jsonl` into columns.
//!
//! Columns take less memory than whole records. Values that seldom change are stored as their
//! changes ([`StepSeries`]).

use std::path::Path;

use flexmac_array::Cycles;
use flexmac_engine::Stats;
use flexmac_fxp::Role;
use flexmac_record::{GemmRecord, HistoryReader, IterationRecord, Widths};
use serde::Serialize;

use crate::error::ReportError;
use crate::step_series::StepSeries;
use crate::tensors::TensorHistory;

/// The cost of GEMMs on the array.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Multiplier passes of all multiply-accumulates.
    pub mac_passes: u64,
    /// Tiles computed.
    pub tiles: u64,
    /// Tiles compared bit for bit with the reference.
    pub tiles_checked: u64,
    /// Cycles on the array; all zero on the float engine.
    pub cycles: Cycles,
    /// Passes and busy cycles as they would be without plane skipping; none in a run without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_skipping: Option<(u64, u64)>,
}

impl From<Stats> for Cost {
    fn from(stats: Stats) -> Self {
        let Stats { macs, mac_passes, tiles, tiles_checked, cycles, plane_skipping, .. } = stats;
        let without_skipping =
            plane_skipping.map(|full| (full.full_mac_passes, full.full_busy_cycles));
        Self { macs, mac_passes, tiles, tiles_checked, cycles, without_skipping }
    }
}

impl Cost {
    /// The sum. `None` if a count exceeds 64 bits, which happens only with an edited history.
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        let (a, b) = (self.cycles, other.cycles);
        let without_skipping = match (self.without_skipping, other.without_skipping) {
            (Some(own), Some(other)) => {
                Some((own.0.checked_add(other.0)?, own.1.checked_add(other.1)?))
            }
            (own, other) => own.or(other),
        };
        Some(Self {
            macs: self.macs.checked_add(other.macs)?,
            mac_passes: self.mac_passes.checked_add(other.mac_passes)?,
            tiles: self.tiles.checked_add(other.tiles)?,
            tiles_checked: self.tiles_checked.checked_add(other.tiles_checked)?,
            cycles: Cycles {
                busy: a.busy.checked_add(b.busy)?,
                compute: a.compute.checked_add(b.compute)?,
                stall: a.stall.checked_add(b.stall)?,
                load: a.load.checked_add(b.load)?,
                blocked: a.blocked.checked_add(b.blocked)?,
            },
            without_skipping,
        })
    }

    /// Mean passes per multiply-accumulate; 0 if there were none.
    pub fn passes_per_mac(&self) -> f64 {
        if self.macs == 0 { 0.0 } else { self.mac_passes as f64 / self.macs as f64 }
    }
}

/// One of a layer's three GEMMs, summed over the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GemmCost {
    /// The layer.
    pub layer: String,
    /// Which of the layer's GEMMs.
    pub role: Role,
    /// Its cost.
    pub cost: Cost,
}

/// A run's iterations by column. Lists of plain numbers are as long as `iteration`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct History {
    /// Iteration numbers, from 0.
    pub iteration: Vec<u64>,
    /// Mean loss of the batch, before the update.
    pub loss: Vec<f64>,
    /// Mean of the most recent losses.
    pub smoothed_loss: Vec<f64>,
    /// Learning rate.
    pub rate: Vec<f64>,
    /// Overflows of all tensors.
    pub overflows: Vec<u64>,
    /// Iteration after which test accuracy was measured, and the accuracy, 0 to 1.
    pub accuracy: Vec<(u64, f64)>,
    /// Stage of the policy.
    pub phase: StepSeries<String>,
    /// Cost of all GEMMs.
    pub cost: StepSeries<Cost>,
    /// Widths in use; none in a float run.
    pub widths: StepSeries<Option<Widths>>,
    /// Formats and overflows by tensor, in the network's order.
    pub tensors: Vec<TensorHistory>,
    /// Cost by layer and role, in the order of the first iteration.
    #[serde(rename = "products")]
    pub gemms: Vec<GemmCost>,
    /// Sum of the cost of every iteration.
    pub total: Cost,
}

impl History {
    /// Reads a history. With `unfinished`, an incomplete last line is ignored.
    ///
    /// # Errors
    /// [`ReportError`] naming the file and the line.
    pub(crate) fn read(path: &Path, unfinished: bool) -> Result<Self, ReportError> {
        let mut history = Self::default();
        let mut lines = HistoryReader::open(path, unfinished)?;
        while let Some(line) = lines.next().transpose()? {
            let pushed = history.push(line);
            pushed.map_err(|(expected, found)| lines.refuse(expected, found))?;
        }
        Ok(history)
    }

    /// Adds an iteration. The error is what was expected and what was found.
    fn push(&mut self, line: IterationRecord) -> Result<(), (String, String)> {
        let IterationRecord { iteration, accuracy, .. } = line;
        if let Some(found) = accuracy.filter(|accuracy| !(0.0..=1.0).contains(accuracy)) {
            return Err(("an accuracy from 0 to 1".to_owned(), found.to_string()));
        }
        let first = self.iteration.is_empty();
        if first {
            let names = line.tensors.iter().map(|tensor| tensor.name.clone());
            self.tensors = names.map(TensorHistory::new).collect();
        }
        if line.tensors.len() != self.tensors.len() {
            let expected = format!("{} tensors as on the first line", self.tensors.len());
            return Err((expected, line.tensors.len().to_string()));
        }
        for (history, tensor) in self.tensors.iter_mut().zip(&line.tensors) {
            history.push(iteration, tensor)?;
        }
        let too_large = || ("counts whose sum fits 64 bits".to_owned(), "larger ones".to_owned());
        for gemm in line.gemms {
            let GemmRecord { layer, role, stats, .. } = gemm;
            let same = |gemm: &&mut GemmCost| gemm.role == role && gemm.layer == layer;
            if let Some(gemm) = self.gemms.iter_mut().find(same) {
                gemm.cost = gemm.cost.checked_add(stats.into()).ok_or_else(too_large)?;
            } else {
                self.gemms.push(GemmCost { layer, role, cost: stats.into() });
            }
        }
        self.total = self.total.checked_add(line.total.into()).ok_or_else(too_large)?;
        self.iteration.push(iteration);
        self.loss.push(line.loss);
        self.smoothed_loss.push(line.smoothed_loss);
        self.rate.push(line.rate);
        self.overflows.push(line.overflows);
        self.cost.push(iteration, line.total.into());
        self.accuracy.extend(accuracy.map(|accuracy| (iteration, accuracy)));
        self.phase.push(iteration, line.phase);
        self.widths.push(iteration, line.widths);
        Ok(())
    }

    /// The iterations as a half-open range: first, and last plus one.
    pub fn span(&self) -> (u64, u64) {
        let ends = self.iteration.first().zip(self.iteration.last());
        ends.map_or((0, 0), |(first, last)| (*first, last.saturating_add(1)))
    }

    /// Overflows of the whole run.
    pub fn overflow_total(&self) -> u64 {
        self.overflows.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}
