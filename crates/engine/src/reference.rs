//! The reference engine: exact sums, one rounding, cycles from the cycle model.
//!
//! The result is divided into tasks of whole rows. A thread multiplies and rounds a task while its
//! sums are in the cache. If rows are few (weight gradients), the threads split K instead. In that
//! case, or if the sums are to be returned, rounding follows when all sums are complete.

use std::num::NonZeroUsize;

use flexmac_array::{ArrayConfig, Layout};
use flexmac_fxp::{Counters, Lfsr, RightOperand, Start, Sums, Words, check_range, exact_gemm};
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, Stats};
use crate::error::{EngineError, GemmError};
use crate::lower::{IntegerGemm, lower};

/// Rows of the result per task, before rounding up to whole tiles.
const TASK_ROWS: usize = 64;

/// Computes the results, counters and cycles of an array of a given configuration, without
/// simulating it.
#[derive(Debug, Clone)]
pub struct ReferenceEngine {
    config: ArrayConfig,
    layout: Layout,
    arrays: NonZeroUsize,
}

impl ReferenceEngine {
    /// The reference of arrays of `config`, in the layout [`Layout::AsGiven`]. The configuration
    /// determines tile shapes (and so random streams), legal widths, and cycles.
    pub fn new(config: ArrayConfig) -> Self {
        Self { config, layout: Layout::AsGiven, arrays: NonZeroUsize::MIN }
    }

    /// Uses another layout for GEMMs of integers. GEMMs of floats always use [`Layout::AsGiven`].
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Counts cycles for `arrays` arrays that share each GEMM of integers: those of the slowest
    /// array. Results and counters do not change.
    #[must_use]
    pub fn with_arrays(self, arrays: NonZeroUsize) -> Self {
        Self { arrays, ..self }
    }

    /// The layout of GEMMs of integers.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The configuration.
    pub fn config(&self) -> &ArrayConfig {
        &self.config
    }
}

impl ReferenceEngine {
    /// Computes a GEMM that has been lowered for this configuration and layout.
    ///
    /// # Errors
    /// [`GemmError::Fxp`] for elements outside their formats.
    pub fn integer_gemm(&self, lowered: &IntegerGemm<'_>) -> Result<GemmResult<i32>, GemmError> {
        let schedule = &lowered.schedule;
        let edge = Edge::new(&self.config, lowered);
        let (values, counters, sums) = if lowered.keep_sums || lowered.a.nrows() < 2 * TASK_ROWS {
            let widths = (lowered.bits_a, lowered.bits_b);
            let sums = exact_gemm(lowered.a, lowered.b, widths, lowered.bias)?;
            let (values, counters) = edge.round_all(&sums);
            (values, counters, lowered.keep_sums.then_some(sums))
        } else {
            let (values, counters) = edge.multiply_and_round()?;
            (values, counters, None)
        };
        let cycles = match self.arrays.get() {
            1 => schedule.cycles(&self.config),
            arrays => schedule.sharded_cycles(&self.config, lowered.seed.role, arrays),
        };
        Ok(GemmResult { values, sums, stats: Stats::of(schedule, counters, cycles) })
    }
}

impl Engine<i32> for ReferenceEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        Ok(self.integer_gemm(&lower(&self.config, self.layout, gemm)?)?)
    }

    fn name(&self) -> &'static str {
        "reference"
    }
}

/// The requantizers at the array's edge, for one GEMM.
struct Edge<'r, 'd> {
    lowered: &'r IntegerGemm<'d>,
    /// Rows of a tile, and columns of the array, in the layout of the array.
    rows: usize,
    cols: usize,
    /// Columns of the result.
    n: usize,
    /// Rows of the result per task: whole tiles.
    task_rows: usize,
}

/// Buffers that a thread reuses from task to task.
#[derive(Default)]
struct Scratch {
    sums: Option<Sums>,
    streams: Streams,
}

/// Random streams.
#[derive(Default)]
struct Streams {
    /// Those of one band of tiles: of its first row, or, if the GEMM is transposed, row by row of
    /// the array.
    tiles: Vec<Lfsr>,
    /// If the GEMM is transposed: one stream for each value of a task, row by row of the result.
    values: Vec<Lfsr>,
}

impl<'r, 'd> Edge<'r, 'd> {
    fn new(config: &ArrayConfig, lowered: &'r IntegerGemm<'d>) -> Self {
        let (rows, cols) = (lowered.schedule.band_rows(), config.cols());
        // Rows of the result lie on rows of the array, or on its columns.
        let tile = if lowered.schedule.transposed { cols } else { rows };
        let task_rows = TASK_ROWS.next_multiple_of(tile);
        Self { lowered, rows, cols, n: lowered.b.ncols(), task_rows }
    }

