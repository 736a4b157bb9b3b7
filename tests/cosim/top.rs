//! `flexmac_top` over its pins, every channel late at random: GEMMs against the reference, the
//! time of equal tiles, and the faults it must survive.
//!
//! `FLEXMAC_TOP_SEED` and `FLEXMAC_TOP_CASES` choose another or a longer run.

use std::env;

use flexmac_array::{ArrayConfig, ArraySpec};
use flexmac_cosim::Stalls;
use flexmac_cosim::top::{Response, TopCommand, TopDriver, TopEngine, registers as reg};
use flexmac_engine::{Engine, Gemm, GemmResult, Operand, ReferenceEngine};
use flexmac_fxp::{Format, Role, Rounding, SeedPath};
use flexmac_rtlgen::StreamBits;
use ndarray::Array2;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// 3 x 5, lanes 3: nothing divides anything.
fn odd() -> ArrayConfig {
    let spec = ArraySpec {
        rows: 3,
        cols: 5,
        lanes: 3,
        max_k: 100,
        depth: 64,
        stages: 2,
        ..ArraySpec::default()
    };
    spec.check().unwrap()
}

fn engine(config: &ArrayConfig) -> TopEngine {
    let sources = flexmac_rtlgen::verilog(config).unwrap();
    TopEngine::new(config.clone(), &sources).unwrap()
}

fn variable(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Operands and how to multiply them.
struct Case {
    a: Array2<i32>,
    b: Array2<i32>,
    bias: Option<Array2<i32>>,
    bits: (u32, u32, u32),
    shift: i32,
    rounding: Rounding,
}

impl Case {
    fn random(config: &ArrayConfig, rng: &mut StdRng, inner: usize, bits: (u32, u32)) -> Self {
        let rows = rng.random_range(1..=2 * config.rows() + 1);
        let cols = rng.random_range(1..=2 * config.cols() + 1);
        let modes: Vec<_> = config.spec().rounding.iter().collect();
        Self {
            a: matrix(rng, (rows, inner), bits.0),
            b: matrix(rng, (inner, cols), bits.1),
            bias: rng.random_bool(0.5).then(|| matrix(rng, (rows, cols), 20)),
            bits: (bits.0, bits.1, rng.random_range(2..=32)),
            shift: rng.random_range(-3..=(bits.0 + bits.1) as i32),
            rounding: modes[rng.random_range(0..modes.len())],
        }
    }

    fn gemm(&self) -> Gemm<'_, i32> {
        let format = |bits, frac| Format::new(bits, frac).unwrap();
        Gemm {
            a: Operand { values: self.a.view(), format: format(self.bits.0, 3) },
            b: Operand { values: self.b.view(), format: format(self.bits.1, -1) },
            bias: self.bias.as_ref().map(|m| Operand { values: m.view(), format: format(32, 0) }),
            out: format(self.bits.2, 2 - self.shift),
            rounding: self.rounding,
            seed: SeedPath { run: 7, iteration: 1, layer: 2, role: Role::GEMMS[0] },
            keep_sums: false,
        }
    }
}

/// Uniform, or all at one limit, where every bound is met.
fn matrix(rng: &mut StdRng, shape: (usize, usize), bits: u32) -> Array2<i32> {
    let low = (-(1_i64 << (bits - 1))) as i32;
    match rng.random_range(0..5) {
        0 => Array2::from_elem(shape, low),
        1 => Array2::from_elem(shape, !low),
        _ => Array2::from_shape_simple_fn(shape, || rng.next_u32() as i32 >> (32 - bits)),
    }
}

/// Results and counters are the reference's; cycles are at least its.
fn same(expected: &GemmResult<i32>, found: &GemmResult<i32>, context: &str) {
    assert_eq!(found.values, expected.values, "{context}");
    assert_eq!(found.stats.counters, expected.stats.counters, "{context}");
    assert_eq!(found.stats.cycles.compute, expected.stats.cycles.compute, "{context}");
}

