//! What surrounds a run: nothing of an earlier one is lost to input that is refused, files stay in
//! their folder, diagnostics that nobody reads stop nothing, paths need not be text.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::npy::Matrix;
use crate::support::{Bench, words};

const TRAIN: &str = "train --net mlp --data synthetic --batch 2 --policy static --bits 8 \
                     --storage-bits 8";
const SHORT: &str = "--eval-images 2 --iters 2";

#[test]
fn refused_input_leaves_the_run_it_would_have_replaced() {
    let bench = Bench::with_design(&["--rows", "1", "--cols", "1", "--rounding", "nearest"]);
    bench.run(&words("gen --rows 1 --cols 1 --chunk 2 --max-bits 4 --out narrow"));
    let quiet = bench.command(&words(&format!("{TRAIN} {SHORT} --out run"))).output().unwrap();
    assert!(quiet.status.success(), "{quiet:?}");
    let before = bench.files("run");
    for (flags, expected) in [
        ("--iters 0 --eval-images 2", "iterations of at least 1, found 0"),
        ("--iters 2 --eval-images 0", "images to evaluate of at least 1, found 0"),
        ("--iters 2 --config d", "--round: expected a mode of the array, one of nearest, found"),
        ("--iters 2 --config narrow", "at most 4 bits, the array's widest operand, found 8"),
        (
            "--iters 2 --validation 4000",
            "--validation: expected at most 3999 of the training images",
        ),
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

#[test]
fn a_synthesis_that_is_refused_leaves_the_one_before() {
    let bench = Bench::new();
    bench.run(&words("gen --rows 1 --cols 1 --chunk 2 --lanes 1 --max-bits 4 --out d"));
    let run = |flags: &str, out: &str| {
        let line = format!("synth --config d --jobs 1 {flags} --out");
        bench.command(&words(&line)).arg(out).output().unwrap()
    };
    // Yosys gives ABC the names of files in a language of ABC's own.
    let made = run("--top flexmac_pe", "a 'b'; c");
    assert!(made.status.success(), "{made:?}");
    fs::write(bench.path("bad.lib"), "library(l) { cell(a) {").unwrap();
    let before = bench.files("");
    for (flags, expected) in [
        ("--top flexmac_pe --liberty bad.lib", "bad.lib:1: expected "),
        ("--top flexmac_pe --liberty none.lib", "no cell library at none.lib"),
        ("--top nosuch", "--top: expected a module of the design, flexmac_accumulate, "),
        ("--target ice40 --period-ps 900", "--period-ps goes with --target liberty"),
        ("--target generic --search-period", "--search-period goes with --target liberty"),
    ] {
        for out in ["a 'b'; c", "new"] {
            let output = run(flags, out);
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.code() == Some(2) && error.contains(expected), "{error}");
        }
        assert!(bench.files("") == before, "{flags}");
    }
}

/// What a study says reaches a shell, and each step is begun long after the study was read.
#[test]
fn studies_are_refused_before_their_folder_is_made() {
    let bench = Bench::new();
    let smoke = include_str!("../../experiments/studies/smoke.toml");
    for (old, new, expected) in [
        ("--chunk 8", "--chunk 8; touch evil", "found ';' in "),
        ("--chunk 8", "--chunk $(evil)", "found '$' in "),
        ("--chunk 8", "--chonk 8", "design flex8, 2 x 2: unexpected argument '--chonk' found"),
        ("--chunk 8", "--chunk 5", "chunk: expected 2, 4, 8 or 16, found 5"),
        ("--chunk 8", "--rows 8", "'--rows <N>' cannot be used multiple times"),
        ("--max-k 64\"\nfixed", "--json 1\"\nfixed", "unexpected argument '1' found"),
        (
            "modes = [\"8x8\"]",
            "modes = [\"40x8\"]",
            "modes: \"40x8\": expected two widths of 2..=32 bits",
        ),
        ("modes = [\"8x8\"]", "modes = [\"4x4,8x8\"]", "modes: \"4x4,8x8\": expected two widths"),
        ("--policy static", "--policy magic", "run static: invalid value 'magic'"),
        ("osu018 = ", "'-x' = ", "names that do not begin with '-' or '.', found -x"),
    ] {
        assert!(smoke.contains(old), "{old}");
        fs::write(bench.path("s.toml"), smoke.replace(old, new)).unwrap();
        let error = bench.fail(2, &words("sweep --study s.toml --out s --write-only"));
        assert!(error.contains(expected), "expected {expected}, found {error}");
        assert!(!bench.path("s").exists());
    }
    bench.run(&words("sweep --study smoke --out s --write-only"));
    fs::create_dir_all(bench.path("s/runs/static")).unwrap();
    // The run's record has the array it is on.
    let design = "--chunk 8 --lanes 1 --max-bits 16 --max-k 64 --rows 2 --cols 2";
    bench.run(&words(&format!("gen {design} --out array")));
    let design = fs::read_to_string(bench.path("array/config.json")).unwrap();
    let design: Value = serde_json::from_str(&design).unwrap();
    let record = include_str!("../hostile/seeds/run-config/config.json");
    let mut record: Value = serde_json::from_str(record).unwrap();
    record["array"] = design["parameters"].clone();
    fs::write(bench.path("s/runs/static/config.json"), record.to_string()).unwrap();
    let before = bench.files("s");
    for (old, new) in
        [("--bits 8", "--bits 9"), ("--chunk 8", "--chunk 4"), ("cols = 2", "cols = 3")]
    {
        fs::write(bench.path("s.toml"), smoke.replace(old, new)).unwrap();
        let error = bench.fail(2, &words("sweep --study s.toml --out s --write-only"));
        assert!(
            error.contains("s/runs/static: expected a run begun as the study has it"),
            "{error}"
        );
        assert!(bench.files("s") == before);
    }
    // What was noted as a run began counts, whatever studies came between.
    let begun = "--net lenet-small --data synthetic --policy static --bits 8 --iters 4";
    for (flags, code) in [
        (begun.to_owned(), 0),
        (begun.replace("--bits 8 --iters 4", "--iters 4 --bits=8"), 0),
        (begun.replace("--bits 8 --iters 4", "--bits 4 --iters 8"), 2),
    ] {
        let noted = format!("{flags} --config designs/flex8/array\n");
        fs::write(bench.path("s/runs/.static.flags"), noted).unwrap();
        bench.command(&words("sweep --study smoke --out s --write-only")).assert().code(code);
    }
    fs::remove_file(bench.path("s/runs/.static.flags")).unwrap();
    // A run from elsewhere in its place, and back.
    for flags in ["--run static=array", ""] {
        bench.run(&words(&format!("sweep --study smoke --out s --write-only {flags}")));
    }
    // A study may grow, and what its runs do not look at may change.
    let more = "[runs]\nmore = { train = '--net mlp --data synthetic' }";
    fs::write(
        bench.path("s.toml"),
        smoke.replace("[runs]", more).replace("lanes 1 --max-k 64\"\n\n", "lanes 2\"\n\n"),
    )
    .unwrap();
    bench.run(&words("sweep --study s.toml --out s --write-only"));
    fs::create_dir(bench.path("own")).unwrap();
    fs::write(bench.path("own/Snakefile"), "rule all:\n").unwrap();
    let error = bench.fail(2, &words("sweep --study smoke --out own --write-only"));
    assert!(error.contains("own/Snakefile: expected none, or one that begins with"), "{error}");
    assert_eq!(bench.files("own").len(), 1);
}

/// What a run's files say is counted only where it can be the run's.
#[test]
fn a_history_with_a_hole_or_a_double_is_refused() {
    let bench = Bench::with_design(&["--rows", "1", "--cols", "1"]);
    let line = format!("{TRAIN} --eval-images 2 --iters 3 --out run");
    bench.command(&words(&line)).assert().success();
    let path = bench.path("run/history.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let [first, second, third] = lines[..] else { panic!("{} iterations", lines.len()) };
    for (lines, expected) in [
        ([first, third].join("\n"), "iteration 1, found 2"),
        ([first, second, second, third].join("\n"), "iteration 2, found 1"),
        ([second, third].join("\n"), "iteration 0, found 1"),
    ] {
        fs::write(&path, lines + "\n").unwrap();
        for command in ["report run --unfinished", "estimate --config d --run run"] {
            let error = bench.fail(2, &words(command));
            assert!(error.contains(expected) && error.contains("history.jsonl"), "{error}");
        }
    }
}

/// What a run before left is not taken for this one's, and what a run needs is not made up.
#[test]
fn a_run_begun_again_has_nothing_of_the_one_before() {
    let bench = Bench::new();
    let train = |line: &str| bench.command(&words(line)).assert().success();
    train(&format!("{TRAIN} {SHORT} --out run"));
    bench.run(&words("report run"));
    fs::write(bench.path("run/weights/notes.txt"), "mine").unwrap();
    let other = "train --net lenet-small --data synthetic --batch 2 --engine float";
    train(&format!("{other} {SHORT} --out run --force"));
    train(&format!("{other} {SHORT} --out fresh"));
    let names = |run: &str| {
        let files = bench.files(run).into_keys();
        files.filter(|name| !name.ends_with("notes.txt")).collect::<Vec<_>>()
    };
    assert_eq!(names("run"), names("fresh"));
    assert!(bench.path("run/weights/notes.txt").exists());

    // What no run wrote stays, be it named like weights.
    fs::create_dir_all(bench.path("own/weights")).unwrap();
    for name in ["own/weights/ip1.weight.npy", "own/report.html", "run/weights/mine.npy"] {
        fs::write(bench.path(name), "mine").unwrap();
    }
    fs::create_dir(bench.path("run/weights/a.npy")).unwrap();
    for out in ["own", "run"] {
        train(&format!("{TRAIN} --eval-images 2 --iters 1 --out {out} --force"));
    }
    assert!(bench.path("run/weights/mine.npy").exists());
    assert_eq!(fs::read(bench.path("own/report.html")).unwrap(), b"mine");

    fs::remove_file(bench.path("fresh/timing.csv")).unwrap();
    let before = bench.files("fresh");
    let error = bench.fail(2, &words("train --resume --iters 4 --out fresh"));
    assert!(error.contains("fresh/timing.csv: expected one at least as long as"), "{error}");
    assert!(bench.files("fresh") == before);
}

#[test]
fn bundles_are_refused_before_a_run_is_made() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "").unwrap();
    let line = format!("{TRAIN} {SHORT} --check-rate 0.5 --out run --bundles file");
    let error = bench.fail(2, &words(&line));
    assert!(error.contains("--bundles file: "), "{error}");
    assert!(!bench.path("run").exists());
}

#[test]
fn a_missing_home_is_looked_up_and_never_the_current_folder() {
    let bench = Bench::new();
    let mut list = bench.command(&words("data list --json"));
    list.env_remove("HOME").env_remove("FLEXMAC_DATA");
    let output = list.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let places = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mnist = places.into_iter().find(|set| set["name"] == "mnist").unwrap();
    assert!(Path::new(mnist["place"].as_str().unwrap()).is_absolute(), "{mnist}");
}
