//! Network descriptions: an input shape and a list of layers.
//!
//! Every network is a [`NetSpec`], also the shipped ones (`net_file.rs`). No code is specific to
//! one network.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::element::Number;
use crate::layer::{self, HostLayer, Layer, LayerContext, Misfit};

/// Shape of an image or of a layer's output. Elements are in the order row, column, channel (NHWC
/// with the batch in front).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels; the outputs of an inner product.
    pub channels: usize,
}

impl Shape {
    /// Number of elements.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether there are no elements.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// What the parameters of a layer multiply the solver's constants by, like `lr_mult` and `decay_mult`
/// of Caffe's layers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Multipliers {
    /// Of the learning rate, for the weight.
    pub lr_mult: f64,
    /// Of the weight decay, for the weight.
    pub decay_mult: f64,
    /// Of the learning rate, for the bias.
    pub bias_lr_mult: f64,
    /// Of the weight decay, for the bias.
    pub bias_decay_mult: f64,
}

impl Multipliers {
    /// All 1: the solver's constants as they are.
    pub const ONE: Self =
        Self { lr_mult: 1.0, decay_mult: 1.0, bias_lr_mult: 1.0, bias_decay_mult: 1.0 };

    /// Their names in a description.
    pub(crate) const KEYS: [&str; 4] = ["lr_mult", "decay_mult", "bias_lr_mult", "bias_decay_mult"];

    /// The multipliers, in the order of [`Multipliers::KEYS`].
    pub(crate) fn all(&self) -> [f64; 4] {
        [self.lr_mult, self.decay_mult, self.bias_lr_mult, self.bias_decay_mult]
    }

    pub(crate) fn is_one(&self) -> bool {
        *self == Self::ONE
    }
}

impl Default for Multipliers {
    fn default() -> Self {
        Self::ONE
    }
}

/// The GEMM that computes the gradient of a convolution's input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputGradient {
    /// Output gradients times filters: the gradients of patches, which the host sums. Its K is the
    /// number of filters, and its result has every element of every patch.
    #[default]
    Patches,
    /// Patches of the output gradients times the mirrored filters: a convolution, whose sums are
    /// complete in the array. Its K is that of a patch of all filters. Needs stride 1 and a single
    /// group.
    Convolution,
}

