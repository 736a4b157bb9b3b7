//! Lowering: turns a GEMM in formats into the integers and shifts that an array works with. All
//! checks happen here, once, for all engines, except that of the elements' ranges.

use std::num::NonZeroUsize;

use flexmac_array::{ArrayConfig, Command, Cycles, Layout, Schedule, SkippedWork};
use flexmac_fxp::{Counters, Format, Requantizer, Role, SeedPath, Start};
use ndarray::{Array2, ArrayView2};

use crate::engine::{Element, Gemm, ImplicitGemm, Operand, Stats};
use crate::error::GemmError;
use crate::skipping::Skipping;

/// A fixed-point GEMM in integers, checked against a configuration: everything an array needs.
///
/// [`lower()`] makes it, once per GEMM, for all engines.
#[derive(Debug, Clone, Copy)]
pub struct IntegerGemm<'a> {
    /// A, (M, K).
    pub a: ArrayView2<'a, i32>,
    /// B, (K, N).
    pub b: ArrayView2<'a, i32>,
    /// Width of A in bits.
    pub bits_a: u32,
    /// Width of B in bits.
    pub bits_b: u32,
    /// The bias and its left shift onto the grid of the sums (their last place).
    pub bias: Option<Start<'a>>,
    /// Exact sums received from the previous array when several share the GEMM, in the layout of
    /// the array: (schedule.m, schedule.n).
    pub carried: Option<&'a Array2<i128>>,
    /// Shift, width and rounding of the result.
    pub requantizer: Requantizer,
    /// Format of the result.
    pub out: Format,
    /// Fraction length of the exact sums.
    pub sum_frac: i32,
    /// Selects the random streams.
    pub seed: SeedPath,
    /// Whether to return the exact sums as well.
    pub keep_sums: bool,
    /// Whether A and B are 8-bit floats of format E5M2, of which an array gets the bits as integers; false for
    /// everything else.
    pub e5m2: [bool; 2],
    /// Tiles, and commands without skipping.
    pub schedule: Schedule,
    /// The plans with skipped planes; none without skipping.
    pub skipping: Option<&'a Skipping>,
}

impl<'a> IntegerGemm<'a> {
    /// The same GEMM with these plans, for a shorter time.
    #[must_use]
    pub fn with_skipping<'s>(&'s self, skipping: Option<&'s Skipping>) -> IntegerGemm<'s> {
        IntegerGemm {
            a: self.a.view(),
            b: self.b.view(),
            bias: self.bias.map(|start| Start { values: start.values.reborrow(), ..start }),
            skipping,
            ..*self
        }
    }

    /// The plans with skipped planes for up to `arrays` arrays.
    pub fn find_skipping(&self, config: &ArrayConfig, arrays: NonZeroUsize) -> Skipping {
        let operands = (self.a.into(), self.b.into());
        Skipping::new(config, &self.schedule, operands, self.seed.role, arrays)
    }

    /// The commands of a tile, in order of K.
    pub fn tile_commands(&self, tile: usize) -> Vec<Command> {
        match self.skipping {
            None => self.schedule.tile_commands(tile).collect(),
            Some(skipping) => skipping.plan().tile_commands(tile).collect(),
        }
    }

    /// Where the pieces of K begin, and K.
    pub fn piece_bounds(&self) -> Vec<usize> {
        match self.skipping {
            None => self.schedule.piece_bounds(self.schedule.longest_piece()),
            Some(skipping) => skipping.plan().bounds().to_vec(),
        }
    }

    /// The index of a command's piece of K, from 0.
    pub fn piece(&self, command: &Command) -> usize {
        self.skipping
            .map_or_else(|| self.schedule.piece(command), |skipping| skipping.plan().piece(command))
    }

    /// Cycles of some tiles alone, run one after the other on one array in the given order.
    pub fn cycles_of_tiles(
        &self,
        config: &ArrayConfig,
        tiles: impl IntoIterator<Item = usize>,
    ) -> Cycles {
        match self.skipping {
            None => self.schedule.cycles_of_tiles(config, tiles),
            Some(skipping) => skipping.plan().work_of_tiles(config, tiles).cycles,
        }
    }

