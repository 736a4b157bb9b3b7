//! The RTL engine: computes every GEMM on the Verilated array.

use std::num::NonZeroUsize;
use std::path::Path;

use flexmac_array::{ArrayConfig, Command, Layout, Schedule};
use flexmac_engine::{
    Engine, EngineError, Gemm, GemmError, GemmResult, IntegerGemm, Skipping, lower, lower_float,
};
use flexmac_fxp::Sums;
use flexmac_rtlgen::SourceFile;
use ndarray::{Array2, SliceInfo, SliceInfoElem, s};

use crate::activity::Activity;
use crate::driver::{Build, Driver, Stalls};
use crate::error::SimulationError;
use crate::model_pool::{self, AllTiles};
use crate::raw_floats::RawFloats;
use crate::sharding;
use crate::simulate::{PackedGemm, TileResults};

/// Computes GEMMs on a Verilated array: on one model, or on several that share the tiles of each
/// GEMM.
pub struct RtlEngine {
    config: ArrayConfig,
    layout: Layout,
    /// At least one.
    drivers: Vec<Driver>,
    /// Whether each model stands for an array of its own. If not, all models stand for the same
    /// array.
    sharded: bool,
    /// Whether planes are skipped.
    skips_planes: bool,
}

impl RtlEngine {
    /// Builds the model of `sources` (or takes it from the cache) and loads it. `sources` must be a
    /// design of `config`. The array is simulated in a form that is proven equal to it, where there
    /// is one (`loops.rs`), unless waves are wanted: with `trace`, waves of every cycle are written
    /// to that file, VCD if its name ends in `.vcd`, else FST.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when the model cannot be built, loaded or traced;
    /// [`SimulationError::Design`] when its ports are not those of `config`.
    pub fn new(
        config: ArrayConfig,
        sources: &[SourceFile],
        trace: Option<&Path>,
    ) -> Result<Self, SimulationError> {
        let build = trace.map_or(Build::Rtl, |trace| Build::Written(Some(trace)));
        let driver = Driver::new(&config, sources, build)?;
        Ok(Self::of(config, driver))
    }

