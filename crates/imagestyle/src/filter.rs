//! Blurs: box, approximate Gaussian, disc (defocus), line (camera motion), and the edge-preserving
//! guided filter. Beyond its edges a picture is continued by its outermost pixels.

use crate::picture::{Picture, Rgb};

/// Mean over squares of 2 radius + 1 pixels a side, of a plane with one number per pixel.
fn box_plane(plane: &[f32], side: usize, radius: usize) -> Vec<f32> {
    let rows: Vec<f32> = plane.chunks(side).flat_map(|row| box_line(row, radius)).collect();
    let columns = transpose(&rows, side);
    let both: Vec<f32> = columns.chunks(side).flat_map(|column| box_line(column, radius)).collect();
    transpose(&both, side)
}

fn transpose(plane: &[f32], side: usize) -> Vec<f32> {
    (0..side * side).map(|index| plane[index % side * side + index / side]).collect()
}

/// Mean over 2 radius + 1 neighbours along a line of pixels.
fn box_line(line: &[f32], radius: usize) -> Vec<f32> {
    let last = line.len() - 1;
    let at = |index: isize| f64::from(line[index.clamp(0, last as isize) as usize]);
    // Lengths of slices fit into isize.
    let radius = radius as isize;
    let mut sum: f64 = (-radius..=radius).map(at).sum();
    let count = (2 * radius + 1) as f64;
    let mut means = Vec::with_capacity(line.len());
    for index in 0..line.len() as isize {
        // A mean of single-precision numbers is in their range.
        means.push((sum / count) as f32);
        sum += at(index + radius + 1) - at(index - radius);
    }
    means
}

/// Approximate Gaussian blur of a plane: three box blurs (Wells 1986).
pub(crate) fn soft_plane(plane: &[f32], side: usize, radius: usize) -> Vec<f32> {
    let once = box_plane(plane, side, radius);
    box_plane(&box_plane(&once, side, radius), side, radius)
}

/// Approximate Gaussian blur of a picture.
pub(crate) fn soft(picture: &Picture, radius: usize) -> Picture {
    by_plane(picture, |plane| soft_plane(plane, picture.side, radius))
}

fn by_plane(picture: &Picture, blur: impl Fn(&[f32]) -> Vec<f32>) -> Picture {
    let plane = |c: usize| -> Vec<f32> { picture.pixels.iter().map(|pixel| pixel[c]).collect() };
    let planes = [0, 1, 2].map(|c| blur(&plane(c)));
    let pixels = (0..picture.pixels.len()).map(|i| [planes[0][i], planes[1][i], planes[2][i]]);
    Picture { side: picture.side, pixels: pixels.collect() }
}

/// Mean over discs: a lens out of focus images a point as a disc (the circle of confusion). The
/// picture must be in linear light.
pub(crate) fn disc(picture: &Picture, radius: usize) -> Picture {
    if radius == 0 {
        return picture.clone();
    }
    let side = picture.side;
    let (size, reach) = (side as isize, radius as isize);
    // Half the width of a row of the disc at distance d from its centre: the largest w with
    // w^2 + d^2 <= (radius + 1/2)^2.
    let half = |distance: isize| -> isize {
        (0..=reach)
            .rev()
            .find(|w| 4 * (w * w + distance * distance) <= (2 * reach + 1) * (2 * reach + 1))
            .unwrap_or(0)
    };
    let halves: Vec<isize> = (-reach..=reach).map(half).collect();
    let area: isize = halves.iter().map(|half| 2 * half + 1).sum();
    by_plane(picture, |plane| {
        // Prefix sums of each row, which is continued on both sides.
        let stride = side + 2 * radius + 2;
        let mut sums = Vec::with_capacity(side * stride);
        for row in plane.chunks(side) {
            let mut sum = 0.0_f64;
            sums.push(sum);
            for column in -reach..=size + reach {
                sum += f64::from(row[column.clamp(0, size - 1) as usize]);
                sums.push(sum);
            }
        }
        let stride = sums.len() / side;
        let mut out = Vec::with_capacity(plane.len());
        for y in 0..size {
            for x in 0..size {
                let mut total = 0.0;
                for (dy, half) in (-reach..=reach).zip(&halves) {
                    let row = (y + dy).clamp(0, size - 1) as usize * stride;
                    // Column c of the continued row ends at index c + reach + 1 of the sums.
                    let (from, to) = (x - half + reach, x + half + reach + 1);
                    total += sums[row + to as usize] - sums[row + from as usize];
                }
                // A mean of single-precision numbers is in their range.
                out.push((total / area as f64) as f32);
            }
        }
        out
    })
}

/// Mean along a line of `length` pixels in `direction`: a camera that moves while its shutter is
/// open images a point as a line. The picture must be in linear light.
pub(crate) fn line(picture: &Picture, length: usize, (dx, dy): (f32, f32)) -> Picture {
    let side = picture.side as isize;
    let mut out = picture.clone();
    // Lengths are small, so the conversion is exact.
    let middle = (length - 1) as f32 / 2.0;
    let steps: Vec<(isize, isize)> = (0..length)
        .map(|step| step as f32 - middle)
        .map(|step| ((step * dx).round() as isize, (step * dy).round() as isize))
        .collect();
    for y in 0..side {
        for x in 0..side {
            let mut sum: Rgb = [0.0; 3];
            for (right, down) in &steps {
                let (x, y) = ((x + right).clamp(0, side - 1), (y + down).clamp(0, side - 1));
                let pixel = picture.pixels[(y * side + x) as usize];
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
            }
            out.pixels[(y * side + x) as usize] = sum.map(|sum| sum / length as f32);
        }
    }
    out
}

