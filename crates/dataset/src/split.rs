//! A set of labelled images, and batches of them in the form a network takes.

use flexmac_fileio::hex;
use flexmac_nn::Shape;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::augmentation::{Augmentation, BatchMode, Crop};
use crate::error::DatasetError;
use crate::image_list::ImageList;

/// Largest pixel value; pixels are divided by it before they enter a network.
const WHITE: f64 = 255.0;

/// Labelled images of one shape. Pixels are bytes in the order of [`Shape`].
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Shape of an input image.
    shape: Shape,
    labels: Vec<u8>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    /// Images of the split's shape, one after the other.
    Fixed(Vec<u8>),
    /// Larger pictures that are cropped to the split's shape.
    Augmented { augmentation: Augmentation, sha256: String, store: Store },
}

/// Where pictures are stored between batches. Both give the same images.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Store {
    /// In memory, one after the other.
    Memory(Vec<u8>),
    /// In their files; each batch decodes its own.
    Files(ImageList),
}

impl Split {
    /// Images and their labels; `pixels` holds one image after the other.
    ///
    /// # Panics
    /// If `pixels` does not hold one image of `shape` per label.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), shape.len() * labels.len(), "one label per image");
        Self { shape, labels, content: Content::Fixed(pixels) }
    }

    /// Pictures that become images by augmentation.
    pub(crate) fn augmented(
        augmentation: Augmentation,
        labels: Vec<u8>,
        sha256: String,
        store: Store,
    ) -> Self {
        Self {
            shape: augmentation.input,
            labels,
            content: Content::Augmented { augmentation, sha256, store },
        }
    }

    /// The same images, which training crops at random from images with `border` black pixels on each
    /// side, and mirrors half of, if `mirror`. Evaluation takes them as they are.
    ///
    /// # Panics
    /// If the split's pictures are cropped already.
    pub(crate) fn moved(self, border: usize, mirror: bool) -> Self {
        let sha256 = self.sha256();
        let (stored, mean) = (self.shape, vec![0.0; self.shape.channels]);
        let Content::Fixed(pixels) = self.content else {
            panic!("the pictures of image lists are cropped already");
        };
        let augmentation =
            Augmentation { stored, input: stored, crop: Crop::Random, mirror, mean, border };
        Self::augmented(augmentation, self.labels, sha256, Store::Memory(pixels))
    }

    /// Divides the split: all images but the last `count`, and these.
    ///
    /// # Panics
    /// If there are fewer images.
    pub(crate) fn split_off(mut self, count: usize) -> (Self, Self) {
        let first = self.labels.len().checked_sub(count).expect("at most all images");
        let labels = self.labels.split_off(first);
        let tail = |pixels: &mut Vec<u8>, image: Shape| pixels.split_off(first * image.len());
        let content = match &mut self.content {
            Content::Fixed(pixels) => Content::Fixed(tail(pixels, self.shape)),
            Content::Augmented { augmentation, sha256, store } => {
                let store = match store {
                    Store::Memory(pixels) => Store::Memory(tail(pixels, augmentation.stored)),
                    Store::Files(list) => Store::Files(list.split_off(first)),
                };
                let part = |name: &str| {
                    let digest = Sha256::new_with_prefix(format!("{name} {first} of {sha256}"));
                    hex(&digest.finalize())
                };
                let (head, tail) = (part("images before"), part("images from"));
                *sha256 = head;
                Content::Augmented { augmentation: augmentation.clone(), sha256: tail, store }
            }
        };
        let last = Self { shape: self.shape, labels, content };
        (self, last)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether the split has no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// SHA-256, in hexadecimal, of everything in the split that affects training: shape, pixels and
    /// labels; for image lists the stored shape, the picture files and the labels.
    pub fn sha256(&self) -> String {
        match &self.content {
            Content::Fixed(pixels) => {
                let mut digest = Sha256::new_with_prefix(self.shape.to_string());
                digest.update(pixels);
                digest.update(&self.labels);
                hex(&digest.finalize())
            }
            Content::Augmented { sha256, .. } => sha256.clone(),
        }
    }

    /// Shape of one image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Label of image `index`.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// The largest label, 0 for an empty split.
    pub fn largest_label(&self) -> u8 {
        self.labels.iter().copied().max().unwrap_or(0)
    }

    /// For image lists, the mean that is subtracted, one number per channel (0 to 255).
    pub fn mean(&self) -> Option<&[f64]> {
        match &self.content {
            Content::Fixed(_) => None,
            Content::Augmented { augmentation, .. } => Some(&augmentation.mean),
        }
    }

    /// Whether each batch decodes its pictures from their files.
    pub fn is_decoded_per_batch(&self) -> bool {
        matches!(&self.content, Content::Augmented { store: Store::Files(_), .. })
    }

    /// The images with these numbers, in this order: `(pixel - channel mean) / 255`. `mode` selects
    /// the crops of image lists' pictures.
    ///
    /// # Shapes
    /// `numbers.len()` images of [`Split::shape`], one after the other.
    ///
    /// # Errors
    /// [`DatasetError::Line`] for a picture that can no longer be read from its file.
    ///
    /// # Panics
    /// If a number is not below [`Split::len`].
    pub fn batch(&self, numbers: &[usize], mode: BatchMode) -> Result<Vec<f64>, DatasetError> {
        let len = self.shape.len();
        let mut batch = vec![0.0; numbers.len() * len];
        let parts = batch.par_chunks_mut(len).zip(numbers);
        let outcomes: Vec<Result<(), DatasetError>> = parts
            .map(|(out, number)| match &self.content {
                Content::Fixed(pixels) => {
                    let pixels = &pixels[number * len..(number + 1) * len];
                    out.iter_mut().zip(pixels).for_each(|(o, p)| *o = f64::from(*p) / WHITE);
                    Ok(())
                }
                Content::Augmented { augmentation, store, .. } => {
                    let read;
                    let picture = match store {
                        Store::Memory(pixels) => {
                            let len = augmentation.stored.len();
                            &pixels[number * len..(number + 1) * len]
                        }
                        Store::Files(list) => {
                            read = list.picture(*number, augmentation.stored)?;
                            &read[..]
                        }
                    };
                    augmentation.crop(picture, &augmentation.window(mode, *number), WHITE, out);
                    Ok(())
                }
            })
            .collect();
        // Reports the first failure in the batch's order, independent of threads.
        outcomes.into_iter().collect::<Result<(), _>>()?;
        Ok(batch)
    }
}
