//! Training on a float array: every operand of every GEMM is rounded to a format that the array
//! multiplies; results are binary32.
//!
//! The 8-bit formats span few powers of two, so each operand is first multiplied by a power of two
//! that brings its own largest magnitude to the top of its format, and the result divided by both
//! powers. Nothing is remembered from one GEMM to the next (current scaling); delayed scaling, which
//! uses the magnitudes of earlier iterations, saves a pass over each tensor on hardware that has not
//! yet computed it, which a host in front of an array has.

use flexmac_array::Style;
use flexmac_float::{FloatFormat, FloatRounding, NAN, Overflow};
use flexmac_fxp::{Kernel, Lfsr, Role, SeedPath, vectorized};
use ndarray::{Array2, ArrayView2, Zip};
use rayon::prelude::*;

use crate::engine::{Engine, Gemm, GemmResult, Operand};
use crate::error::EngineError;

/// Elements in a chunk: the unit of work of one thread, and of random streams.
const CHUNK: usize = 4096;

/// Random streams of a chunk.
const STREAMS: usize = 16;

/// How operands become numbers of a float array's formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperandRounding {
    /// Format of activations and weights.
    pub forward: FloatFormat,
    /// Format of gradients.
    pub backward: FloatFormat,
    /// Whether each operand is multiplied by a power of two first, which the result is divided by.
    pub scaled: bool,
    /// To nearest, or stochastically.
    pub rounding: FloatRounding,
    /// What numbers beyond the largest become.
    pub overflow: Overflow,
}

impl OperandRounding {
    /// The usual recipe for an array of a style, to nearest. Style fp32: nothing changes. bf16: all
    /// operands bfloat16; its exponents are those of binary32, so there are no scales, and overflow
    /// is infinity. fp8: E4M3 forward, E5M2 for gradients, scaled and saturating. `None` for an
    /// integer style.
    pub fn of(style: Style) -> Option<Self> {
        let recipe = |forward, backward, scaled, overflow| {
            let rounding = FloatRounding::Nearest;
            Some(Self { forward, backward, scaled, rounding, overflow })
        };
        let same = |format| recipe(format, format, false, Overflow::Infinity);
        match style {
            Style::Flex | Style::Fixed => None,
            Style::Fp32 => same(FloatFormat::Binary32),
            Style::Bf16 => same(FloatFormat::Bfloat16),
            Style::Fp8 => recipe(FloatFormat::E4m3, FloatFormat::E5m2, true, Overflow::Saturate),
        }
    }

    /// The formats of A and B of a GEMM of a network: A of both backward GEMMs is a gradient.
    pub fn formats(&self, role: Role) -> [FloatFormat; 2] {
        match role {
            Role::InputGradient | Role::WeightGradient => [self.backward, self.forward],
            _ => [self.forward; 2],
        }
    }

    /// The operand's numbers in `format`, and the exponent of the power of two that they were
    /// multiplied by. `part` tells the random streams of A from those of B.
    fn round(
        &self,
        operand: ArrayView2<'_, f32>,
        format: FloatFormat,
        seed: SeedPath,
        part: OperandPart,
    ) -> (Array2<f32>, i32) {
        let operand = operand.as_standard_layout();
        let values = operand.as_slice().expect("standard layout");
        let scale = if self.scaled {
            let parts = values.par_chunks(CHUNK).map(|values| vectorized(Largest(values)));
            format.scale_of(parts.reduce(|| 0.0, f32::max))
        } else {
            0
        };
        let streams = (self.rounding == FloatRounding::Stochastic).then_some((seed, part));
        (self.round_scaled(operand.view(), (format, scale), streams), scale)
    }

    /// Part of an operand in `format`, rounded to nearest, and multiplied by the power of two of the
    /// whole operand, whose largest magnitude is `largest`.
    pub fn round_part(
        &self,
        operand: ArrayView2<'_, f32>,
        format: FloatFormat,
        largest: f32,
    ) -> Array2<f32> {
        let scale = if self.scaled { format.scale_of(largest) } else { 0 };
        self.round_scaled(operand, (format, scale), None)
    }