/// The next command is correct: what every fault must leave behind.
fn works(engine: &mut TopEngine, config: &ArrayConfig, context: &str) {
    let mut rng = StdRng::seed_from_u64(99);
    let mut case = Case::random(config, &mut rng, 7, (16, 9));
    case.bias = Some(matrix(&mut rng, (case.a.nrows(), case.b.ncols()), 20));
    case.rounding = Rounding::Stochastic;
    let expected = ReferenceEngine::new(config.clone()).gemm(&case.gemm()).unwrap();
    let found = engine.gemm(&case.gemm()).unwrap_or_else(|e| panic!("{context}: {e}"));
    same(&expected, &found, context);
    assert_eq!(engine.driver().result.violations(), 0, "{context}: a result beat went away");
}

#[test]
fn gemms_equal_the_reference_under_random_stalls() {
    let base = ArraySpec::default();
    let seed = variable("FLEXMAC_TOP_SEED", 1);
    for spec in [
        ArraySpec { rows: 1, cols: 1, lanes: 1, chunk: 2, max_bits: 2, depth: 1, ..base.clone() },
        ArraySpec { rows: 3, cols: 5, lanes: 3, chunk: 2, depth: 256, stages: 3, ..base.clone() },
        ArraySpec { rows: 2, cols: 1, lanes: 5, chunk: 16, depth: 16, ..base.clone() },
        ArraySpec { depth: 64, ..base },
    ] {
        let config = spec.check().unwrap();
        let mut plain = engine(&config);
        let mut stalled = engine(&config).with_stalls(Stalls { seed, chance: 100 });
        let mut reference = ReferenceEngine::new(config.clone());
        let mut rng = StdRng::seed_from_u64(seed);
        let top = config.max_bits();
        for case in 0..variable("FLEXMAC_TOP_CASES", 10) {
            let context = format!("{}, seed {seed}, case {case}", config.summary());
            let piece = config.command_k(config.max_planes(), config.max_planes());
            let (inner, bits) = match case {
                0 => (1, (top, top)),
                1 => (2 * config.lanes() + 1, (2, top)),
                2 => (piece + 1, (top, top)), // over two commands, accumulating
                _ => (rng.random_range(1..=40), (rng.random_range(2..=top), top)),
            };
            let random = Case::random(&config, &mut rng, inner, bits);
            let expected = reference.gemm(&random.gemm()).unwrap();
            same(&expected, &plain.gemm(&random.gemm()).unwrap(), &context);
            let late = stalled.gemm(&random.gemm()).unwrap();
            same(&expected, &late, &format!("{context}, stalled"));
        }
    }
}

/// The accelerator waits for ever if nobody takes its results. The message counts from the start of the GEMM.
#[test]
fn a_hang_is_reported_with_the_cycles_of_its_gemm() {
    let config = odd();
    let mut engine = engine(&config);
    let case = Case::random(&config, &mut StdRng::seed_from_u64(5), 9, (16, 16));
    let expected = engine.gemm(&case.gemm()).unwrap();
    for _ in 0..300_000 {
        engine.driver().tick().unwrap();
    }
    engine.driver().result.ready = false;
    let error = engine.gemm(&case.gemm()).unwrap_err().to_string();
    let numbers: Vec<u64> =
        error.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    let &[cycles, command, commands, model] = &numbers[..] else { panic!("{error}") };
    assert!(error.starts_with("rtl: no progress for "), "{error}");
    assert_eq!((command, commands), (expected.stats.tiles, expected.stats.tiles), "{error}");
    assert!(model <= expected.stats.cycles.busy, "{error}");
    let limit = 200 * (model + 1000);
    assert!((limit..limit + 100).contains(&cycles), "{error}");
}

