//! The schema version of a file.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

/// The version that this crate writes. Files of every version from 1 up to it are read.
///
/// | version | written by | difference |
/// | --- | --- | --- |
/// | 1 | flexmac 0.1.0 | no field `schema` |
/// | 2 | flexmac 0.2.0 | the field `schema` |
pub const SCHEMA: u64 = 2;

/// The field `schema` of a file: which version of its fields the file follows.
///
/// A version below [`SCHEMA`] is accepted as it is; a higher one is refused by the readers of this
/// crate ([`crate::RecordError::Newer`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Schema(u64);

impl Schema {
    /// The version that this crate writes: [`SCHEMA`].
    pub const CURRENT: Self = Self(SCHEMA);

    /// The version of files without the field, which flexmac 0.1.0 wrote.
    pub const FIRST: Self = Self(1);

    /// The version as a number, 1 or more.
    pub fn version(self) -> u64 {
        self.0
    }

    /// What a file without the field has; for `#[serde(default = ...)]`.
    pub(crate) fn absent() -> Self {
        Self::FIRST
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Err(D::Error::invalid_value(Unexpected::Unsigned(0), &"a schema version from 1")),
            version => Ok(Self(version)),
        }
    }
}
