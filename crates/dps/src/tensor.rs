//! The tensors of a network that have formats, and the table of their formats.

use std::ops::Index;

use flexmac_fxp::{Format, FxpError};
use serde::{Deserialize, Serialize};

/// What a tensor is in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorRole {
    /// The images.
    Input,
    /// The weights of a layer, and their momentum.
    Weight {
        /// Whether each weight is used several times per image, as in a convolution.
        shared: bool,
    },
    /// The bias of a layer, and its momentum.
    Bias,
    /// The scale or the shift of a normalization, and its momentum. Only the host reads it, as it
    /// is stored. Scales begin at 1.
    Normalization,
    /// The output of a layer, and the gradient with respect to it.
    Activation,
    /// The output of a normalization or a sum: an activation whose gradient only the host reads, so
    /// that its width costs no passes.
    HostOutput,
    /// The output of a layer that only a normalization reads, and the gradient with respect to it.
    /// The values have a fixed wide format, as class scores have; only their gradient, an operand
    /// of the array, gets one from the policy.
    Normalized,
    /// The output of the last layer, the class scores. The scores have a fixed wide format; only
    /// their gradient, an operand of the array, gets one from the policy. The policy chooses its
    /// width; the loss bounds its integer length.
    Logits {
        /// Integer length that holds the gradient: |p - onehot| / batch <=
        /// 2^gradient_integer_length.
        gradient_integer_length: i32,
    },
}

impl TensorRole {
    /// Whether this is a trained parameter: a weight, a bias, or a normalization's.
    pub fn is_parameter(self) -> bool {
        matches!(self, Self::Weight { .. } | Self::Bias | Self::Normalization)
    }

    /// Whether the values have a fixed wide format, whatever the policy says.
    pub fn is_wide(self) -> bool {
        matches!(self, Self::Normalized | Self::Logits { .. })
    }

    /// The longest integer length that its gradient needs; `i32::MAX` if unknown.
    pub(crate) fn gradient_bound(self) -> i32 {
        match self {
            Self::Logits { gradient_integer_length } => gradient_integer_length,
            _ => i32::MAX,
        }
    }
}

/// Name and role of a tensor. Its index in the network's list is its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// `conv1` for an output, `conv1.weight` and `conv1.bias` for parameters, `data` for the input.
    pub name: String,
    /// Its role.
    pub role: TensorRole,
}

/// Tensors `t0`, `t1`, ... with these roles, for tests of policies.
#[cfg(test)]
pub(crate) fn named<const N: usize>(roles: [TensorRole; N]) -> Vec<TensorSpec> {
    let spec = |(number, role)| TensorSpec { name: format!("t{number}"), role };
    roles.into_iter().enumerate().map(spec).collect()
}

/// The formats of one tensor, by use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formats {
    /// Of activations, and of the copy of a parameter that the array reads.
    pub forward: Format,
    /// Of the gradient with respect to an activation. Unused for the input, and for parameters,
    /// whose gradients keep 32 bits until the update.
    pub backward: Format,
    /// Of parameters and momentum as stored between updates. Unused for other tensors.
    pub update: Format,
    /// Of an activation (or the input) as an operand of the weight gradient, and of a weight as one
    /// of the input gradient: a copy of its own, rounded as gradients are. `None`: no copy, these
    /// products read what the forward pass read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<Format>,
}

impl Formats {
    /// One format for every use.
    pub fn uniform(format: Format) -> Self {
        Self { forward: format, backward: format, update: format, reused: None }
    }

    /// The format in which the backward pass reads an activation or a weight.
    pub fn reused(&self) -> Format {
        self.reused.unwrap_or(self.forward)
    }

    /// One format for every use: `bits` wide, sign included, with `integer_length`.
    ///
    /// # Errors
    /// [`FxpError::Bits`] when `bits` is outside 2..=32.
    pub fn with_integer_length(bits: u32, integer_length: i32) -> Result<Self, FxpError> {
        Format::with_integer_length(bits, integer_length).map(Self::uniform)
    }
}

/// The formats of all tensors, by tensor number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormatTable(Vec<Formats>);

impl FormatTable {
    /// A table from the formats in the order of the network's tensors.
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

    /// Whether there are no tensors.
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