/// Equal tiles follow each other every max(load, compute) cycles: the other one hides behind it.
#[test]
fn loading_hides_behind_computing() {
    let config = odd();
    let rows = 3_u64;
    for (bits_a, bits_b, words) in [(8, 8, 30), (8, 16, 20), (32, 8, 10), (16, 24, 9), (8, 8, 1)] {
        let mut engine = engine(&config);
        let (planes_a, planes_b) = (bits_a / 8, bits_b / 8);
        let command = TopCommand {
            k: words * 3,
            rows: 3,
            cols: 5,
            bits_a,
            bits_b,
            bits_out: 16,
            shift: 8,
            round: reg::MODE_ROUND_NEAREST,
            base: reg::START_BASE_ZERO,
            emit: true,
        };
        const TILES: usize = 10;
        for _ in 0..TILES {
            engine.submit(&command).unwrap();
        }
        let driver = engine.driver();
        for _ in 0..TILES {
            driver.a.push_packet((0..planes_a * words).map(|n| vec![n; 3]));
            driver.b.push_packet((0..planes_b * words).map(|n| vec![n; 4]));
        }
        let mut ends = Vec::new();
        while ends.len() < TILES {
            driver.tick().unwrap();
            if driver.result.pop_packet().is_some() {
                ends.push(driver.cycles());
            }
            assert!(driver.cycles() < 100_000, "{} tiles", ends.len());
        }
        let load = u64::from(planes_a.max(planes_b) * words);
        let compute: u64 = (0..planes_a + planes_b - 1)
            .map(|s| {
                let pairs = (s + 1).min(planes_a).min(planes_b).min(planes_a + planes_b - 1 - s);
                u64::from(pairs * words).max(rows)
            })
            .sum();
        for pair in ends[2..].windows(2) {
            let found = pair[1] - pair[0];
            assert_eq!(found, load.max(compute), "{bits_a} x {bits_b}, {words} words: {ends:?}");
        }
    }
}

#[test]
fn registers_answer_as_their_page_says() {
    let config = odd();
    let mut engine = engine(&config).with_stalls(Stalls { seed: 3, chance: 90 });
    let driver = engine.driver();
    let s = config.spec();
    for (address, expected) in [
        (reg::ID, 0x464d_4143),
        (reg::PARAM_ROWS, s.rows),
        (reg::PARAM_COLS, s.cols),
        (reg::PARAM_CHUNK, s.chunk),
        (reg::PARAM_LANES, s.lanes),
        (reg::PARAM_MAX_BITS, s.max_bits),
        (reg::PARAM_MAX_K, s.max_k),
        (reg::PARAM_STAGES, s.stages),
        (reg::PARAM_FANOUT, s.fanout),
        (reg::PARAM_DEPTH, s.depth),
        (reg::PARAM_ROUNDING, 7),
        (reg::PARAM_STYLE, reg::PARAM_STYLE_FLEX),
        (reg::PARAM_SUM_BITS, config.sum_bits()),
        (reg::PARAM_PRELOAD_BITS, StreamBits::new(&config).preload_slot),
        (reg::STATUS, 16 << reg::STATUS_FREE_LSB),
    ] {
        assert_eq!(driver.read(address).unwrap(), expected, "0x{address:03x}");
    }
    // Every word: what the map has can be read, what it lets be written can be written.
    let map = flexmac_rtlgen::register_map();
    for address in (0..1 << map.address_bits).step_by(4) {
        let register =
            map.registers().find(|r| (r.offset..r.offset + r.width / 8).contains(&address));
        let (_, response) = driver.try_read(address).unwrap();
        assert_eq!(response == Response::Okay, register.is_some(), "read 0x{address:03x}");
        let writable = register.is_some_and(|r| r.access != flexmac_rtlgen::Access::ReadOnly);
        // Zero starts an illegal command at most.
        let response = driver.try_write(address, 0).unwrap();
        assert_eq!(response == Response::Okay, writable, "write 0x{address:03x}");
    }
    works(&mut engine, &config, "after accesses that were refused");
}

