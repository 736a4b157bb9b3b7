//! Every supported configuration, co-simulated on random and extreme products.
//!
//! The checked engine compares every result bit, exact sum, counter and cycle; the stalled runs
//! show that late handshakes change nothing but cycle counts; runs on several models give what one
//! gives, cycles included. `FLEXMAC_COSIM_SEED` and
//! `FLEXMAC_COSIM_CASES` choose another or a longer run; `FLEXMAC_COSIM_CONFIG` one configuration.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use cosim::{
    CheckedEngine, Engine, Operand, Outcome, Product, ReferenceEngine, RtlEngine, Stalls, Stats,
};
use fxp::{Format, Role, Rounding, SeedPath};
use ndarray::Array2;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rtlgen::{Config, ConfigSpec, Layout, Style};

const CONFIGS: &str = include_str!("../configs.txt");

/// Co-simulated elsewhere or too large for a test.
const LEFT_OUT: [&str; 2] = ["large", "widest"];

fn configurations() -> Vec<(String, Config)> {
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

/// The flags of `flexmac gen`, read without the command line.
fn parse(flags: &str) -> Config {
    let mut spec = ConfigSpec::default();
    let (mut chunk, mut rounding) = (None, None);
    let words: Vec<_> = flags.split_whitespace().collect();
    for pair in words.chunks(2) {
        let [flag, value] = pair else { panic!("flag without value in {flags:?}") };
        let number = || value.parse().unwrap_or_else(|_| panic!("{flag} {value}"));
        match *flag {
            "--rows" => spec.rows = number(),
            "--cols" => spec.cols = number(),
            "--chunk" => chunk = Some(number()),
            "--lanes" => spec.lanes = number(),
            "--max-bits" => spec.max_bits = number(),
            "--max-k" => spec.max_k = number(),
            "--stages" => spec.stages = number(),
            "--depth" => spec.depth = number(),
            "--fanout" => spec.fanout = number(),
            "--rounding-modes" => {
                let modes = value.split(',').map(|mode| mode.parse().unwrap());
                rounding = fxp::RoundingSet::new(modes);
            }
            "--style" => spec.style = value.parse().unwrap(),
            other => panic!("unknown flag {other}"),
        }
    }
    spec.chunk = chunk.unwrap_or_else(|| spec.style.default_chunk(spec.max_bits));
    spec.rounding = rounding.unwrap_or_else(|| spec.style.default_rounding());
    spec.check().unwrap()
}

struct Case {
    a: Array2<i32>,
    b: Array2<i32>,
    bias: Option<Array2<i32>>,
    formats: [Format; 4],
    rounding: Rounding,
    seed: SeedPath,
}

impl Case {
    fn random(config: &Config, rng: &mut StdRng) -> Self {
        let limit = config.max_bits();
        let bits = |rng: &mut StdRng| rng.random_range(2..=limit);
        let (bits_a, bits_b) = (bits(rng), bits(rng));
        let piece = config.command_k(config.planes(bits_a), config.planes(bits_b));
        let inner = match rng.random_range(0..4) {
            0 => 1,
            1 => rng.random_range(1..=config.lanes() * 3),
            2 => (piece + rng.random_range(1..=piece)).min(700),
            _ => rng.random_range(1..=60),
        };
        let rows = rng.random_range(1..=2 * config.rows() + 1);
        let cols = rng.random_range(1..=2 * config.cols() + 1);
        let a = matrix(rng, (rows, inner), bits_a);
        let b = matrix(rng, (inner, cols), bits_b);
        let bias_shift = rng.random_range(0..=6);
        let bias = rng.random_bool(0.5).then(|| {
            let rows = if rng.random_bool(0.5) { 1 } else { rows };
            let bits = rng.random_range(2..=32);
            matrix(rng, (rows, cols), bits)
        });
        let sum_bits = (bits_a + bits_b) as i32;
        let shift = match rng.random_range(0..8) {
            0 => rng.random_range(-40..0),
            1 => rng.random_range(60..140),
            _ => rng.random_range(0..=sum_bits),
        };
        let modes: Vec<_> = config.spec().rounding.iter().collect();
        Self {
            a,
            b,
            bias,
            formats: [
                Format::new(bits_a, 3).unwrap(),
                Format::new(bits_b, -1).unwrap(),
                Format::new(32, 2 - bias_shift).unwrap(),
                Format::new(rng.random_range(2..=32), 2 - shift).unwrap(),
            ],
            rounding: modes[rng.random_range(0..modes.len())],
            seed: SeedPath {
                run: rng.next_u64(),
                iteration: rng.random_range(0..1000),
                layer: rng.random_range(0..8),
                role: Role::GEMMS[rng.random_range(0..3)],
            },
        }
    }

    fn product(&self) -> Product<'_, i32> {
        let [a, b, bias, out] = self.formats;
        Product {
            a: Operand { values: self.a.view(), format: a },
            b: Operand { values: self.b.view(), format: b },
            bias: self.bias.as_ref().map(|m| Operand { values: m.view(), format: bias }),
            out,
            rounding: self.rounding,
            seed: self.seed,
            keep_sums: true,
        }
    }
}

