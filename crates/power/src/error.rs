//! The error type of the crate.

use std::io;
use std::path::PathBuf;

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A folder without a finished synthesis of the whole core on a cell library.
    #[error("{}: expected a finished synthesis of {expected}, found {found}", path.display())]
    Netlist {
        /// The folder or file.
        path: PathBuf,
        /// What was expected.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The report of the synthesis cannot be read.
    #[error(transparent)]
    Record(#[from] flexmac_record::RecordError),
    /// A netlist with an invalid hierarchy.
    #[error("{}", path.display())]
    Hierarchy {
        /// The netlist.
        path: PathBuf,
        /// What is wrong.
        source: flexmac_synth::netlist::NetlistError,
    },
    /// A cell that cannot be simulated.
    #[error(
        "cell {cell} of library {library}: expected a function, ff or latch group to simulate it by, \
         found: {reason}"
    )]
    Model {
        /// The cell.
        cell: String,
        /// The library.
        library: String,
        /// Why.
        reason: String,
    },
    /// A version of OpenSTA that counts the clock behind clock gates in a way that is not handled.
    #[error(
        "{gates} clock gates: expected OpenSTA 2.0, found one of 2025 or later, which counts the clock behind gates \
         in another way; use 2.0, or synthesize without clock gates"
    )]
    ClockGates {
        /// Number of gates in the netlist.
        gates: usize,
    },
    /// The cell library lacks something that the measurement needs.
    #[error("library {library}: expected {expected}, found none")]
    Library {
        /// The library.
        library: String,
        /// What is missing.
        expected: &'static str,
    },
    /// The cell library lacks a value by which the energy of operand memory is scaled.
    #[error(
        "library {library}: expected {expected} to scale the energy of operand memory by, found none"
    )]
    MemoryScaling {
        /// The library.
        library: String,
        /// What is missing.
        expected: &'static str,
    },
    /// Operands that cannot be measured.
    #[error("operands: expected {expected}, found {found}")]
    Operands {
        /// What was expected.
        expected: String,
        /// What was there.
        found: String,
    },
    /// OpenSTA's numbers are implausible.
    #[error("{what}: expected {expected}, found {found}; log: {}", log.display())]
    Implausible {
        /// The quantity.
        what: String,
        /// What was expected.
        expected: String,
        /// What was there.
        found: String,
        /// OpenSTA's log.
        log: PathBuf,
    },
    /// The netlist and the reference differ, or a GEMM does not fit the array.
    #[error("{0}")]
    Engine(#[from] flexmac_engine::EngineError),
    /// A tool or a library could not be used.
    #[error(transparent)]
    Synth(#[from] flexmac_synth::Error),
}

/// Adds the operation and the path to an I/O error.
pub(crate) fn io_error(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}