    /// Like [`Self::new`] without waves, with every module simulated as it is written.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn as_written(
        config: ArrayConfig,
        sources: &[SourceFile],
    ) -> Result<Self, SimulationError> {
        let driver = Driver::new(&config, sources, Build::Written(None))?;
        Ok(Self::of(config, driver))
    }

    /// Like [`Self::new`], for a mapped netlist of `config` together with the models of its cells.
    /// If it has probes ([`crate::PROBE_TRIGGER`]), its switching activity is counted.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn gates(config: ArrayConfig, sources: &[SourceFile]) -> Result<Self, SimulationError> {
        let driver = Driver::new(&config, sources, Build::Gates)?;
        Ok(Self::of(config, driver))
    }

    fn of(config: ArrayConfig, driver: Driver) -> Self {
        let layout = Layout::AsGiven;
        Self { config, layout, drivers: vec![driver], sharded: false, skips_planes: false }
    }

    /// What the Verilator that builds models here prints about its version.
    pub fn verilator_version(&self) -> &str {
        self.drivers[0].verilator_version()
    }

    /// Returns the switching activity of all GEMMs since the last call, without the pauses between
    /// them. None without probes.
    pub fn take_activity(&mut self) -> Option<Activity> {
        self.drivers[0].take_activity()
    }

    /// Drives up to `models` instances of the model in parallel, on the threads of rayon's pool.
    /// Each runs a part of the tiles of a GEMM. Results, counters and cycles do not depend on their
    /// number (`model_pool.rs`). An engine that writes waves or counts activity keeps one instance.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when an instance cannot be created.
    pub fn with_models(mut self, models: NonZeroUsize) -> Result<Self, SimulationError> {
        if self.drivers[0].is_observed() {
            return Ok(self);
        }
        self.drivers.truncate(models.get());
        while self.drivers.len() < models.get() {
            let another = self.drivers[0].another(&self.config, self.drivers.len() as u64)?;
            self.drivers.push(another);
        }
        Ok(self)
    }

    /// Divides each GEMM of integers among up to `arrays` arrays (`sharding.rs`). Results and
    /// counters are those of one array; cycles are those of the slowest array.
    ///
    /// # Errors
    /// As for [`Self::with_models`].
    pub fn with_arrays(self, arrays: NonZeroUsize) -> Result<Self, SimulationError> {
        Ok(Self { sharded: arrays.get() > 1, ..self.with_models(arrays)? })
    }

    /// The number of arrays that share each GEMM.
    pub fn arrays(&self) -> NonZeroUsize {
        let arrays = if self.sharded { self.drivers.len() } else { 1 };
        NonZeroUsize::new(arrays).expect("there is at least one driver")
    }

    /// Delays every handshake at random, which must change nothing but cycle counts. Keeps one
    /// model.
    #[must_use]
    pub fn with_stalls(mut self, stalls: Stalls) -> Self {
        self.drivers.truncate(1);
        self.sharded = false;
        self.drivers[0].set_stalls(stalls);
        self
    }

    /// Uses another layout.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Skips planes of sign extension and panels of zeros in GEMMs of integers. Results, sums and
    /// counters do not change.
    #[must_use]
    pub fn with_plane_skipping(self, skips_planes: bool) -> Self {
        Self { skips_planes, ..self }
    }

    /// Whether planes are skipped.
    pub fn skips_planes(&self) -> bool {
        self.skips_planes
    }

    /// The plans of a GEMM with skipped planes; none if planes are not skipped.
    pub(crate) fn find_skipping(&self, lowered: &IntegerGemm<'_>) -> Option<Skipping> {
        self.skips_planes.then(|| lowered.find_skipping(&self.config, self.arrays()))
    }

    /// Creates another instance of the first model, reset and without waves.
    pub(crate) fn fresh(&self) -> Result<Driver, SimulationError> {
        self.drivers[0].another(&self.config, 0)
    }

    /// The layout of GEMMs.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The configuration.
    pub fn config(&self) -> &ArrayConfig {
        &self.config
    }
}

/// Some tiles of a GEMM, and what a model computed for them.
pub(crate) struct SimulatedTiles {
    pub tiles: Vec<usize>,
    pub results: TileResults,
}

impl RtlEngine {
    /// Runs some tiles of a GEMM, in the given order. Returns one part per model: the tiles that it
    /// ran one after the other, from an idle core on.
    pub(crate) fn tiles(
        &mut self,
        lowered: &IntegerGemm<'_>,
        tiles: &[usize],
    ) -> Result<Vec<SimulatedTiles>, SimulationError> {
        let packed = PackedGemm::new(&self.config, lowered);
        let parts = model_pool::on_each(&mut self.drivers, tiles, |driver, tiles| {
            packed.simulate(driver, tiles)
        })?;
        Ok(parts.into_iter().map(|(tiles, results)| SimulatedTiles { tiles, results }).collect())
    }

    /// Replaces the first model by a fresh instance.
    pub(crate) fn renew(&mut self) -> Result<(), SimulationError> {
        self.drivers[0] = self.fresh()?;
        Ok(())
    }

    /// Runs tiles on the first model. If `fresh`, replaces it by a new instance first.
    pub(crate) fn simulate(
        &mut self,
        packed: &PackedGemm<'_, '_>,
        tiles: &[usize],
        fresh: bool,
    ) -> Result<TileResults, SimulationError> {
        if fresh {
            self.renew()?;
        }
        packed.simulate(&mut self.drivers[0], tiles)
    }

    /// Computes a GEMM that has been lowered for this configuration and layout, with the plans that
    /// it holds for this number of arrays, or without skipping.
    ///
    /// # Errors
    /// [`SimulationError::Gemm`] for elements outside their formats; a hang; a model that does not
    /// run.
    pub fn integer_gemm(
        &mut self,
        lowered: &IntegerGemm<'_>,
    ) -> Result<GemmResult<i32>, SimulationError> {
        flexmac_fxp::check_range('A', lowered.a, lowered.bits_a)?;
        flexmac_fxp::check_range('B', lowered.b, lowered.bits_b)?;
        self.simulate_all(lowered)
    }

