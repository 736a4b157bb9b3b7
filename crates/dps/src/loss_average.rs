//! The smoothed loss: the mean of all losses so far, then of the last `window`.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Running mean over a window.
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

    /// Takes in a loss and returns the new mean, added up anew from oldest to newest: no rounding
    /// error outlives its loss, and a restored average goes on bit for bit.
    pub fn push(&mut self, loss: f64) -> f64 {
        if self.recent.len() == self.window {
            self.recent.pop_front();
        }
        self.recent.push_back(loss);
        self.recent.iter().sum::<f64>() / self.recent.len() as f64
    }
}
