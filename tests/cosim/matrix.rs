//! Every supported configuration, co-simulated on random and extreme GEMMs.
//!
//! The checked engine compares every result bit, exact sum, counter and cycle; the stalled runs
//! show that late handshakes change nothing but cycle counts; runs on several models give what one
//! gives, cycles included. `FLEXMAC_COSIM_SEED` and
//! `FLEXMAC_COSIM_CASES` choose another or a longer run; `FLEXMAC_COSIM_CONFIG` one configuration.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use flexmac_array::{ArrayConfig, ArraySpec, Layout, Style};
use flexmac_cosim::{CheckedEngine, FloatTrial, RtlEngine, Stalls, Trial};
use flexmac_engine::{Engine, GemmResult, ReferenceEngine, Stats};
use flexmac_fxp::Rounding;
use rand::SeedableRng;
use rand::rngs::StdRng;

const CONFIGS: &str = include_str!("../configs.txt");

/// Co-simulated elsewhere or too large for a test.
const LEFT_OUT: [&str; 2] = ["large", "widest"];

pub fn configurations() -> Vec<(String, ArrayConfig)> {
    let only = env::var("FLEXMAC_COSIM_CONFIG").ok();
    CONFIGS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split_once(':').expect("name: flags"))
        .filter(|(name, _)| match &only {
            Some(only) => only == name,
            None => !LEFT_OUT.contains(name),
        })
        .map(|(name, flags)| (name.to_owned(), parse(flags)))
        .collect()
}

/// The configuration of a name.
pub fn configuration(name: &str) -> ArrayConfig {
    let mut lines = CONFIGS.lines().filter_map(|line| line.split_once(':'));
    parse(lines.find(|line| line.0 == name).expect("a name of the list").1)
}

/// The flags of `flexmac gen`, read without the command line.
fn parse(flags: &str) -> ArrayConfig {
    ArraySpec::from_flags(flags.split_whitespace()).unwrap().check().unwrap()
}

pub fn variable(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

pub fn rtl(config: &ArrayConfig) -> RtlEngine {
    let sources = flexmac_rtlgen::verilog(config).unwrap();
    RtlEngine::new(config.clone(), &sources, None).unwrap()
}

/// With an instance of each PE where `rtl` has loops.
fn as_written(config: &ArrayConfig) -> RtlEngine {
    let sources = flexmac_rtlgen::verilog(config).unwrap();
    RtlEngine::as_written(config.clone(), &sources).unwrap()
}

/// Numbers of models that must give what one gives: the last is more than most GEMMs have tiles.
const MODELS: [usize; 2] = [2, 5];

/// Numbers of arrays that must give what one gives, in fewer cycles.
const ARRAYS: [usize; 2] = [2, 5];

fn on_models(config: &ArrayConfig, models: usize) -> RtlEngine {
    rtl(config).with_models(models.try_into().unwrap()).unwrap()
}

#[test]
fn rtl_equals_reference_on_every_configuration() {
    let configurations = configurations();
    let next = AtomicUsize::new(0);
    // Building models is most of the time, one compiler per thread.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, config)) =
                    configurations.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match config.style() {
                        Style::Flex | Style::Fixed => check(name, config),
                        Style::Fp32 | Style::Bf16 | Style::Fp8 => check_floats(name, config),
                    }
                }
            });
        }
    });
}

