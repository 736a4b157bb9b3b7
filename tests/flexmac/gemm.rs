//! `flexmac gemm` on every engine against the oracle: results, exact sums, counters, cycles.

use std::fs;

use crate::support::npy::{Dtype, Matrix};
use crate::support::oracle::{Counters, Expected, Product, Random, Round};
use crate::support::{Bench, ODD, SMALL, npy, words};
use serde_json::Value;

const ENGINES: [&str; 3] = ["reference", "rtl", "checked"];

/// What the tests need to know of an array.
#[derive(Clone, Copy)]
struct Array {
    flags: &'static [&'static str],
    rows: usize,
    cols: usize,
    chunk: u32,
    lanes: usize,
    max_k: usize,
    depth: usize,
}

const SMALL_ARRAY: Array =
    Array { flags: &SMALL, rows: 2, cols: 2, chunk: 4, lanes: 1, max_k: 8, depth: 64 };
const ODD_ARRAY: Array =
    Array { flags: &ODD, rows: 3, cols: 2, chunk: 8, lanes: 3, max_k: 20, depth: 64 };

#[derive(Clone, Copy)]
enum Bias {
    None,
    /// (N,)
    Line,
    /// (1, N)
    Row,
    /// (M, N)
    Full,
}

/// One product; operands are random, with limits among them.
#[derive(Clone, Copy)]
struct Case {
    shape: (usize, usize, usize),
    bits: (u32, u32),
    shift: i32,
    bits_out: u32,
    bias: Bias,
    bias_shift: u32,
    dtypes: (Dtype, Dtype),
    fortran: (bool, bool),
}

const CASE: Case = Case {
    shape: (4, 5, 3),
    bits: (8, 8),
    shift: 6,
    bits_out: 8,
    bias: Bias::None,
    bias_shift: 0,
    dtypes: (Dtype::I32, Dtype::I32),
    fortran: (false, false),
};

/// Checks a case under every rounding mode and on every engine.
fn check(array: Array, case: Case) {
    let bench = Bench::with_design(array.flags);
    let (m, k, n) = case.shape;
    let mut random = Random::new((m * 1_000_000 + k * 1000 + n) as u64);
    let a = random.matrix(m, k, case.bits.0);
    let b = random.matrix(k, n, case.bits.1);
    let bias = match case.bias {
        Bias::None => None,
        Bias::Line | Bias::Row => Some(random.matrix(1, n, 12)),
        Bias::Full => Some(random.matrix(m, n, 12)),
    };
    check_product(&bench, array, case, &a, &b, bias.as_ref());
}

fn check_product(
    bench: &Bench,
    array: Array,
    case: Case,
    a: &Matrix,
    b: &Matrix,
    bias: Option<&Matrix>,
) {
    bench.write_as("a.npy", a, case.dtypes.0, case.fortran.0);
    bench.write_as("b.npy", b, case.dtypes.1, case.fortran.1);
    let mut line = format!(
        "--a a.npy --b b.npy --bits-a {} --bits-b {} --shift {} --bits-out {} --seed 2016",
        case.bits.0, case.bits.1, case.shift, case.bits_out
    );
    if let Some(bias) = bias {
        line += &format!(" --bias bias.npy --bias-shift {}", case.bias_shift);
        match case.bias {
            Bias::Line => {
                fs::write(bench.path("bias.npy"), npy::encode_line(&bias.values, Dtype::I32))
                    .unwrap();
            }
            _ => bench.write("bias.npy", bias),
        }
    }
    for round in Round::ALL {
        let product = Product {
            rows: array.rows,
            cols: array.cols,
            a: a.clone(),
            b: b.clone(),
            bias: bias.map(|bias| (bias.clone(), case.bias_shift)),
            shift: case.shift,
            bits_out: case.bits_out,
            round,
            seed: 2016,
        };
        let expected = product.expected();
        let args = words(&format!("{line} --round {}", round.name()));
        let mut cycles = None;
        for engine in ENGINES {
            if engine == "rtl" && round != Round::Nearest {
                continue; // what checked returns is the RTL's: once is enough
            }
            let (c, record) = bench.gemm(engine, &args);
            assert_eq!(c, expected.values, "{engine}, {round:?}, {line}");
            check_record(engine, &record, array, case, &expected);
            let first = cycles.get_or_insert_with(|| record["cycles"].clone());
            assert_eq!(record["cycles"], *first, "{engine}, {line}");
        }
    }
    check_raw(bench, &line, a, b, bias.map(|bias| (bias.clone(), case.bias_shift)));
}

