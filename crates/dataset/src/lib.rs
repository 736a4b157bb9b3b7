//! Image data sets: where they are, how they are read, how pictures become images, and the order of training.
//!
//! ```
//! let data = flexmac_dataset::synthetic(1, 40, 10);
//! assert_eq!((data.train.len(), data.test.len()), (40, 10));
//! ```

mod augmentation;
mod error;
mod idx;
mod image_list;
mod listed_split;
mod order;
mod source;
mod split;
mod synthetic;

pub use augmentation::{Cut, Look, Mean};
pub use error::DatasetError;
pub use idx::{Images, Labels, read_images, read_labels};
pub use listed_split::{DEFAULT_MEMORY, ListOptions, read_image_lists};
pub use order::Order;
pub use source::{Checksum, DataSource, FILES, MNIST_SHA256, Need, Status, data_folder};
pub use split::Split;
pub use synthetic::synthetic;

/// A training and a test split of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What to train on.
    pub train: Split,
    /// What to measure accuracy on.
    pub test: Split,
}
