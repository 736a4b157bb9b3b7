//! Labelled images, and batches of them as a network takes them.

use flexmac_fileio::hex;
use flexmac_nn::Shape;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::augmentation::{Look, View};
use crate::error::DatasetError;
use crate::image_list::ImageList;

/// Largest pixel value; pixels enter a network divided by it.
const WHITE: f64 = 255.0;

/// Labelled images of one shape; pixels 0..=255, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Shape of an image as a network takes it.
    shape: Shape,
    labels: Vec<u8>,
    images: Images,
}

#[derive(Debug, Clone, PartialEq)]
enum Images {
    /// Images of the split's shape, one after the other.
    Whole(Vec<u8>),
    /// Pictures that are larger and cut to the split's shape.
    Viewed { view: View, sha256: String, store: Store },
}

/// Where pictures are between batches; where makes no difference to what they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Store {
    /// In memory, one after the other.
    Memory(Vec<u8>),
    /// In their files: each is decoded when a batch wants it.
    Files(ImageList),
}

impl Split {
    /// Images and their labels.
    ///
    /// # Panics
    /// When there are not as many images as labels.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        assert_eq!(pixels.len(), shape.len() * labels.len(), "one label per image");
        Self { shape, labels, images: Images::Whole(pixels) }
    }

    /// Pictures that `view` cuts images from.
    pub(crate) fn viewed(view: View, labels: Vec<u8>, sha256: String, store: Store) -> Self {
        Self { shape: view.input, labels, images: Images::Viewed { view, sha256, store } }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// SHA-256 in hexadecimal, of what a run's numbers follow from: shape, pixels and labels, or
    /// for listed pictures the size they are scaled to, their files and their labels.
    pub fn sha256(&self) -> String {
        match &self.images {
            Images::Whole(pixels) => {
                let mut digest = Sha256::new_with_prefix(self.shape.to_string());
                digest.update(pixels);
                digest.update(&self.labels);
                hex(&digest.finalize())
            }
            Images::Viewed { sha256, .. } => sha256.clone(),
        }
    }

    /// Shape of one image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Label of one image.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// The largest label there is.
    pub fn largest_label(&self) -> u8 {
        self.labels.iter().copied().max().unwrap_or(0)
    }

    /// What is subtracted from every pixel of listed pictures, by channel.
    pub fn mean(&self) -> Option<&[f64]> {
        match &self.images {
            Images::Whole(_) => None,
            Images::Viewed { view, .. } => Some(&view.mean),
        }
    }

    /// Whether every picture is decoded anew for every batch it is in.
    pub fn is_decoded_per_batch(&self) -> bool {
        matches!(&self.images, Images::Viewed { store: Store::Files(_), .. })
    }

    /// The images numbered, one after the other, as a network takes them: pixels less their
    /// channel's mean, divided by 255. `look` says how listed pictures are cut.
    ///
    /// # Errors
    /// [`DatasetError::Line`] for a picture that had to be read again and was no longer what it was.
    ///
    /// # Panics
    /// When there is no image of a number.
    pub fn batch(&self, numbers: &[usize], look: Look) -> Result<Vec<f64>, DatasetError> {
        let len = self.shape.len();
        let mut batch = vec![0.0; numbers.len() * len];
        let parts = batch.par_chunks_mut(len).zip(numbers);
        let outcomes: Vec<Result<(), DatasetError>> = parts
            .map(|(out, number)| match &self.images {
                Images::Whole(pixels) => {
                    let pixels = &pixels[number * len..(number + 1) * len];
                    out.iter_mut().zip(pixels).for_each(|(o, p)| *o = f64::from(*p) / WHITE);
                    Ok(())
                }
                Images::Viewed { view, store, .. } => {
                    let read;
                    let picture = match store {
                        Store::Memory(pixels) => {
                            let len = view.stored.len();
                            &pixels[number * len..(number + 1) * len]
                        }
                        Store::Files(list) => {
                            read = list.picture(*number, view.stored)?;
                            &read[..]
                        }
                    };
                    view.cut(picture, &view.window(look, *number), WHITE, out);
                    Ok(())
                }
            })
            .collect();
        // The first in the batch's order, whatever the threads did.
        outcomes.into_iter().collect::<Result<(), _>>()?;
        Ok(batch)
    }
}
