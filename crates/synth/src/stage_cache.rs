//! Reuses earlier results of stages. Each tool run leaves a stamp: a file with digests of its inputs and
//! outputs.
//!
//! Role: [`StageCache::run`] runs one tool on one script, unless the stamp in `stages/` shows that the same
//! tool ran on the same inputs and that its outputs are unchanged. Options are part of the scripts, and
//! scripts are inputs, so the digests cover everything. Main decision: a tool runs in a folder of its own that
//! contains only links to the declared inputs. So a stage cannot read a file that its stamp does not name, a
//! killed stage leaves nothing that looks like a result, and a tool that outlives its run writes into a folder
//! that nobody reads. Modification times were rejected as keys: a copied folder would repeat everything, and a
//! clock set back would repeat too little.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use flexmac_fileio::{atomic, bounded};
use serde::{Deserialize, Serialize};

use crate::error::{Error, io_error};
use crate::library::sha256;
use crate::progress::Progress;
use crate::tool::{Finished, Tool, stop_left_over};
use flexmac_record::{StageId, StageTime};

/// Folder of the stamps.
const STAMPS: &str = "stages";
/// Prefix of the folders that tools run in.
const SCRATCH: &str = ".run-";

/// One tool run. File names are relative to the output folder.
pub(crate) struct ToolRun<'a> {
    /// Stage and part, for messages and the name of the stamp.
    pub id: StageId,
    /// The program.
    pub tool: &'a Tool,
    /// Its arguments.
    pub args: Vec<String>,
    /// Everything it reads.
    pub inputs: Vec<String>,
    /// Every file it writes, except the log.
    pub outputs: Vec<String>,
    /// File for everything it prints.
    pub log: String,
    /// A file that it may write, in its folder, whose text is appended to the log, and what precedes it there.
    pub logged: Option<(&'static str, &'static str)>,
    /// Time limit.
    pub limit: Duration,
}

/// What produced the outputs of a stage, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stamp {
    /// Program and version.
    tool: String,
    /// Arguments.
    args: Vec<String>,
    /// SHA-256 of each input.
    inputs: BTreeMap<String, String>,
    /// SHA-256 of each output and of the log.
    outputs: BTreeMap<String, String>,
    /// Wall time in seconds.
    wall_s: f64,
}

/// The stages of one output folder.
pub(crate) struct StageCache {
    dir: PathBuf,
    /// Digests of files that stay the same during the run.
    known: Mutex<BTreeMap<PathBuf, String>>,
    /// Times of the stages of this run, in the order in which they ended.
    times: Mutex<Vec<StageTime>>,
    /// Outputs of the stages of this run, by stamp.
    used: Mutex<BTreeMap<PathBuf, Vec<PathBuf>>>,
}

impl StageCache {
    /// Opens the stages in `dir`, which the caller has locked. `force` removes earlier results.
    pub fn open(dir: &Path, force: bool) -> Result<Self, Error> {
        let stamps = dir.join(STAMPS);
        for folder in [STAMPS, "units", "tries"] {
            let path = dir.join(folder);
            if force && path.exists() {
                fs::remove_dir_all(&path).map_err(io_error("remove", &path))?;
            }
        }
        fs::create_dir_all(&stamps).map_err(io_error("create", &stamps))?;
        for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
            let entry = entry.map_err(io_error("list", dir))?;
            if entry.file_name().to_string_lossy().starts_with(SCRATCH) {
                let path = entry.path();
                stop_left_over(&path);
                fs::remove_dir_all(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            known: Mutex::default(),
            times: Mutex::default(),
            used: Mutex::default(),
        })
    }

