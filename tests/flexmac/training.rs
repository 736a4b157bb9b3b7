//! Training that survives its data, learning rates, and Caffe's multipliers.

use std::fs;

use serde_json::Value;

use crate::support::{Bench, diagnostics, text, words};

/// A network of one inner product and a set of images: `pixel` of all, labels 0.
fn bench(pixel: u8) -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path("set")).unwrap();
    for split in ["train", "t10k"] {
        let images =
            [&[0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 0, 28, 0, 0, 0, 28][..], &vec![pixel; 64 * 784]];
        let labels = [&[0, 0, 8, 1, 0, 0, 0, 64][..], &[0; 64]];
        fs::write(bench.path(&format!("set/{split}-images-idx3-ubyte")), images.concat()).unwrap();
        fs::write(bench.path(&format!("set/{split}-labels-idx1-ubyte")), labels.concat()).unwrap();
    }
    let net = "name = 'one'\ninput = { height = 28, width = 28, channels = 1 }\n\
               layers = [ { type = 'inner-product', name = 'ip1', outputs = 10 } ]\n";
    fs::write(bench.path("one.toml"), net).unwrap();
    bench
}

fn history(bench: &Bench, run: &str) -> Vec<Value> {
    let text = fs::read_to_string(bench.path(&format!("{run}/history.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rates(bench: &Bench, run: &str) -> Vec<f64> {
    history(bench, run).iter().map(|line| line["rate"].as_f64().unwrap()).collect()
}

/// Trains quietly; returns the diagnostics.
fn train(bench: &Bench, flags: &str) -> String {
    let args = words(&format!("train {flags}"));
    diagnostics(&bench.command(&args).assert().success().get_output().clone())
}

#[test]
fn black_images_train_under_every_policy() {
    let runs = [
        "na2016 --isearch-window 0 --iters 200 --batch 4",
        "na2016 --iters 120 --batch 1",
        "courbariaux2014 --iters 50",
        "courbariaux2014 --iters 50 --calibration 0 --interval 1",
        "taras2018 --iters 100 --batch 4",
        "planewise --iters 100 --batch 4",
        "planewise --iters 100 --batch 4 --operand-bits-max 32 --storage-bits 32",
        "static --iters 20",
    ];
    for (number, run) in runs.iter().enumerate() {
        let bench = bench(0);
        let said =
            train(&bench, &format!("--net one.toml --data set --out r{number} --policy {run}"));
        let lines = history(&bench, &format!("r{number}"));
        // The images are the first tensor.
        let of = |line: &Value| {
            let format = &line["tensors"][0]["formats"]["forward"];
            format["bits"].as_i64().unwrap() - 1 - format["frac"].as_i64().unwrap()
        };
        assert_eq!(of(&lines[0]), of(&lines[lines.len() - 1]), "{run}: no range collapses");
        let note = "the search of tensor data ends";
        let noted = lines.iter().filter(|line| line["notes"].to_string().contains(note)).count();
        let (searched, phase) = (said.matches(note).count(), &lines[lines.len() - 1]["phase"]);
        if number == 0 {
            assert_eq!((searched, noted, phase.as_str()), (1, 1, Some("dsearch")), "{said}");
        }
        assert!(searched <= 1, "{said}");
    }
}

/// The learning rate of an iteration.
type Rate = fn(f64) -> f64;

#[test]
fn the_rate_follows_its_schedule_and_a_resumed_run_too() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} {b}");
    let cases: [(&str, &str, Rate); 7] = [
        ("inv", "", |i| 0.01 * (1.0 + 1e-4 * i).powf(-0.75)),
        ("inv", "--lr-gamma 0.5 --lr-power 2", |i| 0.01 / (1.0 + 0.5 * i).powi(2)),
        ("constant", "--lr 0.02", |_| 0.02),
        ("step", "--lr-step 3", |i| 0.01 * 0.1_f64.powi((i / 3.0) as i32)),
        ("multistep", "--lr-steps 2,7 --lr-gamma 0.5", |i| {
            0.01 * 0.5_f64.powi(i32::from(i >= 2.0) + i32::from(i >= 7.0))
        }),
        ("cosine", "--lr-final 0.002", |i| {
            0.002 + 0.004 * (1.0 + (std::f64::consts::PI * i / 10.0).cos())
        }),
        ("constant", "--lr-warmup 4", |i| 0.01 * ((i + 1.0) / 4.0).min(1.0)),
    ];
    let bench = bench(9);
    let common = "--net one.toml --data set --batch 4 --policy static --checkpoint-every 4";
    for (number, (kind, flags, rate)) in cases.into_iter().enumerate() {
        let run = format!("{common} --lr-schedule {kind} {flags} --iters 10 --out r{number}");
        train(&bench, &run);
        let whole = rates(&bench, &format!("r{number}"));
        for (iteration, found) in whole.iter().enumerate() {
            near(*found, rate(iteration as f64));
        }
        let config = fs::read_to_string(bench.path(&format!("r{number}/config.json"))).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["settings"]["lr-schedule"]["value"], *kind);
        assert_eq!(config["solver"]["schedule"].is_null(), kind == "inv");
        // Resumed from iteration 8, to more iterations: the rate continues, and cosine has reached
        // its last rate.
        let resumed = format!("--resume-previous --iters 13 --out r{number}");
        train(&bench, &resumed);
        let longer = rates(&bench, &format!("r{number}"));
        assert_eq!(longer[..10], whole, "{kind}");
        near(longer[12], if kind == "cosine" { 0.002 } else { rate(12.0) });
        let said =
            bench.fail(2, &words(&format!("train --resume --iters 14 --out r{number} --lr 0.5")));
        assert!(said.contains("--lr: expected"), "{said}");
    }
    // Saying the default changes nothing but that it was said.
    train(&bench, &format!("{common} --iters 10 --out plain"));
    let weights =
        |run: &str| fs::read(bench.path(&format!("{run}/weights/ip1.weight.npy"))).unwrap();
    // The last of ten is evaluated; the run that went on evaluates later.
    assert!(history(&bench, "plain")[..9] == history(&bench, "r0")[..9]);
    assert!(!weights("plain").is_empty());
    let page = bench.command(&words("report r3 --out page.html")).assert().success();
    assert!(text(&page.get_output().stderr).is_empty());
    let page = fs::read_to_string(bench.path("page.html")).unwrap();
    assert!(page.contains("lr-schedule") && page.contains("lr-step"));
}