/// The guided filter with the plane as its own guide (He, Sun, Tang 2010): smooths variations
/// smaller than the square root of `floor` within a window, and keeps larger ones.
pub(crate) fn guided_plane(plane: &[f32], side: usize, radius: usize, floor: f32) -> Vec<f32> {
    let squares: Vec<f32> = plane.iter().map(|value| value * value).collect();
    let means = box_plane(plane, side, radius);
    let square_means = box_plane(&squares, side, radius);
    let slopes: Vec<f32> = means
        .iter()
        .zip(&square_means)
        .map(|(mean, square)| {
            let variance = (square - mean * mean).max(0.0);
            variance / (variance + floor)
        })
        .collect();
    let offsets: Vec<f32> =
        means.iter().zip(&slopes).map(|(mean, slope)| mean * (1.0 - slope)).collect();
    let (slopes, offsets) = (box_plane(&slopes, side, radius), box_plane(&offsets, side, radius));
    plane
        .iter()
        .zip(slopes.iter().zip(&offsets))
        .map(|(value, (slope, offset))| value * slope + offset)
        .collect()
}

/// The guided filter on each colour of a picture.
pub(crate) fn guided(picture: &Picture, radius: usize, floor: f32) -> Picture {
    by_plane(picture, |plane| guided_plane(plane, picture.side, radius, floor))
}

/// Defocus that depends on the position: `amount` gives the radius of the disc at each position,
/// from 0 (sharp) to 1 (`radius`). The picture must be in linear light.
pub(crate) fn defocus(
    picture: &Picture,
    radius: usize,
    amount: impl Fn((f32, f32)) -> f32,
) -> Picture {
    // Discs of a few sizes; sizes in between are interpolated.
    const LEVELS: usize = 4;
    let stack: Vec<Picture> =
        (0..=LEVELS).map(|level| disc(picture, (radius * level).div_ceil(LEVELS))).collect();
    let mut out = picture.clone();
    let mut positions = Vec::with_capacity(out.pixels.len());
    let side = picture.side;
    let coordinate = |index: usize| (2 * index + 1) as f32 / side as f32 - 1.0;
    for row in 0..side {
        positions.extend((0..side).map(|column| (coordinate(column), coordinate(row))));
    }
    for (index, position) in positions.into_iter().enumerate() {
        let level = amount(position).clamp(0.0, 1.0) * LEVELS as f32;
        // At most LEVELS - 1.
        let below = (level as usize).min(LEVELS - 1);
        let share = level - below as f32;
        let (sharp, soft) = (stack[below].pixels[index], stack[below + 1].pixels[index]);
        for c in 0..3 {
            out.pixels[index][c] = sharp[c] + (soft[c] - sharp[c]) * share;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One white pixel in the middle of a black picture.
    fn point(side: usize) -> Picture {
        let mut picture = Picture { side, pixels: vec![[0.0; 3]; side * side] };
        picture.pixels[side / 2 * side + side / 2] = [1.0; 3];
        picture
    }

    fn lit(picture: &Picture) -> Vec<(usize, usize)> {
        let lit = picture.pixels.iter().enumerate().filter(|(_, pixel)| pixel[1] > 1e-9);
        lit.map(|(index, _)| (index % picture.side, index / picture.side)).collect()
    }

    #[test]
    fn blurs_spread_a_point_as_far_as_they_say_and_keep_its_light() {
        let light = |picture: &Picture| picture.pixels.iter().map(|pixel| pixel[0]).sum::<f32>();
        for (blurred, count) in [
            (disc(&point(15), 1), 9),
            (disc(&point(15), 2), 21),
            (disc(&point(15), 0), 1),
            (line(&point(15), 5, (1.0, 0.0)), 5),
            (soft(&point(15), 1), 49),
        ] {
            assert_eq!(lit(&blurred).len(), count);
            assert!((light(&blurred) - 1.0).abs() < 1e-5);
        }
        let slanted = lit(&line(&point(15), 3, (0.0, 1.0)));
        assert_eq!(slanted, [(7, 6), (7, 7), (7, 8)]);
    }

    #[test]
    fn flat_pictures_stay_flat_up_to_their_edges() {
        let flat = Picture { side: 9, pixels: vec![[0.25, 0.5, 0.75]; 81] };
        for blurred in [disc(&flat, 3), line(&flat, 7, (0.6, 0.8)), soft(&flat, 2)] {
            for pixel in &blurred.pixels {
                for (found, expected) in pixel.iter().zip([0.25, 0.5, 0.75]) {
                    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn the_guided_filter_smooths_ripples_and_keeps_a_step() {
        let side = 16;
        let value = |index: usize| {
            let (x, y) = (index % side, index / side);
            0.02 * ((x + y) % 2) as f32 + if x < side / 2 { 0.1 } else { 0.9 }
        };
        let plane: Vec<f32> = (0..side * side).map(value).collect();
        let smooth = guided_plane(&plane, side, 2, 0.001);
        let row = &smooth[8 * side..9 * side];
        assert!((row[2] - row[3]).abs() < 0.008, "ripples of 0.02");
        assert!(row[8] - row[7] > 0.7, "a step of 0.8");
    }

    #[test]
    fn defocus_is_sharp_where_it_should_be() {
        let side = 17;
        let sharp = defocus(&point(side), 4, |_| 0.0);
        assert_eq!(sharp, point(side));
        let blurred = defocus(&point(side), 4, |_| 1.0);
        assert_eq!(lit(&blurred), lit(&disc(&point(side), 4)));
    }
}
