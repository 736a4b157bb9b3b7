//! Image data sets: find and read them, crop and mirror pictures, and order them for training.
//!
//! [`DataSource`] names a set and loads it as a [`Dataset`]: two [`Split`]s, training and test. The
//! trainer asks [`SampleOrder`] which images an iteration uses and [`Split::batch`] for their
//! pixels. Given the same files, seed and iteration, a batch is always the same, for any number of
//! threads.
//!
//! ```
//! use flexmac_dataset::{BatchMode, SampleOrder, synthetic};
//!
//! let data = synthetic(1, 40, 10);
//! let mut order = SampleOrder::new(1, data.train.len());
//! let images = order.batch(0, 4);
//! let pixels = data.train.batch(&images, BatchMode::Training { seed: 1, iteration: 0 })?;
//! assert_eq!(pixels.len(), 4 * 28 * 28);
//! # Ok::<(), flexmac_dataset::DatasetError>(())
//! ```

mod augmentation;
mod cifar;
mod error;
mod idx;
mod image_list;
mod image_list_dataset;
mod picture;
mod sample_order;
mod set_folder;
mod source;
mod split;
mod synthetic;
mod unpack;

pub use augmentation::{BatchMode, Crop, Mean};
pub use cifar::{CifarLabels, read_cifar};
pub use error::DatasetError;
pub use idx::{Images, Labels, read_images, read_labels};
pub use image_list_dataset::{DEFAULT_MEMORY, ListOptions, read_image_lists};
pub use picture::decode_picture;
pub use sample_order::SampleOrder;
pub use source::{Checksum, DataSource, FILES, InputSpec, MNIST_SHA256, Status, data_folder};
pub use split::Split;
pub use synthetic::synthetic;

/// A training split and a test split.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Images to train on.
    pub train: Split,
    /// Images to measure accuracy on.
    pub test: Split,
}

impl Dataset {
    /// The set with which settings are chosen: the last `images` training images are those to
    /// measure accuracy on, and no longer among those to train on. The test images are dropped.
    ///
    /// ```
    /// use flexmac_dataset::synthetic;
    ///
    /// let data = synthetic(1, 4000, 1000).hold_out(500).expect("fewer than all");
    /// assert_eq!((data.train.len(), data.test.len()), (3500, 500));
    /// assert!(synthetic(1, 4000, 1000).hold_out(4000).is_none());
    /// ```
    ///
    /// Returns `None` if no image to train on is left.
    pub fn hold_out(self, images: usize) -> Option<Self> {
        let (train, test) = (images < self.train.len()).then(|| self.train.split_off(images))?;
        Some(Self { train, test })
    }

    /// The set whose training images are moved by up to `border` pixels each way, with black pixels
    /// beyond their edges, and half of them mirrored, if `mirror`: other ones in each iteration. This is
    /// what networks for CIFAR are usually trained with (`border` 4). Test images stay as they are.
    ///
    /// # Panics
    /// If the set is of image lists, whose pictures are cropped and mirrored already.
    #[must_use]
    pub fn with_moved_images(self, border: usize, mirror: bool) -> Self {
        Self { train: self.train.moved(border, mirror), ..self }
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
