//! The float engine: single-precision GEMM, the baseline for fixed-point runs.
//!
//! Work is divided among cores in bands of rows or stretches of K of fixed size, so that results do
//! not depend on the number of cores.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, Stats};
use crate::error::EngineError;
use crate::lower::check_shapes;

/// Rows of the result per band.
const BAND: usize = 64;
/// Length of a stretch of K.
const STRETCH: usize = 1024;

/// Multiplies in f32. Ignores formats, rounding mode and seed; models no cycles.
///
/// ```
/// use flexmac_engine::{Engine, FloatEngine, Gemm, Operand};
/// use flexmac_float::FloatFormat;
/// use flexmac_fxp::{Rounding, SeedPath};
/// use ndarray::array;
///
/// let (a, b) = (array![[1.5_f32, 2.0]], array![[2.0_f32], [0.25]]);
/// let format = FloatFormat::Binary32;
/// let gemm = Gemm {
///     a: Operand { values: a.view(), format },
///     b: Operand { values: b.view(), format },
///     bias: None,
///     out: format,
///     rounding: Rounding::Nearest,
///     seed: SeedPath::alone(1),
///     keep_sums: false,
/// };
/// assert_eq!(FloatEngine.gemm(&gemm)?.values, array![[3.5]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct FloatEngine;

impl Engine<f32> for FloatEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let (m, k, n) = check_shapes(gemm)?;
        let mut values = match &gemm.bias {
            Some(bias) => bias
                .values
                .broadcast((m, n))
                .expect("check_shapes admits only biases that broadcast")
                .to_owned(),
            None => Array2::zeros((m, n)),
        };
        add_product(gemm.a.values, gemm.b.values, &mut values);
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

/// Adds A B to `values`.
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
