//! Initial values of the parameters.

use flexmac_dps::FormatTable;
use ndarray::Array2;

use crate::random::{Purpose, SplitMix};

/// What the initial parameters depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Initial<'a> {
    /// The run's seed.
    pub seed: u64,
    /// The formats of the first iteration.
    pub formats: &'a FormatTable,
}

impl Initial<'_> {
    /// Uniform on +-sqrt(3 / fan-in), where the fan-in is the number of columns: Caffe's `xavier`
    /// filler (`filler.hpp`, after Glorot and Bengio 2010). Each tensor has its own stream, so a
    /// layer's weights do not depend on other layers.
    pub fn xavier(&self, tensor: usize, (rows, fan_in): (usize, usize)) -> Array2<f64> {
        let mut random = SplitMix::new(self.seed, Purpose::Weights, tensor as u64);
        let limit = (3.0 / fan_in as f64).sqrt();
        Array2::from_shape_simple_fn((rows, fan_in), || (2.0 * random.unit() - 1.0) * limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xavier_fills_its_range_evenly() {
        let formats = FormatTable::new(Vec::new());
        let weights = Initial { seed: 3, formats: &formats }.xavier(1, (40, 300));
        let largest = weights.iter().fold(0.0, |max: f64, w| max.max(w.abs()));
        assert!(largest < 0.1 && largest > 0.0999, "{largest}");
        let variance = weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64;
        // The variance is limit^2 / 3 = 1 / fan-in.
        assert!((variance * 300.0 - 1.0).abs() < 0.05, "{variance}");
    }
}