/// Uniform, or all at one limit, where every bound is met.
fn matrix(rng: &mut StdRng, shape: (usize, usize), bits: u32) -> Array2<i32> {
    let low = (-(1_i64 << (bits - 1))) as i32;
    match rng.random_range(0..6) {
        0 => Array2::from_elem(shape, low),
        1 => Array2::from_elem(shape, !low),
        _ => Array2::from_shape_simple_fn(shape, || rng.next_u32() as i32 >> (32 - bits)),
    }
}

fn variable(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn rtl(config: &Config) -> RtlEngine {
    let sources = rtlgen::verilog(config).unwrap();
    RtlEngine::new(config.clone(), &sources, None).unwrap()
}

/// Numbers of models that must give what one gives: the last is more than most products have tiles.
const MODELS: [usize; 2] = [2, 5];

/// Numbers of arrays that must give what one gives, in fewer cycles.
const ARRAYS: [usize; 2] = [2, 5];

fn on_models(config: &Config, models: usize) -> RtlEngine {
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
                        Style::Fp32 => check_floats(name, config),
                    }
                }
            });
        }
    });
}

fn check(name: &str, config: &Config) {
    let seed = variable("FLEXMAC_COSIM_SEED", 1);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut checked = CheckedEngine::new(rtl(config));
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
        let random = Case::random(config, &mut rng);
        let product = random.product();
        let context = format!("config {name}, seed {seed}, case {case}");
        let mut whole = match checked.gemm(&product) {
            Ok(found) => found,
            Err(cosim::EngineError::SumRange { .. }) => continue,
            Err(error) => panic!("{context}: {error}"),
        };
        assert_eq!(whole.stats.tiles_checked, whole.stats.tiles);
        whole.stats.tiles_checked = 0;
        for (engine, models) in split.iter_mut().zip(MODELS) {
            assert_eq!(engine.gemm(&product).unwrap(), whole, "{context}, {models} models");
        }
        let mut laid_out =
            fastest.gemm(&product).unwrap_or_else(|e| panic!("{context}, fastest: {e}"));
        laid_out.stats.tiles_checked = 0;
        assert_eq!(fastest_split.gemm(&product).unwrap(), laid_out, "{context}, fastest, split");
        let sample = sampled.gemm(&product).unwrap_or_else(|e| panic!("{context}, sampled: {e}"));
        assert_eq!(sample.values, laid_out.values, "{context}, sampled");
        tiles.0 += sample.stats.tiles_checked;
        tiles.1 += sample.stats.tiles;
        let expected = Stats { tiles_checked: sample.stats.tiles_checked, ..laid_out.stats };
        assert_eq!(sample.stats, expected, "{context}, sampled");
        for (group, arrays) in groups.iter_mut().zip(ARRAYS) {
            let found =
                group.gemm(&product).unwrap_or_else(|e| panic!("{context}, {arrays} arrays: {e}"));
            assert_eq!(found.values, laid_out.values, "{context}, {arrays} arrays");
            assert_eq!(found.sums, laid_out.sums, "{context}, {arrays} arrays");
            assert_eq!(found.stats.counters, laid_out.stats.counters, "{context}, {arrays} arrays");
            let (found, one) = (found.stats.cycles, laid_out.stats.cycles);
            assert!(found.busy <= one.busy, "{context}, {arrays} arrays");
        }
        let late = stalled.gemm(&product).unwrap();
        let expected = reference.gemm(&product).unwrap();
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

fn same_but_late(expected: &Outcome<i32>, found: &Outcome<i32>, context: &str) {
    assert_eq!(found.values, expected.values, "{context}, stalled");
    assert_eq!(found.sums, expected.sums, "{context}, stalled");
    assert_eq!(found.stats.counters, expected.stats.counters, "{context}, stalled");
    assert_eq!(found.stats.cycles.compute, expected.stats.cycles.compute, "{context}, stalled");
    assert!(found.stats.cycles.busy >= expected.stats.cycles.busy, "{context}, stalled");
}

struct FloatCase {
    a: Array2<f32>,
    b: Array2<f32>,
    bias: Option<Array2<f32>>,
}

impl FloatCase {
    fn random(config: &Config, rng: &mut StdRng) -> Self {
        let piece = config.command_k(1, 1);
        let inner = match rng.random_range(0..4) {
            0 => 1,
            1 => rng.random_range(1..=config.lanes() * 3),
            2 => (piece + rng.random_range(1..=piece)).min(700),
            _ => rng.random_range(1..=60),
        };
        let rows = rng.random_range(1..=2 * config.rows() + 1);
        let cols = rng.random_range(1..=2 * config.cols() + 1);
        let bias = rng.random_bool(0.5).then(|| {
            let rows = if rng.random_bool(0.5) { 1 } else { rows };
            floats(rng, (rows, cols))
        });
        Self { a: floats(rng, (rows, inner)), b: floats(rng, (inner, cols)), bias }
    }

    fn product(&self) -> Product<'_, f32> {
        let format = Format::new(32, 0).unwrap();
        Product {
            a: Operand { values: self.a.view(), format },
            b: Operand { values: self.b.view(), format },
            bias: self.bias.as_ref().map(|m| Operand { values: m.view(), format }),
            out: format,
            rounding: Rounding::Nearest,
            seed: SeedPath { run: 0, iteration: 0, layer: 0, role: Role::Forward },
            keep_sums: false,
        }
    }
}

