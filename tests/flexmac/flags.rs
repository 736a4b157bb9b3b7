//! Random flags and values: every command ends by itself with exit code 0 or 2; with 2, one error on
//! standard error, nothing on standard output, and the folder as it was.

use std::fs;
use std::process::Command;

use crate::mutate::Random;
use crate::support::npy::Matrix;
use crate::support::{Bench, SMALL, one_error};

/// A command that is valid as it stands, and flags it may be given or given anew.
const COMMANDS: [(&str, &[&str]); 10] = [
    (
        "gen --out new",
        &[
            "rows", "cols", "chunk", "lanes", "max-bits", "max-k", "stages", "fanout", "depth",
            "rounding", "style",
        ],
    ),
    (
        "gemm --config d --engine reference --a a.npy --b b.npy --bits-a 8 --bits-b 8 --out c.npy",
        &[
            "bits-a",
            "bits-b",
            "bits-out",
            "shift",
            "bias",
            "bias-shift",
            "round",
            "seed",
            "layout",
            "threads",
            "trace",
            "a",
            "config",
        ],
    ),
    (
        "train --net tiny.toml --data synthetic --iters 1 --eval-images 10 --out run",
        &[
            "batch",
            "lr",
            "momentum",
            "weight-decay",
            "seed",
            "round",
            "forward-round",
            "policy",
            "bits",
            "checkpoint-every",
            "eval-every",
            "eval-images",
            "loss-window",
            "isearch-window",
            "dsearch-window",
            "max-width",
            "target-width",
            "step-width",
            "check-rate",
            "arrays",
            "init-weights",
            "data",
            "net",
            "resize",
            "mean",
            "storage-bits",
            "first-il",
            "overflow-limit",
            "il-input",
            "il-gradients",
            "bundles",
        ],
    ),
    (
        "train --net tiny.toml --data synthetic --policy planewise --iters 2 --eval-images 1",
        &[
            "policy",
            "storage-bits",
            "shared-weight-bits",
            "widen-at",
            "overflow-limit",
            "first-il",
            "il-parameters",
            "max-width",
            "bits",
            "batch",
            "engine",
            "seed",
        ],
    ),
    (
        "estimate --config d --net tiny.toml --bits 8x8",
        &[
            "arrays",
            "batch",
            "iters",
            "sizes",
            "period-ps",
            "bits",
            "net",
            "run",
            "design",
            "study",
        ],
    ),
    ("report run --out page.html", &["svg", "synth", "config", "out"]),
    (
        "sweep --study smoke --write-only --out new",
        &["study", "library", "run", "out", "cores", "profile", "latency-wait", "snakemake"],
    ),
    (
        "synth --config d --target generic --top flexmac_lfsr --out new",
        &["target", "top", "liberty", "period-ps", "jobs", "config", "out"],
    ),
    (
        "data make image-style --photos photos --out new --per-style 2 --size 16",
        // Not per-style, which may ask for two million pictures.
        &["size", "test-share", "seed", "photos", "format", "out"],
    ),
    ("headline study", &["net", "batch", "baseline-bits", "memory-pj-per-bit", "run"]),
];

const VALUES: [&str; 36] = [
    "0",
    "1",
    "2",
    "3",
    "8",
    "31",
    "33",
    "64",
    "128",
    "129",
    "65536",
    "262144",
    "262145",
    "-1",
    "-0",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e-320",
    "nan",
    "inf",
    "0.5",
    "8x8",
    "0x0",
    "99999x99999",
    "1,2,3",
    ",",
    "nearest",
    "stochastic",
    "fixed",
    "/dev/null",
    "nowhere/é",
    "static",
];

/// Seconds after which a command counts as hanging.
const TIME_LIMIT: &str = "60";

const EXECUTIONS: u64 = 250;

#[test]
fn any_flags_end_in_a_result_or_in_one_error() {
    let bench = Bench::with_design(&SMALL);
    bench.write("a.npy", &Matrix::new(2, 3, [1, 2, 3, 4, 5, 6]));
    bench.write("b.npy", &Matrix::new(3, 2, [1, 2, 3, 4, 5, 6]));
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/hostile/seeds/network/tiny.toml");
    fs::copy(tiny, bench.path("tiny.toml")).unwrap();
    fs::create_dir(bench.path("photos")).unwrap();
    for name in ["one", "two"] {
        let shade = name.len() as u8 + name.as_bytes()[0];
        let picture =
            image::RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8, y as u8, shade]));
        picture.save(bench.path("photos").join(name).with_extension("png")).unwrap();
    }
    let before = bench.files("");
    let count = std::env::var("HOSTILE_EXECUTIONS").map_or(EXECUTIONS, |n| n.parse().unwrap());
    let seed = std::env::var("HOSTILE_SEED").map_or(1, |n| n.parse::<u64>().unwrap());
    let mut codes = [0; 3];
    for execution in 0..count {
        let mut random = Random(seed.wrapping_mul(1 << 32) + execution);
        let (line, flags) = *random.pick(&COMMANDS);
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for _ in 0..=random.below(2) {
            let (flag, value) = (*random.pick(flags), *random.pick(&VALUES));
            let flag = format!("--{flag}");
            // In place of the value it has, or one more; `=` lets values begin with a dash.
            match words.iter().position(|word| *word == flag) {
                Some(at) => words[at + 1] = value.to_owned(),
                None if words.iter().any(|word| word.starts_with(&format!("{flag}="))) => {}
                None => words.push(format!("{flag}={value}")),
            }
        }
        let script = "ulimit -v 6000000 && exec timeout --signal=KILL \"$0\" \"$@\"";
        let output = Command::new("sh")
            .args(["-c", script, TIME_LIMIT, env!("CARGO_BIN_EXE_flexmac")])
            .args(&words)
            .current_dir(bench.path(""))
            .env("RAYON_NUM_THREADS", "2")
            .output()
            .unwrap();
        let said = format!(
            "execution {execution} of seed {seed}: flexmac {}: {:?}\n{}",
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        match output.status.code() {
            Some(0) => {}
            Some(2) => {
                println!("{said}");
                one_error(&output);
            }
            _ => panic!("{said}"),
        }
        codes[output.status.code().unwrap() as usize] += 1;
        let after = bench.files("");
        let is_new = |name: &&String| !before.contains_key(*name);
        let new: Vec<_> = after.keys().filter(is_new).collect();
        if output.status.code() == Some(2) {
            assert!(new.is_empty(), "{new:?} is left by {said}");
        }
        for name in new.iter().filter(|name| !name.trim_end_matches('/').contains('/')) {
            let path = bench.path(name);
            if name.ends_with('/') { fs::remove_dir_all(path) } else { fs::remove_file(path) }
                .unwrap();
        }
        for (name, bytes) in before.iter().filter(|(name, _)| !name.ends_with('/')) {
            assert!(after.get(name) == Some(bytes), "{name} was changed by {said}");
        }
    }
    eprintln!("hostile flags {count} executions, {} succeeded, {} refused", codes[0], codes[2]);
    assert!(count < 100 || (codes[0] > count / 50 && codes[2] > count / 50), "{codes:?}");
}
