//! The constants of stochastic gradient descent, and the learning rate that follows from them.

use serde::{Deserialize, Serialize};

/// Constants of stochastic gradient descent with momentum and weight decay, as Caffe's solver has them.
/// The defaults are those of Caffe's LeNet (`lenet_solver.prototxt`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Solver {
    /// Learning rate of the first iteration.
    pub base_rate: f64,
    /// Share of the last update that is added to the next.
    pub momentum: f64,
    /// Weight decay, of weights and biases.
    pub decay: f64,
    /// Constant of the learning rate, see [`Solver::rate`].
    pub gamma: f64,
    /// Constant of the learning rate, see [`Solver::rate`].
    pub power: f64,
}

impl Default for Solver {
    fn default() -> Self {
        Self { base_rate: 0.01, momentum: 0.9, decay: 5e-4, gamma: 1e-4, power: 0.75 }
    }
}

impl Solver {
    /// Learning rate of an iteration: `base_rate` (1 + `gamma` iteration)^-`power`, Caffe's policy `inv`.
    ///
    /// ```
    /// let solver = flexmac_record::Solver::default();
    /// assert_eq!(solver.rate(0), 0.01);
    /// assert!((solver.rate(10_000) - 0.01 * 2_f64.powf(-0.75)).abs() < 1e-12);
    /// ```
    pub fn rate(&self, iteration: u64) -> f64 {
        // Iterations stay far below 2^53.
        self.base_rate * (1.0 + self.gamma * iteration as f64).powf(-self.power)
    }
}
