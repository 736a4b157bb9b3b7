//! Styles that imitate film: a curve per colour, grain, vignetting.

use crate::filter::soft;
use crate::picture::{Picture, combine, s_curve};
use crate::random::Random;

/// Cross-processed and faded film: high contrast in red, low contrast in blue, which makes shadows
/// blue and highlights yellow; vignetting and grain.
pub(super) fn vintage(picture: &mut Picture, random: &mut Random) {
    let fade = random.range(0.08, 0.14);
    let (blue_floor, blue_range) = (random.range(0.2, 0.26), random.range(0.45, 0.52));
    picture.saturate(0.8);
    picture.each(|[red, green, blue]| {
        let red = 0.5 * (red + s_curve(red));
        let film = [red, green, blue_floor + blue_range * blue];
        let warm = [1.06, 0.98, 0.92];
        combine(film, |c, value| fade + (0.95 - fade) * value * warm[c])
    });
    picture.vignette(random.range(0.45, 0.65), [0.1, 0.07, 0.04]);
    picture.grain(random, 0.03, 1);
}

/// A mood: low key, little colour, a green cast, strong vignetting, coarse grain.
pub(super) fn horror(picture: &mut Picture, random: &mut Random) {
    let light = random.range(0.75, 0.95);
    picture.saturate(random.range(0.2, 0.4));
    picture.curve(|value| light * s_curve(value * value.max(0.0).sqrt()));
    let green = random.range(0.04, 0.08);
    picture.tone([-0.01, green, 0.01], [-0.12, 0.02, -0.1]);
    picture.vignette(random.range(1.1, 1.4), [0.0; 3]);
    let size = picture.length(0.008);
    picture.grain(random, 0.06, size);
}

/// A mood: soft focus (a blurred copy blended in), a rose cast, corners that fade to pink.
pub(super) fn romantic(picture: &mut Picture, random: &mut Random) {
    let blurred = soft(picture, picture.length(0.02));
    picture.mix(&blurred, random.range(0.55, 0.7));
    picture.curve(|value| 0.1 + 0.88 * value);
    picture.tone([0.1, 0.0, 0.04], [random.range(0.08, 0.13), -0.03, 0.0]);
    picture.vignette(random.range(0.6, 0.8), [1.0, 0.88, 0.9]);
}
