//! Dynamic precision scaling: which formats the next training iteration uses.
//!
//! A [`Policy`] sees, after each iteration, the loss and every tensor's counters ([`Observation`])
//! and answers with a [`FormatTable`]. It knows tensors by name and role only ([`TensorSpec`]), so
//! that one policy serves every network. One file per policy, listed in [`POLICIES`].

mod courbariaux2014;
mod error;
mod kind;
mod loss_average;
mod na2016;
mod operand;
mod planewise;
mod policy;
mod static_policy;
mod taras2018;
mod tensor;

pub use courbariaux2014::{
    Courbariaux2014, Courbariaux2014Config, Courbariaux2014State, GroupState,
};
pub use error::DpsError;
pub use kind::{Constant, Constants, Machine, Make, PolicyKind, SHARED, Unit};
pub use loss_average::LossAverage;
pub use na2016::{Na2016, Na2016Config, Na2016State, PointState, Stage};
pub use operand::OperandState;
pub use planewise::{Planewise, PlanewiseConfig, PlanewiseState, UseState};
pub use policy::{Observation, Policy, PolicyState, TensorCounters};
pub use static_policy::{Static, StaticConfig};
pub use taras2018::{Taras2018, Taras2018Config, Taras2018State};
pub use tensor::{FormatTable, Formats, TensorRole, TensorSpec};

/// The policies there are. A new one is a file, its `mod` above, and its line here.
pub const POLICIES: &[&PolicyKind] = &[
    &static_policy::KIND,
    &na2016::KIND,
    &courbariaux2014::KIND,
    &taras2018::KIND,
    &planewise::KIND,
];

/// Shortest integer length a search goes to: a tensor that stays zero must not run away.
pub(crate) const SHORTEST: i32 = -28;

#[cfg(test)]
mod policies_tests;