    /// Runs `step` unless its earlier result is current. `check` decides whether the tool succeeded.
    ///
    /// # Errors
    /// A missing input, a tool that cannot run or takes too long, a missing output, and the errors of
    /// `check`.
    pub fn run(
        &self,
        step: &ToolRun,
        on_progress: &dyn Fn(Progress),
        check: &dyn Fn(&Finished) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let stamp_path = self.dir.join(STAMPS).join(format!("{}.json", step.id.file_name()));
        let tool = step.tool.version()?;
        let mut inputs = BTreeMap::new();
        for name in &step.inputs {
            inputs.insert(name.clone(), self.digest(name)?);
        }
        let expected =
            Stamp { tool, args: step.args.clone(), inputs, outputs: BTreeMap::new(), wall_s: 0.0 };
        let all: Vec<_> = step.outputs.iter().chain([&step.log]).cloned().collect();
        let why = match self.stale(&stamp_path, &expected, &all) {
            Ok(stamp) => {
                self.note(step, &stamp_path, stamp.wall_s, true);
                on_progress(Progress::Kept { id: step.id.clone(), stamp: stamp_path });
                return Ok(());
            }
            Err(why) => why,
        };
        on_progress(Progress::Begin { id: step.id.clone(), why });
        let begin = Instant::now();
        remove(&stamp_path)?;
        for name in &all {
            remove(&self.dir.join(name))?;
        }
        self.run_apart(step, check)?;
        let mut stamp = Stamp { wall_s: begin.elapsed().as_secs_f64(), ..expected };
        for name in &all {
            self.forget(name);
            stamp.outputs.insert(name.clone(), self.digest(name)?);
        }
        let text = serde_json::to_string_pretty(&stamp)
            .map_err(std::io::Error::other)
            .map_err(io_error("serialise", &stamp_path))?;
        atomic::write(&stamp_path, text + "\n").map_err(io_error("write", &stamp_path))?;
        self.note(step, &stamp_path, stamp.wall_s, false);
        Ok(())
    }

    /// Runs the tool in a folder of its own and moves its outputs to the output folder.
    fn run_apart(
        &self,
        step: &ToolRun,
        check: &dyn Fn(&Finished) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let scratch = self.dir.join(format!("{SCRATCH}{}", step.id.file_name()));
        for name in step.inputs.iter().chain(&step.outputs) {
            let to = scratch.join(name);
            let parent = to.parent().expect("a name below the folder");
            fs::create_dir_all(parent).map_err(io_error("create", parent))?;
            let parent = self.dir.join(name);
            let parent = parent.parent().expect("a name below the folder");
            fs::create_dir_all(parent).map_err(io_error("create", parent))?;
        }
        for name in &step.inputs {
            link(&self.dir.join(name), &scratch.join(name))?;
        }
        let log = self.dir.join(&step.log);
        let result =
            step.tool.run(&scratch, &step.args, &log, step.limit).and_then(|end| check(&end));
        let result = result.and_then(|()| {
            if let Some((name, head)) = step.logged {
                append(&log, head, &scratch.join(name))?;
            }
            for name in &step.outputs {
                let (from, to) = (scratch.join(name), self.dir.join(name));
                fs::rename(&from, &to).map_err(io_error("find the tool's output at", &from))?;
            }
            Ok(())
        });
        fs::remove_dir_all(&scratch).map_err(io_error("remove", &scratch))?;
        result
    }

    /// The stamp, if it shows that `outputs` are current. Otherwise the reason why not; none without a stamp.
    fn stale(
        &self,
        path: &Path,
        expected: &Stamp,
        outputs: &[String],
    ) -> Result<Stamp, Option<String>> {
        let Ok(text) = fs::read(path) else { return Err(None) };
        let Ok(stamp) = serde_json::from_slice::<Stamp>(&text) else {
            return Err(Some(format!("{} cannot be parsed", path.display())));
        };
        if stamp.tool != expected.tool {
            return Err(Some(format!("the tool changed from {} to {}", stamp.tool, expected.tool)));
        }
        if stamp.args != expected.args {
            return Err(Some("the arguments changed".to_owned()));
        }
        for (name, digest) in &expected.inputs {
            match stamp.inputs.get(name) {
                Some(before) if before == digest => {}
                Some(_) => return Err(Some(format!("{name} changed"))),
                None => return Err(Some(format!("{name} is a new input"))),
            }
        }
        if let Some(name) = stamp.inputs.keys().find(|name| !expected.inputs.contains_key(*name)) {
            return Err(Some(format!("{name} is no longer an input")));
        }
        for name in outputs {
            let found = self.digest(name).ok();
            if found.is_none() {
                return Err(Some(format!("{name} is missing")));
            }
            if found.as_ref() != stamp.outputs.get(name) {
                return Err(Some(format!("{name} was altered")));
            }
        }
        Ok(stamp)
    }

