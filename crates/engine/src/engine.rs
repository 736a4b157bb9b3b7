//! The trait that every matrix-multiply backend implements, and what goes in and comes out.

use flexmac_array::{Cycles, Schedule, SkippedWork};
use flexmac_float::FloatFormat;
use flexmac_fxp::{Counters, Format, Matrix, Rounding, SeedPath, Sums, Words};
use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::EngineError;

/// A matrix element: a raw integer on the fixed-point engines, a real number on the float one.
///
/// Layers are generic over this trait. Pooling, ReLU and data movement only compare and copy
/// elements; rounding happens only in [`Element::quantize`].
pub trait Element: Copy + Default + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// The format of an operand of a GEMM: a fixed-point format for raw integers, a floating-point
    /// one for `f32`, whose elements must be numbers of it.
    type Format: Copy + PartialEq + Send + Sync + std::fmt::Debug;

    /// The format of an operand of a GEMM of a network whose tensor has this fixed-point format.
    /// Floats have binary32, until an engine rounds them.
    fn operand_format(format: Format) -> Self::Format;

    /// Converts real numbers to elements in `format` and returns the counters (overflows, rounding
    /// error). Floats ignore format, mode and words.
    ///
    /// # Panics
    /// When the lengths differ, or when rounding is stochastic and there are no words.
    fn quantize(
        values: &[f64],
        format: Format,
        rounding: Rounding,
        words: Words<'_>,
        out: &mut [Self],
    ) -> Counters;

    /// The real number the element stands for.
    fn value(self, format: Format) -> f64;
}

impl Element for i32 {
    type Format = Format;

    fn operand_format(format: Format) -> Format {
        format
    }

    fn quantize(
        values: &[f64],
        format: Format,
        rounding: Rounding,
        words: Words<'_>,
        out: &mut [Self],
    ) -> Counters {
        flexmac_fxp::quantize_slice(values, format, rounding, words, out)
    }

    fn value(self, format: Format) -> f64 {
        flexmac_fxp::to_value(self, format)
    }
}

impl Element for f32 {
    type Format = FloatFormat;

    fn operand_format(_format: Format) -> FloatFormat {
        FloatFormat::Binary32
    }

    fn quantize(
        values: &[f64],
        _format: Format,
        _rounding: Rounding,
        _words: Words<'_>,
        out: &mut [Self],
    ) -> Counters {
        assert_eq!(values.len(), out.len(), "one element for each value");
        for (out, value) in out.iter_mut().zip(values) {
            // Rounds to single precision, on purpose.
            *out = *value as Self;
        }
        Counters { emitted: out.len() as u64, ..Counters::default() }
    }

    fn value(self, _format: Format) -> f64 {
        self.into()
    }
}

/// A matrix and the format of its elements.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T: Element> {
    /// The elements, with any strides: a transposed view is as good.
    pub values: ArrayView2<'a, T>,
    /// Their format.
    pub format: T::Format,
}

impl<T: Element> Operand<'_, T> {
    /// The same operand, for a shorter time.
    pub fn reborrow(&self) -> Operand<'_, T> {
        Operand { values: self.values.view(), format: self.format }
    }
}

/// A GEMM to compute: round(A B + bias).
#[derive(Debug, Clone, Copy)]
pub struct Gemm<'a, T: Element> {
    /// A, (M, K).
    pub a: Operand<'a, T>,
    /// B, (K, N).
    pub b: Operand<'a, T>,
    /// Added to the exact sums before rounding: (1, N), the same for every row, or (M, N). Its
    /// fraction length must not exceed that of the sums, a.frac + b.frac, so that the addition is
    /// exact.
    pub bias: Option<Operand<'a, T>>,
    /// Format of the result; binary32 for floats.
    pub out: T::Format,
    /// Rounding mode of the result.
    pub rounding: Rounding,
    /// Selects the random streams of this GEMM.
    pub seed: SeedPath,
    /// Whether to return the exact sums as well.
    pub keep_sums: bool,
}

