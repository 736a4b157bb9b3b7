//! The reference engine: exact sums, one rounding, and the cycles the model predicts.

use fxp::{Counters, Lfsr, Rounding, Sums, exact_gemm};
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use rtlgen::Config;

use crate::engine::{Engine, Outcome, Product, Stats};
use crate::error::EngineError;
use crate::lower::{Lowered, lower};

/// Computes what an array of one configuration computes, from the arithmetic alone.
#[derive(Debug, Clone)]
pub struct ReferenceEngine {
    config: Config,
}

impl ReferenceEngine {
    /// A reference for arrays of `config`, which decides tile shapes (and so random streams),
    /// widths and cycles.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Engine<i32> for ReferenceEngine {
    fn gemm(&mut self, product: &Product<'_, i32>) -> Result<Outcome<i32>, EngineError> {
        let lowered = lower(&self.config, product)?;
        let schedule = &lowered.schedule;
        let sums = exact_gemm(lowered.a, lowered.b, lowered.bits_a, lowered.bits_b)?;
        let (values, counters) = requantize(&self.config, &lowered, product, &sums);
        let macs = (schedule.m * schedule.k * schedule.n) as u64;
        let stats = Stats {
            counters,
            cycles: schedule.cycles(&self.config),
            tiles: schedule.tiles() as u64,
            tiles_checked: 0,
            macs,
            mac_passes: macs * u64::from(schedule.passes()),
        };
        let sums = product.keep_sums.then(|| with_bias(&lowered, &sums));
        Ok(Outcome { values, sums, stats })
    }

    fn name(&self) -> &'static str {
        "reference"
    }
}

/// Rounds every sum, one band of tiles at a time, with each column's stream walked down its rows.
fn requantize(
    config: &Config,
    lowered: &Lowered<'_>,
    product: &Product<'_, i32>,
    sums: &Sums,
) -> (Array2<i32>, Counters) {
    let schedule = &lowered.schedule;
    let (rows, cols) = (config.rows(), config.cols());
    let stochastic = product.rounding == Rounding::Stochastic;
    let mut values = Array2::zeros((schedule.m, schedule.n));
    let counters = values
        .axis_chunks_iter_mut(Axis(0), rows)
        .into_par_iter()
        .enumerate()
        .map(|(band, mut chunk)| {
            let mut counters = Counters::default();
            let mut streams = Vec::new();
            if stochastic {
                streams.extend((0..schedule.n).map(|n| {
                    let tile = band * schedule.tiles_across() + n / cols;
                    Lfsr::new(product.seed.column_seed(tile as u64, (n % cols) as u64))
                }));
            }
            for (row, mut line) in chunk.outer_iter_mut().enumerate() {
                let m = band * rows + row;
                for (n, value) in line.iter_mut().enumerate() {
                    let word = streams.get(n).map_or(0, |stream| stream.word());
                    let sum = sums.get(m, n) + lowered.bias_at(m, n);
                    let rounded = lowered.requantizer.apply(sum, word);
                    counters.record(&rounded);
                    *value = rounded.raw;
                }
                streams.iter_mut().for_each(Lfsr::step);
            }
            counters
        })
        .reduce(Counters::default, |mut total, part| {
            total.merge(&part);
            total
        });
    (values, counters)
}

fn with_bias(lowered: &Lowered<'_>, sums: &Sums) -> Sums {
    Sums::Wide(Array2::from_shape_fn(sums.dim(), |(m, n)| sums.get(m, n) + lowered.bias_at(m, n)))
}