    /// Rounds an operand times 2^`scale`: to nearest, or with the random streams of an operand of a
    /// GEMM.
    fn round_scaled(
        &self,
        operand: ArrayView2<'_, f32>,
        (format, scale): (FloatFormat, i32),
        streams: Option<(SeedPath, OperandPart)>,
    ) -> Array2<f32> {
        let operand = operand.as_standard_layout();
        let values = operand.as_slice().expect("standard layout");
        let mut rounded = vec![0.0; values.len()];
        let chunks = rounded.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).enumerate();
        chunks.for_each(|(chunk, (out, values))| {
            let mut streams = streams.map(|(seed, part)| {
                let first = (part as u64) << 40 | (chunk * STREAMS) as u64;
                let seed = |stream| Lfsr::new(seed.column_seed(0, first + stream as u64));
                std::array::from_fn::<_, STREAMS, _>(seed)
            });
            let words = streams.as_mut().map(|streams| &mut streams[..]);
            format.round_slice((values, scale), self.overflow, words, out);
        });
        Array2::from_shape_vec(operand.dim(), rounded).expect("as many")
    }
}

/// Which operand random streams round; beyond the parts that the host rounds (docs/arithmetic.md).
#[derive(Debug, Clone, Copy)]
enum OperandPart {
    A = 6,
    B = 7,
}

/// The largest magnitude; NaN does not count.
struct Largest<'a>(&'a [f32]);

impl Kernel for Largest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        // Magnitudes are ordered as their bits are. NaN is above infinity: it is taken out.
        let magnitude = |value: &f32| {
            let bits = value.to_bits() & 0x7fff_ffff;
            if bits > f32::INFINITY.to_bits() { 0 } else { bits }
        };
        f32::from_bits(self.0.iter().map(magnitude).fold(0, u32::max))
    }
}

/// An engine of a float array for networks: rounds the operands, and undoes their scales.
///
/// If operands are scaled, the bias is added after that, in binary32, as the array would have added
/// it.
pub struct RoundedEngine {
    engine: Box<dyn Engine<f32>>,
    rounding: OperandRounding,
}

impl RoundedEngine {
    /// Rounds in front of an engine of a float array.
    pub fn new(engine: Box<dyn Engine<f32>>, rounding: OperandRounding) -> Self {
        Self { engine, rounding }
    }
}

impl Engine<f32> for RoundedEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let [format_a, format_b] = self.rounding.formats(gemm.seed.role);
        let round = |operand: &Operand<'_, f32>, format, part| {
            self.rounding.round(operand.values, format, gemm.seed, part)
        };
        let (a, scale_a) = round(&gemm.a, format_a, OperandPart::A);
        let (b, scale_b) = round(&gemm.b, format_b, OperandPart::B);
        let rounded = Gemm {
            a: Operand { values: a.view(), format: format_a },
            b: Operand { values: b.view(), format: format_b },
            bias: gemm.bias.as_ref().filter(|_| !self.rounding.scaled).map(Operand::reborrow),
            out: gemm.out,
            rounding: gemm.rounding,
            seed: gemm.seed,
            keep_sums: gemm.keep_sums,
        };
        let mut result = self.engine.gemm(&rounded)?;
        if self.rounding.scaled {
            unscale(&mut result.values, scale_a + scale_b, gemm.bias.map(|bias| bias.values));
        }
        Ok(result)
    }

    fn recycle(&mut self, matrix: Array2<f32>) {
        self.engine.recycle(matrix);
    }

    fn memory(&mut self, length: usize) -> Vec<f32> {
        self.engine.memory(length)
    }

    fn end_iteration(&mut self) -> Result<(), EngineError> {
        self.engine.end_iteration()
    }

    fn name(&self) -> &'static str {
        self.engine.name()
    }
}

/// Multiplies by 2^-scale, exactly unless the result is no normal number of binary32, and adds the
/// bias.
fn unscale(values: &mut Array2<f32>, scale: i32, bias: Option<ArrayView2<'_, f32>>) {
    let factor = flexmac_fxp::exp2(-scale);
    // Rounds to binary32 once.
    let exact = |value: f32| (f64::from(value) * factor) as f32;
    // As the array does: a zero is +0, and there is one NaN.
    let plain = |sum: f32| if sum.is_nan() { NAN } else { sum + 0.0 };
    match bias {
        None => values.par_mapv_inplace(|value| plain(exact(value))),
        Some(bias) => {
            let bias = bias.broadcast(values.dim()).expect("the array has checked the bias");
            Zip::from(values)
                .and(bias)
                .par_for_each(|value, bias| *value = plain(exact(*value) + bias));
        }
    }
}

#[cfg(test)]
mod tests {
    use flexmac_array::ArraySpec;
    use flexmac_fxp::Rounding;
    use ndarray::array;

    use super::*;
    use crate::reference::ReferenceEngine;

