//! Residual networks: the sum of two layers' outputs, and branches.

use flexmac_fxp::Format;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::Misfit;
use crate::element::Number;
use crate::host::Part;
use crate::pass::Pass;
use crate::spec::Shape;

/// The sum of the output of the layer before and of that of an earlier layer `with`, which may be
/// larger and have fewer channels: then every second (third, ...) row and column of it count, from
/// the first on, and the missing channels are zeros (shortcut A of He et al., "Deep residual
/// learning for image recognition", 2016, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddSpec {
    /// The layer's name.
    pub name: String,
    /// Name of the earlier layer.
    pub with: String,
}

/// The output of the earlier layer `from`, once more: the layers after this one are a second branch,
/// for example the projection of a shortcut. An [`AddSpec`] joins both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchSpec {
    /// The layer's name.
    pub name: String,
    /// Name of the earlier layer.
    pub from: String,
}

/// How a shortcut reaches the shape of the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortcut {
    from: Shape,
    to: Shape,
    /// Distance between the rows, and between the columns, that count.
    stride: usize,
}

impl Shortcut {
    /// The shortcut from a shape to another.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub fn new(from: Shape, to: Shape) -> Result<Self, Misfit> {
        let stride = from.height.div_ceil(to.height);
        let reached = [from.height, from.width].map(|size| size.div_ceil(stride));
        if reached != [to.height, to.width] || from.channels > to.channels {
            let expected = format!(
                "a layer `with` of the shape {to} of the sum, or a larger one of at most {} channels \
                 whose every n-th row and column give it",
                to.channels
            );
            return Err(Misfit::new(expected, from));
        }
        Ok(Self { from, to, stride })
    }

    /// First elements of the places that count in one image, in the shape before and after.
    fn places(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.to.height * self.to.width).map(move |place| {
            let (row, column) = (place / self.to.width, place % self.to.width);
            let from = row * self.stride * self.from.width + column * self.stride;
            (from * self.from.channels, place * self.to.channels)
        })
    }

    /// A batch in the shape of the sum.
    fn forward<T: Number>(self, values: Array2<T>) -> Array2<T> {
        self.copied(values, (self.from, self.to), self.places())
    }

    /// The gradient of a batch, from that of the sum.
    fn backward<T: Number>(self, gradient: Array2<T>) -> Array2<T> {
        let places = self.places().map(|(from, to)| (to, from));
        self.copied(gradient, (self.to, self.from), places)
    }

    /// Zeros, with the elements at `places` of another shape.
    fn copied<T: Number>(
        self,
        values: Array2<T>,
        (from, to): (Shape, Shape),
        places: impl Iterator<Item = (usize, usize)>,
    ) -> Array2<T> {
        if from == to {
            return values;
        }
        let mut copy = Array2::from_elem((values.nrows(), to.len()), T::default());
        let places: Vec<_> = places.collect();
        let channels = self.from.channels;
        for (values, mut copy) in values.outer_iter().zip(copy.outer_iter_mut()) {
            let values = values.to_slice().expect("batches are stored row by row");
            let copy = copy.as_slice_mut().expect("made in row order");
            for (from, to) in &places {
                copy[*to..to + channels].copy_from_slice(&values[*from..from + channels]);
            }
        }
        copy
    }
}

/// The sum of two tensors. It has a tensor of its own.
///
/// # Format
/// The exact sum is rounded once, to the format of its tensor. Each input's gradient is the sum's,
/// which the network rounds to the format of that input's tensor.
#[derive(Debug)]
pub(crate) struct Add {
    pub index: usize,
    pub tensor: usize,
    pub shortcut: Shortcut,
}

/// A batch, or its gradient, with the format of its elements.
pub(crate) type Formatted<T> = (Array2<T>, Format);

impl Add {
    /// The sum of the output of the layer before and of the shortcut's.
    pub fn forward<T: Number>(
        &self,
        (before, before_format): Formatted<T>,
        (earlier, earlier_format): Formatted<T>,
        pass: &mut Pass<'_, T>,
    ) -> Array2<T> {
        let earlier = (self.shortcut.forward(earlier), earlier_format);
        let host = pass.host(self.index, self.tensor);
        let format = pass.output_format(self.tensor);
        let terms = [(before, before_format), earlier];
        let mut sum = Array2::from_elem(terms[0].0.dim(), T::default());
        let counters = host.quantize_with(Part::Value, &mut sum, format, sum_of(&terms));
        pass.statistics.tensors[self.tensor].forward.merge(&counters);
        let [(before, _), (earlier, _)] = terms;
        pass.recycle(before);
        pass.recycle(earlier);
        sum
    }

    /// The gradients of both inputs, in the order of `forward`.
    pub fn backward<T: Number>(&self, gradient: Array2<T>) -> [Array2<T>; 2] {
        let earlier = self.shortcut.backward(gradient.clone());
        [gradient, earlier]
    }
}

/// Fills a slice with the sums of these batches' elements from a given number on.
pub(crate) fn sum_of<T: Number>(terms: &[Formatted<T>]) -> impl Fn(usize, &mut [f64]) + Sync {
    move |first, reals| {
        reals.fill(0.0);
        for (values, format) in terms {
            let values = values.as_slice().expect("batches are stored row by row");
            let unit = T::unit(*format);
            for (real, value) in reals.iter_mut().zip(&values[first..]) {
                *real += value.units() * unit;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn shape(height: usize, width: usize, channels: usize) -> Shape {
        Shape { height, width, channels }
    }

    #[test]
    fn a_shortcut_takes_every_other_place_and_adds_channels_of_zeros() {
        let shortcut = Shortcut::new(shape(3, 4, 1), shape(2, 2, 2)).unwrap();
        let images = array![[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]];
        assert_eq!(shortcut.forward(images), array![[1, 0, 3, 0, 9, 0, 11, 0]]);
        let gradient = array![[1, 2, 3, 4, 5, 6, 7, 8]];
        assert_eq!(shortcut.backward(gradient), array![[1, 0, 3, 0, 0, 0, 0, 0, 5, 0, 7, 0]]);
        let same = Shortcut::new(shape(2, 2, 3), shape(2, 2, 3)).unwrap();
        let images = Array2::from_shape_fn((2, 12), |(row, column)| row * 12 + column);
        let images = images.mapv(|value| i32::try_from(value).unwrap());
        assert_eq!(same.forward(images.clone()), images);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        for (from, to) in [
            (shape(4, 4, 3), shape(4, 4, 2)),
            (shape(4, 4, 1), shape(2, 3, 1)),
            (shape(2, 2, 1), shape(4, 4, 1)),
            (shape(5, 5, 1), shape(4, 4, 1)),
        ] {
            let misfit = Shortcut::new(from, to).unwrap_err();
            assert_eq!(misfit.found, from.to_string(), "{to}");
        }
    }
}
