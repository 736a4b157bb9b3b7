//! What a machine does to a program: tools killed in mid-run, full disks, read-only caches, two
//! processes on one folder, signals, files of another time. Each time: one clear error, nothing lost, nothing
//! half-written taken for whole, and a second run that ends as if nothing had been.
//!
//! Training that is killed, interrupted or out of disk is in resume.rs, the cache under
//! contention and damage in ../verilated/cache.rs, SIGKILL in every stage of a synthesis in
//! ../synth/stages.rs, a killed sweep in ../sweep/run.py, and a clock that is set back in clock.rs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::npy::Matrix;
use crate::support::{Bench, one_error, text, words};

/// The smallest array that multiplies.
const ONE: [&str; 18] = [
    "--rows",
    "1",
    "--cols",
    "1",
    "--chunk",
    "4",
    "--lanes",
    "1",
    "--max-bits",
    "4",
    "--max-k",
    "4",
    "--depth",
    "4",
    "--stages",
    "1",
    "--rounding",
    "truncate",
];

const GEMM: &str = "gemm --config d --engine checked --a a.npy --b b.npy --bits-a 4 --bits-b 4 --round truncate --out c.npy";
const SYNTH: &str = "synth --config d --out s";

fn bench() -> Bench {
    let bench = Bench::with_design(&ONE);
    bench.write("a.npy", &Matrix::new(1, 2, [3, -2]));
    bench.write("b.npy", &Matrix::new(2, 1, [5, 7]));
    bench
}

/// The product of `bench`, as a file.
fn product(bench: &Bench) -> Vec<u8> {
    bench.run(&words(&GEMM.replace("checked", "reference")));
    let c = fs::read(bench.path("c.npy")).unwrap();
    fs::remove_file(bench.path("c.npy")).unwrap();
    c
}

fn flexmac(bench: &Bench, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flexmac"));
    command.args(words(line)).current_dir(bench.path("")).stdin(Stdio::null());
    command.env("FLEXMAC_CACHE", bench.path("cache"));
    command
}

/// Errors of a command that must fail with exit code 2; progress may come before.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let mut quiet = output.clone();
    let lines = text(&output.stderr);
    let kept = lines.split_inclusive('\n').filter(|line| !line.starts_with("synth: "));
    quiet.stderr = kept.collect::<String>().into_bytes();
    one_error(&quiet)
}

fn succeeds(output: Output) -> Output {
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

/// A program in `bin` that becomes `real`, and is killed `after` milliseconds later.
fn killed_after(bench: &Bench, name: &str, real: &Path, after: u32) -> PathBuf {
    let bin = bench.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let path = bin.join(name);
    // Versions are asked for first, and must be answered.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *-version*|*--getenv*|-V|*dumpfullversion*) exec {real} \"$@\";; esac\n\
         (sleep {}.{:03}; kill -9 $$) >/dev/null 2>&1 &\nexec {real} \"$@\"\n",
        after / 1000,
        after % 1000,
        real = real.display(),
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn on_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("{name} is needed by this test"))
}

/// Names in a folder of the cache; none where there is none.
fn entries(cache: &Path, folder: &str) -> usize {
    fs::read_dir(cache.join(folder)).map_or(0, Iterator::count)
}

/// Finished entries of a cache.
fn models(cache: &Path) -> usize {
    let folders = fs::read_dir(cache).unwrap().flatten();
    folders.filter(|entry| entry.path().join("manifest.json").exists()).count()
}

#[test]
fn verilator_and_the_compiler_killed_in_mid_run() {
    let bench = bench();
    let expected = product(&bench);
    let cache = bench.path("cache");
    let killed = [("VERILATOR", "verilator_bin", 15), ("CXX", "g++", 60)];
    for (variable, name, after) in killed {
        let mut real = on_path(name);
        if variable == "VERILATOR" {
            real = on_path("verilator");
        }
        let wrapper = killed_after(&bench, name, &real, after);
        let output = flexmac(&bench, GEMM).env(variable, &wrapper).output().unwrap();
        let error = refused(&output);
        assert!(error.contains("signal: 9 (SIGKILL)"), "{name}: {error}");
        assert!(!bench.path("c.npy").exists());
        assert_eq!((entries(&cache, "building"), models(&cache)), (0, 0), "{name}");
    }
    succeeds(flexmac(&bench, GEMM).output().unwrap());
    assert_eq!(fs::read(bench.path("c.npy")).unwrap(), expected);
}

