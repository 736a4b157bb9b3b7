//! The cell library as the tools read it: decompressed, and without cells that may not be used.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use flexmac_fileio::bounded;
use sha2::{Digest, Sha256};

use crate::error::{Error, io_error};
use crate::liberty::Library;
use crate::stage_cache::remove;
use crate::target::OSU018_LIBERTY;
use flexmac_record::LibraryReport;

/// Name of the library that the tools read.
pub(crate) const CELLS: &str = "cells.lib";

/// A library as the tools read it.
pub(crate) struct StagedLibrary {
    /// Its cells.
    pub parsed: Library,
    /// For `report.json`.
    pub report: LibraryReport,
    /// Whether `cells.lib` is a copy of its own.
    pub is_copy: bool,
}

/// Reads a cell library, `.lib` or `.lib.gz`. Returns its uncompressed text too.
///
/// # Errors
/// No such file, or one that does not read as a library.
pub fn read_library(path: &Path) -> Result<(Library, Vec<u8>), Error> {
    let text = library_text(path)?;
    let library = Library::parse(&text).map_err(|error| error.at(path))?;
    Ok((library, text))
}

/// SHA-256 in hexadecimal, as [`LibraryReport::sha256`] has it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Uncompressed text of a library.
fn library_text(path: &Path) -> Result<Vec<u8>, Error> {
    if !path.is_file() {
        let hint = if path == Path::new(OSU018_LIBERTY) {
            "install it with: apt-get install qflow-tech-osu018"
        } else {
            "give a .lib or .lib.gz file, or use the default after: apt-get install qflow-tech-osu018"
        };
        return Err(Error::MissingLibrary { path: path.to_owned(), hint });
    }
    let bytes = bounded::read(path, bounded::DATA).map_err(io_error("read", path))?;
    bounded::unzipped(bytes, bounded::DATA).map_err(io_error("decompress", path))
}

/// Puts the library into `dir` as `cells.lib`, without the cells that may not be used.
pub(crate) fn stage_library(
    path: &Path,
    parsed: Library,
    text: &[u8],
    dir: &Path,
) -> Result<StagedLibrary, Error> {
    let kept = parsed.without_excluded(text);
    // Not compressed, whatever its name.
    let is_plain = || fs::read(path).is_ok_and(|bytes| bytes == text);
    let unchanged = matches!(kept, Cow::Borrowed(_)) && is_plain();
    let cells = dir.join(CELLS);
    remove(&cells)?;
    let is_copy = !(unchanged && link(path, &cells));
    if is_copy {
        fs::write(&cells, &kept).map_err(io_error("write", &cells))?;
    }
    let owned =
        |pair: Option<(&str, &str)>| pair.map(|(cell, pin)| (cell.to_owned(), pin.to_owned()));
    let report = LibraryReport {
        name: parsed.name.clone(),
        path: path.display().to_string(),
        sha256: sha256(text),
        time_unit_ps: parsed.time_unit_ps,
        operating_conditions: parsed.operating_conditions.clone(),
        tie_high: owned(parsed.tie(true)),
        tie_low: owned(parsed.tie(false)),
        buffer: parsed.buffer().map(|(name, _)| name.to_owned()),
        excluded_cells: parsed.excluded(),
    };
    Ok(StagedLibrary { parsed, report, is_copy })
}

/// Links instead of copying where the system allows it.
fn link(path: &Path, to: &Path) -> bool {
    #[cfg(unix)]
    {
        fs::canonicalize(path).is_ok_and(|path| std::os::unix::fs::symlink(path, to).is_ok())
    }
    #[cfg(not(unix))]
    {
        let _ = (path, to);
        false
    }
}
