//! Networks as data: a list of layers over an input shape.
//!
//! Every shipped network is a [`NetSpec`]; nothing else in the crate knows LeNet.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::NnError;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    },
    /// Maximum over square windows; the last window may hang over the edge (Caffe's rule).
    MaxPool {
        /// The layer's name.
        name: String,
        /// Rows and columns of a window.
        kernel: usize,
        /// Step of the window.
        stride: usize,
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

impl LayerSpec {
    /// The layer's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Conv { name, .. }
            | Self::MaxPool { name, .. }
            | Self::Relu { name }
            | Self::InnerProduct { name, .. } => name,
        }
    }

    /// Whether the layer multiplies: it has a weight, a bias, and an output with its own format.
    pub fn has_parameters(&self) -> bool {
        matches!(self, Self::Conv { .. } | Self::InnerProduct { .. })
    }
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSpec {
    /// The network's name.
    pub name: String,
    /// Shape of one image.
    pub input: Shape,
    /// The layers, first to last; the last output is the class scores.
    pub layers: Vec<LayerSpec>,
}

impl NetSpec {
    /// Names of the networks shipped.
    pub const NAMES: [&'static str; 3] = ["lenet", "lenet-small", "mlp"];

    /// A shipped network.
    ///
    /// # Errors
    /// [`NnError::NetworkName`] with the names there are.
    pub fn by_name(name: &str) -> Result<Self, NnError> {
        match name {
            "lenet" => Ok(Self::lenet()),
            "lenet-small" => Ok(Self::lenet_small()),
            "mlp" => Ok(Self::mlp()),
            _ => Err(NnError::NetworkName {
                expected: Self::NAMES.join(", "),
                found: name.to_owned(),
            }),
        }
    }

    /// LeNet as Caffe ships it and as Na and Mukhopadhyay train it: 431,080 parameters.
    pub fn lenet() -> Self {
        Self::convolutional("lenet", [20, 50], 500)
    }

    /// LeNet with few filters, for demonstrations and co-simulated runs: 11,978 parameters.
    pub fn lenet_small() -> Self {
        Self::convolutional("lenet-small", [8, 16], 32)
    }

    /// One hidden layer of 16, for tests: 12,730 parameters.
    pub fn mlp() -> Self {
        Self {
            name: "mlp".to_owned(),
            input: DIGIT,
            layers: vec![inner_product("ip1", 16), relu("relu1"), inner_product("ip2", 10)],
        }
    }

    fn convolutional(name: &str, filters: [usize; 2], hidden: usize) -> Self {
        Self {
            name: name.to_owned(),
            input: DIGIT,
            layers: vec![
                conv("conv1", filters[0]),
                pool("pool1"),
                conv("conv2", filters[1]),
                pool("pool2"),
                inner_product("ip1", hidden),
                relu("relu1"),
                inner_product("ip2", 10),
            ],
        }
    }
}

/// MNIST and Fashion-MNIST.
const DIGIT: Shape = Shape { height: 28, width: 28, channels: 1 };

fn conv(name: &str, channels_out: usize) -> LayerSpec {
    LayerSpec::Conv { name: name.to_owned(), channels_out, kernel: 5, stride: 1, padding: 0 }
}

fn pool(name: &str) -> LayerSpec {
    LayerSpec::MaxPool { name: name.to_owned(), kernel: 2, stride: 2 }
}

fn relu(name: &str) -> LayerSpec {
    LayerSpec::Relu { name: name.to_owned() }
}

fn inner_product(name: &str, outputs: usize) -> LayerSpec {
    LayerSpec::InnerProduct { name: name.to_owned(), outputs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_name_is_found_and_keeps_its_name() {
        for name in NetSpec::NAMES {
            assert_eq!(NetSpec::by_name(name).unwrap().name, name);
        }
        let error = NetSpec::by_name("lenet5").unwrap_err().to_string();
        assert_eq!(error, "network: expected one of lenet, lenet-small, mlp, found \"lenet5\"");
    }

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
