//! The crate's one error type.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a set could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageStyleError {
    /// Debian's photographs are not all there.
    #[error(
        "photographs: expected {expected} of Debian's {packages}, found {found}: {missing} is \
         missing; apt-get install {packages}, or name folders of your own photographs with --photos"
    )]
    PhotosMissing {
        /// How many there should be.
        expected: usize,
        /// The packages, as apt-get takes them.
        packages: String,
        /// How many there are.
        found: usize,
        /// The first that is not.
        missing: PathBuf,
    },
    /// Too few different photographs to have one for training and one for testing.
    #[error(
        "photographs: expected at least 2 different ones, found {found} in {places}; name folders \
         with JPEG or PNG files with --photos"
    )]
    TooFewPhotos {
        /// How many different ones there are.
        found: usize,
        /// Where.
        places: String,
    },
    /// A photograph that is no picture, or too small a one.
    #[error("photograph {path}: expected {expected}, found {found}")]
    Photo {
        /// The file.
        path: PathBuf,
        /// What would do.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Whoever asked for the set no longer wants it.
    #[error("image-style: stopped; nothing was kept")]
    Stopped,
    /// A setting outside its range.
    #[error("image-style: expected {name} {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its legal range in words.
        expected: &'static str,
        /// The value given.
        found: String,
    },
    /// A place for the set that holds something else.
    #[error(
        "image-style: expected {path} to be new or an empty folder, found {found}; choose another \
         --out"
    )]
    Occupied {
        /// The place.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A file or folder that could not be used.
    #[error("{action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl ImageStyleError {
    /// Wraps an I/O error with what was being done to which path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
