//! The checked engine: compares RTL and reference, on all tiles of every GEMM or on a sample of
//! them.

use flexmac_array::{Cycles, Schedule};
use flexmac_engine::{
    Difference, Engine, EngineError, Gemm, GemmResult, IntegerGemm, Mismatch, ReferenceEngine,
    Sample, Stats, WaveDump, lower, lower_float,
};
use flexmac_fxp::Counters;

use crate::error::SimulationError;
use crate::raw_floats::RawFloats;
use crate::rtl::{RtlEngine, SimulatedTiles};
use crate::sampled;
use crate::waves::{FailingGemm, Waves};

/// Called with the GEMM on which RTL and reference differ. Returns a command that replays it, if
/// any.
pub type ReplayHook<T = i32> = Box<dyn FnMut(&Gemm<'_, T>) -> Option<String> + Send>;

/// Runs every GEMM on the RTL and on the reference, in parallel, and compares every result, sum,
/// counter and cycle count. Returns what the RTL computed.
///
/// With a rate below 1, only a sample of tiles runs on the RTL. Then results and counters are the
/// reference's, and cycles those of the cycle model.
pub struct CheckedEngine {
    rtl: RtlEngine,
    reference: ReferenceEngine,
    sample: Sample,
    replay: Option<ReplayHook>,
    float_replay: Option<ReplayHook<f32>>,
    waves: Option<Waves>,
}

impl CheckedEngine {
    /// Checks `rtl` against the reference of the same configuration, layout, number of arrays and
    /// skipping.
    pub fn new(rtl: RtlEngine) -> Self {
        let reference = ReferenceEngine::new(rtl.config().clone())
            .with_layout(rtl.layout())
            .with_arrays(rtl.arrays())
            .with_plane_skipping(rtl.skips_planes());
        let sample = Sample::new(1.0).expect("1 is a rate");
        Self { rtl, reference, sample, replay: None, float_replay: None, waves: None }
    }

    /// Checks each tile with probability `rate`. The sample depends only on the seed paths of the
    /// GEMMs. `None` unless 0 < `rate` <= 1.
    #[must_use]
    pub fn with_rate(self, rate: f64) -> Option<Self> {
        Some(Self { sample: Sample::new(rate)?, ..self })
    }

    /// The engine under check.
    pub fn rtl_mut(&mut self) -> &mut RtlEngine {
        &mut self.rtl
    }

    /// On a mismatch, runs the failing tile again and records waves.
    #[must_use]
    pub fn with_waves(self, waves: Waves) -> Self {
        Self { waves: Some(waves), ..self }
    }

    /// On a mismatch of integers, calls `hook`, so that the caller can save the GEMM.
    #[must_use]
    pub fn with_replay(mut self, hook: ReplayHook) -> Self {
        self.replay = Some(hook);
        self
    }

    /// Like [`Self::with_replay`], for GEMMs of floats.
    #[must_use]
    pub fn with_float_replay(mut self, hook: ReplayHook<f32>) -> Self {
        self.float_replay = Some(hook);
        self
    }
}

impl Engine<i32> for CheckedEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        let lowered = lower(self.rtl.config(), self.rtl.layout(), gemm)?;
        let skipping = self.rtl.find_skipping(&lowered);
        let lowered = lowered.with_skipping(skipping.as_ref());
        if !self.sample.is_all() {
            let Self { rtl, reference, sample, .. } = self;
            let checked = sampled::gemm(rtl, reference, *sample, &lowered)?;
            return checked.map_err(|difference| self.mismatch(gemm, &lowered, difference));
        }
        // Compare the sums too: they show errors that rounding hides.
        let with_sums = IntegerGemm { keep_sums: true, ..lowered };
        let Self { rtl, reference, .. } = self;
        let (expected, found) =
            rayon::join(|| reference.integer_gemm(&with_sums), || rtl.integer_gemm(&with_sums));
        let expected = expected?;
        let mut found = match found {
            Err(error @ SimulationError::Hang { .. }) => {
                let difference = Difference::Hang(error.to_string());
                return Err(self.mismatch(gemm, &lowered, difference));
            }
            result => result?,
        };
        if let Some(difference) = compare(&lowered, &expected, &found) {
            return Err(self.mismatch(gemm, &lowered, difference));
        }
        found.stats.tiles_checked = found.stats.tiles;
        if !gemm.keep_sums {
            found.sums = None;
        }
        Ok(found)
    }

    fn name(&self) -> &'static str {
        "checked"
    }
}

