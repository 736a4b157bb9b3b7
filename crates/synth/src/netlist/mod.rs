//! A mapped netlist: read from the Verilog that Yosys writes, flattened to cells and nets.
//!
//! The text is read, not Yosys' JSON beside it, so that what is simulated and measured is the
//! netlist a user can look at, edit and hand on.

mod flat;
mod parse;
mod simulation;

pub use flat::{FlatCell, FlatNetlist, FlatPort, Instance, NetlistError, Signal};
pub use parse::{Bit, CellInst, Module, Netlist, PortDirection, Wire};
pub use simulation::Probes;
