//! A generated design on disk: written whole or not at all, read back and checked.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Config, ConfigSpec};
use crate::error::RtlgenError;
use crate::render::{SourceFile, package};

const CONFIG_FILE: &str = "config.json";
const FILE_LIST: &str = "flexmac.f";

/// What `gen` puts at the top of a folder.
const ENTRIES: [&str; 7] =
    [CONFIG_FILE, FILE_LIST, "Bender.yml", "flexmac.core", "rtl", "sim", "sw"];

/// Where a design that replaces another is made, in its folder, and the other one's place there.
const STAGING: &str = ".flexmac-gen";
const OLD: &str = "old";

/// Contents of config.json: what was asked for and what follows from it.
#[derive(Debug, Serialize, Deserialize)]
struct ConfigFile {
    generator: String,
    parameters: ConfigSpec,
    derived: Derived,
}

/// Widths that follow from the parameters; informative, recomputed on reading.
#[derive(Debug, Serialize, Deserialize)]
struct Derived {
    max_planes: u32,
    accumulator_bits: u32,
    sum_bits: u32,
}

/// Writes the design to `out`, in place of an earlier design there.
///
/// # Errors
/// [`RtlgenError::ForeignFolder`] when `out` holds something else, [`RtlgenError::Io`] when the
/// disk says no. In both cases `out` is as it was.
pub fn write(config: &Config, out: &Path) -> Result<Vec<PathBuf>, RtlgenError> {
    let mut files = package(config)?;
    let record = ConfigFile {
        generator: format!("flexmac {}", env!("CARGO_PKG_VERSION")),
        parameters: config.spec().clone(),
        derived: Derived {
            max_planes: config.max_planes(),
            accumulator_bits: config.acc_bits(),
            sum_bits: config.sum_bits(),
        },
    };
    let mut text = serde_json::to_string_pretty(&record).expect("plain numbers serialise");
    text.push('\n');
    files.push(SourceFile { path: CONFIG_FILE.to_owned(), text });

    match fs::metadata(out) {
        Ok(found) if found.is_dir() => replace(&files, out)?,
        Ok(_) => {
            let found = std::io::Error::other("expected a folder, found a file");
            return Err(io("write", out)(found));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => create(&files, out)?,
        Err(error) => return Err(io("write", out)(error)),
    }
    Ok(files.iter().map(|file| out.join(&file.path)).collect())
}

/// Reads and checks the configuration of a generated design; `path` is its folder or its
/// config.json.
///
/// # Errors
/// [`RtlgenError::Io`], [`RtlgenError::ConfigFile`] or [`RtlgenError::Config`].
pub fn read(path: &Path) -> Result<Config, RtlgenError> {
    let path = if path.is_dir() { path.join(CONFIG_FILE) } else { path.to_owned() };
    Ok(read_record(&path)?.parameters.check()?)
}

/// Reads the Verilog of a generated design as it stands on disk, in the order of its file list;
/// `path` is its folder or its config.json. What is simulated is what would be synthesized.
///
/// # Errors
/// [`RtlgenError::Io`] naming the file that cannot be read.
pub fn read_sources(path: &Path) -> Result<Vec<SourceFile>, RtlgenError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let list = folder.join(FILE_LIST);
    let names = bounded::text(&list, bounded::TEXT).map_err(io("read", &list))?;
    names
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let file = folder.join(name);
            let text = bounded::text(&file, bounded::TEXT).map_err(io("read", &file))?;
            Ok(SourceFile { path: name.to_owned(), text })
        })
        .collect()
}

/// Refuses a folder that holds anything but an earlier design: what would be lost is not ours.
fn refuse_foreign(out: &Path) -> Result<(), RtlgenError> {
    // The second and third are what a process that was killed left.
    let records = [out.to_owned(), out.join(STAGING), out.join(STAGING).join(OLD)];
    let is_design = records.iter().any(|folder| read_record(&folder.join(CONFIG_FILE)).is_ok());
    for entry in list(out)? {
        let name = name(&entry);
        let foreign = match () {
            () if name == STAGING => continue,
            () if !is_design || !ENTRIES.contains(&name) => Some(entry),
            () if entry.is_dir() => list(&entry)?.into_iter().find(|file| !is_generated(file)),
            () => None,
        };
        if let Some(entry) = foreign {
            return Err(RtlgenError::ForeignFolder { path: out.to_owned(), entry });
        }
    }
    Ok(())
}

/// Whether a file of a design's subfolder has a name that this or an earlier version gives.
fn is_generated(file: &Path) -> bool {
    let name = name(file);
    file.is_file() && (name.starts_with("flexmac_") || name.starts_with("registers."))
}

/// What a folder holds, by name.
fn list(folder: &Path) -> Result<Vec<PathBuf>, RtlgenError> {
    let entries = fs::read_dir(folder).map_err(io("read", folder))?;
    let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(io("read", folder))?;
    entries.sort();
    Ok(entries)
}

/// Last part of a path; empty if it is no text.
fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn read_record(path: &Path) -> Result<ConfigFile, RtlgenError> {
    let text = bounded::text(path, bounded::TEXT).map_err(io("read", path))?;
    serde_json::from_str(&text)
        .map_err(|source| RtlgenError::ConfigFile { path: path.to_owned(), source })
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

/// Writes a folder that is not there yet: staged beside it, then renamed.
fn create(files: &[SourceFile], out: &Path) -> Result<(), RtlgenError> {
    let staging = sibling(out);
    let written =
        stage(&staging, files).and_then(|()| fs::rename(&staging, out).map_err(io("write", out)));
    if written.is_err() {
        // Best effort: the error that matters is the one being returned.
        let _ = fs::remove_dir_all(&staging);
    }
    written
}

/// Replaces what a folder holds. The folder itself stays: it may be a link, a mount point or where
/// somebody's shell is. While it is in between it has no config.json and so is no design.
fn replace(files: &[SourceFile], out: &Path) -> Result<(), RtlgenError> {
    // Best effort: some network file systems do not lock folders.
    let lock = fs::File::open(out).map_err(io("read", out))?;
    let _ = lock.lock();
    refuse_foreign(out)?;
    let staging = out.join(STAGING);
    let clear = || match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", &staging)(error)),
        _ => Ok(()),
    };
    clear()?;
    let written = stage(&staging, files).and_then(|()| swap(&staging, out));
    let cleared = clear();
    written.and(cleared)
}

/// Moves the earlier design aside and the staged one in, or all back where it was.
fn swap(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let old = staging.join(OLD);
    fs::create_dir(&old).map_err(io("create", &old))?;
    // config.json, the first of the entries, is the first to go and the last to come.
    let aside = ENTRIES.iter().map(|name| (out.join(name), old.join(name)));
    let into = ENTRIES.iter().rev().map(|name| (staging.join(name), out.join(name)));
    let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (from, to) in aside.chain(into).filter(|(from, _)| from.exists()) {
        if let Err(error) = fs::rename(&from, &to) {
            for (from, to) in moved.iter().rev() {
                // Best effort: the error that matters is the one being returned.
                let _ = fs::rename(to, from);
            }
            return Err(io("write", &to)(error));
        }
        moved.push((from, to));
    }
    Ok(())
}

/// `.<name>.staging-<pid>` beside `out`, so that the rename stays on one file system.
fn sibling(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.staging-{}", std::process::id()))
}

fn io<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> RtlgenError + 'a {
    move |source| RtlgenError::Io { operation, path: path.to_owned(), source }
}
