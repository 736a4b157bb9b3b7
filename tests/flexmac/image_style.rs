//! `flexmac data make image-style` and training on what it makes: deterministic, resumable, and
//! the same whether pictures are in memory or in their files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A network for 14 x 14 colour pictures.
const NET: &str = "name = 'tiny'\ninput = { height = 14, width = 14, channels = 3 }\nlayers = [
  { type = 'conv', name = 'conv1', channels_out = 4, kernel = 5, stride = 2 },
  { type = 'relu', name = 'relu1' },
  { type = 'inner-product', name = 'ip', outputs = 20 },
]\n";

fn flexmac(folder: &Path, threads: usize, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_flexmac"))
        .args(args)
        .current_dir(folder)
        .env("RAYON_NUM_THREADS", threads.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with four photographs and a network.
fn bench() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("photos")).unwrap();
    for number in 0..4_u32 {
        let pixel = |x: u32, y: u32| {
            let wave = (x * (3 + number) + y * 5) / 9 % 5;
            let shade = |by: u32| (30 * number + 40 * wave + by * x + y) as u8;
            image::Rgb([shade(0), shade(1), shade(2)])
        };
        let image = image::RgbImage::from_fn(48, 40, pixel);
        image.save(folder.path().join(format!("photos/{number}.png"))).unwrap();
    }
    fs::write(folder.path().join("tiny.toml"), NET).unwrap();
    folder
}

fn make(folder: &Path, threads: usize, out: &str, seed: &str) -> String {
    let args = ["data", "make", "image-style", "--size", "16", "--per-style", "4", "--json"];
    let more = ["--photos", "photos", "--test-share", "0.25", "--out", out, "--seed", seed];
    flexmac(folder, threads, &[&args[..], &more[..]].concat())
}

/// Path and bytes of every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_owned();
                    found.insert(name, fs::read(path).unwrap());
                }
            }
        }
    }
    found
}

#[test]
fn the_same_bytes_on_one_thread_and_on_two() {
    let bench = bench();
    let folder = bench.path();
    let said: Value = serde_json::from_str(&make(folder, 1, "one", "5")).unwrap();
    assert_eq!((&said["train"], &said["test"]), (&60.into(), &20.into()));
    assert_eq!((&said["photographs"], &said["styles"]), (&4.into(), &20.into()));
    make(folder, 2, "two", "5");
    make(folder, 2, "other", "6");
    let one = files(&folder.join("one"));
    assert!(one == files(&folder.join("two")));
    assert!(one != files(&folder.join("other")));
}

fn train(folder: &Path, out: &str, iters: &str, more: &[&str]) {
    let args =
        ["train", "--net", "tiny.toml", "--data", "set", "--batch", "6", "--policy", "static"];
    let run = ["--bits", "16", "--out", out, "--iters", iters];
    flexmac(folder, 2, &[&args[..], &run[..], more].concat());
}

/// What must not depend on how a run got where it is.
fn results(folder: &Path, run: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files(&folder.join(run));
    files.retain(|path, _| path.starts_with("weights") || path == Path::new("history.jsonl"));
    assert!(files.len() > 4, "history, weights, momentum");
    files
}

#[test]
fn runs_on_lists_replay_resume_and_ignore_where_pictures_are() {
    let bench = bench();
    let folder = bench.path();
    make(folder, 2, "set", "5");
    train(folder, "whole", "8", &[]);
    train(folder, "files", "8", &["--data-memory", "0"]);
    assert!(results(folder, "files") == results(folder, "whole"), "pictures decoded per batch");

    // Interrupted by a failure in the middle: the checkpoint of iteration 3, then on to the end.
    train(folder, "parts", "3", &[]);
    let args = ["train", "--resume", "--out", "parts", "--iters", "8", "--data-memory", "0"];
    flexmac(folder, 1, &args);
    let weights = |run: &str| {
        let mut files = results(folder, run);
        // The history keeps the accuracy of the run's first end.
        files.retain(|path, _| path.starts_with("weights"));
        files
    };
    assert!(weights("parts") == weights("whole"), "resumed");

    for (out, option) in [
        ("seed", ["--seed", "2"]),
        ("centre", ["--crop", "centre"]),
        ("plain", ["--mirror", "false"]),
        ("mean", ["--mean", "none"]),
        ("large", ["--resize", "20"]),
    ] {
        train(folder, out, "8", &option);
        assert!(weights(out) != weights("whole"), "{option:?} changes a run");
    }
}

#[test]
fn the_mean_and_the_options_are_recorded_and_held_to() {
    let bench = bench();
    let folder = bench.path();
    make(folder, 2, "set", "5");
    train(folder, "run", "2", &["--mean", "10,20,30.5"]);
    let config = |run: &str| -> Value {
        let text = fs::read_to_string(folder.join(run).join("config.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let given = config("run");
    assert_eq!(given["data"]["mean"], serde_json::json!([10.0, 20.0, 30.5]));
    assert_eq!(given["settings"]["resize"], serde_json::json!({"value": 16, "default": true}));
    train(folder, "computed", "2", &[]);
    let mean = config("computed")["data"]["mean"].as_array().unwrap().clone();
    assert!(
        mean.len() == 3 && mean.iter().all(|mean| (60.0..200.0).contains(&mean.as_f64().unwrap()))
    );
    // Another picture behind the same name is other data.
    let list = fs::read_to_string(folder.join("set/train.txt")).unwrap();
    let files: Vec<_> = list.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    fs::copy(folder.join("set").join(files[1]), folder.join("set").join(files[0])).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_flexmac"))
        .args(["train", "--resume", "--out", "computed", "--iters", "3"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--resume: data: expected"), "{text}");
}
