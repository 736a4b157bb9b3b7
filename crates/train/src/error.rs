//! What can go wrong in a training run, by subject.

use std::fmt;
use std::io;
use std::path::PathBuf;

use flexmac_dataset::DatasetError;
use flexmac_engine::EngineError;
use flexmac_nn::NnError;
use thiserror::Error;

/// Why a run could not be trained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network.
    #[error(transparent)]
    Network(#[from] NnError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// The run's folder.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// Weights from elsewhere.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A saved training state that is not this run's.
    #[error(transparent)]
    State(#[from] StateMismatch),
    /// A training setting outside its range.
    #[error("training: expected {name} {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its legal range in words.
        expected: String,
        /// The value given.
        found: String,
    },
    /// What the engine collects of an iteration could not be put away.
    #[error("end of iteration {iteration}: {source}")]
    EndIteration {
        /// The iteration.
        iteration: u64,
        /// What the engine said.
        source: Box<EngineError>,
    },
    /// Training diverged.
    #[error("training: the loss at iteration {iteration} is {loss}, expected a finite number")]
    Loss {
        /// The iteration.
        iteration: u64,
        /// Its loss.
        loss: f64,
    },
    /// A policy that refused its settings or a saved state.
    #[error(transparent)]
    Policy(#[from] flexmac_dps::DpsError),
}

/// A saved training state that is not this run's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("training state: expected {expected}, found {found}")]
pub struct StateMismatch {
    /// What this run needs.
    pub expected: String,
    /// What the state holds.
    pub found: String,
}

/// Why a run's folder could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// Its checkpoint is not of these histories.
    #[error(transparent)]
    State(#[from] StateMismatch),
    /// A file or folder that could not be used.
    #[error("{action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A checkpoint or history that is not as it was written.
    #[error("{what} {path}: expected {expected}, found {found}; {remedy}")]
    RunFile {
        /// Checkpoint or history.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What a sound one holds.
        expected: String,
        /// What it holds.
        found: String,
        /// What to do about it.
        remedy: Remedy,
    },
    /// A run folder another process writes to.
    #[error("run folder {path}: expected no other process writing to it, found one that does")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder that holds something else.
    #[error("run folder {path}: expected an empty or new folder, found {found}")]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
}

/// What to do about a checkpoint or history that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Resume from the checkpoint before it, of this iteration.
    Earlier(u64),
    /// Resume from an earlier checkpoint, or start over: the history is shorter than the checkpoint says.
    Shorter,
    /// Put back a copy of the file, or start over.
    PutBack,
    /// Start over: there is no checkpoint before it.
    NoneBefore,
    /// Start over.
    StartOver,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earlier(iteration) => {
                write!(f, "resume from the checkpoint before it, of iteration {iteration}")
            }
            Self::Shorter => f.write_str(
                "the history is shorter than its checkpoint says: resume from an earlier checkpoint, \
                 or start over",
            ),
            Self::PutBack => f.write_str("put back a copy of it, or start over"),
            Self::NoneBefore => f.write_str("there is no checkpoint before it: start over"),
            Self::StartOver => f.write_str("start over"),
        }
    }
}

/// Why a file of weights could not be read, written or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The saved state is another network's.
    #[error(transparent)]
    State(#[from] StateMismatch),
    /// A file or folder that could not be used.
    #[error("{action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file that is not what its name says.
    #[error("weights {path}: expected {expected}, found {found}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// Weights that do not fit the network they are for.
    #[error("weights {path}, tensor {tensor}: expected {expected}, found {found}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What the network needs.
        expected: String,
        /// What the file holds.
        found: String,
    },
}

impl RunFolderError {
    /// Wraps an I/O error with what was being done to which path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl WeightsError {
    /// Wraps an I/O error with what was being done to which path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
