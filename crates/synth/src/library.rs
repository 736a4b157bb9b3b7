//! The cell library as the tools read it: decompressed, canonical, without cells that may not be used.

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

/// A library as flexmac understood it, and as every tool of a flow reads it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadedLibrary {
    /// Its units and cells.
    pub library: Library,
    /// Canonical Liberty without the cells that may not be used.
    pub canonical: String,
    /// SHA-256 of the file's uncompressed text, in hexadecimal.
    pub sha256: String,
}

/// A library in the folder of a synthesis.
pub(crate) struct StagedLibrary {
    /// Its cells.
    pub parsed: Library,
    /// For `report.json`.
    pub report: LibraryReport,
}

/// Reads a cell library, `.lib` or `.lib.gz`.
///
/// # Errors
/// No such file, or one that does not read as a library; [`Library::read`] lists what is refused.
pub fn read_library(path: &Path) -> Result<LoadedLibrary, Error> {
    let text = library_text(path)?;
    let (library, canonical) = Library::read(&text).map_err(|error| error.at(path))?;
    Ok(LoadedLibrary { library, canonical, sha256: sha256(&text) })
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

/// Writes the library into `dir` as `cells.lib`.
pub(crate) fn stage_library(
    path: &Path,
    loaded: LoadedLibrary,
    dir: &Path,
) -> Result<StagedLibrary, Error> {
    let LoadedLibrary { library: parsed, canonical, sha256 } = loaded;
    let cells = dir.join(CELLS);
    remove(&cells)?; // an older version may have left a link
    fs::write(&cells, canonical).map_err(io_error("write", &cells))?;
    let owned =
        |pair: Option<(&str, &str)>| pair.map(|(cell, pin)| (cell.to_owned(), pin.to_owned()));
    let report = LibraryReport {
        name: parsed.name.clone(),
        path: path.display().to_string(),
        sha256,
        time_unit_ps: parsed.time_unit_ps,
        operating_conditions: parsed.operating_conditions.clone(),
        tie_high: owned(parsed.tie(true)),
        tie_low: owned(parsed.tie(false)),
        buffer: parsed.buffer().map(|(name, _)| name.to_owned()),
        excluded_cells: parsed.excluded(),
    };
    Ok(StagedLibrary { parsed, report })
}
