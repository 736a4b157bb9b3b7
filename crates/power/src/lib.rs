//! Equivalence of netlist and reference on operands from real training, and the energy of the netlist.
//!
//! Role: [`Gates`] reads a synthesis, and [`Recorder`] takes operands from a training run. [`simulate`] runs the
//! netlist on them in Verilator, compares every result with the reference and counts the activity of every net.
//! [`measure`] converts activity into energy with OpenSTA. Main decision: activity is measured for each net and
//! mode. OpenSTA's own estimate, from default activity at the inputs, is reported only for comparison.

mod cases;
mod clock;
mod error;
mod gated;
mod gates;
mod memory;
mod operands;
mod readings;
mod sta;

pub use cases::{Mode, ModeError, Run, role_of, simulate};
pub use error::Error;
pub use gates::Gates;
pub use operands::{Recorder, Sample, SampleSize};
pub use readings::{Log, Watts, cell_powers};
pub use sta::{Settings, measure};
