//! The reference of a float array: the same additions in the same order, with the host's fused
//! multiply-add.
//!
//! Binary32 sums depend on the order of additions, so the order is part of the arithmetic
//! (docs/arithmetic.md). An adder takes L cycles, so each lane keeps L partial sums. Word w of a
//! tile holds `lanes` consecutive k of a command. Lane v adds its product to its partial sum of
//! word w - L. At the end, the partial sums of the last L words, oldest first, are added over the
//! lanes and then with each other, neighbours first. The order depends on lanes, stages (which
//! determine L), and the division of a long K into commands; it does not depend on rows, columns or
//! tiling.

use flexmac_array::{ArrayConfig, Command, Schedule, Style};
use flexmac_fxp::Counters;
use ndarray::{Array2, ArrayViewMut1, Axis};
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, Stats};
use crate::error::{EngineError, GemmError};
use crate::lower::check_shapes;
use crate::reference::ReferenceEngine;

/// Checks a GEMM of floats against a configuration and plans it.
///
/// # Errors
/// [`GemmError::Style`] for an integer array; [`GemmError::Fxp`], [`GemmError::Empty`] and
/// [`GemmError::BiasShape`] for shapes that do not fit.
pub fn lower(config: &ArrayConfig, gemm: &Gemm<'_, f32>) -> Result<Schedule, GemmError> {
    let style = config.style();
    if style != Style::Fp32 {
        let (expected, found) = ("integers", "single-precision floats");
        return Err(GemmError::Style { style, expected, found });
    }
    Ok(Schedule::new(config, check_shapes(gemm)?, (32, 32)))
}

impl Engine<f32> for ReferenceEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let config = self.config();
        let schedule = lower(config, gemm)?;
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
            .for_each(|(row, line)| order.fill(gemm, row, line));
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

/// The order of a float array's additions.
struct Order<'a> {
    /// The commands of a tile: pieces of K.
    pieces: &'a [Command],
    lanes: usize,
    /// L, per lane.
    partial_sums: usize,
}

impl Order<'_> {
    /// Computes one row of the result.
    fn fill(&self, gemm: &Gemm<'_, f32>, row: usize, mut line: ArrayViewMut1<'_, f32>) {
        let (a, b) = (gemm.a.values.row(row), gemm.b.values);
        // Partial sums by word modulo L, then by lane. An addend of -0 changes no number.
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
            if let Some(bias) = &gemm.bias {
                let row = if bias.values.nrows() == 1 { 0 } else { row };
                sum += bias.values[[row, n]];
            }
            // The array has one NaN.
            *value = if sum.is_nan() { f32::from_bits(0x7fc0_0000) } else { sum };
        }
    }
}

/// Adds neighbours until one number is left. A number without a neighbour waits for the next round.
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
        // (1 + 2^24) - 2^24 loses the 1; 1 + (2^24 - 2^24) would not.
        let big = f32::powi(2.0, 24);
        assert_eq!(neighbours_first(vec![1.0, big, -big]), 0.0);
        assert_eq!(neighbours_first(vec![big, -big, 1.0]), 1.0);
        assert_eq!(neighbours_first(vec![-0.0]).to_bits(), (-0.0_f32).to_bits());
    }
}
