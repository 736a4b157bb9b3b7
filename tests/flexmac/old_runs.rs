//! The run of flexmac 0.1.0 in tests/record/v1, by the commands that read runs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Bench, text, words};

/// A folder with a copy of the run in `run`.
fn bench() -> Bench {
    let bench = Bench::new();
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/record/v1/run"),
        &bench.path("run"),
    );
    bench
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

fn json_of(bench: &Bench, file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(bench.path(file)).unwrap()).unwrap()
}

#[test]
fn is_reported() {
    let bench = bench();
    bench.run(&["report", "run"]);
    let page = fs::read_to_string(bench.path("run/report.html")).unwrap();
    assert!(page.contains("tiny") && page.contains("20.00 %"), "the network and the accuracy");
}

#[test]
fn is_costed() {
    let bench = bench();
    bench.run(&["gen", "--out", "d"]);
    let record = bench.run(&words("estimate --run run --config d --sizes 8x8 --json"));
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        record["estimates"][0]["total"]["macs"],
        json_of(&bench, "run/result.json")["total"]["macs"]
    );
}

#[test]
fn gives_its_weights() {
    let bench = bench();
    let export = words("weights export run --format npz --out w.npz");
    let output = bench.command(&export).assert().success().get_output().clone();
    let told = text(&output.stderr);
    assert!(told.contains("columns of ip1.weight (of 3x3x2) are ordered by row"), "{told}");
    assert!(bench.path("w.npz").is_file());
}

/// The lines of 0.1.0 stay, those of this version follow, with the numbers of a run that was never
/// interrupted.
#[test]
fn is_resumed() {
    let bench = bench();
    let before = fs::read_to_string(bench.path("run/history.jsonl")).unwrap();
    bench.command(&words("train --resume --iters 5 --out run")).assert().success();
    let after = fs::read_to_string(bench.path("run/history.jsonl")).unwrap();
    // The last line of 0.1.0 has an accuracy, which a longer run need not measure there.
    assert!(after.starts_with(&before), "the history of 0.1.0 is kept");
    let lines: Vec<Value> = after.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schemas: Vec<_> = lines.iter().map(|line| line.get("schema")).collect();
    assert_eq!(schemas, [None, None, None, Some(&json!(2)), Some(&json!(2))]);
    for file in ["run/config.json", "run/result.json"] {
        assert_eq!(json_of(&bench, file)["schema"], 2, "{file}");
    }
    bench.run(&["report", "run"]);

    let net = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/record/v1/tiny.toml");
    fs::copy(net, bench.path("tiny.toml")).unwrap();
    let flags = "train --net tiny.toml --data synthetic --batch 4 --checkpoint-every 2 \
                 --eval-images 20 --iters 5 --out whole";
    bench.command(&words(flags)).assert().success();
    let whole = fs::read_to_string(bench.path("whole/history.jsonl")).unwrap();
    for (line, expected) in lines.iter().zip(whole.lines()) {
        let mut line = line.clone();
        let mut expected: Value = serde_json::from_str(expected).unwrap();
        // Of 0.1.0, whose counters took a cycle less of each GEMM, and which recorded no zeros.
        if line.get("schema").is_none() {
            let busy = |stats: &mut Value, more: usize| {
                let busy = &mut stats["cycles"]["busy"];
                *busy = json!(busy.as_u64().unwrap() + more as u64);
            };
            let gemms = line["gemms"].as_array_mut().unwrap();
            gemms.iter_mut().for_each(|gemm| busy(&mut gemm["stats"], 1));
            let count = gemms.len();
            busy(&mut line["total"], count);
            for gemm in expected["gemms"].as_array_mut().unwrap() {
                assert!(gemm.as_object_mut().unwrap().remove("zeros").is_some(), "{gemm}");
            }
        }
        for field in ["loss", "tensors", "gemms", "total"] {
            assert_eq!(line[field], expected[field], "{field}");
        }
    }
    for file in ["weights/conv1.weight.npy", "weights/ip1.bias.momentum.npy"] {
        let read = |run: &str| fs::read(bench.path(run).join(file)).unwrap();
        assert!(read("run") == read("whole"), "{file}");
    }
}
