//! Which tensors of a network carry formats, and the table that gives them.

use std::ops::Index;

use flexmac_fxp::{Format, FxpError};
use serde::{Deserialize, Serialize};

/// What a tensor is to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorRole {
    /// The images.
    Input,
    /// A layer's weights, with their momentum.
    Weight {
        /// Whether an image meets each weight at several places, as in a convolution.
        shared: bool,
    },
    /// A layer's bias, with its momentum.
    Bias,
    /// A layer's output and the gradient with respect to it.
    Activation,
    /// The last layer's output. It stays real, and only its gradient, which enters the array, has a
    /// format: a policy chooses the width, the integer length follows from the loss.
    Logits {
        /// Integer length of the gradient: |p - onehot| / batch <= 2^gradient_integer_length.
        gradient_integer_length: i32,
    },
}

impl TensorRole {
    /// Whether this is a weight or a bias.
    pub fn is_parameter(self) -> bool {
        matches!(self, Self::Weight { .. } | Self::Bias)
    }

    /// The longest integer length its gradient needs, where that is known.
    pub(crate) fn gradient_bound(self) -> i32 {
        match self {
            Self::Logits { gradient_integer_length } => gradient_integer_length,
            _ => i32::MAX,
        }
    }
}

/// A tensor's name and role; its place in the network's list is its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// `conv1` for an output, `conv1.weight` and `conv1.bias` for parameters, `data` for the input.
    pub name: String,
    /// What it is.
    pub role: TensorRole,
}

/// Tensors `t0`, `t1`, ... of these roles, for tests of policies.
#[cfg(test)]
pub(crate) fn named<const N: usize>(roles: [TensorRole; N]) -> Vec<TensorSpec> {
    let spec = |(number, role)| TensorSpec { name: format!("t{number}"), role };
    roles.into_iter().enumerate().map(spec).collect()
}

/// The formats of one tensor, by what they are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formats {
    /// As an operand of the array: activations, and the copy of a parameter that products read.
    pub forward: Format,
    /// The gradient with respect to an activation. Unused for parameters, whose gradients keep 32
    /// bits up to the update, and for the input.
    pub backward: Format,
    /// As stored between updates: parameters and their momentum. Unused for the rest.
    pub update: Format,
}

impl Formats {
    /// One format for every use.
    pub fn uniform(format: Format) -> Self {
        Self { forward: format, backward: format, update: format }
    }

    /// One format for every use, of `bits` and `integer_length`.
    ///
    /// # Errors
    /// [`FxpError::Bits`] when `bits` is outside 2..=32.
    pub fn with_integer_length(bits: u32, integer_length: i32) -> Result<Self, FxpError> {
        Format::with_integer_length(bits, integer_length).map(Self::uniform)
    }
}

/// The formats of every tensor, by tensor number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormatTable(Vec<Formats>);

impl FormatTable {
    /// The formats in the order of the network's tensors.
    pub fn new(formats: Vec<Formats>) -> Self {
        Self(formats)
    }

    /// The formats in the order of the network's tensors.
    pub fn iter(&self) -> impl Iterator<Item = &Formats> {
        self.0.iter()
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Index<usize> for FormatTable {
    type Output = Formats;

    fn index(&self, tensor: usize) -> &Formats {
        &self.0[tensor]
    }
}
