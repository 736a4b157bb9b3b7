//! Data sets of two image lists: read once, kept in memory or left in their files.
//!
//! At the start every picture is read: for the digest that a resumed run is held to, for the mean, and
//! to find what is no picture before training rather than in the middle of it. Pictures are kept as
//! bytes, scaled, while they all fit into the memory allowed; else none is, and each batch decodes its
//! own on all cores. A mixture would have been possible, but a run whose iterations take either time
//! at random is harder to understand, and no faster where it matters.

use std::path::PathBuf;

use flexmac_fileio::hex;
use flexmac_nn::Shape;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::augmentation::{Cut, Mean, View};
use crate::error::DatasetError;
use crate::image_list::{ImageList, Inspect, Inspected};
use crate::source::Need;
use crate::split::Store;
use crate::{Dataset, Split};

/// Memory for both splits' pictures, unless told otherwise.
pub const DEFAULT_MEMORY: u64 = 4 << 30;

/// Largest side that pictures are scaled to.
const LARGEST: usize = 4096;

/// How the pictures of image lists become a network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListOptions {
    /// Side that pictures are scaled to before they are cut; `None`: the network's larger side times
    /// 256 / 227, as much larger as Caffe keeps AlexNet's.
    pub resize: Option<usize>,
    /// Where training cuts them.
    pub cut: Cut,
    /// Whether training mirrors half of them.
    pub mirror: bool,
    /// What is subtracted.
    pub mean: Mean,
    /// Bytes that the pictures of both splits may take; those of a split that does not fit stay in
    /// their files. Makes no difference to any number.
    pub memory: u64,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self {
            resize: None,
            cut: Cut::Random,
            mirror: true,
            mean: Mean::Train,
            memory: DEFAULT_MEMORY,
        }
    }
}

impl ListOptions {
    /// The side that pictures are scaled to for a network's input.
    pub fn side(&self, input: Shape) -> usize {
        let larger = input.height.max(input.width);
        self.resize.unwrap_or((larger * 256 + 113) / 227)
    }
}

/// Reads a training and a test list and their pictures for a network.
///
/// # Errors
/// [`DatasetError::Io`] for a list that cannot be read; [`DatasetError::Line`] naming list, line and what is
/// wrong there, the first in the list's order: no label, a label out of range, a picture that is
/// missing or broken; [`DatasetError::File`] for an empty list or a network that is neither grey nor
/// colour; [`DatasetError::Setting`] for pictures smaller than the network's input.
pub fn read_image_lists(
    [train, test]: &[PathBuf; 2],
    need: Need,
    options: &ListOptions,
) -> Result<Dataset, DatasetError> {
    let input = need.shape;
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
    // Both before any picture: a mistake in the second list should not take minutes to be found.
    let train = ImageList::read(train, need.classes)?;
    let test = ImageList::read(test, need.classes)?;

    let mut memory = options.memory;
    let mut fits = |list: &ImageList| {
        // Lists are far shorter than 2^40.
        let needed = list.len() as u64 * stored.len() as u64;
        let fits = needed <= memory;
        memory -= if fits { needed } else { 0 };
        fits
    };
    let (keep_train, keep_test) = (fits(&train), fits(&test));
    let first = Read::new(&train, stored, keep_train, options.mean == Mean::Train)?;
    let mean = match options.mean {
        Mean::Train => first.mean(train.len(), stored),
        Mean::None => vec![0.0; input.channels],
        Mean::Given(mean) => mean[..input.channels].to_vec(),
    };
    let second = Read::new(&test, stored, keep_test, false)?;
    let view = View { stored, input, cut: options.cut, mirror: options.mirror, mean };
    Ok(Dataset { train: first.split(view.clone(), train), test: second.split(view, test) })
}

/// What is kept of a picture besides its pixels.
struct Seen {
    /// Of its file.
    sha256: [u8; 32],
    /// By channel; zeros unless pixels were looked at.
    sums: [u64; 3],
}

/// What reading all pictures of a list came to.
struct Read {
    sha256: String,
    /// By channel, of all pixels of all pictures.
    sums: [u64; 3],
    pixels: Option<Vec<u8>>,
}

impl Read {
    fn new(list: &ImageList, stored: Shape, keep: bool, sum: bool) -> Result<Self, DatasetError> {
        let inspect = if keep || sum { Inspect::Pixels } else { Inspect::Header };
        let look = |number: usize, place: Option<&mut [u8]>| -> Result<Seen, DatasetError> {
            let Inspected { sha256, pixels } = list.inspect(number, stored, inspect)?;
            let pixels = pixels.unwrap_or_default();
            if let Some(place) = place {
                place.copy_from_slice(&pixels);
            }
            Ok(Seen { sha256, sums: sums(&pixels, stored.channels) })
        };
        let mut all = vec![0; if keep { list.len() * stored.len() } else { 0 }];
        let outcomes: Vec<Result<Seen, DatasetError>> = if keep {
            let places = all.par_chunks_mut(stored.len()).enumerate();
            places.map(|(number, place)| look(number, Some(place))).collect()
        } else {
            (0..list.len()).into_par_iter().map(|number| look(number, None)).collect()
        };
        let mut digest = Sha256::new_with_prefix(stored.to_string());
        let mut total = [0; 3];
        // The first in the list's order that fails, whatever the threads did.
        for outcome in outcomes {
            let Seen { sha256, sums } = outcome?;
            digest.update(sha256);
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        digest.update(list.labels());
        Ok(Self { sha256: hex(&digest.finalize()), sums: total, pixels: keep.then_some(all) })
    }

    fn mean(&self, pictures: usize, stored: Shape) -> Vec<f64> {
        // Sums of bytes stay below 2^53 for 10^13 pixels, so this is rounded once.
        let pixels = (pictures * stored.height * stored.width) as f64;
        self.sums[..stored.channels].iter().map(|sum| *sum as f64 / pixels).collect()
    }

    fn split(self, view: View, list: ImageList) -> Split {
        let labels = list.labels();
        let store = self.pixels.map_or_else(|| Store::Files(list), Store::Memory);
        Split::viewed(view, labels, self.sha256, store)
    }
}

/// Sums of each channel.
fn sums(pixels: &[u8], channels: usize) -> [u64; 3] {
    let mut sums = [0; 3];
    for pixel in pixels.chunks(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(*value));
    }
    sums
}