    fn simulate_all(
        &mut self,
        lowered: &IntegerGemm<'_>,
    ) -> Result<GemmResult<i32>, SimulationError> {
        let schedule = lowered.schedule;
        let AllTiles { parts, counters, cycles } = if self.sharded {
            sharding::simulate(&self.config, lowered, &mut self.drivers)?
        } else {
            model_pool::simulate(&PackedGemm::new(&self.config, lowered), &mut self.drivers)?
        };
        let shape = (schedule.m, schedule.n);
        let mut values = Array2::zeros(shape);
        let mut sums = lowered.keep_sums.then(|| Array2::zeros(shape));
        for (tiles, results) in &parts {
            scatter(&schedule, tiles, &results.values, &mut values);
            if let Some(sums) = &mut sums {
                scatter(&schedule, tiles, &results.sums, sums);
            }
        }
        let stats = lowered.stats(&self.config, self.arrays(), counters, cycles);
        let values = as_given(values, schedule.transposed);
        let sums = sums.map(|sums| Sums::Wide(as_given(sums, schedule.transposed)));
        Ok(GemmResult { values, sums, stats })
    }

    /// Computes a GEMM of floats with the plan `schedule`. Driver and banks transport floats as the
    /// integers of their bits.
    pub(crate) fn float_gemm(
        &mut self,
        schedule: Schedule,
        gemm: &Gemm<'_, f32>,
    ) -> Result<GemmResult<f32>, SimulationError> {
        if self.sharded {
            return Err(GemmError::FloatSharding { arrays: self.drivers.len() }.into());
        }
        let raw = RawFloats::new(gemm);
        let result = self.simulate_all(&raw.lowered(schedule))?;
        // Reinterprets the same 32 bits.
        let values = result.values.mapv(|raw| f32::from_bits(raw as u32));
        Ok(GemmResult { values, sums: None, stats: result.stats })
    }
}

impl Engine<i32> for RtlEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        let lowered = lower(&self.config, self.layout, gemm)?;
        let skipping = self.find_skipping(&lowered);
        Ok(self.integer_gemm(&lowered.with_skipping(skipping.as_ref()))?)
    }

    fn name(&self) -> &'static str {
        "rtl"
    }
}

impl Engine<f32> for RtlEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let schedule = lower_float(&self.config, self.layout, gemm)?;
        Ok(self.float_gemm(schedule, gemm)?)
    }

    fn name(&self) -> &'static str {
        "rtl"
    }
}

/// Copies `values`, those of `tiles` one after the other, to their positions in the result, in the
/// layout of the array.
pub(crate) fn scatter<T: Copy>(
    schedule: &Schedule,
    tiles: &[usize],
    values: &[T],
    out: &mut Array2<T>,
) {
    let mut rest = values;
    for tile in tiles {
        let tile = schedule.tile_commands(*tile).next().expect("a tile has a command");
        for row in 0..tile.rows_live {
            let (line, after) = rest.split_at(tile.cols_live);
            out.slice_mut(row_slice(&tile, row)).iter_mut().zip(line).for_each(|(to, value)| {
                *to = *value;
            });
            rest = after;
        }
    }
}

/// Converts a matrix from the layout of the array to (M, N), row by row.
fn as_given<T: Clone>(matrix: Array2<T>, transposed: bool) -> Array2<T> {
    if transposed { matrix.reversed_axes().as_standard_layout().into_owned() } else { matrix }
}

/// The part of the result that a row of a tile covers.
fn row_slice(
    tile: &Command,
    row: usize,
) -> SliceInfo<[SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix1> {
    s![tile.row + row, tile.col..tile.col + tile.cols_live]
}
