//! The checkpoint files of a run: named by iteration, the last two are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use flexmac_fileio::{atomic, bounded};
use flexmac_nn::Number;

use super::{Checkpoint, file};
use crate::error::{Remedy, RunFolderError};

const FOLDER: &str = "checkpoints";
const EXTENSION: &str = "ckpt";

/// The path of the checkpoint after this many iterations.
fn path_of(run: &Path, iteration: u64) -> PathBuf {
    run.join(FOLDER).join(format!("{iteration:08}.{EXTENSION}"))
}

/// Checkpoints of a run, oldest first.
fn list(run: &Path) -> Result<Vec<(u64, PathBuf)>, RunFolderError> {
    let folder = run.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(RunFolderError::io("read", &folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(RunFolderError::io("read", &folder))?.path();
        let named = path.extension().is_some_and(|extension| extension == EXTENSION);
        let iteration = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(iteration) = iteration.filter(|_| named) {
            found.push((iteration, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a checkpoint to a run's folder.
pub(crate) fn save<T: Number>(
    run: &Path,
    checkpoint: &Checkpoint<T>,
) -> Result<(), RunFolderError> {
    let folder = run.join(FOLDER);
    fs::create_dir_all(&folder).map_err(RunFolderError::io("create", &folder))?;
    let path = path_of(run, checkpoint.state.iteration);
    atomic::write_with(&path, |out| file::write(checkpoint, out))
        .map_err(RunFolderError::io("write", path))
}

/// Removes all but the last two checkpoints.
pub(crate) fn keep_two(run: &Path) -> Result<(), RunFolderError> {
    let found = list(run)?;
    for (_, path) in &found[..found.len().saturating_sub(2)] {
        fs::remove_file(path).map_err(RunFolderError::io("remove", path))?;
    }
    Ok(())
}

/// Renames the checkpoints of later iterations to `NAME.aside`, because the run resumes before
/// them.
pub(crate) fn set_aside_after(run: &Path, iteration: u64) -> Result<(), RunFolderError> {
    for (_, path) in list(run)?.iter().filter(|(found, _)| *found > iteration) {
        let aside = path.with_extension(format!("{EXTENSION}.aside"));
        fs::rename(path, &aside).map_err(RunFolderError::io("set aside", path))?;
    }
    Ok(())
}

/// Reads the newest checkpoint of a run or, with `previous`, the one before it. `None` if the run
/// was killed before its first checkpoint.
///
/// # Errors
/// [`RunFolderError::RunFile`] for a damaged file, or if there is no previous one;
/// [`RunFolderError::Io`].
pub fn load_checkpoint<T: Number>(
    run: &Path,
    previous: bool,
) -> Result<Option<Checkpoint<T>>, RunFolderError> {
    let mut found = list(run)?;
    let newest = found.pop();
    let (iteration, path) = match (newest, previous) {
        (None, _) => return Ok(None),
        (Some(newest), false) => newest,
        (Some((_, newest)), true) => found.pop().ok_or_else(|| RunFolderError::RunFile {
            what: "checkpoint",
            path: newest,
            expected: "one before it".to_owned(),
            found: "none".to_owned(),
            remedy: Remedy::StartOver,
        })?,
    };
    let bytes = bounded::read(&path, bounded::STATE)
        .map_err(RunFolderError::io("read checkpoint", &path))?;
    let refuse = |(expected, wrong)| {
        let remedy = match found.last() {
            Some((before, _)) if !previous => Remedy::Earlier(*before),
            _ => Remedy::NoneBefore,
        };
        let path = path.clone();
        RunFolderError::RunFile { what: "checkpoint", path, expected, found: wrong, remedy }
    };
    let checkpoint = file::read::<T>(&bytes).map_err(refuse)?;
    if checkpoint.state.iteration != iteration {
        let inside = format!("iteration {}", checkpoint.state.iteration);
        return Err(refuse((format!("iteration {iteration}, as its name says"), inside)));
    }
    Ok(Some(checkpoint))
}