    /// Multiplies and rounds task by task, on all threads.
    fn multiply_and_round(&self) -> Result<(Array2<i32>, Counters), GemmError> {
        let lowered = self.lowered;
        let start: Option<&Start<'_>> = lowered.bias.as_ref();
        let bits_a = check_range('A', &lowered.a, lowered.bits_a)?;
        let bits_b = check_range('B', &lowered.b, lowered.bits_b)?;
        let right = RightOperand::new(lowered.b, (bits_a, bits_b), start);
        Ok(self.run_tasks(|first, out, Scratch { sums, streams }| {
            let rows = out.len() / self.n;
            let sums = sums.get_or_insert_with(|| right.zeros(self.task_rows));
            right.product(lowered.a, first, start, sums.rows_mut(rows));
            self.round(sums, 0, first, out, streams)
        }))
    }

    /// Rounds all sums, on all threads.
    fn round_all(&self, sums: &Sums) -> (Array2<i32>, Counters) {
        self.run_tasks(|first, out, scratch| {
            self.round(sums, first, first, out, &mut scratch.streams)
        })
    }

    /// Fills the result on all threads: calls `fill` with the first row of each task, its values
    /// row by row, and the thread's buffers.
    fn run_tasks(
        &self,
        fill: impl Fn(usize, &mut [i32], &mut Scratch) -> Counters + Sync,
    ) -> (Array2<i32>, Counters) {
        let mut values = Array2::zeros((self.lowered.a.nrows(), self.n));
        let counters = values
            .axis_chunks_iter_mut(Axis(0), self.task_rows)
            .into_par_iter()
            .enumerate()
            .map_init(Scratch::default, |scratch, (task, mut rows)| {
                let out = rows.as_slice_mut().expect("rows of a matrix made in row order");
                fill(task * self.task_rows, out, scratch)
            })
            .reduce(Counters::default, |mut total, part| {
                total.merge(&part);
                total
            });
        (values, counters)
    }

    /// Rounds whole rows into `out`: rows of the result from `first` on, where a tile begins. Their
    /// sums are the rows of `sums` from `offset` on.
    fn round(
        &self,
        sums: &Sums,
        offset: usize,
        first: usize,
        out: &mut [i32],
        streams: &mut Streams,
    ) -> Counters {
        let offset = offset * self.n;
        if !self.lowered.requantizer.needs_words() {
            return self.round_values(sums, offset, Words::None, out);
        }
        if self.lowered.schedule.transposed {
            let words = Words::Each(self.seed_transposed(first, out.len(), streams));
            return self.round_values(sums, offset, words, out);
        }
        // Streams start at the first row of a tile and advance by one step per row.
        let mut counters = Counters::default();
        let band = self.rows * self.n;
        streams.tiles.resize(self.n, Lfsr::new(1));
        for (number, out) in out.chunks_mut(band).enumerate() {
            self.seed_tiles((first + number * self.rows, 0), &mut streams.tiles);
            let words = Words::Columns(&mut streams.tiles);
            counters.merge(&self.round_values(sums, offset + number * band, words, out));
        }
        counters
    }

    /// Rounds the sums from number `first` on, counted row by row.
    fn round_values(
        &self,
        sums: &Sums,
        first: usize,
        words: Words<'_>,
        out: &mut [i32],
    ) -> Counters {
        let requantizer = &self.lowered.requantizer;
        let span = first..first + out.len();
        match sums {
            Sums::Single(sums) => requantizer.apply_slice(&in_memory(sums)[span], words, out),
            Sums::Double(sums) => requantizer.apply_slice(&in_memory(sums)[span], words, out),
            Sums::Short(sums) => requantizer.apply_slice(&in_memory(sums)[span], words, out),
            Sums::Narrow(sums) => requantizer.apply_slice(&in_memory(sums)[span], words, out),
            Sums::Wide(sums) => requantizer.apply_slice(&in_memory(sums)[span], words, out),
        }
    }

    /// One stream for each of `count` values from row `first` of the result on, where rows of the
    /// result lie on columns of the array.
    fn seed_transposed<'s>(
        &self,
        first: usize,
        count: usize,
        Streams { tiles, values }: &'s mut Streams,
    ) -> &'s [Lfsr] {
        values.resize(count, Lfsr::new(1));
        let across = count / self.n;
        for top in (0..self.n).step_by(self.rows) {
            let height = self.rows.min(self.n - top);
            tiles.resize(height * across, Lfsr::new(1));
            self.seed_tiles((first, top), &mut tiles[..across]);
            Lfsr::fill_rows(tiles, across);
            for (row, tiles) in tiles.chunks(across).enumerate() {
                for (column, stream) in tiles.iter().enumerate() {
                    values[column * self.n + top + row] = *stream;
                }
            }
        }
        values
    }

    /// Seeds the first row of a band of tiles. Its first tile begins at `corner` of the result.
    fn seed_tiles(&self, corner: (usize, usize), streams: &mut [Lfsr]) {
        let tile = self.lowered.schedule.position(corner).tile;
        self.lowered.seed.seed_row(tile, self.cols, streams);
    }
}

/// The elements, row by row.
fn in_memory<S>(sums: &Array2<S>) -> &[S] {
    sums.as_slice().expect("sums are made in row order")
}
