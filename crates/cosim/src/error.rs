//! Errors of simulation, bus and bundles.

use std::path::PathBuf;

use flexmac_engine::{EngineError, GemmError};
use thiserror::Error;

/// Why a simulation failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The array cannot compute the GEMM.
    #[error(transparent)]
    Gemm(#[from] GemmError),
    /// The Verilog could not be rendered.
    #[error(transparent)]
    Rtlgen(#[from] flexmac_rtlgen::RtlgenError),
    /// The model could not be built, loaded, driven or traced.
    #[error(transparent)]
    Verilated(#[from] verilated::Error),
    /// The Verilog is not a design of the given configuration.
    #[error(
        "rtl: the Verilog does not match its configuration ({summary}): {source}; generate the \
         design again"
    )]
    Design {
        /// The configuration.
        summary: String,
        /// The port that differs.
        source: Box<verilated::Error>,
    },
    /// The model stopped answering.
    #[error(
        "rtl: no progress for {cycles} cycles at command {command} of {commands}; the sequencer \
         should need at most {expected}"
    )]
    Hang {
        /// Cycles simulated.
        cycles: u64,
        /// Commands accepted so far.
        command: usize,
        /// Commands in total.
        commands: usize,
        /// Cycles that the cycle model predicts for the tiles simulated.
        expected: u64,
    },
    /// An access over the bus failed, or the accelerator reported an error.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A wave file could not be written.
    #[error("{action} {}: {source}", path.display())]
    Waves {
        /// The operation that failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A failed bus access, or an error that the accelerator reported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BusError {
    /// An access over the bus failed.
    #[error("top: {access} of register 0x{address:03x}: expected OKAY, found {found}")]
    Access {
        /// `read` or `write`.
        access: &'static str,
        /// Byte address.
        address: u32,
        /// The response received.
        found: &'static str,
    },
    /// The accelerator rejected a command, or received a packet of the wrong length.
    #[error(
        "top: error code {code} at command {command} since reset (docs/registers.md names the codes)"
    )]
    Device {
        /// The value of the error register.
        code: u32,
        /// The number of the command.
        command: u32,
    },
    /// A result packet has the wrong number of beats.
    #[error("top: result packet of tile {tile}: expected {expected} beats, found {found}")]
    ResultPacket {
        /// The tile.
        tile: u64,
        /// Live rows of the tile.
        expected: usize,
        /// Beats up to TLAST; 0 when there was none.
        found: usize,
    },
}

/// Why a bundle could not be written, read or checked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The array cannot compute the GEMMs of the bundle.
    #[error(transparent)]
    Gemm(#[from] GemmError),
    /// The simulation of its tiles failed.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// A bundle could not be written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// The operation that failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a valid bundle, or verdicts do not belong together.
    #[error("{what}: expected {expected}, found {found}")]
    Content {
        /// The part that is wrong.
        what: &'static str,
        /// What is valid there.
        expected: String,
        /// What was found.
        found: String,
    },
}

impl From<SimulationError> for EngineError {
    fn from(error: SimulationError) -> Self {
        match error {
            SimulationError::Gemm(error) => Self::Gemm(error),
            error => Self::backend(error),
        }
    }
}

impl From<BusError> for EngineError {
    fn from(error: BusError) -> Self {
        SimulationError::from(error).into()
    }
}

impl From<BundleError> for EngineError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Gemm(error) => Self::Gemm(error),
            BundleError::Simulation(error) => error.into(),
            error => Self::backend(error),
        }
    }
}

impl From<flexmac_fxp::FxpError> for SimulationError {
    fn from(error: flexmac_fxp::FxpError) -> Self {
        Self::Gemm(error.into())
    }
}

impl From<flexmac_fxp::FxpError> for BundleError {
    fn from(error: flexmac_fxp::FxpError) -> Self {
        Self::Gemm(error.into())
    }
}
