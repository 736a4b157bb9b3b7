//! The RTL engine: every multiply done by the Verilated array, every clock edge driven from here.

use std::num::NonZeroUsize;
use std::path::Path;

use flexmac_array::{ArrayConfig, Command, Layout, Schedule};
use flexmac_engine::{
    Engine, EngineError, Gemm, GemmError, GemmResult, IntegerGemm, Stats, lower, lower_float,
};
use flexmac_fxp::Sums;
use flexmac_rtlgen::SourceFile;
use ndarray::{Array2, SliceInfo, SliceInfoElem, s};

use crate::activity::Activity;
use crate::driver::{Build, Driver, Stalls};
use crate::error::SimulationError;
use crate::raw_floats::RawFloats;
use crate::run::{PackedGemm, TileResults};
use crate::sharding;
use crate::split;

/// Drives a Verilated array: one model of it, or several that share the tiles of each product.
pub struct RtlEngine {
    config: ArrayConfig,
    layout: Layout,
    /// At least one.
    drivers: Vec<Driver>,
    /// Whether each driver's model is an array of its own, not a copy of the only one.
    sharded: bool,
}

impl RtlEngine {
    /// Builds (or takes from the cache) and loads the model of `sources`, which must be a design of
    /// `config`; with `trace`, every cycle is written to that VCD or FST file.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when the model cannot be built, loaded or traced.
    pub fn new(
        config: ArrayConfig,
        sources: &[SourceFile],
        trace: Option<&Path>,
    ) -> Result<Self, SimulationError> {
        let driver = Driver::new(&config, sources, Build::Rtl(trace))?;
        Ok(Self { config, layout: Layout::AsGiven, drivers: vec![driver], sharded: false })
    }

    /// Builds and loads a mapped netlist of `config` with its cells' models in place of the RTL. If
    /// it has probes ([`crate::PROBE_TRIGGER`]), its switching activity is counted.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn gates(config: ArrayConfig, sources: &[SourceFile]) -> Result<Self, SimulationError> {
        let driver = Driver::new(&config, sources, Build::Gates)?;
        Ok(Self { config, layout: Layout::AsGiven, drivers: vec![driver], sharded: false })
    }

    /// The switching activity of all products since it was last taken, pauses between them left
    /// out; none without probes.
    pub fn take_activity(&mut self) -> Option<Activity> {
        self.drivers[0].take_activity()
    }

    /// Drives up to `models` instances of the model at a time, by the threads of rayon's pool. Each
    /// runs a part of a product's tiles. Results, counters and cycles are those of one instance,
    /// whatever their number (`split.rs`). A model that writes waves or counts activity stays
    /// alone, for they show one array in one piece.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when an instance cannot be made.
    pub fn with_models(mut self, models: NonZeroUsize) -> Result<Self, SimulationError> {
        if self.drivers[0].watched() {
            return Ok(self);
        }
        self.drivers.truncate(models.get());
        while self.drivers.len() < models.get() {
            let another = self.drivers[0].another(&self.config, self.drivers.len() as u64)?;
            self.drivers.push(another);
        }
        Ok(self)
    }

    /// Lets up to `arrays` arrays share each product of integers, images dealt out among them
    /// (`group.rs`). Results and counters stay those of one array; cycles are those of the slowest.
    ///
    /// # Errors
    /// As for [`Self::with_models`].
    pub fn with_arrays(self, arrays: NonZeroUsize) -> Result<Self, SimulationError> {
        Ok(Self { sharded: arrays.get() > 1, ..self.with_models(arrays)? })
    }

    /// How many arrays share each product.
    pub fn arrays(&self) -> NonZeroUsize {
        let arrays = if self.sharded { self.drivers.len() } else { 1 };
        NonZeroUsize::new(arrays).expect("there is a driver")
    }

    /// Makes every handshake late at random, which must change nothing but cycle counts. Stays with
    /// one model.
    #[must_use]
    pub fn with_stalls(mut self, stalls: Stalls) -> Self {
        self.drivers.truncate(1);
        self.sharded = false;
        self.drivers[0].set_stalls(stalls);
        self
    }

    /// Lays products of integers on the array in another way than as given; floats stay as given.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Another instance of the first model, reset and without waves.
    pub(crate) fn fresh(&self) -> Result<Driver, SimulationError> {
        self.drivers[0].another(&self.config, 0)
    }

    /// How products lie on the array.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The configuration.
    pub fn config(&self) -> &ArrayConfig {
        &self.config
    }
}

