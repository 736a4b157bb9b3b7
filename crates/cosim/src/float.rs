//! The float engine: single-precision products, the yardstick of every fixed-point run.

use ndarray::linalg::general_mat_mul;

use crate::engine::{Engine, Outcome, Product, Stats};
use crate::error::EngineError;
use crate::lower::check_shapes;

/// Multiplies in f32 with the same library the reference engine uses. Formats, rounding and seed
/// are ignored; no cycles are modelled.
#[derive(Debug, Clone, Copy, Default)]
pub struct FloatEngine;

impl Engine<f32> for FloatEngine {
    fn gemm(&mut self, product: &Product<'_, f32>) -> Result<Outcome<f32>, EngineError> {
        let (m, k, n) = check_shapes(product)?;
        let mut values = match &product.bias {
            Some(bias) => bias
                .values
                .broadcast((m, n))
                .expect("check_shapes admits only biases that broadcast")
                .to_owned(),
            None => ndarray::Array2::zeros((m, n)),
        };
        general_mat_mul(1.0, &product.a.values, &product.b.values, 1.0, &mut values);
        let macs = (m * k * n) as u64;
        let counters = fxp::Counters { emitted: (m * n) as u64, ..fxp::Counters::default() };
        let stats = Stats { counters, macs, mac_passes: macs, ..Stats::default() };
        Ok(Outcome { values, sums: None, stats })
    }

    fn name(&self) -> &'static str {
        "float"
    }
}
