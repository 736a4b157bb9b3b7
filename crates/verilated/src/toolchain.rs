//! Finds Verilator and the C++ compiler, and runs them, writing their output to the build's log.

use std::env;
use std::fs::File;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Lines of a failing tool's output in its error.
const SHOWN_LINES: usize = 20;

/// The flag for code that only this machine's processor, and those like it, can execute.
pub(crate) const NATIVE: &str = "-march=native";

/// A program, its leading arguments, and its version.
pub(crate) struct Tool {
    pub(crate) argv: Vec<String>,
    /// The first line of its `--version` output.
    pub(crate) version: String,
}

/// The tools of a build.
pub(crate) struct Toolchain {
    pub(crate) verilator: Tool,
    pub(crate) cxx: Tool,
}

impl Toolchain {
    /// Verilator from `$VERILATOR` or PATH, the C++ compiler from `$CXX` or `g++`.
    pub(crate) fn find() -> Result<Self> {
        Ok(Self {
            verilator: Tool::find(
                "VERILATOR",
                "verilator",
                "Verilator",
                "apt-get install verilator (or set VERILATOR to the program)",
            )?,
            cxx: Tool::find(
                "CXX",
                "g++",
                "the C++ compiler",
                "apt-get install g++ (or set CXX to the program)",
            )?,
        })
    }

    /// The folder of Verilator's runtime sources.
    pub(crate) fn runtime_folder(&self) -> Result<PathBuf> {
        let answer = self.verilator.query(&["--getenv", "VERILATOR_ROOT"])?;
        let folder = Path::new(answer.trim()).join("include");
        if folder.join("verilated.h").is_file() {
            return Ok(folder);
        }
        Err(Error::Tool {
            action: "find the runtime sources",
            program: self.verilator.argv.join(" "),
            expected: "`--getenv VERILATOR_ROOT` to name a folder with include/verilated.h",
            found: format!("`{}`", answer.trim()),
        })
    }

    /// What the compiler makes of [`NATIVE`]: its predefined macros, which name every set of
    /// instructions that it may use. None if it does not know the flag.
    pub(crate) fn processor(&self) -> Option<String> {
        self.cxx.query(&[NATIVE, "-dM", "-E", "-x", "c++", "/dev/null"]).ok()
    }

    /// The flags for every C++ file: position-independent code, and only the shim's symbols
    /// visible.
    pub(crate) fn cxx_flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = [
            "-std=gnu++17",
            "-fPIC",
            "-pthread",
            "-fvisibility=hidden",
            "-fvisibility-inlines-hidden",
            "-w",
        ]
        .map(Into::into)
        .into();
        if !self.cxx.version.contains("clang") {
            // Unique symbols would be shared between models and would prevent unloading.
            flags.push("-fno-gnu-unique".into());
        }
        flags
    }
}

impl Tool {
    fn find(
        variable: &str,
        default: &str,
        tool: &'static str,
        install: &'static str,
    ) -> Result<Self> {
        let line = env::var(variable).unwrap_or_default();
        let mut argv: Vec<String> = line.split_whitespace().map(Into::into).collect();
        if argv.is_empty() {
            argv.push(default.into());
        }
        if argv[0].contains('/') {
            // Absolute, because commands run in other folders.
            if let Ok(absolute) = std::path::absolute(&argv[0]) {
                argv[0] = absolute.to_string_lossy().into_owned();
            }
        }
        let mut found = Self { argv, version: String::new() };
        let answer = found.query(&["--version"]).map_err(|error| match error {
            Error::MissingTool { program, path, .. } => {
                Error::MissingTool { tool, program, path, install }
            }
            other => other,
        })?;
        found.version = answer.lines().next().unwrap_or_default().to_owned();
        Ok(found)
    }

