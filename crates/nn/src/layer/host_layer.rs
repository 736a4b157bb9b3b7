//! What describes a layer that multiplies nothing: its keys, its shape, how it is made.
//!
//! Such a layer is one file: its description here called `Spec`, the layer itself, and its tests.
//! `spec.rs` lists it. Layers with products also have tensors of their own, which plan, products and
//! weights know about, and are not made this way.

use super::Layer;
use crate::element::Number;
use crate::spec::Shape;

/// The description of a layer that multiplies nothing.
pub trait HostLayer {
    /// The layer's name.
    fn name(&self) -> &str;

    /// Shape of its output.
    ///
    /// # Errors
    /// A key out of range, or an input that does not fit.
    fn output(&self, input: Shape) -> Result<Shape, Misfit>;

    /// The layer at its place in a network.
    fn build<T: Number>(&self, place: Place) -> Box<dyn Layer<T>>;
}

/// Where a layer stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Number of the layer.
    pub index: usize,
    /// The tensor whose formats input and output are in.
    pub tensor: usize,
    /// Shape of an image's input.
    pub input: Shape,
    /// Shape of its output.
    pub output: Shape,
}

/// What would fit a layer, and what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What would fit.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Misfit {
    /// A misfit in words.
    pub fn new(expected: impl ToString, found: impl ToString) -> Self {
        Self { expected: expected.to_string(), found: found.to_string() }
    }
}

/// A key that counts something there must be one of.
pub(crate) fn at_least_one(what: &str, found: usize) -> Result<(), Misfit> {
    if found > 0 { Ok(()) } else { Err(Misfit::new(format!("{what} of at least 1"), found)) }
}
