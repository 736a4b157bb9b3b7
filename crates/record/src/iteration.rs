//! What the history keeps of an iteration; no wall time, so that reruns write the same bytes.

use flexmac_dps::{Formats, TensorCounters};
use flexmac_engine::Stats;
use flexmac_fxp::Role;
use serde::{Deserialize, Serialize};

/// Widths by what they are used for: the widest operand of each use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widths {
    /// Input, activations, and weights as operands.
    pub forward: u32,
    /// Gradients with respect to activations and class scores.
    pub backward: u32,
    /// Stored parameters and momentum.
    pub update: u32,
}

/// One tensor in one iteration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorRecord {
    /// Its name.
    pub name: String,
    /// Its formats in this iteration; none in a float run.
    pub formats: Option<Formats>,
    /// What was counted.
    pub counters: TensorCounters,
}

/// Cost and counters of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GemmRecord {
    /// The layer.
    pub layer: String,
    /// Which of its products.
    pub role: Role,
    /// What the engine reports.
    pub stats: Stats,
}

/// One iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IterationRecord {
    /// Its number, from 0.
    pub iteration: u64,
    /// Mean loss of the batch, before the update.
    pub loss: f64,
    /// Mean of the last losses.
    pub smoothed_loss: f64,
    /// Learning rate.
    pub rate: f64,
    /// Stage of the policy.
    pub phase: String,
    /// Widths in use; none in a float run.
    pub widths: Option<Widths>,
    /// Overflows of all tensors, those of the class scores and their gradient too, whatever the policy
    /// makes of them.
    pub overflows: u64,
    /// Cost and counters of all products.
    pub total: Stats,
    /// By tensor.
    pub tensors: Vec<TensorRecord>,
    /// By layer and role, in the order they ran.
    pub gemms: Vec<GemmRecord>,
    /// Test accuracy after this iteration, where it was measured.
    pub accuracy: Option<f64>,
}

impl IterationRecord {
    /// Header of [`IterationRecord::csv`].
    pub const CSV_HEADER: &'static str = "iteration,loss,smoothed_loss,rate,phase,forward_bits,\
        backward_bits,update_bits,overflows,macs,mac_passes,cycles,tiles,tiles_checked,accuracy";

    /// The summary line; empty fields where there is nothing to say.
    pub fn csv(&self) -> String {
        let bits = |choose: fn(&Widths) -> u32| {
            self.widths.as_ref().map_or(String::new(), |widths| choose(widths).to_string())
        };
        [
            self.iteration.to_string(),
            self.loss.to_string(),
            self.smoothed_loss.to_string(),
            self.rate.to_string(),
            self.phase.clone(),
            bits(|widths| widths.forward),
            bits(|widths| widths.backward),
            bits(|widths| widths.update),
            self.overflows.to_string(),
            self.total.macs.to_string(),
            self.total.mac_passes.to_string(),
            self.total.cycles.busy.to_string(),
            self.total.tiles.to_string(),
            self.total.tiles_checked.to_string(),
            self.accuracy.map_or(String::new(), |accuracy| accuracy.to_string()),
        ]
        .join(",")
    }
}
