//! Reads a file whole, plain or gzipped. Its content decides which, not its name.

use std::io::ErrorKind;
use std::path::Path;

use flexmac_fileio::bounded;

use crate::error::DatasetError;

/// The contents of a file, unpacked, of at most `limit` bytes.
///
/// # Errors
/// [`DatasetError::Io`] when the file cannot be read; [`DatasetError::File`] for a damaged gzip stream
/// and for one that unpacks to more.
pub(crate) fn unpacked(path: &Path, limit: u64) -> Result<Vec<u8>, DatasetError> {
    let bytes = bounded::read(path, limit).map_err(DatasetError::io("read", path))?;
    bounded::unzipped(bytes, limit).map_err(|error| {
        let (expected, found) = match error.kind() {
            ErrorKind::FileTooLarge => {
                (format!("at most {limit} bytes unpacked"), "more".to_owned())
            }
            _ => ("a whole gzip stream".to_owned(), error.to_string()),
        };
        DatasetError::File { path: path.to_owned(), expected, found }
    })
}
