//! `flexmac train --bundles` and `flexmac check`: sampled tiles put away and checked later come to
//! what checking them on the way comes to.

use std::fs;
use std::path::Path;

use crate::support::faults::{self, Fault};
use crate::support::{Bench, diagnostics, text, words};
use serde_json::Value;

/// As in `check_rate.rs`, and an array on which nothing divides anything.
const ARRAYS: [&str; 2] = [
    "--rows 4 --cols 4 --lanes 4 --chunk 8 --max-bits 16",
    "--rows 3 --cols 5 --lanes 3 --chunk 2 --max-bits 8 --max-k 300 --depth 512",
];

const TRAIN: &str = "train --net mlp --data synthetic --batch 4 --policy static --bits 8 \
                     --storage-bits 8 --seed 5 --eval-images 20 --config d";

fn design(flags: &str) -> Bench {
    Bench::with_design(&flags.split_whitespace().collect::<Vec<_>>())
}

/// Runs a command that must succeed; returns what it prints.
fn run(bench: &Bench, line: &str) -> String {
    text(&bench.command(&words(line)).assert().success().get_output().stdout)
}

/// Runs a command that must fail with `code`; returns its diagnostics.
fn fail(bench: &Bench, code: i32, line: &str) -> String {
    diagnostics(&bench.command(&words(line)).assert().code(code).get_output().clone())
}

fn train(bench: &Bench, flags: &str) -> String {
    run(bench, &format!("{TRAIN} {flags}"))
}

