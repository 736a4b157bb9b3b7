//! What a policy sees and answers.

use fxp::Counters;
use serde::{Deserialize, Serialize};

use crate::courbariaux2014::Courbariaux2014State;
use crate::error::DpsError;
use crate::na2016::Na2016State;
use crate::planewise::PlanewiseState;
use crate::taras2018::Taras2018State;
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

/// A policy's saved state; one variant per policy, so that a checkpoint says whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyState {
    /// `static` never changes.
    Static,
    /// `na2016`.
    Na2016(Na2016State),
    /// `courbariaux2014`.
    Courbariaux2014(Courbariaux2014State),
    /// `taras2018`.
    Taras2018(Taras2018State),
    /// `planewise`.
    Planewise(PlanewiseState),
}

impl PolicyState {
    /// The name of the policy the state belongs to.
    pub fn policy(&self) -> &'static str {
        match self {
            Self::Static => crate::static_policy::NAME,
            Self::Na2016(_) => crate::na2016::NAME,
            Self::Courbariaux2014(_) => crate::courbariaux2014::NAME,
            Self::Taras2018(_) => crate::taras2018::NAME,
            Self::Planewise(_) => crate::planewise::NAME,
        }
    }

    /// Tensors it covers; `static` keeps none.
    fn tensors(&self) -> usize {
        match self {
            Self::Static => 0,
            Self::Na2016(state) => state.points.len(),
            Self::Courbariaux2014(state) => state.values.len(),
            Self::Taras2018(state) => state.formats.len(),
            Self::Planewise(state) => state.tensors.len(),
        }
    }

    /// The refusal of this state by a policy for so many tensors.
    pub(crate) fn refuse(&self, policy: &'static str, tensors: usize) -> DpsError {
        let found = if self.policy() == policy {
            format!("{policy} with {} tensors", self.tensors())
        } else {
            self.policy().to_owned()
        };
        DpsError::State { policy, expected: format!("{policy} with {tensors} tensors"), found }
    }
}
