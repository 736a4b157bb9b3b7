//! How a picture becomes an image: where it is cut, whether it is mirrored, what is subtracted.
//!
//! As Caffe's data layers do it: a picture is kept somewhat larger than the network's input; in
//! training a window of the input's size lies anywhere in it and may be mirrored, in tests it lies in
//! the middle. Where it lies follows from the run's seed, the iteration and the picture's number
//! alone: so an iteration can be repeated by itself, and a resumed run sees what it would have seen.

use std::fmt;
use std::str::FromStr;

use flexmac_nn::{Purpose, Shape, SplitMix};
use serde::{Deserialize, Serialize};

/// Where windows lie in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Anywhere.
    Random,
    /// In the middle, as in tests.
    Centre,
}

impl FromStr for Cut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "random" => Ok(Self::Random),
            "centre" => Ok(Self::Centre),
            _ => Err("expected random or centre".to_owned()),
        }
    }
}

/// What is subtracted from pixels, which are 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mean {
    /// Each channel's mean over the training pictures.
    Train,
    /// Nothing.
    None,
    /// These numbers: red, green, blue, or three times the same for grey.
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

/// How a batch looks at its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// For a test: always the same.
    Test,
    /// For a training iteration of a run.
    Train {
        /// The run's seed.
        seed: u64,
        /// The iteration.
        iteration: u64,
    },
}

/// What a split does with its pictures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    /// Shape of a picture as it is kept.
    pub stored: Shape,
    /// Shape of an image: not larger, as many channels.
    pub input: Shape,
    pub cut: Cut,
    pub mirror: bool,
    /// By channel.
    pub mean: Vec<f64>,
}

/// A window's upper left corner, and whether left and right change places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub top: usize,
    pub left: usize,
    pub mirrored: bool,
}

impl View {
    /// Where a picture is cut.
    pub fn window(&self, look: Look, number: usize) -> Window {
        let down = self.stored.height - self.input.height;
        let right = self.stored.width - self.input.width;
        let mut window = Window { top: down / 2, left: right / 2, mirrored: false };
        if let Look::Train { seed, iteration } = look {
            // Iterations and pictures number fewer than 2^32.
            let stream = iteration << 32 | number as u64;
            let mut random = SplitMix::new(seed, Purpose::Window, stream);
            // All three are drawn always: one option does not change what another sees.
            let (top, left) = (random.below(down + 1), random.below(right + 1));
            let mirrored = random.below(2) == 1;
            if self.cut == Cut::Random {
                (window.top, window.left) = (top, left);
            }
            window.mirrored = self.mirror && mirrored;
        }
        window
    }

    /// The window's pixels less their channel's mean, divided by `white`.
    pub fn cut(&self, picture: &[u8], window: &Window, white: f64, out: &mut [f64]) {
        let channels = self.input.channels;
        let row_len = self.input.width * channels;
        let pixel = |out: &mut [f64], picture: &[u8]| {
            for ((out, value), mean) in out.iter_mut().zip(picture).zip(&self.mean) {
                *out = (f64::from(*value) - mean) / white;
            }
        };
        for (row, out) in out.chunks_mut(row_len).enumerate() {
            let start = ((window.top + row) * self.stored.width + window.left) * channels;
            let pixels = picture[start..start + row_len].chunks(channels);
            let out = out.chunks_mut(channels);
            if window.mirrored {
                out.zip(pixels.rev()).for_each(|(out, picture)| pixel(out, picture));
            } else {
                out.zip(pixels).for_each(|(out, picture)| pixel(out, picture));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(cut: Cut, mirror: bool) -> View {
        let shape = |height, width| Shape { height, width, channels: 2 };
        View { stored: shape(4, 5), input: shape(2, 3), cut, mirror, mean: vec![10.0, 0.0] }
    }

    fn windows(view: &View, seed: u64, iteration: u64) -> Vec<Window> {
        (0..200).map(|number| view.window(Look::Train { seed, iteration }, number)).collect()
    }

    #[test]
    fn windows_replay_and_differ_by_seed_iteration_and_picture() {
        let view = view(Cut::Random, true);
        let first = windows(&view, 1, 7);
        assert_eq!(windows(&view, 1, 7), first);
        assert_ne!(windows(&view, 2, 7), first);
        assert_ne!(windows(&view, 1, 8), first);
        // In any order, one by one.
        let last = view.window(Look::Train { seed: 1, iteration: 7 }, 199);
        assert_eq!(last, first[199]);
        // Every place there is, mirrored and not.
        for top in 0..=2 {
            for left in 0..=2 {
                for mirrored in [false, true] {
                    assert!(first.contains(&Window { top, left, mirrored }), "{top} {left}");
                }
            }
        }
        assert!(first.iter().all(|window| window.top <= 2 && window.left <= 2));
    }

    #[test]
    fn options_switch_off_one_thing_each() {
        let both = windows(&view(Cut::Random, true), 1, 0);
        let centre = windows(&view(Cut::Centre, true), 1, 0);
        let plain = windows(&view(Cut::Random, false), 1, 0);
        for ((both, centre), plain) in both.iter().zip(&centre).zip(&plain) {
            assert_eq!((centre.top, centre.left, centre.mirrored), (1, 1, both.mirrored));
            assert_eq!((plain.top, plain.left, plain.mirrored), (both.top, both.left, false));
        }
        let test = view(Cut::Random, true).window(Look::Test, 5);
        assert_eq!(test, Window { top: 1, left: 1, mirrored: false });
    }

    #[test]
    fn a_window_is_cut_mirrored_and_centred() {
        let view = view(Cut::Random, true);
        let picture: Vec<u8> = (0..40).collect();
        let mut out = [0.0; 12];
        view.cut(&picture, &Window { top: 1, left: 2, mirrored: false }, 1.0, &mut out);
        let rows = [[4.0, 15.0, 6.0, 17.0, 8.0, 19.0], [14.0, 25.0, 16.0, 27.0, 18.0, 29.0]];
        assert_eq!(out.to_vec(), rows.concat());
        view.cut(&picture, &Window { top: 1, left: 2, mirrored: true }, 2.0, &mut out);
        assert_eq!(out[..6], [4.0, 9.5, 3.0, 8.5, 2.0, 7.5]);
    }

    #[test]
    fn means_are_words_or_numbers() {
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
