//! Errors of a training run, one type per subject.

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
    /// An error of the network or of the engine under it.
    #[error(transparent)]
    Network(#[from] NnError),
    /// An error of the data set.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// An error of the run folder.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// An error of a weights file.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A saved training state that belongs to another run.
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
    /// The engine could not save what it collected during the iteration.
    #[error("end of iteration {iteration}: {source}")]
    EndIteration {
        /// The iteration.
        iteration: u64,
        /// The engine's error.
        source: Box<EngineError>,
    },
    /// Training diverged: the loss is not finite.
    #[error("training: the loss at iteration {iteration} is {loss}, expected a finite number")]
    Loss {
        /// The iteration.
        iteration: u64,
        /// Its loss.
        loss: f64,
    },
    /// A policy refused its settings or a saved state.
    #[error(transparent)]
    Policy(#[from] flexmac_dps::DpsError),
}

/// A saved training state that belongs to another run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("training state: expected {expected}, found {found}")]
pub struct StateMismatch {
    /// What this run needs.
    pub expected: String,
    /// What the state holds.
    pub found: String,
}

/// Why a run folder could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// The checkpoint belongs to other histories.
    #[error(transparent)]
    State(#[from] StateMismatch),
    /// An I/O error on a file or folder.
    #[error("{action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A checkpoint or history that was changed, damaged or lost since the run wrote it.
    #[error("{what} {path}: expected {expected}, found {found}; {remedy}")]
    RunFile {
        /// Checkpoint or history.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
        /// What to do about it.
        remedy: Remedy,
    },
    /// Another process writes to the run folder.
    #[error("run folder {path}: expected no other process writing to it, found one that does")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder already holds something.
    #[error("run folder {path}: expected an empty or new folder, found {found}")]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
}

/// What to do about a damaged checkpoint or history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Resume from the checkpoint before it, of this iteration.
    Earlier(u64),
    /// The history is shorter than the checkpoint says: resume from an earlier one, or start over.
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

/// Why a weights file could not be read, written or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The saved state belongs to another network.
    #[error(transparent)]
    State(#[from] StateMismatch),
    /// An I/O error on a file or folder.
    #[error("{action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file that is not in the format its name says.
    #[error("weights {path}: expected {expected}, found {found}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A tensor that does not fit the network.
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
    /// Wraps an I/O error with the action and the path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl WeightsError {
    /// Wraps an I/O error with the action and the path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