/// The exact sums, which no rounding mode or output format changes.
fn check_raw(bench: &Bench, line: &str, a: &Matrix, b: &Matrix, bias: Option<(Matrix, u32)>) {
    let (a, b) = (a.clone(), b.clone());
    let exact = Product {
        rows: 1,
        cols: 1,
        a,
        b,
        bias,
        shift: 0,
        bits_out: 32,
        round: Round::Truncate,
        seed: 0,
    };
    let sums = exact.expected().sums;
    let args = words(&format!("{line} --raw"));
    match sums.iter().map(|sum| i64::try_from(*sum)).collect::<Result<Vec<_>, _>>() {
        Ok(sums) => {
            let expected = Matrix::new(exact.a.rows, exact.b.cols, sums);
            for engine in ["reference", "rtl"] {
                assert_eq!(bench.gemm(engine, &args).0, expected, "{engine}, {line} --raw");
            }
        }
        Err(_) => {
            let wide = |sum: &i128| i64::try_from(*sum).is_err();
            let first = sums.iter().position(wide).unwrap();
            let (row, col, sum) = (first / exact.b.cols, first % exact.b.cols, sums[first]);
            for engine in ENGINES {
                let fixed = format!("gemm --config d --out c.npy --engine {engine} {line} --raw");
                assert_eq!(
                    bench.fail(2, &words(&fixed)),
                    format!(
                        "error: gemm: --raw: the exact sum C[{row},{col}] = {sum} does not fit \
                         int64; leave --raw out, or split K\n"
                    )
                );
                assert!(!bench.path("c.npy").exists());
            }
        }
    }
}

/// Everything in the JSON record that follows from the product and the array.
fn check_record(engine: &str, record: &Value, array: Array, case: Case, expected: &Expected) {
    let (m, k, n) = case.shape;
    let planes = |bits: u32| u64::from(bits.div_ceil(array.chunk));
    let (planes_a, planes_b) = (planes(case.bits.0), planes(case.bits.1));
    let passes = planes_a * planes_b;
    let tiles = (m.div_ceil(array.rows) * n.div_ceil(array.cols)) as u64;
    // A command takes as much of K as the accumulators and the operand banks hold.
    let words = array.depth / planes_a.max(planes_b) as usize;
    let piece = array.max_k.min(words * array.lanes);
    let words: usize =
        (0..k).step_by(piece).map(|start| piece.min(k - start).div_ceil(array.lanes)).sum();
    let number = |path: &str| {
        let value = path.split('.').fold(record, |value, key| &value[key]);
        value.as_u64().unwrap_or_else(|| panic!("{path} in {record}"))
    };
    assert_eq!(record["engine"], engine);
    for (path, value) in [
        ("shape.m", m as u64),
        ("shape.k", k as u64),
        ("shape.n", n as u64),
        ("bits_a", case.bits.0.into()),
        ("bits_b", case.bits.1.into()),
        ("bits_out", case.bits_out.into()),
        ("seed", 2016),
        ("passes", passes),
        ("tiles", tiles),
        ("tiles_checked", if engine == "checked" { tiles } else { 0 }),
        ("macs", (m * k * n) as u64),
        ("mac_passes", (m * k * n) as u64 * passes),
        ("cycles.compute", tiles * passes * words as u64),
        // Nothing keeps the array waiting here.
        ("cycles.load", 0),
        ("cycles.blocked", 0),
    ] {
        assert_eq!(number(path), value, "{path} in {record}");
    }
    assert_eq!(record["shift"].as_i64(), Some(case.shift.into()));
    let busy = number("cycles.busy");
    let (compute, stall) = (number("cycles.compute"), number("cycles.stall"));
    assert_eq!(busy, compute + stall + number("drain_cycles"));
    let counters = Counters {
        emitted: number("counters.emitted"),
        overflow_low: number("counters.overflow_low"),
        overflow_high: number("counters.overflow_high"),
        magnitude_or: number("counters.magnitude_or"),
        error_sum: number("counters.error_sum"),
    };
    assert_eq!(counters, expected.counters, "{engine}, {}", record["rounding"]);
    let mean = counters.error_sum as f64 / 256.0 / counters.emitted as f64;
    assert!((record["mean_rounding_error"].as_f64().unwrap() - mean).abs() < 1e-12);
}

