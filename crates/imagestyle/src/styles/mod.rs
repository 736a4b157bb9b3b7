//! The twenty styles of Flickr Style: names, labels and procedures.
//!
//! Names and their order are those of Caffe's `examples/finetune_flickr_style/style_names.txt`. If
//! a name means a procedure (HDR, long exposure, noir), the style is that procedure. If it means a
//! mood or a subject (serene, horror, macro, minimal, geometric composition), it is an
//! approximation that works with any photograph. Parameters that a photographer would choose by eye
//! are drawn at random within limits, so that no two pictures of a style are processed alike.

mod detail;
mod film;
mod focus;
mod form;
mod light;
mod tone;

use crate::picture::Picture;
use crate::random::Random;

/// A photographic style.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    label: u8,
    /// Its name in Flickr Style.
    pub name: &'static str,
    procedure: fn(&mut Picture, &mut Random),
}

impl Style {
    /// All styles, in the order of their labels.
    pub const ALL: [Self; 20] = [
        Self::new(0, "Detailed", detail::detailed),
        Self::new(1, "Pastel", tone::pastel),
        Self::new(2, "Melancholy", tone::melancholy),
        Self::new(3, "Noir", tone::noir),
        Self::new(4, "HDR", detail::hdr),
        Self::new(5, "Vintage", film::vintage),
        Self::new(6, "Long Exposure", focus::long_exposure),
        Self::new(7, "Horror", film::horror),
        Self::new(8, "Sunny", light::sunny),
        Self::new(9, "Bright", tone::bright),
        Self::new(10, "Hazy", light::hazy),
        Self::new(11, "Bokeh", focus::bokeh),
        Self::new(12, "Serene", tone::serene),
        Self::new(13, "Texture", detail::texture),
        Self::new(14, "Ethereal", light::ethereal),
        Self::new(15, "Macro", focus::macro_shot),
        Self::new(16, "Depth of Field", focus::depth_of_field),
        Self::new(17, "Geometric Composition", form::geometric),
        Self::new(18, "Minimal", form::minimal),
        Self::new(19, "Romantic", film::romantic),
    ];

    const fn new(label: u8, name: &'static str, procedure: fn(&mut Picture, &mut Random)) -> Self {
        Self { label, name, procedure }
    }

    /// Its label.
    pub fn label(self) -> u8 {
        self.label
    }

    /// Its folder name: the name in lower case with dashes.
    pub fn folder(self) -> String {
        self.name.to_lowercase().replace(' ', "-")
    }

    /// Applies the style to a picture, with random parameters from `random`.
    ///
    /// ```
    /// use flexmac_imagestyle::{Picture, Random, Style};
    ///
    /// let mut picture = Picture::from_image(&image::RgbImage::new(32, 32));
    /// let noir = Style::ALL[3];
    /// noir.apply(&mut picture, &mut Random::new(1, 0));
    /// assert_eq!((noir.name, picture.to_image().dimensions()), ("Noir", (32, 32)));
    /// ```
    pub fn apply(self, picture: &mut Picture, random: &mut Random) {
        (self.procedure)(picture, random);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sky, a field, a sun, a fence and some leaves.
    pub(super) fn scene(side: usize) -> Picture {
        let pixel = |index: usize| {
            let (x, y) = ((index % side) as f32 / side as f32, (index / side) as f32 / side as f32);
            let leaf = ((index * 7919 + index / side * 104_729) % 97) as f32 / 97.0;
            if (x - 0.7) * (x - 0.7) + (y - 0.2) * (y - 0.2) < 0.006 {
                [0.98, 0.95, 0.8]
            } else if y < 0.45 {
                [0.3 + 0.3 * y, 0.5 + 0.3 * y, 0.85]
            } else if ((x * 12.0) as usize).is_multiple_of(3) {
                [0.55, 0.35, 0.2]
            } else {
                [0.15 + 0.2 * leaf, 0.3 + 0.4 * leaf, 0.1 + 0.1 * leaf]
            }
        };
        Picture { side, pixels: (0..side * side).map(pixel).collect() }
    }

    /// Mean difference of two pictures, as images, in 255ths.
    fn distance(a: &Picture, b: &Picture) -> f64 {
        let (a, b) = (a.to_image(), b.to_image());
        let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.len() as f64
    }

    fn styled(style: Style, seed: u64) -> Picture {
        let mut picture = scene(64);
        style.apply(&mut picture, &mut Random::new(seed, 0));
        picture
    }

    #[test]
    fn every_style_changes_its_picture_and_differs_from_every_other() {
        let all: Vec<Picture> = Style::ALL.map(|style| styled(style, 3)).into();
        for (style, picture) in Style::ALL.iter().zip(&all) {
            let moved = distance(picture, &scene(64));
            assert!(moved > 2.0, "{}: {moved}", style.name);
        }
        for (index, a) in all.iter().enumerate() {
            for (other, b) in all.iter().enumerate().skip(index + 1) {
                let apart = distance(a, b);
                let names = (Style::ALL[index].name, Style::ALL[other].name);
                assert!(apart > 4.0, "{names:?}: {apart}");
            }
        }
    }

    #[test]
    fn a_style_follows_from_its_stream_and_varies_with_it() {
        for style in Style::ALL {
            assert_eq!(styled(style, 3), styled(style, 3), "{}", style.name);
            assert_ne!(styled(style, 3), styled(style, 4), "{}", style.name);
            assert!(styled(style, 3).pixels.iter().flatten().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn labels_are_their_places_and_folders_are_plain() {
        for (place, style) in Style::ALL.iter().enumerate() {
            assert_eq!(usize::from(style.label()), place);
            assert!(style.folder().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        }
        assert_eq!(Style::ALL[17].folder(), "geometric-composition");
    }

    /// Styles have the measurable effects that their names promise.
    #[test]
    fn procedures_do_what_they_are_named_after() {
        let mean = |picture: &Picture| {
            picture.luminance().iter().sum::<f32>() / picture.pixels.len() as f32
        };
        let colour = |picture: &Picture| {
            let spread = |p: &[f32; 3]| {
                p.iter().copied().fold(f32::MIN, f32::max)
                    - p.iter().copied().fold(f32::MAX, f32::min)
            };
            picture.pixels.iter().map(spread).sum::<f32>() / picture.pixels.len() as f32
        };
        let steps = |picture: &Picture| {
            let light = picture.luminance();
            light.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f32>() / light.len() as f32
        };
        let by_name = |name: &str| {
            let style = Style::ALL.into_iter().find(|style| style.name == name).unwrap();
            styled(style, 5)
        };
        let plain = scene(64);
        assert!(mean(&by_name("Bright")) > mean(&plain) + 0.1);
        assert!(mean(&by_name("Horror")) < mean(&plain) - 0.1);
        assert!(colour(&by_name("Noir")) < 1e-3, "black and white");
        assert!(colour(&by_name("Pastel")) < 0.6 * colour(&plain));
        assert!(steps(&by_name("Detailed")) > 1.5 * steps(&plain));
        for blurred in ["Bokeh", "Long Exposure", "Serene"] {
            assert!(steps(&by_name(blurred)) < 0.7 * steps(&plain), "{blurred}");
        }
    }
}
