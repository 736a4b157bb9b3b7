//! What a float array computes, in its own order, on the host's fused multiply-add.
//!
//! Binary32 sums depend on their order, so the order is part of the arithmetic (docs/arithmetic.md):
//! word w of a tile holds `lanes` consecutive k of a command; lane v adds its product to the partial
//! sum of word w - L; the partial sums of the last L words, oldest first, are added up over the
//! lanes and then among themselves, neighbours first. It follows from lanes, stages, and where a
//! long K is cut into commands, and not from rows, columns or tiling.

use flexmac_array::{ArrayConfig, Command, Schedule, Style};
use flexmac_fxp::Counters;
use ndarray::{Array2, ArrayViewMut1, Axis};
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, Stats};
use crate::error::{EngineError, GemmError};
use crate::lower::check_shapes;
use crate::reference::ReferenceEngine;

/// Checks a float product against a configuration and plans it.
///
/// # Errors
/// [`GemmError::Style`] and those of its shapes.
pub fn lower(config: &ArrayConfig, product: &Gemm<'_, f32>) -> Result<Schedule, GemmError> {
    let style = config.style();
    if style != Style::Fp32 {
        let (expected, found) = ("integers", "single-precision floats");
        return Err(GemmError::Style { style, expected, found });
    }
    Ok(Schedule::new(config, check_shapes(product)?, (32, 32)))
}

impl Engine<f32> for ReferenceEngine {
    fn gemm(&mut self, product: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let config = self.config();
        let schedule = lower(config, product)?;
        let pieces: Vec<_> = schedule.tile_commands(0).collect();
        let order = Order {
            pieces: &pieces,
            lanes: config.lanes(),
            partial_sums: config.float_pipeline().partial_sums() as usize,
        };
        let mut values = Array2::zeros((schedule.m, schedule.n));
        values
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(row, line)| order.fill(product, row, line));
        let infinite = |sign: f32| values.iter().filter(|value| **value == sign / 0.0).count();
        let counters = Counters {
            emitted: values.len() as u64,
            overflow_low: infinite(-1.0) as u64,
            overflow_high: infinite(1.0) as u64,
            ..Counters::default()
        };
        let stats = Stats::of(&schedule, counters, schedule.cycles(config));
        Ok(GemmResult { values, sums: None, stats })
    }

    fn name(&self) -> &'static str {
        "reference"
    }
}

/// The order in which a float array adds.
struct Order<'a> {
    pieces: &'a [Command],
    lanes: usize,
    partial_sums: usize,
}

impl Order<'_> {
    /// One row of the result.
    fn fill(&self, product: &Gemm<'_, f32>, row: usize, mut line: ArrayViewMut1<'_, f32>) {
        let (a, b) = (product.a.values.row(row), product.b.values);
        // -0 is the number that adds nothing.
        let mut partials = vec![vec![-0.0_f32; line.len()]; self.partial_sums * self.lanes];
        let mut words = 0;
        for piece in self.pieces {
            for k in 0..piece.k_len {
                let (word, lane) = (words + k / self.lanes, k % self.lanes);
                let partial = &mut partials[word % self.partial_sums * self.lanes + lane];
                let k = piece.k + k;
                for (sum, b) in partial.iter_mut().zip(b.row(k)) {
                    *sum = a[k].mul_add(*b, *sum);
                }
            }
            words += piece.k_len.div_ceil(self.lanes);
        }
        for (n, value) in line.iter_mut().enumerate() {
            let oldest_first = (0..self.partial_sums).map(|age| {
                let partial = (words + age) % self.partial_sums * self.lanes;
                let lanes = &partials[partial..partial + self.lanes];
                neighbours_first(lanes.iter().map(|lane| lane[n]).collect())
            });
            let mut sum = neighbours_first(oldest_first.collect());
            if let Some(bias) = &product.bias {
                let row = if bias.values.nrows() == 1 { 0 } else { row };
                sum += bias.values[[row, n]];
            }
            // The array knows one NaN.
            *value = if sum.is_nan() { f32::from_bits(0x7fc0_0000) } else { sum };
        }
    }
}

/// Adds neighbours until one number is left; an odd one out waits for the next round.
fn neighbours_first(mut terms: Vec<f32>) -> f32 {
    while terms.len() > 1 {
        let pairs = terms.chunks(2);
        terms = pairs.filter_map(|pair| pair.iter().copied().reduce(|a, b| a + b)).collect();
    }
    terms[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_come_first_and_the_odd_one_last() {
        // (1 + 2^24) + -2^24 loses the one, 1 + (2^24 + -2^24) would not.
        let big = f32::powi(2.0, 24);
        assert_eq!(neighbours_first(vec![1.0, big, -big]), 0.0);
        assert_eq!(neighbours_first(vec![big, -big, 1.0]), 1.0);
        assert_eq!(neighbours_first(vec![-0.0]).to_bits(), (-0.0_f32).to_bits());
    }
}