#[test]
fn tiles_that_do_not_divide() {
    for shape in [(1, 1, 1), (1, 7, 5), (5, 1, 1), (3, 8, 2), (7, 2, 9)] {
        check(SMALL_ARRAY, Case { shape, ..CASE });
        check(ODD_ARRAY, Case { shape, ..CASE });
    }
}

#[test]
fn k_of_one_and_k_not_a_multiple_of_the_lanes() {
    for k in [1, 2, 3, 4, 19, 20] {
        check(ODD_ARRAY, Case { shape: (4, k, 3), bits: (32, 32), shift: 33, ..CASE });
    }
}

#[test]
fn k_above_max_k_accumulates_over_commands() {
    for k in [21, 40, 41, 97] {
        check(ODD_ARRAY, Case { shape: (4, k, 3), bits: (16, 9), shift: 12, bits_out: 16, ..CASE });
    }
    check(SMALL_ARRAY, Case { shape: (3, 25, 5), bias: Bias::Full, ..CASE });
}

#[test]
fn asymmetric_widths() {
    for bits in [(2, 32), (32, 2), (8, 9), (9, 8), (24, 16), (17, 31), (32, 32)] {
        let shift = (bits.0 + bits.1) as i32 / 2;
        check(ODD_ARRAY, Case { bits, shift, bits_out: 24, ..CASE });
    }
    for bits in [(2, 2), (2, 8), (8, 2), (5, 4), (3, 7)] {
        check(SMALL_ARRAY, Case { bits, shift: 3, bits_out: 6, ..CASE });
    }
}

/// (-2^31)^2 a hundred times is beyond int64: `--raw` says so, the rounded result is exact.
#[test]
fn extremes_of_32_bits() {
    let bench = Bench::with_design(ODD_ARRAY.flags);
    let (min, max) = (i64::from(i32::MIN), i64::from(i32::MAX));
    for (left, right, shift) in [(min, min, 40), (min, max, 38), (max, max, 38), (min, min, 0)] {
        let (a, b) = (Matrix::filled(4, 100, left), Matrix::filled(100, 3, right));
        let case = Case { shape: (4, 100, 3), bits: (32, 32), shift, bits_out: 32, ..CASE };
        check_product(&bench, ODD_ARRAY, case, &a, &b, None);
    }
    // The most that int64 holds: 2^62 + (2^62 - 1) by a bias, and one more.
    let (a, b) = (Matrix::filled(1, 1, min), Matrix::filled(1, 1, min));
    for (low, k) in [(0, 1), (-1, 2)] {
        let (a, b) = match k {
            1 => (a.clone(), b.clone()),
            _ => (Matrix::new(1, 2, [min, min]), Matrix::new(2, 1, [min, min])),
        };
        let case = Case { shape: (1, k, 1), bits: (32, 32), bias: Bias::Row, shift: 40, ..CASE };
        check_product(&bench, ODD_ARRAY, case, &a, &b, Some(&Matrix::filled(1, 1, low)));
    }
}

