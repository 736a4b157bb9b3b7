//! A trainable tensor: stored values, momentum, gradient, and the copies that the array reads.

use flexmac_dps::{Formats, TensorCounters};
use flexmac_fxp::{Counters, Format, Kernel, Rounding, Words, vectorized};
use ndarray::{Array2, ArrayViewMut2};
use rayon::prelude::*;

use crate::element::Number;
use crate::host::{CHUNK, HostRounding, Part};
use crate::pass::StoredMatrix;

/// The constants of one update step (see [`Param::update`]).
#[derive(Debug, Clone, Copy)]
pub struct UpdateStep {
    /// Learning rate.
    pub rate: f64,
    /// Momentum factor.
    pub momentum: f64,
    /// Weight decay factor.
    pub decay: f64,
    /// What the gradients were multiplied by: a power of two, 1 for fixed point.
    pub scale: f64,
}

/// A weight or a bias.
#[derive(Debug, Clone)]
pub struct Param<T> {
    /// Name, for example `conv1.weight`.
    pub name: String,
    /// Number of the tensor.
    pub tensor: usize,
    /// Number of the layer.
    pub layer: usize,
    /// What this parameter multiplies the learning rate and the weight decay by.
    multipliers: (f64, f64),
    /// The storage format, of values and momentum.
    format: Format,
    values: Array2<T>,
    momentum: Array2<T>,
    /// What the array reads, if its format differs from the storage format.
    copy: OperandCopy<T>,
    /// What the array reads in the backward pass, if that has a format of its own.
    reused: OperandCopy<T>,
    gradient: Gradient<T>,
}

/// The stored values in another format.
type OperandCopy<T> = Option<(Format, Array2<T>)>;

/// The gradient with respect to a parameter, row by row, as the backward pass leaves it.
#[derive(Debug, Clone)]
pub(crate) enum Gradient<T> {
    /// Real numbers.
    Reals(Vec<f64>),
    /// Elements in a format.
    Elements(Vec<T>, Format),
}

impl<T: Number> Gradient<T> {
    fn len(&self) -> usize {
        match self {
            Self::Reals(reals) => reals.len(),
            Self::Elements(elements, _) => elements.len(),
        }
    }
}

impl<T: Number> Param<T> {
    /// A parameter with these values, rounded to nearest, and zero momentum.
    pub(crate) fn new(
        (name, tensor, layer): (String, usize, usize),
        values: &Array2<f64>,
        formats: &Formats,
        multipliers: (f64, f64),
    ) -> Self {
        let format = formats.update;
        let real = values.as_slice().expect("made in row order");
        let mut quantized = Array2::from_elem(values.dim(), T::default());
        T::quantize(real, format, Rounding::Nearest, Words::None, elements_mut(&mut quantized));
        Self {
            name,
            tensor,
            layer,
            multipliers,
            format,
            momentum: Array2::from_elem(values.dim(), T::default()),
            values: quantized,
            copy: None,
            reused: None,
            gradient: Gradient::Reals(Vec::new()),
        }
    }

    /// The stored values.
    pub fn values(&self) -> &Array2<T> {
        &self.values
    }

