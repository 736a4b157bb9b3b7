//! Installs the files of a design in a folder, completely or not at all, replacing those of an
//! earlier design.
//!
//! An existing folder is kept, because it may be a link, a mount point or the current folder of a
//! shell; renaming the whole folder would break these. Instead, its entries are exchanged one by
//! one. config.json is removed first and written last, so that a half-exchanged folder is not a
//! design. After a crash, the next call restores the earlier design before it does anything else.
//!
//! ```text
//! OUT/.flexmac-gen/new/    the new design, until its entries are moved to OUT, config.json last
//! OUT/.flexmac-gen/had     the names of the earlier design's entries
//! OUT/.flexmac-gen/old/    those entries of the earlier design that have been moved aside
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use flexmac_fileio::{atomic, bounded, lock};
use flexmac_record::{DesignConfig, RecordFile};

use crate::error::RtlgenError;
use crate::folder::{CONFIG_FILE, FILE_LIST, io, prefix_of};
use crate::render::{SourceFile, package};

/// The entries of a design's folder.
const ENTRIES: [&str; 8] =
    [CONFIG_FILE, FILE_LIST, "flexmac-root.f", "Bender.yml", "flexmac.core", "rtl", "sim", "sw"];

/// The folder for an exchange, and its entries.
const STAGING: &str = ".flexmac-gen";
const NEW: &str = "new";
const HAD: &str = "had";
const OLD: &str = "old";

/// Number of attempts to lock a folder that another process writes to, and the pause between them.
const TRIES: (u32, Duration) = (50, Duration::from_millis(100));

/// What to do if the folders of the earlier design contain files that are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForeignFiles {
    /// Refuse to install: they may be the user's files.
    Refused,
    /// Remove them: the folder is a run's own copy of a design.
    Removed,
}

/// Installs `files` in the folder `out`.
///
/// # Errors
/// As for [`crate::write`].
pub(crate) fn install(
    files: &[SourceFile],
    out: &Path,
    foreign: ForeignFiles,
) -> Result<(), RtlgenError> {
    match fs::metadata(out) {
        Ok(found) if found.is_dir() => replace(files, out, foreign),
        Ok(_) => Err(io("write", out)(Error::other("expected a folder, found a file"))),
        Err(error) if error.kind() == ErrorKind::NotFound => create(files, out, foreign),
        Err(error) => Err(io("write", out)(error)),
    }
}

/// Creates the folder: writes the files to a staging folder beside it, which is then renamed.
fn create(files: &[SourceFile], out: &Path, foreign: ForeignFiles) -> Result<(), RtlgenError> {
    let Some(name) = out.file_name() else {
        return Err(io("write", out)(Error::other("expected a folder with a name")));
    };
    // Beside `out`, so that the rename stays on one file system.
    let name = format!(".{}.staging-{}", name.to_string_lossy(), std::process::id());
    let staging = out.with_file_name(name);
    remove(&staging)?;
    let written = stage(&staging, files).and_then(|()| match fs::rename(&staging, out) {
        // Another process has created the folder in the meantime.
        Err(_) if out.is_dir() => replace(files, out, foreign),
        renamed => renamed.map_err(io("write", out)),
    });
    // Best effort: after a success it no longer exists; otherwise another error is reported.
    let _ = fs::remove_dir_all(&staging);
    written
}

/// Replaces the design in an existing folder.
fn replace(files: &[SourceFile], given: &Path, foreign: ForeignFiles) -> Result<(), RtlgenError> {
    // A path such as rtl/.. becomes invalid when rtl is moved.
    let out = &fs::canonicalize(given).map_err(io("resolve", given))?;
    let _lock = lock(out, given)?;
    let staging = out.join(STAGING);
    recover(&staging, out)?;
    refuse_foreign(out, given, foreign)?;
    stage(&staging.join(NEW), files)
        .and_then(|()| swap(&staging, out))
        // If this fails too, the next call restores the earlier design.
        .inspect_err(|_| recover(&staging, out).unwrap_or_default())?;
    // Best effort: the design is installed.
    let _ = fs::remove_dir_all(&staging);
    Ok(())
}

/// Locks a folder, waiting for other processes. The lock is released when the file is dropped.
fn lock(out: &Path, given: &Path) -> Result<File, RtlgenError> {
    let folder = File::open(out).map_err(io("read", given))?;
    let (tries, pause) = TRIES;
    for _ in 0..tries {
        if lock::try_lock(&folder, given).map_err(io("lock", given))? {
            return Ok(folder);
        }
        sleep(pause);
    }
    let busy = Error::new(ErrorKind::ResourceBusy, "another process is writing there; wait for it");
    Err(io("write", given)(busy))
}