impl InputGradient {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Defines [`LayerSpec`]: the layers with tensors of their own or with another input than the layer
/// before, and from the list below the host layers, which have neither.
macro_rules! layers {
    ($($(#[$doc:meta])* $variant:ident($spec:ty),)*) => {
        /// The description of one layer.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
        #[non_exhaustive]
        pub enum LayerSpec {
            /// Convolution with square filters and a bias.
            Conv {
                /// The layer's name.
                name: String,
                /// Number of filters.
                channels_out: usize,
                /// Height and width of a filter.
                kernel: usize,
                /// Distance between filter positions.
                #[serde(default = "one")]
                stride: usize,
                /// Zeros added on each side of the input.
                #[serde(default)]
                padding: usize,
                /// Groups of channels; each group of filters reads only its own input channels.
                #[serde(default = "one")]
                groups: usize,
                /// The GEMM of the input gradient.
                #[serde(default, skip_serializing_if = "InputGradient::is_default")]
                input_gradient: InputGradient,
                /// Multipliers of the solver's constants.
                #[serde(default, skip_serializing_if = "Multipliers::is_one")]
                multipliers: Multipliers,
            },
            /// Inner product over all inputs (fully connected layer), with a bias.
            InnerProduct {
                /// The layer's name.
                name: String,
                /// Number of outputs.
                outputs: usize,
                /// Multipliers of the solver's constants.
                #[serde(default, skip_serializing_if = "Multipliers::is_one")]
                multipliers: Multipliers,
            },
            /// Normalization of each channel over the batch.
            BatchNorm(layer::batch_norm::BatchNormSpec),
            /// Sum with the output of an earlier layer.
            Add(layer::add::AddSpec),
            /// The output of an earlier layer once more, for a second branch.
            Branch(layer::add::BranchSpec),
            $($(#[$doc])* $variant($spec),)*
        }

        impl LayerSpec {
            /// The layer's name.
            pub fn name(&self) -> &str {
                match self {
                    Self::Conv { name, .. } | Self::InnerProduct { name, .. } => name,
                    Self::BatchNorm(layer) => &layer.name,
                    Self::Add(layer) => &layer.name,
                    Self::Branch(layer) => &layer.name,
                    $(Self::$variant(layer) => layer.name(),)*
                }
            }

            /// Shape of the output of a host layer; `None` for any other layer.
            pub(crate) fn host_output(&self, input: Shape) -> Option<Result<Shape, Misfit>> {
                match self {
                    Self::Conv { .. }
                    | Self::InnerProduct { .. }
                    | Self::BatchNorm(_)
                    | Self::Add(_)
                    | Self::Branch(_) => None,
                    $(Self::$variant(layer) => Some(layer.output(input)),)*
                }
            }

            /// Builds a host layer; `None` for any other layer.
            pub(crate) fn build_host<T: Number>(
                &self,
                context: LayerContext,
            ) -> Option<Box<dyn Layer<T>>> {
                match self {
                    Self::Conv { .. }
                    | Self::InnerProduct { .. }
                    | Self::BatchNorm(_)
                    | Self::Add(_)
                    | Self::Branch(_) => None,
                    $(Self::$variant(layer) => Some(layer.build(context)),)*
                }
            }
        }
    };
}

// In TOML a variant's name is in lower case with dashes.
layers! {
    /// Maximum over square windows.
    MaxPool(layer::max_pool::MaxPoolSpec),
    /// Mean over square windows.
    AvgPool(layer::avg_pool::AvgPoolSpec),
    /// Local response normalization.
    Lrn(layer::lrn::LrnSpec),
    /// Dropout.
    Dropout(layer::dropout::DropoutSpec),
    /// Rectified linear unit, max(x, 0).
    Relu(layer::relu::ReluSpec),
}

fn one() -> usize {
    1
}

impl LayerSpec {
    /// Whether the layer has GEMMs.
    pub fn has_gemms(&self) -> bool {
        matches!(self, Self::Conv { .. } | Self::InnerProduct { .. })
    }

    /// Whether the layer has a weight, a bias, and an output tensor of its own.
    pub fn has_parameters(&self) -> bool {
        self.has_gemms() || matches!(self, Self::BatchNorm(_))
    }

    /// Whether the layer has an output tensor of its own.
    pub fn has_output_tensor(&self) -> bool {
        self.has_parameters() || matches!(self, Self::Add(_))
    }

    /// Name of the earlier layer, other than the one before, that the layer reads.
    pub fn reads(&self) -> Option<&str> {
        match self {
            Self::Add(add) => Some(&add.with),
            Self::Branch(branch) => Some(&branch.from),
            _ => None,
        }
    }

    /// The multipliers of a layer with parameters.
    pub fn multipliers(&self) -> Option<&Multipliers> {
        match self {
            Self::Conv { multipliers, .. } | Self::InnerProduct { multipliers, .. } => {
                Some(multipliers)
            }
            Self::BatchNorm(layer) => Some(&layer.multipliers),
            _ => None,
        }
    }
}

/// The description of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSpec {
    /// The network's name.
    pub name: String,
    /// Shape of one image.
    pub input: Shape,
    /// The layers, first to last; the output of the last one is the class scores.
    pub layers: Vec<LayerSpec>,
}

impl NetSpec {
    /// Sets the multipliers of every layer with parameters.
    pub(crate) fn set_multipliers(&mut self, value: Multipliers) {
        for layer in &mut self.layers {
            if let LayerSpec::Conv { multipliers, .. }
            | LayerSpec::InnerProduct { multipliers, .. } = layer
            {
                *multipliers = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_being_written_and_read() {
        let text = serde_json::to_string(&NetSpec::lenet()).unwrap();
        assert_eq!(serde_json::from_str::<NetSpec>(&text).unwrap(), NetSpec::lenet());
        let short = r#"{"type":"conv","name":"c","channels_out":3,"kernel":5}"#;
        let LayerSpec::Conv { stride, padding, .. } = serde_json::from_str(short).unwrap() else {
            panic!("a conv layer");
        };
        assert_eq!((stride, padding), (1, 0));
    }
}
