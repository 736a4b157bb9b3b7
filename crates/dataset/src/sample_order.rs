//! The order in which training visits images: one permutation per epoch, which depends only on seed
//! and epoch.
//!
//! Sample s of a run is image `permutation[epoch][s mod images]` of epoch `s / images`. Iteration i
//! takes the samples from `i * batch` on. So a batch may span two epochs, each epoch visits every
//! image once for any batch size, and the iteration number is all the state there is.

use flexmac_nn::{Purpose, SplitMix};

/// Computes which images an iteration uses.
///
/// ```
/// let mut order = flexmac_dataset::SampleOrder::new(1, 10);
/// let mut epoch: Vec<usize> = (0..2).flat_map(|iteration| order.batch(iteration, 5)).collect();
/// epoch.sort_unstable();
/// assert_eq!(epoch, (0..10).collect::<Vec<_>>());
/// ```
#[derive(Debug, Clone)]
pub struct SampleOrder {
    seed: u64,
    images: usize,
    /// The permutation computed last, with its epoch.
    current: Option<(u64, Vec<u32>)>,
}

impl SampleOrder {
    /// The order of `images` images (at least 1, fewer than 2^32) for a seed.
    pub fn new(seed: u64, images: usize) -> Self {
        Self { seed, images, current: None }
    }

    /// Numbers of the `batch` images of an iteration.
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

/// The Fisher-Yates shuffle.
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
        let mut order = SampleOrder::new(1, 10);
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
        let mut walked = SampleOrder::new(7, 50);
        let all: Vec<_> = (0..20).map(|iteration| walked.batch(iteration, 16)).collect();
        assert_eq!(SampleOrder::new(7, 50).batch(19, 16), all[19]);
        assert_ne!(SampleOrder::new(8, 50).batch(19, 16), all[19]);
    }
}
