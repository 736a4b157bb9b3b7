//! Finding and running a program with a time limit, its whole output in a log file.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, io_error};

/// A program on the search path.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    /// Program name.
    pub name: &'static str,
    /// Where it was found.
    path: PathBuf,
}

impl Tool {
    /// Looks `name` up in PATH; `install` is the command that would install it.
    pub fn find(name: &'static str, install: &'static str) -> Result<Self, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        find_in(&path, name).map(|path| Self { name, path }).ok_or_else(|| Error::MissingTool {
            tool: name,
            path: path.to_string_lossy().into_owned(),
            install,
        })
    }

    /// First line the tool prints when asked for its version with `flag`.
    pub fn version(&self, flag: &str) -> Result<String, Error> {
        let output = Command::new(&self.path)
            .arg(flag)
            .stdin(Stdio::null())
            .output()
            .map_err(io_error("run", &self.path))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().next().unwrap_or_default().trim();
        Ok(if line.is_empty() { "unknown".to_owned() } else { line.to_owned() })
    }

    /// Runs the tool in `dir` with all output in `dir/log`, and stops it after `limit`.
    ///
    /// The exit status is returned, not judged: OpenSTA leaves 0 after an error.
    pub fn run(
        &self,
        dir: &Path,
        args: &[&str],
        log: &str,
        limit: Duration,
    ) -> Result<ExitStatus, Error> {
        let log = dir.join(log);
        let out = File::create(&log).map_err(io_error("create", &log))?;
        let err = out.try_clone().map_err(io_error("create", &log))?;
        let mut child = Command::new(&self.path)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(io_error("run", &self.path))?;
        let begin = Instant::now();
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(status) = child.try_wait().map_err(io_error("wait for", &self.path))? {
                return Ok(status);
            }
            if begin.elapsed() > limit {
                stop(&mut child);
                return Err(Error::Timeout { tool: self.name, limit, log });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

fn find_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file())
}

/// Ends a child and its descendants (Yosys runs ABC). A process group would be simpler, but then
/// Ctrl-C in the user's terminal would no longer reach the tools.
fn stop(child: &mut Child) {
    let descendants = descendants(child.id());
    // Failing to kill or reap means it has already ended.
    let _ = child.kill();
    let _ = child.wait();
    for pid in descendants {
        let _ = Command::new("kill").arg("-9").arg(pid.to_string()).stderr(Stdio::null()).status();
    }
}

/// Descendants by Linux' /proc; empty elsewhere.
fn descendants(pid: u32) -> Vec<u32> {
    let children =
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut all = Vec::new();
    for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
        all.push(child);
        all.extend(descendants(child));
    }
    all
}

/// Exit status in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return format!("killed by signal {signal}");
        }
    }
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "no exit code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_names_the_remedy() {
        let error =
            Tool::find("flexmac-no-such-tool", "apt-get install nothing").expect_err("absent");
        let message = error.to_string();
        assert!(message.contains("flexmac-no-such-tool not found in PATH ("), "{message}");
        assert!(message.ends_with("install it with: apt-get install nothing"), "{message}");
    }

    #[test]
    fn a_run_is_logged_and_its_status_returned() {
        let dir = tempfile::tempdir().expect("temp dir");
        let sh = Tool::find("sh", "").expect("sh");
        let status = sh
            .run(
                dir.path(),
                &["-c", "echo out; echo err >&2; exit 3"],
                "log",
                Duration::from_secs(10),
            )
            .expect("runs");
        assert_eq!(describe(status), "exit code 3");
        assert_eq!(fs::read_to_string(dir.path().join("log")).expect("log"), "out\nerr\n");
    }

    #[test]
    fn a_run_past_its_limit_is_stopped_with_its_children() {
        let dir = tempfile::tempdir().expect("temp dir");
        let sh = Tool::find("sh", "").expect("sh");
        let begin = Instant::now();
        let error = sh
            .run(dir.path(), &["-c", "sleep 30; true"], "log", Duration::from_millis(200))
            .expect_err("stopped");
        assert!(matches!(error, Error::Timeout { tool: "sh", .. }), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