    /// SHA-256 of a file in the folder, computed once.
    fn digest(&self, name: &str) -> Result<String, Error> {
        let path = self.dir.join(name);
        if let Some(digest) = self.known.lock().expect("no panic while held").get(&path) {
            return Ok(digest.clone());
        }
        let digest = sha256(&fs::read(&path).map_err(io_error("read", &path))?);
        self.known.lock().expect("no panic while held").insert(path, digest.clone());
        Ok(digest)
    }

    /// Forgets the digest of a file that has been rewritten.
    pub fn forget(&self, name: &str) {
        self.known.lock().expect("no panic while held").remove(&self.dir.join(name));
    }

    fn note(&self, step: &ToolRun, stamp: &Path, wall_s: f64, kept: bool) {
        let outputs = step.outputs.iter().chain([&step.log]).map(|name| self.dir.join(name));
        self.used.lock().expect("no panic while held").insert(stamp.to_owned(), outputs.collect());
        let time = StageTime { id: step.id.clone(), wall_s, kept };
        self.times.lock().expect("no panic while held").push(time);
    }

    /// Removes results of earlier runs from the folder itself. Files in its subfolders, such as modules mapped
    /// with other recipes, are kept for later runs.
    pub fn sweep(&self) -> Result<(), Error> {
        let used = self.used.lock().expect("no panic while held");
        let outputs: Vec<_> = used.values().flatten().collect();
        let stamps = self.dir.join(STAMPS);
        for entry in fs::read_dir(&stamps).map_err(io_error("list", &stamps))? {
            let path = entry.map_err(io_error("list", &stamps))?.path();
            let text = fs::read(&path).map_err(io_error("read", &path))?;
            let Ok(stamp) = serde_json::from_slice::<Stamp>(&text) else { continue };
            if used.contains_key(&path) || stamp.outputs.keys().any(|name| name.contains('/')) {
                continue;
            }
            for output in stamp.outputs.keys().map(|name| self.dir.join(name)) {
                if !outputs.contains(&&output) {
                    remove(&output)?;
                }
            }
            remove(&path)?;
        }
        Ok(())
    }

    /// Times of the stages of this run, in an order that does not depend on timing.
    pub fn times(&self) -> Vec<StageTime> {
        let mut times = self.times.lock().expect("no panic while held").clone();
        let part = |time: &StageTime| time.id.part.clone().unwrap_or_default();
        let rank = |part: &str| match part {
            "elaborate" => 0,
            _ if part.starts_with("link") => 2,
            _ => 1,
        };
        times.sort_by_key(|time| (time.id.stage, rank(&part(time)), part(time)));
        times.dedup_by(|a, b| a.id == b.id); // several tries of a search share a module
        times
    }
}

/// Appends a heading and the text of `file`, if it exists, to a log.
fn append(log: &Path, head: &str, file: &Path) -> Result<(), Error> {
    let text = match bounded::text(file, bounded::TEXT) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(io_error("read", file))?,
    };
    let append = || {
        let mut log = fs::OpenOptions::new().append(true).open(log)?;
        write!(log, "\n{head}{}\n", text.trim())
    };
    append().map_err(io_error("append to", log))
}

/// Removes a file if it exists.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Makes a hard link to an input, or a copy if the file system has no hard links. A symbolic link would not
/// do: a sandboxed tool, such as Yosys from PyPI, cannot see its target.
fn link(from: &Path, to: &Path) -> Result<(), Error> {
    let from = fs::canonicalize(from).map_err(io_error("read", from))?;
    fs::hard_link(&from, to)
        .or_else(|_| fs::copy(&from, to).map(drop))
        .map_err(io_error("link", to))
}
