//! Why a network could not be built or run.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a network could not be built or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NnError {
    /// No shipped network has this name.
    #[error("network: expected one of {expected}, found {found:?}")]
    NetworkName {
        /// The names of the shipped networks.
        expected: String,
        /// The name given.
        found: String,
    },
    /// A layer that is malformed or does not fit its input.
    #[error("network {network}, layer {layer}: expected {expected}, found {found}")]
    Layer {
        /// The network.
        network: String,
        /// The layer, or the part of the description.
        layer: String,
        /// What is legal there.
        expected: String,
        /// What the description says.
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
    /// A GEMM that the engine refused or could not run. Boxed because it is rare and large.
    #[error(transparent)]
    Engine(Box<EngineFailure>),
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
}

/// Which GEMM failed, with the engine's error.
#[derive(Debug, Error)]
#[error("layer {layer}, {role} GEMM")]
pub struct EngineFailure {
    /// The layer.
    pub layer: String,
    /// The role of the GEMM in the layer.
    pub role: &'static str,
    /// The engine's error.
    pub source: flexmac_engine::EngineError,
}

impl NnError {
    /// Wraps an I/O error with the action and the path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
