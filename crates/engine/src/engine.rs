//! The one door between a network and whatever multiplies for it.

use flexmac_array::{Cycles, Schedule};
use flexmac_fxp::{Counters, Format, Lfsr, Rounding, SeedPath, Sums};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;

/// A matrix element: a raw integer on the fixed-point engines, a real number on the float one.
///
/// Layers are written once over this trait; pooling, ReLU and data movement need nothing but order
/// and copies, and rounding happens through [`Element::quantize`] alone.
pub trait Element: Copy + Default + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// Makes the elements for `values` in `format`; the float engine ignores format, mode and
    /// streams. `streams` is empty unless rounding is stochastic; then it gives each value its word.
    /// What overflowed or was lost is counted.
    ///
    /// # Panics
    /// When the lengths differ.
    fn quantize(
        values: &[f64],
        format: Format,
        rounding: Rounding,
        streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters;

    /// The real number the element stands for.
    fn value(self, format: Format) -> f64;
}

impl Element for i32 {
    fn quantize(
        values: &[f64],
        format: Format,
        rounding: Rounding,
        streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters {
        flexmac_fxp::quantize_slice(values, format, rounding, streams, out)
    }

    fn value(self, format: Format) -> f64 {
        flexmac_fxp::to_value(self, format)
    }
}

impl Element for f32 {
    fn quantize(
        values: &[f64],
        _format: Format,
        _rounding: Rounding,
        _streams: &[Lfsr],
        out: &mut [Self],
    ) -> Counters {
        assert_eq!(values.len(), out.len(), "one element for each value");
        for (out, value) in out.iter_mut().zip(values) {
            // Rounds to single precision, which is what a float run is.
            *out = *value as Self;
        }
        Counters { emitted: out.len() as u64, ..Counters::default() }
    }

    fn value(self, _format: Format) -> f64 {
        self.into()
    }
}

/// A matrix and the format its elements are in.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T> {
    /// The elements; any strides, so that a transpose costs nothing.
    pub values: ArrayView2<'a, T>,
    /// Their format.
    pub format: Format,
}

/// One product to compute: out = round(A B + bias).
#[derive(Debug, Clone, Copy)]
pub struct Gemm<'a, T> {
    /// A, (M, K), on the rows of the array.
    pub a: Operand<'a, T>,
    /// B, (K, N), on the columns of the array.
    pub b: Operand<'a, T>,
    /// What the sums start from: (1, N) to add one row everywhere, or (M, N). Its fraction length
    /// must not exceed that of the sums, a.frac + b.frac, so that the addition is exact.
    pub bias: Option<Operand<'a, T>>,
    /// Format of the result.
    pub out: Format,
    /// How the result is rounded.
    pub rounding: Rounding,
    /// Names the random streams of this product.
    pub seed: SeedPath,
    /// Whether to return the exact sums beside the rounded result.
    pub keep_sums: bool,
}

/// What a product cost and counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The requantizers' counters.
    pub counters: Counters,
    /// Cycles on the array; all zero on the float engine, which models none.
    pub cycles: Cycles,
    /// Tiles run.
    pub tiles: u64,
    /// Tiles whose every output and counter was compared with the reference.
    pub tiles_checked: u64,
    /// Multiply-accumulates of the product: M * K * N.
    pub macs: u64,
    /// Passes times multiply-accumulates: M * K * N * planes_a * planes_b.
    pub mac_passes: u64,
}

impl Stats {
    /// Of a whole product by its schedule, nothing compared.
    pub fn of(schedule: &Schedule, counters: Counters, cycles: Cycles) -> Self {
        let macs = (schedule.m * schedule.k * schedule.n) as u64;
        let mac_passes = macs * u64::from(schedule.passes());
        let tiles = schedule.tiles() as u64;
        Self { counters, cycles, tiles, tiles_checked: 0, macs, mac_passes }
    }

    /// Adds another product's.
    pub fn add(&mut self, other: &Self) {
        self.counters.merge(&other.counters);
        self.cycles.add(&other.cycles);
        self.tiles += other.tiles;
        self.tiles_checked += other.tiles_checked;
        self.macs += other.macs;
        self.mac_passes += other.mac_passes;
    }
}

/// A computed product.
#[derive(Debug, Clone, PartialEq)]
pub struct GemmResult<T> {
    /// The rounded result, (M, N).
    pub values: Array2<T>,
    /// The exact sums, bias included, where asked for; the float engine has none.
    pub sums: Option<Sums>,
    /// Cost and counters.
    pub stats: Stats,
}

/// Something that multiplies matrices.
pub trait Engine<T: Element> {
    /// Computes one product.
    ///
    /// # Errors
    /// [`EngineError`]: operands that do not fit, a model that cannot run, or (checked engine) a
    /// difference between RTL and reference.
    fn gemm(&mut self, product: &Gemm<'_, T>) -> Result<GemmResult<T>, EngineError>;

    /// Ends a training iteration: an engine that collects its products puts them away.
    ///
    /// # Errors
    /// [`EngineError::File`] when the disk refuses.
    fn end_iteration(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    /// The engine's name, as flags and histories write it.
    fn name(&self) -> &'static str;
}
