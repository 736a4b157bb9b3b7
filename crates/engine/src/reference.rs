//! The reference engine: exact sums, one rounding, cycles from the cycle model.
//!
//! The result is divided into tasks of whole rows. A thread multiplies and rounds a task while its
//! sums are in the cache. If rows are few (weight gradients), the threads split K instead. In that
//! case, or if the sums are to be returned, rounding follows when all sums are complete.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flexmac_array::{ArrayConfig, Cycles, Layout, Schedule};
use flexmac_fxp::{
    Counters, GemmScratch, Kernel, Lfsr, Matrix, RightOperand, Role, Start, Sums, Words,
    check_range, exact_gemm, vectorized,
};
use ndarray::Array2;
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, ImplicitGemm, RowSink, Stats};
use crate::error::{EngineError, GemmError};
use crate::lower::{IntegerGemm, Plan, full_cycles, lower, plan};
use crate::skipping::Skipping;

/// Rows of the result per task, before rounding up to whole tiles.
const TASK_ROWS: usize = 64;

/// Matrices whose memory is kept for later results.
const MOST_SPARE: usize = 32;

/// Computes the results, counters and cycles of an array of a given configuration, without
/// simulating it.
#[derive(Debug)]
pub struct ReferenceEngine {
    config: ArrayConfig,
    layout: Layout,
    arrays: NonZeroUsize,
    /// Whether planes are skipped.
    skips_planes: bool,
    /// Memory for results.
    spare: Mutex<VecDeque<Vec<i32>>>,
}

impl Clone for ReferenceEngine {
    /// The same reference, with no memory of its own yet.
    fn clone(&self) -> Self {
        Self::new(self.config.clone())
            .with_layout(self.layout)
            .with_arrays(self.arrays)
            .with_plane_skipping(self.skips_planes)
    }
}

impl ReferenceEngine {
    /// The reference of arrays of `config`, in the layout [`Layout::AsGiven`]. The configuration
    /// determines tile shapes (and so random streams), legal widths, and cycles.
    pub fn new(config: ArrayConfig) -> Self {
        let (layout, arrays) = (Layout::AsGiven, NonZeroUsize::MIN);
        Self { config, layout, arrays, skips_planes: false, spare: Mutex::default() }
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

    /// Counts passes and cycles of GEMMs of integers with skipped planes. Results and counters do
    /// not change.
    #[must_use]
    pub fn with_plane_skipping(self, skips_planes: bool) -> Self {
        Self { skips_planes, ..self }
    }

    /// Whether planes are skipped.
    pub fn skips_planes(&self) -> bool {
        self.skips_planes
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
        let operands = (lowered.a.into(), lowered.b.into());
        let stats = |counters| {
            let cycles = match lowered.skipping {
                None => self.full_cycles(&lowered.schedule, lowered.seed.role),
                Some(skipping) => skipping.work(&self.config).cycles,
            };
            lowered.stats(&self.config, self.arrays, counters, cycles)
        };
        self.planned_gemm(operands, &Plan::of(lowered), lowered.keep_sums, stats)
    }

    fn planned_gemm(
        &self,
        (a, b): (Matrix<'_, i32>, Matrix<'_, i32>),
        plan: &Plan<'_>,
        keep_sums: bool,
        stats: impl FnOnce(Counters) -> Stats,
    ) -> Result<GemmResult<i32>, GemmError> {
        let edge = Edge::new(&self.config, plan, (a.nrows(), b.ncols()));
        let (values, counters, sums) = if keep_sums || a.nrows() < 2 * TASK_ROWS {
            let sums = exact_gemm(a, b, (plan.bits_a, plan.bits_b), plan.bias)?;
            let (values, counters) = edge.round_all(&sums, self.spare_memory(edge.m * edge.n));
            (values, counters, keep_sums.then_some(sums))
        } else {
            let product = edge.product(a.view(), b.view())?;
            let (values, counters) = edge.run_tasks(self.spare_memory(edge.m * edge.n), product);
            (values, counters, None)
        };
        Ok(GemmResult { values, sums, stats: stats(counters) })
    }

    /// Cycles without skipping.
    fn full_cycles(&self, schedule: &Schedule, role: Role) -> Cycles {
        full_cycles(schedule, &self.config, role, self.arrays)
    }

    /// The statistics of a planned GEMM of these operands.
    fn stats(
        &self,
        plan: &Plan<'_>,
        operands: (Matrix<'_, i32>, Matrix<'_, i32>),
        counters: Counters,
    ) -> Stats {
        let (schedule, role) = (&plan.schedule, plan.seed.role);
        let full = Stats::of(schedule, counters, self.full_cycles(schedule, role));
        if !self.skips_planes {
            return full;
        }
        let skipping = Skipping::new(&self.config, schedule, operands, role, self.arrays);
        full.skipped(&skipping.work(&self.config))
    }

    /// Memory for `length` values, of any content.
    fn spare_memory(&self, length: usize) -> Vec<i32> {
        let mut spare = self.spare();
        match spare.iter().position(|memory| memory.len() == length) {
            Some(index) => spare.remove(index).expect("the position of one"),
            None => vec![0; length],
        }
    }

    fn spare(&self) -> MutexGuard<'_, VecDeque<Vec<i32>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine<i32> for ReferenceEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        let lowered = lower(&self.config, self.layout, gemm)?;
        let found = self.skips_planes.then(|| lowered.find_skipping(&self.config, self.arrays));
        Ok(self.integer_gemm(&lowered.with_skipping(found.as_ref()))?)
    }

