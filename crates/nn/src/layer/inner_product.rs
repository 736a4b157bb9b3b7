//! Inner product over all inputs of an image (fully connected layer).

use ndarray::Array2;

use super::affine::Affine;
use super::{Layer, NO_FORWARD};
use crate::element::Number;
use crate::error::NnError;
use crate::init::Initial;
use crate::param::Param;
use crate::pass::{LayerId, Pass};
use crate::plan::LayerPlan;

/// A fully connected layer, Caffe's `InnerProduct`.
///
/// # Shapes
/// Weight: (outputs, inputs), with inputs in the order of [`crate::Shape`].
#[derive(Debug)]
pub struct InnerProduct<T> {
    affine: Affine<T>,
    input_gradient: bool,
    input: Option<Array2<T>>,
}

impl<T: Number> InnerProduct<T> {
    /// The layer of `plan`; `input_gradient` says whether an earlier layer has parameters.
    pub(crate) fn new(
        id: LayerId,
        plan: &LayerPlan,
        input_gradient: bool,
        initial: &Initial<'_>,
    ) -> Self {
        let shape = (plan.output.channels, plan.input.len());
        Self { affine: Affine::new(id, plan, shape, initial), input_gradient, input: None }
    }
}

impl<T: Number> Layer<T> for InnerProduct<T> {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let output = self.affine.forward(input.view().into(), pass)?;
        self.input = pass.training.then_some(input);
        Ok(output)
    }

    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let input = self.affine.reused_input(0, self.input.take().expect(NO_FORWARD), pass);
        self.affine.parameter_gradients(input.view().into(), gradient.view(), pass)?;
        pass.recycle(input);
        if !self.input_gradient {
            return Ok(None);
        }
        let tensor = self.affine.input_tensor;
        let out = pass.formats[tensor].backward;
        let (values, counters) = self.affine.input_gradient(gradient.view(), out, pass)?;
        pass.statistics.tensors[tensor].backward.merge(&counters);
        pass.recycle(gradient);
        Ok(Some(values))
    }

    fn params(&self) -> Vec<&Param<T>> {
        vec![&self.affine.weight, &self.affine.bias]
    }

    fn params_mut(&mut self) -> Vec<&mut Param<T>> {
        vec![&mut self.affine.weight, &mut self.affine.bias]
    }
}
