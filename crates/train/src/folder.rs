//! The folder of a run, and the files in it.
//!
//! | file | contents | same in every rerun |
//! | --- | --- | --- |
//! | `config.json`, by the caller | every effective setting and whether it was a default | yes |
//! | `history.jsonl` | one [`IterationRecord`] per line | yes |
//! | `history.csv` | a summary of the history | yes |
//! | `timing.csv` | seconds of each iteration | no |
//! | `weights/NAME.npy`, `weights/NAME.momentum.npy` | final raw values (or float32) | yes |
//! | `weights/formats.json` | the formats of the weights | yes |
//! | `result.json` | accuracy, totals, seconds | except seconds |
//! | `checkpoints/ITERATION.ckpt` | the last two [`Checkpoint`]s | except seconds |
//!
//! Histories grow line by line and are flushed after each line. All other files are written under a
//! temporary name and renamed, so they are never incomplete.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flexmac_fileio::atomic;
use flexmac_nn::{Network, Number};
use flexmac_record::{IterationRecord, RecordFile, WeightFormats};
use ndarray::ArrayView1;
use ndarray_npy::{WritableElement, WriteNpyExt};
use serde::Serialize;

use crate::checkpoint::{Checkpoint, keep_two, save, set_aside_after};
use crate::error::{Remedy, RunFolderError, StateMismatch};
use crate::history_log::HistoryLog;
use crate::trainer::Trainer;