#[test]
fn shifts_from_far_left_to_far_right() {
    for shift in [-1024, -33, -8, -1, 0, 1, 8, 23, 24, 25, 48, 1024] {
        check(SMALL_ARRAY, Case { shift, bits_out: 8, ..CASE });
    }
    for shift in [-31, 31, 64, 87, 88, 112] {
        check(ODD_ARRAY, Case { shift, bits: (32, 32), bits_out: 32, ..CASE });
    }
}

#[test]
fn output_widths() {
    for bits_out in [2, 3, 8, 16, 31, 32] {
        check(SMALL_ARRAY, Case { shift: 4, bits_out, ..CASE });
        check(ODD_ARRAY, Case { bits: (32, 32), shift: 30, bits_out, ..CASE });
    }
}

/// Sums at, just below and just beyond both limits: an overflow is a value at or beyond a limit.
#[test]
fn values_at_the_limits_count_as_overflows() {
    let bench = Bench::with_design(SMALL_ARRAY.flags);
    let sums = [-10, -9, -8, -7, 0, 5, 6, 7, 8, 9];
    let (a, b) = (Matrix::new(10, 1, sums), Matrix::filled(1, 1, 1));
    let case = Case { shape: (10, 1, 1), shift: 0, bits_out: 4, ..CASE };
    check_product(&bench, SMALL_ARRAY, case, &a, &b, None);
    let args = words("--a a.npy --b b.npy --bits-a 8 --bits-b 8 --bits-out 4");
    let (c, record) = bench.gemm("rtl", &args);
    assert_eq!(c.values, [-8, -8, -8, -7, 0, 5, 6, 7, 7, 7]);
    assert_eq!(record["counters"]["overflow_low"], 3);
    assert_eq!(record["counters"]["overflow_high"], 3);
    // Rounding comes first: 6.5 becomes 7, a limit.
    let case = Case { shift: 1, ..case };
    check_product(&bench, SMALL_ARRAY, case, &Matrix::filled(10, 1, 13), &b, None);
}

#[test]
fn biases_of_every_shape_and_shift() {
    for bias in [Bias::Line, Bias::Row, Bias::Full] {
        for bias_shift in [0, 9, 30] {
            check(SMALL_ARRAY, Case { bias, bias_shift, bits_out: 32, ..CASE });
            check(ODD_ARRAY, Case { bias, bias_shift, bits: (20, 12), bits_out: 32, ..CASE });
        }
    }
}

#[test]
fn every_integer_type_and_both_orders() {
    let bench = Bench::with_design(SMALL_ARRAY.flags);
    let mut random = Random::new(7);
    let signed = (random.matrix(4, 5, 8), random.matrix(5, 3, 8));
    let positive = |matrix: &Matrix| {
        let values: Vec<_> = matrix.values.iter().map(|value| value & 0x7f).collect();
        Matrix::new(matrix.rows, matrix.cols, values)
    };
    for dtype in Dtype::INTEGERS {
        let (a, b) = if dtype.is_signed() {
            signed.clone()
        } else {
            (positive(&signed.0), positive(&signed.1))
        };
        let case = Case { dtypes: (dtype, dtype), fortran: (true, false), ..CASE };
        check_product(&bench, SMALL_ARRAY, case, &a, &b, None);
    }
    let case = Case { dtypes: (Dtype::I8, Dtype::I64), fortran: (false, true), ..CASE };
    check_product(&bench, SMALL_ARRAY, case, &signed.0, &signed.1, None);
}

#[test]
fn later_npy_versions_are_read() {
    let bench = Bench::with_design(SMALL_ARRAY.flags);
    bench.write("b.npy", &Matrix::new(2, 1, [3, -5]));
    for version in [2, 3] {
        // One byte has no order; some writers give one.
        for dtype in ["|i1", "<i1", ">i1", "=i1"] {
            let file = npy::encode_as(version, dtype, false, "(1, 2)", &[7, 0xff]);
            fs::write(bench.path("a.npy"), file).unwrap();
            let args = words("--a a.npy --b b.npy --bits-a 8 --bits-b 8");
            assert_eq!(bench.gemm("reference", &args).0.values, [26]);
        }
    }
}

