//! Dropout.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{HostLayer, Layer, LayerContext, Misfit, NO_FORWARD, real};
use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::pass::Pass;
use crate::random::{Purpose, SplitMix};
use crate::spec::Shape;

/// Dropout: training sets random inputs to zero and scales up the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutSpec {
    /// The layer's name.
    pub name: String,
    /// Probability that an input is set to zero.
    pub ratio: f64,
}

impl HostLayer for DropoutSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        if !(0.0..1.0).contains(&self.ratio) {
            return Err(Misfit::new("ratio of at least 0 and below 1", self.ratio));
        }
        Ok(input)
    }

    fn build<T: Number>(&self, context: LayerContext) -> Box<dyn Layer<T>> {
        Box::new(Dropout::new((context.index, context.tensor), self.ratio))
    }
}

/// Dropout as in Caffe (`dropout_layer.cpp`): sets each activation to zero with probability `ratio`
/// and multiplies the others by 1 / (1 - ratio). Evaluation passes inputs through unchanged.
///
/// The mask depends only on run seed, iteration and layer: it is the same on every engine, with any
/// number of threads, and after a resume.
///
/// # Format
/// Output and gradient keep the input's formats. Values that the factor moves out of range saturate
/// and count as overflows, so that a policy can lengthen the integer part.
#[derive(Debug)]
pub struct Dropout {
    index: usize,
    tensor: usize,
    ratio: f64,
    kept: Option<Vec<bool>>,
}

impl Dropout {
    /// Layer number `index`, in the formats of `tensor`.
    pub(crate) fn new((index, tensor): (usize, usize), ratio: f64) -> Self {
        Self { index, tensor, ratio, kept: None }
    }

    fn scaled(&self, values: &mut [f64], kept: &[bool]) {
        let factor = 1.0 / (1.0 - self.ratio);
        for (value, kept) in values.iter_mut().zip(kept) {
            *value = if *kept { *value * factor } else { 0.0 };
        }
    }
}

/// The stream of one layer in one iteration. There are fewer than 2^16 layers.
fn stream(run: u64, iteration: u64, layer: usize) -> SplitMix {
    SplitMix::new(run, Purpose::Dropout, iteration << 16 | layer as u64)
}

impl<T: Number> Layer<T> for Dropout {
    fn forward(
        &mut self,
        mut input: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        if !pass.training {
            return Ok(input);
        }
        let mut random = stream(pass.run, pass.iteration, self.index);
        let kept: Vec<_> = (0..input.len()).map(|_| random.unit() >= self.ratio).collect();
        let format = pass.output_format(self.tensor);
        let mut values = real(&input, format);
        self.scaled(&mut values, &kept);
        let host = pass.host(self.index, self.tensor);
        let counters = host.quantize(Part::Value, &values, &mut input, format);
        pass.statistics.tensors[self.tensor].forward.merge(&counters);
        self.kept = Some(kept);
        Ok(input)
    }

    fn backward(
        &mut self,
        mut gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let kept = self.kept.take().expect(NO_FORWARD);
        let format = pass.formats[self.tensor].backward;
        let mut values = real(&gradient, format);
        self.scaled(&mut values, &kept);
        let host = pass.host(self.index, self.tensor);
        let counters = host.quantize(Part::Gradient, &values, &mut gradient, format);
        pass.statistics.tensors[self.tensor].backward.merge(&counters);
        Ok(Some(gradient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_differ_by_run_iteration_and_layer() {
        let first = |run, iteration, layer| stream(run, iteration, layer).next();
        let all = [first(1, 0, 0), first(2, 0, 0), first(1, 1, 0), first(1, 0, 1)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(first(1, 5, 2), first(1, 5, 2));
    }
}
