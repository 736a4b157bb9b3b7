//! Styles made by tone curves and colour balance.

use crate::filter::guided;
use crate::picture::{Picture, s_curve, screen};
use crate::random::Random;

/// High key: the picture screened with itself, which lifts the middle tones and keeps white.
pub(super) fn bright(picture: &mut Picture, random: &mut Random) {
    let share = random.range(0.75, 1.0);
    picture.curve(|value| value + (screen(value, value) - value) * share);
    picture.saturate(random.range(1.0, 1.2));
}

/// Faded blacks, weak colours.
pub(super) fn pastel(picture: &mut Picture, random: &mut Random) {
    let black = random.range(0.36, 0.48);
    picture.curve(|value| black + (0.98 - black) * value);
    picture.saturate(random.range(0.5, 0.7));
    picture.tone([0.02, 0.0, 0.03], [0.0; 3]);
}

/// A mood: dark, low contrast, little colour, blue shadows.
pub(super) fn melancholy(picture: &mut Picture, random: &mut Random) {
    let light = random.range(0.5, 0.65);
    picture.saturate(random.range(0.25, 0.45));
    picture.curve(|value| 0.08 + light * value);
    picture.tone([-0.03, 0.0, random.range(0.07, 0.12)], [-0.05, 0.0, 0.05]);
    picture.vignette(random.range(0.4, 0.6), [0.03, 0.04, 0.07]);
}

/// Black and white through a red filter: high contrast, dark corners, fine grain.
pub(super) fn noir(picture: &mut Picture, random: &mut Random) {
    let bias = random.range(-0.06, 0.06);
    picture.each(|[red, green, blue]| {
        let light = 0.5 * red + 0.4 * green + 0.1 * blue + bias;
        [s_curve(s_curve(light)); 3]
    });
    picture.vignette(random.range(0.7, 0.9), [0.0; 3]);
    picture.grain(random, 0.05, 1);
}

/// A mood: the guided filter keeps edges and smooths everything finer; low contrast, cool and
/// light.
pub(super) fn serene(picture: &mut Picture, random: &mut Random) {
    let radius = picture.length(random.range(0.025, 0.035));
    *picture = guided(&guided(picture, radius, 0.03), radius, 0.03);
    let black = random.range(0.12, 0.2);
    picture.curve(|value| black + (0.92 - black) * value);
    picture.tone([-0.02, 0.03, 0.05], [-0.05, 0.01, random.range(0.02, 0.05)]);
}
