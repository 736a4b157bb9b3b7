//! Average pooling.

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{HostLayer, Layer, LayerContext, Misfit, real};
use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::pass::Pass;
use crate::spec::Shape;

/// Average over square windows. Windows are placed as for max pooling; padding counts as zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPoolSpec {
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

impl AvgPoolSpec {
    fn window(&self) -> Window {
        Window { kernel: self.kernel, stride: self.stride, padding: self.padding }
    }
}

impl HostLayer for AvgPoolSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        self.window().pooled(input)
    }

    fn build<T: Number>(&self, context: LayerContext) -> Box<dyn Layer<T>> {
        let shapes = (context.input, context.output);
        Box::new(AvgPool::new((context.index, context.tensor), shapes, self.window()))
    }
}

/// Average pooling as in Caffe (`pooling_layer.cpp`): padding counts as zeros; the part of the last
/// window beyond the padding does not count.
///
/// # Format
/// Output and gradient keep the input's formats: a mean is within the range of its values. Sums are
/// exact; the quotient is computed in double precision and rounded once.
#[derive(Debug)]
pub struct AvgPool {
    index: usize,
    tensor: usize,
    input: Shape,
    output: Shape,
    window: Window,
}

impl AvgPool {
    /// Layer number `index`, over `input` in the formats of `tensor`.
    pub(crate) fn new(
        (index, tensor): (usize, usize),
        (input, output): (Shape, Shape),
        window: Window,
    ) -> Self {
        Self { index, tensor, input, output, window }
    }

    /// For each window: its first output element, its input elements (first channel), its divisor.
    fn windows(&self) -> impl Iterator<Item = (usize, impl Iterator<Item = usize>, f64)> {
        let (window, input, output) = (self.window, self.input, self.output);
        (0..output.height * output.width).map(move |cell| {
            let (row, column) = (cell / output.width, cell % output.width);
            let (rows, columns) =
                (window.range(row, input.height), window.range(column, input.width));
            let places = rows.flat_map(move |y| {
                columns.clone().map(move |x| (y * input.width + x) * input.channels)
            });
            let divisor = window.divisor(row, input.height) * window.divisor(column, input.width);
            // A window is far smaller than 2^53.
            (cell * output.channels, places, divisor as f64)
        })
    }
}

impl<T: Number> Layer<T> for AvgPool {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let format = pass.output_format(self.tensor);
        let channels = self.input.channels;
        let mut means = vec![0.0; input.nrows() * self.output.len()];
        let images = input.as_slice().expect("batches are stored row by row");
        let parts = images.par_chunks(self.input.len());
        means.par_chunks_mut(self.output.len()).zip(parts).for_each(|(means, image)| {
            for (to, places, divisor) in self.windows() {
                let mut sums = vec![T::Sum::default(); channels];
                for from in places {
                    for (sum, value) in sums.iter_mut().zip(&image[from..from + channels]) {
                        value.add_to(sum);
                    }
                }
                for (mean, sum) in means[to..to + channels].iter_mut().zip(sums) {
                    *mean = T::sum_value(sum, format.frac()) / divisor;
                }
            }
        });
        let mut output = Array2::from_elem((input.nrows(), self.output.len()), T::default());
        let host = pass.host(self.index, self.tensor);
        let counters = host.quantize(Part::Value, &means, &mut output, format);
        pass.statistics.tensors[self.tensor].forward.merge(&counters);
        Ok(output)
    }

    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let format = pass.formats[self.tensor].backward;
        let channels = self.input.channels;
        let gradient_len = self.output.len();
        let mut sums = vec![0.0; gradient.nrows() * self.input.len()];
        let values = real(&gradient, format);
        let parts = values.par_chunks(gradient_len);
        sums.par_chunks_mut(self.input.len()).zip(parts).for_each(|(sums, gradient)| {
            for (from, places, divisor) in self.windows() {
                for to in places {
                    let gradient = &gradient[from..from + channels];
                    for (sum, value) in sums[to..to + channels].iter_mut().zip(gradient) {
                        *sum += value / divisor;
                    }
                }
            }
        });
        let mut input = Array2::from_elem((gradient.nrows(), self.input.len()), T::default());
        let host = pass.host(self.index, self.tensor);
        let counters = host.quantize(Part::Gradient, &sums, &mut input, format);
        pass.statistics.tensors[self.tensor].backward.merge(&counters);
        Ok(Some(input))
    }
}
