//! Reading and writing a file: bounded reads, the schema version checked, errors with file and line; writes
//! that leave the whole file or none.

use std::io;
use std::path::{Path, PathBuf};

use flexmac_fileio::{atomic, bounded};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::RecordError;
use crate::schema::{SCHEMA, Schema};

/// A kind of JSON file that flexmac writes and reads back.
pub trait RecordFile: DeserializeOwned {
    /// The kind of file, for messages.
    const KIND: &'static str;

    /// Reads a file of at most [`bounded::TEXT`] bytes.
    ///
    /// # Errors
    /// [`RecordError`] naming the file, and the line where there is one: a file that cannot be read, that
    /// is of another kind, or of a schema version above [`SCHEMA`].
    fn read(path: &Path) -> Result<Self, RecordError> {
        Document::read(path).map(|document| document.value)
    }

    /// The text of the file: indented JSON.
    ///
    /// # Errors
    /// A part that JSON cannot express; no type of this crate has one.
    fn to_json(&self) -> io::Result<String>
    where
        Self: Serialize,
    {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Writes the file atomically: whole, or not at all.
    ///
    /// # Errors
    /// The system's reason.
    fn write(&self, path: &Path) -> io::Result<()>
    where
        Self: Serialize,
    {
        atomic::write(path, self.to_json()?)
    }
}

/// A file with its text, to say in which line a value is wrong.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// What the file holds.
    pub value: T,
    path: PathBuf,
    text: String,
}

impl<T: RecordFile> Document<T> {
    /// Reads a file, as [`RecordFile::read`] does.
    ///
    /// # Errors
    /// As [`RecordFile::read`].
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let text = bounded::text(path, bounded::TEXT).map_err(RecordError::io(path))?;
        let value = parse(path, 1, text.as_bytes())?;
        Ok(Self { value, path: path.to_owned(), text })
    }

    /// An error at the first line of the file that has `key`.
    pub fn refuse(&self, key: &str, expected: impl ToString, found: impl ToString) -> RecordError {
        RecordError::value(&self.path, line_of(&self.text, key), expected, found)
    }
}

/// Parses JSON whose first line is line `first` of the file at `path`.
pub(crate) fn parse<T: RecordFile>(
    path: &Path,
    first: usize,
    text: &[u8],
) -> Result<T, RecordError> {
    // A newer file may differ in any field, so its version is looked at before anything else is refused.
    let version = serde_json::from_slice(text).map_or(Schema::FIRST, |Version { schema }| schema);
    if version.version() > SCHEMA {
        let line = first - 1 + line_of(&String::from_utf8_lossy(text), "schema");
        return Err(RecordError::Newer { path: path.to_owned(), line, found: version.version() });
    }
    serde_json::from_slice(text).map_err(|error| RecordError::parse(path, first, T::KIND, &error))
}

#[derive(Deserialize)]
struct Version {
    #[serde(default = "Schema::absent")]
    schema: Schema,
}

/// Line of the first `"key":`, from 1; 1 where there is none.
fn line_of(text: &str, key: &str) -> usize {
    let key = format!("{key:?}:");
    text.lines().position(|line| line.contains(&key)).unwrap_or(0) + 1
}
