//! The folder of a run, and what is written there.
//!
//! | file | holds | same in every rerun |
//! | --- | --- | --- |
//! | `config.json` | every effective setting and whether it was a default | yes |
//! | `history.jsonl` | one [`IterationRecord`] per line | yes |
//! | `history.csv` | its summary | yes |
//! | `timing.csv` | seconds of each iteration | no |
//! | `weights/NAME.npy`, `weights/NAME.momentum.npy` | final raw values (float32 in a float run) | yes |
//! | `weights/formats.json` | their formats | yes |
//! | `result.json` | accuracy, totals, seconds | seconds apart |
//! | `checkpoints/ITERATION.ckpt` | the last two [`Checkpoint`]s | seconds apart |
//!
//! Whole files are written beside their place and renamed; histories grow line by line and are
//! flushed after each.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flexmac_fileio::{atomic, bounded};
use flexmac_nn::{Network, Number};
use flexmac_record::IterationRecord;
use ndarray_npy::{WritableElement, WriteNpyExt};
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::checkpoint::{Checkpoint, keep_two, save, set_aside_after};
use crate::error::{Remedy, RunFolderError, StateMismatch};
use crate::history_log::HistoryLog;
use crate::trainer::Trainer;

/// A run's folder, open for writing by this process alone.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// In the order of [`HISTORIES`].
    histories: [HistoryLog; 3],
    train_seconds: f64,
}

/// Name and header line of each history.
const HISTORIES: [(&str, &str); 3] = [
    ("history.jsonl", ""),
    ("history.csv", IterationRecord::CSV_HEADER),
    ("timing.csv", "iteration,seconds"),
];

impl RunFolder {
    /// Makes or takes over a folder and starts its histories.
    ///
    /// # Errors
    /// [`RunFolderError::InUse`] when it is not empty, unless `force`, which removes the files of an
    /// earlier run, its page too, and leaves all others alone; [`RunFolderError::Locked`] while another
    /// process trains there; [`RunFolderError::Io`] when it cannot be written.
    pub fn create(path: &Path, force: bool) -> Result<Self, RunFolderError> {
        fs::create_dir_all(path).map_err(RunFolderError::io("create run folder", path))?;
        if let Some(found) = in_use(path)?.filter(|_| !force) {
            return Err(RunFolderError::InUse { path: path.to_owned(), found });
        }
        let weights = weights_of(path);
        let mut folder = Self::open(path)?;
        // What an earlier run left must not be taken for this one's, least of all by a resume
        // after this one is killed: so the settings, without which there is none, go before the
        // checkpoints. What they make known as its files goes before them.
        for file in weights {
            remove(|path| fs::remove_file(path), file)?;
        }
        remove(|path| fs::remove_file(path), path.join("result.json"))?;
        remove(|path| fs::remove_file(path), path.join("config.json"))?;
        remove(|path| fs::remove_dir_all(path), path.join("checkpoints"))?;
        folder.start()?;
        Ok(folder)
    }

    /// Takes up the folder of a run that goes on from a checkpoint of `iteration`: histories are
    /// cut back to its `marks` (to nothing without one), later checkpoints are set aside.
    ///
    /// # Errors
    /// [`RunFolderError::RunFile`] when a history does not begin as marked, in which case nothing has been
    /// changed; [`RunFolderError::Locked`] while another process trains there; [`RunFolderError::Io`].
    pub fn resume<T>(
        path: &Path,
        checkpoint: Option<&Checkpoint<T>>,
    ) -> Result<Self, RunFolderError> {
        let lost = HISTORIES.iter().map(|(name, _)| path.join(name)).find(|path| !path.exists());
        if let (Some(path), Some(_)) = (lost, checkpoint) {
            let (expected, found) = ("one as long as the checkpoint marks".into(), "none".into());
            return Err(RunFolderError::RunFile {
                what: "history",
                path,
                expected,
                found,
                remedy: Remedy::PutBack,
            });
        }
        let mut folder = Self::open(path)?;
        match checkpoint {
            None => folder.start()?,
            Some(checkpoint) => {
                let marks = &checkpoint.marks;
                let names: Vec<_> = marks.iter().map(|mark| mark.file.as_str()).collect();
                let expected = HISTORIES.map(|(name, _)| name);
                if names != expected {
                    let (expected, found) = (expected.join(", "), names.join(", "));
                    return Err(StateMismatch { expected, found }.into());
                }
                for (history, mark) in folder.histories.iter_mut().zip(marks) {
                    history.check(mark)?;
                }
                set_aside_after(path, checkpoint.state.iteration)?;
                for (history, mark) in folder.histories.iter_mut().zip(marks) {
                    history.cut(mark.bytes)?;
                }
                folder.train_seconds = checkpoint.train_seconds;
            }
        }
        remove(|path| fs::remove_file(path), path.join("result.json"))?;
        Ok(folder)
    }

    fn open(path: &Path) -> Result<Self, RunFolderError> {
        let [json, csv, timing] = HISTORIES.map(|(name, _)| HistoryLog::open(path.join(name)));
        Ok(Self { path: path.to_owned(), histories: [json?, csv?, timing?], train_seconds: 0.0 })
    }

