//! Grouped convolution: each group of filters reads its own channels of the input.

use std::ops::Range;

use flexmac_fxp::Patches;
use ndarray::{Array2, s};

use super::affine::Affine;
use super::col2im::Col2im;
use super::conv::{count_overflows, patch_format, patch_rows, round_sums};
use super::{Layer, NO_FORWARD, reshape};
use crate::element::Number;
use crate::error::NnError;
use crate::init::Initial;
use crate::param::Param;
use crate::pass::{LayerId, Pass};
use crate::plan::LayerPlan;

/// A convolution whose channels are divided into groups, each with its own three GEMMs. A type of
/// its own because [`super::Conv`] does not need to copy channels.
///
/// # Shapes
/// Weight: (channels out, kernel * kernel * channels in / groups), group by group.
#[derive(Debug)]
pub struct GroupedConv<T> {
    affine: Affine<T>,
    /// The patches of one group.
    patches: Patches,
    groups: usize,
    channels_out: usize,
    input_gradient: bool,
    /// The images of the last forward, by group, if that was a training step without a backward yet.
    inputs: Option<Vec<Array2<T>>>,
}

impl<T: Number> GroupedConv<T> {
    /// The layer of `plan`; `patches` describes one group, `input_gradient` says whether an earlier
    /// layer has parameters.
    pub(crate) fn new(
        id: LayerId,
        plan: &LayerPlan,
        (patches, groups): (Patches, usize),
        input_gradient: bool,
        initial: &Initial<'_>,
    ) -> Self {
        let channels_out = plan.output.channels;
        let affine = Affine::new(id, plan, (channels_out, patches.patch_len()), initial);
        Self { affine, patches, groups, channels_out, input_gradient, inputs: None }
    }

    /// The filters of a group.
    fn filters(&self, group: usize) -> Range<usize> {
        let count = self.channels_out / self.groups;
        group * count..(group + 1) * count
    }

    /// The input channels of a group.
    fn channels(&self, group: usize) -> Range<usize> {
        let count = self.patches.channels;
        group * count..(group + 1) * count
    }
}

impl<T: Number> Layer<T> for GroupedConv<T> {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let batch = input.nrows();
        let (rows, columns) = self.patches.output();
        let places = input.len() / (self.patches.channels * self.groups);
        let input = reshape(input, (places, self.patches.channels * self.groups));
        let mut output =
            Array2::from_elem((batch * rows * columns, self.channels_out), T::default());
        let mut inputs = Vec::with_capacity(self.groups);
        for group in 0..self.groups {
            let own = input.slice(s![.., self.channels(group)]).as_standard_layout().into_owned();
            let own = reshape(own, (batch, self.patches.image_len()));
            let block = (group, self.filters(group));
            let values = self.affine.forward_block(&block, patch_rows(&own, self.patches), pass)?;
            output.slice_mut(s![.., self.filters(group)]).assign(&values);
            pass.recycle(values);
            inputs.push(own);
        }
        self.inputs = pass.training.then_some(inputs);
        Ok(reshape(output, (batch, rows * columns * self.channels_out)))
    }

    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let batch = gradient.nrows();
        let inputs = self.inputs.take().expect(NO_FORWARD);
        let places = patch_rows(&inputs[0], self.patches).nrows();
        let gradient = reshape(gradient, (places, self.channels_out));
        self.affine.bias_gradient(gradient.view(), pass);
        let mut weight_gradient = Vec::with_capacity(self.affine.weight.values().len());
        let to = pass.formats[self.affine.input_tensor].backward;
        let from = patch_format(to);
        let channels = self.patches.channels;
        let mut sums = Array2::from_elem(
            (batch * self.patches.image_len() / channels, channels * self.groups),
            T::Sum::default(),
        );
        for (group, input) in inputs.into_iter().enumerate() {
            let block = (group, self.filters(group));
            let own = gradient.slice(s![.., self.filters(group)]);
            let input = self.affine.reused_input(group, input, pass);
            let rows = patch_rows(&input, self.patches);
            let values = self.affine.weight_gradient(group, rows, own, pass)?;
            weight_gradient.extend_from_slice(values.as_slice().expect("row by row"));
            pass.recycle(values);
            pass.recycle(input);
            if self.input_gradient {
                let mut part = vec![T::Sum::default(); batch * self.patches.image_len()];
                let sink = Col2im::<T>::new(&mut part, self.patches);
                let in_array = self.affine.input_gradient_into(&block, own, from, pass, &sink)?;
                drop(sink);
                let part = Array2::from_shape_vec((part.len() / channels, channels), part)
                    .expect("whole pixels");
                sums.slice_mut(s![.., self.channels(group)]).assign(&part);
                count_overflows(&self.affine, &in_array, pass);
            }
        }
        self.affine.set_weight_gradient(weight_gradient, pass);
        if !self.input_gradient {
            return Ok(None);
        }
        let sums = sums.as_slice().expect("made in row order");
        Ok(Some(round_sums(&self.affine, sums, batch, pass)))
    }

    fn params(&self) -> Vec<&Param<T>> {
        vec![&self.affine.weight, &self.affine.bias]
    }

    fn params_mut(&mut self) -> Vec<&mut Param<T>> {
        vec![&mut self.affine.weight, &mut self.affine.bias]
    }
}