impl Engine<f32> for CheckedEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, f32>) -> Result<GemmResult<f32>, EngineError> {
        let schedule = lower_float(self.rtl.config(), self.rtl.layout(), gemm)?;
        let checked = if self.sample.is_all() {
            self.all_floats(schedule, gemm)?
        } else {
            let Self { rtl, reference, sample, .. } = self;
            sampled::gemm_floats(rtl, reference, *sample, (schedule, gemm))?
        };
        let difference = match checked {
            Ok(result) => return Ok(result),
            Err(difference) => difference,
        };
        let replay = self.float_replay.as_mut().and_then(|hook| hook(gemm));
        let waves =
            self.dump(|waves, engine| engine.dump_floats(waves, (schedule, gemm), &difference));
        let gemm = format!("array {}, {}", self.rtl.config().summary(), shapes(gemm));
        Err(EngineError::Mismatch(Box::new(Mismatch { difference, gemm, replay, waves })))
    }

    fn name(&self) -> &'static str {
        "checked"
    }
}

fn shapes<T: flexmac_engine::Element>(gemm: &Gemm<'_, T>) -> String {
    let (a, b) = (gemm.a.values.dim(), gemm.b.values.dim());
    format!("({}, {}) x ({}, {})", a.0, a.1, b.0, b.1)
}

impl CheckedEngine {
    fn all_floats(
        &mut self,
        schedule: Schedule,
        gemm: &Gemm<'_, f32>,
    ) -> Result<Result<GemmResult<f32>, Difference>, EngineError> {
        let Self { rtl, reference, .. } = self;
        let (expected, found) =
            rayon::join(|| reference.gemm(gemm), || rtl.float_gemm(schedule, gemm));
        let expected = expected?;
        let mut found = match found {
            Err(error @ SimulationError::Hang { .. }) => {
                return Ok(Err(Difference::Hang(error.to_string())));
            }
            result => result?,
        };
        found.stats.tiles_checked = found.stats.tiles;
        Ok(match compare_floats(&schedule, &expected, &found) {
            None => Ok(found),
            Some(difference) => Err(difference),
        })
    }

    fn mismatch(
        &mut self,
        gemm: &Gemm<'_, i32>,
        lowered: &IntegerGemm<'_>,
        difference: Difference,
    ) -> EngineError {
        let replay = self.replay.as_mut().and_then(|hook| hook(gemm));
        let waves = self.dump(|waves, engine| engine.dump_integers(waves, lowered, &difference));
        let gemm = self.describe(gemm);
        EngineError::Mismatch(Box::new(Mismatch { difference, gemm, replay, waves }))
    }

    /// Records waves with `record`, if they were requested. A failure does not hide the mismatch;
    /// it becomes part of the report.
    fn dump(
        &mut self,
        record: impl FnOnce(&Waves, &mut Self) -> Result<WaveDump, EngineError>,
    ) -> Option<WaveDump> {
        let waves = self.waves.take()?;
        let dump = record(&waves, self).unwrap_or_else(|error| WaveDump::Failed(error.to_string()));
        self.waves = Some(waves);
        Some(dump)
    }

