//! `flexmac gemm` on the baselines: whole integers in one pass, and float32 in and out.

use std::fs;

use crate::support::faults;
use crate::support::npy::{self, Dtype, Matrix};
use crate::support::oracle::Random;
use crate::support::{Bench, text, words};
use serde_json::Value;

const FLOAT: [&str; 16] = [
    "--style", "fp32", "--rows", "2", "--cols", "1", "--lanes", "2", "--stages", "3", "--depth",
    "8", "--max-k", "7", "--fanout", "0",
];

/// Small whole numbers, whose sums are exact in any order.
fn operands(bench: &Bench) -> (Matrix, Matrix, Matrix) {
    let mut random = Random::new(32);
    let (a, b) = (random.matrix(5, 19, 8), random.matrix(19, 3, 8));
    let bias = random.matrix(1, 3, 12);
    bench.write_as("a.npy", &a, Dtype::F32, false);
    bench.write_as("b.npy", &b, Dtype::F32, true);
    fs::write(bench.path("bias.npy"), npy::encode_line(&bias.values, Dtype::F32)).unwrap();
    (a, b, bias)
}

const LINE: &str = "gemm --config d --a a.npy --b b.npy --out c.npy";

#[test]
fn whole_numbers_come_out_exactly_on_every_engine() {
    let bench = Bench::with_design(&FLOAT);
    let (a, b, bias) = operands(&bench);
    let sum = |m: usize, n: usize| (0..19).map(|k| a.at(m, k) * b.at(k, n)).sum::<i64>();
    let expected = (0..5).flat_map(|m| (0..3).map(move |n| (m, n)));
    let expected: Vec<_> = expected.map(|(m, n)| sum(m, n) + bias.at(0, n)).collect();
    let mut cycles = None;
    for engine in ["reference", "rtl", "checked"] {
        let line = words(&format!("{LINE} --bias bias.npy --engine {engine} --json"));
        let record: Value = serde_json::from_str(&bench.run(&line)).unwrap();
        let bytes = fs::read(bench.path("c.npy")).unwrap();
        assert_eq!(npy::descr(&bytes), "<f4", "{engine}");
        assert_eq!(npy::decode(&bytes), Matrix::new(5, 3, expected.clone()), "{engine}");
        assert_eq!((&record["macs"], &record["tiles"]), (&(5 * 19 * 3).into(), &9.into()));
        assert_eq!(record["counters"]["emitted"], 15, "{engine}");
        // K = 19 in pieces of 7, 7 and 5: 4 + 4 + 3 words for each of the 9 tiles.
        assert_eq!(record["cycles"]["compute"], 9 * 11, "{engine}");
        assert_eq!(*cycles.get_or_insert(record["cycles"].clone()), record["cycles"], "{engine}");
    }
}

#[test]
fn flags_of_integers_are_refused_with_all_their_names() {
    let bench = Bench::with_design(&FLOAT);
    operands(&bench);
    let error =
        bench.fail(2, &words(&format!("{LINE} --bits-a 8 --bits-b 8 --round stochastic --raw")));
    assert!(
        error.contains("gemm: --bits-a, --bits-b, --round, --raw: expected no flags"),
        "{error}"
    );
    assert!(!bench.path("c.npy").exists());
}

#[test]
fn integers_are_refused_by_floats_and_floats_by_integers() {
    let bench = Bench::with_design(&FLOAT);
    let (a, ..) = operands(&bench);
    bench.write("a.npy", &a);
    let error = bench.fail(2, &words(LINE));
    assert!(error.contains("a.npy: expected an array of float32"), "{error}");

    let bench = Bench::with_design(&["--style", "fixed", "--max-bits", "13"]);
    operands(&bench);
    let error = bench.fail(2, &words(&format!("{LINE} --bits-a 8 --bits-b 8")));
    assert!(error.contains("a.npy: expected an array of integers"), "{error}");
    let error = bench.fail(2, &words(LINE));
    assert!(error.contains("--bits-a: expected the width"), "{error}");
    assert!(!bench.path("c.npy").exists());
}

/// A bit of the adder broken on purpose: exit 1, both numbers and a command.
#[test]
fn a_fault_in_the_adder_is_reported_as_bits() {
    let bench = Bench::with_design(&FLOAT);
    operands(&bench);
    faults::seed(&bench.path("d"), "gemm_float", ["flexmac_float_add.v", "ties away"]);
    // 2^24 + 1 is a tie, which goes to the even 2^24.
    bench.write_as("a.npy", &Matrix::new(1, 3, [4096, 0, 1]), Dtype::F32, false);
    bench.write_as("b.npy", &Matrix::new(3, 1, [4096, 0, 1]), Dtype::F32, false);
    let output = bench.command(&words(&format!("{LINE} --engine checked"))).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    for line in ["expected  bits 4b800000  real 1.6777216e7", "found     bits 4b800001", "replay"] {
        assert!(error.contains(line), "no {line:?} in:\n{error}");
    }
}

/// 32-bit limits through one pass, compared with the exact sums.
#[test]
fn whole_operands_take_one_pass() {
    let bench = Bench::with_design(&words(
        "--style fixed --rows 2 --cols 1 --lanes 2 --max-bits 32 --stages 4 --depth 8 --max-k 9",
    ).iter().map(String::as_str).collect::<Vec<_>>());
    let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
    bench.write("a.npy", &Matrix::new(2, 2, [low, low, high, -1]));
    bench.write("b.npy", &Matrix::new(2, 1, [low, high]));
    let line = format!("{LINE} --engine checked --bits-a 32 --bits-b 32 --raw --json");
    let record: Value = serde_json::from_str(&bench.run(&words(&line))).unwrap();
    let c = npy::decode(&fs::read(bench.path("c.npy")).unwrap());
    assert_eq!(c.values, [low * low + low * high, high * low - high]);
    assert_eq!((&record["passes"], &record["cycles"]["compute"]), (&1.into(), &1.into()));
}