/// A write without strobes does nothing, one with some of them is refused, whatever the register does.
#[test]
fn only_whole_words_are_written() {
    let config = odd();
    let mut engine = engine(&config).with_stalls(Stalls { seed: 4, chance: 90 });
    let driver = engine.driver();
    // All of a command but its start.
    for (address, data) in &legal().registers()[..4] {
        driver.write(*address, *data).unwrap();
    }
    driver.write(reg::SCRATCH, 0x1122_3344).unwrap();
    driver.write(reg::IRQ_ENABLE, reg::IRQ_ENABLE_ERROR_MASK).unwrap();
    // An error and its event, which effects would clear.
    driver.write(reg::START, 4).unwrap();
    while !driver.irq() {
        driver.tick().unwrap();
    }
    let seen = [reg::SCRATCH, reg::K, reg::IRQ_ENABLE, reg::IRQ_STATUS, reg::ERROR, reg::SUBMITTED];
    let before = seen.map(|address| driver.read(address).unwrap());
    assert!(before[0] == 0x1122_3344 && before[4] == reg::ERROR_CODE_BASE);
    for address in [
        reg::SCRATCH,
        reg::K,
        reg::IRQ_ENABLE,
        reg::IRQ_STATUS,
        reg::CONTROL,
        reg::START,
        reg::ID,
        0xffc,
    ] {
        for strobes in 0..15 {
            let data = if address == reg::START { 1 << reg::START_EMIT_LSB } else { u32::MAX };
            let expected = if strobes == 0 { Response::Okay } else { Response::SlaveError };
            let driver = engine.driver();
            let found = driver.write_bytes(address, data, strobes).unwrap();
            assert_eq!(found, expected, "0x{address:03x}, strobes {strobes:04b}");
            let after = seen.map(|address| driver.read(address).unwrap());
            assert_eq!(after, before, "0x{address:03x}, strobes {strobes:04b}");
            assert_eq!(driver.read(reg::STATUS).unwrap() & reg::STATUS_BUSY_MASK, 0);
        }
    }
    works(&mut engine, &config, "after partial writes");
}

fn legal() -> TopCommand {
    TopCommand {
        k: 6,
        rows: 3,
        cols: 5,
        bits_a: 8,
        bits_b: 8,
        bits_out: 16,
        shift: 4,
        round: reg::MODE_ROUND_NEAREST,
        base: reg::START_BASE_ZERO,
        emit: true,
    }
}

