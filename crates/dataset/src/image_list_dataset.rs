//! Builds a data set from two image lists, training and test.
//!
//! Every picture is read once at the start. This gives the digest that a resumed run is checked
//! against and the mean, and finds broken pictures before training begins. If all pictures of a
//! list fit into the allowed memory, they stay there as scaled bytes. Otherwise none of them does,
//! and each batch decodes its own pictures on all cores. Keeping only some in memory would make the
//! time of an iteration random without making long runs faster.

use std::path::PathBuf;

use flexmac_fileio::hex;
use flexmac_nn::Shape;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::augmentation::{Augmentation, Crop, Mean};
use crate::error::DatasetError;
use crate::image_list::{ImageList, Inspect, Inspected};
use crate::source::InputSpec;
use crate::split::Store;
use crate::{Dataset, Split};

/// Default memory for the pictures of both splits, in bytes.
pub const DEFAULT_MEMORY: u64 = 4 << 30;

/// Largest side that pictures can be scaled to, in pixels.
const LARGEST: usize = 4096;

/// How the pictures of image lists become a network's input. The defaults are Caffe's for AlexNet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListOptions {
    /// Height and width of a stored picture, in pixels. `None`: the larger side of the network's
    /// input times 256 / 227, Caffe's ratio for AlexNet.
    pub resize: Option<usize>,
    /// Where training crops pictures.
    pub crop: Crop,
    /// Whether training mirrors half of the images.
    pub mirror: bool,
    /// The mean to subtract.
    pub mean: Mean,
    /// Memory for the pictures of both splits, in bytes. A split that does not fit is decoded from
    /// its files batch by batch. Results do not depend on it.
    pub memory: u64,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self {
            resize: None,
            crop: Crop::Random,
            mirror: true,
            mean: Mean::Train,
            memory: DEFAULT_MEMORY,
        }
    }
}

impl ListOptions {
    /// Height and width of a stored picture, in pixels, for a network's `input`.
    pub fn side(&self, input: Shape) -> usize {
        let larger = input.height.max(input.width);
        self.resize.unwrap_or((larger * 256 + 113) / 227)
    }
}

/// Reads a training list and a test list, and their pictures, for a network.
///
/// # Errors
/// - [`DatasetError::Io`]: a list cannot be read.
/// - [`DatasetError::Line`]: the first line in the list's order without a label, with a label out
///   of range, or with a picture that is missing or broken.
/// - [`DatasetError::File`]: a list is empty, or the network has neither 1 nor 3 input channels.
/// - [`DatasetError::Setting`]: stored pictures would be smaller than the network's input or larger
///   than 4096 pixels a side.
pub fn read_image_lists(
    [train, test]: &[PathBuf; 2],
    spec: InputSpec,
    options: &ListOptions,
) -> Result<Dataset, DatasetError> {
    let input = spec.shape;
    if !matches!(input.channels, 1 | 3) {
        return Err(DatasetError::File {
            path: train.clone(),
            expected: "a network of 1 channel (grey) or 3 (colour)".to_owned(),
            found: input.to_string(),
        });
    }
    let side = options.side(input);
    let smallest = input.height.max(input.width);
    if !(smallest..=LARGEST).contains(&side) {
        return Err(DatasetError::Setting {
            name: "resize",
            expected: format!("from the network's {smallest} to {LARGEST}"),
            found: side.to_string(),
        });
    }
    let stored = Shape { height: side, width: side, channels: input.channels };
    // Read both lists before any picture, so that a mistake in the second is found at once.
    let train = ImageList::read(train, spec.classes)?;
    let test = ImageList::read(test, spec.classes)?;

    let mut memory = options.memory;
    let mut fits = |list: &ImageList| {
        // No overflow: a list has far fewer than 2^39 lines, a picture at most 3 * 4096^2 bytes.
        let needed = list.len() as u64 * stored.len() as u64;
        let fits = needed <= memory;
        memory -= if fits { needed } else { 0 };
        fits
    };
    let (keep_train, keep_test) = (fits(&train), fits(&test));
    let first = ListContents::new(&train, stored, keep_train, options.mean == Mean::Train)?;
    let mean = match options.mean {
        Mean::Train => first.mean(train.len(), stored),
        Mean::None => vec![0.0; input.channels],
        Mean::Given(mean) => mean[..input.channels].to_vec(),
    };
    let second = ListContents::new(&test, stored, keep_test, false)?;
    let augmentation =
        Augmentation { stored, input, crop: options.crop, mirror: options.mirror, mean, border: 0 };
    Ok(Dataset {
        train: first.split(augmentation.clone(), train),
        test: second.split(augmentation, test),
    })
}

/// What one picture adds to its list's digest and mean.
struct PictureDigest {
    /// SHA-256 of the file.
    sha256: [u8; 32],
    /// Sum of the pixels of each channel; zeros unless pixels were decoded.
    sums: [u64; 3],
}

/// The result of reading all pictures of a list.
struct ListContents {
    /// SHA-256 of the stored shape, the files and the labels, in hexadecimal.
    sha256: String,
    /// Sum over all pictures of each channel's pixels.
    sums: [u64; 3],
    /// All pixels, if they are kept in memory.
    pixels: Option<Vec<u8>>,
}

impl ListContents {
    fn new(list: &ImageList, stored: Shape, keep: bool, sum: bool) -> Result<Self, DatasetError> {
        let inspect = if keep || sum { Inspect::Pixels } else { Inspect::Header };
        let read =
            |number: usize, slot: Option<&mut [u8]>| -> Result<PictureDigest, DatasetError> {
                let Inspected { sha256, pixels } = list.inspect(number, stored, inspect)?;
                let pixels = pixels.unwrap_or_default();
                if let Some(slot) = slot {
                    slot.copy_from_slice(&pixels);
                }
                Ok(PictureDigest { sha256, sums: sums(&pixels, stored.channels) })
            };
        let mut all = vec![0; if keep { list.len() * stored.len() } else { 0 }];
        let outcomes: Vec<Result<PictureDigest, DatasetError>> = if keep {
            let slots = all.par_chunks_mut(stored.len()).enumerate();
            slots.map(|(number, slot)| read(number, Some(slot))).collect()
        } else {
            (0..list.len()).into_par_iter().map(|number| read(number, None)).collect()
        };
        let mut digest = Sha256::new_with_prefix(stored.to_string());
        let mut total = [0; 3];
        // Reports the first failure in the list's order, independent of threads.
        for outcome in outcomes {
            let PictureDigest { sha256, sums } = outcome?;
            digest.update(sha256);
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        digest.update(list.labels());
        Ok(Self { sha256: hex(&digest.finalize()), sums: total, pixels: keep.then_some(all) })
    }

    fn mean(&self, pictures: usize, stored: Shape) -> Vec<f64> {
        // Sums of bytes are exact in a double for up to 10^13 pixels, so only the quotient rounds.
        let pixels = (pictures * stored.height * stored.width) as f64;
        self.sums[..stored.channels].iter().map(|sum| *sum as f64 / pixels).collect()
    }

    fn split(self, augmentation: Augmentation, list: ImageList) -> Split {
        let labels = list.labels();
        let store = self.pixels.map_or_else(|| Store::Files(list), Store::Memory);
        Split::augmented(augmentation, labels, self.sha256, store)
    }
}

/// The sum of each channel's pixels.
fn sums(pixels: &[u8], channels: usize) -> [u64; 3] {
    let mut sums = [0; 3];
    for pixel in pixels.chunks(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(*value));
    }
    sums
}
