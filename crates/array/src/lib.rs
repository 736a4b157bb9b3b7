//! A description of a MAC array in numbers: parameters, bounds, schedule, cycle model. No Verilog.
//!
//! [`ArraySpec`] holds the parameters as requested. [`ArraySpec::check`] turns it into an
//! [`ArrayConfig`], once. Everything else follows from the configuration: the widths of the
//! hardware, the plan of any GEMM ([`Schedule`]), its [`Cycles`], and its division among several
//! arrays ([`Shard`]).
//!
//! ```
//! use flexmac_array::{ArraySpec, Schedule};
//!
//! let array = ArraySpec { rows: 16, cols: 16, ..ArraySpec::default() }.check()?;
//! // (M, K, N) = (20, 30, 11) with operands of 8 and 16 bits: two passes with a chunk of 8 bits.
//! let schedule = Schedule::new(&array, (20, 30, 11), (8, 16));
//! assert_eq!((schedule.tiles(), schedule.passes()), (2, 2));
//! assert!(schedule.cycles(&array).busy > 0);
//! # Ok::<(), flexmac_array::ConfigErrors>(())
//! ```

mod bounds;
mod config;
mod cycles;
mod error;
pub mod float;
pub mod integer;
mod parameter;
mod parameters;
mod schedule;
mod sharding;
mod skipping;
mod style;

pub use bounds::ceil_log2;
pub use config::ArrayConfig;
pub use cycles::Cycles;
pub use error::{ConfigError, ConfigErrors};
pub use parameter::{DependentDefault, Description, Parameter, Value};
pub use parameters::{ArraySpec, PARAMETERS, describe, markdown};
pub use schedule::{Command, Layout, Schedule, TilePosition};
pub use sharding::{Shard, partition};
pub use skipping::{SkippedWork, SkippingPlan};
pub use style::Style;
