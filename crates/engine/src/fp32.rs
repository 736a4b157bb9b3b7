//! The reference of a float array: the same additions in the same order.
//!
//! Style fp32 with one lane alone so far: every step is a fused multiply-add of the host, except that a zero is +0.

use flexmac_array::{ArrayConfig, Layout, Schedule, Style};
use flexmac_fxp::Counters;
use ndarray::Array2;

use crate::engine::{Engine, Gemm, GemmResult, Stats};
use crate::error::{EngineError, GemmError};
use crate::lower::check_shapes;
use crate::reference::ReferenceEngine;

/// Checks a GEMM of floats against a configuration and plans it.
///
/// # Errors
/// [`GemmError::Style`] for an integer array; [`GemmError::Fxp`], [`GemmError::Empty`] and
/// [`GemmError::BiasShape`] for shapes that do not fit.
pub fn lower(
    config: &ArrayConfig,
    layout: Layout,
    gemm: &Gemm<'_, f32>,
) -> Result<Schedule, GemmError> {
    let style = config.style();
    if !style.is_float() {
        let (expected, found) = ("integers", "floats");
        return Err(GemmError::Style { style, expected, found });
    }
    let bits = config.max_bits();
    Ok(Schedule::laid_out(config, layout, check_shapes(gemm)?, (bits, bits)))
}

impl Engine<f32> for ReferenceEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let config = self.config();
        let schedule = lower(config, self.layout(), gemm)?;
        assert!(config.style() == Style::Fp32 && config.lanes() == 1, "one lane of fp32");
        let (a, b) = (gemm.a.values, gemm.b.values);
        let values = Array2::from_shape_fn((a.nrows(), b.ncols()), |(m, n)| {
            let products = a.row(m).into_iter().zip(b.column(n));
            let sum = products.fold(0.0, |sum: f32, (a, b)| plain(a.mul_add(*b, sum)));
            let bias = gemm.bias.as_ref().map(|bias| &bias.values);
            bias.map_or(sum, |bias| plain(sum + bias[[m.min(bias.nrows() - 1), n]]))
        });
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

/// The array has one NaN and one zero.
fn plain(value: f32) -> f32 {
    if value.is_nan() {
        f32::from_bits(0x7fc0_0000)
    } else if value == 0.0 {
        0.0
    } else {
        value
    }
}
