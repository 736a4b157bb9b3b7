//! What a run, a synthesis or a power measurement leaves on disk: types, readers, schema versions.
//!
//! | file | type |
//! | --- | --- |
//! | `config.json` of a design | [`DesignConfig`] |
//! | `config.json` of a run | [`RunConfig`] |
//! | `history.jsonl` | [`IterationRecord`], a line; read by [`HistoryReader`] |
//! | `result.json` | [`RunResult`] |
//! | `weights/formats.json` | [`WeightFormats`] |
//! | `report.json` | [`SynthReport`] |
//! | `power.json` | [`PowerReport`] |
//!
//! Main decision: each file is declared once, here, by the type that is written, and everybody reads that
//! type with [`RecordFile::read`]. Readers with smaller types of their own would parse less, but they
//! drift from the writer. Other programs read these files too, so a change of meaning is a new schema
//! version ([`SCHEMA`]). Unknown fields are ignored: a field may be added without a new version.
//! `docs/runfiles.md` describes every field with its unit.
//!
//! ```no_run
//! use flexmac_record::{HistoryReader, RecordFile, RunResult};
//! use std::path::Path;
//!
//! let run = Path::new("run");
//! let result = RunResult::read(&run.join("result.json"))?;
//! for iteration in HistoryReader::open(&run.join("history.jsonl"), false)? {
//!     println!("{}", iteration?.loss);
//! }
//! println!("{}", result.accuracy);
//! # Ok::<(), flexmac_record::RecordError>(())
//! ```

mod design;
mod error;
mod file;
mod history;
mod power;
mod result;
mod run;
mod schema;
mod solver;
mod synth;
mod weights;

pub use design::{DerivedWidths, DesignConfig};
pub use error::RecordError;
pub use file::{Document, RecordFile};
pub use history::{GemmRecord, HistoryReader, IterationRecord, TensorRecord, Widths};
pub use power::{
    ClockGates, ClockTree, DefaultActivityEstimate, Energy, MemoryModel, MemorySource, OperandRole,
    PowerCase, PowerPart, PowerReport, SampledGemm,
};
pub use result::RunResult;
pub use run::{NetworkName, RunConfig, RunData, Setting, SplitSummary};
pub use schema::{SCHEMA, Schema};
pub use solver::{RateSchedule, Solver};
pub use synth::{
    FpgaResources, GateEstimate, LibraryReport, ModuleReport, Stage, StageId, StageTime,
    SynthReport, TimingReport, ToolVersion, TryReport, UnitReport,
};
pub use weights::WeightFormats;
