//! Convolution: the GEMMs of an inner product, of the matrix whose rows are patches of the images.

use flexmac_fxp::{Counters, Format, Matrix, PatchRows, Patches, Role};
use ndarray::{Array2, ArrayView2};

use super::affine::Affine;
use super::col2im::Col2im;
use super::{Layer, NO_FORWARD, reshape};
use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::init::Initial;
use crate::param::Param;
use crate::pass::{LayerId, Pass};
use crate::plan::LayerPlan;
use crate::spec::InputGradient;

/// Fraction bits beyond the gradient's own while the host sums patches.
const GUARD_BITS: u32 = 8;

/// A convolution with square filters.
///
/// # Shapes
/// Weight: (channels out, kernel * kernel * channels in), in the order filter row, filter column,
/// channel. Images have the same order (NHWC), so the rows of the GEMM's result are the output
/// without rearrangement, and a patch is copied one filter row at a time. Caffe's order (channels
/// first) would need a transposition each way.
#[derive(Debug)]
pub struct Conv<T: Number> {
    affine: Affine<T>,
    patches: Patches,
    channels_out: usize,
    /// How the gradient of the input is computed; not at all if no earlier layer has parameters.
    input_gradient: Option<InputGradient>,
    /// The images of the last forward, if that was a training step without a backward yet.
    input: Option<Array2<T>>,
    /// The sums of patch gradients. Memory, reused for the next batch.
    sums: Vec<T::Sum>,
}

impl<T: Number> Conv<T> {
    /// The layer of `plan`; `input_gradient` is none if no earlier layer has parameters.
    pub(crate) fn new(
        id: LayerId,
        plan: &LayerPlan,
        patches: Patches,
        input_gradient: Option<InputGradient>,
        initial: &Initial<'_>,
    ) -> Self {
        let channels_out = plan.output.channels;
        let affine = Affine::new(id, plan, (channels_out, patches.patch_len()), initial);
        Self { affine, patches, channels_out, input_gradient, input: None, sums: Vec::new() }
    }
}

impl<T: Number> Layer<T> for Conv<T> {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let batch = input.nrows();
        let output = self.affine.forward(patch_rows(&input, self.patches), pass)?;
        self.input = pass.training.then_some(input);
        let (rows, columns) = self.patches.output();
        Ok(reshape(output, (batch, rows * columns * self.channels_out)))
    }

    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let batch = gradient.nrows();
        let input = self.affine.reused_input(0, self.input.take().expect(NO_FORWARD), pass);
        let rows = patch_rows(&input, self.patches);
        let gradient = reshape(gradient, (rows.nrows(), self.channels_out));
        self.affine.parameter_gradients(rows, gradient.view(), pass)?;
        pass.recycle(input);
        match self.input_gradient {
            None => Ok(None),
            Some(InputGradient::Patches) => self.of_patches(gradient, batch, pass).map(Some),
            Some(InputGradient::Convolution) => {
                self.by_convolution(gradient, batch, pass).map(Some)
            }
        }
    }

    fn params(&self) -> Vec<&Param<T>> {
        vec![&self.affine.weight, &self.affine.bias]
    }

    fn params_mut(&mut self) -> Vec<&mut Param<T>> {
        vec![&mut self.affine.weight, &mut self.affine.bias]
    }
}

impl<T: Number> Conv<T> {
    /// The gradient of the input as the sum of the gradients of patches; `gradient` is (images *
    /// positions, channels out).
    fn of_patches(
        &mut self,
        gradient: Array2<T>,
        batch: usize,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        let from = patch_format(pass.formats[self.affine.input_tensor].backward);
        self.sums.clear();
        self.sums.resize(batch * self.patches.image_len(), T::Sum::default());
        let sink = Col2im::<T>::new(&mut self.sums, self.patches);
        let in_array = self.affine.input_gradient_into(
            &self.affine.whole(),
            gradient.view(),
            from,
            pass,
            &sink,
        )?;
        count_overflows(&self.affine, &in_array, pass);
        pass.recycle(gradient);
        Ok(round_sums(&self.affine, &self.sums, batch, pass))
    }

