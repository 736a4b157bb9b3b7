//! Plane skipping changes cycles and passes, and nothing else: on arrays of all shapes, on the
//! reference, on the RTL, on several models and arrays, in samples and in bundles.
//!
//! The checked engine compares every result, sum and counter of the RTL with a reference that
//! skips nothing when it computes them, and every cycle with the cycle model.
//! `FLEXMAC_COSIM_SEED` and `FLEXMAC_COSIM_CASES` choose another or a longer run,
//! `FLEXMAC_COSIM_CONFIG` one configuration.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use flexmac_array::{ArrayConfig, Layout};
use flexmac_cosim::bundle::{Bundle, BundleChecker, BundlingEngine};
use flexmac_cosim::{CheckedEngine, Stalls, Trial};
use flexmac_engine::{
    Engine, EngineError, GemmError, GemmResult, ReferenceEngine, Skipping, Stats, lower,
};
use flexmac_fxp::Format;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::matrix::{configuration, configurations, rtl, variable};

/// Configurations with everything that planes, pieces of K and drains depend on.
const NAMES: [&str; 12] = [
    "one",
    "one-chunk2",
    "odd-chunk2",
    "odd-chunk4",
    "chunk4-32",
    "ragged4",
    "tall",
    "max-k1",
    "fixed-one",
    "fixed8",
    "fixed-odd",
    "fanout3",
];

fn chosen() -> Vec<(String, ArrayConfig)> {
    let only = std::env::var("FLEXMAC_COSIM_CONFIG").is_ok();
    let mut all = configurations();
    all.retain(|(name, config)| {
        !config.style().is_float() && (only || NAMES.contains(&name.as_str()))
    });
    all
}

#[test]
fn skipping_changes_passes_and_cycles_only() {
    for (name, config) in chosen() {
        let seed = variable("FLEXMAC_COSIM_SEED", 1);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut engines = Engines::new(&config, seed);
        let (mut done, mut full) = (0, 0);
        for case in 0..variable("FLEXMAC_COSIM_CASES", 60) {
            let trial = Trial::random(&config, &mut rng).narrowed(&mut rng);
            let context = format!("config {name}, seed {seed}, case {case}");
            let Some(stats) = engines.check(&trial, &context) else { continue };
            done += stats.mac_passes;
            full += stats.plane_skipping.expect("planes are skipped").full_mac_passes;
        }
        assert!(done < full, "{name}: {done} passes of {full}");
    }
}

/// Values at the limits of 32 bits leave nothing to skip.
#[test]
fn extremes_are_not_skipped() {
    let config = configuration("odd-chunk4");
    let mut rng = StdRng::seed_from_u64(3);
    let mut engines = Engines::new(&config, 3);
    let mut trial = Trial::random(&config, &mut rng);
    trial.bias = None;
    trial.formats[..2].fill(Format::new(32, 0).unwrap());
    for value in [i32::MIN, i32::MAX] {
        trial.a.fill(value);
        trial.b.fill(i32::MIN);
        let stats = engines.check(&trial, "extremes").expect("sums fit");
        assert_eq!(stats.mac_passes, stats.plane_skipping.unwrap().full_mac_passes);
    }
    // -1 needs one plane, however wide its format is.
    trial.a.fill(-1);
    trial.b.fill(-1);
    assert_eq!(engines.check(&trial, "-1").unwrap().mac_passes, engines.macs(&trial));
}

struct Engines {
    config: ArrayConfig,
    reference: ReferenceEngine,
    skipping: ReferenceEngine,
    checked: [CheckedEngine; 2],
    split: flexmac_cosim::RtlEngine,
    sampled: CheckedEngine,
    stalled: flexmac_cosim::RtlEngine,
    arrays: Vec<CheckedEngine>,
}

impl Engines {
    fn new(config: &ArrayConfig, seed: u64) -> Self {
        let rtl = || rtl(config).with_plane_skipping(true);
        let number = |number| NonZeroUsize::new(number).expect("a number of engines");
        let fastest = || rtl().with_layout(Layout::Fastest);
        let shared = |arrays| CheckedEngine::new(fastest().with_arrays(number(arrays)).unwrap());
        Self {
            config: config.clone(),
            reference: ReferenceEngine::new(config.clone()),
            skipping: ReferenceEngine::new(config.clone()).with_plane_skipping(true),
            checked: [CheckedEngine::new(rtl()), CheckedEngine::new(fastest())],
            split: rtl().with_models(number(3)).unwrap(),
            sampled: CheckedEngine::new(rtl()).with_rate(0.5).expect("a rate"),
            stalled: rtl().with_stalls(Stalls { seed, chance: 100 }),
            arrays: [2, 5].map(shared).into(),
        }
    }

    fn macs(&self, trial: &Trial) -> u64 {
        (trial.a.nrows() * trial.a.ncols() * trial.b.ncols()) as u64
    }

