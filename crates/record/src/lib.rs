//! What a run, a synthesis or a power measurement leaves on disk: types, readers, schema versions.
//!
//! Other programs read these files too, so a change of meaning is a new schema version. `docs/runfiles.md`
//! describes every field with its unit.

mod iteration;
mod result;

pub use iteration::{GemmRecord, IterationRecord, TensorRecord, Widths};
pub use result::RunResult;
