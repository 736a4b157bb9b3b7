//! What surrounds a run: nothing of an earlier one is lost to input that is refused, files stay in
//! their folder, diagnostics that nobody reads stop nothing, paths need not be text.

#[path = "../cli/support/mod.rs"]
mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use support::npy::Matrix;
use support::{Bench, words};

const TRAIN: &str = "train --net mlp --data synthetic --batch 2 --policy static --bits 8 \
                     --storage-bits 8";
const SHORT: &str = "--eval-images 2 --iters 2";

#[test]
fn refused_input_leaves_the_run_it_would_have_replaced() {
    let bench = Bench::with_design(&["--rows", "1", "--cols", "1", "--rounding-modes", "nearest"]);
    bench.run(&words("gen --rows 1 --cols 1 --chunk 2 --max-bits 4 --out narrow"));
    let quiet = bench.command(&words(&format!("{TRAIN} {SHORT} --out run"))).output().unwrap();
    assert!(quiet.status.success(), "{quiet:?}");
    let before = bench.files("run");
    for (flags, expected) in [
        ("--iters 0 --eval-images 2", "iterations of at least 1, found 0"),
        ("--iters 2 --eval-images 0", "images to evaluate of at least 1, found 0"),
        ("--iters 2 --config d", "--rounding: expected a mode of the array, one of nearest, found"),
        ("--iters 2 --config narrow", "at most 4 bits, the array's widest operand, found 8"),
        ("--iters 2 --first-il 3", "--first-il: expected a policy that has it"),
    ] {
        for out in ["run --force", "new"] {
            let error = bench.fail(2, &words(&format!("{TRAIN} {flags} --out {out}")));
            assert!(error.contains(expected), "{expected}, found: {error}");
        }
        assert!(bench.files("run") == before, "{flags}");
        assert!(!bench.path("new").exists(), "{flags}");
    }
    let error = bench.fail(2, &words("train --resume --out run --bundles b --check-rate 0.1"));
    assert!(error.contains("--bundles: expected none"), "{error}");
    assert!(bench.files("run") == before && !bench.path("b").exists());
}

#[test]
fn layers_are_no_paths() {
    let bench = Bench::new();
    for name in ["../../evil", "block1/conv", ".hidden", "a b", "", "data", &"n".repeat(101)] {
        let net = format!(
            "name = 'n'\ninput = {{ height = 28, width = 28, channels = 1 }}\nlayers = [\n\
             {{ type = 'inner-product', name = '{name}', outputs = 10 }} ]\n"
        );
        fs::write(bench.path("n.toml"), net).unwrap();
        let line = "train --net n.toml --data synthetic --batch 2 --iters 1 --out run";
        let error = bench.fail(2, &words(line));
        assert!(error.contains("layer number 1: expected a name of"), "{error}");
        assert!(!bench.path("run").exists());
    }
}

#[test]
fn diagnostics_that_nobody_reads_stop_nothing() {
    let bench = Bench::new();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let train = |out: &str, errors: Stdio| {
        Command::new(env!("CARGO_BIN_EXE_flexmac"))
            .args(words(&format!("{TRAIN} {SHORT} --out {out}")))
            .current_dir(bench.path("."))
            .stdout(Stdio::null())
            .stderr(errors)
            .status()
            .unwrap()
    };
    assert!(train("full", full().into()).success());
    assert!(train("heard", Stdio::null()).success());
    assert!(bench.files("full/weights") == bench.files("heard/weights"));
    let failed = Command::new(env!("CARGO_BIN_EXE_flexmac"))
        .args(["report", "none"])
        .stderr(full())
        .status()
        .unwrap();
    assert_eq!(failed.code(), Some(2));
}

#[test]
fn paths_need_not_be_text() {
    let bench = Bench::with_design(&["--rows", "1", "--cols", "1"]);
    let odd = OsStr::from_bytes(b"c\xff");
    bench.write("a.npy", &Matrix::new(1, 1, [3]));
    let gemm = "gemm --config d --engine reference --a a.npy --b a.npy --bits-a 8 --bits-b 8 --out";
    let run = |line: &str, path: &OsStr, rest: &str| {
        let output = bench.command(&words(line)).arg(path).args(words(rest)).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    };
    run(gemm, odd, "");
    assert!(bench.path(".").join(odd).is_file());
    let folder = OsStr::from_bytes(b"run\xff");
    run(&format!("{TRAIN} {SHORT} --out"), folder, "");
    run("report", folder, "--json");
    assert!(bench.path(".").join(folder).join(Path::new("report.html")).is_file());
}
