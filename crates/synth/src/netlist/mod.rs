//! A mapped netlist: read from the Verilog that Yosys writes, flattened to cells and nets.
//!
//! The Verilog is read and not Yosys' JSON, so that the netlist that is simulated and measured is the
//! one that a user can read, edit and pass on.

mod flat;
mod parse;
mod simulation;

pub use flat::{FlatCell, FlatNetlist, FlatPort, Instance, NetlistError, Signal};
pub use parse::{Bit, CellInst, Module, Netlist, PortDirection, Wire};
pub use simulation::Probes;
