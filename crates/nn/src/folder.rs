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
//!
//! Whole files are written beside their place and renamed; histories grow line by line and are
//! flushed after each, so a killed run leaves whole lines.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ndarray_npy::{WritableElement, WriteNpyExt};
use serde::Serialize;

use crate::element::Number;
use crate::error::NnError;
use crate::network::Network;
use crate::record::IterationRecord;

/// A run's folder, open for writing.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    history: BufWriter<File>,
    summary: BufWriter<File>,
    timing: BufWriter<File>,
}

impl RunFolder {
    /// Makes or takes over a folder and starts its histories.
    ///
    /// # Errors
    /// [`NnError::FolderInUse`] when it is not empty, unless `force`, which writes over the files
    /// of an earlier run and leaves all others alone; [`NnError::Io`] when it cannot be written.
    pub fn create(path: &Path, force: bool) -> Result<Self, NnError> {
        fs::create_dir_all(path).map_err(NnError::io("create run folder", path))?;
        let mut entries = fs::read_dir(path).map_err(NnError::io("read run folder", path))?;
        if let Some(entry) = entries.next().filter(|_| !force) {
            let entry = entry.map_err(NnError::io("read run folder", path))?;
            let found = format!("{:?}", entry.file_name());
            return Err(NnError::FolderInUse { path: path.to_owned(), found });
        }
        // What an earlier run ended with must not be taken for this one's.
        let result = path.join("result.json");
        match fs::remove_file(&result) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(NnError::io("remove", result)(error));
            }
            _ => {}
        }
        let open = |name: &str, header: &str| {
            let path = path.join(name);
            let mut file =
                File::create(&path).map(BufWriter::new).map_err(NnError::io("create", &path))?;
            let header = if header.is_empty() { Ok(()) } else { writeln!(file, "{header}") };
            header.and_then(|()| file.flush()).map_err(NnError::io("write", &path))?;
            Ok::<_, NnError>(file)
        };
        Ok(Self {
            path: path.to_owned(),
            history: open("history.jsonl", "")?,
            summary: open("history.csv", IterationRecord::CSV_HEADER)?,
            timing: open("timing.csv", "iteration,seconds")?,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an iteration to the histories.
    ///
    /// # Errors
    /// [`NnError::Io`] when the disk refuses.
    pub fn append(&mut self, record: &IterationRecord, seconds: f64) -> Result<(), NnError> {
        let json = serde_json::to_string(record).map_err(io::Error::from);
        let lines = [
            (&mut self.history, "history.jsonl", json),
            (&mut self.summary, "history.csv", Ok(record.csv())),
            (&mut self.timing, "timing.csv", Ok(format!("{},{seconds:.6}", record.iteration))),
        ];
        for (file, name, line) in lines {
            line.and_then(|line| writeln!(file, "{line}"))
                .and_then(|()| file.flush())
                .map_err(NnError::io("write", self.path.join(name)))?;
        }
        Ok(())
    }

    /// Writes a whole file of JSON.
    ///
    /// # Errors
    /// [`NnError::Io`] when the disk refuses.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), NnError> {
        self.write_whole(name, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            writeln!(file)
        })
    }

    /// Writes every parameter's values and momentum, and their formats.
    ///
    /// # Errors
    /// [`NnError::Io`] when the disk refuses.
    pub fn write_weights<T>(&self, network: &Network<T>) -> Result<(), NnError>
    where
        T: Number + WritableElement,
    {
        let folder = self.path.join("weights");
        fs::create_dir_all(&folder).map_err(NnError::io("create", &folder))?;
        let mut formats = BTreeMap::new();
        for param in network.params() {
            let name = &param.name;
            for (suffix, values) in [("", param.values()), (".momentum", param.momentum())] {
                self.write_whole(&format!("weights/{name}{suffix}.npy"), |file| {
                    values.write_npy(file).map_err(io::Error::other)
                })?;
            }
            formats.insert(name.clone(), T::FIXED.then(|| param.format()));
        }
        self.write_json("weights/formats.json", &formats)
    }

    fn write_whole(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), NnError> {
        let path = self.path.join(name);
        let staged = self.path.join(format!("{name}.part"));
        let mut file =
            File::create(&staged).map(BufWriter::new).map_err(NnError::io("create", &staged))?;
        write(&mut file).and_then(|()| file.flush()).map_err(NnError::io("write", &staged))?;
        fs::rename(&staged, &path).map_err(NnError::io("rename into place", &path))
    }
}