#[test]
fn illegal_commands_are_refused_with_their_code() {
    let config = odd();
    let mut engine = engine(&config).with_stalls(Stalls { seed: 5, chance: 60 });
    let sum_bits = config.sum_bits() as i32;
    let ok = legal();
    for (command, code) in [
        (TopCommand { k: 0, ..ok }, reg::ERROR_CODE_K),
        (TopCommand { k: 101, ..ok }, reg::ERROR_CODE_K),
        (TopCommand { k: 1 << 31, ..ok }, reg::ERROR_CODE_K),
        (TopCommand { bits_a: 0, ..ok }, reg::ERROR_CODE_BITS_A),
        (TopCommand { bits_a: 1, ..ok }, reg::ERROR_CODE_BITS_A),
        (TopCommand { bits_a: 33, ..ok }, reg::ERROR_CODE_BITS_A),
        (TopCommand { bits_b: 0, ..ok }, reg::ERROR_CODE_BITS_B),
        (TopCommand { bits_b: 255, ..ok }, reg::ERROR_CODE_BITS_B),
        (TopCommand { rows: 0, ..ok }, reg::ERROR_CODE_ROWS),
        (TopCommand { rows: 4, ..ok }, reg::ERROR_CODE_ROWS),
        (TopCommand { cols: 0, ..ok }, reg::ERROR_CODE_COLS),
        (TopCommand { cols: 65535, ..ok }, reg::ERROR_CODE_COLS),
        (TopCommand { base: 3, ..ok }, reg::ERROR_CODE_BASE),
        (TopCommand { base: 4, ..ok }, reg::ERROR_CODE_BASE),
        (TopCommand { shift: -32, ..ok }, reg::ERROR_CODE_SHIFT),
        (TopCommand { shift: sum_bits + 25, ..ok }, reg::ERROR_CODE_SHIFT),
        (TopCommand { bits_out: 0, ..ok }, reg::ERROR_CODE_BITS_OUT),
        (TopCommand { bits_out: 1, ..ok }, reg::ERROR_CODE_BITS_OUT),
        (TopCommand { bits_out: 33, ..ok }, reg::ERROR_CODE_BITS_OUT),
        (TopCommand { round: 3, ..ok }, reg::ERROR_CODE_ROUND),
        (TopCommand { round: 4, ..ok }, reg::ERROR_CODE_ROUND),
        // 17 words of four planes do not fit a bank of 64.
        (TopCommand { k: 49, bits_a: 32, ..ok }, reg::ERROR_CODE_DEPTH),
        (TopCommand { k: 49, bits_b: 25, ..ok }, reg::ERROR_CODE_DEPTH),
    ] {
        let driver = engine.driver();
        driver.write(reg::CONTROL, reg::CONTROL_CLEAR_ERROR_MASK).unwrap();
        driver.write(reg::IRQ_STATUS, u32::MAX).unwrap();
        driver.write(reg::IRQ_ENABLE, reg::IRQ_ENABLE_ERROR_MASK).unwrap();
        assert!(!driver.irq());
        let before = driver.read(reg::SUBMITTED).unwrap();
        engine.submit(&command).unwrap();
        let driver = engine.driver();
        while driver.read(reg::STATUS).unwrap() & reg::STATUS_BUSY_MASK != 0 {}
        assert_eq!(driver.read(reg::ERROR).unwrap(), code, "{command:?}");
        assert_eq!(driver.read(reg::ERROR_COMMAND).unwrap(), before & 0xffff);
        assert_eq!(driver.read(reg::SUBMITTED).unwrap(), before, "{command:?}");
        assert!(driver.irq(), "{command:?}");
    }
    works(&mut engine, &config, "after refused commands");

    // A mode that this array was not generated with.
    let nearest = ArraySpec {
        rounding: flexmac_fxp::RoundingSet::new([Rounding::Nearest]).unwrap(),
        ..config.spec().clone()
    };
    let mut engine = self::engine(&nearest.check().unwrap());
    engine.submit(&TopCommand { round: reg::MODE_ROUND_STOCHASTIC, ..ok }).unwrap();
    let driver = engine.driver();
    while driver.read(reg::STATUS).unwrap() & reg::STATUS_BUSY_MASK != 0 {}
    assert_eq!(driver.read(reg::ERROR).unwrap(), reg::ERROR_CODE_ROUND);
}

#[test]
fn commands_while_busy_queue_up_to_a_limit() {
    let config = odd();
    let mut engine = engine(&config);
    let command = legal();
    // Two wait in the banks' places without operands: one is filling, sixteen are in the queue.
    let mut accepted = 0;
    while engine.driver().read(reg::STATUS).unwrap() & reg::STATUS_FREE_MASK != 0 {
        engine.submit(&command).unwrap();
        accepted += 1;
    }
    assert_eq!(accepted, 17);
    engine.submit(&command).unwrap();
    let driver = engine.driver();
    assert_eq!(driver.read(reg::ERROR).unwrap(), reg::ERROR_CODE_QUEUE_FULL);
    assert_eq!(driver.read(reg::ERROR_COMMAND).unwrap(), 17);
    assert_eq!(driver.read(reg::SUBMITTED).unwrap(), 17);
    driver.write(reg::IRQ_ENABLE, reg::IRQ_ENABLE_IDLE_MASK).unwrap();
    for _ in 0..17 {
        driver.a.push_packet((0..2).map(|n| vec![n; 3]));
        driver.b.push_packet((0..2).map(|n| vec![n; 4]));
    }
    let start = driver.cycles();
    while !driver.irq() {
        driver.tick().unwrap();
        assert!(driver.cycles() < start + 2000);
    }
    for address in [reg::SUBMITTED, reg::RETIRED, reg::RESULTS] {
        assert_eq!(driver.read(address).unwrap(), 17);
    }
    driver.write(reg::IRQ_STATUS, reg::IRQ_STATUS_IDLE_MASK).unwrap();
    assert!(!driver.irq());
    assert_ne!(driver.read(reg::IRQ_STATUS).unwrap() & reg::IRQ_STATUS_RESULT_MASK, 0);
    while driver.result.pop().is_some() {}
    works(&mut engine, &config, "after a full queue");
}

