//! Styles made by local contrast.

use crate::filter::{guided_plane, soft, soft_plane};
use crate::picture::{Picture, combine};
use crate::random::Random;

/// Lower bound for luminances that are divided by.
const DARK: f32 = 0.02;

/// Unsharp mask: adds the difference to a slightly blurred picture.
pub(super) fn detailed(picture: &mut Picture, random: &mut Random) {
    let blurred = soft(picture, 1);
    let amount = random.range(1.4, 2.2);
    for (pixel, blurred) in picture.pixels.iter_mut().zip(&blurred.pixels) {
        *pixel = combine(*pixel, |c, value| value + (value - blurred[c]) * amount);
    }
}

/// Tone mapping with a base and a detail layer (Durand and Dorsey 2002, with the guided filter
/// instead of the bilateral one): halves the base's range in stops, and strengthens detail and
/// colour.
pub(super) fn hdr(picture: &mut Picture, random: &mut Random) {
    let light: Vec<f32> = picture.luminance().iter().map(|light| light.max(DARK)).collect();
    let radius = picture.length(random.range(0.03, 0.05));
    let base = guided_plane(&light, picture.side, radius, 0.02);
    let gain = random.range(0.72, 0.8);
    for (pixel, (light, base)) in picture.pixels.iter_mut().zip(light.iter().zip(&base)) {
        let base = base.max(DARK);
        let detail = light / base;
        // base^0.5 detail^1.5
        let mapped = gain * base.sqrt() * detail * detail.sqrt();
        *pixel = pixel.map(|value| value / light * mapped);
    }
    picture.saturate(random.range(1.35, 1.6));
}

/// Local normalization: subtracts the local mean of luminance and divides by the local standard
/// deviation. Keeps little colour.
pub(super) fn texture(picture: &mut Picture, random: &mut Random) {
    let light = picture.luminance();
    let radius = picture.length(random.range(0.012, 0.02));
    let side = picture.side;
    let means = soft_plane(&light, side, radius);
    let squares: Vec<f32> =
        light.iter().zip(&means).map(|(light, mean)| (light - mean) * (light - mean)).collect();
    let variances = soft_plane(&squares, side, radius);
    let contrast = random.range(0.13, 0.17);
    picture.saturate(random.range(0.25, 0.4));
    for (index, pixel) in picture.pixels.iter_mut().enumerate() {
        let spread = variances[index].max(0.0).sqrt() + 0.015;
        let normal = 0.5 + contrast * (light[index] - means[index]) / spread;
        let shift = normal - light[index];
        *pixel = pixel.map(|value| value + shift);
    }
}
