//! GEMMs to test an array with: all small ones, and random ones that reach its limits.

use flexmac_array::ArrayConfig;
use flexmac_engine::{Gemm, Operand, float_formats};
use flexmac_float::FloatFormat;
use flexmac_fxp::{Format, Role, Rounding, SeedPath};
use ndarray::{Array2, Axis};
use rand::{Rng, RngExt};

/// A GEMM of integers that owns its operands.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Left operand, (M, K).
    pub a: Array2<i32>,
    /// Right operand, (K, N).
    pub b: Array2<i32>,
    /// Bias, (1, N) or (M, N).
    pub bias: Option<Array2<i32>>,
    /// The formats of A, B, bias and result.
    pub formats: [Format; 4],
    /// Rounding mode of the result.
    pub rounding: Rounding,
    /// Selects the random streams.
    pub seed: SeedPath,
}

impl Trial {
    /// A random GEMM: any widths, shapes of up to a few tiles, K of one or several commands, shifts
    /// from far left to far right, operands uniform or all at a limit. Its sums may need more bits
    /// than the array has.
    pub fn random(config: &ArrayConfig, rng: &mut impl Rng) -> Self {
        let limit = config.max_bits();
        let bits = |rng: &mut _| RngExt::random_range(rng, 2..=limit);
        let (bits_a, bits_b) = (bits(rng), bits(rng));
        let piece = config.command_k(config.planes(bits_a), config.planes(bits_b));
        let inner = length(config, piece, rng);
        let (rows, cols) = outer(config, rng);
        let a = matrix(rng, (rows, inner), bits_a);
        let b = matrix(rng, (inner, cols), bits_b);
        let bias_shift = rng.random_range(0..=6);
        let bias = rng.random_bool(0.5).then(|| {
            let rows = if rng.random_bool(0.5) { 1 } else { rows };
            let bits = rng.random_range(2..=32);
            matrix(rng, (rows, cols), bits)
        });
        let product_bits = (bits_a + bits_b) as i32;
        let shift = match rng.random_range(0..8) {
            0 => rng.random_range(-40..0),
            1 => rng.random_range(60..140),
            _ => rng.random_range(0..=product_bits),
        };
        let modes: Vec<_> = config.spec().rounding.iter().collect();
        Self {
            a,
            b,
            bias,
            // The sums have 3 - 1 = 2 fraction bits.
            formats: [
                format(bits_a, 3),
                format(bits_b, -1),
                format(32, 2 - bias_shift),
                format(rng.random_range(2..=32), 2 - shift),
            ],
            rounding: modes[rng.random_range(0..modes.len())],
            seed: SeedPath {
                run: rng.next_u64(),
                iteration: rng.random_range(0..1000),
                layer: rng.random_range(0..8),
                role: Role::GEMMS[rng.random_range(0..3)],
            },
        }
    }

    /// The same GEMM with operands that leave planes to skip: blocks of narrow elements and of zeros;
    /// or zeros, a single element, -1, or negative elements throughout.
    #[must_use]
    pub fn narrowed(mut self, rng: &mut impl Rng) -> Self {
        for matrix in [&mut self.a, &mut self.b] {
            narrow(matrix, rng);
        }
        self
    }

    /// All pairs of operands of 2 to 4 bits, and all dot products of length 2 with 2-bit operands,
    /// each with all shifts that matter, all rounding modes of the array, and results of 2, 4 and 8
    /// bits.
    pub fn exhaustive(config: &ArrayConfig) -> Vec<Self> {
        let most = config.max_bits().min(4);
        let pairs = (2..=most).flat_map(|a| (2..=most).map(move |b| (a, b, 1)));
        let mut trials = Vec::new();
        for (bits_a, bits_b, k) in pairs.chain([(2, 2, 2)]) {
            let (a, b) = (vectors(bits_a, k), vectors(bits_b, k).reversed_axes());
            for rounding in config.spec().rounding.iter() {
                for shift in -2..=(bits_a + bits_b) as i32 + 1 {
                    for bits in [2, 4, 8] {
                        trials.push(Self {
                            a: a.clone(),
                            b: b.clone(),
                            bias: None,
                            formats: [
                                format(bits_a, 0),
                                format(bits_b, 0),
                                format(32, 0),
                                format(bits, -shift),
                            ],
                            rounding,
                            seed: SeedPath::alone(trials.len() as u64),
                        });
                    }
                }
            }
        }
        trials
    }