    /// The stored values, for replacing them by others of the same format (imported weights,
    /// tests).
    pub fn values_mut(&mut self) -> ArrayViewMut2<'_, T> {
        (self.copy, self.reused) = (None, None);
        self.values.view_mut()
    }

    /// The stored momentum, in the format of the values.
    pub fn momentum(&self) -> &Array2<T> {
        &self.momentum
    }

    /// The storage format, of values and momentum.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The gradient of the last backward pass, row by row.
    pub fn gradient(&self) -> Vec<f64> {
        match &self.gradient {
            Gradient::Reals(reals) => reals.clone(),
            Gradient::Elements(elements, format) => {
                let unit = T::unit(*format);
                elements.iter().map(|element| element.units() * unit).collect()
            }
        }
    }

    /// Whether no element of the gradient is infinite or NaN.
    pub fn gradient_is_finite(&self) -> bool {
        match &self.gradient {
            Gradient::Reals(reals) => reals.iter().all(|real| real.is_finite()),
            Gradient::Elements(elements, _) => {
                elements.iter().all(|element| element.units().is_finite())
            }
        }
    }

    /// Sets the gradient, row by row. Returns the elements of the one before, if it had some.
    pub(crate) fn set_gradient(&mut self, gradient: Gradient<T>) -> Option<Vec<T>> {
        debug_assert_eq!(gradient.len(), self.values.len());
        match std::mem::replace(&mut self.gradient, gradient) {
            Gradient::Reals(_) => None,
            Gradient::Elements(elements, _) => Some(elements),
        }
    }

    /// Replaces format, values and momentum by those of a saved state.
    ///
    /// # Panics
    /// If the number of elements differs.
    pub fn restore(&mut self, format: Format, values: Vec<T>, momentum: Vec<T>) {
        let array = |elements| {
            Array2::from_shape_vec(self.values.dim(), elements)
                .expect("the caller checked the size")
        };
        (self.values, self.momentum) = (array(values), array(momentum));
        self.format = format;
        (self.copy, self.reused) = (None, None);
    }

    /// The parameter as an operand of the forward pass.
    pub(crate) fn operand(&self) -> StoredMatrix<'_, T> {
        let (format, values) = match &self.copy {
            Some((format, values)) => (*format, values),
            None => (self.format, &self.values),
        };
        (values.view(), format)
    }

    /// The parameter as an operand of the backward pass.
    pub(crate) fn reused_operand(&self) -> StoredMatrix<'_, T> {
        match &self.reused {
            Some((format, values)) => (values.view(), *format),
            None => self.operand(),
        }
    }

    /// Format and largest raw magnitude of the operand.
    pub(crate) fn largest_operand(&self) -> (Format, u32) {
        let (values, format) = self.operand();
        let largest = values.iter().map(|value| value.units().abs()).fold(0.0, f64::max);
        // Exact for raw values, which are at most 2^31 in magnitude.
        (format, largest as u32)
    }

    /// Applies the policy's formats before an iteration: converts values and momentum to the
    /// storage format, and makes the copies that the array reads, with rounding mode `forward` that
    /// of the forward pass. Does nothing in a float run.
    pub fn apply_formats(
        &mut self,
        formats: &Formats,
        host: &HostRounding,
        forward: Rounding,
        counters: &mut TensorCounters,
    ) {
        if !T::FIXED {
            return;
        }
        let (from, to) = (self.format, formats.update);
        if from != to {
            let parts =
                [(Part::MovedValue, &mut self.values), (Part::MovedMomentum, &mut self.momentum)];
            for (part, array) in parts {
                let old = array.clone();
                let moved = host.convert(part, elements(&old), (from, to), array);
                counters.update.merge(&moved);
            }
            self.format = to;
        }
        let rounded = self.refresh_copy(formats, &HostRounding { rounding: forward, ..*host });
        counters.forward.merge(&rounded);
        counters.reused.merge(&self.refresh_reused(formats, host));
    }

    /// Makes the copy that the forward pass reads again, from the present values. Changes nothing
    /// that is stored. For an evaluation between two iterations.
    ///
    /// Returns the counters of the copy.
    pub fn refresh_copy(&mut self, formats: &Formats, host: &HostRounding) -> Counters {
        let old = self.copy.take();
        let (copy, counters) = self.rounded(Part::Copy, formats.forward, old, host);
        self.copy = copy;
        counters
    }

    /// Makes the copy that the backward pass reads again, if it has a format of its own.
    ///
    /// Returns the counters of the copy.
    pub fn refresh_reused(&mut self, formats: &Formats, host: &HostRounding) -> Counters {
        let Some(to) = formats.reused else {
            self.reused = None;
            return Counters::default();
        };
        let old = self.reused.take();
        let (copy, counters) = self.rounded(Part::Reused, to, old, host);
        // The storage format is not that of the forward pass.
        self.reused = copy.or_else(|| T::FIXED.then(|| (to, self.values.clone())));
        counters
    }

    /// The values in format `to`, in the memory of `old`; `None` if that is the storage format.
    fn rounded(
        &self,
        part: Part,
        to: Format,
        old: OperandCopy<T>,
        host: &HostRounding,
    ) -> (OperandCopy<T>, Counters) {
        let from = self.format;
        if !T::FIXED || from == to {
            return (None, Counters::default());
        }
        let mut copy = old.map_or_else(|| self.values.clone(), |(_, copy)| copy);
        let counters = host.convert(part, elements(&self.values), (from, to), &mut copy);
        (Some((to, copy)), counters)
    }

    /// Updates the parameter as Caffe's SGD solver does (`sgd_solver.cpp`), in double precision:
    /// v = momentum v + rate (g + decay w), then w = w - v. Rate and decay are those of the step times
    /// the parameter's multipliers. Rounds v and w to the storage format.
    ///
    /// Returns the counters of both roundings.
    pub fn update(&mut self, step: &UpdateStep, host: &HostRounding) -> Counters {
        let format = self.format;
        let unit = T::unit(format);
        let (rate, decay) = (step.rate * self.multipliers.0, step.decay * self.multipliers.1);
        let values = elements_mut(&mut self.values).par_chunks_mut(CHUNK);
        let momentum = elements_mut(&mut self.momentum).par_chunks_mut(CHUNK);
        let gradient = &self.gradient;
        // Exact: a power of two.
        let divisor = 1.0 / step.scale;
        let new = || (vec![0.0; CHUNK], vec![0.0; CHUNK]);
        let chunks = values.zip(momentum).enumerate();
        let parts = chunks.map_init(new, |new, (chunk, (values, momentum))| {
            let round = |part, reals: &[f64], out: &mut [T]| {
                host.with_words::<T>(part, chunk, |words| {
                    T::quantize(reals, format, host.rounding, words, out)
                })
            };
            let count = values.len();
            let (new_values, new_momentum) = (&mut new.0[..count], &mut new.1[..count]);
            let span = chunk * CHUNK..chunk * CHUNK + count;
            let (old, new) = ((&*values, &*momentum), (&mut *new_values, &mut *new_momentum));
            let constants = (unit, step.momentum, rate, decay);
            match gradient {
                Gradient::Reals(reals) => {
                    let gradient = &reals[span];
                    let scale = |real: f64| real * divisor;
                    vectorized(Sgd { old, gradient, scale, new, constants });
                }
                Gradient::Elements(elements, format) => {
                    let unit = T::unit(*format) * divisor;
                    let (gradient, scale) = (&elements[span], |element: T| element.units() * unit);
                    vectorized(Sgd { old, gradient, scale, new, constants });
                }
            }
            let mut counters = round(Part::Momentum, new_momentum, momentum);
            counters.merge(&round(Part::Value, new_values, values));
            counters
        });
        parts.sum()
    }
}