    /// The statistics of the GEMM on `arrays` arrays, from its counters and cycles; no tile checked.
    pub fn stats(
        &self,
        config: &ArrayConfig,
        arrays: NonZeroUsize,
        counters: Counters,
        cycles: Cycles,
    ) -> Stats {
        let Some(skipping) = self.skipping else {
            return Stats::of(&self.schedule, counters, cycles);
        };
        let full = full_cycles(&self.schedule, config, self.seed.role, arrays);
        let work = SkippedWork { cycles, ..skipping.work(config) };
        Stats::of(&self.schedule, counters, full).skipped(&work)
    }

    /// The operands as they lie on the array: the one on its rows, (schedule.m, K), and the one on
    /// its columns, (K, schedule.n).
    pub fn on_array(&self) -> (ArrayView2<'a, i32>, ArrayView2<'a, i32>) {
        if self.schedule.transposed {
            (self.b.reversed_axes(), self.a.reversed_axes())
        } else {
            (self.a, self.b)
        }
    }

    /// Whether the operands on the rows and on the columns of the array are of format E5M2.
    pub fn e5m2_on_array(&self) -> [bool; 2] {
        let [a, b] = self.e5m2;
        if self.schedule.transposed { [b, a] } else { [a, b] }
    }

    /// Whether sums start from preloads: a bias, carried sums, or both.
    pub fn is_preloaded(&self) -> bool {
        self.bias.is_some() || self.carried.is_some()
    }

    /// The initial sum at (row, column), in the layout of the array.
    pub fn preload(&self, row: usize, column: usize) -> i128 {
        let at = if self.schedule.transposed { (column, row) } else { (row, column) };
        self.bias_at(at.0, at.1) + self.carried.map_or(0, |sums| sums[(row, column)])
    }

    /// The bias at (row, column) of the result, with the fraction length of the sums; 0 without a
    /// bias.
    pub fn bias_at(&self, row: usize, column: usize) -> i128 {
        self.bias.map_or(0, |start| start.at(row, column))
    }
}

/// Checks the shapes of a GEMM and returns (M, K, N).
pub(crate) fn check_shapes<T: Element>(
    gemm: &Gemm<'_, T>,
) -> Result<(usize, usize, usize), GemmError> {
    check_dims(gemm.a.values.dim(), gemm.b.values.dim(), gemm.bias.as_ref())
}

/// Checks the dimensions of A, B and a bias, and returns (M, K, N).
pub(crate) fn check_dims<T: Element>(
    (m, k): (usize, usize),
    (b_rows, n): (usize, usize),
    bias: Option<&Operand<'_, T>>,
) -> Result<(usize, usize, usize), GemmError> {
    if b_rows != k {
        let (a, b) = ([m, k], [b_rows, n]);
        return Err(flexmac_fxp::FxpError::Shape { a, b }.into());
    }
    if m == 0 || k == 0 || n == 0 {
        return Err(GemmError::Empty { m, k, n });
    }
    if let Some(bias) = bias {
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
/// [`GemmError`] if the array cannot compute it. Elements outside their formats are found later, by
/// the engines.
pub fn lower<'a>(
    config: &ArrayConfig,
    layout: Layout,
    gemm: &Gemm<'a, i32>,
) -> Result<IntegerGemm<'a>, GemmError> {
    let (a, b) = (gemm.a.values.into(), gemm.b.values.into());
    let plan = plan(
        config,
        layout,
        &ImplicitGemm {
            a: (a, gemm.a.format),
            b: (b, gemm.b.format),
            bias: gemm.bias,
            out: gemm.out,
            rounding: gemm.rounding,
            seed: gemm.seed,
        },
    )?;
    Ok(IntegerGemm {
        a: gemm.a.values,
        b: gemm.b.values,
        bits_a: plan.bits_a,
        bits_b: plan.bits_b,
        bias: plan.bias,
        carried: None,
        skipping: None,
        requantizer: plan.requantizer,
        out: gemm.out,
        sum_frac: plan.sum_frac,
        seed: gemm.seed,
        keep_sums: gemm.keep_sums,
        e5m2: [false; 2],
        schedule: plan.schedule,
    })
}

/// What [`lower()`] finds, besides the operands: the reference engine needs no more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub bits_a: u32,
    pub bits_b: u32,
    pub bias: Option<Start<'a>>,
    pub requantizer: Requantizer,
    pub sum_frac: i32,
    pub seed: SeedPath,
    pub schedule: Schedule,
}

