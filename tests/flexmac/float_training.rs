//! `flexmac train` on float arrays: engines agree, runs resume, scales and flags.

use std::fs;

use serde_json::Value;

use crate::support::{Bench, text, words};

const NET: &str = "name = 'two'\ninput = { height = 28, width = 28, channels = 1 }\nlayers = [\n\
    { type = 'conv', name = 'conv', channels_out = 3, kernel = 5, stride = 4 },\n\
    { type = 'relu', name = 'relu' },\n\
    { type = 'inner-product', name = 'ip', outputs = 10 },\n]\n";

/// A bench with a network of every kind of GEMM, and the array in `d`.
fn bench(style: &str) -> Bench {
    let flags = format!("--style {style} --rows 4 --cols 3 --lanes 2 --depth 64");
    let bench = Bench::with_design(&flags.split(' ').collect::<Vec<_>>());
    fs::write(bench.path("net.toml"), NET).unwrap();
    bench
}

const TRAIN: &str = "train --net net.toml --data synthetic --eval-images 20 --checkpoint-every 3";

fn train(bench: &Bench, flags: &str) {
    // A resumed run has its own.
    let batch = if ["--batch", "--resume"].iter().any(|flag| flags.contains(flag)) {
        ""
    } else {
        "--batch 4"
    };
    let done = bench.command(&words(&format!("{TRAIN} {batch} {flags}"))).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
}

/// Weights and momentum, file by file.
fn weights(bench: &Bench, run: &str) -> Vec<(String, Vec<u8>)> {
    let files = bench.files(&format!("{run}/weights"));
    assert!(files.len() >= 8, "{:?}", files.keys());
    files
        .into_iter()
        .map(|(name, bytes)| (name.rsplit('/').next().unwrap().to_owned(), bytes))
        .collect()
}

