//! `manifest.json`: what a set was made of, and what of each picture.

use std::path::PathBuf;

use serde::Serialize;

use crate::set::SetConfig;

/// A set's manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Always `image-style`.
    pub kind: &'static str,
    /// The version that made it.
    pub flexmac: &'static str,
    /// What was asked for.
    pub config: SetConfig,
    /// Names of the styles, by label.
    pub styles: Vec<&'static str>,
    /// The photographs, in the order in which pictures number them.
    pub photographs: Vec<PhotoEntry>,
    /// Pictures to train on.
    pub train: SplitEntry,
    /// Pictures to test on.
    pub test: SplitEntry,
}

/// A photograph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhotoEntry {
    /// Where it was.
    pub file: PathBuf,
    /// Of the file.
    pub sha256: String,
    /// Its split.
    pub split: SplitName,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// One of the two splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitName {
    /// To train on.
    Train,
    /// To test on.
    Test,
}

impl SplitName {
    /// The name of its folder and, with `.txt`, of its list.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// Pictures of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitEntry {
    /// Of each style.
    pub per_style: usize,
    /// In the order of the list.
    pub pictures: Vec<PictureEntry>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PictureEntry {
    /// Relative to the set's folder.
    pub file: String,
    /// Of its style.
    pub label: u8,
    /// Number of its photograph.
    pub photograph: usize,
    /// What was cut out.
    pub crop: Crop,
}

/// A square of a photograph, scaled so that its shorter side is at most four pictures wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Crop {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Pixels of a row.
    pub side: u32,
    /// Left and right exchanged.
    pub mirrored: bool,
}
