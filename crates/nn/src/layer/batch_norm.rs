//! Batch normalization.

use flexmac_fxp::{Format, Kernel, vectorized};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::affine::column_sums;
use super::{Layer, Misfit, NO_FORWARD};
use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::init::Initial;
use crate::param::{Gradient, Param};
use crate::pass::{LayerId, Pass};
use crate::plan::LayerPlan;
use crate::spec::Multipliers;

/// Normalization of each channel over batch, rows and columns (Ioffe and Szegedy 2015), with the
/// defaults of PyTorch's `BatchNorm2d`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormSpec {
    /// The layer's name.
    pub name: String,
    /// Added to the variance, above 0.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Weight of a batch in the running mean and variance, above 0 and at most 1.
    #[serde(default = "momentum")]
    pub momentum: f64,
    /// Multipliers of the solver's constants: the scale is the weight, the shift the bias.
    #[serde(default, skip_serializing_if = "Multipliers::is_one")]
    pub multipliers: Multipliers,
}

/// Ends of the names of a normalization's buffers, which are PyTorch's.
pub(crate) const RUNNING_MEAN: &str = "running_mean";
pub(crate) const RUNNING_VARIANCE: &str = "running_var";

fn epsilon() -> f64 {
    1e-5
}

fn momentum() -> f64 {
    0.1
}

impl BatchNormSpec {
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        if !(self.epsilon.is_finite() && self.epsilon > 0.0) {
            return Err(Misfit::new("epsilon above 0", self.epsilon));
        }
        if !(self.momentum > 0.0 && self.momentum <= 1.0) {
            return Err(Misfit::new("momentum above 0 and at most 1", self.momentum));
        }
        Ok(())
    }
}

/// Numbers that training changes and no gradient does, by name: the running mean of a normalization,
/// for example `bn1.running_mean`. In single precision, as PyTorch keeps them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Buffer {
    /// The name.
    pub name: String,
    /// The numbers.
    pub values: Vec<f32>,
}

impl Buffer {
    pub(super) fn values(&self) -> Vec<f64> {
        self.values.iter().map(|value| f64::from(*value)).collect()
    }

    /// Moves every number by `share` of the way to another, and rounds it.
    fn follow(&mut self, others: &[f64], share: f64) {
        for (value, other) in self.values.iter_mut().zip(others) {
            *value = ((1.0 - share) * f64::from(*value) + share * other) as f32;
        }
    }
}

/// y = (x - mean) k + shift with k = scale / sqrt(variance + epsilon), for each channel. Training
/// uses the batch's mean and (biased) variance and moves the running ones; evaluation uses those.
///
/// # Format
/// The input leaves the array with 32 bits. Mean and variance are computed in double precision from
/// exact sums, independent of the number of threads; the output is rounded once, to the format of
/// its tensor, and the gradient once, to that of the input's. Scale and shift are read as they are
/// stored.
#[derive(Debug)]
pub struct BatchNorm<T: Number> {
    id: LayerId,
    /// (1, channels).
    scale: Param<T>,
    /// (1, channels).
    shift: Param<T>,
    running_mean: Buffer,
    running_variance: Buffer,
    input_tensor: usize,
    output_tensor: usize,
    epsilon: f64,
    momentum: f64,
    input_gradient: bool,
    kept: Option<Kept<T>>,
}

/// What the backward pass needs of the forward pass.
#[derive(Debug)]
struct Kept<T> {
    input: Array2<T>,
    format: Format,
    mean: Vec<f64>,
    /// 1 / sqrt(variance + epsilon).
    inverse: Vec<f64>,
}

impl<T: Number> BatchNorm<T> {
    /// The layer of `plan`; `input_gradient` says whether an earlier layer has parameters.
    pub(crate) fn new(
        id: LayerId,
        plan: &LayerPlan,
        spec: &BatchNormSpec,
        input_gradient: bool,
        initial: &Initial<'_>,
    ) -> Self {
        let channels = plan.output.channels;
        let of = spec.multipliers;
        let param = |suffix: &str, tensor, value, multipliers| {
            let name = (format!("{}.{suffix}", id.name), tensor, id.index);
            let values = Array2::from_elem((1, channels), value);
            Param::new(name, &values, &initial.formats[tensor], multipliers)
        };
        let buffer = |suffix: &str, value| Buffer {
            name: format!("{}.{suffix}", id.name),
            values: vec![value; channels],
        };
        Self {
            scale: param("weight", plan.weight_tensor(), 1.0, (of.lr_mult, of.decay_mult)),
            shift: param("bias", plan.bias_tensor(), 0.0, (of.bias_lr_mult, of.bias_decay_mult)),
            running_mean: buffer(RUNNING_MEAN, 0.0),
            running_variance: buffer(RUNNING_VARIANCE, 1.0),
            input_tensor: plan.input_tensor,
            output_tensor: plan.output_tensor,
            epsilon: spec.epsilon,
            momentum: spec.momentum,
            input_gradient,
            kept: None,
            id,
        }
    }

    fn channels(&self) -> usize {
        self.running_mean.values.len()
    }

