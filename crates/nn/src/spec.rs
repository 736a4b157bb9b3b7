//! Networks as data: a list of layers over an input shape.
//!
//! Every network is a [`NetSpec`], shipped ones too (`net_file.rs`); nothing in the code knows LeNet.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::element::Number;
use crate::layer::{self, HostLayer, Layer, Misfit, Place};

/// Shape of one image or of one layer's output. Elements lie row by row, then column by column,
/// then channel by channel (NHWC with the batch in front).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels (features, for an inner product).
    pub channels: usize,
}

impl Shape {
    /// Elements in all.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// The layers there are: those with products, and from the list below those that multiply nothing.
macro_rules! layers {
    ($($(#[$doc:meta])* $variant:ident($spec:ty),)*) => {
        /// One layer.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
        #[non_exhaustive]
        pub enum LayerSpec {
            /// Convolution with square filters and a bias.
            Conv {
                /// The layer's name.
                name: String,
                /// Filters.
                channels_out: usize,
                /// Rows and columns of a filter.
                kernel: usize,
                /// Step of the filter.
                #[serde(default = "one")]
                stride: usize,
                /// Zeros added on each side.
                #[serde(default)]
                padding: usize,
                /// Parts into which the channels are cut; each part of the filters sees its own.
                #[serde(default = "one")]
                groups: usize,
            },
            /// Inner product over all inputs, with a bias.
            InnerProduct {
                /// The layer's name.
                name: String,
                /// Features out.
                outputs: usize,
            },
            $($(#[$doc])* $variant($spec),)*
        }

        impl LayerSpec {
            /// The layer's name.
            pub fn name(&self) -> &str {
                match self {
                    Self::Conv { name, .. } | Self::InnerProduct { name, .. } => name,
                    $(Self::$variant(layer) => layer.name(),)*
                }
            }

            /// Shape of the output, of a layer that multiplies nothing.
            pub(crate) fn host_output(&self, input: Shape) -> Option<Result<Shape, Misfit>> {
                match self {
                    Self::Conv { .. } | Self::InnerProduct { .. } => None,
                    $(Self::$variant(layer) => Some(layer.output(input)),)*
                }
            }

            /// The layer at its place, if it multiplies nothing.
            pub(crate) fn build_host<T: Number>(&self, place: Place) -> Option<Box<dyn Layer<T>>> {
                match self {
                    Self::Conv { .. } | Self::InnerProduct { .. } => None,
                    $(Self::$variant(layer) => Some(layer.build(place)),)*
                }
            }
        }
    };
}

// In a file, a variant's name is written in lower case with dashes.
layers! {
    /// Maximum over square windows.
    MaxPool(layer::max_pool::MaxPoolSpec),
    /// Mean over square windows.
    AvgPool(layer::avg_pool::AvgPoolSpec),
    /// Local response normalization.
    Lrn(layer::lrn::LrnSpec),
    /// Dropout.
    Dropout(layer::dropout::DropoutSpec),
    /// max(x, 0).
    Relu(layer::relu::ReluSpec),
}

fn one() -> usize {
    1
}

impl LayerSpec {
    /// Whether the layer multiplies: it has a weight, a bias, and an output with its own format.
    pub fn has_parameters(&self) -> bool {
        matches!(self, Self::Conv { .. } | Self::InnerProduct { .. })
    }
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSpec {
    /// The network's name.
    pub name: String,
    /// Shape of one image.
    pub input: Shape,
    /// The layers, first to last; the last output is the class scores.
    pub layers: Vec<LayerSpec>,
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
