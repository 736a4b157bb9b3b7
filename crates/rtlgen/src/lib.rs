//! Checked array configuration, rendered Verilog, closed-form cycle model.

mod bounds;
mod config;
mod cycles;
mod error;
mod schedule;

pub use config::{Config, ConfigSpec, Style};
pub use cycles::Cycles;
pub use error::{ConfigError, ConfigErrors, RtlgenError};
pub use schedule::{Command, Schedule};
