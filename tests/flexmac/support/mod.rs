//! What the tests of the command line share: a folder to work in, commands, operands as .npy, and
//! an oracle that has nothing in common with `fxp`.

pub mod faults;
pub mod npy;
pub mod oracle;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use npy::{Dtype, Matrix};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than any command of these tests; a hang is a failure, not a wait.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// 2 x 2, two planes an operand, one lane: the smallest array with every kind of edge.
pub const SMALL: [&str; 14] = [
    "--rows",
    "2",
    "--cols",
    "2",
    "--chunk",
    "4",
    "--lanes",
    "1",
    "--max-bits",
    "8",
    "--max-k",
    "8",
    "--depth",
    "64",
];

/// An array on which nothing divides anything, up to 32 bits.
pub const ODD: [&str; 14] = [
    "--rows",
    "3",
    "--cols",
    "2",
    "--chunk",
    "8",
    "--lanes",
    "3",
    "--max-bits",
    "32",
    "--max-k",
    "20",
    "--depth",
    "64",
];

/// A folder of its own for one test; paths given to commands are relative to it.
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A folder with a generated design in `d`.
    pub fn with_design(flags: &[&str]) -> Self {
        let bench = Self::new();
        bench.run(&[&["gen", "--out", "d"], flags].concat());
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command that runs here, with the tests' own cache of models.
    pub fn command<S: AsRef<str>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flexmac"));
        command
            .args(args.iter().map(AsRef::as_ref))
            .current_dir(self.folder.path())
            .env("FLEXMAC_CACHE", model_cache())
            .timeout(TIME_LIMIT);
        command
    }

    /// Runs a command that must succeed, quietly; returns its standard output.
    pub fn run<S: AsRef<str>>(&self, args: &[S]) -> String {
        let output = self.command(args).assert().success().get_output().clone();
        assert_eq!(diagnostics(&output), "", "diagnostics of a command that succeeded");
        text(&output.stdout)
    }

    /// Runs a command that must fail with `code`; returns what it says on standard error.
    pub fn fail<S: AsRef<str>>(&self, code: i32, args: &[S]) -> String {
        one_error(&self.command(args).assert().code(code).get_output().clone())
    }

    /// Runs `flexmac gemm` with `--json`; returns C's integers and the record.
    pub fn gemm(&self, engine: &str, args: &[String]) -> (Matrix, Value) {
        let fixed = ["gemm", "--config", "d", "--json", "--out", "c.npy", "--engine", engine];
        let args: Vec<_> = fixed.iter().map(ToString::to_string).chain(args.to_vec()).collect();
        let record = self.run(&args);
        assert_eq!(record.lines().count(), 1, "one JSON record, one line");
        let c = npy::decode(&fs::read(self.path("c.npy")).unwrap());
        fs::remove_file(self.path("c.npy")).unwrap();
        (c, serde_json::from_str(&record).unwrap())
    }

    /// Writes a matrix as int32.
    pub fn write(&self, name: &str, matrix: &Matrix) {
        self.write_as(name, matrix, Dtype::I32, false);
    }

    pub fn write_as(&self, name: &str, matrix: &Matrix, dtype: Dtype, fortran: bool) {
        fs::write(self.path(name), npy::encode(matrix, dtype, fortran)).unwrap();
    }

    /// Every file here with its contents, folders with a trailing slash.
    pub fn files(&self, under: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(under), "", &mut files);
        files
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            files.insert(format!("{name}/"), Vec::new());
            collect(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// Models built by these tests, kept from run to run; keyed by content, so never stale.
pub fn model_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("flexmac-models")
}

/// Checks that a failed command said nothing on standard output, did not panic, and reported
/// exactly one error; returns standard error.
pub fn one_error(output: &Output) -> String {
    let (out, err) = (text(&output.stdout), diagnostics(output));
    assert_eq!(out, "", "results of a command that failed; its diagnostics: {err}");
    assert!(!err.contains("panicked"), "{err}");
    let errors = err.lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors, 1, "exactly one error in:\n{err}");
    err
}

/// Standard error without the note that a model is being built, which depends on the cache alone.
pub fn diagnostics(output: &Output) -> String {
    let err = text(&output.stderr);
    let lines = err.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("rtl: building the model of ")).collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The arguments of a line without quotes.
pub fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(Into::into).collect()
}

/// The difference between two texts, framed so that eyes can compare; none when they are equal.
pub fn difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (left, right): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let tail = left[same..]
        .iter()
        .rev()
        .zip(right[same..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let mut report = format!("line {}:\n", same + 1);
    let mut put = |mark: &str, lines: &[&str]| {
        lines.iter().for_each(|line| report.push_str(&format!("{mark}{line}\n")));
    };
    put("  ", &left[same.saturating_sub(3)..same]);
    put("- ", &left[same..left.len() - tail]);
    put("+ ", &right[same..right.len() - tail]);
    put("  ", &left[left.len() - tail..(left.len() - tail + 3).min(left.len())]);
    Some(report)
}