/// Completes an exchange that was interrupted: keeps the new design if all of it is installed, else
/// restores the earlier one.
fn recover(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let had = bounded::text(&staging.join(HAD), bounded::TEXT).ok();
    if let Some(had) = had.filter(|_| exists(&staging.join(NEW).join(CONFIG_FILE))) {
        let had: Vec<_> = had.lines().collect();
        // In reverse order, so that config.json comes last.
        for name in ENTRIES.iter().rev() {
            let (old, here) = (staging.join(OLD).join(name), out.join(name));
            if exists(&old) {
                remove(&here)?;
                fs::rename(&old, &here).map_err(io("put back", &here))?;
            } else if !had.contains(name) {
                remove(&here)?;
            }
        }
    }
    remove(staging)
}

/// Moves the earlier design aside and the new one into the folder.
fn swap(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let (new, old, list) = (staging.join(NEW), staging.join(OLD), staging.join(HAD));
    fs::create_dir(&old).map_err(io("create", &old))?;
    let had: Vec<_> = ENTRIES.into_iter().filter(|name| exists(&out.join(name))).collect();
    atomic::write(&list, had.join("\n")).map_err(io("write", &list))?;
    // config.json is the first of the entries, so it is the first to go and the last to come.
    let aside = had.iter().map(|name| (out.join(name), old.join(name)));
    let into = ENTRIES.iter().rev().map(|name| (new.join(name), out.join(name)));
    aside
        .chain(into)
        .filter(|(from, _)| exists(from))
        .try_for_each(|(from, to)| fs::rename(&from, &to).map_err(io("write", &to)))
}

/// Returns an error if the folder contains anything but an earlier design, so that no file of the
/// user is lost.
fn refuse_foreign(out: &Path, given: &Path, foreign: ForeignFiles) -> Result<(), RtlgenError> {
    let record = DesignConfig::read(&out.join(CONFIG_FILE)).ok();
    let generated = record.as_ref().map(generated).unwrap_or_default();
    // The file list names the files that an earlier version of this program wrote.
    let listed = bounded::text(&out.join(FILE_LIST), bounded::TEXT).unwrap_or_default();
    let listed: BTreeSet<_> =
        listed.lines().map(|line| line.trim().trim_start_matches("./")).collect();
    let begin = record.as_ref().and_then(|record| prefix_of(record).ok()).unwrap_or_default();
    let begin = format!("{begin}_");
    let is_ours = |file: &PathBuf| {
        let path = file.strip_prefix(out).ok().and_then(Path::to_str).unwrap_or_default();
        let is_named = name(file).starts_with(&begin) && listed.contains(path);
        !is_folder(file) && (is_named || generated.contains(path))
    };
    for entry in list(out)? {
        let name = name(&entry);
        let found = match () {
            () if record.is_none() || !ENTRIES.contains(&name) => Some(entry),
            () if foreign == ForeignFiles::Refused && is_folder(&entry) => {
                list(&entry)?.into_iter().find(|file| !is_ours(file))
            }
            () => None,
        };
        if let Some(entry) = found {
            // Report the path as the caller named the folder.
            let entry = entry.strip_prefix(out).map_or(entry.clone(), |entry| given.join(entry));
            return Err(RtlgenError::ForeignFolder { path: given.to_owned(), entry });
        }
    }
    Ok(())
}

/// The names of the files that this version writes for a configuration; empty if it is not valid.
fn generated(record: &DesignConfig) -> BTreeSet<String> {
    let config = record.parameters.clone().check().ok();
    let prefix = prefix_of(record).unwrap_or_default();
    let files = config.and_then(|config| package(&config, &prefix).ok()).unwrap_or_default();
    files.into_iter().map(|file| file.path).collect()
}

fn stage(staging: &Path, files: &[SourceFile]) -> Result<(), RtlgenError> {
    for file in files {
        let path = staging.join(&file.path);
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        fs::write(&path, &file.text).map_err(io("write", &path))?;
    }
    Ok(())
}

/// The entries of a folder, sorted by name.
fn list(folder: &Path) -> Result<Vec<PathBuf>, RtlgenError> {
    let entries = fs::read_dir(folder).map_err(io("read", folder))?;
    let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(io("read", folder))?;
    entries.sort();
    Ok(entries)
}

/// Removes a file, a link, or a folder with its contents, if it exists.
fn remove(path: &Path) -> Result<(), RtlgenError> {
    let removed = if is_folder(path) { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Whether a path exists. A broken link exists too.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether a path is a folder, and not a link to one.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// The last component of a path; empty if it is not valid UTF-8.
fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
