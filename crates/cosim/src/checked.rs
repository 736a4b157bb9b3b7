//! The checked engine: RTL and reference, compared on every product in full or on a sample of
//! tiles.

use flexmac_array::{Cycles, Schedule};
use flexmac_engine::{
    Difference, Engine, EngineError, Gemm, GemmResult, IntegerGemm, Mismatch, ReferenceEngine,
    Sample, Stats, WaveDump, lower, lower_float,
};
use flexmac_fxp::Counters;

use crate::error::SimulationError;
use crate::raw_floats::RawFloats;
use crate::rtl::{RtlEngine, Tiles};
use crate::sampled;
use crate::waves::{Case, Waves};

/// Called with the product on which RTL and reference differ; returns a command that replays it.
pub type ReplayHook<T = i32> = Box<dyn FnMut(&Gemm<'_, T>) -> Option<String> + Send>;

/// Runs every product on both engines, side by side, and compares every result bit, every counter
/// and every cycle count; returns the RTL's. With a rate below 1 only a sample of tiles runs on the
/// RTL; what is returned then is the reference's, cycles from the model.
pub struct CheckedEngine {
    rtl: RtlEngine,
    reference: ReferenceEngine,
    sample: Sample,
    replay: Option<ReplayHook>,
    float_replay: Option<ReplayHook<f32>>,
    waves: Option<Waves>,
}

impl CheckedEngine {
    /// Checks `rtl` against a reference of the same configuration.
    pub fn new(rtl: RtlEngine) -> Self {
        let reference = ReferenceEngine::new(rtl.config().clone())
            .with_layout(rtl.layout())
            .with_arrays(rtl.arrays());
        let sample = Sample::new(1.0).expect("1 is a rate");
        Self { rtl, reference, sample, replay: None, float_replay: None, waves: None }
    }

    /// Checks each tile with probability `rate`, above 0 and at most 1, in place of all of them.
    /// The tiles follow from the products' seeds. `None` if the rate is not one.
    #[must_use]
    pub fn with_rate(self, rate: f64) -> Option<Self> {
        Some(Self { sample: Sample::new(rate)?, ..self })
    }

    /// The engine that is checked.
    pub fn rtl_mut(&mut self) -> &mut RtlEngine {
        &mut self.rtl
    }

    /// When a product differs, runs the tile that does once more with waves.
    #[must_use]
    pub fn with_waves(self, waves: Waves) -> Self {
        Self { waves: Some(waves), ..self }
    }

    /// Calls `hook` when a product differs, so that the caller can save it.
    #[must_use]
    pub fn with_replay(mut self, hook: ReplayHook) -> Self {
        self.replay = Some(hook);
        self
    }

    /// Like [`Self::with_replay`], for an array of floats.
    #[must_use]
    pub fn with_float_replay(mut self, hook: ReplayHook<f32>) -> Self {
        self.float_replay = Some(hook);
        self
    }
}

impl Engine<i32> for CheckedEngine {
    fn gemm(&mut self, product: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        let lowered = lower(self.rtl.config(), self.rtl.layout(), product)?;
        if !self.sample.is_all() {
            let Self { rtl, reference, sample, .. } = self;
            let checked = sampled::gemm(rtl, reference, *sample, &lowered)?;
            return checked.map_err(|difference| self.mismatch(product, &lowered, difference));
        }
        // The sums are compared too: they show an error that rounding would hide.
        let with_sums = IntegerGemm { keep_sums: true, ..lowered };
        let Self { rtl, reference, .. } = self;
        let (expected, found) =
            rayon::join(|| reference.integer_gemm(&with_sums), || rtl.integer_gemm(&with_sums));
        let expected = expected?;
        let mut found = match found {
            Err(error @ SimulationError::Hang { .. }) => {
                let difference = Difference::Hang(error.to_string());
                return Err(self.mismatch(product, &lowered, difference));
            }
            result => result?,
        };
        if let Some(difference) = compare(&lowered, &expected, &found) {
            return Err(self.mismatch(product, &lowered, difference));
        }
        found.stats.tiles_checked = found.stats.tiles;
        if !product.keep_sums {
            found.sums = None;
        }
        Ok(found)
    }

    fn name(&self) -> &'static str {
        "checked"
    }
}