/// Of about one magnitude, so that sums cancel; near underflow; near overflow; any bits at all, with
/// NaN and infinities; zeros of both signs.
fn floats(rng: &mut StdRng, shape: (usize, usize)) -> Array2<f32> {
    let kind = rng.random_range(0..8);
    Array2::from_shape_simple_fn(shape, || {
        let bits = rng.next_u32();
        let mut exponent = |least: u32, count: u32| {
            f32::from_bits(bits & 0x807f_ffff | (least + rng.next_u32() % count) << 23)
        };
        match kind {
            0 => f32::from_bits(bits),
            1 => f32::from_bits(bits & 0x8000_0000),
            2 => exponent(0, 66),
            3 => exponent(180, 16),
            _ => exponent(118, 12),
        }
    })
}

fn check_floats(name: &str, config: &Config) {
    let seed = variable("FLEXMAC_COSIM_SEED", 1);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut checked = CheckedEngine::new(rtl(config));
    let mut split = MODELS.map(|models| on_models(config, models));
    let mut sampled = CheckedEngine::new(on_models(config, 2)).with_rate(0.5).unwrap();
    let mut stalled = rtl(config).with_stalls(Stalls { seed, chance: 100 });
    for case in 0..variable("FLEXMAC_COSIM_CASES", 40) {
        let random = FloatCase::random(config, &mut rng);
        let product = random.product();
        let context = format!("config {name}, seed {seed}, case {case}");
        let found = checked.gemm(&product).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(found.stats.tiles_checked, found.stats.tiles);
        let late = stalled.gemm(&product).unwrap();
        let bits = |outcome: &Outcome<f32>| outcome.values.mapv(f32::to_bits);
        for (engine, models) in split.iter_mut().zip(MODELS) {
            let parts: Outcome<f32> = engine.gemm(&product).unwrap();
            assert_eq!(bits(&parts), bits(&found), "{context}, {models} models");
            let expected = Stats { tiles_checked: 0, ..found.stats };
            assert_eq!(parts.stats, expected, "{context}, {models} models");
        }
        let sample = sampled.gemm(&product).unwrap_or_else(|e| panic!("{context}, sampled: {e}"));
        assert_eq!(bits(&sample), bits(&found), "{context}, sampled");
        assert!(sample.stats.tiles_checked <= sample.stats.tiles, "{context}, sampled");
        assert_eq!(bits(&late), bits(&found), "{context}, stalled");
        assert_eq!(late.stats.counters, found.stats.counters, "{context}, stalled");
        assert_eq!(late.stats.cycles.compute, found.stats.cycles.compute, "{context}, stalled");
        assert!(late.stats.cycles.busy >= found.stats.cycles.busy, "{context}, stalled");
    }
}
