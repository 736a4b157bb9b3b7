//! What a MAC array is, in numbers: parameters, bounds, schedule, cycles. No Verilog here.
//!
//! An [`ArraySpec`] (parameters as asked for) is checked once into an [`ArrayConfig`]. From that alone
//! follow the widths of the hardware, the plan of any GEMM ([`Schedule`]), its [`Cycles`], and how
//! several arrays share it ([`Shard`]).
//!
//! ```
//! use flexmac_array::{ArraySpec, Schedule};
//!
//! let array = ArraySpec { rows: 16, cols: 16, ..ArraySpec::default() }.check()?;
//! // (M, K, N) = (20, 30, 11) with operands of 8 and 16 bits: two passes on chunk 8.
//! let schedule = Schedule::new(&array, (20, 30, 11), (8, 16));
//! assert_eq!((schedule.tiles(), schedule.passes()), (2, 2));
//! assert!(schedule.cycles(&array).busy > 0);
//! # Ok::<(), flexmac_array::ConfigErrors>(())
//! ```

mod bounds;
mod config;
mod cycles;
mod describe;
mod error;
pub mod fp32;
pub mod integer;
mod schedule;
mod sharding;

pub use bounds::ceil_log2;
pub use config::{ArrayConfig, ArraySpec, Style};
pub use cycles::Cycles;
pub use describe::{Parameter, parameters};
pub use error::{ConfigError, ConfigErrors};
pub use schedule::{Command, Layout, Schedule, TilePosition};
pub use sharding::{Shard, partition};
