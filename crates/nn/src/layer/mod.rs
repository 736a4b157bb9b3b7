//! Layers, one per file, generic over raw integers and real numbers.
//!
//! A batch is a matrix with one image per row, each row in the order of [`Shape`]. Layers take
//! matrices by value, so that ReLU works in place and inner product need not copy.
//!
//! [`Shape`]: crate::spec::Shape

pub(crate) mod add;
mod affine;
pub(crate) mod avg_pool;
pub(crate) mod batch_norm;
mod col2im;
mod conv;
pub(crate) mod dropout;
mod grouped_conv;
mod host_layer;
mod inner_product;
pub(crate) mod lrn;
pub(crate) mod max_pool;
pub(crate) mod relu;
mod window;

#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod norm_tests;

use flexmac_fxp::{Format, Kernel, vectorized};
use ndarray::Array2;
use rayon::prelude::*;

pub use avg_pool::AvgPool;
pub use batch_norm::{BatchNorm, Buffer};
pub use conv::Conv;
pub use dropout::Dropout;
pub use grouped_conv::GroupedConv;
pub(crate) use host_layer::at_least_one;
pub use host_layer::{HostLayer, LayerContext, Misfit};
pub use inner_product::InnerProduct;
pub use lrn::{Lrn, LrnConstants};
pub use max_pool::MaxPool;
pub use relu::Relu;
pub use window::Window;

use crate::element::Number;
use crate::error::NnError;
use crate::param::Param;
use crate::pass::Pass;

/// One layer of a network.
pub trait Layer<T: Number>: Send {
    /// Computes the output of a batch.
    ///
    /// # Shapes
    /// (batch, input length) to (batch, output length).
    ///
    /// # Errors
    /// [`NnError::Engine`] when the engine refuses a GEMM.
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError>;

    /// Computes the gradients of the loss: stores those of the parameters in them, and returns that
    /// of the input, or `None` if no earlier layer has parameters. Uses up what the `forward`
    /// before it kept, which must have been a training pass.
    ///
    /// # Shapes
    /// (batch, output length) to (batch, input length).
    ///
    /// # Errors
    /// [`NnError::Engine`] when the engine refuses a GEMM.
    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError>;

    /// The layer's parameters, weight first.
    fn params(&self) -> Vec<&Param<T>> {
        Vec::new()
    }

    /// The layer's parameters, weight first.
    fn params_mut(&mut self) -> Vec<&mut Param<T>> {
        Vec::new()
    }

    /// What else training changes: running means.
    fn buffers(&self) -> Vec<&Buffer> {
        Vec::new()
    }

    /// What else training changes: running means.
    fn buffers_mut(&mut self) -> Vec<&mut Buffer> {
        Vec::new()
    }
}

/// The same elements as a matrix of another shape.
fn reshape<T>(array: Array2<T>, shape: (usize, usize)) -> Array2<T> {
    array
        .into_shape_with_order(shape)
        .expect("matrices are stored row by row, shapes come from one plan")
}

/// The values of elements in a format, row by row.
fn real<T: Number>(values: &Array2<T>, format: Format) -> Vec<f64> {
    /// Elements converted by a task.
    const PART: usize = 1 << 14;
    let values = values.as_slice().expect("batches are stored row by row");
    let mut reals = vec![0.0; values.len()];
    reals.par_chunks_mut(PART).zip(values.par_chunks(PART)).for_each(|(reals, values)| {
        vectorized(Reals { values, unit: T::unit(format), reals });
    });
    reals
}

struct Reals<'a, T> {
    values: &'a [T],
    unit: f64,
    reals: &'a mut [f64],
}

impl<T: Number> Kernel for Reals<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (real, value) in self.reals.iter_mut().zip(self.values) {
            *real = value.units() * self.unit;
        }
    }
}

/// Panic message of a backward step without a training forward step before it.
const NO_FORWARD: &str = "backward follows a training forward step";
