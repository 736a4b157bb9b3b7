//! Stochastic gradient descent with momentum and weight decay, as Caffe's solver does it.

use flexmac_nn::UpdateStep;
use serde::{Deserialize, Serialize};

/// The solver's constants; defaults are Caffe's LeNet (`lenet_solver.prototxt`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Solver {
    /// Learning rate at the start.
    pub base_rate: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, on weights and biases.
    pub decay: f64,
    /// Of the `inv` rate schedule.
    pub gamma: f64,
    /// Of the `inv` rate schedule.
    pub power: f64,
}

impl Default for Solver {
    fn default() -> Self {
        Self { base_rate: 0.01, momentum: 0.9, decay: 5e-4, gamma: 1e-4, power: 0.75 }
    }
}

impl Solver {
    /// Learning rate at an iteration: base (1 + gamma it)^-power.
    ///
    /// ```
    /// let solver = flexmac_train::Solver::default();
    /// assert_eq!(solver.rate(0), 0.01);
    /// assert!((solver.rate(10_000) - 0.01 * 2_f64.powf(-0.75)).abs() < 1e-12);
    /// ```
    pub fn rate(&self, iteration: u64) -> f64 {
        // Iterations stay far below 2^53.
        self.base_rate * (1.0 + self.gamma * iteration as f64).powf(-self.power)
    }

    pub(crate) fn step(&self, iteration: u64) -> UpdateStep {
        UpdateStep { rate: self.rate(iteration), momentum: self.momentum, decay: self.decay }
    }
}
