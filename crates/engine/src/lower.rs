//! From a product in formats to the integers the array works on, checked once for every engine.

use flexmac_array::{ArrayConfig, Layout, Schedule, Style};
use flexmac_fxp::{Format, Requantizer, SeedPath, Start};
use ndarray::{Array2, ArrayView2};

use crate::engine::{Element, Gemm};
use crate::error::GemmError;

/// A fixed-point GEMM that is known to be legal on a configuration, in integers: all that an array needs.
///
/// It is made once per GEMM, and every engine takes it as it is.
#[derive(Debug, Clone, Copy)]
pub struct IntegerGemm<'a> {
    /// A, (M, K).
    pub a: ArrayView2<'a, i32>,
    /// B, (K, N).
    pub b: ArrayView2<'a, i32>,
    /// Width of A.
    pub bits_a: u32,
    /// Width of B.
    pub bits_b: u32,
    /// What sums start from, and its left shift.
    pub bias: Option<Start<'a>>,
    /// Exact sums that another array hands on, as they lie on the array (`sharding.rs` of cosim).
    pub carried: Option<&'a Array2<i128>>,
    /// Shift, width and rounding of the result.
    pub requantizer: Requantizer,
    /// Format of the result.
    pub out: Format,
    /// Fraction length of the exact sums.
    pub sum_frac: i32,
    /// Names the random streams.
    pub seed: SeedPath,
    /// Whether to return the exact sums beside the rounded result.
    pub keep_sums: bool,
    /// Tiles and commands.
    pub schedule: Schedule,
}

impl<'a> IntegerGemm<'a> {
    /// The operand whose lines lie on rows of the array, (lines, K), and the one whose lines lie on
    /// its columns, (K, lines).
    pub fn on_array(&self) -> (ArrayView2<'a, i32>, ArrayView2<'a, i32>) {
        if self.schedule.transposed {
            (self.b.reversed_axes(), self.a.reversed_axes())
        } else {
            (self.a, self.b)
        }
    }

    /// Whether sums start from preloads.
    pub fn is_preloaded(&self) -> bool {
        self.bias.is_some() || self.carried.is_some()
    }

    /// What the sum at (row, column) of the product as the array sees it starts from.
    pub fn preload(&self, row: usize, column: usize) -> i128 {
        let at = if self.schedule.transposed { (column, row) } else { (row, column) };
        self.bias_at(at.0, at.1) + self.carried.map_or(0, |sums| sums[(row, column)])
    }

    /// The bias at (row, column) on the sums' grid; 0 without one.
    pub fn bias_at(&self, row: usize, column: usize) -> i128 {
        self.bias.map_or(0, |start| start.at(row, column))
    }
}

/// Shapes (M, K, N) of a product.
pub(crate) fn check_shapes<T: Element>(
    product: &Gemm<'_, T>,
) -> Result<(usize, usize, usize), GemmError> {
    let (a, b) = (&product.a.values, &product.b.values);
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    if b.nrows() != k {
        let (a, b) = ([m, k], [b.nrows(), n]);
        return Err(flexmac_fxp::FxpError::Shape { a, b }.into());
    }
    if m == 0 || k == 0 || n == 0 {
        return Err(GemmError::Empty { m, k, n });
    }
    if let Some(bias) = &product.bias {
        let found = bias.values.dim();
        if found.1 != n || (found.0 != 1 && found.0 != m) {
            return Err(GemmError::BiasShape { m, n, found });
        }
    }
    Ok((m, k, n))
}

/// Checks a GEMM against a configuration and lowers it to integers.
///
/// # Errors
/// [`GemmError`]: what the array cannot compute.
pub fn lower<'a>(
    config: &ArrayConfig,
    layout: Layout,
    product: &Gemm<'a, i32>,
) -> Result<IntegerGemm<'a>, GemmError> {
    let shape = check_shapes(product)?;
    let style = config.style();
    if style == Style::Fp32 {
        let (expected, found) = ("single-precision floats", "integers");
        return Err(GemmError::Style { style, expected, found });
    }
    let (bits_a, bits_b) = (product.a.format.bits(), product.b.format.bits());
    for (operand, found) in [('A', bits_a), ('B', bits_b)] {
        if found > config.max_bits() {
            return Err(GemmError::TooWide { operand, found, max_bits: config.max_bits() });
        }
    }
    if !config.spec().rounding.contains(product.rounding) {
        return Err(GemmError::RoundingAbsent {
            found: product.rounding,
            available: config.spec().rounding.clone(),
        });
    }
    let sum_frac = product.a.format.frac() + product.b.format.frac();
    let bias = match &product.bias {
        None => None,
        Some(bias) => {
            let bias_frac = bias.format.frac();
            let shift = u32::try_from(sum_frac - bias_frac)
                .map_err(|_| GemmError::BiasGrid { bias_frac, sum_frac })?;
            Some(Start { values: bias.values, shift })
        }
    };
    check_sum_range(config, shape.1, bits_a, bits_b, bias.as_ref())?;
    Ok(IntegerGemm {
        a: product.a.values,
        b: product.b.values,
        bits_a,
        bits_b,
        bias,
        carried: None,
        requantizer: Requantizer {
            shift: sum_frac - product.out.frac(),
            bits: product.out.bits(),
            rounding: product.rounding,
        },
        out: product.out,
        sum_frac,
        seed: product.seed,
        keep_sums: product.keep_sums,
        schedule: Schedule::laid_out(config, layout, shape, (bits_a, bits_b)),
    })
}

/// |sum| <= K * 2^(bits_a + bits_b - 2) + max |bias| * 2^shift must stay below 2^(sum_bits - 1).
///
/// # Errors
/// [`GemmError::SumRange`].
pub fn check_sum_range(
    config: &ArrayConfig,
    k: usize,
    bits_a: u32,
    bits_b: u32,
    bias: Option<&Start<'_>>,
) -> Result<(), GemmError> {
    let available = config.sum_bits();
    // K is a length in memory, so its product with at most 2^62 stays below 2^126.
    let products = (k as u128) << (bits_a + bits_b - 2);
    let refuse = |needed| GemmError::SumRange { k, bits_a, bits_b, needed, available };
    let magnitude = match bias {
        None => products,
        Some(&Start { values, shift }) => {
            let unshifted = Start { values, shift: 0 }.magnitude();
            if unshifted > 0 && shift > available {
                return Err(refuse(shift.saturating_add(bits_of(unshifted))));
            }
            products + (unshifted << shift.min(available))
        }
    };
    let needed = bits_of(magnitude);
    if needed > available { Err(refuse(needed)) } else { Ok(()) }
}

/// Bits of a two's complement number of this magnitude and either sign.
fn bits_of(magnitude: u128) -> u32 {
    u128::BITS - magnitude.leading_zeros() + 1
}
