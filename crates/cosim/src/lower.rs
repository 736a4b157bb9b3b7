//! From a product in formats to the integers the array works on, checked once for every engine.

use fxp::{Requantizer, Start};
use ndarray::{Array2, ArrayView2};
use rtlgen::{Config, Layout, Schedule, Style};

use crate::engine::{Element, Product};
use crate::error::EngineError;

/// A fixed-point product that is known to be legal on a configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lowered<'a> {
    pub a: ArrayView2<'a, i32>,
    pub b: ArrayView2<'a, i32>,
    pub bits_a: u32,
    pub bits_b: u32,
    pub bias: Option<Start<'a>>,
    /// Exact sums that another array hands on, as they lie on the array (group.rs).
    pub carried: Option<&'a Array2<i128>>,
    pub requantizer: Requantizer,
    pub schedule: Schedule,
}

impl<'a> Lowered<'a> {
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
    product: &Product<'_, T>,
) -> Result<(usize, usize, usize), EngineError> {
    let (a, b) = (&product.a.values, &product.b.values);
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    if b.nrows() != k {
        let (a, b) = ([m, k], [b.nrows(), n]);
        return Err(fxp::FxpError::Shape { a, b }.into());
    }
    if m == 0 || k == 0 || n == 0 {
        return Err(EngineError::Empty { m, k, n });
    }
    if let Some(bias) = &product.bias {
        let found = bias.values.dim();
        if found.1 != n || (found.0 != 1 && found.0 != m) {
            return Err(EngineError::BiasShape { m, n, found });
        }
    }
    Ok((m, k, n))
}

/// Checks a product against a configuration and lowers it to integers.
pub(crate) fn lower<'a>(
    config: &Config,
    layout: Layout,
    product: &Product<'a, i32>,
) -> Result<Lowered<'a>, EngineError> {
    let shape = check_shapes(product)?;
    let style = config.style();
    if style == Style::Fp32 {
        let (expected, found) = ("single-precision floats", "integers");
        return Err(EngineError::Style { style, expected, found });
    }
    let (bits_a, bits_b) = (product.a.format.bits(), product.b.format.bits());
    for (operand, found) in [('A', bits_a), ('B', bits_b)] {
        if found > config.max_bits() {
            return Err(EngineError::TooWide { operand, found, max_bits: config.max_bits() });
        }
    }
    if !config.spec().rounding.contains(product.rounding) {
        return Err(EngineError::RoundingAbsent {
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
                .map_err(|_| EngineError::BiasGrid { bias_frac, sum_frac })?;
            Some(Start { values: bias.values, shift })
        }
    };
    check_sum_range(config, shape.1, bits_a, bits_b, bias.as_ref())?;
    Ok(Lowered {
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
        schedule: Schedule::laid_out(config, layout, shape, (bits_a, bits_b)),
    })
}

/// |sum| <= K * 2^(bits_a + bits_b - 2) + max |bias| * 2^shift must stay below 2^(sum_bits - 1).
pub(crate) fn check_sum_range(
    config: &Config,
    k: usize,
    bits_a: u32,
    bits_b: u32,
    bias: Option<&Start<'_>>,
) -> Result<(), EngineError> {
    let available = config.sum_bits();
    // K is a length in memory, so its product with at most 2^62 stays below 2^126.
    let products = (k as u128) << (bits_a + bits_b - 2);
    let refuse = |needed| EngineError::SumRange { k, bits_a, bits_b, needed, available };
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
