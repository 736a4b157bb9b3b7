//! A generated design on disk: written whole or not at all, read back and checked.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{Config, ConfigSpec};
use crate::error::RtlgenError;
use crate::place::place;
use crate::render::{SourceFile, package};

pub(crate) const CONFIG_FILE: &str = "config.json";
pub(crate) const FILE_LIST: &str = "flexmac.f";

/// Contents of config.json: what was asked for and what follows from it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ConfigFile {
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
/// disk says no or another process is writing there. In each case `out` is as it was.
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

    place(&files, out)?;
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

/// Puts Verilog as it was simulated, edited perhaps, in place of a generated design's, list and all.
/// Files from outside the design's folder come to lie in its `rtl/`.
///
/// # Errors
/// [`RtlgenError::Io`].
pub fn write_sources(folder: &Path, sources: &[SourceFile]) -> Result<(), RtlgenError> {
    let mut list = String::new();
    for file in sources {
        let own = Path::new(&file.path);
        let inside = own.components().all(|part| matches!(part, Component::Normal(_)));
        let name = own.file_name().unwrap_or_default();
        let path = if inside { own.to_owned() } else { Path::new("rtl").join(name) };
        let target = folder.join(&path);
        let parent = target.parent().expect("a file has a folder");
        fs::create_dir_all(parent).map_err(io("create", parent))?;
        fs::write(&target, &file.text).map_err(io("write", &target))?;
        list += &format!("{}\n", path.display());
    }
    let target = folder.join(FILE_LIST);
    fs::write(&target, list).map_err(io("write", &target))
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
