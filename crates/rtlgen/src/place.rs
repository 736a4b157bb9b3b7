//! Files of a design put into a folder, whole or not at all, in place of those of an earlier design.
//!
//! A folder that is there stays: it may be a link, a mount point or where somebody's shell is. Its
//! entries are swapped one by one, config.json first out and last in, so that a folder in between is no
//! design; whoever comes next puts the earlier one back before it looks further. Swapping the whole
//! folder by renaming was turned down for what it does to links, mount points and shells.
//!
//! ```text
//! OUT/.flexmac-gen/new/    the new design, until its entries are in OUT; config.json leaves last
//! OUT/.flexmac-gen/had     names of the earlier design's entries
//! OUT/.flexmac-gen/old/    those of them that were moved aside
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use flexmac_fileio::{atomic, bounded};

use crate::error::RtlgenError;
use crate::folder::{CONFIG_FILE, ConfigFile, FILE_LIST, io, read_record};
use crate::render::{SourceFile, package};

/// What a design has at the top of its folder.
const ENTRIES: [&str; 7] =
    [CONFIG_FILE, FILE_LIST, "Bender.yml", "flexmac.core", "rtl", "sim", "sw"];

/// Where a swap takes place, in the folder, and what is there.
const STAGING: &str = ".flexmac-gen";
const NEW: &str = "new";
const HAD: &str = "had";
const OLD: &str = "old";

/// How often, and how far apart, a folder that another process writes to is tried.
const TRIES: (u32, Duration) = (50, Duration::from_millis(100));

/// Whose files may lie among a design's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guests {
    /// The user's, which must not be lost.
    Kept,
    /// Nobody's: the folder is a copy that a run made for itself.
    Removed,
}

/// Puts files into `out`.
///
/// # Errors
/// As for [`crate::write`].
pub(crate) fn place(files: &[SourceFile], out: &Path, guests: Guests) -> Result<(), RtlgenError> {
    match fs::metadata(out) {
        Ok(found) if found.is_dir() => replace(files, out, guests),
        Ok(_) => Err(io("write", out)(Error::other("expected a folder, found a file"))),
        Err(error) if error.kind() == ErrorKind::NotFound => create(files, out, guests),
        Err(error) => Err(io("write", out)(error)),
    }
}

/// Writes a folder that is not there yet: staged beside it, then renamed.
fn create(files: &[SourceFile], out: &Path, guests: Guests) -> Result<(), RtlgenError> {
    let Some(name) = out.file_name() else {
        return Err(io("write", out)(Error::other("expected a folder with a name")));
    };
    // So that the rename stays on one file system.
    let name = format!(".{}.staging-{}", name.to_string_lossy(), std::process::id());
    let staging = out.with_file_name(name);
    remove(&staging)?;
    let written = stage(&staging, files).and_then(|()| match fs::rename(&staging, out) {
        // Another process was first.
        Err(_) if out.is_dir() => replace(files, out, guests),
        renamed => renamed.map_err(io("write", out)),
    });
    // Best effort: nothing is left of it after a success, else another error matters.
    let _ = fs::remove_dir_all(&staging);
    written
}

/// Replaces what a folder holds.
fn replace(files: &[SourceFile], given: &Path, guests: Guests) -> Result<(), RtlgenError> {
    // A path such as rtl/.. would lead nowhere once rtl is moved.
    let out = &fs::canonicalize(given).map_err(io("resolve", given))?;
    let _lock = lock(out, given)?;
    let staging = out.join(STAGING);
    recover(&staging, out)?;
    refuse_foreign(out, given, guests)?;
    stage(&staging.join(NEW), files)
        .and_then(|()| swap(&staging, out))
        // What cannot be put back now is by whoever comes next.
        .inspect_err(|_| recover(&staging, out).unwrap_or_default())?;
    // Best effort: the design is in place.
    let _ = fs::remove_dir_all(&staging);
    Ok(())
}

/// Waits its turn for a folder, and holds it until the file is dropped.
fn lock(out: &Path, given: &Path) -> Result<File, RtlgenError> {
    let lock = File::open(out).map_err(io("read", given))?;
    let (tries, pause) = TRIES;
    for _ in 0..tries {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => sleep(pause),
            // Some network file systems do not lock folders; that only loses this protection.
            _ => return Ok(lock),
        }
    }
    let busy = Error::new(ErrorKind::ResourceBusy, "another process is writing there; wait for it");
    Err(io("write", given)(busy))
}

