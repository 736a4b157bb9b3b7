//! A generated design on disk: writes it completely or not at all, reads it back and checks it.

use std::path::{Path, PathBuf};

use flexmac_array::ArrayConfig;
use flexmac_fileio::bounded;
use flexmac_record::{DesignConfig, RecordFile};

use crate::error::RtlgenError;
use crate::install::{ForeignFiles, install};
use crate::prefix::Prefix;
use crate::render::{SourceFile, package};

pub(crate) const CONFIG_FILE: &str = "config.json";
pub(crate) const FILE_LIST: &str = "flexmac.f";

/// Writes the design to the folder `out`, replacing an earlier design there. Returns the paths of
/// its files.
///
/// # Errors
/// [`RtlgenError::ForeignFolder`] if `out` contains other files; [`RtlgenError::Io`] if writing
/// fails or another process is writing there. In both cases, `out` is unchanged.
pub fn write(config: &ArrayConfig, out: &Path) -> Result<Vec<PathBuf>, RtlgenError> {
    write_named(config, &Prefix::default(), out)
}

/// Writes the design to the folder `out` with names that begin with `prefix`.
///
/// # Errors
/// As for [`write()`]; [`RtlgenError::PrefixTaken`].
pub fn write_named(
    config: &ArrayConfig,
    prefix: &Prefix,
    out: &Path,
) -> Result<Vec<PathBuf>, RtlgenError> {
    let mut files = package(config, prefix)?;
    files.push(config_file(config, prefix));
    install(&files, out, ForeignFiles::Refused)?;
    Ok(files.iter().map(|file| out.join(&file.path)).collect())
}

/// Writes a run's own copy of a design to the folder `out`, replacing an earlier copy there.
/// `sources` is the Verilog as simulated, which may have been edited. All of it is written to
/// `rtl/`, wherever it came from.
///
/// # Errors
/// As for [`write()`].
pub fn write_copy(
    config: &ArrayConfig,
    sources: &[SourceFile],
    out: &Path,
) -> Result<(), RtlgenError> {
    let usual = Prefix::default();
    let mut files = package(config, &usual)?;
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
    files.push(config_file(config, &usual));
    install(&files, out, ForeignFiles::Removed)
}

fn config_file(config: &ArrayConfig, prefix: &Prefix) -> SourceFile {
    let mut record = DesignConfig::new(config, format!("flexmac {}", env!("CARGO_PKG_VERSION")));
    record.prefix = (!prefix.is_usual()).then(|| prefix.to_string());
    let text = record.to_json().expect("plain numbers and words");
    SourceFile { path: CONFIG_FILE.to_owned(), text }
}

/// Reads and checks the configuration of a generated design. `path` is its folder or its
/// config.json.
///
/// # Errors
/// [`RtlgenError::Record`], [`RtlgenError::Config`] or [`RtlgenError::Prefix`].
pub fn read(path: &Path) -> Result<ArrayConfig, RtlgenError> {
    let record = read_record(path)?;
    prefix_of(&record)?;
    Ok(record.parameters.check()?)
}

/// Reads what the names of a generated design begin with. `path` is its folder or its config.json.
///
/// # Errors
/// [`RtlgenError::Record`] or [`RtlgenError::Prefix`].
pub fn read_prefix(path: &Path) -> Result<Prefix, RtlgenError> {
    prefix_of(&read_record(path)?)
}

fn read_record(path: &Path) -> Result<DesignConfig, RtlgenError> {
    let path = if path.is_dir() { path.join(CONFIG_FILE) } else { path.to_owned() };
    Ok(DesignConfig::read(&path)?)
}

/// The prefix that a record has.
pub(crate) fn prefix_of(record: &DesignConfig) -> Result<Prefix, RtlgenError> {
    record.prefix.as_ref().map_or_else(|| Ok(Prefix::default()), |prefix| prefix.parse())
}

/// Reads the Verilog files of a generated design from disk, in the order of its file list, so that
/// simulation and synthesis use the same files. `path` is its folder or its config.json. Names that
/// begin with a prefix of the design's own begin with the usual one in the answer.
///
/// # Errors
/// [`RtlgenError::Io`], which names the file that cannot be read; as for [`read_prefix`].
pub fn read_sources(path: &Path) -> Result<Vec<SourceFile>, RtlgenError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let prefix = read_prefix(path)?;
    let list = folder.join(FILE_LIST);
    let names = bounded::text(&list, bounded::TEXT).map_err(io("read", &list))?;
    names
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let file = folder.join(name);
            let text = bounded::text(&file, bounded::TEXT).map_err(io("read", &file))?;
            Ok(SourceFile { path: prefix.usual(name), text: prefix.usual(&text) })
        })
        .collect()
}

pub(crate) fn io<'a>(
    operation: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> RtlgenError + 'a {
    move |source| RtlgenError::Io { operation, path: path.to_owned(), source }
}
