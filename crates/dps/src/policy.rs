//! What a policy sees and answers.

use flexmac_fxp::Counters;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::DpsError;
use crate::tensor::FormatTable;

/// One tensor's counters of one iteration, by what was rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorCounters {
    /// The value on its way forward, or a parameter's copy for the array.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub forward: Counters,
    /// The gradient with respect to it.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub backward: Counters,
    /// The stored parameter and its momentum.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub update: Counters,
}

/// Uses that rounded nothing are left out of histories.
fn is_unused(counters: &Counters) -> bool {
    *counters == Counters::default()
}

impl TensorCounters {
    /// Overflows of every use.
    pub fn overflows(&self) -> u64 {
        self.forward.overflows() + self.backward.overflows() + self.update.overflows()
    }
}

/// What one iteration showed.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Iteration, from 0.
    pub iteration: u64,
    /// Its loss, not smoothed.
    pub loss: f64,
    /// Counters in the order of the network's tensors.
    pub counters: &'a [TensorCounters],
}

/// Chooses formats, iteration by iteration.
pub trait Policy: Send {
    /// The policy's name, as flags and histories write it.
    fn name(&self) -> &'static str;

    /// The stage the policy is in, as histories write it.
    fn phase(&self) -> &'static str;

    /// The formats now in force.
    fn formats(&self) -> &FormatTable;

    /// Takes in an iteration and settles the formats of the next.
    ///
    /// # Panics
    /// When the observation has not one counter set per tensor.
    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable;

    /// All that the next steps depend on.
    fn state(&self) -> PolicyState;

    /// Goes back to a saved state.
    ///
    /// # Errors
    /// [`DpsError::State`] when it is another policy's or another network's.
    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError>;
}

/// A policy's saved state: its name, so that a checkpoint says whose it is, and beside it the fields
/// of the policy's own state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyState {
    policy: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl PolicyState {
    /// The state of `policy`, a struct with named fields.
    ///
    /// # Panics
    /// When `state` is no such struct.
    pub fn new(policy: &str, state: &impl Serialize) -> Self {
        match serde_json::to_value(state) {
            Ok(Value::Object(fields)) => Self { policy: policy.to_owned(), fields },
            other => panic!("expected the state of {policy} to be named fields, found {other:?}"),
        }
    }

    /// The name of the policy the state belongs to.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The state, for `policy` on so many tensors; `lengths` are those of the state's lists by tensor.
    ///
    /// # Errors
    /// [`DpsError::State`] when it is another policy's or another network's.
    pub fn read<S: DeserializeOwned, const N: usize>(
        &self,
        policy: &'static str,
        tensors: usize,
        lengths: impl Fn(&S) -> [usize; N],
    ) -> Result<S, DpsError> {
        let refuse = |found| {
            let expected = format!("{policy} with {tensors} tensors");
            DpsError::State { policy, expected, found }
        };
        if self.policy != policy {
            return Err(refuse(self.policy.clone()));
        }
        let state = serde_json::from_value(Value::Object(self.fields.clone()))
            .map_err(|error| refuse(format!("{policy} that does not read: {error}")))?;
        match lengths(&state).into_iter().find(|length| *length != tensors) {
            Some(length) => Err(refuse(format!("{policy} with {length} tensors"))),
            None => Ok(state),
        }
    }
}