impl Engine<f32> for CheckedEngine {
    fn gemm(&mut self, product: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let schedule = lower_float(self.rtl.config(), product)?;
        let checked = if self.sample.is_all() {
            self.all_floats(schedule, product)?
        } else {
            let Self { rtl, reference, sample, .. } = self;
            sampled::gemm_floats(rtl, reference, *sample, (schedule, product))?
        };
        let difference = match checked {
            Ok(outcome) => return Ok(outcome),
            Err(difference) => difference,
        };
        let replay = self.float_replay.as_mut().and_then(|hook| hook(product));
        let waves =
            self.show(|waves, engine| engine.show_floats(waves, (schedule, product), &difference));
        let product = format!("array {}, {}", self.rtl.config().summary(), shapes(product));
        Err(EngineError::Mismatch(Box::new(Mismatch { difference, product, replay, waves })))
    }

    fn name(&self) -> &'static str {
        "checked"
    }
}

fn shapes<T>(product: &Gemm<'_, T>) -> String {
    let (a, b) = (product.a.values.dim(), product.b.values.dim());
    format!("({}, {}) x ({}, {})", a.0, a.1, b.0, b.1)
}

impl CheckedEngine {
    fn all_floats(
        &mut self,
        schedule: Schedule,
        product: &Gemm<'_, f32>,
    ) -> Result<Result<GemmResult<f32>, Difference>, EngineError> {
        let Self { rtl, reference, .. } = self;
        let (expected, found) =
            rayon::join(|| reference.gemm(product), || rtl.float_gemm(schedule, product));
        let expected = expected?;
        let mut found = match found {
            Err(error @ SimulationError::Hang { .. }) => {
                return Ok(Err(Difference::Hang(error.to_string())));
            }
            outcome => outcome?,
        };
        found.stats.tiles_checked = found.stats.tiles;
        Ok(match compare_floats(&schedule, &expected, &found) {
            None => Ok(found),
            Some(difference) => Err(difference),
        })
    }

    fn mismatch(
        &mut self,
        product: &Gemm<'_, i32>,
        lowered: &IntegerGemm<'_>,
        difference: Difference,
    ) -> EngineError {
        let replay = self.replay.as_mut().and_then(|hook| hook(product));
        let waves = self.show(|waves, engine| engine.show_integers(waves, lowered, &difference));
        let product = self.describe(product);
        EngineError::Mismatch(Box::new(Mismatch { difference, product, replay, waves }))
    }

    /// What `show` makes of the waves, if they were asked for. The difference is the news: a failure
    /// here is part of its report.
    fn show(
        &mut self,
        show: impl FnOnce(&Waves, &mut Self) -> Result<WaveDump, EngineError>,
    ) -> Option<WaveDump> {
        let waves = self.waves.take()?;
        let shown = show(&waves, self).unwrap_or_else(|error| WaveDump::Failed(error.to_string()));
        self.waves = Some(waves);
        Some(shown)
    }

    fn show_integers(
        &mut self,
        waves: &Waves,
        lowered: &IntegerGemm<'_>,
        difference: &Difference,
    ) -> Result<WaveDump, EngineError> {
        let config = self.rtl.config();
        let tiles = self.sample.of(lowered.seed, lowered.schedule.tiles());
        let expected = self.reference.integer_gemm(lowered)?.values;
        let compare =
            |part: &Tiles| sampled::compare(config, lowered, &expected, std::slice::from_ref(part));
        // The sums are compared too.
        let lowered = IntegerGemm { keep_sums: true, ..*lowered };
        let case = Case { lowered: &lowered, tiles: &tiles, compare: &compare };
        Ok(waves.show(&self.rtl, &case, difference)?)
    }

