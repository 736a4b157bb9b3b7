//! Networks as data: a list of layers over an input shape.
//!
//! Every network is a [`NetSpec`], shipped ones too (`net_file.rs`); nothing in the code knows LeNet.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Maximum over square windows; the last window may hang over the edge (Caffe's rule).
    MaxPool {
        /// The layer's name.
        name: String,
        /// Rows and columns of a window.
        kernel: usize,
        /// Step of the window.
        stride: usize,
        /// How far the first window begins before the image.
        #[serde(default)]
        padding: usize,
    },
    /// Mean over square windows, which lie as for the maximum; padding counts as zeros.
    AvgPool {
        /// The layer's name.
        name: String,
        /// Rows and columns of a window.
        kernel: usize,
        /// Step of the window.
        stride: usize,
        /// How far the first window begins before the image.
        #[serde(default)]
        padding: usize,
    },
    /// Local response normalization across channels: x (k + alpha / size * sum of x^2)^-beta.
    Lrn {
        /// The layer's name.
        name: String,
        /// Channels in the sum, odd.
        #[serde(default = "lrn_size")]
        size: usize,
        /// Factor of the mean square.
        #[serde(default = "lrn_alpha")]
        alpha: f64,
        /// Exponent.
        #[serde(default = "lrn_beta")]
        beta: f64,
        /// What the sum is added to.
        #[serde(default = "lrn_k")]
        k: f64,
    },
    /// In training drops inputs at random and scales up the others.
    Dropout {
        /// The layer's name.
        name: String,
        /// Probability of being dropped.
        ratio: f64,
    },
    /// max(x, 0).
    Relu {
        /// The layer's name.
        name: String,
    },
    /// Inner product over all inputs, with a bias.
    InnerProduct {
        /// The layer's name.
        name: String,
        /// Features out.
        outputs: usize,
    },
}

fn one() -> usize {
    1
}

// AlexNet's, as Caffe trains it.
fn lrn_size() -> usize {
    5
}

fn lrn_alpha() -> f64 {
    1e-4
}

fn lrn_beta() -> f64 {
    0.75
}

fn lrn_k() -> f64 {
    1.0
}

impl LayerSpec {
    /// The layer's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Conv { name, .. }
            | Self::MaxPool { name, .. }
            | Self::AvgPool { name, .. }
            | Self::Relu { name }
            | Self::Lrn { name, .. }
            | Self::Dropout { name, .. }
            | Self::InnerProduct { name, .. } => name,
        }
    }

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