    /// Compares all engines on one GEMM; none if its sums do not fit the array.
    fn check(&mut self, trial: &Trial, context: &str) -> Option<Stats> {
        let gemm = trial.gemm();
        let expected = match self.reference.gemm(&gemm) {
            Err(EngineError::Gemm(GemmError::SumRange { .. })) => return None,
            result => result.unwrap_or_else(|error| panic!("{context}: {error}")),
        };
        let skipped = self.skipping.gemm(&gemm).unwrap();
        same(&expected, &skipped, context);
        let (full, own) = (expected.stats, skipped.stats);
        let record = own.plane_skipping.expect("planes are skipped");
        assert_eq!(record.full_mac_passes, full.mac_passes, "{context}");
        assert_eq!(record.full_busy_cycles, full.cycles.busy, "{context}");
        assert!(own.mac_passes <= full.mac_passes, "{context}");
        assert!(own.cycles.busy <= full.cycles.busy, "{context}");
        let [as_given, fastest] = &mut self.checked;
        let mut found = as_given.gemm(&gemm).unwrap_or_else(|error| panic!("{context}: {error}"));
        found.stats.tiles_checked = 0;
        assert_eq!(found, skipped, "{context}, RTL");
        assert_eq!(self.split.gemm(&gemm).unwrap(), skipped, "{context}, models");
        let sample = self.sampled.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, sampled: {e}"));
        let tiles_checked = sample.stats.tiles_checked;
        assert_eq!(sample.stats, Stats { tiles_checked, ..own }, "{context}, sampled");
        let late = self.stalled.gemm(&gemm).unwrap();
        same(&expected, &late, &format!("{context}, stalled"));
        assert_eq!(late.stats.cycles.compute, own.cycles.compute, "{context}, stalled");
        let laid_out = fastest.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, fastest: {e}"));
        assert_eq!(laid_out.sums, expected.sums, "{context}, fastest");
        for engine in &mut self.arrays {
            let found = engine.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, arrays: {e}"));
            same(&laid_out, &found, &format!("{context}, arrays"));
            // An array's own pieces of K begin elsewhere: it may have more to do than in one GEMM.
            let busy = |stats: Stats| stats.plane_skipping.expect("skipped").full_busy_cycles;
            assert!(busy(found.stats) <= busy(laid_out.stats), "{context}, arrays");
        }
        let commands = lower(&self.config, Layout::AsGiven, &gemm).unwrap();
        let found = commands.find_skipping(&self.config, NonZeroUsize::MIN);
        let plan = found.plan();
        let all = (0..plan.schedule().tiles()).flat_map(|tile| plan.tile_commands(tile));
        let passes: u64 = all
            .map(|c| {
                let macs = c.rows_live * c.cols_live * c.k_len;
                macs as u64 * u64::from(c.planes_a * c.planes_b)
            })
            .sum();
        assert_eq!(passes, own.mac_passes, "{context}");
        Some(own)
    }
}

fn same(expected: &GemmResult<i32>, found: &GemmResult<i32>, context: &str) {
    assert_eq!(found.values, expected.values, "{context}");
    assert_eq!(found.sums, expected.sums, "{context}");
    assert_eq!(found.stats.counters, expected.stats.counters, "{context}");
}

/// A plan that gives one panel a plane too few: the checked engine must notice it.
#[test]
fn a_plane_too_few_is_noticed() {
    let config = configuration("chunk4-32");
    let mut rng = StdRng::seed_from_u64(7);
    let mut trial = Trial::random(&config, &mut rng);
    trial.bias = None;
    trial.formats[..2].fill(Format::new(8, 0).unwrap());
    trial.formats[3] = Format::new(32, 0).unwrap();
    trial.a.fill(100);
    trial.b.fill(1);
    let gemm = trial.gemm();
    let lowered = lower(&config, Layout::AsGiven, &gemm).unwrap();
    // The plan of operands that are narrower than those that run.
    let narrow = trial.a.mapv(|value| value >> 4);
    let operands = (narrow.view().into(), trial.b.view().into());
    let plan =
        Skipping::new(&config, &lowered.schedule, operands, trial.seed.role, NonZeroUsize::MIN);
    let reference = ReferenceEngine::new(config.clone());
    let expected = reference.integer_gemm(&lowered).unwrap();
    let found = rtl(&config).integer_gemm(&lowered.with_skipping(Some(&plan))).unwrap();
    assert_ne!(found.values, expected.values);
    assert_ne!(found.sums, expected.sums);
}

/// A bundle holds the length of the pieces of K, so that its tiles run as they did in the GEMM.
#[test]
fn bundles_check_with_skipping() {
    for (name, config) in chosen() {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("skipping-{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        let reference = ReferenceEngine::new(config.clone())
            .with_layout(Layout::Fastest)
            .with_plane_skipping(true);
        let mut engine = BundlingEngine::new(reference, 0.5, folder.clone()).unwrap();
        let mut rng = StdRng::seed_from_u64(5);
        let mut gemms = 0;
        while gemms < 10 {
            let mut trial = Trial::random(&config, &mut rng).narrowed(&mut rng);
            (trial.seed.run, trial.seed.iteration, trial.seed.layer) = (1, 0, gemms);
            gemms += u64::from(engine.gemm(&trial.gemm()).is_ok());
        }
        engine.end_iteration().unwrap();
        let bytes = std::fs::read(folder.join(Bundle::file_name(0))).unwrap();
        let bundle = Bundle::decode(&bytes).unwrap();
        assert_eq!(bundle.encode().unwrap(), bytes, "{name}");
        assert!(bundle.parts.iter().any(|part| part.header.piece_length.is_some()), "{name}");
        let mut checker = BundleChecker::new(rtl(&config));
        let verdict = checker.check("bundle", &bundle).unwrap();
        assert_eq!(verdict.mismatches, 0, "{name}: {:?}", verdict.wrong);
    }
}
