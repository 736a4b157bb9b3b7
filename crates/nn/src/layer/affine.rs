//! Weight, bias and the three GEMMs that convolution and inner product share.
//!
//! A row of the matrix A is a patch (convolution) or an image (inner product), W is the weight, Y
//! the output, and d marks a gradient:
//!
//! | GEMM | operand on array rows | operand on array columns | result |
//! | --- | --- | --- | --- |
//! | forward | A (M, K) | W^T (K, N) | Y (M, N) |
//! | input gradient | dY (M, N) | W (N, K) | dA (M, K) |
//! | weight gradient | dY^T (N, M) | A (M, K) | dW (N, K) |
//!
//! The last two read W and A in their format of reuse, if they have one.

use std::ops::Range;

use flexmac_engine::RowSink;
use flexmac_fxp::{Counters, Format, Kernel, Matrix, Role, Rounding, Words, vectorized};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::init::Initial;
use crate::param::{Gradient, Param};
use crate::pass::{LayerId, MatrixIn, Pass, StoredMatrix, wide_format};
use crate::plan::LayerPlan;

/// Integer bits of a weight gradient beyond the weight's own. A gradient that overflows this would
/// move the weight across its whole range in one step, so the limit does not matter in practice.
const GRADIENT_HEADROOM: i32 = 8;

/// A group of filters with GEMMs of its own: the group's number and its rows of the weight.
pub(super) type Block = (usize, Range<usize>);

#[derive(Debug)]
pub(super) struct Affine<T> {
    pub id: LayerId,
    /// (N, K).
    pub weight: Param<T>,
    /// (1, N).
    pub bias: Param<T>,
    pub input_tensor: usize,
    pub output_tensor: usize,
}

impl<T: Number> Affine<T> {
    pub fn new(
        id: LayerId,
        plan: &LayerPlan,
        (n, k): (usize, usize),
        initial: &Initial<'_>,
    ) -> Self {
        let (weight_tensor, bias_tensor) = (plan.weight_tensor(), plan.bias_tensor());
        let named = |suffix: &str, tensor| (format!("{}.{suffix}", id.name), tensor, id.index);
        let of = plan.spec.multipliers().copied().unwrap_or_default();
        let weight = Param::new(
            named("weight", weight_tensor),
            &initial.xavier(weight_tensor, (n, k)),
            &initial.formats[weight_tensor],
            (of.lr_mult, of.decay_mult),
        );
        let zeros = Array2::zeros((1, n));
        let bias = Param::new(
            named("bias", bias_tensor),
            &zeros,
            &initial.formats[bias_tensor],
            (of.bias_lr_mult, of.bias_decay_mult),
        );
        let (input_tensor, output_tensor) = (plan.input_tensor, plan.output_tensor);
        Self { id, weight, bias, input_tensor, output_tensor }
    }

    pub fn forward(&self, a: Matrix<'_, T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        self.forward_block(&self.whole(), a, pass)
    }

    /// The only group of an ungrouped layer: all filters.
    pub fn whole(&self) -> Block {
        (0, 0..self.weight.values().nrows())
    }

    /// The layer's name, with a number of its own for each group, so that each has its own streams.
    fn id(&self, number: usize) -> LayerId {
        // There are fewer than 2^32 layers.
        LayerId { index: self.id.index | number << 32, name: self.id.name.clone() }
    }

    pub fn forward_block(
        &self,
        (number, filters): &Block,
        a: Matrix<'_, T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        let format = pass.formats[self.input_tensor].forward;
        let (weight, weight_format) = self.weight.operand();
        let weight = weight.slice_move(s![filters.clone(), ..]);
        let b = (weight.reversed_axes().into(), weight_format);
        let (bias, bias_format) = self.bias.operand();
        let bias = (bias.slice_move(s![.., filters.clone()]), bias_format);
        let coarse = on_grid(bias, format.frac() + weight_format.frac());
        let bias = match &coarse {
            Some((format, values)) => (values.view(), *format),
            None => bias,
        };
        let a = (a.view(), format);
        let out = pass.output_format(self.output_tensor);
        let id = self.id(*number);
        let (values, counters) = pass.gemm(&id, Role::Forward, (a, b), Some(bias), out)?;
        pass.statistics.tensors[self.output_tensor].forward.merge(&counters);
        Ok(values)
    }

    /// Computes the gradients of weight and bias and stores them in the parameters. The elements of
    /// `a` are those of [`Self::reused_input`].
    pub fn parameter_gradients(
        &mut self,
        a: Matrix<'_, T>,
        gradient: ArrayView2<'_, T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<(), NnError> {
        self.bias_gradient(gradient, pass);
        let values = self.weight_gradient(0, a, gradient, pass)?;
        self.set_weight_gradient(values.into_raw_vec_and_offset().0, pass);
        Ok(())
    }

