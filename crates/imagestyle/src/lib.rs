//! A labelled set of pictures in twenty photographic styles, made from free photographs.
//!
//! The paper trains on Flickr Style, whose pictures have to be fetched one by one from the internet
//! and keep vanishing. Here random crops of photographs that Debian ships are given styles by
//! procedures that photographers know (tone curves, grading, defocus, grain), under the names and
//! labels of Flickr Style: a network has the same kind of thing to learn, at the same sizes.
//!
//! Everything follows from a seed, picture by picture, so that threads do not matter; and styles are
//! computed with additions, products, quotients and square roots alone, which IEEE 754 rounds the
//! same everywhere, not with library functions whose last bit varies. From the outside in: [`make`]
//! writes a set, [`Style`] is one of the twenty, [`Picture`] is what a style works on.

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
