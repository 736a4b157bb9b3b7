//! The crate's one error type.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a network could not be built, fed or trained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NnError {
    /// No network of that name.
    #[error("network: expected one of {expected}, found {found:?}")]
    NetworkName {
        /// The names there are.
        expected: String,
        /// The name given.
        found: String,
    },
    /// A layer that does not fit what flows into it.
    #[error("network {network}, layer {layer}: expected {expected}, found {found}")]
    Layer {
        /// The network.
        network: String,
        /// The layer, or the place in the description.
        layer: String,
        /// What would fit.
        expected: String,
        /// What is there.
        found: String,
    },
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
    /// A product that the engine refused or could not run; boxed, as it is rare and large.
    #[error(transparent)]
    Engine(Box<EngineFailure>),
    /// What the engine collects of an iteration could not be put away.
    #[error("end of iteration {iteration}: {source}")]
    EndIteration {
        /// The iteration.
        iteration: u64,
        /// What the engine said.
        source: Box<cosim::EngineError>,
    },
    /// Training diverged.
    #[error(
        "training: the loss at iteration {iteration} is {loss}, expected a finite number; lower \
         --lr, or widen the formats"
    )]
    Loss {
        /// The iteration.
        iteration: u64,
        /// Its loss.
        loss: f64,
    },
    /// A policy that refused its settings or a saved state.
    #[error(transparent)]
    Policy(#[from] dps::DpsError),
    /// A saved training state that is not this run's.
    #[error("training state: expected {expected}, found {found}")]
    State {
        /// What this run needs.
        expected: String,
        /// What the state holds.
        found: String,
    },
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
    /// A data set that is not where it was looked for.
    #[error("data {name}: expected {expected}, found nothing there; {hint}")]
    DataMissing {
        /// The data set.
        name: String,
        /// The file or files looked for.
        expected: String,
        /// How to get it.
        hint: String,
    },
    /// A data file that is not what its format or source says.
    #[error("data file {path}: expected {expected}, found {found}")]
    DataFile {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A line of a data file that is not what the format says.
    #[error("data file {path}, line {line}: expected {expected}, found {found}")]
    DataLine {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// Weights that do not fit the network they are for.
    #[error("weights {path}, tensor {tensor}: expected {expected}, found {found}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What the network needs.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// A checkpoint or history that is not as it was written.
    #[error("{what} {path}: expected {expected}, found {found}; {hint}")]
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
        hint: String,
    },
    /// A run folder another process writes to.
    #[error("run folder {path}: expected no other process writing to it, found one that does")]
    FolderLocked {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder that holds something else.
    #[error(
        "run folder {path}: expected an empty or new folder, found {found}; choose another --out or \
         overwrite it with --force, or go on with its run with --resume"
    )]
    FolderInUse {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
}

/// Which product failed, and what the engine said of it.
#[derive(Debug, Error)]
#[error("layer {layer}, {role} product")]
pub struct EngineFailure {
    /// The layer.
    pub layer: String,
    /// Which of its products.
    pub role: &'static str,
    /// What the engine said.
    pub source: cosim::EngineError,
}

impl NnError {
    /// Wraps an I/O error with what was being done to which path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
