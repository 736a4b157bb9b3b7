//! A ten-class data set generated from a seed, for tests and for runs without downloads.
//!
//! Each class has a few soft blobs at fixed positions. An image shows its class's blobs, shifted by
//! up to two pixels each way, with random brightness, over noise.

use flexmac_nn::{Purpose, Shape, SplitMix};

use crate::{Dataset, Split};

const CLASSES: usize = 10;
const BLOBS: usize = 4;
const SHAPE: Shape = Shape { height: 28, width: 28, channels: 1 };

/// Generates `train` training and `test` test images of 28 x 28 grey pixels. Image i has label
/// i mod 10.
pub fn synthetic(seed: u64, train: usize, test: usize) -> Dataset {
    let mut random = SplitMix::new(seed, Purpose::Synthetic, 0);
    let classes: Vec<Vec<Blob>> =
        (0..CLASSES).map(|_| (0..BLOBS).map(|_| Blob::random(&mut random)).collect()).collect();
    Dataset {
        train: split(&classes, train, SplitMix::new(seed, Purpose::Synthetic, 1)),
        test: split(&classes, test, SplitMix::new(seed, Purpose::Synthetic, 2)),
    }
}

struct Blob {
    y: f64,
    x: f64,
    /// Square of the distance, in pixels, at which the brightness is a quarter of that at the
    /// centre.
    spread: f64,
}

impl Blob {
    fn random(random: &mut SplitMix) -> Self {
        let mut place = || 5.0 + 18.0 * random.unit();
        let (y, x) = (place(), place());
        Self { y, x, spread: 3.0 + 9.0 * random.unit() }
    }

    /// Brightness at a point: 1 at the centre. Uses a rational function, because library functions
    /// may differ in the last bit between platforms.
    fn at(&self, y: f64, x: f64) -> f64 {
        let distance = (y - self.y).powi(2) + (x - self.x).powi(2);
        let near = self.spread / (self.spread + distance);
        near * near
    }
}

fn split(classes: &[Vec<Blob>], images: usize, mut random: SplitMix) -> Split {
    let mut pixels = Vec::with_capacity(images * SHAPE.len());
    let mut labels = Vec::with_capacity(images);
    for image in 0..images {
        let label = image % CLASSES;
        // `label` is below 10.
        labels.push(label as u8);
        let mut shift = || random.below(5) as f64 - 2.0;
        let (down, right) = (shift(), shift());
        let strength = 140.0 + 100.0 * random.unit();
        for y in 0..SHAPE.height {
            for x in 0..SHAPE.width {
                let (y, x) = (y as f64 - down, x as f64 - right);
                let signal: f64 = classes[label].iter().map(|blob| blob.at(y, x)).sum();
                let value = signal * strength + 60.0 * random.unit();
                // Clamped to a byte.
                pixels.push(value.clamp(0.0, 255.0) as u8);
            }
        }
    }
    Split::new(SHAPE, pixels, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BatchMode;

    #[test]
    fn the_set_depends_only_on_its_seed() {
        assert_eq!(synthetic(1, 30, 20), synthetic(1, 30, 20));
        assert_ne!(synthetic(1, 30, 20).train, synthetic(2, 30, 20).train);
        let set = synthetic(1, 30, 20);
        assert_eq!((set.train.len(), set.test.len(), set.test.label(13)), (30, 20, 3));
        let first = |split: &Split| split.batch(&[0], BatchMode::Evaluation).unwrap();
        assert_ne!(first(&set.train), first(&set.test));
    }
}