/// A GEMM whose operands need not lie in memory as matrices: those of a convolution are the patches
/// of images. An implicit GEMM has the result of the same GEMM of matrices.
#[derive(Debug, Clone, Copy)]
pub struct ImplicitGemm<'a, T: Element> {
    /// A, (M, K), and its format.
    pub a: (Matrix<'a, T>, T::Format),
    /// B, (K, N), and its format.
    pub b: (Matrix<'a, T>, T::Format),
    /// As in [`Gemm`].
    pub bias: Option<Operand<'a, T>>,
    /// As in [`Gemm`].
    pub out: T::Format,
    /// As in [`Gemm`].
    pub rounding: Rounding,
    /// As in [`Gemm`].
    pub seed: SeedPath,
}

impl<T: Element> ImplicitGemm<'_, T> {
    /// The same GEMM of two matrices in memory: those of [`Matrix::to_dense`].
    pub fn explicit<'s>(
        &'s self,
        a: &'s CowArray<'_, T, Ix2>,
        b: &'s CowArray<'_, T, Ix2>,
    ) -> Gemm<'s, T> {
        Gemm {
            a: Operand { values: a.view(), format: self.a.1 },
            b: Operand { values: b.view(), format: self.b.1 },
            bias: self.bias.as_ref().map(Operand::reborrow),
            out: self.out,
            rounding: self.rounding,
            seed: self.seed,
            keep_sums: false,
        }
    }
}

/// The cost of a GEMM, and what its counters counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The requantizers' counters.
    pub counters: Counters,
    /// Clock cycles on the array; all zero on the float engine, which models none.
    pub cycles: Cycles,
    /// Tiles of the GEMM.
    pub tiles: u64,
    /// Tiles that the RTL computed too and whose results and counters were all compared.
    pub tiles_checked: u64,
    /// Multiply-accumulates: M * K * N.
    pub macs: u64,
    /// Multiply-accumulates times passes (pairs of planes): M * K * N * planes_a * planes_b, or, with
    /// skipped planes, the sum over the commands that ran.
    pub mac_passes: u64,
    /// What plane skipping changed; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plane_skipping: Option<PlaneSkipping>,
}

/// The cost of GEMMs whose planes were skipped, as it would be without skipping, and what the cost
/// of skipped ones does not follow from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaneSkipping {
    /// Busy cycles without skipping.
    pub full_busy_cycles: u64,
    /// Multiply-accumulates times passes without skipping.
    pub full_mac_passes: u64,
    /// Rows that the requantizer of each column accepted from its drain chain.
    pub captured_rows: u64,
    /// Bits of operand words written to the banks.
    pub loaded_bits: u64,
}

impl PlaneSkipping {
    /// Adds that of another GEMM.
    fn add(&mut self, other: &Self) {
        self.full_busy_cycles += other.full_busy_cycles;
        self.full_mac_passes += other.full_mac_passes;
        self.captured_rows += other.captured_rows;
        self.loaded_bits += other.loaded_bits;
    }
}

impl Stats {
    /// The statistics of a whole GEMM, computed from its schedule; no tile checked.
    pub fn of(schedule: &Schedule, counters: Counters, cycles: Cycles) -> Self {
        let macs = (schedule.m * schedule.k * schedule.n) as u64;
        let mac_passes = macs * u64::from(schedule.passes());
        let tiles = schedule.tiles() as u64;
        let plane_skipping = None;
        Self { counters, cycles, tiles, tiles_checked: 0, macs, mac_passes, plane_skipping }
    }

    /// The statistics of a GEMM whose planes were skipped, from those without skipping: `work` is
    /// what the array did.
    pub(crate) fn skipped(self, work: &SkippedWork) -> Self {
        let plane_skipping = Some(PlaneSkipping {
            full_busy_cycles: self.cycles.busy,
            full_mac_passes: self.mac_passes,
            captured_rows: work.captured_rows,
            loaded_bits: work.loaded_bits,
        });
        Self { cycles: work.cycles, mac_passes: work.mac_passes, plane_skipping, ..self }
    }