    fn dump_integers(
        &mut self,
        waves: &Waves,
        lowered: &IntegerGemm<'_>,
        difference: &Difference,
    ) -> Result<WaveDump, EngineError> {
        let config = self.rtl.config();
        let tiles = self.sample.of(lowered.seed, lowered.schedule.tiles());
        let expected = self.reference.integer_gemm(lowered)?.values;
        let compare = |part: &SimulatedTiles| {
            sampled::compare(config, lowered, &expected, std::slice::from_ref(part))
        };
        // Compare the sums too.
        let lowered = IntegerGemm { keep_sums: true, ..*lowered };
        let failing = FailingGemm { lowered: &lowered, tiles: &tiles, compare: &compare };
        Ok(waves.record(&self.rtl, &failing, difference)?)
    }

    fn dump_floats(
        &mut self,
        waves: &Waves,
        (schedule, gemm): (Schedule, &Gemm<'_, f32>),
        difference: &Difference,
    ) -> Result<WaveDump, EngineError> {
        let config = self.rtl.config();
        let tiles = self.sample.of(gemm.seed, schedule.tiles());
        let expected = self.reference.gemm(gemm)?.values;
        let compare = |part: &SimulatedTiles| {
            sampled::compare_floats(config, &schedule, &expected, std::slice::from_ref(part))
        };
        let raw = RawFloats::new(gemm);
        let lowered = raw.lowered(schedule);
        let failing = FailingGemm { lowered: &lowered, tiles: &tiles, compare: &compare };
        Ok(waves.record(&self.rtl, &failing, difference)?)
    }

    fn describe(&self, gemm: &Gemm<'_, i32>) -> String {
        let (a, b) = (&gemm.a, &gemm.b);
        format!(
            "array {}, {}, A {} bits {}, B {} bits {}, rounding {}, seed {} (iteration {}, \
             layer {}, {})",
            self.rtl.config().summary(),
            shapes(gemm),
            a.format.bits(),
            a.format,
            b.format.bits(),
            b.format,
            gemm.rounding,
            gemm.seed.run,
            gemm.seed.iteration,
            gemm.seed.layer,
            gemm.seed.role.name(),
        )
    }
}

/// The first difference in results, sums, counters or cycles.
fn compare(
    lowered: &IntegerGemm<'_>,
    expected: &GemmResult<i32>,
    found: &GemmResult<i32>,
) -> Option<Difference> {
    let sums = expected.sums.as_ref().expect("requested above");
    let pairs = || expected.values.indexed_iter().zip(found.values.iter());
    if let Some(((at, reference), rtl)) = pairs().find(|((_, a), b)| a != b) {
        let position = lowered.schedule.position(at);
        return Some(Difference::Value {
            at,
            tile: (position.tile, position.row, position.col),
            expected: *reference,
            found: *rtl,
            format: lowered.out,
            sum: sums.get(at.0, at.1),
            sum_frac: lowered.sum_frac,
            count: pairs().filter(|((_, a), b)| a != b).count(),
        });
    }
    let rtl_sums = found.sums.as_ref().expect("requested above");
    let (rows, cols) = sums.dim();
    for at in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
        let (expected, found) = (sums.get(at.0, at.1), rtl_sums.get(at.0, at.1));
        if expected != found {
            return Some(Difference::Sum { at, expected, found });
        }
    }
    compare_stats(&expected.stats, &found.stats)
}

/// Like [`compare`], of floats. All bits must be equal, including the sign of a zero.
fn compare_floats(
    schedule: &Schedule,
    expected: &GemmResult<f32>,
    found: &GemmResult<f32>,
) -> Option<Difference> {
    let pairs = || expected.values.indexed_iter().zip(found.values.iter());
    let differs = |(a, b): (f32, f32)| a.to_bits() != b.to_bits();
    if let Some(((at, reference), rtl)) = pairs().find(|((_, a), b)| differs((**a, **b))) {
        let position = schedule.position(at);
        return Some(Difference::Float {
            at,
            tile: (position.tile, position.row, position.col),
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

/// Compares counters, then cycles.
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