    /// The GEMM, with exact sums requested.
    pub fn gemm(&self) -> Gemm<'_, i32> {
        let [a, b, bias, out] = self.formats;
        Gemm {
            a: Operand { values: self.a.view(), format: a },
            b: Operand { values: self.b.view(), format: b },
            bias: self.bias.as_ref().map(|m| Operand { values: m.view(), format: bias }),
            out,
            rounding: self.rounding,
            seed: self.seed,
            keep_sums: true,
        }
    }
}

/// A GEMM of floats that owns its operands.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatTrial {
    /// Formats of A and B.
    pub formats: [FloatFormat; 2],
    /// Left operand, (M, K).
    pub a: Array2<f32>,
    /// Right operand, (K, N).
    pub b: Array2<f32>,
    /// Bias, (1, N) or (M, N).
    pub bias: Option<Array2<f32>>,
}

impl FloatTrial {
    /// A random GEMM, with shapes as in [`Trial::random`], on an array of a float style. Operands are similar in
    /// magnitude (so that sums cancel), near underflow, near overflow, any number of the format, or zeros of both
    /// signs.
    ///
    /// # Panics
    /// When the array is one of integers.
    pub fn random(config: &ArrayConfig, rng: &mut impl Rng) -> Self {
        let inner = length(config, config.command_k(1, 1), rng);
        let (rows, cols) = outer(config, rng);
        let bias = rng.random_bool(0.5).then(|| {
            let rows = if rng.random_bool(0.5) { 1 } else { rows };
            floats(rng, (rows, cols), FloatFormat::Binary32)
        });
        let all = float_formats(config.style());
        let formats = [(); 2].map(|()| all[rng.random_range(0..all.len())]);
        let a = floats(rng, (rows, inner), formats[0]);
        Self { formats, a, b: floats(rng, (inner, cols), formats[1]), bias }
    }

    /// All pairs of special values of both signs, multiplied alone and added to every special
    /// value of binary32; in formats of 8 bits all pairs of numbers. None on an array of integers.
    pub fn exhaustive(config: &ArrayConfig) -> Vec<Self> {
        let formats = float_formats(config.style());
        let mut trials = Vec::new();
        for a_format in formats {
            for b_format in formats {
                let (a, b) = (edges(*a_format), edges(*b_format));
                let column = Array2::from_shape_vec((a.len(), 1), a).expect("a column");
                let row = Array2::from_shape_vec((1, b.len()), b).expect("a row");
                let addends = edges(FloatFormat::Binary32).into_iter();
                let biases = addends.map(|edge| Some(Array2::from_elem((1, row.len()), edge)));
                trials.extend([None].into_iter().chain(biases).map(|bias| Self {
                    formats: [*a_format, *b_format],
                    a: column.clone(),
                    b: row.clone(),
                    bias,
                }));
            }
        }
        trials
    }

    /// The GEMM.
    pub fn gemm(&self) -> Gemm<'_, f32> {
        let format = FloatFormat::Binary32;
        let [a_format, b_format] = self.formats;
        Gemm {
            a: Operand { values: self.a.view(), format: a_format },
            b: Operand { values: self.b.view(), format: b_format },
            bias: self.bias.as_ref().map(|m| Operand { values: m.view(), format }),
            out: format,
            rounding: Rounding::Nearest,
            seed: SeedPath { run: 0, iteration: 0, layer: 0, role: Role::Forward },
            keep_sums: false,
        }
    }
}

fn format(bits: u32, frac: i32) -> Format {
    Format::new(bits, frac).expect("widths of trials are legal")
}

/// A random K: 1, within a few words, longer than one command (which takes `piece`), or any.
fn length(config: &ArrayConfig, piece: usize, rng: &mut impl Rng) -> usize {
    match rng.random_range(0..4) {
        0 => 1,
        1 => rng.random_range(1..=config.lanes() * 3),
        2 => (piece + rng.random_range(1..=piece)).min(700),
        _ => rng.random_range(1..=60),
    }
}

/// Random M and N, of up to three tiles in each direction.
fn outer(config: &ArrayConfig, rng: &mut impl Rng) -> (usize, usize) {
    (rng.random_range(1..=2 * config.rows() + 1), rng.random_range(1..=2 * config.tile_cols() + 1))
}

/// All vectors of `k` integers of `bits` bits, one per row.
fn vectors(bits: u32, k: usize) -> Array2<i32> {
    let count = 1_usize << bits;
    Array2::from_shape_fn((count.pow(k as u32), k), |(row, at)| {
        (row / count.pow(at as u32) % count) as i32 - (count / 2) as i32
    })
}

/// A random matrix: uniform, or all elements at one limit, where sums reach their bounds.
fn matrix(rng: &mut impl Rng, shape: (usize, usize), bits: u32) -> Array2<i32> {
    let low = (-(1_i64 << (bits - 1))) as i32;
    match rng.random_range(0..6) {
        0 => Array2::from_elem(shape, low),
        1 => Array2::from_elem(shape, !low),
        _ => Array2::from_shape_simple_fn(shape, || rng.next_u32() as i32 >> (32 - bits)),
    }
}

