//! Rectified linear unit, max(x, 0), in place.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{HostLayer, Layer, LayerContext, Misfit, NO_FORWARD};
use crate::element::Number;
use crate::error::NnError;
use crate::pass::Pass;
use crate::spec::Shape;

/// Rectified linear unit, max(x, 0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReluSpec {
    /// The layer's name.
    pub name: String,
}

impl HostLayer for ReluSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        Ok(input)
    }

    fn build<T: Number>(&self, _context: LayerContext) -> Box<dyn Layer<T>> {
        Box::new(Relu::default())
    }
}

/// Rectified linear unit, max(x, 0). Output and gradient keep the input's formats. The gradient at
/// 0 is 0.
#[derive(Debug, Default)]
pub struct Relu {
    /// Which inputs were above zero.
    positive: Option<Vec<bool>>,
}

impl<T: Number> Layer<T> for Relu {
    fn forward(
        &mut self,
        mut input: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        let zero = T::default();
        self.positive = pass.training.then(|| input.iter().map(|value| *value > zero).collect());
        // A NaN of a float run passes this comparison unchanged, so that it reaches the loss.
        input.mapv_inplace(|value| if value < zero { zero } else { value });
        Ok(input)
    }

    fn backward(
        &mut self,
        mut gradient: Array2<T>,
        _pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let positive = self.positive.take().expect(NO_FORWARD);
        for (value, positive) in gradient.iter_mut().zip(positive) {
            if !positive {
                *value = T::default();
            }
        }
        Ok(Some(gradient))
    }
}