    /// Mean and variance of each channel of a batch; moves the running ones.
    fn batch_statistics(&mut self, places: ArrayView2<'_, T>, format: Format) -> [Vec<f64>; 2] {
        // Exact: a batch has at most 2^30 elements.
        let count = places.nrows() as f64;
        let mean: Vec<_> = column_sums(places, format).iter().map(|sum| sum / count).collect();
        let squares = centred_products(places, format, &mean, None);
        let variance: Vec<_> = squares.iter().map(|sum| sum / count).collect();
        let unbiased = if count > 1.0 { count / (count - 1.0) } else { 1.0 };
        let spread: Vec<_> = variance.iter().map(|variance| variance * unbiased).collect();
        self.running_mean.follow(&mean, self.momentum);
        self.running_variance.follow(&spread, self.momentum);
        [mean, variance]
    }
}

impl<T: Number> Layer<T> for BatchNorm<T> {
    fn forward(&mut self, input: Array2<T>, pass: &mut Pass<'_, T>) -> Result<Array2<T>, NnError> {
        let format = pass.output_format(self.input_tensor);
        let channels = self.channels();
        let [mean, variance] = if pass.training {
            self.batch_statistics(by_place(&input, channels), format)
        } else {
            [self.running_mean.values(), self.running_variance.values()]
        };
        let root = |variance: &f64| 1.0 / (variance + self.epsilon).sqrt();
        let inverse: Vec<_> = variance.iter().map(root).collect();
        let factor: Vec<_> = inverse
            .iter()
            .zip(reals(&self.scale))
            .map(|(inverse, scale)| scale * inverse)
            .collect();
        let shift = reals(&self.shift);
        let to = pass.output_format(self.output_tensor);
        let host = pass.host(self.id.index, self.output_tensor);
        let mut output = pass.memory(input.dim());
        let (values, unit) = (slice(&input), T::unit(format));
        let counters = host.quantize_with(Part::Value, &mut output, to, |first, reals| {
            let values = &values[first..];
            let constants = (&mean[..], &factor[..], &shift[..]);
            vectorized(Normalize { values, unit, first, constants, reals });
        });
        pass.statistics.tensors[self.output_tensor].forward.merge(&counters);
        if pass.training {
            self.kept = Some(Kept { input, format, mean, inverse });
        } else {
            pass.recycle(input);
        }
        Ok(output)
    }

    fn backward(
        &mut self,
        gradient: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Option<Array2<T>>, NnError> {
        let Kept { input, format, mean, inverse } = self.kept.take().expect(NO_FORWARD);
        let channels = self.channels();
        let from = pass.formats[self.output_tensor].backward;
        let (dy, x) = (by_place(&gradient, channels), by_place(&input, channels));
        let count = x.nrows() as f64;
        let sums = column_sums(dy, from);
        let products = centred_products(x, format, &mean, Some((dy, from)));
        let scale = reals(&self.scale);
        let of_scale = products.iter().zip(&inverse).map(|(sum, inverse)| sum * inverse);
        self.scale.set_gradient(Gradient::Reals(of_scale.collect()));
        self.shift.set_gradient(Gradient::Reals(sums.clone()));
        if !self.input_gradient {
            return Ok(None);
        }
        // dx = k (dy - mean of dy - (x - mean) / (variance + epsilon) * mean of dy (x - mean)).
        let constants: Vec<_> = (0..channels)
            .map(|channel| GradientOf {
                factor: scale[channel] * inverse[channel],
                mean: mean[channel],
                gradient: sums[channel] / count,
                slope: products[channel] / count * inverse[channel] * inverse[channel],
            })
            .collect();
        let to = pass.formats[self.input_tensor].backward;
        let host = pass.host(self.id.index, self.input_tensor);
        let units = (T::unit(format), T::unit(from));
        let mut back = pass.memory(input.dim());
        let (values, gradients) = (slice(&input), slice(&gradient));
        let counters = host.quantize_with(Part::Gradient, &mut back, to, |first, reals| {
            let (values, gradients) = (&values[first..], &gradients[first..]);
            vectorized(Backward { values, gradients, units, first, constants: &constants, reals });
        });
        pass.statistics.tensors[self.input_tensor].backward.merge(&counters);
        pass.recycle(input);
        pass.recycle(gradient);
        Ok(Some(back))
    }

    fn params(&self) -> Vec<&Param<T>> {
        vec![&self.scale, &self.shift]
    }

    fn params_mut(&mut self) -> Vec<&mut Param<T>> {
        vec![&mut self.scale, &mut self.shift]
    }

    fn buffers(&self) -> Vec<&Buffer> {
        vec![&self.running_mean, &self.running_variance]
    }

    fn buffers_mut(&mut self) -> Vec<&mut Buffer> {
        vec![&mut self.running_mean, &mut self.running_variance]
    }
}

/// The values of a parameter.
fn reals<T: Number>(param: &Param<T>) -> Vec<f64> {
    let unit = T::unit(param.format());
    param.values().iter().map(|value| value.units() * unit).collect()
}

fn slice<T>(batch: &Array2<T>) -> &[T] {
    batch.as_slice().expect("batches are stored row by row")
}

/// A batch as (images * rows * columns, channels).
fn by_place<T>(batch: &Array2<T>, channels: usize) -> ArrayView2<'_, T> {
    let places = batch.len() / channels;
    ArrayView2::from_shape((places, channels), slice(batch)).expect("whole places")
}

