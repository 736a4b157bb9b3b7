//! Checkpoints: one file each with everything that the next iterations depend on.
//!
//! A run keeps its last two in `checkpoints/`, named by the number of iterations done. The order of
//! the images and all random streams depend only on seed, iteration and position, so they have no
//! state to save. Histories are not in a checkpoint, only their lengths and checksums.

mod file;
mod store;

pub use store::load_checkpoint;
pub(crate) use store::{keep_two, save, set_aside_after};

use crate::history_log::Offset;
use crate::trainer::TrainerState;

/// The state of a run between two iterations.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<T> {
    /// State of the trainer.
    pub state: TrainerState<T>,
    /// Lengths and checksums of the histories.
    pub offsets: Vec<Offset>,
    /// Wall time of the training iterations so far, in seconds.
    pub train_seconds: f64,
}
