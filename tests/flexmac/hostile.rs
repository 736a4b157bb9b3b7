//! Every reader of `targets.rs` on mutated files: none panics, hangs, or takes memory beyond a bound.
//!
//! Each target runs in a process of its own whose address space is limited, so that an allocation for
//! what a file merely declares ends it. HOSTILE_EXECUTIONS (per target) and HOSTILE_SEED make longer and
//! other runs: `scripts/fuzz mutate`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::mutate::{Random, mutate};
use crate::targets::{Read, TARGETS};

/// Address space of a target's process. Files here have at most a megabyte.
const MEMORY_KIB: u32 = 1_000_000;

/// Longest that a reader may take for one of them.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const EXECUTIONS: u64 = 400;

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().map_or(default, |text| text.parse().expect(variable))
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile/seeds").join(name);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs one target in this process; its input is on the disk before it is read.
fn run(name: &str, read: Read, folder: &Path) {
    let (seeds, count) = (seeds(name), number("HOSTILE_EXECUTIONS", EXECUTIONS));
    for (index, seed) in seeds.iter().enumerate() {
        read(folder, seed).unwrap_or_else(|why| panic!("{name}: valid file {index}: {why}"));
    }
    let (mut taken, mut slowest, begin) = (0, Duration::ZERO, Instant::now());
    for execution in 0..count {
        let mut random = Random(number("HOSTILE_SEED", 1).wrapping_mul(1 << 32) + execution);
        let bytes = mutate(&mut random, &seeds);
        fs::write(folder.join("input"), &bytes).unwrap();
        let start = Instant::now();
        match read(folder, &bytes) {
            Ok(()) => taken += 1,
            Err(why) => assert!(why.len() > 4, "{name}: an error without words: {why:?}"),
        }
        slowest = slowest.max(start.elapsed());
        assert!(slowest < TIME_LIMIT, "{name}: {slowest:?} for {} bytes", bytes.len());
    }
    println!(
        "hostile {name} {count} executions, {taken} taken, {:.1} s, slowest {} ms",
        begin.elapsed().as_secs_f64(),
        slowest.as_millis()
    );
}

/// Set in the process of one target.
const TARGET: &str = "HOSTILE_TARGET";

#[test]
fn mutated_files_are_taken_or_refused_and_nothing_else() {
    if let Ok(wanted) = env::var(TARGET) {
        let (name, read) = TARGETS.iter().find(|(name, _)| *name == wanted).expect("a target");
        return run(name, *read, Path::new(&env::var("HOSTILE_FOLDER").unwrap()));
    }
    // In memory where there is such a place: hundreds of thousands of small files are written.
    let memory = Path::new("/dev/shm");
    let scratch = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    };
    let mut failed = Vec::new();
    for (name, _) in TARGETS {
        let folder = scratch.path().join(name);
        fs::create_dir(&folder).unwrap();
        let script = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"");
        let output = Command::new("sh")
            .args(["-c", &script])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "hostile::mutated_files_are_taken_or_refused_and_nothing_else"])
            .args(["--nocapture", "--test-threads", "1"])
            .env(TARGET, name)
            .env("HOSTILE_FOLDER", &folder)
            // Every thread takes address space for its own heap.
            .env("RAYON_NUM_THREADS", "2")
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        // Behind the name of the test.
        let told = out.lines().filter_map(|line| line.find("hostile ").map(|at| &line[at..]));
        let told: Vec<_> = told.inspect(|line| println!("{line}")).collect();
        assert!(!output.status.success() || !told.is_empty(), "{name} was not run: {out}");
        if !output.status.success() {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{name}"));
            fs::copy(folder.join("input"), &kept).unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            let err: String = err.lines().take(12).collect::<Vec<_>>().join("\n");
            failed.push(format!("{name}: {}; input {}\n{err}", output.status, kept.display()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
