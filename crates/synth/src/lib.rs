//! Yosys and OpenSTA runs, parsed into typed reports.
//!
//! Role: take generated Verilog-2005, give area, resources and clock. [`run`] stages its inputs in
//! the output folder, renders the scripts of `crates/synth/scripts`, runs the tools there and reads their
//! reports back. A run into a folder that holds an earlier one repeats only the stages whose inputs
//! changed or whose outputs are not whole. Main decision: the tools are run as programs on plain
//! script files that stay beside the results, so each number can be reproduced without this crate;
//! a binding to Yosys' library interface was turned down for that reason. A number that is missing,
//! zero or not finite is an error, never a default.
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

mod config;
mod error;
mod flow;
mod hierarchy;
mod judge;
pub mod liberty;
mod library;
mod mapping;
pub mod netlist;
mod recipe;
mod relay;
mod rtlil;
mod search;
pub mod sta;
mod stage;
mod target;
mod tool;
pub mod yosys;

pub use config::SynthConfig;
pub use error::{Error, ParseError};
pub use flow::{opensta, run};
pub use library::{read_library, sha256};
pub use stage::Progress;
pub use target::{OSU018_LIBERTY, Target};
