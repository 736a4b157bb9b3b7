//! Rounding on the host: parameters after the update, the input, gradients summed outside the array.
//!
//! The random words of stochastic rounding come from the architecture's own streams. A tensor is cut
//! into chunks of [`CHUNK`] elements, and the elements of a chunk are dealt out to [`STREAMS`]
//! streams in turn: stream s of chunk c of tensor t is that of "column" STREAMS c + s of "tile" t of
//! the path. So results do not depend on the number of threads, and streams step side by side.

use flexmac_fxp::{Counters, Format, Lfsr, Role, Rounding, SeedPath};
use ndarray::Array2;
use rayon::prelude::*;

use crate::element::Number;

/// Elements that one core rounds at a time.
pub(crate) const CHUNK: usize = 4096;

/// Streams of a chunk.
const STREAMS: usize = 16;

/// What is being rounded, where one tensor is rounded more than once on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
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
pub struct HostRounding {
    /// How.
    pub rounding: Rounding,
    /// The run's seed.
    pub run: u64,
    /// The iteration.
    pub iteration: u64,
    /// Number of the layer.
    pub layer: u64,
    /// What the rounding is for.
    pub role: Role,
    /// Number of the tensor.
    pub tensor: usize,
}

impl HostRounding {
    /// The streams of `count` elements, chunk `chunk` of `part`; none unless rounding is stochastic.
    pub fn streams(&self, part: Part, chunk: usize, count: usize) -> Vec<Lfsr> {
        if self.rounding != Rounding::Stochastic {
            return Vec::new();
        }
        let path = SeedPath {
            run: self.run,
            iteration: self.iteration,
            layer: self.layer,
            role: self.role,
        };
        // Streams number fewer than 2^40, parts are above them.
        let first = (part as u64) << 40 | (chunk * STREAMS) as u64;
        let seed = |stream| Lfsr::new(path.column_seed(self.tensor as u64, first + stream as u64));
        let mut streams: Vec<_> = (0..STREAMS).map(seed).collect();
        streams.resize(count.max(STREAMS), Lfsr::new(1));
        Lfsr::fill_rows(&mut streams, STREAMS);
        streams.truncate(count);
        streams
    }

    /// Makes targets from sources, chunk by chunk: `round` is given a chunk of sources, their streams
    /// and where the targets go.
    pub fn map<S: Sync, T: Number>(
        &self,
        part: Part,
        sources: &[S],
        targets: &mut [T],
        round: impl Fn(&[S], &[Lfsr], &mut [T]) -> Counters + Sync,
    ) -> Counters {
        assert_eq!(sources.len(), targets.len(), "one target for each source");
        let chunks = targets.par_chunks_mut(CHUNK).zip(sources.par_chunks(CHUNK)).enumerate();
        merge(chunks.map(|(chunk, (targets, sources))| {
            // A float run has no use for random words.
            let count = if T::FIXED { sources.len() } else { 0 };
            round(sources, &self.streams(part, chunk, count), targets)
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
        self.map(part, values, targets, |values, streams, targets| {
            T::quantize(values, format, self.rounding, streams, targets)
        })
    }

    /// Rounds sums whose last place is 2^-frac to a format.
    pub fn round_sums<T: Number>(
        &self,
        part: Part,
        (sums, frac): (&[T::Sum], i32),
        targets: &mut Array2<T>,
        format: Format,
    ) -> Counters {
        let targets = targets.as_slice_mut().expect("batches are stored row by row");
        self.map(part, sums, targets, |sums, streams, targets| {
            T::round_sums(sums, frac, format, self.rounding, streams, targets)
        })
    }

    /// Moves elements from one format to another.
    pub fn convert<T: Number>(
        &self,
        part: Part,
        values: &[T],
        formats: (Format, Format),
        targets: &mut Array2<T>,
    ) -> Counters {
        let targets = targets.as_slice_mut().expect("parameters are stored row by row");
        self.map(part, values, targets, |values, streams, targets| {
            T::convert(values, formats, self.rounding, streams, targets)
        })
    }
}

/// Counters of all chunks.
pub(crate) fn merge(parts: impl ParallelIterator<Item = Counters>) -> Counters {
    parts.reduce(Counters::default, |mut total, part| {
        total.merge(&part);
        total
    })
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
    fn threads_do_not_matter_but_the_mode_does() {
        for rounding in Rounding::ALL {
            assert_eq!(round(1, rounding), round(3, rounding));
        }
        assert_ne!(round(1, Rounding::Stochastic).0, round(1, Rounding::Nearest).0);
        assert_eq!(round(1, Rounding::Nearest).1.emitted, 3 * 4096 + 17);
    }
}