/// The arithmetic of [`Param::update`], before rounding.
struct Sgd<'a, T, G, S> {
    /// Values and momentum.
    old: (&'a [T], &'a [T]),
    gradient: &'a [G],
    /// The real number that an element of the gradient stands for.
    scale: S,
    new: (&'a mut [f64], &'a mut [f64]),
    /// Value of a unit, momentum factor, rate, decay.
    constants: (f64, f64, f64, f64),
}

impl<T: Number, G: Copy, S: Fn(G) -> f64> Kernel for Sgd<'_, T, G, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (unit, factor, rate, decay) = self.constants;
        let old = self.old.0.iter().zip(self.old.1).zip(self.gradient);
        let new = self.new.0.iter_mut().zip(self.new.1);
        for (((value, momentum), gradient), (new_value, new_momentum)) in old.zip(new) {
            let w = value.units() * unit;
            let g = (self.scale)(*gradient);
            let v = factor * momentum.units() * unit + rate * (g + decay * w);
            (*new_momentum, *new_value) = (v, w - v);
        }
    }
}

/// The elements of an array, row by row.
fn elements<T>(array: &Array2<T>) -> &[T] {
    array.as_slice().expect("parameters are stored row by row")
}

/// The elements of an array, row by row and writable.
fn elements_mut<T>(array: &mut Array2<T>) -> &mut [T] {
    array.as_slice_mut().expect("parameters are stored row by row")
}
