//! Local response normalization across channels.

use std::ops::Range;

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{HostLayer, Layer, LayerContext, Misfit, NO_FORWARD, real};
use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::pass::Pass;
use crate::spec::Shape;

/// Local response normalization across channels: x (k + alpha / size * sum of x^2)^-beta. The
/// defaults are those of Caffe's AlexNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LrnSpec {
    /// The layer's name.
    pub name: String,
    /// Number of channels in the sum, odd.
    #[serde(default = "size")]
    pub size: usize,
    /// Factor of the sum of squares, divided by `size`.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Exponent.
    #[serde(default = "beta")]
    pub beta: f64,
    /// Constant term, above 0.
    #[serde(default = "k")]
    pub k: f64,
}

fn size() -> usize {
    5
}

fn alpha() -> f64 {
    1e-4
}

fn beta() -> f64 {
    0.75
}

fn k() -> f64 {
    1.0
}

impl HostLayer for LrnSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        if self.size.is_multiple_of(2) {
            return Err(Misfit::new("an odd size", self.size));
        }
        for (what, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Misfit::new(format!("{what} of at least 0"), value));
            }
        }
        if !(self.k.is_finite() && self.k > 0.0) {
            return Err(Misfit::new("k above 0", self.k));
        }
        Ok(input)
    }

    fn build<T: Number>(&self, context: LayerContext) -> Box<dyn Layer<T>> {
        let Self { size, alpha, beta, k, .. } = *self;
        let constants = LrnConstants { size, alpha, beta, k };
        Box::new(Lrn::new((context.index, context.tensor), context.input.channels, constants))
    }
}

/// y = x s^-beta with s = k + alpha / size * (sum of x^2 over the `size` channels centred on x's),
/// as in Caffe (`lrn_layer.cpp`). Channels beyond the first and the last count as zero.
///
/// # Format
/// Output and gradient keep the input's formats: with k of at least 1 the output is not larger than
/// the input. Everything is computed in double precision and rounded once.
#[derive(Debug)]
pub struct Lrn<T> {
    index: usize,
    tensor: usize,
    channels: usize,
    constants: LrnConstants,
    input: Option<Array2<T>>,
}

/// The constants of the formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrnConstants {
    /// Number of channels in a sum, odd.
    pub size: usize,
    /// Factor of the sum of squares, divided by `size`.
    pub alpha: f64,
    /// Exponent.
    pub beta: f64,
    /// Constant term, above 0.
    pub k: f64,
}

impl LrnConstants {
    fn around(&self, channel: usize, channels: usize) -> Range<usize> {
        let half = self.size / 2;
        channel.saturating_sub(half)..(channel + half + 1).min(channels)
    }

    fn alpha_over_size(&self) -> f64 {
        // `size` is small, so the conversion is exact.
        self.alpha / self.size as f64
    }

    /// s of every channel at one pixel.
    fn scales(&self, x: &[f64]) -> Vec<f64> {
        let sum = |channel| -> f64 { x[self.around(channel, x.len())].iter().map(|x| x * x).sum() };
        (0..x.len()).map(|channel| self.k + self.alpha_over_size() * sum(channel)).collect()
    }

    fn forward(&self, x: &[f64], y: &mut [f64]) {
        for ((y, x), scale) in y.iter_mut().zip(x).zip(self.scales(x)) {
            *y = x * scale.powf(-self.beta);
        }
    }

    /// dx_i = dy_i s_i^-beta - (2 beta alpha / size) x_i * (sum of dy_j y_j / s_j over j around i).
    fn backward(&self, x: &[f64], dy: &[f64], dx: &mut [f64]) {
        let scales = self.scales(x);
        let ratios: Vec<f64> = scales
            .iter()
            .zip(x.iter().zip(dy))
            .map(|(scale, (x, dy))| dy * x * scale.powf(-self.beta - 1.0))
            .collect();
        let factor = 2.0 * self.beta * self.alpha_over_size();
        for (channel, dx) in dx.iter_mut().enumerate() {
            let sum: f64 = ratios[self.around(channel, x.len())].iter().sum();
            *dx = dy[channel] * scales[channel].powf(-self.beta) - factor * x[channel] * sum;
        }
    }
}

impl<T: Number> Lrn<T> {
    /// Layer number `index`, over `channels` channels in the formats of `tensor`.
    pub(crate) fn new(
        (index, tensor): (usize, usize),
        channels: usize,
        constants: LrnConstants,
    ) -> Self {
        Self { index, tensor, channels, constants, input: None }
    }
}

impl<T: Number> Layer<T> for Lrn<T> {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let format = pass.output_format(self.tensor);
        let x = real(&input, format);
        let mut y = vec![0.0; x.len()];
        let places = x.par_chunks(self.channels);
        y.par_chunks_mut(self.channels).zip(places).for_each(|(y, x)| self.constants.forward(x, y));
        let mut output = Array2::from_elem(input.dim(), T::default());
        let host = pass.host(self.index, self.tensor);
        let counters = host.quantize(Part::Value, &y, &mut output, format);
        pass.statistics.tensors[self.tensor].forward.merge(&counters);
        self.input = pass.training.then_some(input);
        Ok(output)
    }

    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let x = real(&self.input.take().expect(NO_FORWARD), pass.output_format(self.tensor));
        let format = pass.formats[self.tensor].backward;
        let dy = real(&gradient, format);
        let mut dx = vec![0.0; x.len()];
        let places = x.par_chunks(self.channels).zip(dy.par_chunks(self.channels));
        dx.par_chunks_mut(self.channels)
            .zip(places)
            .for_each(|(dx, (x, dy))| self.constants.backward(x, dy, dx));
        let mut input = Array2::from_elem(gradient.dim(), T::default());
        let host = pass.host(self.index, self.tensor);
        let counters = host.quantize(Part::Gradient, &dx, &mut input, format);
        pass.statistics.tensors[self.tensor].backward.merge(&counters);
        Ok(Some(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSTANTS: LrnConstants = LrnConstants { size: 3, alpha: 0.6, beta: 0.75, k: 1.0 };

    #[test]
    fn ends_count_as_zero() {
        let x = [1.0, 2.0, 4.0];
        let mut y = [0.0; 3];
        CONSTANTS.forward(&x, &mut y);
        let squares: [f64; 3] = [1.0 + 4.0, 1.0 + 4.0 + 16.0, 4.0 + 16.0];
        for ((y, x), squares) in y.iter().zip(x).zip(squares) {
            assert!((y - x / (1.0 + 0.2 * squares).powf(0.75)).abs() < 1e-15);
        }
    }

    #[test]
    fn backward_is_the_derivative() {
        let (x, dy) = ([0.5, -1.0, 2.0, 0.25, -3.0], [1.0, 0.5, -2.0, 3.0, 0.75]);
        let mut dx = [0.0; 5];
        CONSTANTS.backward(&x, &dy, &mut dx);
        let value = |x: &[f64; 5]| -> f64 {
            let mut y = [0.0; 5];
            CONSTANTS.forward(x, &mut y);
            y.iter().zip(dy).map(|(y, dy)| y * dy).sum()
        };
        for channel in 0..5 {
            let at = |by: f64| {
                let mut moved = x;
                moved[channel] += by;
                value(&moved)
            };
            let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((numeric - dx[channel]).abs() < 1e-8, "{channel}: {numeric} {}", dx[channel]);
        }
    }
}
