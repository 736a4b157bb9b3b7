//! `result.json`: what a training run ended with.

use flexmac_engine::Stats;
use serde::{Deserialize, Serialize};

use crate::file::RecordFile;
use crate::schema::Schema;

/// What a training run ended with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Schema version.
    #[serde(default = "Schema::absent")]
    pub schema: Schema,
    /// Iterations done.
    pub iterations: u64,
    /// Whether the run was stopped before its last iteration.
    pub stopped: bool,
    /// Loss of the last iteration.
    pub loss: f64,
    /// Mean of the last losses, at the end.
    pub smoothed_loss: f64,
    /// Share of test images classified correctly at the end, 0 to 1.
    pub accuracy: f64,
    /// Number of test images it was measured on.
    pub accuracy_images: usize,
    /// Cost and counters of all GEMMs of training, without those of evaluation.
    pub total: Stats,
    /// Largest share of wrong tiles that the checked tiles leave possible, with 95 % confidence
    /// ([`flexmac_engine::wrong_tiles_bound`]); none where no tile was checked. No checked tile was wrong:
    /// a mismatch ends a run without a result.
    pub wrong_tiles_bound: Option<f64>,
    /// Mean passes per multiply-accumulate.
    pub passes_per_mac: f64,
    /// Overflows of all tensors.
    pub overflows: u64,
    /// Wall time of the training iterations in seconds, those before a resume included.
    pub train_seconds: f64,
    /// Wall time of everything since the start or the last resume, in seconds.
    pub seconds: f64,
}

impl RecordFile for RunResult {
    const KIND: &'static str = "the result of a run";
}
