//! Checkpoints: all that the next iterations depend on, in one file each.
//!
//! A run keeps its last two in `checkpoints/`, named by the iterations done. The data order follows
//! from seed and iteration, random streams from seed, iteration and place, so neither needs a state
//! of its own. Histories are not inside: a checkpoint marks how far they had come.

mod file;
mod store;

pub use store::load_checkpoint;
pub(crate) use store::{keep_two, save, set_aside_after};

use crate::history_log::Offset;
use crate::trainer::TrainerState;

/// A run between two iterations.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<T> {
    /// The trainer.
    pub state: TrainerState<T>,
    /// How far the histories had come.
    pub marks: Vec<Offset>,
    /// Wall time of the training iterations so far.
    pub train_seconds: f64,
}
