//! Styles made by lens or shutter. All blurs work on linear light.

use crate::filter::{defocus, disc, line};
use crate::picture::Picture;
use crate::random::Random;

/// The camera moves along a line while the shutter is open.
pub(super) fn long_exposure(picture: &mut Picture, random: &mut Random) {
    let length = picture.length(random.range(0.12, 0.22)).max(3);
    let direction = random.direction();
    picture.linearize();
    *picture = line(picture, length, direction);
    picture.gamma_encode();
}

/// Everything out of focus: disc blur after expanding highlights, so that these remain visible
/// discs.
pub(super) fn bokeh(picture: &mut Picture, random: &mut Random) {
    let radius = picture.length(random.range(0.035, 0.055)).max(2);
    let gain = random.range(2.0, 4.0);
    picture.linearize();
    // A sensor clips highlights, so values near 1 stand for much more light.
    picture.curve(|light| light * (1.0 + gain * light * light * light * light));
    *picture = disc(picture, radius);
    picture.gamma_encode();
    picture.saturate(1.15);
}

/// A subject: the middle is magnified, sharp in its centre and out of focus around it; strong
/// colours.
pub(super) fn macro_shot(picture: &mut Picture, random: &mut Random) {
    magnify(picture, random.range(2.2, 3.2));
    let sharp = random.range(0.25, 0.4);
    let radius = picture.length(0.035).max(2);
    picture.linearize();
    *picture = defocus(picture, radius, |(x, y)| ((x * x + y * y).sqrt() - sharp) * 1.6);
    picture.gamma_encode();
    picture.saturate(random.range(1.25, 1.45));
    picture.vignette(0.5, [0.0; 3]);
}

/// Sharp within a band, increasingly blurred away from it, as for a subject at an angle to the
/// camera.
pub(super) fn depth_of_field(picture: &mut Picture, random: &mut Random) {
    let direction = random.direction();
    let (offset, half) = (random.range(-0.3, 0.3), random.range(0.12, 0.22));
    let radius = picture.length(0.035).max(2);
    picture.linearize();
    *picture = defocus(picture, radius, |(x, y)| {
        let distance = (x * direction.0 + y * direction.1 - offset).abs();
        (distance - half) * 2.0
    });
    picture.gamma_encode();
}

/// Magnifies the middle by factor `by`, with bilinear interpolation.
fn magnify(picture: &mut Picture, by: f32) {
    let side = picture.side;
    let source = picture.clone();
    let last = (side - 1) as f32;
    // Index of the source pixel before the position, and the fraction to the next one.
    let source_position = |index: usize| {
        let position = (index as f32 - last / 2.0) / by + last / 2.0;
        let position = position.clamp(0.0, last);
        // `position` is not negative, and `before + 1` is at most side - 1.
        let before = (position as usize).min(side - 2);
        (before, position - before as f32)
    };
    for row in 0..side {
        let (y, down) = source_position(row);
        for column in 0..side {
            let (x, right) = source_position(column);
            let at = |x: usize, y: usize, c: usize| source.pixels[y * side + x][c];
            let pixel = [0, 1, 2].map(|c| {
                let upper = at(x, y, c) + (at(x + 1, y, c) - at(x, y, c)) * right;
                let lower = at(x, y + 1, c) + (at(x + 1, y + 1, c) - at(x, y + 1, c)) * right;
                upper + (lower - upper) * down
            });
            picture.pixels[row * side + column] = pixel;
        }
    }
}
