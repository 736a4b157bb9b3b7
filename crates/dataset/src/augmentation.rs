//! Data augmentation: how a stored picture becomes a network's input image.
//!
//! The method of Caffe's data layers (`data_transformer.cpp`). A picture is stored somewhat larger
//! than the network's input. Training crops a window of the input's size at a random position and
//! mirrors half of the windows; evaluation crops the centre. Images that are as large as the input, as
//! those of CIFAR are, get a black border for it. Position and mirroring depend only on
//! the run's seed, the iteration and the picture's number. So any iteration can be repeated on its
//! own, and a resumed run uses the same images as an uninterrupted one.

use std::fmt;
use std::str::FromStr;

use flexmac_nn::{Purpose, Shape, SplitMix};
use serde::{Deserialize, Serialize};

/// Where training crops a picture. Evaluation always crops the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crop {
    /// At a random position.
    Random,
    /// In the centre, as in evaluation.
    Centre,
}

impl FromStr for Crop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "random" => Ok(Self::Random),
            "centre" => Ok(Self::Centre),
            _ => Err("expected random or centre".to_owned()),
        }
    }
}

/// The mean to subtract from pixels, on the scale 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mean {
    /// Each channel's mean over the training pictures.
    Train,
    /// Nothing.
    None,
    /// Given numbers for red, green and blue; grey uses the first.
    Given([f64; 3]),
}

impl FromStr for Mean {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = || -> Option<[f64; 3]> {
            let parse = |part: &str| part.trim().parse::<f64>().ok();
            let numbers: Vec<f64> = text.split(',').map(parse).collect::<Option<_>>()?;
            let numbers: [f64; 3] = match numbers[..] {
                [grey] => [grey; 3],
                _ => numbers.try_into().ok()?,
            };
            numbers.iter().all(|mean| (0.0..=255.0).contains(mean)).then_some(numbers)
        };
        match text {
            "train" => Ok(Self::Train),
            "none" => Ok(Self::None),
            _ => numbers()
                .map(Self::Given)
                .ok_or("expected train, none, or red,green,blue from 0 to 255".to_owned()),
        }
    }
}

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Train => f.write_str("train"),
            Self::None => f.write_str("none"),
            Self::Given([red, green, blue]) => write!(f, "{red},{green},{blue}"),
        }
    }
}

impl TryFrom<String> for Mean {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mean> for String {
    fn from(mean: Mean) -> Self {
        mean.to_string()
    }
}

/// What a batch is for, which decides how its pictures are cropped and mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchMode {
    /// Evaluation: the centre crop, not mirrored.
    Evaluation,
    /// A training iteration: crops and mirroring are drawn from seed and iteration.
    Training {
        /// The run's seed.
        seed: u64,
        /// The iteration.
        iteration: u64,
    },
}

/// How a split turns its stored pictures into input images.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Augmentation {
    /// Shape of a stored picture.
    pub stored: Shape,
    /// Shape of an input image: at most as large, with the same number of channels.
    pub input: Shape,
    pub crop: Crop,
    /// Whether training mirrors half of the images.
    pub mirror: bool,
    /// The number to subtract, one per channel.
    pub mean: Vec<f64>,
    /// Black pixels around a stored picture.
    pub border: usize,
}

/// A crop's upper left corner, in pixels of the picture with its border, and whether it is mirrored left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CropWindow {
    pub top: usize,
    pub left: usize,
    pub mirrored: bool,
}

impl Augmentation {
    /// The crop of picture `number`.
    pub fn window(&self, mode: BatchMode, number: usize) -> CropWindow {
        let down = self.stored.height + 2 * self.border - self.input.height;
        let right = self.stored.width + 2 * self.border - self.input.width;
        let mut window = CropWindow { top: down / 2, left: right / 2, mirrored: false };
        if let BatchMode::Training { seed, iteration } = mode {
            // There are fewer than 2^32 iterations and fewer than 2^32 pictures.
            let stream = iteration << 32 | number as u64;
            let mut random = SplitMix::new(seed, Purpose::Window, stream);
            // Always draw all three numbers, so that one option does not change the others' values.
            let (top, left) = (random.below(down + 1), random.below(right + 1));
            let mirrored = random.below(2) == 1;
            if self.crop == Crop::Random {
                (window.top, window.left) = (top, left);
            }
            window.mirrored = self.mirror && mirrored;
        }
        window
    }

    /// Writes the window's pixels to `out`: `(pixel - channel mean) / white`.
    ///
    /// # Shapes
    /// `picture`: `stored`. `out`: `input`.
    pub fn crop(&self, picture: &[u8], window: &CropWindow, white: f64, out: &mut [f64]) {
        let channels = self.input.channels;
        let row_len = self.input.width * channels;
        let pixel = |out: &mut [f64], picture: &[u8]| {
            for ((out, value), mean) in out.iter_mut().zip(picture).zip(&self.mean) {
                *out = (f64::from(*value) - mean) / white;
            }
        };
        let black = vec![0; channels];
        for (row, out) in out.chunks_mut(row_len).enumerate() {
            let line = self.row(picture, window.top + row);
            let pixels = (window.left..window.left + self.input.width).map(|column| {
                let column = column.checked_sub(self.border);
                let start = column.filter(|column| *column < self.stored.width);
                match (line, start) {
                    (Some(line), Some(column)) => &line[column * channels..][..channels],
                    _ => &black,
                }
            });
            let out = out.chunks_mut(channels);
            if window.mirrored {
                out.zip(pixels.rev()).for_each(|(out, picture)| pixel(out, picture));
            } else {
                out.zip(pixels).for_each(|(out, picture)| pixel(out, picture));
            }
        }
    }