    /// Runs the tool with `arguments` and returns its standard output.
    fn query(&self, arguments: &[&str]) -> Result<String> {
        let fail = |found| Error::Tool {
            action: "ask for the version or set-up",
            program: self.argv.join(" "),
            expected: "an answer on standard output",
            found,
        };
        let output =
            Command::new(&self.argv[0]).args(&self.argv[1..]).args(arguments).output().map_err(
                |error| match error.kind() {
                    io::ErrorKind::NotFound => Error::MissingTool {
                        tool: "tool",
                        program: self.argv[0].clone(),
                        path: env::var("PATH").unwrap_or_default(),
                        install: "apt-get install verilator g++",
                    },
                    _ => fail(error.to_string()),
                },
            )?;
        if !output.status.success() || output.stdout.trim_ascii().is_empty() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(fail(format!("{}: {}", status_words(output.status), shown_lines(&text))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A command line of this tool.
    pub(crate) fn line(&self, arguments: impl IntoIterator<Item = String>) -> Vec<String> {
        self.argv.iter().cloned().chain(arguments).collect()
    }
}

/// Runs the commands of a build and records them.
pub(crate) struct Runner<'a> {
    pub(crate) top: &'a str,
    pub(crate) log: &'a Path,
    file: Mutex<File>,
    lines: Mutex<Vec<Vec<String>>>,
}

impl<'a> Runner<'a> {
    /// Starts the log at `log`.
    pub(crate) fn new(top: &'a str, log: &'a Path) -> Result<Self> {
        let file = File::create(log).map_err(|source| Error::Cache {
            action: "write",
            path: log.to_owned(),
            source,
            variable: None,
        })?;
        Ok(Self { top, log, file: Mutex::new(file), lines: Mutex::default() })
    }

    /// The command lines run so far. Commands of a parallel group are in the order given.
    pub(crate) fn into_lines(self) -> Vec<Vec<String>> {
        self.lines.into_inner().unwrap_or_default()
    }

    /// Runs a command in `folder` and waits for its end.
    pub(crate) fn run(&self, action: &'static str, line: Vec<String>, folder: &Path) -> Result<()> {
        self.run_all(action, vec![line], folder, NonZeroUsize::MIN)
    }

    /// Runs commands in `folder`, at most `jobs` in parallel. After a failure, starts no more.
    pub(crate) fn run_all(
        &self,
        action: &'static str,
        lines: Vec<Vec<String>>,
        folder: &Path,
        jobs: NonZeroUsize,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..jobs.get().min(lines.len()) {
                scope.spawn(|| {
                    while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(error) = self.execute(action, line, folder) {
                            next.store(lines.len(), Ordering::Relaxed);
                            *failure.lock().expect("no thread panics here") = Some(error);
                        }
                    }
                });
            }
        });
        if let Ok(mut all) = self.lines.lock() {
            all.extend(lines);
        }
        failure.into_inner().expect("no thread panics here").map_or(Ok(()), Err)
    }

    fn execute(&self, action: &'static str, line: &[String], folder: &Path) -> Result<()> {
        let program = &line[0];
        let output = Command::new(program).args(&line[1..]).current_dir(folder).output().map_err(
            |error| Error::Tool {
                action,
                program: program.clone(),
                expected: "a program that starts",
                found: error.to_string(),
            },
        )?;
        // A failure to write the log must not hide the tool's own message.
        if let Ok(mut file) = self.file.lock() {
            let _ = writeln!(file, "$ {}", line.join(" "));
            let _ = file.write_all(&output.stdout);
            let _ = file.write_all(&output.stderr);
        }
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(Error::ToolFailed {
            action,
            top: self.top.to_owned(),
            ended: format!("{program} failed ({})", status_words(output.status)),
            log: self.log.to_owned(),
            lines: shown_lines(&stderr),
        })
    }
}

/// The exit code or signal, in words.
fn status_words(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// The first lines of a tool's output, from the first error on.
fn shown_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_error = |line: &&str| line.to_ascii_lowercase().contains("error");
    let start = lines.iter().position(is_error).unwrap_or(0);
    let rest = &lines[start..];
    let mut shown = rest[..rest.len().min(SHOWN_LINES)].join("\n");
    if rest.len() > SHOWN_LINES {
        shown.push_str(&format!("\n... {} more lines", rest.len() - SHOWN_LINES));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_from_the_first_error_on() {
        let text = "%Warning: a\n%Error: t.v:3: b\n  c\n";
        assert_eq!(shown_lines(text), "%Error: t.v:3: b\n  c");
        assert_eq!(shown_lines("plain\n"), "plain");
        assert_eq!(shown_lines(""), "");
        let long = "error\n".repeat(30);
        assert!(shown_lines(&long).ends_with("... 10 more lines"));
    }
}