#[test]
fn npy_files_of_python_2_are_read() {
    let bench = Bench::with_design(SMALL_ARRAY.flags);
    bench.write("b.npy", &Matrix::new(2, 1, [3, -5]));
    for (version, shape) in [(1, "(1L, 2L)"), (1, "(1,2L)"), (2, "(1L, 2)"), (3, "(1L , 2L , )")] {
        let file = npy::encode_as(version, "<i2", false, shape, &[7, 0, 0xff, 0xff]);
        fs::write(bench.path("a.npy"), file).unwrap();
        let args = words("--a a.npy --b b.npy --bits-a 8 --bits-b 8");
        assert_eq!(bench.gemm("reference", &args).0.values, [26], "{shape}");
    }
}

#[test]
fn results_are_int32_and_exact_sums_int64() {
    let bench = Bench::with_design(SMALL_ARRAY.flags);
    bench.write("a.npy", &Matrix::filled(2, 1, 3));
    bench.write("b.npy", &Matrix::filled(1, 2, -4));
    for engine in ENGINES {
        for (raw, dtype) in [("", "<i4"), ("--raw", "<i8")] {
            let line = format!(
                "gemm --config d --engine {engine} --a a.npy --b b.npy --bits-a 8 --bits-b 8 \
                 --out new.npy {raw}"
            );
            let shown = bench.run(&words(&line));
            assert!(shown.starts_with(&format!("{engine}: (2, 1) x (1, 2) on 2x2")), "{shown}");
            assert!(shown.contains("\ncycles ") && shown.contains("\nvalues 4: "), "{shown}");
            assert_eq!(npy::descr(&fs::read(bench.path("new.npy")).unwrap()), dtype);
        }
    }
    let files: Vec<_> = bench.files("").into_keys().filter(|name| !name.contains('/')).collect();
    assert_eq!(files, ["a.npy", "b.npy", "new.npy"], "no staging file stays");
}

/// Another layout takes fewer cycles for the same product; the engines agree on its streams too.
#[test]
fn the_fastest_layout_gives_the_same_product() {
    let bench = Bench::with_design(ODD_ARRAY.flags);
    let mut random = Random::new(2016);
    bench.write("a.npy", &random.matrix(9, 3, 8));
    bench.write("b.npy", &random.matrix(3, 1, 8));
    let bias = random.matrix(1, 1, 8);
    bench.write("bias.npy", &bias);
    let run = |engine: &str, layout: &str, round: &str| {
        let line = format!(
            "gemm --config d --engine {engine} --layout {layout} --a a.npy --b b.npy --bits-a 8 \
             --bits-b 8 --bias bias.npy --shift 6 --bits-out 12 --round {round} --seed 3 --out c.npy \
             --json"
        );
        let record: Value = serde_json::from_str(&bench.run(&words(&line))).unwrap();
        let c = npy::decode(&fs::read(bench.path("c.npy")).unwrap());
        (c, record["cycles"]["busy"].as_u64().unwrap())
    };
    let given = run("reference", "as-given", "nearest");
    for engine in ENGINES {
        let (c, busy) = run(engine, "fastest", "nearest");
        assert_eq!(c, given.0, "{engine}");
        // Nine rows on three drain three at a time; one row, nine times, hardly at all.
        assert!(busy < given.1, "{engine}: {busy} cycles, as given {}", given.1);
        let stochastic = run(engine, "fastest", "stochastic");
        assert_eq!(stochastic, run("reference", "fastest", "stochastic"), "{engine}");
    }
}

/// The default engine is the one that checks.
#[test]
fn checked_is_the_default() {
    let bench = Bench::with_design(SMALL_ARRAY.flags);
    bench.write("a.npy", &Matrix::filled(1, 1, 3));
    bench.write("b.npy", &Matrix::filled(1, 1, 4));
    let line = "gemm --config d/config.json --a a.npy --b b.npy --bits-a 8 --bits-b 8 --out c.npy";
    assert!(bench.run(&words(line)).starts_with("checked: "));
}