    /// A row of the picture with its border; `None` above and below the picture.
    fn row<'a>(&self, picture: &'a [u8], row: usize) -> Option<&'a [u8]> {
        let row = row.checked_sub(self.border).filter(|row| *row < self.stored.height)?;
        let length = self.stored.width * self.stored.channels;
        Some(&picture[row * length..][..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(crop: Crop, mirror: bool) -> Augmentation {
        let shape = |height, width| Shape { height, width, channels: 2 };
        Augmentation {
            stored: shape(4, 5),
            input: shape(2, 3),
            crop,
            mirror,
            mean: vec![10.0, 0.0],
            border: 0,
        }
    }

    fn windows(augmentation: &Augmentation, seed: u64, iteration: u64) -> Vec<CropWindow> {
        (0..200)
            .map(|number| augmentation.window(BatchMode::Training { seed, iteration }, number))
            .collect()
    }

    #[test]
    fn windows_replay_and_differ_by_seed_iteration_and_picture() {
        let augmentation = setting(Crop::Random, true);
        let first = windows(&augmentation, 1, 7);
        assert_eq!(windows(&augmentation, 1, 7), first);
        assert_ne!(windows(&augmentation, 2, 7), first);
        assert_ne!(windows(&augmentation, 1, 8), first);
        // The order of calls does not matter.
        let last = augmentation.window(BatchMode::Training { seed: 1, iteration: 7 }, 199);
        assert_eq!(last, first[199]);
        // Every position occurs, mirrored and not.
        for top in 0..=2 {
            for left in 0..=2 {
                for mirrored in [false, true] {
                    assert!(first.contains(&CropWindow { top, left, mirrored }), "{top} {left}");
                }
            }
        }
        assert!(first.iter().all(|window| window.top <= 2 && window.left <= 2));
    }

    #[test]
    fn each_option_switches_off_one_step_only() {
        let both = windows(&setting(Crop::Random, true), 1, 0);
        let centre = windows(&setting(Crop::Centre, true), 1, 0);
        let plain = windows(&setting(Crop::Random, false), 1, 0);
        for ((both, centre), plain) in both.iter().zip(&centre).zip(&plain) {
            assert_eq!((centre.top, centre.left, centre.mirrored), (1, 1, both.mirrored));
            assert_eq!((plain.top, plain.left, plain.mirrored), (both.top, both.left, false));
        }
        let test = setting(Crop::Random, true).window(BatchMode::Evaluation, 5);
        assert_eq!(test, CropWindow { top: 1, left: 1, mirrored: false });
    }

    #[test]
    fn a_window_is_cropped_mirrored_and_centred() {
        let augmentation = setting(Crop::Random, true);
        let picture: Vec<u8> = (0..40).collect();
        let mut out = [0.0; 12];
        augmentation.crop(
            &picture,
            &CropWindow { top: 1, left: 2, mirrored: false },
            1.0,
            &mut out,
        );
        let rows = [[4.0, 15.0, 6.0, 17.0, 8.0, 19.0], [14.0, 25.0, 16.0, 27.0, 18.0, 29.0]];
        assert_eq!(out.to_vec(), rows.concat());
        augmentation.crop(&picture, &CropWindow { top: 1, left: 2, mirrored: true }, 2.0, &mut out);
        assert_eq!(out[..6], [4.0, 9.5, 3.0, 8.5, 2.0, 7.5]);
    }

    #[test]
    fn a_border_is_black_and_the_centre_is_the_picture() {
        let shape = |height, width| Shape { height, width, channels: 1 };
        let (stored, input) = (shape(2, 3), shape(2, 3));
        let mean = vec![1.0];
        let augmentation =
            Augmentation { stored, input, crop: Crop::Random, mirror: true, mean, border: 2 };
        let cropped = |top, left, mirrored| {
            let mut out = [9.0; 6];
            let window = CropWindow { top, left, mirrored };
            augmentation.crop(&[11, 21, 31, 41, 51, 61], &window, 10.0, &mut out);
            out.map(|value| (value * 10.0 + 1.0).round() as i32)
        };
        assert_eq!(cropped(2, 2, false), [11, 21, 31, 41, 51, 61]);
        assert_eq!(cropped(0, 0, false), [0; 6]);
        assert_eq!(cropped(1, 1, false), [0, 0, 0, 0, 11, 21]);
        assert_eq!(cropped(3, 4, true), [0, 0, 61, 0, 0, 0]);
        let test = augmentation.window(BatchMode::Evaluation, 5);
        assert_eq!(test, CropWindow { top: 2, left: 2, mirrored: false });
        let drawn = windows(&augmentation, 1, 7);
        for top in 0..=4 {
            for left in 0..=4 {
                assert!(drawn.iter().any(|window| (window.top, window.left) == (top, left)));
            }
        }
        assert!(drawn.iter().all(|window| window.top <= 4 && window.left <= 4));
    }

    #[test]
    fn a_mean_is_a_word_or_numbers() {
        for text in ["train", "none", "104,117.5,123"] {
            assert_eq!(text.parse::<Mean>().unwrap().to_string(), text);
        }
        assert_eq!("80".parse(), Ok(Mean::Given([80.0; 3])));
        for text in ["", "1,2", "1,2,300", "1,2,nan", "mean"] {
            let error = text.parse::<Mean>().unwrap_err();
            assert_eq!(error, "expected train, none, or red,green,blue from 0 to 255", "{text}");
        }
    }
}