/// Some of a product's tiles, and what the model made of them.
pub(crate) struct Tiles {
    pub tiles: Vec<usize>,
    pub results: TileResults,
}

impl RtlEngine {
    /// Runs some tiles of a product, in the order given; the parts are those of each model.
    pub(crate) fn tiles(
        &mut self,
        lowered: &IntegerGemm<'_>,
        tiles: &[usize],
    ) -> Result<Vec<Tiles>, SimulationError> {
        let packed = PackedGemm::new(&self.config, lowered);
        let parts = split::on_each(&mut self.drivers, tiles, |driver, tiles| {
            packed.simulate(driver, tiles)
        })?;
        Ok(parts.into_iter().map(|(tiles, results)| Tiles { tiles, results }).collect())
    }

    /// Puts a fresh instance in the place of the first model.
    pub(crate) fn renew(&mut self) -> Result<(), SimulationError> {
        self.drivers[0] = self.fresh()?;
        Ok(())
    }

    /// Plays tiles on the first model, or on a fresh one.
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

    /// Computes a GEMM that has been lowered for this configuration and layout.
    pub(crate) fn integer_gemm(
        &mut self,
        lowered: &IntegerGemm<'_>,
    ) -> Result<GemmResult<i32>, SimulationError> {
        flexmac_fxp::check_range('A', &lowered.a, lowered.bits_a)?;
        flexmac_fxp::check_range('B', &lowered.b, lowered.bits_b)?;
        self.simulate_all(lowered)
    }

    fn simulate_all(
        &mut self,
        lowered: &IntegerGemm<'_>,
    ) -> Result<GemmResult<i32>, SimulationError> {
        let schedule = lowered.schedule;
        let split::Whole { parts, counters, cycles } = if self.sharded {
            sharding::whole(&self.config, lowered, &mut self.drivers)?
        } else {
            split::whole(&PackedGemm::new(&self.config, lowered), &mut self.drivers)?
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
        let stats = Stats::of(&schedule, counters, cycles);
        let values = as_given(values, schedule.transposed);
        let sums = sums.map(|sums| Sums::Wide(as_given(sums, schedule.transposed)));
        Ok(GemmResult { values, sums, stats })
    }

    /// Computes a GEMM of floats, planned as `schedule`. Floats travel as the integers of their bits:
    /// the driver and the banks only move them.
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
        // Each raw value is 32 bits.
        let values = result.values.mapv(|raw| f32::from_bits(raw as u32));
        Ok(GemmResult { values, sums: None, stats: result.stats })
    }
}

impl Engine<i32> for RtlEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        let lowered = lower(&self.config, self.layout, gemm)?;
        Ok(self.integer_gemm(&lowered)?)
    }

    fn name(&self) -> &'static str {
        "rtl"
    }
}

impl Engine<f32> for RtlEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let schedule = lower_float(&self.config, gemm)?;
        Ok(self.float_gemm(schedule, gemm)?)
    }

    fn name(&self) -> &'static str {
        "rtl"
    }
}

/// Puts values of tiles, tile by tile, where they lie in the product as the array sees it.
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
            out.slice_mut(live(&tile, row)).iter_mut().zip(line).for_each(|(to, value)| {
                *to = *value;
            });
            rest = after;
        }
    }
}

/// A matrix of the product, row by row, from one as the array sees it.
fn as_given<T: Clone>(matrix: Array2<T>, transposed: bool) -> Array2<T> {
    if transposed { matrix.reversed_axes().as_standard_layout().into_owned() } else { matrix }
}

/// The part of a tile's row that lies in the product.
fn live(tile: &Command, row: usize) -> SliceInfo<[SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix1> {
    s![tile.row + row, tile.col..tile.col + tile.cols_live]
}