    fn engine(style: Style, rounding: FloatRounding) -> RoundedEngine {
        let config = ArraySpec { lanes: 4, ..ArraySpec::of_style(style) }.check().unwrap();
        let recipe = OperandRounding { rounding, ..OperandRounding::of(style).unwrap() };
        RoundedEngine::new(Box::new(ReferenceEngine::new(config)), recipe)
    }

    fn product<'a>(
        (a, b): (&'a Array2<f32>, &'a Array2<f32>),
        bias: Option<&'a Array2<f32>>,
        role: Role,
    ) -> Gemm<'a, f32> {
        let format = FloatFormat::Binary32;
        Gemm {
            a: Operand { values: a.view(), format },
            b: Operand { values: b.view(), format },
            bias: bias.map(|bias| Operand { values: bias.view(), format }),
            out: format,
            rounding: Rounding::Nearest,
            seed: SeedPath { role, ..SeedPath::alone(3) },
            keep_sums: false,
        }
    }

    /// Known tensors: the scales bring 3 to 384 and 1000 to 250, where E4M3 has steps of 32 and 16.
    #[test]
    fn fp8_operands_are_scaled_to_their_formats_and_back() {
        let mut engine = engine(Style::Fp8, FloatRounding::Nearest);
        let (a, b) = (array![[3.0, 0.1]], array![[1000.0, -3.0], [1.0, 0.0]]);
        let bias = array![[0.5, 0.0]];
        // 0.1 * 2^7 = 12.8 rounds to 13; 1000 / 4 = 250 to 256, -3 / 4 and 1 / 4 stay.
        let expected = [3.0 * 1024.0 + 13.0 / 128.0 + 0.5, -9.0];
        let result = engine.gemm(&product((&a, &b), Some(&bias), Role::Forward)).unwrap();
        assert_eq!(result.values, array![expected]);
        // Scaled by any power of two, operands round alike.
        for (up, down) in [(100, -60), (-120, 20), (0, -100)] {
            let (up, down) = (f32::powi(2.0, up), f32::powi(2.0, down));
            let (a, b) = (&a * up, &b * down);
            let scaled = engine.gemm(&product((&a, &b), None, Role::Forward)).unwrap();
            let expected = array![[3.0 * 1024.0 + 13.0 / 128.0, -9.0]] * (up * down);
            assert_eq!(scaled.values, expected);
        }
        // A gradient has E5M2: 0.1 * 2^14 = 1638.4 rounds to 1536, 0.09375 unscaled.
        let result = engine.gemm(&product((&a, &b), None, Role::InputGradient)).unwrap();
        assert_eq!(result.values, array![[3.0 * 1024.0 + 0.09375, -9.0]]);
        // Zeros have no scale.
        let zeros = Array2::zeros((1, 2));
        let result = engine.gemm(&product((&zeros, &b), Some(&bias), Role::Forward)).unwrap();
        assert_eq!(result.values, bias);
    }

    #[test]
    fn bf16_operands_are_rounded_only() {
        let mut engine = engine(Style::Bf16, FloatRounding::Nearest);
        let (a, b) = (array![[257.0_f32 / 256.0, 259.0 / 256.0]], array![[1.0], [0.0]]);
        let result = engine.gemm(&product((&a, &b), None, Role::Forward)).unwrap();
        assert_eq!(result.values, array![[1.0]], "a tie, to even");
        let a = array![[f32::MAX, 0.0]];
        let result = engine.gemm(&product((&a, &b), None, Role::Forward)).unwrap();
        assert_eq!(result.values, array![[f32::INFINITY]]);
    }

    /// Means of many rounded numbers are the number; streams depend on the GEMM and the operand.
    #[test]
    fn stochastic_rounding_keeps_the_mean() {
        for style in [Style::Bf16, Style::Fp8] {
            let mut engine = engine(style, FloatRounding::Stochastic);
            let (ones, values) =
                (Array2::ones((1, 40_000)), Array2::from_elem((40_000, 1), 1.053_f32));
            let sum = |engine: &mut RoundedEngine, role| {
                engine.gemm(&product((&ones, &values), None, role)).unwrap().values[[0, 0]]
            };
            let mean = sum(&mut engine, Role::Forward) / 40_000.0;
            assert!((mean - 1.053).abs() < 1e-3, "{style}: {mean}");
            assert_eq!(sum(&mut engine, Role::Forward), mean * 40_000.0);
            assert_ne!(sum(&mut engine, Role::WeightGradient), mean * 40_000.0);
        }
    }
}
