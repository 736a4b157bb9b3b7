//! Finds a program and runs it with a time limit and a log file for all its output.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use flexmac_fileio::bounded;

use crate::error::{Error, io_error};

/// A program on the search path.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    /// Program name.
    pub name: &'static str,
    /// Where it was found.
    path: PathBuf,
    /// Flag that makes it print its version.
    version_flag: &'static str,
    version: OnceLock<String>,
}

/// A run that was not stopped.
pub(crate) struct Finished {
    /// Program name.
    pub tool: &'static str,
    /// Exit status. `exit_status` interprets it: OpenSTA exits with 0 after an error.
    pub status: ExitStatus,
    /// Log of its output.
    pub log: PathBuf,
}

impl Finished {
    /// The log; bytes outside UTF-8 (from library comments) are replaced.
    pub fn text(&self) -> Result<String, Error> {
        let bytes = bounded::read(&self.log, bounded::DATA).map_err(io_error("read", &self.log))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Tool {
    /// Looks up `name` in PATH. `install` is the command that would install it.
    pub fn find(
        name: &'static str,
        version_flag: &'static str,
        install: &'static str,
    ) -> Result<Self, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = find_in(&path, name);
        let tool = |path| Self { name, path, version_flag, version: OnceLock::new() };
        found.map(tool).ok_or_else(|| Error::MissingTool {
            tool: name,
            path: path.to_string_lossy().into_owned(),
            install,
        })
    }

    /// First line that the tool prints for its version flag.
    pub fn version(&self) -> Result<String, Error> {
        if let Some(version) = self.version.get() {
            return Ok(version.clone());
        }
        let output = Command::new(&self.path)
            .arg(self.version_flag)
            .stdin(Stdio::null())
            .output()
            .map_err(io_error("run", &self.path))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().next().unwrap_or_default().trim();
        let version = if line.is_empty() { "unknown" } else { line };
        Ok(self.version.get_or_init(|| version.to_owned()).clone())
    }

    /// Runs the tool in `dir` with all output in `log`, and stops it after `limit`.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        dir: &Path,
        args: &[A],
        log: &Path,
        limit: Duration,
    ) -> Result<Finished, Error> {
        let out = File::create(log).map_err(io_error("create", log))?;
        let err = out.try_clone().map_err(io_error("create", log))?;
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
                return Ok(Finished { tool: self.name, status, log: log.to_owned() });
            }
            if begin.elapsed() > limit {
                stop(&mut child);
                return Err(Error::Timeout { tool: self.name, limit, log: log.to_owned() });
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

/// Kills a child and its descendants (Yosys runs ABC). A process group would be simpler, but Ctrl-C in the
/// user's terminal would not reach the tools.
fn stop(child: &mut Child) {
    let descendants = descendants(child.id());
    // If killing or waiting fails, the process has already ended.
    let _ = child.kill();
    let _ = child.wait();
    for pid in descendants {
        let _ = Command::new("kill").arg("-9").arg(pid.to_string()).stderr(Stdio::null()).status();
    }
}

/// Descendants according to Linux' /proc; empty on other systems.
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

/// Kills tools that a killed run left running in `scratch`, found through Linux' /proc. On other systems they
/// continue in a folder that is removed.
pub(crate) fn stop_left_over(scratch: &Path) {
    let Ok(scratch) = fs::canonicalize(scratch) else { return };
    let Ok(processes) = fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        let inside =
            || fs::read_link(process.path().join("cwd")).is_ok_and(|dir| dir.starts_with(&scratch));
        if ["yosys", "yosys-abc", "sta"].contains(&name.trim_end()) && inside() {
            let pid = process.file_name();
            let _ = Command::new("kill").arg("-9").arg(pid).stderr(Stdio::null()).status();
        }
    }
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
        let error = Tool::find("flexmac-no-such-tool", "-V", "apt-get install nothing")
            .expect_err("absent");
        let message = error.to_string();
        assert!(message.contains("flexmac-no-such-tool not found in PATH ("), "{message}");
        assert!(message.ends_with("install it with: apt-get install nothing"), "{message}");
    }

    #[test]
    fn a_run_is_logged_and_its_status_returned() {
        let dir = tempfile::tempdir().expect("temp dir");
        let sh = Tool::find("sh", "-c", "").expect("sh");
        let end = sh
            .run(
                dir.path(),
                &["-c", "echo out; echo err >&2; exit 3"],
                &dir.path().join("log"),
                Duration::from_secs(10),
            )
            .expect("runs");
        assert_eq!(describe(end.status), "exit code 3");
        assert_eq!(end.text().expect("log"), "out\nerr\n");
    }

    #[test]
    fn a_run_past_its_limit_is_stopped_with_its_children() {
        let dir = tempfile::tempdir().expect("temp dir");
        let sh = Tool::find("sh", "-c", "").expect("sh");
        let begin = Instant::now();
        let error = sh
            .run(
                dir.path(),
                &["-c", "sleep 30; true"],
                &dir.path().join("log"),
                Duration::from_millis(200),
            )
            .err()
            .expect("stopped");
        assert!(matches!(error, Error::Timeout { tool: "sh", .. }), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
