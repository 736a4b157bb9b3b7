//! Image sets: where they are, how they are read, in which order they are trained on.

mod idx;
mod image_list;
mod listed;
mod order;
mod source;
mod split;
mod synthetic;
mod view;

pub use idx::{Images, Labels, read_images, read_labels};
pub use listed::{DEFAULT_MEMORY, ListOptions, read_image_lists};
pub use order::Order;
pub use source::{Checksum, DataSource, FILES, MNIST_SHA256, Need, Status, data_folder};
pub use split::Split;
pub use synthetic::synthetic;
pub use view::{Cut, Look, Mean};

use crate::error::NnError;

/// A training and a test split of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What to train on.
    pub train: Split,
    /// What to measure accuracy on.
    pub test: Split,
}

impl Dataset {
    /// Checks that images and labels fit a network.
    ///
    /// # Errors
    /// [`NnError::Layer`] naming the network's input or output, [`NnError::Setting`] for an empty
    /// split.
    pub fn check(&self, plan: &crate::plan::NetPlan) -> Result<(), NnError> {
        let misfit = |layer: &str, expected: String, found: String| {
            Err(NnError::Layer {
                network: plan.name().to_owned(),
                layer: layer.to_owned(),
                expected,
                found,
            })
        };
        for (name, split) in [("training images", &self.train), ("test images", &self.test)] {
            if split.is_empty() {
                let (expected, found) = ("of at least 1".to_owned(), "0".to_owned());
                return Err(NnError::Setting { name, expected, found });
            }
            if split.shape() != plan.input() {
                let expected = format!("images of {}", plan.input());
                return misfit("input", expected, format!("{name} of {}", split.shape()));
            }
            let largest = usize::from(split.largest_label());
            if largest >= plan.classes() {
                let expected = format!("at least {} outputs for the labels", largest + 1);
                return misfit("output", expected, plan.classes().to_string());
            }
        }
        Ok(())
    }
}
