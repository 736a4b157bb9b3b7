//! The cell library as the tools read it: decompressed, canonical, without cells that must not be used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use flexmac_fileio::bounded;
use sha2::{Digest, Sha256};

use crate::error::{Error, ParseError, io_error};
use crate::lef;
use crate::liberty::{Library, Settings};
use crate::stage_cache::remove;
use crate::target::{OSU018_LEF, OSU018_LIBERTY, OSU018_NAME};
use flexmac_record::LibraryReport;

/// Name of the library that the tools read.
pub(crate) const CELLS: &str = "cells.lib";

/// A library as parsed by flexmac, and the text that every tool of a flow reads.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadedLibrary {
    /// Its units and cells.
    pub library: Library,
    /// Canonical Liberty without the cells that must not be used.
    pub canonical: String,
    /// SHA-256 of the uncompressed text of the file, in hexadecimal.
    pub sha256: String,
    /// The LEF file that areas were compared with, if it was used.
    pub lef: Option<String>,
}

/// A library in the folder of a synthesis.
pub(crate) struct StagedLibrary {
    /// Its cells.
    pub parsed: Library,
    /// For `report.json`.
    pub report: LibraryReport,
}

/// Options for reading a library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LibraryOptions {
    /// Operating conditions in place of the library's default.
    pub conditions: Option<String>,
    /// Where the areas of cells come from.
    pub sizes: CellSizes,
}

/// Where the areas of cells come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CellSizes {
    /// A LEF file beside the library with the same name, or Debian's for OSU 180 nm, if at least three
    /// quarters of the areas agree. Otherwise the library.
    #[default]
    Beside,
    /// The library.
    Library,
    /// A LEF file, `.lef` or `.lef.gz`. Cells that it does not have take their areas from the library.
    Lef(PathBuf),
}

/// Reads a cell library, `.lib` or `.lib.gz`.
///
/// # Errors
/// No such file, or a file that is not a valid library ([`Library::read`] lists what is refused); an invalid
/// LEF file.
pub fn read_library(path: &Path, options: &LibraryOptions) -> Result<LoadedLibrary, Error> {
    let text = library_text(path)?;
    let read =
        |settings: &Settings| Library::read_with(&text, settings).map_err(|error| error.at(path));
    let mut settings = Settings { conditions: options.conditions.clone(), ..Settings::default() };
    let (mut library, mut canonical) = read(&settings)?;
    let lef = match &options.sizes {
        CellSizes::Library => None,
        CellSizes::Lef(lef) => Some((lef.clone(), true)),
        CellSizes::Beside => lef_beside(path, &library.name).map(|lef| (lef, false)),
    };
    let mut used = None;
    if let Some((lef, asked)) = lef {
        let areas = lef_areas(&lef)?;
        if asked && !areas.keys().any(|cell| library.cells.contains_key(cell)) {
            let expected = format!("a MACRO of a cell in {}", path.display());
            return Err(ParseError::new(0, expected, "none").at(lef));
        }
        let comparison = Comparison::new(&library, &areas);
        if asked || comparison.agrees() {
            settings.areas_um2 = comparison.replaced();
            if !settings.areas_um2.is_empty() {
                (library, canonical) = read(&settings)?;
            }
            library.notes.extend(comparison.note(&lef));
            used = Some(lef.display().to_string());
        } else if !areas.is_empty() {
            library.notes.push(format!("areas of {} are not used: {comparison}", lef.display()));
        }
    }
    Ok(LoadedLibrary { library, canonical, sha256: sha256(&text), lef: used })
}

/// Compares the areas in the library with those in a LEF file.
struct Comparison {
    same: usize,
    /// Cell, area in the LEF file, area in the library.
    different: Vec<(String, f64, f64)>,
}

impl Comparison {
    fn new(library: &Library, areas: &BTreeMap<String, f64>) -> Self {
        let mut comparison = Self { same: 0, different: Vec::new() };
        for (name, cell) in &library.cells {
            let (Some(area), Some(stated)) = (areas.get(name), cell.area_um2) else { continue };
            // Libraries round areas.
            if (area - stated).abs() <= 0.01 * area {
                comparison.same += 1;
            } else {
                comparison.different.push((name.clone(), *area, stated));
            }
        }
        comparison
    }

    /// Whether the LEF file seems to describe the same cells in the same unit.
    fn agrees(&self) -> bool {
        self.same > 0 && self.same >= 3 * self.different.len()
    }

    fn replaced(&self) -> BTreeMap<String, f64> {
        self.different.iter().map(|(cell, area, _)| (cell.clone(), *area)).collect()
    }

    fn note(&self, lef: &Path) -> Option<String> {
        const SHOWN: usize = 8;
        let cells = self.different.iter().take(SHOWN);
        let mut cells: Vec<_> =
            cells.map(|(cell, area, stated)| format!("{cell} {area} um2, not {stated}")).collect();
        if self.different.len() > SHOWN {
            cells.push("...".to_owned());
        }
        let areas = format!("areas from {}, {self}", lef.display());
        (!cells.is_empty()).then(|| format!("{areas}: {}", cells.join(", ")))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.same + self.different.len();
        write!(f, "{} of {all} differ from the library's", self.different.len())
    }
}

/// The LEF file that belongs to a library, found by its name.
fn lef_beside(path: &Path, library: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let stem = stem.strip_suffix(".lib").unwrap_or(stem);
    let mut candidates: Vec<_> =
        [".lef", ".lef.gz"].map(|end| path.with_file_name(format!("{stem}{end}"))).into();
    if library == OSU018_NAME {
        candidates.push(PathBuf::from(OSU018_LEF));
    }
    candidates.into_iter().find(|candidate| candidate.is_file())
}

fn lef_areas(path: &Path) -> Result<BTreeMap<String, f64>, Error> {
    let bytes = bounded::read(path, bounded::DATA).map_err(io_error("read", path))?;
    let bytes = bounded::unzipped(bytes, bounded::DATA).map_err(io_error("decompress", path))?;
    lef::cell_areas(&String::from_utf8_lossy(&bytes)).map_err(|error| error.at(path))
}

/// SHA-256 in hexadecimal, as in [`LibraryReport::sha256`].
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
    let LoadedLibrary { library: parsed, canonical, sha256, lef } = loaded;
    let cells = dir.join(CELLS);
    remove(&cells)?; // an older version may have left a link
    fs::write(&cells, canonical).map_err(io_error("write", &cells))?;
    let owned =
        |pair: Option<(&str, &str)>| pair.map(|(cell, pin)| (cell.to_owned(), pin.to_owned()));
    let report = LibraryReport {
        name: parsed.name.clone(),
        path: path.display().to_string(),
        sha256,
        lef,
        time_unit_ps: parsed.time_unit_ps,
        operating_conditions: parsed.operating_conditions.clone(),
        tie_high: owned(parsed.tie(true)),
        tie_low: owned(parsed.tie(false)),
        buffer: parsed.buffer().map(|(name, _)| name.to_owned()),
        excluded_cells: parsed.excluded(),
    };
    Ok(StagedLibrary { parsed, report })
}