/// Ends what a process that was killed, or could not go on, had begun: with the new design if all of it
/// is in place, else with what was there before.
fn recover(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let had = bounded::text(&staging.join(HAD), bounded::TEXT).ok();
    if let Some(had) = had.filter(|_| is_there(&staging.join(NEW).join(CONFIG_FILE))) {
        let had: Vec<_> = had.lines().collect();
        // The reverse of the way out, so that config.json comes last.
        for name in ENTRIES.iter().rev() {
            let (old, here) = (staging.join(OLD).join(name), out.join(name));
            if is_there(&old) {
                remove(&here)?;
                fs::rename(&old, &here).map_err(io("put back", &here))?;
            } else if !had.contains(name) {
                remove(&here)?;
            }
        }
    }
    remove(staging)
}

/// Moves the earlier design aside and the staged one in.
fn swap(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let (new, old, list) = (staging.join(NEW), staging.join(OLD), staging.join(HAD));
    fs::create_dir(&old).map_err(io("create", &old))?;
    let had: Vec<_> = ENTRIES.into_iter().filter(|name| is_there(&out.join(name))).collect();
    atomic::write(&list, had.join("\n")).map_err(io("write", &list))?;
    // config.json, the first of the entries, is the first to go and the last to come.
    let aside = had.iter().map(|name| (out.join(name), old.join(name)));
    let into = ENTRIES.iter().rev().map(|name| (new.join(name), out.join(name)));
    aside
        .chain(into)
        .filter(|(from, _)| is_there(from))
        .try_for_each(|(from, to)| fs::rename(&from, &to).map_err(io("write", &to)))
}

/// Refuses a folder that holds anything but an earlier design: what would be lost is not ours.
fn refuse_foreign(out: &Path, given: &Path, guests: Guests) -> Result<(), RtlgenError> {
    let record = read_record(&out.join(CONFIG_FILE)).ok();
    let generated = record.as_ref().map(generated).unwrap_or_default();
    // What an earlier version wrote stands in the list.
    let listed = bounded::text(&out.join(FILE_LIST), bounded::TEXT).unwrap_or_default();
    let listed: BTreeSet<_> =
        listed.lines().map(|line| line.trim().trim_start_matches("./")).collect();
    let is_ours = |file: &PathBuf| {
        let path = file.strip_prefix(out).ok().and_then(Path::to_str).unwrap_or_default();
        let is_named = name(file).starts_with("flexmac_") && listed.contains(path);
        !is_folder(file) && (is_named || generated.contains(path))
    };
    for entry in list(out)? {
        let name = name(&entry);
        let foreign = match () {
            () if record.is_none() || !ENTRIES.contains(&name) => Some(entry),
            () if guests == Guests::Kept && is_folder(&entry) => {
                list(&entry)?.into_iter().find(|file| !is_ours(file))
            }
            () => None,
        };
        if let Some(entry) = foreign {
            // As the folder was named.
            let entry = entry.strip_prefix(out).map_or(entry.clone(), |entry| given.join(entry));
            return Err(RtlgenError::ForeignFolder { path: given.to_owned(), entry });
        }
    }
    Ok(())
}

/// Names of the files of a design as this version writes it; none if its configuration is none.
fn generated(record: &ConfigFile) -> BTreeSet<String> {
    let config = record.parameters.clone().check().ok();
    let files = config.and_then(|config| package(&config).ok()).unwrap_or_default();
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

/// What a folder holds, by name.
fn list(folder: &Path) -> Result<Vec<PathBuf>, RtlgenError> {
    let entries = fs::read_dir(folder).map_err(io("read", folder))?;
    let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(io("read", folder))?;
    entries.sort();
    Ok(entries)
}

/// Removes a file, a link or a folder with what it holds, or nothing.
fn remove(path: &Path) -> Result<(), RtlgenError> {
    let removed = if is_folder(path) { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Whether there is anything, a link to nothing included.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether it is a folder itself, and not a link to one.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// Last part of a path; empty if it is no text.
fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