/// The report without times.
fn report(bench: &Bench, out: &str) -> serde_json::Value {
    let text = fs::read_to_string(bench.path(out).join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    report.as_object_mut().unwrap().remove("stages");
    report
}

#[test]
fn yosys_and_opensta_killed_in_mid_run_and_a_clock_that_went_wrong() {
    let bench = bench();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", bench.path("bin").display());
    for (name, after) in [("yosys", 100), ("sta", 5)] {
        let wrapper = killed_after(&bench, name, &on_path(name), after);
        let error = refused(&flexmac(&bench, SYNTH).env("PATH", &path).output().unwrap());
        assert!(error.contains("killed by signal 9"), "{name}: {error}");
        assert!(!bench.path("s/report.json").exists(), "{name}");
        fs::remove_file(wrapper).unwrap();
    }
    succeeds(flexmac(&bench, SYNTH).output().unwrap());
    succeeds(flexmac(&bench, &SYNTH.replace("out s", "out whole")).output().unwrap());
    let whole = report(&bench, "whole");
    assert_eq!(report(&bench, "s"), whole);

    // Times of files decide nothing: what is whole is kept, what was altered is made again.
    for time in ["1970-01-02", "2099-12-31"] {
        let touch = format!("find s d -exec touch -h -d {time} {{}} +");
        assert!(
            Command::new("sh")
                .args(["-c", &touch])
                .current_dir(bench.path(""))
                .status()
                .unwrap()
                .success()
        );
        let output = succeeds(flexmac(&bench, SYNTH).output().unwrap());
        let progress = text(&output.stderr);
        assert!(
            progress.lines().filter(|line| line.contains(": kept from ")).count() >= 3,
            "{progress}"
        );
        assert!(!progress.contains("again"), "{progress}");
        assert_eq!(report(&bench, "s"), whole);
    }
    let netlist = bench.path("s/netlist.v");
    let sound = fs::read_to_string(&netlist).unwrap();
    fs::write(&netlist, sound.replacen("endmodule", "// altered\nendmodule", 1)).unwrap();
    assert!(
        Command::new("touch").args(["-d", "1970-01-02"]).arg(&netlist).status().unwrap().success()
    );
    let output = succeeds(flexmac(&bench, SYNTH).output().unwrap());
    assert!(text(&output.stderr).contains("netlist.v was altered"), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(&netlist).unwrap(), sound);
}

/// Runs a shell script with a file system of its own in memory mounted on `disk`.
fn on_small_disk(bench: &Bench, kilobytes: u32, script: &str) -> Output {
    fs::create_dir_all(bench.path("disk")).unwrap();
    let script = format!("mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit 9\n{script}");
    Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .current_dir(bench.path(""))
        .env("FLEXMAC", env!("CARGO_BIN_EXE_flexmac"))
        .env("FLEXMAC_CACHE", bench.path("disk/cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn disks_that_are_full() {
    let bench = bench();
    let expected = product(&bench);
    // A design, a product: nothing of either is left.
    let output = on_small_disk(
        &bench,
        16,
        "\"$FLEXMAC\" gen --out disk/d; code=$?; ls disk >&2; exit $code",
    );
    let error = refused(&output);
    assert!(error.contains("No space left on device"), "{error}");
    assert!(error.lines().count() == 1, "something was left: {error}");
    let output = on_small_disk(
        &bench,
        4,
        &format!(
            "head -c 4096 /dev/zero >disk/full; \"$FLEXMAC\" {}; code=$?; ls -A disk >&2; exit $code",
            GEMM.replace("checked", "reference").replace("--out c", "--out disk/c")
        ),
    );
    let error = refused(&output);
    assert!(error.contains("No space left on device") && error.ends_with("\nfull\n"), "{error}");
    // A cache: no entry, and one when there is room.
    let script = format!(
        "\"$FLEXMAC\" {GEMM}; code=$?
         [ -e c.npy ] && exit 8
         [ -z \"$(ls disk/cache/building)\" ] && [ -z \"$(ls disk/cache/*/manifest.json)\" ] || exit 7
         mount -o remount,size=100m disk && \"$FLEXMAC\" {GEMM} >/dev/null || exit 6
         exit $code"
    );
    let output = on_small_disk(&bench, 300, &script);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("No space left on device"), "{}", text(&output.stderr));
    assert_eq!(fs::read(bench.path("c.npy")).unwrap(), expected);
    // A synthesis: no report, and the same one when there is room.
    let script = format!(
        "\"$FLEXMAC\" {line} >&2; code=$?
         [ -e disk/s/report.json ] && exit 8
         mount -o remount,size=100m disk && \"$FLEXMAC\" {line} 2>again >/dev/null || {{ cat again >&2; exit 6; }}
         cp -r disk/s s; exit $code",
        line = SYNTH.replace("--out s", "--out disk/s")
    );
    let output = on_small_disk(&bench, 500, &script);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let errors = text(&output.stderr).lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors, 1, "{}", text(&output.stderr));
    assert!(report(&bench, "s")["area_um2"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_read_only_cache_serves_what_it_has_and_nothing_damaged() {
    let bench = bench();
    let expected = product(&bench);
    succeeds(flexmac(&bench, GEMM).output().unwrap());
    let read_only = || {
        fs::remove_file(bench.path("c.npy")).ok();
        let script = format!(
            "mount --bind -o ro cache cache && mount -o remount,bind,ro cache || exit 9\n\"$FLEXMAC\" {GEMM}"
        );
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .current_dir(bench.path(""))
            .env("FLEXMAC", env!("CARGO_BIN_EXE_flexmac"))
            .env("FLEXMAC_CACHE", bench.path("cache"))
            .output()
            .unwrap()
    };
    succeeds(read_only());
    assert_eq!(fs::read(bench.path("c.npy")).unwrap(), expected);
    // One bit of the model: it is not used, and cannot be replaced.
    let find = fs::read_dir(bench.path("cache")).unwrap().flatten();
    let model =
        find.map(|entry| entry.path().join("model.so")).find(|path| path.is_file()).unwrap();
    let mut bytes = fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&model, &bytes).unwrap();
    let error = refused(&read_only());
    assert!(error.contains("Read-only file system"), "{error}");
    assert!(error.contains("set FLEXMAC_CACHE to another folder"), "{error}");
    assert!(!bench.path("c.npy").exists(), "a damaged model was used");
    // Writable again, it is replaced, whatever the times of its files.
    assert!(
        Command::new("touch").args(["-d", "1970-01-02"]).arg(&model).status().unwrap().success()
    );
    succeeds(flexmac(&bench, GEMM).output().unwrap());
    assert_eq!(fs::read(bench.path("c.npy")).unwrap(), expected);
    assert_ne!(fs::read(&model).unwrap(), bytes);
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what} never happened");
        thread::sleep(Duration::from_millis(2));
    }
}

fn quietly(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn two_trainers_in_one_folder_and_a_lock_whose_owner_is_dead() {
    let bench = Bench::new();
    let train =
        "train --net mlp --data synthetic --batch 8 --iters 100000 --checkpoint-every 5 --out run";
    let mut first = quietly(flexmac(&bench, train));
    wait_for("a checkpoint", || entries(&bench.path("run"), "checkpoints") > 0);
    for line in [format!("{train} --force"), "train --resume --out run".to_owned()] {
        let error = refused(&flexmac(&bench, &line).output().unwrap());
        assert!(error.contains("run folder run"), "{line}: {error}");
        assert!(error.contains("expected no other process writing to it"), "{line}: {error}");
    }
    assert!(first.try_wait().unwrap().is_none(), "the first goes on");
    first.kill().unwrap();
    first.wait().unwrap();
    let lines =
        |name: &str| fs::read_to_string(bench.path("run").join(name)).unwrap().lines().count();
    let done = lines("history.csv") as u64;
    // Its lock died with it; it goes on, and from no further back than a checkpoint.
    let mut second = quietly(flexmac(&bench, "train --resume --out run"));
    wait_for("more iterations", || lines("history.csv") as u64 > done + 20);
    second.kill().unwrap();
    second.wait().unwrap();
    let history = fs::read_to_string(bench.path("run/history.csv")).unwrap();
    let whole = &history[..history.rfind('\n').unwrap()];
    for (number, line) in whole.lines().skip(1).enumerate() {
        assert!(line.starts_with(&format!("{number},")), "iteration {number}: {line}");
    }
}

#[test]
fn two_syntheses_in_one_folder_and_signals_in_mid_run() {
    let bench = bench();
    // A Yosys that takes its time while there is a file `slow`: nothing ends before its signal.
    fs::create_dir(bench.path("bin")).unwrap();
    let (wrapper, slow) = (bench.path("bin/yosys"), bench.path("slow"));
    let script = format!(
        "#!/bin/sh\n[ -e {} ] && sleep 2\nexec {} \"$@\"\n",
        slow.display(),
        on_path("yosys").display()
    );
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", bench.path("bin").display());
    // A shell's background job, as tests may be, ignores SIGINT, and what it starts does too.
    let synth = |line: &str| {
        let plain = flexmac(&bench, line);
        let mut command = Command::new("env");
        command.arg("--default-signal=INT").arg(plain.get_program()).args(plain.get_args());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(plain.get_current_dir().unwrap()).env("PATH", &path);
        command.stdin(Stdio::null());
        command
    };
    let stage = |name: &str| {
        let entries = fs::read_dir(bench.path("s")).into_iter().flatten().flatten();
        entries.filter(|e| e.file_name().to_string_lossy().starts_with(name)).count() > 0
    };
    fs::write(&slow, "").unwrap();
    for signal in ["-INT", "-TERM", "-KILL"] {
        let mut first = synth(SYNTH);
        let mut first = first.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut progress = BufReader::new(first.stderr.take().unwrap()).lines();
        let begun = progress.any(|line| line.unwrap().starts_with("synth: synthesis"));
        assert!(begun, "no stage began");
        let error = refused(&synth(SYNTH).output().unwrap());
        assert!(error.contains("is in use by another run"), "{error}");
        // The program alone: its tool lives on for a moment, as after a kill by the system.
        let pid = first.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        first.wait().unwrap();
        assert!(!bench.path("s/report.json").exists(), "{signal}");
    }
    fs::remove_file(&slow).unwrap();
    succeeds(synth(SYNTH).output().unwrap());
    assert!(!stage(".run-"), "scratch folders stay");
    succeeds(synth(&SYNTH.replace("out s", "out whole")).output().unwrap());
    assert_eq!(report(&bench, "s"), report(&bench, "whole"));
}

#[test]
fn two_generators_into_one_folder_leave_one_whole_design() {
    let bench = Bench::new();
    for _ in 0..5 {
        let flags = ["--rows 2 --cols 2", "--rows 3 --cols 1"];
        let both = flags.map(|flags| quietly(flexmac(&bench, &format!("gen {flags} --out d"))));
        let codes = both.map(|mut child| child.wait().unwrap().code());
        assert_eq!(codes, [Some(0); 2]);
        let found = bench.files("d");
        let whole = flags.iter().any(|flags| {
            bench.run(&words(&format!("gen {flags} --out e")));
            bench.files("e") == found
        });
        assert!(whole, "a mixture of two designs");
        let names: Vec<_> =
            fs::read_dir(bench.path("")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}

/// A stand-in for Snakemake, whose own way with locks is held to in ../sweep/run.py.
#[test]
fn a_sweep_whose_snakemake_was_killed_recovers_its_lock() {
    let bench = Bench::new();
    let snakemake = bench.path("snakemake");
    let script = "#!/bin/sh
        case $1 in --version) exit 0;; --unlock) rm .snakemake/locks/*; exit;; esac
        [ -z \"$(ls .snakemake/locks 2>/dev/null)\" ] || { echo locked >&2; exit 1; }
        mkdir -p .snakemake/locks; touch .snakemake/locks/0.output.lock
        [ -e ../slow ] && sleep 100
        echo table >headline.md; rm .snakemake/locks/*\n";
    fs::write(&snakemake, script).unwrap();
    fs::set_permissions(&snakemake, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(bench.path("slow"), "").unwrap();
    let sweep = "sweep --study smoke --out study --snakemake ./snakemake";
    let mut first = quietly(flexmac(&bench, sweep));
    let locked = || entries(&bench.path("study"), ".snakemake/locks") == 1;
    wait_for("a lock", locked);
    let error = refused(&flexmac(&bench, sweep).output().unwrap());
    assert!(error.contains("study is in use by another sweep"), "{error}");
    // Killed alone, its Snakemake goes on, and still keeps others out.
    first.kill().unwrap();
    first.wait().unwrap();
    let error = refused(&flexmac(&bench, sweep).output().unwrap());
    assert!(error.contains("steps that an ended one left running"), "{error}");
    let children = "for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = \"$PWD/study\" ] && kill -9 ${p#/proc/}; done; true";
    Command::new("sh").args(["-c", children]).current_dir(bench.path("")).status().unwrap();
    fs::remove_file(bench.path("slow")).unwrap();
    assert!(locked(), "Snakemake's lock stays behind");
    wait_for("the end of the killed", || flexmac(&bench, sweep).output().unwrap().status.success());
    assert!(!locked());
    assert_eq!(fs::read_to_string(bench.path("study/headline.md")).unwrap(), "table\n");
}

/// A stand-in for Snakemake that records its arguments in its working folder.
#[test]
fn snakemake_is_told_profile_cores_and_patience() {
    let bench = Bench::new();
    let script = "#!/bin/sh\n[ $1 = --version ] && echo 9.27.1 && exit\necho \"$@\" >told; echo table >headline.md\n";
    fs::write(bench.path("snakemake"), script).unwrap();
    fs::set_permissions(bench.path("snakemake"), fs::Permissions::from_mode(0o755)).unwrap();
    // A profile, also one named for a version of Snakemake; folders that are none.
    for folder in ["here/v8", "logs", "deep/site"] {
        fs::create_dir_all(bench.path(folder)).unwrap();
    }
    fs::write(bench.path("here/config.yaml"), "cores: 1\n").unwrap();
    fs::write(bench.path("here/v8/config.v8+.yaml"), "cores: 1\n").unwrap();
    let told = |flags: &str| {
        bench.run(&words(&format!(
            "sweep --study smoke --out study --snakemake ./snakemake {flags}"
        )));
        fs::read_to_string(bench.path("study/told")).unwrap().trim().to_owned()
    };
    let place = |path: &str| fs::canonicalize(bench.path(path)).unwrap().display().to_string();
    let usual = "--rerun-incomplete --keep-going --rerun-triggers mtime params input";
    for (flags, expected) in [
        ("", "--cores all".to_owned()),
        ("--cores 3 --latency-wait 60", "--cores 3 --latency-wait 60".to_owned()),
        ("--profile slurm", "--profile slurm".to_owned()),
        ("--profile logs", "--profile logs".to_owned()),
        ("--profile here", format!("--profile {}", place("here"))),
        ("--profile ./here", format!("--profile {}", place("here"))),
        ("--profile here/v8", format!("--profile {}", place("here/v8"))),
        ("--profile deep/site", format!("--profile {}", place("deep/site"))),
        ("--profile here/config.yaml", format!("--profile {}", place("here/config.yaml"))),
        ("--profile site/slurm", "--profile site/slurm".to_owned()),
        ("--profile slurm --latency-wait 0", "--profile slurm --latency-wait 0".to_owned()),
    ] {
        assert_eq!(told(flags), format!("{usual} {expected}"), "{flags}");
    }
    for (flags, expected) in [
        ("--cores 2 --profile slurm", "expected one of them, found both"),
        ("--latency-wait soon", "invalid value 'soon'"),
        ("--write-only --latency-wait 5", "cannot be used with"),
    ] {
        let line = format!("sweep --study smoke --out new --snakemake ./snakemake {flags}");
        let error = bench.fail(2, &words(&line));
        assert!(error.contains(expected), "{error}");
    }
}