#[test]
fn caffes_multipliers_are_an_option_and_the_default_is_one() {
    let bench = bench(200);
    let layer = |keys: &str| {
        format!(
            "name = 'one'\ninput = {{ height = 28, width = 28, channels = 1 }}\n\
             layers = [ {{ type = 'inner-product', name = 'ip1', outputs = 10{keys} }} ]\n"
        )
    };
    for (name, keys) in [
        ("ones", ", lr_mult = 1, bias_decay_mult = 1"),
        ("twice", ", bias_lr_mult = 2"),
        ("still", ", lr_mult = 0"),
    ] {
        fs::write(bench.path(&format!("{name}.toml")), layer(keys)).unwrap();
    }
    let run = |net: &str| {
        train(
            &bench,
            &format!("--net {net}.toml --data set --batch 4 --engine float --iters 1 --out {net}"),
        );
        let read =
            |what: &str| fs::read(bench.path(&format!("{net}/weights/ip1.{what}.npy"))).unwrap();
        (read("weight"), read("bias"), read("weight.momentum"))
    };
    let (plain, ones, twice, still) = (run("one"), run("ones"), run("twice"), run("still"));
    assert_eq!(plain, ones);
    assert_eq!(plain.0, twice.0, "the first step of the weights is the same");
    let floats = |file: &[u8]| {
        let values = file[file.len() - 40..].chunks(4);
        values.map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect::<Vec<_>>()
    };
    let double: Vec<_> = floats(&plain.1).iter().map(|value| 2.0 * value).collect();
    assert_eq!(floats(&twice.1), double);
    assert!(
        floats(&double.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
            .iter()
            .any(|v| *v != 0.0)
    );
    assert!(still.2.iter().rev().take(1000).all(|byte| *byte == 0), "a layer that does not learn");
    // A shipped network with the multipliers of its prototxt; they are recorded, and resumed.
    let lenet = "--net lenet --data synthetic --batch 2 --engine float --eval-images 5";
    train(&bench, &format!("{lenet} --multipliers caffe --iters 1 --out lenet"));
    train(&bench, "--resume --iters 2 --out lenet");
    let config = fs::read_to_string(bench.path("lenet/config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["network"]["layers"][0]["multipliers"]["bias_lr_mult"], 2.0);
    let said = bench.fail(2, &words("train --net mlp --data synthetic --multipliers caffe"));
    assert!(said.contains("expected one of lenet, cifar, alexnet, found \"mlp\""), "{said}");
}

#[test]
fn held_out_images_are_tested_on_and_no_longer_trained_on() {
    let bench = Bench::new();
    let run = "--net mlp --data synthetic --policy planewise --validation 600 --batch 4 \
               --eval-images 50 --checkpoint-every 2";
    train(&bench, &format!("{run} --iters 4 --out run"));
    train(&bench, &format!("{run} --iters 2 --out resumed"));
    train(&bench, "--resume --iters 4 --out resumed");
    let tensors = |run| -> Vec<_> {
        history(&bench, run).iter().map(|line| line["tensors"].clone()).collect()
    };
    assert_eq!(tensors("run"), tensors("resumed"));
    let config = |run: &str| -> Value {
        serde_json::from_slice(&fs::read(bench.path(&format!("{run}/config.json"))).unwrap())
            .unwrap()
    };
    let images = |config: &Value| {
        ["train", "test"].map(|split| config["data"][split]["images"].as_u64().unwrap())
    };
    assert_eq!(images(&config("run")), [3400, 600]);
    train(&bench, "--net mlp --data synthetic --batch 4 --eval-images 50 --iters 1 --out all");
    let all = config("all");
    assert_eq!(images(&all), [4000, 1000]);
    assert_ne!(all["data"]["test"]["sha256"], config("run")["data"]["test"]["sha256"]);
    let error = bench.fail(2, &words("train --resume --iters 5 --validation 500 --out resumed"));
    assert!(error.contains("validation"), "{error}");
}

#[test]
fn copies_for_the_backward_pass_are_recorded_and_resume() {
    let bench = Bench::with_design(&["--rows", "3", "--cols", "5", "--chunk", "2", "--lanes", "3"]);
    let run = "--net lenet-small --data synthetic --config d --policy planewise --batch 4 \
               --eval-images 10 --checkpoint-every 2 --reused-activation-bits 2 \
               --reused-weight-bits 4 --weight-bits 4 --widen-weights-at 3 --skip-planes";
    train(&bench, &format!("{run} --engine checked --iters 4 --out run"));
    train(&bench, &format!("{run} --iters 2 --out resumed"));
    train(&bench, "--resume --iters 4 --out resumed");
    let lines = history(&bench, "run");
    let bits = |line: &Value, tensor: &str| {
        let tensors = line["tensors"].as_array().unwrap().iter();
        let tensor = tensors.clone().find(|entry| entry["name"] == tensor).unwrap();
        let formats = &tensor["formats"];
        (formats["forward"]["bits"].as_u64().unwrap(), formats["reused"]["bits"].as_u64())
    };
    assert_eq!(bits(&lines[0], "data"), (4, Some(2)));
    assert_eq!(bits(&lines[2], "ip1.weight"), (4, None), "no wider than the copy");
    assert_eq!(bits(&lines[3], "ip1.weight"), (8, Some(4)));
    for (whole, resumed) in lines.iter().zip(history(&bench, "resumed")) {
        assert_eq!(whole["tensors"], resumed["tensors"]);
        assert_eq!(whole["loss"], resumed["loss"]);
    }
    let page = "report run --out page.html";
    bench.command(&words(page)).assert().success();
    let page = fs::read_to_string(bench.path("page.html")).unwrap();
    assert!(page.contains("ip1.weight reused"), "a row of its own");
}
