//! Runs Yosys and OpenSTA and parses their results into typed reports.
//!
//! Role: from Verilog-2005 to area, resources and clock period. [`run`] copies its inputs to the output folder,
//! renders the scripts of `crates/synth/scripts`, runs the tools there and reads their reports. A second run in
//! the same folder repeats only the stages whose inputs changed or whose outputs are incomplete. Main
//! decision: the tools run as programs on plain script files that stay beside the results, so that each number
//! can be reproduced without this crate. A binding to Yosys' library interface was rejected for that reason. A
//! number that is missing, zero or not finite is an error, never a default.
//!
//! ```no_run
//! use flexmac_synth::{SynthConfig, Target, run};
//!
//! let config = SynthConfig::new("flexmac_core", Target::default_liberty(), "out/synth")
//!     .sources(["out/rtl/flexmac_core.v"]);
//! let report = run(&config, &mut |progress| eprintln!("{progress}"))?;
//! println!("{:?} um2, {:?}", report.area_um2, report.timing);
//! # Ok::<(), flexmac_synth::Error>(())
//! ```

mod abc_recipe;
mod config;
mod error;
mod exit_status;
mod flow;
mod hierarchy;
pub mod lef;
pub mod liberty;
mod library;
mod mapping;
pub mod netlist;
mod progress;
mod rtlil;
mod search;
pub mod sta;
mod stage_cache;
mod target;
mod tool;
pub mod yosys;

pub use config::SynthConfig;
pub use error::{Error, ParseError};
pub use flow::{opensta, run};
pub use library::{CellSizes, LibraryOptions, LoadedLibrary, read_library, sha256};
pub use progress::Progress;
pub use target::{OSU018_LIBERTY, Target};
