//! The order in which an inner product takes the values of a picture.
//!
//! An inner product behind a convolution has one column for each value of its input. Here these are
//! ordered by row, column, channel, as the values lie in memory. PyTorch and Caffe keep the channels
//! outermost. Both give a matrix of the same shape, so a file does not tell which it holds.

use std::fmt;
use std::str::FromStr;

use flexmac_nn::{LayerSpec, NetPlan, Shape};
use serde::{Deserialize, Serialize};

use super::WeightTensor;

/// Which order the columns of such a matrix have in a weights file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlattenOrder {
    /// Row, column, channel: flexmac's own, and TensorFlow's.
    #[default]
    Hwc,
    /// Channel, row, column: PyTorch's and Caffe's.
    Chw,
}

impl FlattenOrder {
    /// The order in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Hwc => "row, column, channel",
            Self::Chw => "channel, row, column",
        }
    }

    /// The weight tensors of `plan` to which the order makes a difference, with the shape of their
    /// layer's input: more than one channel and more than one position.
    pub fn matters(plan: &NetPlan) -> Vec<(String, Shape)> {
        let flattened = plan.layers().iter().filter(|layer| {
            let Shape { height, width, channels } = layer.input;
            matches!(layer.spec, LayerSpec::InnerProduct { .. })
                && channels > 1
                && height * width > 1
        });
        flattened.map(|layer| (format!("{}.weight", layer.spec.name()), layer.input)).collect()
    }

    /// Brings tensors of a file in this order into flexmac's. A tensor that does not fit its layer
    /// stays as it is.
    pub fn import(self, plan: &NetPlan, tensors: &mut [WeightTensor]) {
        self.reorder(plan, tensors, |row, places| places.iter().map(|place| row[*place]).collect());
    }

    /// Brings tensors in flexmac's order into this one: the inverse of [`FlattenOrder::import`].
    pub fn export(self, plan: &NetPlan, tensors: &mut [WeightTensor]) {
        self.reorder(plan, tensors, |row, places| {
            let mut exported = vec![0.0; row.len()];
            for (value, place) in row.iter().zip(places) {
                exported[*place] = *value;
            }
            exported
        });
    }

    /// Rearranges the rows of every tensor to which the order matters; `rearrange` gets a row, and
    /// for each column in flexmac's order its place in this one.
    fn reorder(
        self,
        plan: &NetPlan,
        tensors: &mut [WeightTensor],
        rearrange: impl Fn(&[f64], &[usize]) -> Vec<f64>,
    ) {
        if self == Self::Hwc {
            return;
        }
        for (name, input) in Self::matters(plan) {
            let fits = |tensor: &&mut WeightTensor| {
                tensor.name == name
                    && matches!(tensor.shape[..], [_, columns] if columns == input.len())
            };
            let Some(tensor) = tensors.iter_mut().find(fits) else { continue };
            let positions = input.height * input.width;
            let place = |column| column % input.channels * positions + column / input.channels;
            let places: Vec<usize> = (0..input.len()).map(place).collect();
            let rows = tensor.values.chunks(input.len());
            tensor.values = rows.flat_map(|row| rearrange(row, &places)).collect();
        }
    }
}

impl fmt::Display for FlattenOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hwc => "hwc",
            Self::Chw => "chw",
        })
    }
}

impl FromStr for FlattenOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hwc" => Ok(Self::Hwc),
            "chw" => Ok(Self::Chw),
            _ => {
                Err("expected hwc (row, column, channel) or chw (channel, row, column)".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flexmac_nn::NetSpec;

    use super::*;

    /// A convolution with an input of 4 x 5 x 2 and an output of 3 x 4 x 3, `more`, and two inner
    /// products.
    fn plan(more: &str) -> NetPlan {
        let text = format!(
            "name = 'n'\ninput = {{ height = 4, width = 5, channels = 2 }}\nlayers = [\
             {{ type = 'conv', name = 'c', channels_out = 3, kernel = 2 }}, {more} \
             {{ type = 'inner-product', name = 'i', outputs = 2 }}, \
             {{ type = 'inner-product', name = 'j', outputs = 2 }}]"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.toml");
        std::fs::write(&path, text).unwrap();
        NetPlan::new(&NetSpec::load(path.to_str().unwrap()).unwrap(), 1).unwrap()
    }

    fn tensors(plan: &NetPlan) -> Vec<WeightTensor> {
        let tensor = |(name, shape): (String, Vec<usize>)| {
            // Far fewer than 2^53.
            let values = (0..shape.iter().product()).map(|n: usize| n as f64).collect();
            WeightTensor { name, shape, values, format: None }
        };
        plan.parameter_shapes().into_iter().map(tensor).collect()
    }

    #[test]
    fn only_columns_behind_several_channels_and_positions_are_permuted() {
        let plan = plan("");
        assert_eq!(
            FlattenOrder::matters(&plan),
            [("i.weight".to_owned(), Shape { height: 3, width: 4, channels: 3 })]
        );
        let own = tensors(&plan);
        let mut exported = own.clone();
        FlattenOrder::Chw.export(&plan, &mut exported);
        for (own, exported) in own.iter().zip(&exported) {
            if own.name != "i.weight" {
                assert_eq!(own, exported);
                continue;
            }
            let (mut at, mut expected) = (0, vec![]);
            for output in 0..2 {
                for channel in 0..3 {
                    for row in 0..3 {
                        for column in 0..4 {
                            let place = ((output * 3 + row) * 4 + column) * 3 + channel;
                            expected.push(own.values[place]);
                            at += 1;
                        }
                    }
                }
            }
            assert_eq!((at, &expected), (own.values.len(), &exported.values));
        }
        FlattenOrder::Chw.import(&plan, &mut exported);
        assert_eq!(exported, own);
        FlattenOrder::Hwc.export(&plan, &mut exported);
        FlattenOrder::Hwc.import(&plan, &mut exported);
        assert_eq!(exported, own);
    }

    #[test]
    fn one_channel_or_a_tensor_that_does_not_fit_changes_nothing() {
        let flat = plan("{ type = 'conv', name = 'd', channels_out = 1, kernel = 2 },");
        assert_eq!(FlattenOrder::matters(&flat), []);
        let plan = plan("");
        let mut tensors = tensors(&plan);
        let tensor = tensors.iter_mut().find(|tensor| tensor.name == "i.weight").unwrap();
        tensor.shape = vec![72];
        let before = tensors.clone();
        FlattenOrder::Chw.import(&plan, &mut tensors);
        assert_eq!(tensors, before);
    }
}
