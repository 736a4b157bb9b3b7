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
mod folder;
mod fp32;
mod group;
mod integer;
mod place;
mod registers;
mod render;
mod schedule;
mod top;

pub use config::{Config, ConfigSpec, Style};
pub use cycles::Cycles;
pub use describe::{Parameter, parameters};
pub use design::port_bits;
pub use error::{ConfigError, ConfigErrors, RtlgenError};
pub use folder::{read, read_sources, write, write_copy};
pub use fp32::Pipeline;
pub use group::{Share, deal};
pub use registers::{
    Access, Field, Group, NamedValue, Register, RegisterMap, c_header, json, markdown,
    register_map, rust_module,
};
pub use render::{BUS_TOP, SourceFile, TOP, package, verilog};
pub use schedule::{Command, Layout, Place, Schedule};
pub use top::StreamBits;