    fn start(&mut self) -> Result<(), RunFolderError> {
        let parts = self.histories.iter_mut().zip(HISTORIES);
        parts.into_iter().try_for_each(|(history, (_, header))| history.start(header))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Wall time of all training iterations, those before a resume included.
    pub fn train_seconds(&self) -> f64 {
        self.train_seconds
    }

    /// Adds an iteration to the histories.
    ///
    /// # Errors
    /// [`RunFolderError::Io`] when the disk refuses.
    pub fn append(&mut self, record: &IterationRecord, seconds: f64) -> Result<(), RunFolderError> {
        self.train_seconds += seconds;
        let json = serde_json::to_string(record).map_err(io::Error::from).map_err(
            RunFolderError::io("describe the iteration for", self.path.join("history.jsonl")),
        )?;
        let lines = [json, record.csv(), format!("{},{seconds:.6}", record.iteration)];
        let parts = self.histories.iter_mut().zip(lines);
        parts.into_iter().try_for_each(|(history, line)| history.append(&line))
    }

    /// Writes a checkpoint that the histories as they stand belong to, and removes all but the last
    /// two. Whatever fails, the ones before stay as they are.
    ///
    /// # Errors
    /// [`RunFolderError::Io`] when the disk refuses.
    pub fn checkpoint<T: Number>(&mut self, trainer: &Trainer<T>) -> Result<(), RunFolderError> {
        let marks = self.histories.iter_mut().map(HistoryLog::mark).collect::<Result<_, _>>()?;
        let (state, train_seconds) = (trainer.state(), self.train_seconds);
        save(&self.path, &Checkpoint { state, marks, train_seconds })?;
        keep_two(&self.path)
    }

    /// Writes a whole file of JSON.
    ///
    /// # Errors
    /// [`RunFolderError::Io`] when the disk refuses.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunFolderError> {
        self.write_whole(name, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            writeln!(file)
        })
    }

    /// Writes every parameter's values and momentum, and their formats.
    ///
    /// # Errors
    /// [`RunFolderError::Io`] when the disk refuses.
    pub fn write_weights<T>(&self, network: &Network<T>) -> Result<(), RunFolderError>
    where
        T: Number + WritableElement,
    {
        let folder = self.path.join("weights");
        fs::create_dir_all(&folder).map_err(RunFolderError::io("create", &folder))?;
        // First: a run that is killed in between still says which files are its own.
        let formats: BTreeMap<_, _> = (network.params())
            .map(|param| (param.name.clone(), T::FIXED.then(|| param.format())))
            .collect();
        self.write_json("weights/formats.json", &formats)?;
        for param in network.params() {
            let name = &param.name;
            for (suffix, values) in [("", param.values()), (".momentum", param.momentum())] {
                self.write_whole(&format!("weights/{name}{suffix}.npy"), |file| {
                    values.write_npy(file).map_err(io::Error::other)
                })?;
            }
        }
        Ok(())
    }

    fn write_whole(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), RunFolderError> {
        let path = self.path.join(name);
        atomic::write_with(&path, write).map_err(RunFolderError::io("write", path))
    }
}

/// Something in a folder that is more than a run killed before its settings were written leaves:
/// those settings' staging file and histories without an iteration.
fn in_use(path: &Path) -> Result<Option<String>, RunFolderError> {
    let empty = |name: &str, bytes: u64| {
        let history = HISTORIES.iter().find(|(history, _)| *history == name);
        history.is_some_and(|(_, header)| bytes <= header.len() as u64 + 1)
    };
    for entry in fs::read_dir(path).map_err(RunFolderError::io("read run folder", path))? {
        let entry = entry.map_err(RunFolderError::io("read run folder", path))?;
        let bytes = entry.metadata().map_err(RunFolderError::io("look at", entry.path()))?.len();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "config.json.part" && !empty(&name, bytes) {
            return Ok(Some(format!("{name:?}")));
        }
    }
    Ok(None)
}

/// The weights that an earlier run left, and its page; nothing else, and nothing where no run was.
fn weights_of(run: &Path) -> Vec<PathBuf> {
    let folder = run.join("weights");
    let list = folder.join("formats.json");
    let formats = bounded::text(&list, bounded::TEXT).ok();
    let formats: Option<BTreeMap<String, IgnoredAny>> =
        formats.and_then(|text| serde_json::from_str(&text).ok());
    if !run.join("config.json").is_file() {
        return Vec::new();
    }
    let formats = formats.unwrap_or_default();
    let plain = |name: &&String| Path::new(name).file_name() == Some(OsStr::new(name));
    let files = formats.keys().filter(plain).flat_map(|name| {
        ["", ".momentum"].map(|suffix| folder.join(format!("{name}{suffix}.npy")))
    });
    let files = files.chain([run.join("report.html"), list.clone()]);
    files.filter(|path| path.symlink_metadata().is_ok_and(|found| found.is_file())).collect()
}

/// Removes what may not be there.
fn remove(remove: impl Fn(&Path) -> io::Result<()>, path: PathBuf) -> Result<(), RunFolderError> {
    match remove(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RunFolderError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
