//! The engine trait: float, exact reference, Verilated RTL, and both compared.

mod activity;
pub mod bundle;
mod checked;
mod driver;
mod error;
mod pack;
mod raw_floats;
mod rtl;
mod run;
mod sampled;
mod sharding;
mod split;
pub mod top;
mod trial;
mod waves;

pub use activity::Activity;
pub use checked::{CheckedEngine, ReplayHook};
pub use driver::{PROBE_PICTURE, PROBE_TRIGGER, Stalls};
pub use error::{BundleError, BusError, SimulationError};
pub use rtl::RtlEngine;
pub use trial::{FloatTrial, Trial};
pub use waves::Waves;
