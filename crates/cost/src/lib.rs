//! The cost of a training run on an array, which need not be the array that it ran on.
//!
//! Role: [`PrecisionProfile`] counts how often each GEMM of a run had which operand widths. [`Workload`] gives
//! the cycles and traffic of such a GEMM on a configuration, by the exact cycle model. [`ArrayModel`] is the
//! measured area, clock and energy of an array, and [`CostReport`] the cost of a run on it. Main decision:
//! histories and hardware are combined only here, and only as counts. The cost of a run on any array is computed
//! without training again, because results do not depend on the array.

mod array_model;
mod cost_report;
mod error;
mod estimate;
mod headline;
mod plots;
mod precision_profile;
mod series;
mod sharding;
mod skipping;
mod study;
mod workload;

pub use array_model::{ArrayModel, MeasuredArray, MeasuredEnergy, read_config};
pub use cost_report::{CostReport, EnergyBreakdown};
pub use error::Error;
pub use estimate::{Estimate, GemmEstimate, commonest, estimate};
pub use headline::{Comparison, Rule, WithSkipping, compare};
pub use plots::{Marks, Point, Roof, scatter};
pub use precision_profile::{OperandWidths, PrecisionProfile};
pub use series::{RunSeries, SeedMean};
pub use sharding::{ShardedRun, sharded};
pub use skipping::{RecordedSkipping, SkippedCost, WithoutSkipping};
pub use study::{Study, StudyRun};
pub use workload::{Workload, workloads};
