//! A square picture in real numbers, and the pixel operations that styles are made of.

use image::RgbImage;

use crate::random::Random;

/// Red, green, blue.
pub(crate) type Rgb = [f32; 3];

/// A square colour picture, row by row. Values are display values (gamma-encoded), from 0 (black)
/// to 1 (white). Styles may leave that range; [`Picture::to_image`] clamps to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub(crate) side: usize,
    pub(crate) pixels: Vec<Rgb>,
}

impl Picture {
    /// Converts an image.
    ///
    /// # Panics
    /// If the image is not square.
    pub fn from_image(image: &RgbImage) -> Self {
        assert_eq!(image.width(), image.height(), "a square image");
        let pixels = image.pixels().map(|pixel| pixel.0.map(|byte| f32::from(byte) / 255.0));
        Self { side: image.width() as usize, pixels: pixels.collect() }
    }

    /// Converts to an image, rounding each value to the nearest byte.
    pub fn to_image(&self) -> RgbImage {
        // Clamped to 0..256, so the cast does not truncate.
        let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        let bytes = self.pixels.iter().flat_map(|pixel| pixel.map(byte)).collect();
        // The side is that of an image, so it fits into u32.
        let side = self.side as u32;
        RgbImage::from_raw(side, side, bytes).expect("three bytes for each pixel")
    }

    /// A length of `part` times the side in pixels, at least 1.
    pub(crate) fn length(&self, part: f32) -> usize {
        // Parts are below 1, so the result fits.
        ((self.side as f32 * part + 0.5) as usize).max(1)
    }

    /// Changes every pixel.
    pub(crate) fn each(&mut self, change: impl Fn(Rgb) -> Rgb) {
        self.pixels.iter_mut().for_each(|pixel| *pixel = change(*pixel));
    }

    /// Applies a curve to every value.
    pub(crate) fn curve(&mut self, curve: impl Fn(f32) -> f32) {
        self.each(|pixel| pixel.map(&curve));
    }

    /// Changes every pixel, given its position: -1 to 1 from left to right and from top to bottom.
    pub(crate) fn each_at(&mut self, change: impl Fn((f32, f32), Rgb) -> Rgb) {
        let side = self.side;
        // Small integers are exact in single precision.
        let coordinate = |index: usize| (2 * index + 1) as f32 / side as f32 - 1.0;
        for (row, pixels) in self.pixels.chunks_mut(side).enumerate() {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                *pixel = change((coordinate(column), coordinate(row)), *pixel);
            }
        }
    }

    /// The luminance of every pixel (Rec. 601).
    pub(crate) fn luminance(&self) -> Vec<f32> {
        self.pixels.iter().map(|pixel| luminance(*pixel)).collect()
    }

    /// Changes saturation: multiplies every pixel's distance from its grey.
    pub(crate) fn saturate(&mut self, by: f32) {
        self.each(|pixel| {
            let grey = luminance(pixel);
            pixel.map(|value| grey + (value - grey) * by)
        });
    }

    /// Split toning: adds one colour to shadows and another to highlights.
    pub(crate) fn tone(&mut self, shadows: Rgb, highlights: Rgb) {
        self.each(|pixel| {
            let light = luminance(pixel).clamp(0.0, 1.0);
            let (dark, bright) = ((1.0 - light) * (1.0 - light), light * light);
            combine(pixel, |c, value| value + dark * shadows[c] + bright * highlights[c])
        });
    }

    /// Blends in another picture of the same size.
    pub(crate) fn mix(&mut self, other: &Self, share: f32) {
        for (pixel, other) in self.pixels.iter_mut().zip(&other.pixels) {
            *pixel = combine(*pixel, |c, value| value + (other[c] - value) * share);
        }
    }

    /// Vignetting: the natural fall-off of a lens, cos^4 of the angle, towards the colour `edge`.
    /// With strength 1 the corners are at 45 degrees and have a quarter of the light.
    pub(crate) fn vignette(&mut self, strength: f32, edge: Rgb) {
        self.each_at(|(x, y), pixel| {
            let tangent_squared = strength * strength * (x * x + y * y) / 2.0;
            let cosine_squared = 1.0 / (1.0 + tangent_squared);
            let light = cosine_squared * cosine_squared;
            combine(pixel, |c, value| edge[c] + (value - edge[c]) * light)
        });
    }

    /// Film grain: noise that is the same for all three colours, strongest in the middle tones, in
    /// grains of `size` pixels.
    pub(crate) fn grain(&mut self, random: &mut Random, amount: f32, size: usize) {
        let across = self.side.div_ceil(size);
        // Approximately normal with variance 1: the sum of four uniform numbers (Irwin-Hall).
        let mut noise = || (0..4).map(|_| random.range(-0.87, 0.87)).sum::<f32>();
        let grains: Vec<f32> = (0..across * across).map(|_| noise()).collect();
        for (row, pixels) in self.pixels.chunks_mut(self.side).enumerate() {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let light = luminance(*pixel).clamp(0.0, 1.0);
                let strength = amount * (0.4 + 2.4 * light * (1.0 - light));
                let grain = grains[row / size * across + column / size] * strength;
                *pixel = pixel.map(|value| value + grain);
            }
        }
    }

    /// Converts display values to linear light, with gamma 2, whose inverse is a square root.
    pub(crate) fn linearize(&mut self) {
        self.curve(|value| value * value);
    }

    /// Converts linear light back to display values.
    pub(crate) fn gamma_encode(&mut self) {
        self.curve(|value| value.max(0.0).sqrt());
    }
}

/// Luminance of a pixel, with the weights of Rec. 601.
pub(crate) fn luminance([red, green, blue]: Rgb) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// A new pixel, computed channel by channel.
pub(crate) fn combine(pixel: Rgb, value: impl Fn(usize, f32) -> f32) -> Rgb {
    [value(0, pixel[0]), value(1, pixel[1]), value(2, pixel[2])]
}

/// An S-shaped contrast curve: slope 1.5 in the middle, flat at both ends.
pub(crate) fn s_curve(value: f32) -> f32 {
    let value = value.clamp(0.0, 1.0);
    value * value * (3.0 - 2.0 * value)
}

/// Screen blending: adds light like two projectors on one screen.
pub(crate) fn screen(a: f32, b: f32) -> f32 {
    1.0 - (1.0 - a.clamp(0.0, 1.0)) * (1.0 - b.clamp(0.0, 1.0))
}