/// Packets of wrong length: the command runs, the error names it, the next one is correct.
#[test]
fn a_wrong_tlast_is_reported_and_forgotten() {
    let config = odd();
    let mut engine = engine(&config).with_stalls(Stalls { seed: 8, chance: 80 });
    let command = TopCommand { k: 12, base: reg::START_BASE_PRELOAD, ..legal() };
    let right = (4, 4, 3);
    for (beats, code) in [
        ((1, 4, 3), reg::ERROR_CODE_A_SHORT),
        ((3, 4, 3), reg::ERROR_CODE_A_SHORT),
        ((5, 4, 3), reg::ERROR_CODE_A_LONG),
        ((40, 4, 3), reg::ERROR_CODE_A_LONG),
        ((4, 1, 3), reg::ERROR_CODE_B_SHORT),
        ((4, 9, 3), reg::ERROR_CODE_B_LONG),
        ((4, 4, 1), reg::ERROR_CODE_PRELOAD_SHORT),
        ((4, 4, 2), reg::ERROR_CODE_PRELOAD_SHORT),
        ((4, 4, 4), reg::ERROR_CODE_PRELOAD_LONG),
        ((4, 4, 30), reg::ERROR_CODE_PRELOAD_LONG),
        (right, reg::ERROR_CODE_NONE),
    ] {
        let driver = engine.driver();
        driver.write(reg::CONTROL, reg::CONTROL_CLEAR_ERROR_MASK).unwrap();
        let number = driver.read(reg::SUBMITTED).unwrap();
        driver.a.push_packet((0..beats.0).map(|n| vec![n; 3]));
        driver.b.push_packet((0..beats.1).map(|n| vec![n; 4]));
        driver.preload.push_packet((0..beats.2).map(|n| vec![n; 15]));
        engine.submit(&command).unwrap();
        let driver = engine.driver();
        let start = driver.cycles();
        while driver.read(reg::STATUS).unwrap() & reg::STATUS_BUSY_MASK != 0 {
            assert!(driver.cycles() < start + 5000, "{beats:?} hangs");
        }
        assert_eq!(driver.read(reg::ERROR).unwrap(), code, "{beats:?}");
        if code != reg::ERROR_CODE_NONE {
            assert_eq!(driver.read(reg::ERROR_COMMAND).unwrap(), number, "{beats:?}");
        }
        assert_eq!(driver.result.pop_packet().map(|packet| packet.len()), Some(3), "{beats:?}");
        assert!(driver.result.is_empty());
        works(&mut engine, &config, &format!("after packets of {beats:?} beats"));
    }
}

/// Starts three tiles with everything they need, and lets them run for a while.
fn underway(engine: &mut TopEngine, cycles: u64) {
    let command = TopCommand {
        k: 24,
        bits_a: 16,
        base: reg::START_BASE_PRELOAD,
        round: reg::MODE_ROUND_STOCHASTIC,
        ..legal()
    };
    for _ in 0..3 {
        let driver = engine.driver();
        driver.a.push_packet((0..16).map(|n| vec![n; 3]));
        driver.b.push_packet((0..8).map(|n| vec![n; 4]));
        driver.preload.push_packet((0..3).map(|n| vec![n; 15]));
        driver.seed.push(vec![1; 5], true);
        engine.submit(&command).unwrap();
    }
    for _ in 0..cycles {
        engine.driver().tick().unwrap();
    }
}