/// Special values of both signs: zero, the ends of the subnormal and normal ranges, one and its neighbours,
/// infinity, NaN. Of a format of 8 bits all numbers.
fn edges(format: FloatFormat) -> Vec<f32> {
    let (bits, fraction) = (format.bits(), format.fraction_bits());
    if bits == 8 {
        return (0..1 << bits).map(|encoding| format.decode(encoding)).collect();
    }
    let normal = 1 << fraction;
    let one = format.encode(1.0).expect("every format has it");
    let infinity = format.nan() & !(normal >> 1);
    let below = [0, 1, 2, normal >> 1, normal - 1, normal, normal + 1];
    let above = [one - 1, one, one + 1, infinity - 2, infinity - 1, infinity, format.nan()];
    let magnitudes = below.into_iter().chain(above);
    magnitudes.flat_map(|bits| [format.decode(bits), -format.decode(bits)]).collect()
}

/// Makes elements narrower, in place.
fn narrow(matrix: &mut Array2<i32>, rng: &mut impl Rng) {
    let (rows, columns) = matrix.dim();
    match rng.random_range(0..10) {
        0 => matrix.fill(0),
        1 => matrix.fill(-1),
        2 => matrix.mapv_inplace(|value| value.min(!value)),
        3 => {
            let at = (rng.random_range(0..rows), rng.random_range(0..columns));
            let value = matrix[at];
            matrix.fill(0);
            matrix[at] = value;
        }
        _ => {
            let (height, width) = (rng.random_range(1..=24), rng.random_range(1..=24));
            for mut band in matrix.axis_chunks_iter_mut(Axis(0), height) {
                for mut block in band.axis_chunks_iter_mut(Axis(1), width) {
                    let shift = [0, 0, 31, rng.random_range(0..32)][rng.random_range(0..4)];
                    let zeros = rng.random_range(0..4) == 0;
                    block.mapv_inplace(|value| if zeros { 0 } else { value >> shift });
                }
            }
        }
    }
}

/// A random matrix of one of the kinds that [`FloatTrial::random`] lists.
fn floats(rng: &mut impl Rng, shape: (usize, usize), format: FloatFormat) -> Array2<f32> {
    let kind = rng.random_range(0..8);
    let (fraction, exponents) = (format.fraction_bits(), 1 << format.exponent_bits());
    let encodings = u32::MAX >> (32 - format.bits());
    let bias = format.bias() as u32; // positive
    Array2::from_shape_simple_fn(shape, || {
        let bits = rng.next_u32() & encodings;
        let mut exponent = |least: u32, count: u32| {
            let others = bits & !((exponents - 1) << fraction);
            others | ((least + rng.next_u32() % count) % exponents) << fraction
        };
        format.decode(match kind {
            0 => bits,
            1 => bits & !(encodings >> 1),
            2 => exponent(0, bias / 2 + 2),
            3 => exponent(bias * 3 / 2, bias / 8 + 1),
            _ => exponent(bias - bias / 16, bias / 10 + 2),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flexmac_array::{ArraySpec, Style};

    use super::*;

    #[test]
    fn exhaustive_trials_hold_every_pair_once() {
        let config = ArraySpec::default().check().unwrap();
        let trials = Trial::exhaustive(&config);
        let of_three = trials.iter().find(|t| t.formats[0].bits() == 3 && t.formats[1].bits() == 4);
        let Trial { a, b, .. } = of_three.unwrap();
        assert_eq!(a.column(0).to_vec(), (-4..4).collect::<Vec<_>>());
        assert_eq!(b.row(0).to_vec(), (-8..8).collect::<Vec<_>>());
        let two = &trials.last().unwrap().a;
        let rows: BTreeSet<_> = two.rows().into_iter().map(|row| row.to_vec()).collect();
        assert_eq!((two.dim(), rows.len()), ((16, 2), 16));
        for (style, trials, a) in
            [(Style::Fp32, 29, 28), (Style::Bf16, 29, 28), (Style::Fp8, 4 * 29, 256)]
        {
            let found = FloatTrial::exhaustive(&ArraySpec::of_style(style).check().unwrap());
            assert_eq!((found.len(), found[0].a.len()), (trials, a), "{style}");
            let bits: BTreeSet<_> = found[0].a.iter().map(|value| value.to_bits()).collect();
            assert!(bits.len() + 3 > a, "as many values, but for NaN of both signs");
        }
    }
}