    fn show_floats(
        &mut self,
        waves: &Waves,
        (schedule, product): (Schedule, &Gemm<'_, f32>),
        difference: &Difference,
    ) -> Result<WaveDump, EngineError> {
        let config = self.rtl.config();
        let tiles = self.sample.of(product.seed, schedule.tiles());
        let expected = self.reference.gemm(product)?.values;
        let compare = |part: &Tiles| {
            sampled::compare_floats(config, &schedule, &expected, std::slice::from_ref(part))
        };
        let raw = RawFloats::new(product);
        let lowered = raw.lowered(schedule);
        let case = Case { lowered: &lowered, tiles: &tiles, compare: &compare };
        Ok(waves.show(&self.rtl, &case, difference)?)
    }

    fn describe(&self, product: &Gemm<'_, i32>) -> String {
        let (a, b) = (&product.a, &product.b);
        format!(
            "array {}, {}, A {} bits {}, B {} bits {}, rounding {}, seed {} (iteration {}, \
             layer {}, {})",
            self.rtl.config().summary(),
            shapes(product),
            a.format.bits(),
            a.format,
            b.format.bits(),
            b.format,
            product.rounding,
            product.seed.run,
            product.seed.iteration,
            product.seed.layer,
            product.seed.role.name(),
        )
    }
}

/// The first difference in results, sums, counters and cycles.
fn compare(
    lowered: &IntegerGemm<'_>,
    expected: &GemmResult<i32>,
    found: &GemmResult<i32>,
) -> Option<Difference> {
    let sums = expected.sums.as_ref().expect("asked for above");
    let pairs = || expected.values.indexed_iter().zip(found.values.iter());
    if let Some(((at, reference), rtl)) = pairs().find(|((_, a), b)| a != b) {
        let place = lowered.schedule.position(at);
        return Some(Difference::Value {
            at,
            tile: (place.tile, place.row, place.col),
            expected: *reference,
            found: *rtl,
            format: lowered.out,
            sum: sums.get(at.0, at.1),
            sum_frac: lowered.sum_frac,
            count: pairs().filter(|((_, a), b)| a != b).count(),
        });
    }
    let rtl_sums = found.sums.as_ref().expect("asked for above");
    let (rows, cols) = sums.dim();
    for at in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
        let (expected, found) = (sums.get(at.0, at.1), rtl_sums.get(at.0, at.1));
        if expected != found {
            return Some(Difference::Sum { at, expected, found });
        }
    }
    compare_stats(&expected.stats, &found.stats)
}

/// Every bit of every result counts, the sign of a zero too; a NaN is one number here.
fn compare_floats(
    schedule: &Schedule,
    expected: &GemmResult<f32>,
    found: &GemmResult<f32>,
) -> Option<Difference> {
    let pairs = || expected.values.indexed_iter().zip(found.values.iter());
    let differs = |(a, b): (f32, f32)| a.to_bits() != b.to_bits();
    if let Some(((at, reference), rtl)) = pairs().find(|((_, a), b)| differs((**a, **b))) {
        let place = schedule.position(at);
        return Some(Difference::Float {
            at,
            tile: (place.tile, place.row, place.col),
            expected: *reference,
            found: *rtl,
            count: pairs().filter(|((_, a), b)| differs((**a, **b))).count(),
        });
    }
    compare_stats(&expected.stats, &found.stats)
}

fn compare_stats(expected: &Stats, found: &Stats) -> Option<Difference> {
    compare_counts((expected.counters, expected.cycles), (found.counters, found.cycles))
}

/// Counters, then cycles.
pub(crate) fn compare_counts(
    expected: (Counters, Cycles),
    found: (Counters, Cycles),
) -> Option<Difference> {
    if expected.0 != found.0 {
        return Some(Difference::Counters { expected: expected.0, found: found.0 });
    }
    let (expected, found) = (expected.1, found.1);
    (expected != found).then_some(Difference::Cycles { expected, found })
}
