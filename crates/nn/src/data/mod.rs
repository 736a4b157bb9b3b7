//! Image sets: where they are, how they are read, in which order they are trained on.

mod idx;
mod image_list;
mod order;
mod source;
mod synthetic;

pub use idx::{Images, Labels, read_images, read_labels};
pub use image_list::read_image_list;
pub use order::Order;
pub use source::{Checksum, DataSource, FILES, MNIST_SHA256, Need, Status, data_folder};
pub use synthetic::synthetic;

use sha2::{Digest, Sha256};

use crate::error::NnError;
use crate::journal::hex;
use crate::spec::Shape;

/// Labelled images of one shape; pixels 0..=255, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Split {
    /// Images and their labels.
    ///
    /// # Panics
    /// When there are not as many images as labels.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), shape.len() * labels.len(), "one label per image");
        Self { shape, pixels, labels }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// SHA-256 of shape, pixels and labels, in hexadecimal: what a run's numbers follow from.
    pub fn sha256(&self) -> String {
        let mut digest = Sha256::new_with_prefix(self.shape.to_string());
        digest.update(&self.pixels);
        digest.update(&self.labels);
        hex(&digest.finalize())
    }

    /// Shape of one image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Pixels of one image.
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.shape.len();
        &self.pixels[index * len..(index + 1) * len]
    }

    /// Label of one image.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }
}

/// A training and a test split of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            if split.shape != plan.input() {
                let expected = format!("images of {}", plan.input());
                return misfit("input", expected, format!("{name} of {}", split.shape));
            }
            let largest = usize::from(split.labels.iter().copied().max().unwrap_or(0));
            if largest >= plan.classes() {
                let expected = format!("at least {} outputs for the labels", largest + 1);
                return misfit("output", expected, plan.classes().to_string());
            }
        }
        Ok(())
    }
}
