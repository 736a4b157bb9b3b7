//! Dynamic precision scaling: policies that choose the number formats of the next training
//! iteration.
//!
//! After each iteration a [`Policy`] receives the loss and each tensor's counters ([`Observation`])
//! and returns the formats of the next iteration ([`FormatTable`]). It knows only names and roles
//! of tensors ([`TensorSpec`]), so one policy works with any network. There is one file per policy;
//! [`POLICIES`] lists them.
//!
//! Words: the *integer length* of a format is its number of bits before the binary point, without
//! the sign; it may be negative. Widths include the sign: `s4.11` has integer length 4 and 16 bits.
//! The *LSB* is the last place. A *plane* is a slice of `chunk` bits of an operand; the array takes
//! a *pass* for each pair of planes, so a width costs by its planes. A *use* of a tensor is one of
//! forward, backward, update and reuse, each with a format of its own ([`Formats`]).
//!
//! ```
//! use flexmac_dps::{
//!     Observation, Policy, Taras2018, Taras2018Config, TensorCounters, TensorRole, TensorSpec,
//! };
//! use flexmac_fxp::Counters;
//!
//! let tensors = [TensorSpec { name: "conv1".to_owned(), role: TensorRole::Activation }];
//! let mut policy = Taras2018::new(Taras2018Config::default(), &tensors)?;
//! assert_eq!(policy.formats()[0].forward.to_string(), "s4.11");
//!
//! // An iteration in which 3 % of the activations overflowed and rounding lost nothing.
//! let forward = Counters { emitted: 1000, overflow_high: 30, ..Counters::default() };
//! let counters = [TensorCounters { forward, ..TensorCounters::default() }];
//! let formats = policy.step(&Observation { iteration: 0, loss: 2.3, counters: &counters });
//! // One bit more before the binary point, one bit less after it.
//! assert_eq!(formats[0].forward.to_string(), "s5.10");
//! # Ok::<(), flexmac_dps::DpsError>(())
//! ```

mod courbariaux2014;
mod error;
mod kind;
mod loss_average;
mod na2016;
mod operand_search;
mod planewise;
mod policy;
mod static_policy;
mod taras2018;
mod tensor;
mod zero_search;

pub use courbariaux2014::{
    Courbariaux2014, Courbariaux2014Config, Courbariaux2014State, ScalingFactorState,
};
pub use error::DpsError;
pub use kind::{ArrayLimits, Constant, Constants, MakePolicy, PolicyKind, SHARED_CONSTANTS, Unit};
pub use loss_average::LossAverage;
pub use na2016::{BinaryPointState, Na2016, Na2016Config, Na2016State, SearchStage};
pub use operand_search::OperandState;
pub use planewise::{Planewise, PlanewiseConfig, PlanewiseState, TensorState};
pub use policy::{Observation, Policy, PolicyState, TensorCounters};
pub use static_policy::{Static, StaticConfig};
pub use taras2018::{Taras2018, Taras2018Config, Taras2018State};
pub use tensor::{FormatTable, Formats, TensorRole, TensorSpec};
pub use zero_search::ZeroSearch;

/// All policies. A new policy is one file, its `mod` line above, and one line here.
pub const POLICIES: &[&PolicyKind] = &[
    &static_policy::KIND,
    &na2016::KIND,
    &courbariaux2014::KIND,
    &taras2018::KIND,
    &planewise::KIND,
];

/// Shortest integer length that a search reaches. A tensor that shows no value there is taken for
/// zeros.
pub(crate) const SHORTEST: i32 = -28;

/// Longest integer length that overflows lead to: values that need more are of a run that diverges,
/// and a range that follows them would lead it on.
pub(crate) const LONGEST: i32 = 24;

/// The integer length after an overflow.
pub(crate) fn lengthened(integer_length: i32) -> i32 {
    if integer_length < LONGEST { integer_length + 1 } else { integer_length }
}

#[cfg(test)]
mod policies_tests;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
