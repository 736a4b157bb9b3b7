//! `manifest.json`: the settings and photographs of a set, and the origin of each picture.

use std::path::PathBuf;

use serde::Serialize;

use crate::set::SetConfig;

/// The manifest of a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Always `image-style`.
    pub kind: &'static str,
    /// The version of flexmac that made the set.
    pub flexmac: &'static str,
    /// The settings.
    pub config: SetConfig,
    /// Names of the styles, by label.
    pub styles: Vec<&'static str>,
    /// The photographs. Pictures refer to them by index.
    pub photographs: Vec<PhotoEntry>,
    /// The training pictures.
    pub train: SplitEntry,
    /// The test pictures.
    pub test: SplitEntry,
}

/// A photograph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhotoEntry {
    /// The file it was read from.
    pub file: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The split that uses it.
    pub split: SplitName,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// One of the two splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitName {
    /// For training.
    Train,
    /// For testing.
    Test,
}

impl SplitName {
    /// Name of the split's folder and, with `.txt` added, of its list.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The pictures of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitEntry {
    /// Number of pictures of each style.
    pub per_style: usize,
    /// The pictures, in the order of the list.
    pub pictures: Vec<PictureEntry>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PictureEntry {
    /// Path, relative to the set's folder.
    pub file: String,
    /// Label of its style.
    pub label: u8,
    /// Index of its photograph.
    pub photograph: usize,
    /// The part of the photograph that it shows.
    pub crop: Crop,
}

/// A square part of a photograph. Coordinates are pixels of the photograph after it was scaled down
/// to a shorter side of at most four times the picture's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Crop {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Height and width.
    pub side: u32,
    /// Whether it is mirrored left to right.
    pub mirrored: bool,
}
