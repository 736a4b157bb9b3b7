//! `--skip-planes`: other passes and cycles, and no other number.

use std::fs;
use std::path::Path;

use crate::support::faults;
use crate::support::npy::Matrix;
use crate::support::{Bench, SMALL, one_error, text, words};
use serde_json::Value;

const TRAIN: &str = "train --net mlp --data synthetic --batch 4 --policy static --bits 8 --seed 5 \
                     --eval-images 20 --iters 3 --config d --force";

fn generate(bench: &Bench, flags: &str) {
    let line = format!("gen --rows 4 --cols 4 --lanes 4 {flags} --out d");
    bench.command(&words(&line)).assert().success();
}

fn run(bench: &Bench, line: &str) -> String {
    text(&bench.command(&words(line)).assert().success().get_output().stdout)
}

/// The lines of a history.
fn history(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("history.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The history with what skipping changes as it would be without, and whether anything was skipped.
fn as_without(mut records: Vec<Value>) -> (Vec<Value>, bool) {
    let mut skipped = false;
    let mut restore = |stats: &mut Value| {
        let stats = stats.as_object_mut().unwrap();
        let full = stats.remove("plane_skipping").expect("planes are skipped");
        skipped |= stats["mac_passes"] != full["full_mac_passes"];
        stats.insert("mac_passes".to_owned(), full["full_mac_passes"].clone());
        stats.insert("cycles".to_owned(), full["full_busy_cycles"].clone());
    };
    for record in &mut records {
        restore(&mut record["total"]);
        record["gemms"].as_array_mut().unwrap().iter_mut().for_each(|g| restore(&mut g["stats"]));
    }
    (records, skipped)
}

/// The history with busy cycles in place of all cycles.
fn busy(mut records: Vec<Value>) -> Vec<Value> {
    let keep = |stats: &mut Value| stats["cycles"] = stats["cycles"]["busy"].clone();
    for record in &mut records {
        keep(&mut record["total"]);
        record["gemms"].as_array_mut().unwrap().iter_mut().for_each(|g| keep(&mut g["stats"]));
    }
    records
}

#[test]
fn a_run_differs_in_passes_and_cycles_only() {
    let bench = Bench::new();
    generate(&bench, "--chunk 4 --max-bits 16");
    run(&bench, &format!("{TRAIN} --out full"));
    run(&bench, &format!("{TRAIN} --out skipped --skip-planes"));
    let full = busy(history(&bench.path("full")));
    let (restored, skipped) = as_without(history(&bench.path("skipped")));
    assert_eq!(restored, full);
    assert!(skipped);
    // Engines and numbers of models write the same bytes.
    run(&bench, &format!("{TRAIN} --out checked --skip-planes --engine checked --threads 2"));
    let strip = |name: &str| {
        let mut records = history(&bench.path(name));
        for record in &mut records {
            record["total"]["tiles_checked"] = Value::Null;
            let gemms = record["gemms"].as_array_mut().unwrap();
            gemms.iter_mut().for_each(|gemm| gemm["stats"]["tiles_checked"] = Value::Null);
        }
        records
    };
    assert_eq!(strip("checked"), strip("skipped"));
    // A resumed run skips as it was started.
    run(&bench, &TRAIN.replace("--iters 3", "--iters 2 --out part --skip-planes"));
    run(&bench, "train --resume --iters 3 --out part");
    let costs = |name: &str| -> Vec<_> {
        // Accuracy is measured where a run ends.
        history(&bench.path(name)).into_iter().map(|record| record["gemms"].clone()).collect()
    };
    assert_eq!(costs("part"), costs("skipped"));
    run(&bench, &TRAIN.replace("--iters 3", "--iters 2 --out plain"));
    let line = "train --resume --iters 3 --out plain --skip-planes";
    let error = one_error(bench.command(&words(line)).assert().code(2).get_output());
    assert!(error.contains("--skip-planes: expected none"), "{error}");
    // The recorded passes are those of the run's array, and of no other.
    let estimate = run(&bench, "estimate --config d --run skipped --sizes 4,8 --json");
    let estimate: Value = serde_json::from_str(&estimate).unwrap();
    let totals = records_total(&history(&bench.path("skipped")));
    let own = &estimate["estimates"][0]["total"];
    assert_eq!(own["cycles"]["busy"].as_u64(), Some(totals.0));
    assert_eq!(own["without_skipping"]["busy_cycles"].as_u64(), Some(totals.1));
    assert!(estimate["estimates"][1]["total"].get("without_skipping").is_none());
    let printed = run(&bench, "estimate --config d --run skipped --sizes 4");
    assert!(printed.contains("with the planes that the run skipped"), "{printed}");
}

/// Busy cycles with and without skipping.
fn records_total(records: &[Value]) -> (u64, u64) {
    records.iter().map(|record| &record["total"]).fold((0, 0), |sum, total| {
        let full = total["plane_skipping"]["full_busy_cycles"].as_u64().unwrap();
        (sum.0 + total["cycles"]["busy"].as_u64().unwrap(), sum.1 + full)
    })
}

#[test]
fn floats_are_refused() {
    let bench = Bench::new();
    generate(&bench, "--style fp32");
    for flags in ["--skip-planes", "--skip-planes --engine float"] {
        let line = format!("train --net mlp --data synthetic --iters 1 --config d {flags}");
        let error = one_error(bench.command(&words(&line)).assert().code(2).get_output());
        assert!(error.contains("--skip-planes: expected integers"), "{error}");
    }
    let one = Matrix::filled(1, 1, 1);
    bench.write("a.npy", &one);
    bench.write("b.npy", &one);
    let line = "gemm --config d --a a.npy --b b.npy --out c.npy --skip-planes";
    let error = one_error(bench.command(&words(line)).assert().code(2).get_output());
    assert!(error.contains("--skip-planes"), "{error}");
}

/// Commands of one tile with different numbers of planes: a fault that only they show.
#[test]
fn faults_of_commands_with_other_planes_are_noticed() {
    for [file, what] in faults::share("skipping") {
        let bench = Bench::with_design(&SMALL);
        let (file, what) = (file.leak(), what.leak());
        faults::seed(&bench.path("d"), "skipping", [file, what]);
        // Narrow in the first piece of K, wide in the second.
        let k = 16;
        let value = |line: usize, k: usize| ((line + k) % 5) as i64 + if k < 8 { 0 } else { 90 };
        bench.write("a.npy", &Matrix::new(2, k, (0..2 * k).map(|i| value(i / k, i % k))));
        bench.write("b.npy", &Matrix::new(k, 2, (0..2 * k).map(|i| value(i % 2, i / 2))));
        let line = "gemm --config d --a a.npy --b b.npy --bits-a 8 --bits-b 8 --out c.npy";
        bench.command(&words(line)).assert().success();
        let failed = bench.command(&words(&format!("{line} --skip-planes"))).assert().code(1);
        assert!(text(&failed.get_output().stderr).contains("differ"), "{file}: {what}");
    }
}

#[test]
fn gemm_and_verify_print_what_was_skipped() {
    let bench = Bench::with_design(&SMALL);
    bench.write("a.npy", &Matrix::filled(5, 9, 0));
    bench.write("b.npy", &Matrix::filled(9, 5, -100));
    let line = "gemm --config d --a a.npy --b b.npy --bits-a 8 --bits-b 8 --out c.npy";
    let printed = run(&bench, &format!("{line} --skip-planes"));
    assert!(printed.contains("planes skipped: "), "{printed}");
    assert!(printed.contains(" of 4.000 without skipping"), "{printed}");
    assert!(!run(&bench, line).contains("planes skipped"));
    let printed = run(&bench, "verify --config d --only random --cases 20 --skip-planes");
    assert!(printed.starts_with("ok"), "{printed}");
}