fn check(name: &str, config: &ArrayConfig) {
    let seed = variable("FLEXMAC_COSIM_SEED", 1);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut checked = CheckedEngine::new(as_written(config));
    let mut fastest = CheckedEngine::new(rtl(config).with_layout(Layout::Fastest));
    let mut split = MODELS.map(|models| on_models(config, models));
    let mut fastest_split = on_models(config, 3).with_layout(Layout::Fastest);
    let mut sampled = CheckedEngine::new(on_models(config, 2).with_layout(Layout::Fastest));
    sampled = sampled.with_rate(0.5).unwrap();
    let mut groups = ARRAYS.map(|arrays| {
        let group = rtl(config).with_arrays(arrays.try_into().unwrap()).unwrap();
        CheckedEngine::new(group.with_layout(Layout::Fastest))
    });
    let mut stalled = rtl(config).with_stalls(Stalls { seed, chance: 100 });
    let mut reference = ReferenceEngine::new(config.clone());
    let mut tiles = (0, 0);
    for case in 0..variable("FLEXMAC_COSIM_CASES", 40) {
        let random = Trial::random(config, &mut rng);
        let gemm = random.gemm();
        let context = format!("config {name}, seed {seed}, case {case}");
        let mut whole = match checked.gemm(&gemm) {
            Ok(found) => found,
            Err(flexmac_engine::EngineError::Gemm(flexmac_engine::GemmError::SumRange {
                ..
            })) => continue,
            Err(error) => panic!("{context}: {error}"),
        };
        assert_eq!(whole.stats.tiles_checked, whole.stats.tiles);
        whole.stats.tiles_checked = 0;
        for (engine, models) in split.iter_mut().zip(MODELS) {
            assert_eq!(engine.gemm(&gemm).unwrap(), whole, "{context}, {models} models");
        }
        let mut laid_out =
            fastest.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, fastest: {e}"));
        laid_out.stats.tiles_checked = 0;
        assert_eq!(fastest_split.gemm(&gemm).unwrap(), laid_out, "{context}, fastest, split");
        let sample = sampled.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, sampled: {e}"));
        assert_eq!(sample.values, laid_out.values, "{context}, sampled");
        tiles.0 += sample.stats.tiles_checked;
        tiles.1 += sample.stats.tiles;
        let expected = Stats { tiles_checked: sample.stats.tiles_checked, ..laid_out.stats };
        assert_eq!(sample.stats, expected, "{context}, sampled");
        for (group, arrays) in groups.iter_mut().zip(ARRAYS) {
            let found =
                group.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, {arrays} arrays: {e}"));
            assert_eq!(found.values, laid_out.values, "{context}, {arrays} arrays");
            assert_eq!(found.sums, laid_out.sums, "{context}, {arrays} arrays");
            assert_eq!(found.stats.counters, laid_out.stats.counters, "{context}, {arrays} arrays");
            let (found, one) = (found.stats.cycles, laid_out.stats.cycles);
            assert!(found.busy <= one.busy, "{context}, {arrays} arrays");
        }
        let late = stalled.gemm(&gemm).unwrap();
        let expected = reference.gemm(&gemm).unwrap();
        same_but_late(&expected, &late, &context);
        assert_eq!(laid_out.sums, expected.sums, "{context}, fastest");
        assert!(laid_out.stats.cycles.busy <= expected.stats.cycles.busy, "{context}, fastest");
        if random.rounding != Rounding::Stochastic {
            assert_eq!(laid_out.values, expected.values, "{context}, fastest");
            assert_eq!(laid_out.stats.counters, expected.stats.counters, "{context}, fastest");
        }
    }
    assert_half(name, tiles);
}

/// Of many tiles about half are in a sample of rate 1/2: six standard deviations are allowed.
fn assert_half(name: &str, (checked, tiles): (u64, u64)) {
    let (checked, tiles) = (checked as f64, tiles as f64);
    assert!((checked - tiles / 2.0).abs() <= 3.0 * tiles.sqrt(), "{name}: {checked} of {tiles}");
}

fn same_but_late(expected: &GemmResult<i32>, found: &GemmResult<i32>, context: &str) {
    assert_eq!(found.values, expected.values, "{context}, stalled");
    assert_eq!(found.sums, expected.sums, "{context}, stalled");
    assert_eq!(found.stats.counters, expected.stats.counters, "{context}, stalled");
    assert_eq!(found.stats.cycles.compute, expected.stats.cycles.compute, "{context}, stalled");
    assert!(found.stats.cycles.busy >= expected.stats.cycles.busy, "{context}, stalled");
}

fn check_floats(name: &str, config: &ArrayConfig) {
    let seed = variable("FLEXMAC_COSIM_SEED", 1);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut checked = CheckedEngine::new(rtl(config));
    let mut fastest = CheckedEngine::new(rtl(config).with_layout(Layout::Fastest));
    let mut split = MODELS.map(|models| on_models(config, models));
    let mut sampled = CheckedEngine::new(on_models(config, 2)).with_rate(0.5).unwrap();
    let mut stalled = rtl(config).with_stalls(Stalls { seed, chance: 100 });
    for case in 0..variable("FLEXMAC_COSIM_CASES", 40) {
        let random = FloatTrial::random(config, &mut rng);
        let gemm = random.gemm();
        let context = format!("config {name}, seed {seed}, case {case}");
        let found = checked.gemm(&gemm).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(found.stats.tiles_checked, found.stats.tiles);
        let late = stalled.gemm(&gemm).unwrap();
        let laid_out = fastest.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, fastest: {e}"));
        let bits = |outcome: &GemmResult<f32>| outcome.values.mapv(f32::to_bits);
        for (engine, models) in split.iter_mut().zip(MODELS) {
            let parts: GemmResult<f32> = engine.gemm(&gemm).unwrap();
            assert_eq!(bits(&parts), bits(&found), "{context}, {models} models");
            let expected = Stats { tiles_checked: 0, ..found.stats };
            assert_eq!(parts.stats, expected, "{context}, {models} models");
        }
        assert_eq!(bits(&laid_out), bits(&found), "{context}, fastest");
        assert!(laid_out.stats.cycles.busy <= found.stats.cycles.busy, "{context}, fastest");
        let sample = sampled.gemm(&gemm).unwrap_or_else(|e| panic!("{context}, sampled: {e}"));
        assert_eq!(bits(&sample), bits(&found), "{context}, sampled");
        assert!(sample.stats.tiles_checked <= sample.stats.tiles, "{context}, sampled");
        assert_eq!(bits(&late), bits(&found), "{context}, stalled");
        assert_eq!(late.stats.counters, found.stats.counters, "{context}, stalled");
        assert_eq!(late.stats.cycles.compute, found.stats.cycles.compute, "{context}, stalled");
        assert!(late.stats.cycles.busy >= found.stats.cycles.busy, "{context}, stalled");
    }
}
