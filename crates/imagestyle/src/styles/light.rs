//! Styles made by light sources and haze.

use crate::filter::soft;
use crate::picture::{Picture, combine, screen};
use crate::random::Random;

/// Warm white balance, more exposure and colour, and a sun in the upper half with flare around it.
pub(super) fn sunny(picture: &mut Picture, random: &mut Random) {
    let (x, y) = (random.range(-0.9, 0.9), random.range(-1.0, -0.3));
    let spread = random.range(0.5, 0.8);
    let warm = [random.range(1.12, 1.22), 1.06, random.range(0.74, 0.84)];
    let sun = [1.0, 0.86, 0.5];
    picture.each(|pixel| combine(pixel, |c, value| value * warm[c]));
    picture.saturate(1.2);
    picture.each_at(|(px, py), pixel| {
        let square = ((px - x) * (px - x) + (py - y) * (py - y)) / (spread * spread);
        let flare = 1.0 / ((1.0 + square) * (1.0 + square));
        combine(pixel, |c, value| screen(value, sun[c] * flare))
    });
}

/// Haze (Koschmieder's law): a pixel is t times the picture plus 1 - t times the light of the air.
/// Depth is unknown, so distance grows towards the top.
pub(super) fn hazy(picture: &mut Picture, random: &mut Random) {
    let (near, far) = (random.range(0.5, 0.65), random.range(0.12, 0.25));
    let air = [random.range(0.76, 0.84), 0.83, random.range(0.84, 0.9)];
    picture.each_at(|(_, y), pixel| {
        let height = (1.0 - y) / 2.0;
        let seen = near + (far - near) * height;
        combine(pixel, |c, value| air[c] + (value - air[c]) * seen)
    });
}

/// The Orton effect: a bright sharp picture and a bright blurred one, blended by screening; pale.
pub(super) fn ethereal(picture: &mut Picture, random: &mut Random) {
    picture.saturate(random.range(0.65, 0.85));
    let blurred = soft(picture, picture.length(random.range(0.03, 0.045)));
    let share = random.range(0.75, 0.9);
    for (pixel, blurred) in picture.pixels.iter_mut().zip(&blurred.pixels) {
        *pixel = combine(*pixel, |c, value| screen(value * 0.8, blurred[c] * share));
    }
    picture.tone([0.02, 0.0, 0.06], [0.0, 0.0, 0.02]);
}
