//! Co-simulation: engines that drive the Verilated RTL, and one that compares it with the
//! reference.
//!
//! [`RtlEngine`] computes every GEMM on a simulated array. [`CheckedEngine`] runs RTL and reference
//! side by side and compares every result, sum, counter and cycle count. [`top::TopEngine`] drives
//! the accelerator `flexmac_top` over its buses, as software would. [`bundle`] stores sampled
//! tiles, to be checked later. The trait [`Engine`](flexmac_engine::Engine) and the reference are
//! in `flexmac-engine`.
//!
//! Every clock edge is driven from Rust, so results, counters and cycles are those of the RTL
//! itself.
//!
//! ```no_run
//! use flexmac_array::ArraySpec;
//! use flexmac_cosim::{CheckedEngine, RtlEngine};
//! use flexmac_engine::{Engine, Gemm, Operand};
//! use flexmac_fxp::{Format, Rounding, SeedPath};
//! use ndarray::array;
//!
//! let array = ArraySpec { rows: 2, cols: 2, ..ArraySpec::default() }.check()?;
//! // Builds the model with Verilator (a minute), or takes it from the cache.
//! let rtl = RtlEngine::new(array.clone(), &flexmac_rtlgen::verilog(&array)?, None)?;
//! let mut engine = CheckedEngine::new(rtl);
//!
//! let (a, b) = (array![[1, -2], [3, 4]], array![[5], [6]]);
//! let format = Format::new(8, 0)?;
//! let result = engine.gemm(&Gemm {
//!     a: Operand { values: a.view(), format },
//!     b: Operand { values: b.view(), format },
//!     bias: None,
//!     out: Format::new(16, 0)?,
//!     rounding: Rounding::Nearest,
//!     seed: SeedPath::alone(1),
//!     keep_sums: false,
//! })?; // an error if a single bit, counter or cycle differs
//! println!("{} in {} cycles", result.values, result.stats.cycles.busy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activity;
pub mod bundle;
mod checked;
mod driver;
mod error;
mod loops;
mod model_pool;
mod pack;
mod raw_floats;
mod rtl;
mod sampled;
mod sharding;
mod simulate;
pub mod top;
mod trial;
mod waves;

pub use activity::Activity;
pub use checked::{CheckedEngine, ReplayHook};
pub use driver::{PROBE_SNAPSHOT, PROBE_TRIGGER, Stalls, model_cache};
pub use error::{BundleError, BusError, SimulationError};
pub use rtl::RtlEngine;
pub use trial::{FloatTrial, Trial};
pub use waves::Waves;
