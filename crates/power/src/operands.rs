//! Operands of training GEMMs: recorded in a float run, quantized to the widths of a mode.
//!
//! The run uses floats and no precision policy, so that all modes and all styles of PE multiply the same
//! numbers. As in dynamic fixed point, each operand is scaled by a power of two according to its own largest
//! magnitude, and rounded to nearest.

use flexmac_engine::{Engine, EngineError, FloatEngine, Gemm, GemmResult};
use flexmac_fxp::{Format, Role, Rounding};
use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

/// Part of a training GEMM.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Index of the layer.
    pub layer: u64,
    /// Forward, input gradient or weight gradient.
    pub role: Role,
    /// M, K and N of the whole GEMM.
    pub shape: [usize; 3],
    /// Part of A, (M, K).
    pub a: Array2<f32>,
    /// Part of B, (K, N), with the same K.
    pub b: Array2<f32>,
    /// Largest magnitudes of the whole A and the whole B.
    pub largest: [f32; 2],
    /// Shares of zeros in the whole A and the whole B, 0 to 1.
    pub zeros: [f64; 2],
}

impl Sample {
    /// A whole GEMM as one sample.
    pub fn whole(role: Role, a: Array2<f32>, b: Array2<f32>) -> Self {
        let shape = [a.nrows(), a.ncols(), b.ncols()];
        let views = [a.view(), b.view()];
        let (largest, zeros) = (views.map(largest), views.map(zeros));
        Self { layer: 0, role, shape, a, b, largest, zeros }
    }

    /// Multiply-accumulates of the whole GEMM divided by those of the part.
    pub fn weight(&self) -> f64 {
        let whole: f64 = self.shape.iter().map(|n| *n as f64).product();
        whole / (self.a.len() as f64 * self.b.ncols() as f64)
    }
}

/// Largest size of the part taken from each GEMM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleSize {
    /// Rows of A.
    pub rows: usize,
    /// Length along K.
    pub k: usize,
    /// Columns of B.
    pub cols: usize,
}

/// A float engine that records parts of its GEMMs while `recording` is set.
pub struct Recorder {
    size: SampleSize,
    /// Whether parts are recorded.
    pub recording: bool,
    /// The recorded parts.
    pub samples: Vec<Sample>,
}

impl Recorder {
    /// An engine that records parts of `size` from the middle of each GEMM.
    pub fn new(size: SampleSize) -> Self {
        Self { size, recording: false, samples: Vec::new() }
    }
}

impl Engine<f32> for Recorder {
    fn gemm(&mut self, product: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        if self.recording {
            let (a, b) = (product.a.values, product.b.values);
            let part = |length: usize, most: usize| {
                let taken = length.min(most);
                let start = (length - taken) / 2;
                start..start + taken
            };
            let k = part(a.ncols(), self.size.k);
            let (rows, cols) = (part(a.nrows(), self.size.rows), part(b.ncols(), self.size.cols));
            self.samples.push(Sample {
                layer: product.seed.layer,
                role: product.seed.role,
                shape: [a.nrows(), a.ncols(), b.ncols()],
                a: a.slice(s![rows, k.clone()]).to_owned(),
                b: b.slice(s![k, cols]).to_owned(),
                largest: [largest(a), largest(b)],
                zeros: [zeros(a), zeros(b)],
            });
        }
        FloatEngine.gemm(product)
    }

    fn name(&self) -> &'static str {
        "float"
    }
}

fn largest(values: ArrayView2<'_, f32>) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

fn zeros(values: ArrayView2<'_, f32>) -> f64 {
    values.iter().filter(|value| **value == 0.0).count() as f64 / values.len().max(1) as f64
}

/// The narrowest dynamic fixed point of `bits` that holds magnitudes up to `largest`.
pub(crate) fn format(bits: u32, largest: f64) -> Format {
    // An operand of zeros fits any format. Float exponents stay within about 150.
    let integer = if largest > 0.0 { largest.log2().floor() as i32 + 1 } else { 0 };
    // Widths come from checked modes; bits - 1 - integer stays near 0.
    Format::new(bits, bits as i32 - 1 - integer).expect("2..=32 bits and a small fraction length")
}

/// The operand in `format`, rounded to nearest.
pub(crate) fn quantize(values: &Array2<f32>, format: Format) -> Array2<i32> {
    values.mapv(|value| flexmac_fxp::quantize(f64::from(value), format, Rounding::Nearest, 0).raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flexmac_engine::Operand;
    use flexmac_fxp::SeedPath;

    #[test]
    fn formats_hold_the_largest_and_no_bit_more() {
        for (largest, raw) in [(1.0, 64), (0.99, 127), (0.5, 64), (0.75, 96), (3.0, 96)] {
            let format = format(8, largest);
            let value = Array2::from_elem((1, 1), largest as f32);
            assert_eq!(quantize(&value, format)[[0, 0]], raw, "{largest}");
        }
        assert_eq!(format(8, 0.0).bits(), 8);
    }

    #[test]
    fn the_recorder_takes_the_middle_and_the_statistics_of_the_whole() {
        let a = Array2::from_shape_fn(
            (4, 6),
            |(row, k)| if k == 0 { 0.0 } else { (10 * row + k) as f32 },
        );
        let b = Array2::from_elem((6, 2), -2.0);
        let format = flexmac_float::FloatFormat::Binary32;
        let product = Gemm {
            a: Operand { values: a.view(), format },
            b: Operand { values: b.view(), format },
            bias: None,
            out: format,
            rounding: Rounding::Nearest,
            seed: SeedPath { run: 1, iteration: 2, layer: 3, role: Role::InputGradient },
            keep_sums: false,
        };
        let mut recorder = Recorder::new(SampleSize { rows: 2, k: 2, cols: 9 });
        recorder.gemm(&product).expect("multiplies");
        assert!(recorder.samples.is_empty());
        recorder.recording = true;
        recorder.gemm(&product).expect("multiplies");
        let sample = &recorder.samples[0];
        assert_eq!(sample.a, ndarray::array![[12.0, 13.0], [22.0, 23.0]]);
        assert_eq!((sample.b.dim(), sample.shape, sample.layer), ((2, 2), [4, 6, 2], 3));
        assert_eq!((sample.largest, sample.zeros), ([35.0, 2.0], [1.0 / 6.0, 0.0]));
        assert_eq!(sample.weight(), 48.0 / 8.0);
    }
}
