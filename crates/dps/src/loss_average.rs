//! The smoothed loss: the mean of the last `window` losses, or of all as long as there are fewer.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A running mean over a window of losses.
///
/// ```
/// let mut average = flexmac_dps::LossAverage::new(2);
/// assert_eq!([4.0, 2.0, 1.0].map(|loss| average.push(loss)), [4.0, 3.0, 1.5]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossAverage {
    window: usize,
    recent: VecDeque<f64>,
}

impl LossAverage {
    /// An empty average over the last `window` losses, at least 1.
    pub fn new(window: usize) -> Self {
        Self { window: window.max(1), recent: VecDeque::new() }
    }

    /// Adds a loss and returns the new mean. Sums the window again from oldest to newest, so
    /// rounding errors do not accumulate and a restored average gives the same results, bit for
    /// bit.
    pub fn push(&mut self, loss: f64) -> f64 {
        if self.recent.len() == self.window {
            self.recent.pop_front();
        }
        self.recent.push_back(loss);
        self.recent.iter().sum::<f64>() / self.recent.len() as f64
    }
}
