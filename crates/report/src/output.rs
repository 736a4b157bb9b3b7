//! Writes the page and the drawings to files.

use std::fs;
use std::path::{Path, PathBuf};

use flexmac_fileio::atomic;

use crate::error::ReportError;
use crate::plots::Plot;

/// Writes a page or drawing atomically. Creates the folder if it does not exist.
///
/// # Errors
/// [`ReportError::Io`]; an existing file is then unchanged.
pub fn write_page(out: &Path, page: &str) -> Result<(), ReportError> {
    if let Some(parent) = out.parent() {
        fs::create_dir_all(parent).map_err(ReportError::io("create", parent))?;
    }
    atomic::write(out, page).map_err(ReportError::io("write", out))
}

/// Writes each drawing to its own file in `folder` and returns the paths. Creates the folder if it
/// does not exist.
///
/// # Errors
/// [`ReportError::Io`].
pub fn write_svgs(folder: &Path, plots: &[Plot]) -> Result<Vec<PathBuf>, ReportError> {
    fs::create_dir_all(folder).map_err(ReportError::io("create", folder))?;
    plots
        .iter()
        .map(|plot| {
            let path = folder.join(format!("{}.svg", plot.id));
            write_page(&path, &plot.svg.standalone())?;
            Ok(path)
        })
        .collect()
}