fn history(bench: &Bench, run: &str) -> Vec<Value> {
    let text = fs::read_to_string(bench.path(&format!("{run}/history.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_engine_ends_with_the_same_weights() {
    for style in ["fp32", "bf16", "fp8"] {
        let bench = bench(style);
        let round = if style == "fp32" { "" } else { "--operand-round stochastic" };
        for engine in ["reference", "rtl", "checked"] {
            train(
                &bench,
                &format!("--config d {round} --iters 2 --engine {engine} --out {engine}"),
            );
        }
        let expected = weights(&bench, "reference");
        let lines = history(&bench, "reference");
        assert!(lines.iter().all(|line| line["total"]["cycles"]["busy"].as_u64() > Some(0)));
        for engine in ["rtl", "checked"] {
            assert_eq!(weights(&bench, engine), expected, "{style} {engine}");
            for (line, other) in lines.iter().zip(history(&bench, engine)) {
                assert_eq!(
                    (&line["loss"], &line["accuracy"]),
                    (&other["loss"], &other["accuracy"])
                );
                assert_eq!(line["total"]["cycles"], other["total"]["cycles"], "{style} {engine}");
                let (checked, tiles) = (&other["total"]["tiles_checked"], &other["total"]["tiles"]);
                assert!(engine == "rtl" || checked == tiles);
            }
        }
        // Rounded operands lead to other weights than binary32.
        train(&bench, "--engine float --iters 2 --out float");
        assert_ne!(weights(&bench, "float"), expected);
        bench.run(&words("report reference --out page.html"));
    }
}

#[test]
fn a_resumed_run_ends_as_an_uninterrupted_one() {
    for (style, flags) in [
        ("bf16", "--operand-round stochastic"),
        ("fp8", "--operand-round stochastic --loss-scale dynamic"),
        ("fp8", "--operand-scale none --loss-scale 1024"),
    ] {
        let bench = bench(style);
        train(&bench, &format!("--config d {flags} --iters 8 --out whole"));
        train(&bench, &format!("--config d {flags} --iters 5 --out parts"));
        train(&bench, "--resume --iters 8 --out parts");
        assert_eq!(weights(&bench, "whole"), weights(&bench, "parts"), "{style} {flags}");
        let config = fs::read_to_string(bench.path("parts/config.json")).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        let value = |setting: &str| &config["settings"][setting]["value"];
        let has = |setting: &str| !config["settings"][setting].is_null();
        assert_eq!(has("operand-scale"), style == "fp8");
        assert_eq!(has("loss-scale"), flags.contains("loss-scale"));
        assert!(value("operand-round").is_string());
        let said = bench
            .fail(2, &words("train --resume --out parts --operand-round nearest --loss-scale 4"));
        assert!(said.contains("loss-scale"), "{said}");
    }
}

/// A power of two moves all exponents by the same amount, and is taken away again.
#[test]
fn a_loss_scale_changes_nothing_where_no_exponent_ends() {
    for style in ["bf16", "fp8"] {
        let bench = bench(style);
        train(&bench, "--config d --iters 3 --out plain");
        for (number, scale) in ["1024", "dynamic"].into_iter().enumerate() {
            train(&bench, &format!("--config d --iters 3 --loss-scale {scale} --out r{number}"));
            assert_eq!(
                weights(&bench, "plain"),
                weights(&bench, &format!("r{number}")),
                "{style} {scale}"
            );
        }
        if style == "fp8" {
            train(&bench, "--config d --iters 3 --operand-scale none --out unscaled");
            assert_ne!(weights(&bench, "plain"), weights(&bench, "unscaled"));
        }
    }
}

/// A wrong score of nearly 1 times 2^16 is beyond E5M2: the scale is halved, and no parameter changes.
#[test]
fn a_dynamic_loss_scale_backs_off() {
    let bench = bench("fp8");
    let flags = "--config d --operand-scale none --loss-scale dynamic --batch 1 --lr 0.3 \
                 --lr-schedule constant --momentum 0";
    train(&bench, &format!("{flags} --iters 30 --out long"));
    let noted = |line: &Value| {
        line["notes"].to_string().contains("loss scale 32768 from the next iteration on")
    };
    let lines = history(&bench, "long");
    let found: Vec<_> = lines.iter().filter(|line| noted(line)).collect();
    assert_eq!(found.len(), 1, "half of it is in range: {found:?}");
    assert!(found[0]["notes"].to_string().contains("not finite: parameters stay"));
    let iteration = found[0]["iteration"].as_u64().unwrap();
    let after = |iterations: u64| {
        let run = format!("r{iterations}");
        train(&bench, &format!("{flags} --iters {iterations} --out {run}"));
        weights(&bench, &run)
    };
    let before = after(iteration);
    assert_eq!(before, after(iteration + 1), "no step is taken");
    assert_ne!(before, after(iteration + 2));
}

#[test]
fn flags_that_do_not_apply_are_refused() {
    let bench = bench("bf16");
    for (flags, error) in [
        (
            "--config d --policy na2016",
            "--policy na2016: expected integers, found floats, which have no formats",
        ),
        ("--config d --round nearest", "--round nearest: expected integers, found floats"),
        (
            "--config d --operand-scale tensor",
            "--operand-scale tensor: expected an array of style fp8, found an array of style bf16",
        ),
        (
            "--operand-round nearest",
            "--operand-round nearest: expected an array of style bf16 or fp8, found an array of style flex",
        ),
        (
            "--engine float --operand-round nearest",
            "--operand-round nearest: expected an array of style bf16 or fp8, found --engine float",
        ),
        ("--loss-scale 8", "--loss-scale 8: expected floats, found an array of style flex"),
        (
            "--config d --loss-scale 3",
            "expected a power of two, 1 to 2^126, or dynamic, found \"3\"",
        ),
        ("--config d --arrays 2", "--arrays 2: expected integers"),
    ] {
        let said = bench.fail(2, &words(&format!("{TRAIN} {flags} --iters 1")));
        assert!(said.contains(error), "{said}");
    }
}
