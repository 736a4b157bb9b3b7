//! Gate-level truth and energy of a mapped netlist on operands of real training.
//!
//! Role: [`Gates`] reads what `flexmac synth` wrote, [`Recorder`] takes operands from a training
//! run, [`simulate`] runs the netlist on them in Verilator, every result compared with the
//! reference, while all nets' activity is counted, and [`measure`] turns activity into energy in
//! OpenSTA. Main decision: activity is measured per net and per mode; an estimate from the inputs'
//! switching alone, which OpenSTA makes by default, is only printed beside it.

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
