//! `result.json`: what a training run ended with.

use flexmac_engine::Stats;
use serde::Serialize;

/// What a training run ended with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunResult {
    /// Iterations done.
    pub iterations: u64,
    /// Whether the run was stopped before its last iteration.
    pub stopped: bool,
    /// Loss of the last iteration.
    pub loss: f64,
    /// Smoothed loss at the end.
    pub smoothed_loss: f64,
    /// Test accuracy at the end.
    pub accuracy: f64,
    /// Test images it was measured on.
    pub accuracy_images: usize,
    /// Cost and counters of all training products.
    pub total: Stats,
    /// What the tiles that the engine checked say of all of them ([`flexmac_engine::wrong_tiles_bound`]). A
    /// mismatch ends a run, so there was none.
    pub wrong_tiles_bound: Option<f64>,
    /// Mean passes per multiply-accumulate.
    pub passes_per_mac: f64,
    /// Overflows of all tensors.
    pub overflows: u64,
    /// Wall time of the training iterations, those before a resume included.
    pub train_seconds: f64,
    /// Wall time of everything since the start or the last resume.
    pub seconds: f64,
}
