//! The float engine: single-precision GEMM, the baseline for fixed-point runs.
//!
//! Work is divided among cores in bands of rows or stretches of K of fixed size, so that results do
//! not depend on the number of cores.

use flexmac_fxp::Matrix;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, ImplicitGemm, Operand, RowSink, Stats};
use crate::error::EngineError;
use crate::lower::check_dims;

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
        multiply(gemm.a.values.into(), gemm.b.values.into(), &gemm.bias)
    }

    fn implicit_gemm(
        &mut self,
        gemm: &ImplicitGemm<'_, f32>,
    ) -> Result<GemmResult<f32>, EngineError> {
        multiply(gemm.a.0.view(), gemm.b.0.view(), &gemm.bias)
    }

    fn implicit_gemm_into(
        &mut self,
        gemm: &ImplicitGemm<'_, f32>,
        sink: &dyn RowSink<f32>,
    ) -> Result<GemmResult<f32>, EngineError> {
        let (a, b) = (gemm.a.0.view(), gemm.b.0.view());
        let (m, k, n) = check_dims(a.dim(), b.dim(), gemm.bias.as_ref())?;
        if in_bands(m) {
            let b = b.to_dense();
            (0..m.div_ceil(BAND)).into_par_iter().for_each(|band| {
                let first = band * BAND;
                let rows = first..m.min(first + BAND);
                let mut part = start(&gemm.bias, (rows.len(), n));
                add_band(a.rows(rows), b.view(), &mut part.view_mut());
                sink.take_rows(first, part.as_slice().expect("made in row order"));
            });
        } else {
            let whole = self.implicit_gemm(gemm)?;
            sink.take_rows(0, whole.values.as_slice().expect("made in row order"));
        }
        Ok(GemmResult { values: Array2::zeros((0, n)), sums: None, stats: stats((m, k, n)) })
    }

    fn name(&self) -> &'static str {
        "float"
    }
}

/// A B and the bias, with its cost.
fn multiply(
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    bias: &Option<Operand<'_, f32>>,
) -> Result<GemmResult<f32>, EngineError> {
    let (m, k, n) = check_dims(a.dim(), b.dim(), bias.as_ref())?;
    let mut values = start(bias, (m, n));
    add_product(a, b, &mut values);
    Ok(GemmResult { values, sums: None, stats: stats((m, k, n)) })
}

fn stats((m, k, n): (usize, usize, usize)) -> Stats {
    let macs = (m * k * n) as u64;
    let counters =
        flexmac_fxp::Counters { emitted: (m * n) as u64, ..flexmac_fxp::Counters::default() };
    Stats { counters, macs, mac_passes: macs, ..Stats::default() }
}

/// What the product is added to: the bias, or zeros.
fn start(bias: &Option<Operand<'_, f32>>, shape: (usize, usize)) -> Array2<f32> {
    match bias {
        Some(bias) => {
            let bias = bias.values.broadcast(shape);
            bias.expect("check_dims admits only biases that broadcast").to_owned()
        }
        None => Array2::zeros(shape),
    }
}

/// Whether a result of this many rows is divided into bands of rows, not stretches of K.
fn in_bands(rows: usize) -> bool {
    rows >= 2 * BAND
}

/// Adds A B to `values`. Patches of images are copied band by band or stretch by stretch.
fn add_product(a: Matrix<'_, f32>, b: Matrix<'_, f32>, values: &mut Array2<f32>) {
    let (m, k) = a.dim();
    if in_bands(m) {
        let b = b.to_dense();
        values.axis_chunks_iter_mut(Axis(0), BAND).into_par_iter().enumerate().for_each(
            |(band, mut part)| {
                let rows = band * BAND..band * BAND + part.nrows();
                add_band(a.rows(rows), b.view(), &mut part);
            },
        );
        return;
    }
    let a = a.to_dense();
    let parts: Vec<_> = (0..k.div_ceil(STRETCH))
        .into_par_iter()
        .map(|part| {
            let terms = part * STRETCH..k.min((part + 1) * STRETCH);
            a.slice_axis(Axis(1), Slice::from(terms.clone())).dot(&b.rows(terms).to_dense())
        })
        .collect();
    parts.iter().for_each(|part| *values += part);
}

fn add_band(a: Matrix<'_, f32>, b: ArrayView2<'_, f32>, values: &mut ArrayViewMut2<'_, f32>) {
    general_mat_mul(1.0, &a.to_dense(), &b, 1.0, values);
}