impl<'a> Plan<'a> {
    /// The plan within a GEMM that has been lowered.
    pub fn of(lowered: &IntegerGemm<'a>) -> Self {
        Self {
            bits_a: lowered.bits_a,
            bits_b: lowered.bits_b,
            bias: lowered.bias,
            requantizer: lowered.requantizer,
            sum_frac: lowered.sum_frac,
            seed: lowered.seed,
            schedule: lowered.schedule,
        }
    }
}

/// Cycles without skipping on the slowest of `arrays` arrays.
pub(crate) fn full_cycles(
    schedule: &Schedule,
    config: &ArrayConfig,
    role: Role,
    arrays: NonZeroUsize,
) -> Cycles {
    match arrays.get() {
        1 => schedule.cycles(config),
        arrays => schedule.sharded_cycles(config, role, arrays),
    }
}

/// Checks a GEMM against a configuration, as [`lower()`] does.
pub(crate) fn plan<'a>(
    config: &ArrayConfig,
    layout: Layout,
    gemm: &ImplicitGemm<'a, i32>,
) -> Result<Plan<'a>, GemmError> {
    let ((a, format_a), (b, format_b)) = (gemm.a, gemm.b);
    let shape = check_dims(a.dim(), b.dim(), gemm.bias.as_ref())?;
    let style = config.style();
    if style.is_float() {
        let (expected, found) = ("floats", "integers");
        return Err(GemmError::Style { style, expected, found });
    }
    let (bits_a, bits_b) = (format_a.bits(), format_b.bits());
    for (operand, found) in [('A', bits_a), ('B', bits_b)] {
        if found > config.max_bits() {
            return Err(GemmError::TooWide { operand, found, max_bits: config.max_bits() });
        }
    }
    if !config.spec().rounding.contains(gemm.rounding) {
        return Err(GemmError::RoundingAbsent {
            found: gemm.rounding,
            available: config.spec().rounding.clone(),
        });
    }
    let sum_frac = format_a.frac() + format_b.frac();
    let bias = match &gemm.bias {
        None => None,
        Some(bias) => {
            let bias_frac = bias.format.frac();
            let shift = u32::try_from(sum_frac - bias_frac)
                .map_err(|_| GemmError::BiasGrid { bias_frac, sum_frac })?;
            Some(Start { values: bias.values, shift })
        }
    };
    check_sum_range(config, shape.1, bits_a, bits_b, bias.as_ref())?;
    Ok(Plan {
        bits_a,
        bits_b,
        bias,
        requantizer: Requantizer {
            shift: sum_frac - gemm.out.frac(),
            bits: gemm.out.bits(),
            rounding: gemm.rounding,
        },
        sum_frac,
        seed: gemm.seed,
        schedule: Schedule::laid_out(config, layout, shape, (bits_a, bits_b)),
    })
}

/// Checks that every possible sum fits the array's sums: |sum| is at most
/// K * 2^(bits_a + bits_b - 2) + max |bias| * 2^shift, and must be below 2^(sum_bits - 1).
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
    let bias = bias
        .map_or((0, 0), |&Start { values, shift }| (Start { values, shift: 0 }.magnitude(), shift));
    let needed = sum_bits_needed(k, bits_a, bits_b, bias);
    if needed > available {
        Err(GemmError::SumRange { k, bits_a, bits_b, needed, available })
    } else {
        Ok(())
    }
}

/// Bits that hold every possible sum of K products of operands of these widths and of a bias, which
/// is given by its largest raw magnitude and its left shift onto the grid of the sums.
///
/// # Panics
/// When a width is below 2, or the magnitude above 2^31.
pub fn sum_bits_needed(k: usize, bits_a: u32, bits_b: u32, (bias, shift): (u128, u32)) -> u32 {
    /// Wider than the sums of any array, and no overflow here.
    const MOST_SHIFT: u32 = 95;
    assert!(bias <= 1 << 31, "the magnitude of a raw value");
    if bias > 0 && shift > MOST_SHIFT {
        return shift.saturating_add(bits_of(bias));
    }
    // No overflow: K is a length in memory, and K * 2^62 is below 2^126.
    let products = (k as u128) << (bits_a + bits_b - 2);
    bits_of(products + (bias << shift.min(MOST_SHIFT)))
}

/// Bits of a two's complement number of this magnitude, of either sign.
fn bits_of(magnitude: u128) -> u32 {
    u128::BITS - magnitude.leading_zeros() + 1
}