/// A run folder, open for writing by this process only.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The logs, in the order of [`HISTORIES`].
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
    /// Creates a folder for a new run, or takes over an existing one, and starts the histories.
    ///
    /// With `force` the folder may hold an earlier run: its files are removed, its `report.html`
    /// too. Other files stay.
    ///
    /// # Errors
    /// [`RunFolderError::InUse`] when the folder is not empty and `force` is not set;
    /// [`RunFolderError::Locked`] while another process trains there; [`RunFolderError::Io`].
    pub fn create(path: &Path, force: bool) -> Result<Self, RunFolderError> {
        fs::create_dir_all(path).map_err(RunFolderError::io("create run folder", path))?;
        if let Some(found) = in_use(path)?.filter(|_| !force) {
            return Err(RunFolderError::InUse { path: path.to_owned(), found });
        }
        let weights = weights_of(path);
        let mut folder = Self::open(path)?;
        // If this process is killed here, a resume must not continue the earlier run. Without
        // config.json it cannot, so that file goes before the checkpoints. Weights go before
        // config.json, which marks them as a run's files.
        for file in weights {
            remove(|path| fs::remove_file(path), file)?;
        }
        remove(|path| fs::remove_file(path), path.join("result.json"))?;
        remove(|path| fs::remove_file(path), path.join("config.json"))?;
        remove(|path| fs::remove_dir_all(path), path.join("checkpoints"))?;
        folder.start()?;
        Ok(folder)
    }

    /// Opens the folder of a run to resume it from a checkpoint. Truncates the histories to the
    /// checkpoint's offsets and renames later checkpoints to `.aside`. Without a checkpoint, the
    /// run starts over and its histories are emptied.
    ///
    /// # Errors
    /// [`RunFolderError::RunFile`] when a history is missing or does not begin with the bytes that
    /// the checkpoint saw; [`RunFolderError::State`] when the checkpoint is of other histories. In
    /// both cases nothing has changed. [`RunFolderError::Locked`] while another process trains
    /// there; [`RunFolderError::Io`].
    pub fn resume<T>(
        path: &Path,
        checkpoint: Option<&Checkpoint<T>>,
    ) -> Result<Self, RunFolderError> {
        let lost = HISTORIES.iter().map(|(name, _)| path.join(name)).find(|path| !path.exists());
        if let (Some(path), Some(_)) = (lost, checkpoint) {
            let expected = "one at least as long as at the checkpoint".into();
            let found = "none".into();
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
                let offsets = &checkpoint.offsets;
                let names: Vec<_> = offsets.iter().map(|offset| offset.file.as_str()).collect();
                let expected = HISTORIES.map(|(name, _)| name);
                if names != expected {
                    let (expected, found) = (expected.join(", "), names.join(", "));
                    return Err(StateMismatch { expected, found }.into());
                }
                for (history, offset) in folder.histories.iter_mut().zip(offsets) {
                    history.check(offset)?;
                }
                set_aside_after(path, checkpoint.state.iteration)?;
                for (history, offset) in folder.histories.iter_mut().zip(offsets) {
                    history.truncate(offset.bytes)?;
                }
                folder.train_seconds = checkpoint.train_seconds;
            }
        }
        remove(|path| fs::remove_file(path), path.join("result.json"))?;
        Ok(folder)
    }

    /// Opens and locks the histories.
    fn open(path: &Path) -> Result<Self, RunFolderError> {
        let [json, csv, timing] = HISTORIES.map(|(name, _)| HistoryLog::open(path.join(name)));
        Ok(Self { path: path.to_owned(), histories: [json?, csv?, timing?], train_seconds: 0.0 })
    }

    /// Empties the histories and writes their header lines.
    fn start(&mut self) -> Result<(), RunFolderError> {
        let parts = self.histories.iter_mut().zip(HISTORIES);
        parts.into_iter().try_for_each(|(history, (_, header))| history.start(header))
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Wall time of all training iterations in seconds, including those before a resume.
    pub fn train_seconds(&self) -> f64 {
        self.train_seconds
    }

    /// Appends an iteration to the histories.
    ///
    /// # Errors
    /// [`RunFolderError::Io`].
    pub fn append(&mut self, record: &IterationRecord, seconds: f64) -> Result<(), RunFolderError> {
        self.train_seconds += seconds;
        let json = serde_json::to_string(record).map_err(io::Error::from).map_err(
            RunFolderError::io("encode the iteration for", self.path.join("history.jsonl")),
        )?;
        let lines = [json, record.csv(), format!("{},{seconds:.6}", record.iteration)];
        let parts = self.histories.iter_mut().zip(lines);
        parts.into_iter().try_for_each(|(history, line)| history.append(&line))
    }

    /// Writes a checkpoint of the trainer and of the present histories, then removes all but the
    /// last two. If writing fails, earlier checkpoints stay as they are.
    ///
    /// # Errors
    /// [`RunFolderError::Io`].
    pub fn checkpoint<T: Number>(&mut self, trainer: &Trainer<T>) -> Result<(), RunFolderError> {
        let offsets = self.histories.iter_mut().map(HistoryLog::sync).collect::<Result<_, _>>()?;
        let (state, train_seconds) = (trainer.state(), self.train_seconds);
        save(&self.path, &Checkpoint { state, offsets, train_seconds })?;
        keep_two(&self.path)
    }

    /// Writes a JSON file, atomically.
    ///
    /// # Errors
    /// [`RunFolderError::Io`].
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunFolderError> {
        self.write_atomic(name, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            writeln!(file)
        })
    }

    /// Writes every parameter's values and momentum, and their formats, and the running means and
    /// variances to `weights/`.
    ///
    /// # Errors
    /// [`RunFolderError::Io`].
    pub fn write_weights<T>(&self, network: &Network<T>) -> Result<(), RunFolderError>
    where
        T: Number + WritableElement,
    {
        let folder = self.path.join("weights");
        fs::create_dir_all(&folder).map_err(RunFolderError::io("create", &folder))?;
        // Written first: it lists the weight files, also if the run is killed while it writes them.
        let formats = (network.params())
            .map(|param| (param.name.clone(), T::FIXED.then(|| param.format())))
            .chain(network.buffers().map(|buffer| (buffer.name.clone(), None)))
            .collect();
        self.write_json("weights/formats.json", &WeightFormats(formats))?;
        for param in network.params() {
            let name = &param.name;
            for (suffix, values) in [("", param.values()), (".momentum", param.momentum())] {
                self.write_atomic(&format!("weights/{name}{suffix}.npy"), |file| {
                    values.write_npy(file).map_err(io::Error::other)
                })?;
            }
        }
        for buffer in network.buffers() {
            let values = ArrayView1::from(&buffer.values);
            self.write_atomic(&format!("weights/{}.npy", buffer.name), |file| {
                values.write_npy(file).map_err(io::Error::other)
            })?;
        }
        Ok(())
    }

    /// Writes a file under a temporary name and renames it.
    fn write_atomic(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), RunFolderError> {
        let path = self.path.join(name);
        atomic::write_with(&path, write).map_err(RunFolderError::io("write", path))
    }
}

/// The first file that makes a folder count as used. A run that was killed before it wrote its
/// settings leaves histories without iterations and a temporary settings file; these do not count.
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

/// The weight files and the report page of an earlier run; none if the folder holds no run.
fn weights_of(run: &Path) -> Vec<PathBuf> {
    let folder = run.join("weights");
    let list = folder.join("formats.json");
    let formats = WeightFormats::read(&list);
    if !run.join("config.json").is_file() {
        return Vec::new();
    }
    let WeightFormats(formats) = formats.unwrap_or_default();
    let plain = |name: &&String| Path::new(name).file_name() == Some(OsStr::new(name));
    let files = formats.keys().filter(plain).flat_map(|name| {
        ["", ".momentum"].map(|suffix| folder.join(format!("{name}{suffix}.npy")))
    });
    let files = files.chain([run.join("report.html"), list.clone()]);
    files.filter(|path| path.symlink_metadata().is_ok_and(|found| found.is_file())).collect()
}

/// Removes a file or folder if it exists.
fn remove(delete: impl Fn(&Path) -> io::Result<()>, path: PathBuf) -> Result<(), RunFolderError> {
    match delete(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RunFolderError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
