//! The settings of a trainer and their ranges.

use flexmac_fxp::Rounding;
use flexmac_record::{RateSchedule, Solver};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::loss_scale::LossScale;

/// The settings of a run that affect its numerical results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerConfig {
    /// Images per iteration.
    pub batch: usize,
    /// Seed of the initial weights, the order of the images and all random streams.
    pub seed: u64,
    /// Rounding mode, on the array and on the host.
    pub rounding: Rounding,
    /// Rounding mode of the forward pass, in training and in evaluation: of the input, the layers'
    /// outputs, and the copies of parameters that the array reads. `None`: `rounding`.
    pub forward_rounding: Option<Rounding>,
    /// The solver.
    pub solver: Solver,
    /// What the gradient of the loss is multiplied by, and the gradients of parameters divided by;
    /// for floats only.
    #[serde(default)]
    pub loss_scale: LossScale,
    /// Number of losses that the history's smoothed loss averages.
    pub loss_window: usize,
}

impl TrainerConfig {
    /// The rounding mode of the forward pass.
    pub(crate) fn forward(&self) -> Rounding {
        self.forward_rounding.unwrap_or(self.rounding)
    }

    /// Refuses settings outside their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let Solver { base_rate, momentum, decay, gamma, power, .. } = self.solver;
        let setting = |name, expected: &str, found: String| {
            Err(TrainError::Setting { name, expected: expected.to_owned(), found })
        };
        if self.batch == 0 {
            return setting("batch", "of at least 1", "0".to_owned());
        }
        if !(base_rate.is_finite() && base_rate > 0.0) {
            return setting("learning rate", "above 0", base_rate.to_string());
        }
        if !(0.0..1.0).contains(&momentum) {
            return setting("momentum", "in 0..1", momentum.to_string());
        }
        for (name, value) in [("weight decay", decay), ("gamma", gamma), ("power", power)] {
            if !(value.is_finite() && value >= 0.0) {
                return setting(name, "of at least 0", value.to_string());
            }
        }
        match &self.solver.schedule {
            RateSchedule::Step { every: 0 } => {
                setting("step", "of at least 1 iteration", "0".to_owned())
            }
            RateSchedule::Multistep { at } if !at.is_sorted_by(|a, b| a < b) || at.is_empty() => {
                setting("steps", "that ascend, at least one", format!("{at:?}"))
            }
            RateSchedule::Cosine { period: 0, .. } => {
                setting("period", "of at least 1 iteration", "0".to_owned())
            }
            RateSchedule::Cosine { final_rate, .. } if !(0.0..=base_rate).contains(final_rate) => {
                setting("final rate", "from 0 to the first rate", final_rate.to_string())
            }
            _ => Ok(()),
        }
    }
}

impl Default for TrainerConfig {
    fn default() -> Self {
        Self {
            batch: 64,
            seed: 1,
            rounding: Rounding::Stochastic,
            forward_rounding: None,
            solver: Solver::default(),
            loss_scale: LossScale::default(),
            loss_window: 100,
        }
    }
}