fn reset_sources(driver: &mut TopDriver) {
    driver.a.reset();
    driver.b.reset();
    driver.preload.reset();
    driver.seed.reset();
}

/// After a soft reset, whatever left in part must have been ended by TLAST.
fn settle_results(driver: &mut TopDriver, context: &str) {
    for _ in 0..60 {
        driver.tick().unwrap();
    }
    while driver.result.pop_packet().is_some_and(|packet| packet.len() <= 3) {}
    assert!(driver.result.is_empty(), "{context}: a packet without an end");
    assert_eq!(driver.read(reg::STATUS).unwrap(), 16 << reg::STATUS_FREE_LSB, "{context}");
    for address in [reg::ERROR, reg::SUBMITTED, reg::RETIRED, reg::RESULTS] {
        assert_eq!(driver.read(address).unwrap(), 0, "{context}: 0x{address:03x}");
    }
    // What was on display may have left after the reset, and so have ended the last work.
    let events = driver.read(reg::IRQ_STATUS).unwrap();
    assert_eq!(events & !reg::IRQ_STATUS_IDLE_MASK, 0, "{context}");
    driver.write(reg::IRQ_STATUS, events).unwrap();
}

/// The sources are reset as well and begin with new packets.
#[test]
fn soft_reset_in_mid_tile() {
    let config = odd();
    let mut engine = engine(&config).with_stalls(Stalls { seed: 13, chance: 100 });
    for cycles in 0..90 {
        let context = format!("soft reset after {cycles} cycles");
        underway(&mut engine, cycles);
        let driver = engine.driver();
        driver.result.ready = cycles % 3 != 0;
        reset_sources(driver);
        driver.write(reg::CONTROL, reg::CONTROL_RESET_MASK).unwrap();
        driver.result.ready = true;
        settle_results(driver, &context);
        works(&mut engine, &config, &context);
    }
}

/// The sources finish the packets they have begun, which are dropped.
#[test]
fn soft_reset_that_flushes() {
    let config = odd();
    let mut engine = engine(&config).with_stalls(Stalls { seed: 17, chance: 100 });
    for cycles in 0..60 {
        let context = format!("flushing reset after {cycles} cycles");
        let command = TopCommand { k: 24, bits_a: 16, ..legal() };
        let driver = engine.driver();
        driver.a.push_packet((0..16).map(|n| vec![n; 3]));
        driver.b.push_packet((0..8).map(|n| vec![n; 4]));
        engine.submit(&command).unwrap();
        let driver = engine.driver();
        // Both packets have begun, or a flush would not concern them.
        while driver.a.waiting() == 16 || driver.b.waiting() == 8 {
            driver.tick().unwrap();
        }
        for _ in 0..cycles {
            driver.tick().unwrap();
        }
        driver.write(reg::CONTROL, reg::CONTROL_RESET_MASK | reg::CONTROL_FLUSH_MASK).unwrap();
        while driver.read(reg::STATUS).unwrap() & reg::STATUS_FLUSHING_MASK != 0 {}
        assert_eq!((driver.a.waiting(), driver.b.waiting()), (0, 0), "{context}");
        settle_results(driver, &context);
        works(&mut engine, &config, &context);
    }
}

#[test]
fn hard_reset_in_mid_tile() {
    let config = odd();
    let mut engine = engine(&config).with_stalls(Stalls { seed: 19, chance: 100 });
    for cycles in 0..90 {
        underway(&mut engine, cycles);
        engine.driver().hard_reset().unwrap();
        works(&mut engine, &config, &format!("hard reset after {cycles} cycles"));
    }
}
