//! What a training run costs on an array that it need not have run on.
//!
//! Role: [`Mix`] is a run's precision history, [`Work`] what it comes to on a configuration by the
//! exact cycle model, [`Machine`] a configuration's area, clock and energy as `flexmac synth` and
//! `flexmac power` measured them, and [`Bill`] the run on the machine. Main decision: history and
//! hardware meet here alone, and only as counts: a run is costed on any array without training
//! again, because results do not depend on the array.

mod bill;
mod error;
mod estimate;
mod group;
mod headline;
mod machine;
mod mix;
mod plots;
mod study;
mod work;

pub use bill::{Bill, Joules};
pub use error::Error;
pub use estimate::{Estimate, ProductEstimate, commonest, estimate};
pub use group::{Group, group};
pub use headline::{Comparison, Rule, choose, compare};
pub use machine::{Machine, Measured, Probe, read_config};
pub use mix::{Mix, Widths};
pub use plots::{Marks, Point, Roof, scatter};
pub use study::{Study, StudyRun};
pub use work::{Work, work};
