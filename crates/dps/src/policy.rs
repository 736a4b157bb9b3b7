//! The interface of policies: observations, the [`Policy`] trait, saved state.

use flexmac_fxp::Counters;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::DpsError;
use crate::tensor::FormatTable;

/// The counters of one tensor in one iteration, for each of its uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorCounters {
    /// Of the values in the forward pass, or of a parameter's copy that the array reads.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub forward: Counters,
    /// Of the gradient with respect to the tensor.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub backward: Counters,
    /// Of the stored parameter and its momentum.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub update: Counters,
    /// Of the copy that the backward pass reads, if there is one.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub reused: Counters,
}

/// Histories leave out uses in which nothing was rounded.
fn is_unused(counters: &Counters) -> bool {
    *counters == Counters::default()
}

impl TensorCounters {
    /// Whether values were emitted, and no use tells any of them from zero.
    pub fn only_zeros(&self) -> bool {
        let uses = self.uses();
        uses.iter().any(|counters| counters.emitted > 0)
            && uses.iter().all(|counters| counters.emitted == 0 || counters.only_zeros())
    }

    /// Overflows of all uses.
    pub fn overflows(&self) -> u64 {
        self.uses().iter().map(|counters| counters.overflows()).sum()
    }

    /// The counters of all uses.
    pub fn uses(&self) -> [&Counters; 4] {
        [&self.forward, &self.backward, &self.update, &self.reused]
    }
}

/// What a policy learns from one iteration.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Number of the iteration, from 0.
    pub iteration: u64,
    /// Loss of the iteration, not smoothed.
    pub loss: f64,
    /// Counters of each tensor, in the order of the network's tensors.
    pub counters: &'a [TensorCounters],
}

/// A policy: chooses the formats of the next iteration from what the last one showed.
///
/// The crate's documentation has an example.
pub trait Policy: Send {
    /// The policy's name in flags and histories.
    fn name(&self) -> &'static str;

    /// The policy's phase, as histories record it.
    fn phase(&self) -> &'static str;

    /// The formats of the next iteration.
    fn formats(&self) -> &FormatTable;

    /// Takes the observation of an iteration and returns the formats of the next one.
    ///
    /// # Panics
    /// If the observation does not have one set of counters per tensor.
    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable;

    /// What the last step decided that the user should know, as sentences without an end mark;
    /// empty after most steps. A message is given once.
    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// The state to save: everything that later steps depend on.
    fn state(&self) -> PolicyState;

    /// Restores a saved state.
    ///
    /// # Errors
    /// [`DpsError::State`] when the state belongs to another policy or another network.
    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError>;
}

/// A policy's saved state: the fields of its own state, and its name, so that another policy can
/// refuse it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyState {
    policy: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl PolicyState {
    /// The state of `policy`; `state` is a struct with named fields.
    ///
    /// # Panics
    /// If `state` is anything else.
    pub fn new(policy: &str, state: &impl Serialize) -> Self {
        match serde_json::to_value(state) {
            Ok(Value::Object(fields)) => Self { policy: policy.to_owned(), fields },
            other => panic!("expected the state of {policy} to be named fields, found {other:?}"),
        }
    }

    /// The name of the policy that the state belongs to.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Reads the state of `policy` for a network with `tensors` tensors. `lengths` returns the
    /// lengths of those lists in the state that have one entry per tensor.
    ///
    /// # Errors
    /// [`DpsError::State`] when the state belongs to another policy or another network.
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
