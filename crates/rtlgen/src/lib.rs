//! Checked array configuration, rendered Verilog, closed-form cycle model.
//!
//! Data flows one way: a [`ConfigSpec`] is checked once into a [`Config`]; from that alone follow
//! the Verilog ([`verilog`], [`write()`]), the plan of any product ([`Schedule`]) and its cycles.

mod bounds;
mod config;
mod cycles;
mod describe;
mod design;
mod error;
mod fixed;
mod folder;
mod fp32;
mod render;
mod schedule;

pub use config::{Config, ConfigSpec, Style};
pub use cycles::Cycles;
pub use describe::{Parameter, parameters};
pub use design::port_bits;
pub use error::{ConfigError, ConfigErrors, RtlgenError};
pub use folder::{read, read_sources, write};
pub use fp32::Pipeline;
pub use render::{SourceFile, TOP, package, verilog};
pub use schedule::{Command, Layout, Place, Schedule};
