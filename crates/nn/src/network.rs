//! Builds the layers of a plan and runs them forward and backward.

use flexmac_fxp::Patches;
use ndarray::Array2;

use crate::element::Number;
use crate::error::NnError;
use crate::init::Initial;
use crate::layer::{Conv, GroupedConv, InnerProduct, Layer, LayerContext};
use crate::param::Param;
use crate::pass::{LayerId, Pass};
use crate::plan::{LayerPlan, NetPlan};
use crate::spec::{LayerSpec, Shape};

/// A network with its parameters.
pub struct Network<T: Number> {
    layers: Vec<Box<dyn Layer<T>>>,
}

impl<T: Number> Network<T> {
    /// Builds the plan's network with initial parameters, drawn from `seed` and rounded to
    /// `formats`. All engines start from the same real numbers.
    pub fn new(plan: &NetPlan, seed: u64, formats: &flexmac_dps::FormatTable) -> Self {
        let initial = Initial { seed, formats };
        let first = plan.layers().iter().position(|layer| layer.spec.has_parameters());
        let layers = plan.layers().iter().enumerate().map(|(index, layer)| {
            build(index, layer, first.is_some_and(|first| first < index), &initial)
        });
        Self { layers: layers.collect() }
    }

    /// Computes the class scores of a batch.
    ///
    /// # Shapes
    /// (batch, input length) to (batch, classes).
    ///
    /// # Errors
    /// [`NnError::Engine`] when the engine refuses a GEMM.
    pub fn forward(
        &mut self,
        input: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        self.layers.iter_mut().try_fold(input, |values, layer| layer.forward(values, pass))
    }

    /// Computes the gradients of all parameters, which keep them, from the gradient with respect to
    /// the class scores. Call it after a `forward` with [`Pass::training`].
    ///
    /// # Shapes
    /// `gradient`: (batch, classes).
    ///
    /// # Errors
    /// [`NnError::Engine`] when the engine refuses a GEMM.
    pub fn backward(
        &mut self,
        mut gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<(), NnError> {
        for layer in self.layers.iter_mut().rev() {
            match layer.backward(gradient, pass)? {
                Some(before) => gradient = before,
                None => break,
            }
        }
        Ok(())
    }

    /// All parameters, first layer first, weight before bias.
    pub fn params(&self) -> impl Iterator<Item = &Param<T>> {
        self.layers.iter().flat_map(|layer| layer.params())
    }

    /// All parameters, first layer first, weight before bias.
    pub fn params_mut(&mut self) -> impl Iterator<Item = &mut Param<T>> {
        self.layers.iter_mut().flat_map(|layer| layer.params_mut())
    }
}

/// Builds one layer; `input_gradient` says whether an earlier layer has parameters.
fn build<T: Number>(
    index: usize,
    plan: &LayerPlan,
    input_gradient: bool,
    initial: &Initial<'_>,
) -> Box<dyn Layer<T>> {
    let id = LayerId { index, name: plan.spec.name().to_owned() };
    match plan.spec {
        LayerSpec::Conv { kernel, stride, padding, groups, .. } => {
            let Shape { height, width, channels } = plan.input;
            let channels = channels / groups;
            let patches = Patches { height, width, channels, kernel, stride, padding };
            if groups == 1 {
                Box::new(Conv::new(id, plan, patches, input_gradient, initial))
            } else {
                let parts = (patches, groups);
                Box::new(GroupedConv::new(id, plan, parts, input_gradient, initial))
            }
        }
        LayerSpec::InnerProduct { .. } => {
            Box::new(InnerProduct::new(id, plan, input_gradient, initial))
        }
        ref other => {
            let (tensor, input, output) = (plan.input_tensor, plan.input, plan.output);
            other
                .build_host(LayerContext { index, tensor, input, output })
                .expect("a layer without GEMMs")
        }
    }
}
