//! The reference engine: exact sums, one rounding, and the cycles the model predicts.
//!
//! A band of rows is multiplied and rounded by one core while it is in its cache; products with few
//! rows (weight gradients) share K among the cores instead and are rounded afterwards.

use fxp::{Counters, Lfsr, RightOperand, Rounded, Rounding, Sums, check_range, exact_gemm};
use ndarray::{Array2, ArrayViewMut2, Axis};
use rayon::prelude::*;
use rtlgen::{Config, Layout};

use crate::engine::{Engine, Outcome, Product, Stats};
use crate::error::EngineError;
use crate::lower::{Lowered, lower};

/// Rows that one core takes at a time, before rounding up to whole tiles.
const BAND: usize = 64;

/// Computes what an array of one configuration computes, from the arithmetic alone.
#[derive(Debug, Clone)]
pub struct ReferenceEngine {
    config: Config,
    layout: Layout,
}

impl ReferenceEngine {
    /// A reference for arrays of `config`, which decides tile shapes (and so random streams),
    /// widths and cycles.
    pub fn new(config: Config) -> Self {
        Self { config, layout: Layout::AsGiven }
    }

    /// Lays products on the array in another way than as given.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Engine<i32> for ReferenceEngine {
    fn gemm(&mut self, product: &Product<'_, i32>) -> Result<Outcome<i32>, EngineError> {
        let lowered = lower(&self.config, self.layout, product)?;
        let schedule = &lowered.schedule;
        let edge = Edge::new(&self.config, &lowered, product);
        let (values, counters, sums) = if product.keep_sums || lowered.a.nrows() < 2 * BAND {
            let sums = exact_gemm(lowered.a, lowered.b, lowered.bits_a, lowered.bits_b)?;
            let (values, counters) = edge.round_all(&sums);
            (values, counters, product.keep_sums.then(|| with_bias(&lowered, &sums)))
        } else {
            let (values, counters) = edge.multiply_and_round()?;
            (values, counters, None)
        };
        let macs = (schedule.m * schedule.k * schedule.n) as u64;
        let stats = Stats {
            counters,
            cycles: schedule.cycles(&self.config),
            tiles: schedule.tiles() as u64,
            tiles_checked: 0,
            macs,
            mac_passes: macs * u64::from(schedule.passes()),
        };
        Ok(Outcome { values, sums, stats })
    }

    fn name(&self) -> &'static str {
        "reference"
    }
}

/// The requantizers at the array's edge, for one product.
struct Edge<'r, 'd> {
    lowered: &'r Lowered<'d>,
    product: &'r Product<'d, i32>,
    /// Rows of a tile, and columns of the array.
    rows: usize,
    cols: usize,
    /// Rows that one core takes at a time; whole tiles where rows of the product lie on rows.
    band: usize,
}

impl<'r, 'd> Edge<'r, 'd> {
    fn new(config: &Config, lowered: &'r Lowered<'d>, product: &'r Product<'d, i32>) -> Self {
        let (rows, cols) = (lowered.schedule.band_rows(), config.cols());
        Self { lowered, product, rows, cols, band: BAND.next_multiple_of(rows) }
    }

    /// Multiplies and rounds band by band, on all cores.
    fn multiply_and_round(&self) -> Result<(Array2<i32>, Counters), EngineError> {
        let lowered = self.lowered;
        let (bits_a, bits_b) = (lowered.bits_a, lowered.bits_b);
        check_range('A', &lowered.a, bits_a)?;
        let right = RightOperand::new(lowered.b, bits_a, bits_b)?;
        let schedule = &lowered.schedule;
        Ok(self.bands(|first, chunk| {
            let mut sums = Sums::zeros(chunk.dim(), bits_a, bits_b, schedule.k);
            right.add_product(lowered.a, first, sums.view_mut());
            self.round(&sums, 0, first, chunk)
        }))
    }

    /// Rounds given sums, on all cores.
    fn round_all(&self, sums: &Sums) -> (Array2<i32>, Counters) {
        self.bands(|first, chunk| self.round(sums, first, first, chunk))
    }

