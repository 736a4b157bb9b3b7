//! Rounding on the host: parameters after the update, the input, gradients summed outside the array.
//!
//! The random words of stochastic rounding come from the architecture's own stream. A tensor is cut
//! into chunks of [`CHUNK`] elements, and chunk c of tensor t takes the stream of "column" c of
//! "tile" t of the path, so results do not depend on the number of threads.

use fxp::{Counters, Format, Lfsr, Role, Rounding, SeedPath};
use ndarray::Array2;
use rayon::prelude::*;

use crate::element::Number;

/// Elements that share one random stream.
pub(crate) const CHUNK: usize = 4096;

/// What is being rounded, where one tensor is rounded more than once on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The tensor itself.
    Value = 0,
    /// Its momentum.
    Momentum = 1,
    /// The tensor, moved to a new format.
    MovedValue = 2,
    /// Its momentum, moved to a new format.
    MovedMomentum = 3,
    /// The copy that enters the array.
    Copy = 4,
    /// The gradient with respect to it.
    Gradient = 5,
}

/// One host-side rounding of one tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostRounding {
    pub rounding: Rounding,
    pub run: u64,
    pub iteration: u64,
    pub layer: u64,
    pub role: Role,
    pub tensor: usize,
}

impl HostRounding {
    /// The words for chunk `chunk` of `part`.
    pub fn words(&self, part: Part, chunk: usize) -> Words {
        if self.rounding != Rounding::Stochastic {
            return Words(None);
        }
        let path = SeedPath {
            run: self.run,
            iteration: self.iteration,
            layer: self.layer,
            role: self.role,
        };
        // Chunks number fewer than 2^32, parts are above them.
        let column = (part as u64) << 32 | chunk as u64;
        Words(Some(Lfsr::new(path.column_seed(self.tensor as u64, column))))
    }

    /// Makes each target from its source and a random word.
    pub fn map<S: Sync, T: Send>(
        &self,
        part: Part,
        sources: &[S],
        targets: &mut [T],
        round: impl Fn(&S, u32, &mut Counters) -> T + Sync,
    ) -> Counters {
        assert_eq!(sources.len(), targets.len(), "one target for each source");
        let chunks = targets.par_chunks_mut(CHUNK).zip(sources.par_chunks(CHUNK)).enumerate();
        merge(chunks.map(|(chunk, (targets, sources))| {
            let (mut words, mut counters) = (self.words(part, chunk), Counters::default());
            for (target, source) in targets.iter_mut().zip(sources) {
                *target = round(source, words.next(), &mut counters);
            }
            counters
        }))
    }

    /// Rounds real numbers, row by row, to a format.
    pub fn quantize<T: Number>(
        &self,
        part: Part,
        values: &[f64],
        targets: &mut Array2<T>,
        format: Format,
    ) -> Counters {
        let targets = targets.as_slice_mut().expect("batches are stored row by row");
        self.map(part, values, targets, |value, word, counters| {
            T::quantize(*value, format, self.rounding, word, counters)
        })
    }

    /// Remakes each element from itself and a random word.
    pub fn update<T: Copy + Send>(
        &self,
        part: Part,
        elements: &mut [T],
        round: impl Fn(T, u32, &mut Counters) -> T + Sync,
    ) -> Counters {
        merge(elements.par_chunks_mut(CHUNK).enumerate().map(|(chunk, elements)| {
            let (mut words, mut counters) = (self.words(part, chunk), Counters::default());
            for element in elements {
                *element = round(*element, words.next(), &mut counters);
            }
            counters
        }))
    }
}

/// Adds up counters; sums and ORs, so the order does not matter.
pub(crate) fn merge(parts: impl ParallelIterator<Item = Counters>) -> Counters {
    parts.reduce(Counters::default, |mut total, part| {
        total.merge(&part);
        total
    })
}

/// A chunk's random words; zeros unless rounding is stochastic.
pub(crate) struct Words(Option<Lfsr>);

impl Words {
    pub fn next(&mut self) -> u32 {
        self.0.as_mut().map_or(0, |stream| {
            let word = stream.word();
            stream.step();
            word
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(threads: usize, rounding: Rounding) -> (Vec<i32>, Counters) {
        let host = HostRounding {
            rounding,
            run: 5,
            iteration: 2,
            layer: 1,
            role: Role::HostActivation,
            tensor: 3,
        };
        let sums: Vec<i64> = (0..3 * CHUNK as i64 + 17).map(|i| i * 977 - 4_000_000).collect();
        let format = Format::new(16, 0).unwrap();
        let mut out = vec![0; sums.len()];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let counters = pool.install(|| {
            host.map(Part::Value, &sums, &mut out, |sum, word, counters| {
                i32::round_sum(*sum, 7, format, rounding, word, counters)
            })
        });
        (out, counters)
    }

    #[test]
    fn threads_do_not_matter_but_the_mode_does() {
        for rounding in Rounding::ALL {
            assert_eq!(round(1, rounding), round(3, rounding));
        }
        assert_ne!(round(1, Rounding::Stochastic).0, round(1, Rounding::Nearest).0);
        assert_eq!(round(1, Rounding::Nearest).1.emitted, 3 * 4096 + 17);
    }
}
