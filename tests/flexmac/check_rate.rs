//! `flexmac train --check-rate`: a sample of tiles on the RTL, drawn from the run's seed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::support::faults::{self, Fault};
use crate::support::{Bench, diagnostics, text};
use serde_json::Value;

/// Small enough for a test, and with more tiles than a product has in one part.
const ARRAY: [&str; 10] =
    ["--rows", "4", "--cols", "4", "--lanes", "4", "--chunk", "8", "--max-bits", "16"];

const TRAIN: &str = "train --net mlp --data synthetic --batch 4 --policy static --bits 8 --seed 5 \
                     --eval-images 20 --config d --engine checked";

/// Runs `flexmac train` with more flags; returns what it prints.
fn train(bench: &Bench, flags: &str) -> String {
    let flags: Vec<_> = TRAIN.split_whitespace().chain(flags.split_whitespace()).collect();
    text(&bench.command(&flags).assert().success().get_output().stdout)
}

/// Histories that an equal run writes again.
fn histories(run: &Path) -> [Vec<u8>; 2] {
    ["history.jsonl", "history.csv"].map(|name| fs::read(run.join(name)).unwrap())
}

/// All weights, by file.
fn weights(run: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = fs::read_dir(run.join("weights")).unwrap().map(|entry| entry.unwrap());
    let weights: BTreeMap<_, _> =
        files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect();
    assert!(weights.len() > 4, "weights, momentum and formats");
    weights
}

fn assert_same(found: &Path, expected: &Path) {
    assert!(histories(found) == histories(expected), "histories differ");
    assert!(weights(found) == weights(expected), "weights differ");
}

/// Tiles checked and tiles of each product.
fn checked_by_product(run: &Path) -> Vec<(u64, u64)> {
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    let records = history.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let count = |stats: &Value, name: &str| stats[name].as_u64().unwrap();
    records
        .flat_map(|record| record["gemms"].as_array().unwrap().clone())
        .map(|gemm| (count(&gemm["stats"], "tiles_checked"), count(&gemm["stats"], "tiles")))
        .collect()
}

fn number_after(output: &str, label: &str) -> u64 {
    let line = output.lines().find(|line| line.starts_with(label)).unwrap();
    let digits = line[label.len()..].trim().split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}

#[test]
fn a_sample_is_the_same_in_every_run_and_says_how_sure_it_is() {
    let bench = Bench::with_design(&ARRAY);
    let output = train(&bench, "--iters 3 --check-rate 0.2 --out one");
    train(&bench, "--iters 3 --check-rate 0.2 --threads 3 --out two");
    assert_same(&bench.path("two"), &bench.path("one"));

    let products = checked_by_product(&bench.path("one"));
    let (checked, tiles) =
        products.iter().fold((0, 0), |sum, product| (sum.0 + product.0, sum.1 + product.1));
    let share = checked as f64 / tiles as f64;
    assert!((share - 0.2).abs() < 0.05, "{checked} of {tiles}");
    assert_eq!(number_after(&output, "tiles  "), tiles);
    assert_eq!(number_after(&output, "tiles checked"), checked);
    let bound = 1.0 - 0.05_f64.powf(1.0 / checked as f64);
    let line =
        format!("wrong tiles      at most {:.3} % of all, with 95 % confidence\n", 100.0 * bound);
    assert!(output.contains(", mismatches 0\n") && output.contains(&line), "{output}");
    let result: Value =
        serde_json::from_slice(&fs::read(bench.path("one/result.json")).unwrap()).unwrap();
    assert_eq!(result["total"]["tiles_checked"], checked);
    assert!((result["wrong_tiles_bound"].as_f64().unwrap() - bound).abs() < 1e-12);

    // All tiles: the same weights, and what the engine does without the flag.
    let all = train(&bench, "--iters 3 --check-rate 1 --out all");
    train(&bench, "--iters 3 --out default");
    assert_same(&bench.path("all"), &bench.path("default"));
    assert!(weights(&bench.path("all")) == weights(&bench.path("one")), "weights differ");
    assert!(checked_by_product(&bench.path("all")).iter().all(|(checked, all)| checked == all));
    assert!(all.contains("wrong tiles      none: all were checked\n"), "{all}");
}

#[test]
fn a_resumed_run_checks_the_tiles_that_it_would_have_checked() {
    let bench = Bench::with_design(&ARRAY);
    train(&bench, "--iters 4 --eval-every 2 --check-rate 0.1 --out whole");
    train(&bench, "--iters 2 --eval-every 2 --check-rate 0.1 --out parts");
    let resume = ["train", "--resume", "--out", "parts", "--iters", "4"];
    bench.command(&resume).assert().success();
    assert_same(&bench.path("parts"), &bench.path("whole"));

    let other = [&resume[..], &["--check-rate", "0.5"]].concat();
    let output = bench.command(&other).assert().code(2).get_output().clone();
    let error = diagnostics(&output);
    assert!(error.contains("--check-rate: expected 0.1, found 0.5"), "{error}");
}

/// Faults, and what the report must say.
const FAULTS: [(Fault, &str); 4] = [
    (faults::RANDOM_BITS, "differing results: C["),
    (faults::NO_ERRORS, "results agree, counters differ"),
    (faults::NO_STALLS, "cycles differ from the cycle model"),
    (faults::NO_CAPTURE, "rtl: no progress for"),
];

#[test]
fn a_sample_finds_faults() {
    for (fault, report) in FAULTS {
        let bench = Bench::with_design(&ARRAY);
        faults::seed(&bench.path("d"), "check_rate", fault);
        let flags = format!("{TRAIN} --iters 3 --check-rate 0.05 --out run");
        let flags: Vec<_> = flags.split_whitespace().collect();
        let output = bench.command(&flags).assert().code(1).get_output().clone();
        let error = diagnostics(&output);
        assert!(error.contains("RTL and reference differ"), "{error}");
        assert!(error.contains(report), "{report}, found: {error}");
        assert!(error.contains("replay    flexmac gemm --config run/mismatch/design"), "{error}");
    }
}
