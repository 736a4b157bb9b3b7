//! The engine trait: float, exact reference, Verilated RTL, and both compared.

mod activity;
pub mod bundle;
mod checked;
mod driver;
mod engine;
mod error;
mod float;
mod fp32;
mod group;
mod lower;
mod mismatch;
mod pack;
mod reference;
mod rtl;
mod run;
mod sample;
mod sampled;
mod split;
pub mod top;
mod trial;
mod waves;

pub use activity::Activity;
pub use checked::{CheckedEngine, ReplayHook};
pub use driver::{PROBE_PICTURE, PROBE_TRIGGER, Stalls};
pub use engine::{Element, Engine, Operand, Outcome, Product, Stats};
pub use error::EngineError;
pub use float::FloatEngine;
pub use mismatch::{Difference, Mismatch};
pub use reference::ReferenceEngine;
pub use rtl::RtlEngine;
pub use sample::{wrong_share_bound, wrong_tiles_bound};
pub use trial::{FloatTrial, Trial};
pub use waves::{Again, Shown, Waves};
