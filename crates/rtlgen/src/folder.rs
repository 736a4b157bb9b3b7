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

/// Writes the design to `out`, replacing an earlier design there.
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

    // A path with a name, so that "." has a sibling too.
    let place = std::path::absolute(out).map_err(io("resolve", out))?;
    refuse_foreign(out)?;
    let staging = sibling(&place, "staging");
    let written = stage(&staging, &files).and_then(|()| replace(&staging, &place));
    if written.is_err() {
        // Best effort: the error that matters is the one being returned.
        let _ = fs::remove_dir_all(&staging);
    }
    written?;
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
    let entries = match fs::read_dir(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("write", out)(error)),
        Ok(entries) => entries,
    };
    let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(io("read", out))?;
    entries.sort();
    let is_design = read_record(&out.join(CONFIG_FILE)).is_ok();
    let foreign = entries.into_iter().find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        !is_design || !ENTRIES.contains(&name)
    });
    match foreign {
        Some(entry) => Err(RtlgenError::ForeignFolder { path: out.to_owned(), entry }),
        None => Ok(()),
    }
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

/// Puts the staged folder in place; an earlier one steps aside first and is removed last.
fn replace(staging: &Path, out: &Path) -> Result<(), RtlgenError> {
    let old = sibling(out, "old");
    let existed = out.exists();
    if existed {
        fs::rename(out, &old).map_err(io("replace", out))?;
    }
    if let Err(error) = fs::rename(staging, out) {
        if existed {
            // Best effort: the error that matters is the one being returned.
            let _ = fs::rename(&old, out);
        }
        return Err(io("write", out)(error));
    }
    if existed {
        fs::remove_dir_all(&old).map_err(io("remove", &old))?;
    }
    Ok(())
}

/// `.<name>.<what>-<pid>` beside `out`, so that the rename stays on one file system.
fn sibling(out: &Path, what: &str) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.{what}-{}", std::process::id()))
}

fn io<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> RtlgenError + 'a {
    move |source| RtlgenError::Io { operation, path: path.to_owned(), source }
}