    /// Adds the statistics of another GEMM.
    pub fn add(&mut self, other: &Self) {
        if let Some(skipping) = &other.plane_skipping {
            self.plane_skipping.get_or_insert_default().add(skipping);
        }
        self.counters.merge(&other.counters);
        self.cycles.add(&other.cycles);
        self.tiles += other.tiles;
        self.tiles_checked += other.tiles_checked;
        self.macs += other.macs;
        self.mac_passes += other.mac_passes;
    }
}

/// The result of a GEMM.
#[derive(Debug, Clone, PartialEq)]
pub struct GemmResult<T> {
    /// The rounded result, (M, N).
    pub values: Array2<T>,
    /// The exact sums (M, N), bias included, if requested. Engines for floats return none.
    pub sums: Option<Sums>,
    /// Cost and counters.
    pub stats: Stats,
}

/// Takes the rows of a result as they become ready, so that the matrix is never stored.
pub trait RowSink<T>: Sync {
    /// Takes whole rows of the result, the first of them number `first`. Called once for each row,
    /// in any order and from several threads at once.
    fn take_rows(&self, first: usize, rows: &[T]);
}

/// A matrix-multiply backend: reference, simulated RTL, or single-precision floats.
pub trait Engine<T: Element>: Send {
    /// Computes a GEMM.
    ///
    /// # Errors
    /// [`EngineError`]: the array cannot compute it, the backend failed, or (checked engine) RTL and
    /// reference differ.
    fn gemm(&mut self, gemm: &Gemm<'_, T>) -> Result<GemmResult<T>, EngineError>;

    /// Computes a GEMM whose operands may be the patches of images. Unless an engine can do better,
    /// it copies the patches to a matrix.
    ///
    /// # Errors
    /// Those of [`Self::gemm`].
    fn implicit_gemm(&mut self, gemm: &ImplicitGemm<'_, T>) -> Result<GemmResult<T>, EngineError> {
        let (a, b) = (gemm.a.0.to_dense(), gemm.b.0.to_dense());
        self.gemm(&gemm.explicit(&a, &b))
    }

    /// Computes a GEMM and gives the rows of the result to `sink` instead of returning them: the
    /// matrix in the result is empty (0, N). Unless an engine can do better, it computes the matrix
    /// first.
    ///
    /// # Errors
    /// Those of [`Self::gemm`]. The sink may have got some rows by then.
    fn implicit_gemm_into(
        &mut self,
        gemm: &ImplicitGemm<'_, T>,
        sink: &dyn RowSink<T>,
    ) -> Result<GemmResult<T>, EngineError> {
        /// Rows given at once.
        const BAND: usize = 64;
        let mut result = self.implicit_gemm(gemm)?;
        let columns = result.values.ncols();
        let empty = Array2::from_elem((0, columns), T::default());
        let values = std::mem::replace(&mut result.values, empty);
        let rows = values.as_standard_layout();
        let rows = rows.as_slice().expect("standard layout");
        let bands = rows.par_chunks(BAND * columns).enumerate();
        bands.for_each(|(band, rows)| sink.take_rows(band * BAND, rows));
        self.recycle(values);
        Ok(result)
    }

    /// Takes a matrix that is no longer needed. An engine may use its memory for a later result.
    fn recycle(&mut self, _matrix: Array2<T>) {}

    /// Memory for `length` elements, of any content: that of a recycled matrix if there is one.
    fn memory(&mut self, length: usize) -> Vec<T> {
        vec![T::default(); length]
    }

    /// Marks the end of a training iteration. An engine that collects GEMMs writes them to disk
    /// here.
    ///
    /// # Errors
    /// [`EngineError::Backend`] when that fails.
    fn end_iteration(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    /// The engine's name in flags and files.
    fn name(&self) -> &'static str;
}
