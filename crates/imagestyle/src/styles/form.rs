//! Styles that concern the subject: approximations that work with any photograph.

use crate::picture::{Picture, Rgb, luminance};
use crate::random::Random;

/// A subject: a mosaic of right triangles, each in the mean colour of its pixels.
pub(super) fn geometric(picture: &mut Picture, random: &mut Random) {
    let side = picture.side;
    let cell = picture.length(random.range(0.08, 0.13)).max(3);
    let across = side.div_ceil(cell);
    let falling = random.below(2) == 0;
    let triangle = |index: usize| {
        let (x, y) = (index % side, index / side);
        let (inner_x, inner_y) = (x % cell, y % cell);
        let upper = if falling { inner_x > inner_y } else { inner_x + inner_y < cell };
        2 * (y / cell * across + x / cell) + usize::from(upper)
    };
    let mut sums = vec![([0.0_f32; 3], 0_u32); 2 * across * across];
    for (index, pixel) in picture.pixels.iter().enumerate() {
        let (sum, count) = &mut sums[triangle(index)];
        sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
        *count += 1;
    }
    for (index, pixel) in picture.pixels.iter_mut().enumerate() {
        let (sum, count) = sums[triangle(index)];
        // Exact: a triangle has a few hundred pixels.
        *pixel = sum.map(|sum| sum / count as f32);
    }
    picture.saturate(1.15);
}

/// A subject: negative space. A round window off the centre shows the picture; all else is one
/// colour, a light tint of the picture's mean.
pub(super) fn minimal(picture: &mut Picture, random: &mut Random) {
    let count = picture.pixels.len() as f32;
    let mean: Rgb = [0, 1, 2].map(|c| picture.pixels.iter().map(|p| p[c]).sum::<f32>() / count);
    let grey = luminance(mean);
    let paper = mean.map(|value| 0.86 + 0.25 * (value - grey));
    let third = |random: &mut Random| if random.below(2) == 0 { -0.33 } else { 0.33 };
    let (x, y) = (third(random), third(random));
    let radius = random.range(0.28, 0.42);
    picture.each_at(|(px, py), pixel| {
        let distance = ((px - x) * (px - x) + (py - y) * (py - y)).sqrt();
        let seen = (1.0 - (distance - radius) / 0.12).clamp(0.0, 1.0);
        [0, 1, 2].map(|c| paper[c] + (pixel[c] - paper[c]) * seen)
    });
}