/// Sums over all places of (x - mean) times the other factor, (x - mean) again if there is none: a
/// sum for each channel. Adds parts of a fixed size in their order.
fn centred_products<T: Number>(
    x: ArrayView2<'_, T>,
    format: Format,
    mean: &[f64],
    other: Option<(ArrayView2<'_, T>, Format)>,
) -> Vec<f64> {
    /// Elements of a part.
    const PART: usize = 1 << 14;
    let channels = mean.len();
    let part = PART.div_ceil(channels) * channels;
    let values = x.to_slice().expect("whole places");
    // Without another factor its place is taken by x, which the kernel then ignores.
    let (others, other_unit) = match other {
        Some((other, format)) => (other.to_slice().expect("whole places"), Some(T::unit(format))),
        None => (values, None),
    };
    let parts: Vec<_> = values
        .par_chunks(part)
        .zip(others.par_chunks(part))
        .map(|(values, others)| {
            let mut sums = vec![0.0; channels];
            let units = (T::unit(format), other_unit);
            vectorized(CentredProducts { values, others, units, mean, sums: &mut sums });
            sums
        })
        .collect();
    let sum = |channel: usize| parts.iter().map(|part| part[channel]).sum();
    (0..channels).map(sum).collect()
}

struct CentredProducts<'a, T> {
    values: &'a [T],
    others: &'a [T],
    units: (f64, Option<f64>),
    mean: &'a [f64],
    sums: &'a mut [f64],
}

impl<T: Number> Kernel for CentredProducts<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let channels = self.mean.len();
        let places = self.values.chunks_exact(channels).zip(self.others.chunks_exact(channels));
        for (values, others) in places {
            let channels = values.iter().zip(others).zip(self.mean).zip(self.sums.iter_mut());
            for (((value, other), mean), sum) in channels {
                let centred = value.units() * self.units.0 - mean;
                *sum += centred * self.units.1.map_or(centred, |unit| other.units() * unit);
            }
        }
    }
}

/// Fills `reals` with the output's elements from number `first` on.
struct Normalize<'a, T> {
    values: &'a [T],
    unit: f64,
    first: usize,
    /// Mean, factor and shift of each channel.
    constants: (&'a [f64], &'a [f64], &'a [f64]),
    reals: &'a mut [f64],
}

impl<T: Number> Kernel for Normalize<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (mean, factor, shift) = self.constants;
        for (at, count, channel) in runs(self.first, self.reals.len(), mean.len()) {
            let reals = &mut self.reals[at..at + count];
            let channels = channel..channel + count;
            let constants =
                mean[channels.clone()].iter().zip(&factor[channels.clone()]).zip(&shift[channels]);
            for ((real, value), ((mean, factor), shift)) in
                reals.iter_mut().zip(&self.values[at..]).zip(constants)
            {
                *real = (value.units() * self.unit - mean) * factor + shift;
            }
        }
    }
}

/// What the gradient of the elements of a channel depends on.
#[derive(Debug, Clone, Copy)]
struct GradientOf {
    factor: f64,
    mean: f64,
    /// Mean of dy.
    gradient: f64,
    /// Mean of dy (x - mean), over the variance.
    slope: f64,
}

/// Fills `reals` with the gradient's elements from number `first` on.
struct Backward<'a, T> {
    values: &'a [T],
    gradients: &'a [T],
    units: (f64, f64),
    first: usize,
    constants: &'a [GradientOf],
    reals: &'a mut [f64],
}

impl<T: Number> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (at, count, channel) in runs(self.first, self.reals.len(), self.constants.len()) {
            let elements = self.values[at..].iter().zip(&self.gradients[at..]);
            let constants = &self.constants[channel..channel + count];
            for ((real, (value, gradient)), of) in
                self.reals[at..at + count].iter_mut().zip(elements).zip(constants)
            {
                let centred = value.units() * self.units.0 - of.mean;
                let dy = gradient.units() * self.units.1;
                *real = of.factor * (dy - of.gradient - centred * of.slope);
            }
        }
    }
}

/// Splits `count` elements, whose first has number `first`, at the ends of places: first element,
/// number of elements and first channel of each run.
#[inline(always)]
fn runs(
    first: usize,
    count: usize,
    channels: usize,
) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let channel = (first + at) % channels;
        let run = (channels - channel).min(count - at);
        at += run;
        (run > 0).then_some((at - run, run, channel))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_element_with_its_channel() {
        for (first, count, channels) in [(0, 10, 3), (4096, 17, 5), (7, 1, 9), (2, 6, 4)] {
            let found: Vec<_> = runs(first, count, channels)
                .flat_map(|(at, run, channel)| (0..run).map(move |i| (at + i, channel + i)))
                .collect();
            let expected: Vec<_> = (0..count).map(|at| (at, (first + at) % channels)).collect();
            assert_eq!(found, expected, "{first} {count} {channels}");
        }
    }
}
