//! Files of a design put into a folder, whole or not at all, in place of those of an earlier design.
//!
//! A folder that is there stays: it may be a link, a mount point or where somebody's shell is. Its
//! entries are swapped one by one, config.json first out and last in, so that a folder in between is no
//! design; whoever comes next puts the earlier one back before it looks further. Swapping the whole
//! folder by renaming was turned down for what it does to links, mount points and shells.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::error::RtlgenError;
use crate::folder::{CONFIG_FILE, FILE_LIST, io, read_record};
use crate::render::SourceFile;

/// What a design has at the top of its folder.
const ENTRIES: [&str; 7] =
    [CONFIG_FILE, FILE_LIST, "Bender.yml", "flexmac.core", "rtl", "sim", "sw"];

/// What it has below, beside the files of its list.
const UNLISTED: [&str; 5] = [
    "sim/flexmac_top_tb.v",
    "sw/flexmac_regs.h",
    "sw/flexmac_regs.rs",
    "sw/registers.json",
    "sw/registers.md",
];

/// Where a design that replaces another is made, in its folder, and the other one's place there.
const STAGING: &str = ".flexmac-gen";
const OLD: &str = "old";

/// How often, and how far apart, a folder that another process writes to is tried.
const TRIES: (u32, Duration) = (50, Duration::from_millis(100));

/// Puts files into `out`.
///
/// # Errors
/// As for [`crate::write`].
pub(crate) fn place(files: &[SourceFile], out: &Path) -> Result<(), RtlgenError> {
    match fs::metadata(out) {
        Ok(found) if found.is_dir() => replace(files, out),
        Ok(_) => Err(io("write", out)(Error::other("expected a folder, found a file"))),
        Err(error) if error.kind() == ErrorKind::NotFound => create(files, out),
        Err(error) => Err(io("write", out)(error)),
    }
}

/// Writes a folder that is not there yet: staged beside it, then renamed.
fn create(files: &[SourceFile], out: &Path) -> Result<(), RtlgenError> {
    let staging = sibling(out);
    let written = stage(&staging, files).and_then(|()| match fs::rename(&staging, out) {
        // Another process was first.
        Err(_) if out.is_dir() => replace(files, out),
        renamed => renamed.map_err(io("write", out)),
    });
    // Best effort: nothing is left of it after a success, else another error matters.
    let _ = fs::remove_dir_all(&staging);
    written
}

/// Replaces what a folder holds.
fn replace(files: &[SourceFile], out: &Path) -> Result<(), RtlgenError> {
    let _lock = lock(out)?;
    let staging = out.join(STAGING);
    recover(&staging, out)?;
    refuse_foreign(out)?;
    stage(&staging, files)
        .and_then(|()| swap(&staging, out))
        // Puts back what was moved; what is still in the way is told by the next one.
        .inspect_err(|_| recover(&staging, out).unwrap_or_default())?;
    fs::remove_dir_all(&staging).map_err(io("remove", &staging))
}

/// Waits its turn for a folder, and holds it until the file is dropped.
fn lock(out: &Path) -> Result<File, RtlgenError> {
    let lock = File::open(out).map_err(io("read", out))?;
    let (tries, pause) = TRIES;
    for _ in 0..tries {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => sleep(pause),
            // Some network file systems do not lock folders; that only loses this protection.
            _ => return Ok(lock),
        }
    }
    let busy = Error::new(ErrorKind::ResourceBusy, "another process is writing there; wait for it");
    Err(io("write", out)(busy))
}

/// Ends what a process that was killed, or could not go on, had begun: with the new design if all of it
/// is in place, else with the earlier one.
fn recover(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let old = staging.join(OLD);
    if is_there(&old) && !is_there(&out.join(CONFIG_FILE)) {
        // The reverse of the way out, so that config.json comes last.
        for name in ENTRIES.iter().rev().filter(|name| is_there(&old.join(name))) {
            let (from, to) = (old.join(name), out.join(name));
            remove(&to)?;
            fs::rename(&from, &to).map_err(io("put back", &to))?;
        }
    }
    remove(staging)
}

/// Moves the earlier design aside and the staged one in.
fn swap(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let old = staging.join(OLD);
    fs::create_dir(&old).map_err(io("create", &old))?;
    // config.json, the first of the entries, is the first to go and the last to come.
    let aside = ENTRIES.iter().map(|name| (out.join(name), old.join(name)));
    let into = ENTRIES.iter().rev().map(|name| (staging.join(name), out.join(name)));
    aside
        .chain(into)
        .filter(|(from, _)| is_there(from))
        .try_for_each(|(from, to)| fs::rename(&from, &to).map_err(io("write", &to)))
}

/// Refuses a folder that holds anything but an earlier design: what would be lost is not ours.
fn refuse_foreign(out: &Path) -> Result<(), RtlgenError> {
    let is_design = read_record(&out.join(CONFIG_FILE)).is_ok();
    // Without a list only what every design has is known.
    let listed = fs::read_to_string(out.join(FILE_LIST)).unwrap_or_default();
    let files: BTreeSet<_> = listed.lines().map(str::trim).chain(UNLISTED).collect();
    for entry in list(out)? {
        let name = name(&entry);
        let foreign = match () {
            () if !is_design || !ENTRIES.contains(&name) => Some(entry),
            () if is_folder(&entry) => list(&entry)?.into_iter().find(|file| {
                let path = file.strip_prefix(out).ok().and_then(Path::to_str).unwrap_or_default();
                is_folder(file) || !files.contains(path)
            }),
            () => None,
        };
        if let Some(entry) = foreign {
            return Err(RtlgenError::ForeignFolder { path: out.to_owned(), entry });
        }
    }
    Ok(())
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

/// `.<name>.staging-<pid>` beside `out`, so that the rename stays on one file system.
fn sibling(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.staging-{}", std::process::id()))
}
