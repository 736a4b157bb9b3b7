//! A generated design on disk: written whole or not at all, read back and checked.

use std::path::{Path, PathBuf};

use flexmac_array::{ArrayConfig, ArraySpec};
use flexmac_fileio::bounded;
use serde::{Deserialize, Serialize};

use crate::error::RtlgenError;
use crate::place::{Guests, place};
use crate::render::{SourceFile, package};

pub(crate) const CONFIG_FILE: &str = "config.json";
pub(crate) const FILE_LIST: &str = "flexmac.f";

/// Contents of config.json: what was asked for and what follows from it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConfigFile {
    generator: String,
    pub(crate) parameters: ArraySpec,
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
/// disk says no or another process is writing there. In each case `out` is as it was.
pub fn write(config: &ArrayConfig, out: &Path) -> Result<Vec<PathBuf>, RtlgenError> {
    let mut files = package(config)?;
    files.push(config_file(config));
    place(&files, out, Guests::Kept)?;
    Ok(files.iter().map(|file| out.join(&file.path)).collect())
}

/// Writes a copy of a design for a run's own use to `out`, in place of an earlier copy there: the Verilog
/// as it was simulated, edited perhaps. Files from elsewhere than the design's `rtl/` come to lie there.
///
/// # Errors
/// As for [`write()`].
pub fn write_copy(
    config: &ArrayConfig,
    sources: &[SourceFile],
    out: &Path,
) -> Result<(), RtlgenError> {
    let mut files = package(config)?;
    files.retain(|file| !file.path.starts_with("rtl/") && file.path != FILE_LIST);
    let mut paths: Vec<String> = Vec::new();
    for (number, file) in sources.iter().enumerate() {
        let name = Path::new(&file.path).file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or("unnamed.v");
        let mut path = format!("rtl/{name}");
        if paths.contains(&path) {
            path = format!("rtl/{number}_{name}");
        }
        files.push(SourceFile { path: path.clone(), text: file.text.clone() });
        paths.push(path);
    }
    files.push(SourceFile { path: FILE_LIST.to_owned(), text: paths.join("\n") + "\n" });
    files.push(config_file(config));
    place(&files, out, Guests::Removed)
}

fn config_file(config: &ArrayConfig) -> SourceFile {
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
    SourceFile { path: CONFIG_FILE.to_owned(), text }
}

/// Reads and checks the configuration of a generated design; `path` is its folder or its
/// config.json.
///
/// # Errors
/// [`RtlgenError::Io`], [`RtlgenError::ConfigFile`] or [`RtlgenError::Config`].
pub fn read(path: &Path) -> Result<ArrayConfig, RtlgenError> {
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

pub(crate) fn read_record(path: &Path) -> Result<ConfigFile, RtlgenError> {
    let text = bounded::text(path, bounded::TEXT).map_err(io("read", path))?;
    serde_json::from_str(&text)
        .map_err(|source| RtlgenError::ConfigFile { path: path.to_owned(), source })
}

pub(crate) fn io<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> RtlgenError + 'a {
    move |source| RtlgenError::Io { operation, path: path.to_owned(), source }
}