    fn implicit_gemm(
        &mut self,
        gemm: &ImplicitGemm<'_, i32>,
    ) -> Result<GemmResult<i32>, EngineError> {
        let plan = plan(&self.config, self.layout, gemm)?;
        let operands = || (gemm.a.0.view(), gemm.b.0.view());
        let stats = |counters| self.stats(&plan, operands(), counters);
        Ok(self.planned_gemm(operands(), &plan, false, stats)?)
    }

    fn implicit_gemm_into(
        &mut self,
        gemm: &ImplicitGemm<'_, i32>,
        sink: &dyn RowSink<i32>,
    ) -> Result<GemmResult<i32>, EngineError> {
        let plan = plan(&self.config, self.layout, gemm)?;
        let (a, b) = (gemm.a.0.view(), gemm.b.0.view());
        let edge = Edge::new(&self.config, &plan, (a.nrows(), b.ncols()));
        let product = edge.product(a, b)?;
        let counters = edge.run_tasks_into(sink, product);
        let stats = self.stats(&plan, (gemm.a.0.view(), gemm.b.0.view()), counters);
        Ok(GemmResult { values: Array2::zeros((0, edge.n)), sums: None, stats })
    }

    fn recycle(&mut self, matrix: Array2<i32>) {
        let mut spare = self.spare();
        spare.push_back(matrix.into_raw_vec_and_offset().0);
        if spare.len() > MOST_SPARE {
            spare.pop_front();
        }
    }

    fn memory(&mut self, length: usize) -> Vec<i32> {
        self.spare_memory(length)
    }

    fn name(&self) -> &'static str {
        "reference"
    }
}

/// The requantizers at the array's edge, for one GEMM.
struct Edge<'r, 'd> {
    plan: &'r Plan<'d>,
    /// Rows of a tile, and columns of the array, in the layout of the array.
    rows: usize,
    cols: usize,
    /// Rows and columns of the result.
    m: usize,
    n: usize,
    /// Rows of the result per task: whole tiles.
    task_rows: usize,
}

/// Buffers that a thread reuses from task to task.
#[derive(Default)]
struct Scratch {
    sums: Option<Sums>,
    gemm: GemmScratch,
    streams: Streams,
    /// Rounded rows that a sink takes.
    values: Vec<i32>,
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
    fn new(config: &ArrayConfig, plan: &'r Plan<'d>, (m, n): (usize, usize)) -> Self {
        let (rows, cols) = (plan.schedule.band_rows(), config.cols());
        // Rows of the result lie on rows of the array, or on its columns.
        let tile = if plan.schedule.transposed { cols } else { rows };
        Self { plan, rows, cols, m, n, task_rows: TASK_ROWS.next_multiple_of(tile) }
    }

