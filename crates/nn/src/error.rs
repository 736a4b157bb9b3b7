//! Why a network could not be built or run.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a network could not be built or run.
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
    pub source: flexmac_engine::EngineError,
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
