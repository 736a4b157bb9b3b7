//! The float engine: single-precision products, the yardstick of every fixed-point run.
//!
//! It shares the cores as the reference engine does, bands of rows or stretches of K of fixed size,
//! so that a result does not depend on how many cores there are.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, Stats};
use crate::error::EngineError;
use crate::lower::check_shapes;

/// Rows of a band.
const BAND: usize = 64;
/// Terms of a stretch.
const STRETCH: usize = 1024;

/// Multiplies in f32 with the same library the reference engine uses. Formats, rounding and seed
/// are ignored; no cycles are modelled.
#[derive(Debug, Clone, Copy, Default)]
pub struct FloatEngine;

impl Engine<f32> for FloatEngine {
    fn gemm(&mut self, product: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let (m, k, n) = check_shapes(product)?;
        let mut values = match &product.bias {
            Some(bias) => bias
                .values
                .broadcast((m, n))
                .expect("check_shapes admits only biases that broadcast")
                .to_owned(),
            None => Array2::zeros((m, n)),
        };
        add_product(product.a.values, product.b.values, &mut values);
        let macs = (m * k * n) as u64;
        let counters =
            flexmac_fxp::Counters { emitted: (m * n) as u64, ..flexmac_fxp::Counters::default() };
        let stats = Stats { counters, macs, mac_passes: macs, ..Stats::default() };
        Ok(GemmResult { values, sums: None, stats })
    }

    fn name(&self) -> &'static str {
        "float"
    }
}

fn add_product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, values: &mut Array2<f32>) {
    let (m, k) = a.dim();
    if m >= 2 * BAND {
        values.axis_chunks_iter_mut(Axis(0), BAND).into_par_iter().enumerate().for_each(
            |(band, mut chunk)| {
                let rows = Slice::from(band * BAND..band * BAND + chunk.nrows());
                general_mat_mul(1.0, &a.slice_axis(Axis(0), rows), &b, 1.0, &mut chunk);
            },
        );
        return;
    }
    let parts: Vec<_> = (0..k.div_ceil(STRETCH))
        .into_par_iter()
        .map(|part| {
            let terms = Slice::from(part * STRETCH..k.min((part + 1) * STRETCH));
            a.slice_axis(Axis(1), terms).dot(&b.slice_axis(Axis(0), terms))
        })
        .collect();
    parts.iter().for_each(|part| *values += part);
}
