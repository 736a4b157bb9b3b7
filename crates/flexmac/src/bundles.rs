//! The folder of the bundles of a run: prepared for training, read for checking.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flexmac_cosim::bundle::Bundle;
use flexmac_fileio::bounded;

use crate::engines::ArrayDesign;

/// Name of the folder of the design, beside the bundles.
pub const DESIGN: &str = "design";

/// The iteration from which a run writes bundles.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    /// The first; with `force`, bundles of an earlier run are removed.
    First {
        /// Whether bundles in the folder may be removed.
        force: bool,
    },
    /// A later one, of a resumed run.
    GoOn {
        /// The iteration.
        iteration: u64,
        /// Whether the run wrote bundles of the iterations before.
        had: bool,
    },
}

/// Refuses a folder to which the run cannot write its bundles. Changes nothing.
///
/// # Errors
/// Bundles of another run, missing ones, no folder.
pub fn check(folder: &Path, start: Start) -> Result<()> {
    let place = || format!("--bundles {}", folder.display());
    let found = match fs::metadata(folder) {
        Ok(_) => of_folder(folder).with_context(place)?,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(place),
    };
    match start {
        Start::First { force: false } => {
            if let Some(found) = found.first() {
                let found = found.display();
                bail!(
                    "{}: expected no bundles there, found {found}; --force removes them",
                    place()
                );
            }
        }
        Start::First { force: true } => {}
        Start::GoOn { iteration, had } => {
            let lost = (0..iteration).map(|before| folder.join(Bundle::file_name(before)));
            if let Some(lost) = lost.into_iter().find(|path| had && !path.exists()) {
                let lost = lost.display();
                bail!(
                    "{}: expected the bundles of the iterations before {iteration}, found no {lost}; \
                     start the run again",
                    place()
                );
            }
        }
    }
    Ok(())
}

/// Prepares a checked folder: writes the simulated design to `design/`, and removes bundles of
/// iterations that the run will repeat.
///
/// # Errors
/// A write or a removal that fails.
pub fn prepare(folder: &Path, design: &ArrayDesign, start: Start) -> Result<()> {
    let place = || format!("--bundles {}", folder.display());
    fs::create_dir_all(folder).with_context(place)?;
    let found = of_folder(folder).with_context(place)?;
    let first = match start {
        Start::First { .. } => 0,
        Start::GoOn { iteration, .. } => iteration,
    };
    let next = Bundle::file_name(first);
    // Names have one length and are in the order of iterations.
    for later in found.iter().filter(|path| path.file_name() >= Some(next.as_ref())) {
        fs::remove_file(later).with_context(place)?;
    }
    let target = folder.join(DESIGN);
    flexmac_rtlgen::write_copy(&design.config, &design.sources, &target).with_context(place)
}

/// The bundles in a folder, by iteration.
pub fn of_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    with_extension(folder, "bundle")
}

/// The files in a folder with an extension, by name.
pub fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    Ok(paths)
}

/// Reads a bundle.
///
/// # Errors
/// A file that is not a bundle, is incomplete or was changed.
pub fn read(path: &Path) -> Result<Bundle> {
    let place = || format!("bundle {}", path.display());
    let bytes = bounded::read(path, bounded::DATA).with_context(place)?;
    Bundle::decode(&bytes).with_context(place)
}