    fn bands(
        &self,
        fill: impl Fn(usize, ArrayViewMut2<'_, i32>) -> Counters + Sync,
    ) -> (Array2<i32>, Counters) {
        let lowered = self.lowered;
        let mut values = Array2::zeros((lowered.a.nrows(), lowered.b.ncols()));
        let counters = values
            .axis_chunks_iter_mut(Axis(0), self.band)
            .into_par_iter()
            .enumerate()
            .map(|(band, chunk)| fill(band * self.band, chunk))
            .reduce(Counters::default, |mut total, part| {
                total.merge(&part);
                total
            });
        (values, counters)
    }

    /// Rounds the rows of `chunk`, which start at row `first` of the product and at row `offset` of
    /// `sums`.
    fn round(
        &self,
        sums: &Sums,
        offset: usize,
        first: usize,
        mut chunk: ArrayViewMut2<'_, i32>,
    ) -> Counters {
        let requantizer = &self.lowered.requantizer;
        let mut streams = Vec::new();
        let mut counters = Counters::default();
        let biases = Biases::new(self.lowered);
        for (row, line) in chunk.outer_iter_mut().enumerate() {
            let m = first + row;
            self.seed_or_step(&mut streams, m);
            let word = |n: usize| streams.get(n).map_or(0, |stream: &Lfsr| stream.word());
            match (sums, &biases) {
                (Sums::Narrow(sums), Biases::None) => {
                    let sums = sums.row(offset + row);
                    fill(line, &mut counters, |n| requantizer.apply_narrow(sums[n], word(n)));
                }
                (Sums::Narrow(sums), Biases::Row(bias)) => {
                    let sums = sums.row(offset + row);
                    fill(line, &mut counters, |n| {
                        requantizer.apply_narrow(sums[n] + bias[n], word(n))
                    });
                }
                _ => fill(line, &mut counters, |n| {
                    let sum = sums.get(offset + row, n) + self.lowered.bias_at(m, n);
                    requantizer.apply(sum, word(n))
                }),
            }
        }
        counters
    }

    /// Streams of row m of the product, from those of the row before: fresh at the first row of a
    /// tile, one step on elsewhere.
    fn seed_or_step(&self, streams: &mut Vec<Lfsr>, m: usize) {
        if self.product.rounding != Rounding::Stochastic {
            return;
        }
        if self.lowered.schedule.transposed {
            self.walk_column(streams, m);
            return;
        }
        if !m.is_multiple_of(self.rows) {
            Lfsr::step_all(streams);
            return;
        }
        let schedule = &self.lowered.schedule;
        let tiles = m / self.rows * schedule.tiles_across();
        streams.clear();
        streams.extend((0..schedule.n).map(|n| {
            let tile = (tiles + n / self.cols) as u64;
            Lfsr::new(self.product.seed.column_seed(tile, (n % self.cols) as u64))
        }));
    }

    /// Streams of row m of a transposed product: one column of the array, down one tile after the
    /// other.
    fn walk_column(&self, streams: &mut Vec<Lfsr>, m: usize) {
        let schedule = &self.lowered.schedule;
        streams.clear();
        let mut stream = Lfsr::new(0);
        streams.extend((0..schedule.m).map(|n| {
            if n % self.rows == 0 {
                let place = schedule.place((m, n));
                stream = Lfsr::new(self.product.seed.column_seed(place.tile, place.col as u64));
            } else {
                stream.step();
            }
            stream
        }));
    }
}

/// One row through the requantizers.
fn fill(
    line: ndarray::ArrayViewMut1<'_, i32>,
    counters: &mut Counters,
    round: impl Fn(usize) -> Rounded,
) {
    for (n, value) in line.into_iter().enumerate() {
        let rounded = round(n);
        counters.record(&rounded);
        *value = rounded.raw;
    }
}

/// What the common cases add to a row's sums.
enum Biases {
    None,
    /// The same row everywhere, with every sum below 2^62.
    Row(Vec<i64>),
    /// Anything else: one matrix, or sums that need more than 64 bits.
    General,
}

impl Biases {
    fn new(lowered: &Lowered<'_>) -> Self {
        match &lowered.bias {
            _ if !lowered.is_narrow() => Self::General,
            None => Self::None,
            Some((values, _)) if values.nrows() > 1 => Self::General,
            // Below 2^62 with the rest of the sum.
            Some((values, _)) => {
                Self::Row((0..values.ncols()).map(|n| lowered.bias_at(0, n) as i64).collect())
            }
        }
    }
}

fn with_bias(lowered: &Lowered<'_>, sums: &Sums) -> Sums {
    Sums::Wide(Array2::from_shape_fn(sums.dim(), |(m, n)| sums.get(m, n) + lowered.bias_at(m, n)))
}