    /// What multiplies and rounds a task: it takes the task's first row, the values to fill, row by
    /// row, and a thread's buffers.
    fn product<'e>(
        &'e self,
        a: Matrix<'e, i32>,
        b: Matrix<'_, i32>,
    ) -> Result<
        impl Fn(usize, &mut [i32], &mut Scratch) -> Counters + Sync + use<'e, 'r, 'd>,
        GemmError,
    > {
        let start: Option<&Start<'_>> = self.plan.bias.as_ref();
        let bits_a = check_range('A', a, self.plan.bits_a)?;
        let bits_b = check_range('B', b, self.plan.bits_b)?;
        let right = RightOperand::new(b, (bits_a, bits_b), start);
        Ok(move |first: usize, out: &mut [i32], scratch: &mut Scratch| {
            let Scratch { sums, gemm, streams, .. } = scratch;
            let rows = out.len() / self.n;
            let sums = sums.get_or_insert_with(|| right.zeros(self.task_rows));
            right.product(a, first, start, sums.rows_mut(rows), gemm);
            self.round(sums, 0, first, out, streams)
        })
    }

    /// Rounds all sums, on all threads. `memory` is for the result.
    fn round_all(&self, sums: &Sums, memory: Vec<i32>) -> (Array2<i32>, Counters) {
        self.run_tasks(memory, |first, out, scratch| {
            self.round(sums, first, first, out, &mut scratch.streams)
        })
    }

    /// Fills the result on all threads: calls `fill` with the first row of each task, its values
    /// row by row, and the thread's buffers.
    fn run_tasks(
        &self,
        mut memory: Vec<i32>,
        fill: impl Fn(usize, &mut [i32], &mut Scratch) -> Counters + Sync,
    ) -> (Array2<i32>, Counters) {
        let counters = memory
            .par_chunks_mut(self.task_rows * self.n)
            .enumerate()
            .map_init(Scratch::default, |scratch, (task, out)| {
                fill(task * self.task_rows, out, scratch)
            })
            .sum();
        let values = Array2::from_shape_vec((self.m, self.n), memory).expect("m * n values");
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
        if !self.plan.requantizer.needs_words() {
            return self.round_values(sums, offset, Words::None, out);
        }
        if self.plan.schedule.transposed {
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
        let requantizer = &self.plan.requantizer;
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
            vectorized(Transpose { tiles, across, values: &mut values[top..], columns: self.n });
        }
        values
    }

    /// Computes the rows task by task, on all threads, and gives them to the sink.
    fn run_tasks_into(
        &self,
        sink: &dyn RowSink<i32>,
        fill: impl Fn(usize, &mut [i32], &mut Scratch) -> Counters + Sync,
    ) -> Counters {
        let tasks = (0..self.m.div_ceil(self.task_rows)).into_par_iter();
        let parts = tasks.map_init(Scratch::default, |scratch, task| {
            let first = task * self.task_rows;
            let mut out = std::mem::take(&mut scratch.values);
            out.resize(self.task_rows.min(self.m - first) * self.n, 0);
            let counters = fill(first, &mut out, scratch);
            sink.take_rows(first, &out);
            scratch.values = out;
            counters
        });
        parts.sum()
    }

    /// Seeds the first row of a band of tiles. Its first tile begins at `corner` of the result.
    fn seed_tiles(&self, corner: (usize, usize), streams: &mut [Lfsr]) {
        let tile = self.plan.schedule.position(corner).tile;
        self.plan.seed.seed_row(tile, self.cols, streams);
    }
}

/// Writes streams, row by row of the array and `across` in a row, to the rows of a matrix.
struct Transpose<'a> {
    tiles: &'a [Lfsr],
    across: usize,
    values: &'a mut [Lfsr],
    columns: usize,
}

impl Kernel for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        /// Rows of the array at a time, so that the compiler gathers them into a vector.
        const BLOCK: usize = 16;
        let height = self.tiles.len() / self.across;
        for column in 0..self.across {
            let values = &mut self.values[column * self.columns..][..height];
            let (blocks, rest) = values.as_chunks_mut::<BLOCK>();
            for (block, values) in blocks.iter_mut().enumerate() {
                let tiles = &self.tiles[block * BLOCK * self.across + column..];
                let tiles = &tiles[..(BLOCK - 1) * self.across + 1];
                for (row, value) in values.iter_mut().enumerate() {
                    *value = tiles[row * self.across];
                }
            }
            let done = blocks.len() * BLOCK;
            for (row, value) in rest.iter_mut().enumerate() {
                *value = self.tiles[(done + row) * self.across + column];
            }
        }
    }
}

/// The elements, row by row.
fn in_memory<S>(sums: &Array2<S>) -> &[S] {
    sums.as_slice().expect("sums are made in row order")
}
