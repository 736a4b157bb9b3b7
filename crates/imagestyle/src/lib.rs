//! Makes a labelled set of pictures in twenty photographic styles from free photographs.
//!
//! Na and Mukhopadhyay train on Flickr Style, whose pictures have to be fetched one by one from the
//! internet, where many no longer exist. This crate makes a replacement: it takes random crops of
//! photographs that Debian ships, and gives them styles by procedures that photographers use (tone
//! curves, grading, defocus, grain), with the names and labels of Flickr Style. So a network has a
//! similar task, at the same sizes.
//!
//! A picture depends only on the seed, its style and its number; threads make no difference. Styles
//! use only additions, multiplications, divisions and square roots, which IEEE 754 rounds
//! identically everywhere, and no library functions, whose last bit may differ.
//!
//! [`make`] writes a set and has an example; [`Style`] is one of the twenty; a style works on a
//! [`Picture`].

mod error;
mod filter;
mod manifest;
mod photos;
mod picture;
mod random;
mod set;
mod styles;

pub use error::ImageStyleError;
pub use manifest::{Crop, Manifest, PhotoEntry, PictureEntry, SplitEntry, SplitName};
pub use photos::{BACKGROUNDS, PACKAGES, debian_photos, photos_in};
pub use picture::Picture;
pub use random::Random;
pub use set::{Encoding, SetConfig, make};
pub use styles::Style;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
