//! Yosys and OpenSTA runs, parsed into typed reports.
//!
//! Role: take generated Verilog-2005, give area, resources and clock. [`run`] stages its inputs in
//! the output folder, renders the scripts of `scripts/synth`, runs the tools there and reads their
//! reports back. Main decision: the tools are run as programs on plain script files that stay
//! beside the results, so each number can be reproduced without this crate; a binding to Yosys'
//! library interface was turned down for that reason. A number that is missing, zero or not finite
//! is an error, never a default.
//!
//! ```no_run
//! use synth::{Stage, SynthConfig, Target, run};
//!
//! let config = SynthConfig::new("flexmac_core", Target::default_liberty(), "out/synth")
//!     .sources(["out/rtl/flexmac_core.v"]);
//! let report = run(&config, &mut |stage: Stage| eprintln!("{stage}"))?;
//! println!("{:?} um2, {:?}", report.area_um2, report.timing);
//! # Ok::<(), synth::Error>(())
//! ```

mod config;
mod error;
mod flow;
mod hierarchy;
pub mod liberty;
pub mod netlist;
mod report;
pub mod sta;
mod target;
mod tool;
pub mod yosys;

pub use config::SynthConfig;
pub use error::{Error, ParseError};
pub use flow::{opensta, read_library, run, sha256};
pub use report::{
    FpgaResources, GateEstimate, LibraryReport, ModuleReport, Stage, StageTime, SynthReport,
    TimingReport, ToolVersion,
};
pub use target::{OSU018_LIBERTY, Target};
