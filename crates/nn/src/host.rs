//! Rounding on the host: updated parameters, input images, and gradients that the host sums.
//!
//! Stochastic rounding draws its random words from the same kind of streams as the array. A tensor
//! is split into chunks of [`CHUNK`] elements; element i of a chunk uses stream i mod [`STREAMS`]
//! of the chunk. Stream s of chunk c of tensor t is seeded as column `2^40 part + STREAMS c + s`
//! of tile t would be ([`SeedPath::column_seed`], [`Part`]). So results do not depend on the number of threads, and all
//! streams of a chunk advance together.

use flexmac_fxp::{Counters, Format, Lfsr, Role, Rounding, SeedPath, Words};
use ndarray::Array2;
use rayon::prelude::*;

use crate::element::Number;

/// Elements in a chunk, the unit of work of one thread.
pub(crate) const CHUNK: usize = 4096;

/// Random streams of a chunk.
const STREAMS: usize = 16;

/// Which stored array of a tensor is rounded. One iteration may round several, and each has random
/// streams of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The tensor itself.
    Value = 0,
    /// Its momentum.
    Momentum = 1,
    /// The tensor, converted to a new storage format.
    MovedValue = 2,
    /// Its momentum, converted to a new storage format.
    MovedMomentum = 3,
    /// The copy that the array reads.
    Copy = 4,
    /// The gradient with respect to the tensor.
    Gradient = 5,
    /// The copy that the backward pass reads.
    Reused = 6,
    /// The sum of the gradients that several readers of the tensor give.
    Merged = 7,
}

/// How the host rounds one tensor in one iteration: the mode, and the seed path of its streams.
#[derive(Debug, Clone, Copy)]
pub struct HostRounding {
    /// The rounding mode.
    pub rounding: Rounding,
    /// The run's seed.
    pub run: u64,
    /// The iteration.
    pub iteration: u64,
    /// Number of the layer.
    pub layer: u64,
    /// The purpose of the rounding.
    pub role: Role,
    /// Number of the tensor.
    pub tensor: usize,
}

impl HostRounding {
    /// The random streams of chunk `chunk` of `part`: those of its columns, if it is read as rows of
    /// [`STREAMS`] elements. `None` unless rounding is stochastic.
    fn streams(&self, part: Part, chunk: usize) -> Option<[Lfsr; STREAMS]> {
        if self.rounding != Rounding::Stochastic {
            return None;
        }
        let path = SeedPath {
            run: self.run,
            iteration: self.iteration,
            layer: self.layer,
            role: self.role,
        };
        // There are fewer than 2^40 streams; the part is in the bits above.
        let first = (part as u64) << 40 | (chunk * STREAMS) as u64;
        let seed = |stream| Lfsr::new(path.column_seed(self.tensor as u64, first + stream as u64));
        Some(std::array::from_fn(seed))
    }

    /// Computes `targets` from `sources`, chunk by chunk and in parallel: `round` takes the sources
    /// of a chunk, their random words and the targets to fill.
    ///
    /// # Panics
    /// If sources and targets differ in number.
    pub fn map<S: Sync, T: Number>(
        &self,
        part: Part,
        sources: &[S],
        targets: &mut [T],
        round: impl Fn(&[S], Words<'_>, &mut [T]) -> Counters + Sync,
    ) -> Counters {
        assert_eq!(sources.len(), targets.len(), "one target for each source");
        let chunks = targets.par_chunks_mut(CHUNK).zip(sources.par_chunks(CHUNK)).enumerate();
        let round = |(chunk, (targets, sources))| {
            self.with_words::<T>(part, chunk, |words| round(sources, words, targets))
        };
        chunks.map(round).sum()
    }

    /// Calls `round` with the random words of chunk `chunk` of `part`.
    pub(crate) fn with_words<T: Number>(
        &self,
        part: Part,
        chunk: usize,
        round: impl FnOnce(Words<'_>) -> Counters,
    ) -> Counters {
        // Float training does not round, so it needs no random words.
        match T::FIXED.then(|| self.streams(part, chunk)).flatten() {
            Some(mut streams) => round(Words::Columns(&mut streams)),
            None => round(Words::None),
        }
    }

    /// Rounds real numbers, given row by row, to `format`.
    pub fn quantize<T: Number>(
        &self,
        part: Part,
        values: &[f64],
        targets: &mut Array2<T>,
        format: Format,
    ) -> Counters {
        let targets = targets.as_slice_mut().expect("batches are stored row by row");
        self.map(part, values, targets, |values, words, targets| {
            T::quantize(values, format, self.rounding, words, targets)
        })
    }

    /// Rounds real numbers to `format`, chunk by chunk and in parallel: `reals` fills a slice with
    /// those from the given number on.
    pub(crate) fn quantize_with<T: Number>(
        &self,
        part: Part,
        targets: &mut Array2<T>,
        format: Format,
        reals: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Counters {
        let targets = targets.as_slice_mut().expect("batches are stored row by row");
        let chunks = targets.par_chunks_mut(CHUNK).enumerate();
        let round = |memory: &mut Vec<f64>, (chunk, targets): (usize, &mut [T])| {
            let values = &mut memory[..targets.len()];
            reals(chunk * CHUNK, values);
            self.with_words::<T>(part, chunk, |words| {
                T::quantize(values, format, self.rounding, words, targets)
            })
        };
        chunks.map_init(|| vec![0.0; CHUNK], round).sum()
    }

    /// Rounds sums in units of 2^-frac to `format`.
    pub fn round_sums<T: Number>(
        &self,
        part: Part,
        (sums, frac): (&[T::Sum], i32),
        targets: &mut Array2<T>,
        format: Format,
    ) -> Counters {
        let targets = targets.as_slice_mut().expect("batches are stored row by row");
        self.map(part, sums, targets, |sums, words, targets| {
            T::round_sums(sums, frac, format, self.rounding, words, targets)
        })
    }

    /// Converts elements from one format to another: `formats` is (from, to).
    pub fn convert<T: Number>(
        &self,
        part: Part,
        values: &[T],
        formats: (Format, Format),
        targets: &mut Array2<T>,
    ) -> Counters {
        let targets = targets.as_slice_mut().expect("parameters are stored row by row");
        self.map(part, values, targets, |values, words, targets| {
            T::convert(values, formats, self.rounding, words, targets)
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
        let mut out = Array2::zeros((1, sums.len()));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let counters = pool.install(|| host.round_sums(Part::Value, (&sums, 7), &mut out, format));
        (out.into_raw_vec_and_offset().0, counters)
    }

    #[test]
    fn the_result_depends_on_the_mode_not_on_threads() {
        for rounding in Rounding::ALL {
            assert_eq!(round(1, rounding), round(3, rounding));
        }
        assert_ne!(round(1, Rounding::Stochastic).0, round(1, Rounding::Nearest).0);
        assert_eq!(round(1, Rounding::Nearest).1.emitted, 3 * 4096 + 17);
    }
}