/// The lines that say how many tiles were checked and what that means.
fn verdict(output: &str) -> Vec<&str> {
    let labels = ["tiles  ", "tiles checked", "wrong tiles"];
    output.lines().filter(|line| labels.iter().any(|label| line.starts_with(label))).collect()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// Each iteration's tiles and tiles checked.
fn history(run: &Path) -> Vec<[u64; 2]> {
    let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
    let count = |line: &str, name: &str| json(line)["total"][name].as_u64().unwrap();
    history.lines().map(|line| ["tiles", "tiles_checked"].map(|name| count(line, name))).collect()
}

#[test]
fn the_merged_verdict_is_that_of_checking_on_the_way() {
    for flags in ARRAYS {
        let bench = design(flags);
        for (rate, iters) in [("0.1", 3), ("1", 1), ("0.00001", 2)] {
            let common = format!("--iters {iters} --check-rate {rate} --force");
            let there = train(&bench, &format!("{common} --engine checked --out there"));
            let output =
                train(&bench, &format!("{common} --engine reference --bundles b --out here"));
            assert!(output.ends_with("bundles          b: flexmac check b\n"), "{output}");
            assert_eq!(bench.files("here/weights"), bench.files("there/weights"));

            let one = run(&bench, "check b --threads 1");
            assert_eq!(verdict(&one), verdict(&there), "{flags}, {rate}");
            assert_eq!(run(&bench, "check b --threads 3"), one);
            let lines = run(&bench, "check b --json");
            let (merged, each) = lines
                .lines()
                .map(json)
                .collect::<Vec<_>>()
                .split_last()
                .map(|(merged, each)| (merged.clone(), each.to_vec()))
                .unwrap();
            let result = json(&fs::read_to_string(bench.path("there/result.json")).unwrap());
            for name in ["tiles", "tiles_checked"] {
                assert_eq!(merged[name], result["total"][name], "{name}");
            }
            assert_eq!(merged["wrong_tiles_bound"], result["wrong_tiles_bound"]);
            let counts =
                |v: &Value| ["tiles", "tiles_checked"].map(|name| v[name].as_u64().unwrap());
            assert_eq!(each.iter().map(counts).collect::<Vec<_>>(), history(&bench.path("there")));

            // One by one, elsewhere, and merged from what each said.
            fs::create_dir_all(bench.path("v")).unwrap();
            for iteration in 0..iters {
                fs::create_dir_all(bench.path("away")).unwrap();
                let name = format!("iteration-{iteration:08}");
                fs::copy(bench.path(&format!("b/{name}.bundle")), bench.path("away/x.bundle"))
                    .unwrap();
                let said = run(&bench, "check away/x.bundle --config b/design --json");
                fs::write(bench.path(&format!("v/{name}.jsonl")), said).unwrap();
            }
            let merged = run(&bench, "check --merge v");
            assert_eq!(verdict(&merged), verdict(&there));
            fs::remove_dir_all(bench.path("v")).unwrap();
        }
    }
}

#[test]
fn a_resumed_run_leaves_the_bundles_of_an_uninterrupted_one() {
    let bench = design(ARRAYS[0]);
    let flags = "--engine reference --check-rate 0.1 --checkpoint-every 2";
    train(&bench, &format!("{flags} --iters 5 --bundles whole --out a"));
    train(&bench, &format!("{flags} --iters 3 --bundles parts --out b"));
    // From iteration 2: what came after is made again.
    fs::write(bench.path("parts/iteration-00000004.bundle"), "of another run").unwrap();
    run(&bench, "train --resume-previous --out b --iters 4");
    run(&bench, "train --resume --out b --iters 5");
    assert_eq!(bench.files("parts"), bench.files("whole"));
    assert_eq!(bench.files("whole").keys().filter(|name| name.ends_with(".bundle")).count(), 5);

    let error = fail(&bench, 2, "train --resume --out b --iters 6 --bundles other");
    assert!(error.contains("--bundles: expected \"parts\", found \"other\""), "{error}");
    fs::remove_file(bench.path("parts/iteration-00000003.bundle")).unwrap();
    let error = fail(&bench, 2, "check parts");
    assert!(error.contains("parts: expected a bundle of each iteration, found 2 and 4"), "{error}");
    let error = fail(&bench, 2, "train --resume --out b --iters 6");
    assert!(error.contains("found no parts/iteration-00000003.bundle"), "{error}");
}

/// Faults, and what the verdict must say.
const FAULTS: [(Fault, &str); 4] = [
    (faults::RANDOM_BITS, "differing results: C["),
    (faults::NO_ERRORS, "results agree, counters differ"),
    (faults::NO_STALLS, "in the tiles of this GEMM together; no tile differs alone"),
    (faults::NO_CAPTURE, "rtl: no progress for"),
];

#[test]
fn faulty_rtl_is_found_and_its_tile_named() {
    for (fault, expected) in FAULTS {
        let bench = design(ARRAYS[0]);
        let flags = "--iters 2 --check-rate 0.05";
        train(&bench, &format!("{flags} --engine reference --bundles b --out r"));
        for design in ["b/design", "d"] {
            faults::seed(&bench.path(design), "bundles", fault);
        }
        let error = fail(&bench, 1, "check b");
        assert!(error.contains(expected), "{expected}, found: {error}");
        assert!(error.contains(" tiles differ, the first in iteration-0000000"), "{error}");
        let output = bench.command(&words("check b --json")).output().unwrap();
        let lines = text(&output.stdout);
        let merged = json(lines.lines().last().unwrap());
        let wrong: u64 = lines
            .lines()
            .map(json)
            .filter_map(|v| v["wrong"].as_array().cloned())
            .map(|wrong| wrong.len() as u64)
            .sum();
        assert!(wrong > 0 && merged["mismatches"] == wrong, "{lines}");
        assert!(merged["wrong_tiles_bound"].is_null(), "{merged}");

        // Where results differ, the first is the one that checking on the way stops at.
        if expected.starts_with("differing") {
            let there =
                fail(&bench, 1, &format!("{TRAIN} {flags} --engine checked --threads 1 --out t"));
            let lines = |text: &str| -> Vec<String> {
                let wanted = ["  expected  ", "  found  ", "  exact sum "];
                let lines = text.lines();
                lines
                    .filter(|line| wanted.iter().any(|w| line.starts_with(w)))
                    .map(Into::into)
                    .collect()
            };
            assert_eq!(lines(&error), lines(&there));
            let place = |text: &str| {
                text.split_once(" results: ").unwrap().1.lines().next().unwrap().to_owned()
            };
            assert_eq!(place(&error), place(&there));
        }
    }
}

#[test]
fn bundles_that_are_none_are_refused_by_name() {
    let bench = design(ARRAYS[0]);
    train(&bench, "--iters 2 --check-rate 0.01 --engine reference --bundles b --out r");
    let path = bench.path("b/iteration-00000001.bundle");
    let good = fs::read(&path).unwrap();
    let mut altered = good.clone();
    altered[good.len() / 2] ^= 1;
    let mut newer = good.clone();
    newer[8] += 1;
    let cases: [(&[u8], &str); 6] = [
        (&good[..good.len() / 2], "checksum: expected that of"),
        (&good[..10], "version: expected 4 bytes, found 2"),
        (&[], "magic: expected 8 bytes, found 0"),
        (b"something else altogether", "magic: expected \"FLEXMACB\", found \"somethin\""),
        (&newer, "version: expected 1, found 2"),
        (&altered, "checksum: expected that of"),
    ];
    for (bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        let error = bench.fail(2, &["check", "b"]);
        assert!(error.contains("bundle b/iteration-00000001.bundle: "), "{error}");
        assert!(error.contains(expected), "{expected}, found: {error}");
    }
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = bench.fail(2, &["check", "b"]);
    assert!(error.contains("expected at most 1073741824 bytes, found 1099511627776"), "{error}");
    fs::write(&path, &good).unwrap();

    // Counts that contradict each other, or cannot be added.
    let said = run(&bench, "check b --json");
    let verdicts: Vec<_> = said.lines().take(2).map(json).collect();
    for (changed, expected) in [
        ([("tiles_checked", 0), ("mismatches", 1)], "of these mismatches, found line 1: ["),
        ([("tiles", u64::MAX), ("iteration", 0)], "tiles of all verdicts: expected less than 2^64"),
        (
            [("iteration", u64::MAX), ("rate", 0)],
            "expected a bundle of each iteration, found 1 and",
        ),
    ] {
        let mut first = verdicts[0].clone();
        changed.iter().for_each(|(name, value)| first[name] = (*value).into());
        fs::create_dir_all(bench.path("v")).unwrap();
        fs::write(bench.path("v/all.jsonl"), format!("{first}\n{}\n", verdicts[1])).unwrap();
        let error = bench.fail(2, &["check", "--merge", "v"]);
        assert!(error.contains(expected), "{expected}, found: {error}");
    }

    bench.run(&words("gen --rows 4 --cols 2 --out other"));
    for (line, expected) in [
        ("check b --config other", "array: expected"),
        ("check b --workflow --snakemake no-such-program", "pip install snakemake"),
        ("check b/iteration-00000001.bundle --workflow", "expected one folder of bundles"),
        ("check b --dry-run", "--dry-run: expected --workflow with it"),
        ("check --merge b/design/config.json", "verdict b/design/config.json"),
        ("check b/iteration-00000001.bundle b/iteration-00000001.bundle", "of iteration 1 again"),
    ] {
        let error = bench.fail(2, &words(line));
        assert!(error.contains(expected), "{expected}, found: {error}");
    }
    for (flags, expected) in [
        ("--engine checked --bundles c", "--bundles: expected --engine reference with it"),
        ("--engine reference --check-rate 0.1", "expected --engine checked or --bundles with it"),
        ("--bundles c --arrays 2", "found --bundles, which hold the tiles of one array"),
        ("--bundles b", "expected no bundles there, found b/iteration-00000000.bundle"),
    ] {
        let error = fail(&bench, 2, &format!("{TRAIN} --iters 1 {flags}"));
        assert!(error.contains(expected), "{expected}, found: {error}");
    }
}

/// An edited design's copy beside its bundles is made anew by a resume, whatever its list names.
#[test]
fn an_edited_designs_run_goes_on() {
    let bench = design(ARRAYS[0]);
    let list = fs::read_to_string(bench.path("d/flexmac.f")).unwrap();
    let pe = bench.path("d/rtl/flexmac_pe.v");
    let joined = ["d/rtl/flexmac_pipe.v", "d/rtl/flexmac_pe.v"];
    let joined = joined.map(|name| fs::read_to_string(bench.path(name)).unwrap()).concat();
    fs::write(pe, joined).unwrap();
    fs::create_dir(bench.path("d/src")).unwrap();
    fs::rename(bench.path("d/rtl/flexmac_skew.v"), bench.path("d/src/skew.v")).unwrap();
    let list = list.replace("rtl/flexmac_pipe.v\n", "").replace("rtl/flexmac_skew.v", "src/skew.v");
    fs::write(bench.path("d/flexmac.f"), list).unwrap();
    train(&bench, "--iters 1 --check-rate 0.01 --bundles b --out run");
    run(&bench, "train --resume --iters 2 --out run");
    let copied = bench.files("b/design/rtl");
    assert!(copied.contains_key("skew.v") && !copied.contains_key("flexmac_pipe.v"));
    assert!(verdict(&run(&bench, "check b"))[1].ends_with("mismatches 0"));
}
