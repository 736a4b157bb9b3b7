//! What can go wrong between a GEMM and the simulated hardware, by subject.

use std::path::PathBuf;

use flexmac_engine::{EngineError, GemmError};
use thiserror::Error;

/// Why a simulation gave no results.
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
    /// The Verilog is not a design of the configuration that came with it.
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
        /// Cycles waited.
        cycles: u64,
        /// Commands sent so far.
        command: usize,
        /// Commands in all.
        commands: usize,
        /// Cycles the model allows for the whole product.
        expected: u64,
    },
    /// The accelerator failed behind its bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A file of waves could not be put in place.
    #[error("{action} {}: {source}", path.display())]
    Waves {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What the accelerator answers over its bus.
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
        /// What came instead.
        found: &'static str,
    },
    /// The accelerator refused a command or found a packet of the wrong length.
    #[error(
        "top: error code {code} at command {command} since reset (docs/registers.md names the codes)"
    )]
    Device {
        /// Value of the error register.
        code: u32,
        /// Number of the command.
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
    /// The array cannot compute what the bundle holds.
    #[error(transparent)]
    Gemm(#[from] GemmError),
    /// The simulation of its tiles failed.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// A bundle could not be put in place.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a bundle that can be checked.
    #[error("{what}: expected {expected}, found {found}")]
    Content {
        /// Which part of it.
        what: &'static str,
        /// What a bundle has there.
        expected: String,
        /// What is there.
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
