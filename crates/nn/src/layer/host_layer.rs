//! The description of a host layer: a layer without GEMMs, computed on the host.
//!
//! A host layer is one file with its description (`XSpec`), the layer and its tests, and one line
//! in `spec.rs`. Layers with GEMMs also have tensors of their own, which the plan, the list of
//! GEMMs and the export of weights need to know; `network.rs` builds them.

use super::Layer;
use crate::element::Number;
use crate::spec::Shape;

/// The description of a host layer.
pub trait HostLayer {
    /// The layer's name.
    fn name(&self) -> &str;

    /// Shape of the output for an `input`, both per image.
    ///
    /// # Errors
    /// A key is out of range, or the input does not fit.
    fn output(&self, input: Shape) -> Result<Shape, Misfit>;

    /// Builds the layer.
    fn build<T: Number>(&self, context: LayerContext) -> Box<dyn Layer<T>>;
}

/// What a host layer knows of the network around it.
#[derive(Debug, Clone, Copy)]
pub struct LayerContext {
    /// Number of the layer.
    pub index: usize,
    /// The tensor that gives the formats of input and output.
    pub tensor: usize,
    /// Shape of the input, per image.
    pub input: Shape,
    /// Shape of the output, per image.
    pub output: Shape,
}

/// Why a layer's description is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What is legal.
    pub expected: String,
    /// What the description says.
    pub found: String,
}

impl Misfit {
    /// A misfit from its two parts.
    pub fn new(expected: impl ToString, found: impl ToString) -> Self {
        Self { expected: expected.to_string(), found: found.to_string() }
    }
}

/// Refuses the value 0 of key `what`.
pub(crate) fn at_least_one(what: &str, found: usize) -> Result<(), Misfit> {
    if found > 0 { Ok(()) } else { Err(Misfit::new(format!("{what} of at least 1"), found)) }
}
