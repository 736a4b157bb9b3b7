//! The order images are trained in: one permutation per epoch, a function of seed and epoch only.
//!
//! Sample s of a run is image permutation[epoch][s mod images] of epoch s / images, and iteration i
//! takes samples i * batch onwards. So a batch may span two epochs, every image is seen once per
//! epoch whatever the batch, and where a run stands follows from its iteration alone.

use flexmac_nn::{Purpose, SplitMix};

/// Yields the images of any iteration.
#[derive(Debug, Clone)]
pub struct Order {
    seed: u64,
    images: usize,
    /// The permutation made last.
    current: Option<(u64, Vec<u32>)>,
}

impl Order {
    /// The order of `images` images (at least 1, fewer than 2^32) under a seed.
    pub fn new(seed: u64, images: usize) -> Self {
        Self { seed, images, current: None }
    }

    /// Image numbers of an iteration's batch.
    pub fn batch(&mut self, iteration: u64, batch: usize) -> Vec<usize> {
        let first = iteration * batch as u64;
        (first..first + batch as u64).map(|sample| self.image(sample)).collect()
    }

    fn image(&mut self, sample: u64) -> usize {
        let (epoch, place) = (sample / self.images as u64, sample % self.images as u64);
        if self.current.as_ref().is_none_or(|(made, _)| *made != epoch) {
            self.current = Some((epoch, permutation(self.seed, epoch, self.images)));
        }
        let (_, permutation) = self.current.as_ref().expect("made above");
        permutation[place as usize] as usize
    }
}

/// Fisher and Yates's shuffle.
fn permutation(seed: u64, epoch: u64, images: usize) -> Vec<u32> {
    let mut random = SplitMix::new(seed, Purpose::Order, epoch);
    // Image counts are below 2^32.
    let mut order: Vec<u32> = (0..images as u32).collect();
    for last in (1..images).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_sees_every_image_once() {
        let mut order = Order::new(1, 10);
        let samples: Vec<_> = (0..10).flat_map(|iteration| order.batch(iteration, 4)).collect();
        for epoch in samples.chunks(10) {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(samples[..10], samples[10..20]);
    }

    #[test]
    fn an_iteration_does_not_depend_on_the_ones_before() {
        let mut walked = Order::new(7, 50);
        let all: Vec<_> = (0..20).map(|iteration| walked.batch(iteration, 16)).collect();
        assert_eq!(Order::new(7, 50).batch(19, 16), all[19]);
        assert_ne!(Order::new(8, 50).batch(19, 16), all[19]);
    }
}
