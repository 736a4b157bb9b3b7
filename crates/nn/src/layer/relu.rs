//! Rectified linear unit, max(x, 0), in place.

use flexmac_fxp::{Kernel, vectorized};
use ndarray::Array2;
use rayon::prelude::*;
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
        let mut positive = vec![false; input.len()];
        let values = input.as_slice_mut().expect("batches are stored row by row");
        values
            .par_chunks_mut(PART)
            .zip(positive.par_chunks_mut(PART))
            .for_each(|(values, positive)| vectorized(Rectify { values, positive }));
        self.positive = pass.training.then_some(positive);
        Ok(input)
    }

    fn backward(
        &mut self,
        mut gradient: Array2<T>,
        _pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let positive = self.positive.take().expect(NO_FORWARD);
        let values = gradient.as_slice_mut().expect("batches are stored row by row");
        values
            .par_chunks_mut(PART)
            .zip(positive.par_chunks(PART))
            .for_each(|(values, positive)| vectorized(Mask { values, positive }));
        Ok(Some(gradient))
    }
}

/// Elements of a task.
const PART: usize = 1 << 14;

struct Rectify<'a, T> {
    values: &'a mut [T],
    positive: &'a mut [bool],
}

impl<T: Number> Kernel for Rectify<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let zero = T::default();
        for (value, positive) in self.values.iter_mut().zip(self.positive) {
            *positive = *value > zero;
            // A NaN of a float run passes this comparison unchanged, so that it reaches the loss.
            *value = if *value < zero { zero } else { *value };
        }
    }
}

struct Mask<'a, T> {
    values: &'a mut [T],
    positive: &'a [bool],
}

impl<T: Number> Kernel for Mask<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (value, positive) in self.values.iter_mut().zip(self.positive) {
            *value = if *positive { *value } else { T::default() };
        }
    }
}
