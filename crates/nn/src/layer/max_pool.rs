//! Max pooling.

use flexmac_fxp::{Kernel, vectorized};
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
    /// Memory for winners, reused for the next batch.
    memory: Vec<u32>,
}

impl MaxPool {
    /// Layer number `index`, over `input` in the formats of `tensor`.
    pub(crate) fn new(
        (index, tensor): (usize, usize),
        (input, output): (Shape, Shape),
        window: Window,
    ) -> Self {
        Self { index, tensor, input, output, window, winners: None, memory: Vec::new() }
    }

    /// Calls `visit` for each element of each window: number of the window, index of the element of
    /// channel 0 within the image, whether it is the first of the window.
    #[inline(always)]
    fn visit_windows(&self, mut visit: impl FnMut(usize, usize, bool)) {
        for cell in 0..self.output.height * self.output.width {
            let rows = self.window.range(cell / self.output.width, self.input.height);
            let columns = self.window.range(cell % self.output.width, self.input.width);
            let mut first = true;
            for y in rows {
                for x in columns.clone() {
                    visit(cell, (y * self.input.width + x) * self.input.channels, first);
                    first = false;
                }
            }
        }
    }
}

/// Pools one image.
struct PoolImage<'a, T> {
    pool: &'a MaxPool,
    image: &'a [T],
    output: &'a mut [T],
    winners: &'a mut [u32],
}

impl<T: Number> Kernel for PoolImage<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let channels = self.pool.input.channels;
        self.pool.visit_windows(|cell, start, first| {
            let values = &self.image[start..][..channels];
            let output = &mut self.output[cell * channels..][..channels];
            let winners = &mut self.winners[cell * channels..][..channels];
            // An image has fewer than 2^32 elements.
            let places = start as u32..;
            if first {
                output.copy_from_slice(values);
                winners.iter_mut().zip(places).for_each(|(winner, at)| *winner = at);
                return;
            }
            for (best, (value, at)) in output.iter_mut().zip(winners).zip(values.iter().zip(places))
            {
                // Selections instead of a branch, so that the loop is vectorized.
                let wins = *value > *best.0;
                *best.0 = if wins { *value } else { *best.0 };
                *best.1 = if wins { at } else { *best.1 };
            }
        });
    }
}

impl<T: Number> Layer<T> for MaxPool {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let (image_len, output_len) = (self.input.len(), self.output.len());
        let mut output = pass.memory((input.nrows(), output_len));
        let mut winners = std::mem::take(&mut self.memory);
        winners.resize(output.len(), 0);
        let images = input.as_slice().expect("batches are stored row by row");
        output
            .as_slice_mut()
            .expect("made in row order")
            .par_chunks_mut(output_len)
            .zip(winners.par_chunks_mut(output_len))
            .zip(images.par_chunks(image_len))
            .for_each(|((output, winners), image)| {
                vectorized(PoolImage { pool: self, image, output, winners });
            });
        pass.recycle(input);
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
        let mut input = pass.memory((gradient.nrows(), image_len));
        let elements = gradient.as_slice().expect("batches are stored row by row");
        let parts = winners.par_chunks(gradient_len).zip(elements.par_chunks(gradient_len));
        let elements = input.as_slice_mut().expect("made in row order");
        if self.window.stride >= self.window.kernel {
            elements.par_chunks_mut(image_len).zip(parts).for_each(
                |(image, (winners, gradient))| {
                    image.fill(T::default());
                    for (winner, value) in winners.iter().zip(gradient) {
                        image[*winner as usize] = *value;
                    }
                },
            );
            self.memory = winners;
            pass.recycle(gradient);
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
        self.memory = winners;
        pass.recycle(gradient);
        Ok(Some(input))
    }
}