    /// A group's input as the weight gradient reads it.
    pub fn reused_input(
        &self,
        number: usize,
        input: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Array2<T> {
        let formats = pass.formats[self.input_tensor];
        let (from, to) = (formats.forward, formats.reused());
        if !T::FIXED || from == to {
            return input;
        }
        let mut copy = pass.memory(input.dim());
        let host = pass.host(self.id(number).index, self.input_tensor);
        let values = input.as_slice().expect("batches are stored row by row");
        let counters = host.convert(Part::Reused, values, (from, to), &mut copy);
        pass.statistics.tensors[self.input_tensor].reused.merge(&counters);
        pass.recycle(input);
        copy
    }

    /// The format of the gradient of the weight.
    fn weight_gradient_format(&self) -> Format {
        wide_format(self.weight.format().integer_length() + GRADIENT_HEADROOM)
    }

    /// Stores the gradient of the weight, row by row.
    pub fn set_weight_gradient(&mut self, values: Vec<T>, pass: &mut Pass<'_, T>) {
        let format = self.weight_gradient_format();
        let before = self.weight.set_gradient(Gradient::Elements(values, format));
        if let Some(values) = before {
            pass.recycle(Array2::from_shape_vec((1, values.len()), values).expect("one row"));
        }
    }

    /// Computes the gradient of the bias and stores it.
    pub fn bias_gradient(&mut self, gradient: ArrayView2<'_, T>, pass: &Pass<'_, T>) {
        let format = pass.formats[self.output_tensor].backward;
        self.bias.set_gradient(Gradient::Reals(column_sums(gradient, format)));
    }

    /// The gradient of a group's weights, from its A and dY.
    pub fn weight_gradient(
        &self,
        number: usize,
        a: Matrix<'_, T>,
        gradient: ArrayView2<'_, T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        let format = pass.formats[self.output_tensor].backward;
        let dy = (gradient.reversed_axes().into(), format);
        let a = (a.view(), pass.formats[self.input_tensor].reused());
        let (id, out) = (self.id(number), self.weight_gradient_format());
        let (values, _) = pass.gemm(&id, Role::WeightGradient, (dy, a), None, out)?;
        Ok(values)
    }

    /// The gradient with respect to A, in format `out`.
    pub fn input_gradient(
        &self,
        gradient: ArrayView2<'_, T>,
        out: Format,
        pass: &mut Pass<'_, T>,
    ) -> Result<(Array2<T>, Counters), NnError> {
        let (id, operands) = self.of_input_gradient(&self.whole(), gradient, pass);
        pass.gemm(&id, Role::InputGradient, operands, None, out)
    }

    /// Gives the rows of the gradient with respect to a group's A, from its dY, in format `out`, to
    /// `sink`.
    pub fn input_gradient_into(
        &self,
        block: &Block,
        gradient: ArrayView2<'_, T>,
        out: Format,
        pass: &mut Pass<'_, T>,
        sink: &dyn RowSink<T>,
    ) -> Result<Counters, NnError> {
        let (id, operands) = self.of_input_gradient(block, gradient, pass);
        pass.gemm_into(&id, Role::InputGradient, operands, out, sink)
    }

    /// The identity and the operands of a group's GEMM.
    fn of_input_gradient<'a>(
        &'a self,
        (number, filters): &Block,
        gradient: ArrayView2<'a, T>,
        pass: &Pass<'_, T>,
    ) -> (LayerId, (MatrixIn<'a, T>, MatrixIn<'a, T>)) {
        let dy = (gradient.into(), pass.formats[self.output_tensor].backward);
        let (weight, format) = self.weight.reused_operand();
        let weight = (weight.slice_move(s![filters.clone(), ..]).into(), format);
        (self.id(*number), (dy, weight))
    }
}

/// Rounds the bias to nearest multiples of 2^-frac, the units of the array's sums. `None` if it has
/// no finer bits. The bits it loses are below all bits of the sums.
fn on_grid<T: Number>(
    (bias, format): StoredMatrix<'_, T>,
    frac: i32,
) -> Option<(Format, Array2<T>)> {
    if !T::FIXED || format.frac() <= frac {
        return None;
    }
    let to = Format::new(flexmac_fxp::MAX_BITS, frac).expect("32 bits are legal");
    let values = bias.as_standard_layout();
    let values = values.as_slice().expect("standard layout");
    let mut rounded = Array2::from_elem(bias.dim(), T::default());
    let out = rounded.as_slice_mut().expect("made in row order");
    T::convert(values, (format, to), Rounding::Nearest, Words::None, out);
    Some((to, rounded))
}

/// Sums of the columns, exact, and in the order of the rows.
pub(super) fn column_sums<T: Number>(gradient: ArrayView2<'_, T>, format: Format) -> Vec<f64> {
    /// Rows summed by a task, where sums do not depend on the order.
    const BAND: usize = 1 << 10;
    let band = if T::FIXED { BAND } else { gradient.nrows().max(1) };
    let parts: Vec<_> = gradient
        .axis_chunks_iter(Axis(0), band)
        .into_par_iter()
        .map(|gradient| {
            let mut sums = vec![T::Sum::default(); gradient.ncols()];
            vectorized(ColumnSums { gradient, sums: &mut sums });
            sums
        })
        .collect();
    let value = |column: usize| {
        let mut sum = T::Sum::default();
        parts.iter().for_each(|part| T::add_sums(&mut sum, part[column]));
        T::sum_value(sum, format.frac())
    };
    (0..gradient.ncols()).map(value).collect()
}

struct ColumnSums<'a, T: Number> {
    gradient: ArrayView2<'a, T>,
    sums: &'a mut [T::Sum],
}

impl<T: Number> Kernel for ColumnSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.gradient.outer_iter() {
            let row = row.to_slice().expect("batches are stored row by row");
            for (sum, value) in self.sums.iter_mut().zip(row) {
                value.add_to(sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_bias_finer_than_the_sums_is_rounded_to_them() {
        let values = array![[5, -6, 7]];
        let format = Format::new(16, 10).unwrap();
        let bias = (values.view(), format);
        assert!(on_grid(bias, 10).is_none() && on_grid(bias, 12).is_none());
        let (format, rounded) = on_grid(bias, 8).unwrap();
        assert_eq!((format.frac(), rounded), (8, array![[1, -1, 2]]));
    }
}
