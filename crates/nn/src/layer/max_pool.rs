//! Max pooling.

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{HostLayer, Layer, LayerContext, Misfit, NO_FORWARD};
use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::pass::Pass;
use crate::spec::Shape;

/// Maximum over square windows; the last window may extend beyond the edge (Caffe's rule).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPoolSpec {
    /// The layer's name.
    pub name: String,
    /// Height and width of a window.
    pub kernel: usize,
    /// Distance between windows.
    pub stride: usize,
    /// How far the first window extends beyond the image's edge.
    #[serde(default)]
    pub padding: usize,
}

impl MaxPoolSpec {
    fn window(&self) -> Window {
        Window { kernel: self.kernel, stride: self.stride, padding: self.padding }
    }
}

impl HostLayer for MaxPoolSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        self.window().pooled(input)
    }

    fn build<T: Number>(&self, context: LayerContext) -> Box<dyn Layer<T>> {
        let shapes = (context.input, context.output);
        Box::new(MaxPool::new((context.index, context.tensor), shapes, self.window()))
    }
}

/// Max pooling as in Caffe (`pooling_layer.cpp`). Ignores everything outside the image. Of equal
/// maxima the first in row order wins.
///
/// # Format
/// Output and gradient keep the input's formats. Where windows overlap, the gradients of an element
/// are summed exactly and saturate; the input tensor's backward counters count overflows.
#[derive(Debug)]
pub struct MaxPool {
    index: usize,
    tensor: usize,
    input: Shape,
    output: Shape,
    window: Window,
    /// For each output, the index of its maximum within the image.
    winners: Option<Vec<u32>>,
}

impl MaxPool {
    /// Layer number `index`, over `input` in the formats of `tensor`.
    pub(crate) fn new(
        (index, tensor): (usize, usize),
        (input, output): (Shape, Shape),
        window: Window,
    ) -> Self {
        Self { index, tensor, input, output, window, winners: None }
    }

    fn pool_image<T: Number>(&self, image: &[T], output: &mut [T], winners: &mut [u32]) {
        let channels = self.input.channels;
        let cells = output.chunks_mut(channels).zip(winners.chunks_mut(channels)).enumerate();
        for (cell, (output, winners)) in cells {
            let rows = self.window.range(cell / self.output.width, self.input.height);
            let columns = self.window.range(cell % self.output.width, self.input.width);
            let mut first = true;
            for y in rows {
                for x in columns.clone() {
                    let start = (y * self.input.width + x) * channels;
                    let values = &image[start..start + channels];
                    // An image has fewer than 2^32 elements.
                    let place = start as u32;
                    if first {
                        output.copy_from_slice(values);
                        winners.iter_mut().zip(place..).for_each(|(winner, at)| *winner = at);
                    } else {
                        let best = output.iter_mut().zip(winners.iter_mut());
                        for ((best, value), at) in best.zip(values).zip(place..) {
                            // Selections instead of a branch, so that the loop is vectorized.
                            let wins = *value > *best.0;
                            *best.0 = if wins { *value } else { *best.0 };
                            *best.1 = if wins { at } else { *best.1 };
                        }
                    }
                    first = false;
                }
            }
        }
    }
}

impl<T: Number> Layer<T> for MaxPool {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let (image_len, output_len) = (self.input.len(), self.output.len());
        let mut output = Array2::from_elem((input.nrows(), output_len), T::default());
        let mut winners = vec![0; output.len()];
        let images = input.as_slice().expect("batches are stored row by row");
        output
            .as_slice_mut()
            .expect("made in row order")
            .par_chunks_mut(output_len)
            .zip(winners.par_chunks_mut(output_len))
            .zip(images.par_chunks(image_len))
            .for_each(|((output, winners), image)| self.pool_image(image, output, winners));
        self.winners = pass.training.then_some(winners);
        Ok(output)
    }

    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let winners = self.winners.take().expect(NO_FORWARD);
        let image_len = self.input.len();
        let gradient_len = self.output.len();
        let mut input = Array2::from_elem((gradient.nrows(), image_len), T::default());
        let gradient = gradient.as_standard_layout();
        let gradient = gradient.as_slice().expect("standard layout");
        let parts = winners.par_chunks(gradient_len).zip(gradient.par_chunks(gradient_len));
        let elements = input.as_slice_mut().expect("made in row order");
        if self.window.stride >= self.window.kernel {
            elements.par_chunks_mut(image_len).zip(parts).for_each(
                |(image, (winners, gradient))| {
                    for (winner, value) in winners.iter().zip(gradient) {
                        image[*winner as usize] = *value;
                    }
                },
            );
            return Ok(Some(input));
        }
        let mut sums = vec![T::Sum::default(); elements.len()];
        sums.par_chunks_mut(image_len).zip(parts).for_each(|(sums, (winners, gradient))| {
            for (winner, value) in winners.iter().zip(gradient) {
                value.add_to(&mut sums[*winner as usize]);
            }
        });
        let format = pass.formats[self.tensor].backward;
        let host = pass.host(self.index, self.tensor);
        let counters = host.round_sums(Part::Gradient, (&sums, format.frac()), &mut input, format);
        pass.statistics.tensors[self.tensor].backward.merge(&counters);
        Ok(Some(input))
    }
}
