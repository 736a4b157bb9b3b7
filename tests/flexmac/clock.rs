//! A clock that is set back while the program runs, stops and goes on: training, synthesis, the model
//! cache. Each ends as if the clock had gone on.
//!
//! The clock is libfaketime's, for the program and for every tool that it starts. It reads its offset
//! from a file at each call, so it jumps in mid-run; the clock of intervals is left alone, as setting a
//! clock leaves it, and so are the times of files, which then lie in the future.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::npy::Matrix;
use crate::support::{Bench, text, words};

struct Clock {
    file: PathBuf,
    library: String,
}

impl Clock {
    fn new(bench: &Bench) -> Self {
        // What the wrapper would load is not where every system has it.
        let printed = ["-m", "-f", "+0", "printenv", "LD_PRELOAD"];
        let output = Command::new("faketime").args(printed).output();
        let output = output.expect("apt-get install faketime");
        let library = text(&output.stdout).trim().to_owned();
        assert!(library.contains("libfaketime"), "{library:?} {}", text(&output.stderr));
        let clock = Self { file: bench.path("clock"), library };
        for (offset, year) in [("-9000d", 2000..=2015), ("+0d", 2025..=9999)] {
            clock.set(offset);
            let mut date = Command::new("date");
            let output = clock.on(date.arg("+%Y")).output().unwrap();
            let shown: u32 = text(&output.stdout).trim().parse().unwrap();
            assert!(year.contains(&shown), "{offset}: {shown}");
        }
        clock
    }

    /// Sets it, whoever reads it, to the real time and so many days.
    fn set(&self, offset: &str) {
        let staged = self.file.with_extension("new");
        fs::write(&staged, offset).unwrap();
        fs::rename(&staged, &self.file).unwrap();
    }

    fn on<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
    }
}

fn flexmac(bench: &Bench, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flexmac"));
    command.args(words(line)).current_dir(bench.path("")).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.env("FLEXMAC_CACHE", bench.path("cache"));
    command
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stderr)
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < end, "{what} never happened");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn training_ends_in_the_same_bytes() {
    let bench = Bench::new();
    let clock = Clock::new(&bench);
    let train = "train --net mlp --data synthetic --batch 8 --seed 5 --iters 900 \
                 --checkpoint-every 7 --isearch-window 1 --dsearch-window 2 --loss-window 4";
    succeeds(&mut flexmac(&bench, &format!("{train} --out whole")));

    let mut first = flexmac(&bench, &format!("{train} --out run"));
    let mut first = clock.on(&mut first).stderr(Stdio::null()).spawn().unwrap();
    let history = bench.path("run/history.csv");
    let iterations = || fs::read_to_string(&history).map_or(0, |text| text.lines().count());
    wait_for("iteration 30", || iterations() > 30);
    clock.set("-40d");
    // More checkpoints, by the clock older than those that they replace.
    let seen = iterations();
    wait_for("30 more iterations", || iterations() > seen + 30);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!bench.path("run/result.json").exists(), "stopped in mid-run");

    clock.set("-9000d");
    succeeds(clock.on(&mut flexmac(&bench, "train --resume --out run")));
    let (run, whole) = (bench.path("run"), bench.path("whole"));
    // Those hold seconds besides.
    assert_eq!(names(&run.join("checkpoints")), names(&whole.join("checkpoints")));
    let weights = names(&whole.join("weights"));
    assert!(weights.len() >= 8, "{weights:?}");
    assert_eq!(names(&run.join("weights")), weights);
    let weights = weights.iter().map(|name| format!("weights/{name}"));
    for name in
        ["history.jsonl", "history.csv", "config.json"].map(String::from).into_iter().chain(weights)
    {
        let read = |run: &Path| fs::read(run.join(&name)).unwrap();
        assert!(read(&run) == read(&whole), "{name} differs");
    }
    // Seconds of an iteration are an interval's, not a difference of two dates.
    let timing = fs::read_to_string(run.join("timing.csv")).unwrap();
    let seconds = timing.lines().skip(1).map(|line| line.split_once(',').unwrap().1);
    let seconds: Vec<f64> = seconds.map(|text| text.parse().unwrap()).collect();
    assert!(seconds.len() >= 900 && seconds.iter().all(|s| (0.0..600.0).contains(s)), "{timing}");
}

/// The smallest array that multiplies.
const ONE: &str = "--rows 1 --cols 1 --chunk 4 --lanes 1 --max-bits 4 --max-k 4 --depth 4 --stages 1 \
                   --rounding truncate";

fn report(bench: &Bench, out: &str) -> serde_json::Value {
    let text = fs::read_to_string(bench.path(out).join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    report.as_object_mut().unwrap().remove("stages"); // seconds
    report
}

#[test]
fn synthesis_keeps_what_is_whole_and_reports_the_same() {
    let bench = Bench::with_design(&ONE.split_whitespace().collect::<Vec<_>>());
    let clock = Clock::new(&bench);
    succeeds(&mut flexmac(&bench, "synth --config d --out whole"));

    let mut first = flexmac(&bench, "synth --config d --out s");
    let mut first = clock.on(&mut first).spawn().unwrap();
    let mut progress = BufReader::new(first.stderr.take().unwrap()).lines();
    assert!(progress.any(|line| line.unwrap().starts_with("synth: synthesis")), "no stage began");
    clock.set("-40d");
    // Its next stages are dated before its first.
    assert!(progress.any(|line| line.unwrap().starts_with("synth: ")), "no other stage began");
    first.kill().unwrap();
    first.wait().unwrap();
    for offset in ["-9000d", "-9040d", "+0d"] {
        clock.set(offset);
        let told = succeeds(clock.on(&mut flexmac(&bench, "synth --config d --out s")));
        assert_eq!(report(&bench, "s"), report(&bench, "whole"), "{offset}: {told}");
        let kept = told.lines().filter(|line| line.contains(": kept from ")).count();
        assert!(offset == "-9000d" || kept >= 3, "{offset}: {told}");
    }
}

#[test]
fn the_model_cache_builds_once() {
    let bench = Bench::with_design(&ONE.split_whitespace().collect::<Vec<_>>());
    let clock = Clock::new(&bench);
    bench.write("a.npy", &Matrix::new(1, 2, [3, -2]));
    bench.write("b.npy", &Matrix::new(2, 1, [5, 7]));
    let gemm = "gemm --config d --engine checked --a a.npy --b b.npy --bits-a 4 --bits-b 4 \
                --round truncate --out c.npy";
    succeeds(&mut flexmac(&bench, &gemm.replace("checked", "reference")));
    let expected = fs::read(bench.path("c.npy")).unwrap();

    let mut first = flexmac(&bench, gemm);
    let first = clock.on(&mut first).spawn().unwrap();
    let building = bench.path("cache/building");
    wait_for("a build", || fs::read_dir(&building).is_ok_and(|mut found| found.next().is_some()));
    clock.set("-40d");
    let output = first.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));

    let built = bench.files("cache");
    for offset in ["-9000d", "-9040d", "+0d"] {
        clock.set(offset);
        let told = succeeds(clock.on(&mut flexmac(&bench, gemm)));
        assert!(!told.contains("building"), "{offset}: {told}");
        assert_eq!(fs::read(bench.path("c.npy")).unwrap(), expected, "{offset}");
        assert!(bench.files("cache") == built, "{offset}: the cache changed");
    }
}
