//! Dynamic precision scaling: which formats the next training iteration uses.
//!
//! A [`Policy`] sees, after each iteration, the loss and every tensor's counters ([`Observation`])
//! and answers with a [`FormatTable`]. It knows tensors by name and role only ([`TensorSpec`]), so
//! that one policy serves every network. One file per policy.

mod error;
mod loss_average;
mod na2016;
mod policy;
mod static_policy;
mod tensor;

pub use error::DpsError;
pub use loss_average::LossAverage;
pub use na2016::{Na2016, Na2016Config, Na2016State, PointState, Stage};
pub use policy::{Observation, Policy, PolicyState, TensorCounters};
pub use static_policy::{Static, StaticConfig};
pub use tensor::{FormatTable, Formats, TensorRole, TensorSpec};