    /// The gradient of the input as a convolution of `gradient` with the mirrored filters.
    fn by_convolution(
        &self,
        gradient: Array2<T>,
        batch: usize,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        let (height, width) = self.patches.output();
        let patches = Patches {
            height,
            width,
            channels: self.channels_out,
            kernel: self.patches.kernel,
            stride: 1,
            padding: self.patches.kernel - 1 - self.patches.padding,
        };
        let images = reshape(gradient, (batch, patches.image_len()));
        let (weight, format) = self.affine.weight.reused_operand();
        let mirrored = mirrored(weight, &self.patches);
        let (tensor, of) = (self.affine.input_tensor, self.affine.output_tensor);
        let dy = (patch_rows(&images, patches), pass.formats[of].backward);
        let out = pass.formats[tensor].backward;
        let operands = (dy, (mirrored.view().into(), format));
        let (values, counters) =
            pass.gemm(&self.affine.id, Role::InputGradient, operands, None, out)?;
        pass.statistics.tensors[tensor].backward.merge(&counters);
        pass.recycle(images);
        Ok(reshape(values, (batch, self.patches.image_len())))
    }
}

/// The filters of a convolution as those of its input gradient: from (channels out, row, column,
/// channel in) to (row, column, channel out; channel in), with rows and columns in reverse.
fn mirrored<T: Number>(weight: ArrayView2<'_, T>, patches: &Patches) -> Array2<T> {
    let (filters, channels) = (weight.nrows(), patches.channels);
    let places = patches.kernel * patches.kernel;
    Array2::from_shape_fn((places * filters, channels), |(row, channel)| {
        let (place, filter) = (row / filters, row % filters);
        weight[[filter, (places - 1 - place) * channels + channel]]
    })
}

/// The matrix of the patches of a batch of images.
///
/// # Panics
/// If the images are not those of `patches`.
pub(super) fn patch_rows<T: Number>(images: &Array2<T>, patches: Patches) -> Matrix<'_, T> {
    assert_eq!(images.ncols(), patches.image_len(), "one image per row");
    PatchRows::new(images.as_slice().expect("batches are stored row by row"), patches).into()
}

/// The format of patch gradients as they leave the array: 32 bits, with as many guard bits (at most
/// 8) as fit without shortening the integer part.
pub(super) fn patch_format(gradient: Format) -> Format {
    let guard = GUARD_BITS.min(flexmac_fxp::MAX_BITS - gradient.bits());
    // At most 8.
    Format::new(flexmac_fxp::MAX_BITS, gradient.frac() + guard as i32).expect("32 bits are legal")
}

/// The gradient of the input: the sums of patches, in [`patch_format`], rounded to its own format.
pub(super) fn round_sums<T: Number>(
    affine: &Affine<T>,
    sums: &[T::Sum],
    batch: usize,
    pass: &mut Pass<'_, T>,
) -> Array2<T> {
    let tensor = affine.input_tensor;
    let to = pass.formats[tensor].backward;
    let from = patch_format(to);
    let host = pass.host(affine.id.index, tensor);
    let mut input = Array2::from_elem((batch, sums.len() / batch), T::default());
    let counters = host.round_sums(Part::Gradient, (sums, from.frac()), &mut input, to);
    pass.statistics.tensors[tensor].backward.merge(&counters);
    input
}

/// Counts patch gradients that saturated in the array as overflows of the input's gradient. The
/// other counters refer to another format.
pub(super) fn count_overflows<T: Number>(
    affine: &Affine<T>,
    in_array: &Counters,
    pass: &mut Pass<'_, T>,
) {
    pass.statistics.tensors[affine.input_tensor].backward.merge(&Counters {
        overflow_low: in_array.overflow_low,
        overflow_high: in_array.overflow_high,
        ..Counters::default()
    });
}
