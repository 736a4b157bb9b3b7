//! Reads image lists: text files with one picture and its label per line, as Caffe's `ImageData`
//! layer takes them.
//!
//! Each line is `path label`. The path is relative to the list's folder and may contain spaces; the
//! label follows the last space. Empty lines and lines that begin with `#` are skipped. Pictures
//! are PNG or JPEG, recognized by content, and are turned as their Exif orientation says. They are
//! scaled as Caffe scales them: to the given height and width, without keeping their proportions.
//! Grey is made from colour, behind scaling, with the weights of Rec. 601.

use std::path::{Path, PathBuf};

use flexmac_fileio::bounded;
use flexmac_nn::Shape;
use image::DynamicImage;
use image::imageops::FilterType;
use sha2::{Digest, Sha256};

use crate::error::DatasetError;
use crate::picture::{check_picture, decode_picture, grey};

/// The paths and labels of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageList {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    line: usize,
    picture: PathBuf,
    label: u8,
}

/// How much of a picture to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inspect {
    /// Only its headers, and of a JPEG file whether it reaches its end.
    Header,
    /// All its pixels.
    Pixels,
}

/// A picture after reading its file.
pub(crate) struct Inspected {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Pixels in the order of [`Shape`], if they were decoded.
    pub pixels: Option<Vec<u8>>,
}

impl ImageList {
    /// Removes the pictures from number `first` on, and returns them.
    pub fn split_off(&mut self, first: usize) -> Self {
        Self { path: self.path.clone(), entries: self.entries.split_off(first) }
    }

    /// Reads a list whose labels are below `classes`. Does not open the pictures.
    ///
    /// # Errors
    /// [`DatasetError::Io`] when the list cannot be read; [`DatasetError::Line`] for a malformed
    /// line; [`DatasetError::File`] for an empty list.
    pub fn read(path: &Path, classes: usize) -> Result<Self, DatasetError> {
        let text = bounded::text(path, bounded::TEXT)
            .map_err(DatasetError::io("read image list", path))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let lines = text.lines().map(str::trim).enumerate();
        let entries: Vec<Entry> = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(index, line)| Entry::parse(path, index + 1, line, folder, classes))
            .collect::<Result<_, _>>()?;
        if entries.is_empty() {
            let (expected, found) = ("at least one picture".to_owned(), "none".to_owned());
            return Err(DatasetError::File { path: path.to_owned(), expected, found });
        }
        Ok(Self { path: path.to_owned(), entries })
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// All labels, in the list's order.
    pub fn labels(&self) -> Vec<u8> {
        self.entries.iter().map(|entry| entry.label).collect()
    }

    /// Reads the file of picture `number`; with [`Inspect::Pixels`], scales it to `shape`.
    ///
    /// # Errors
    /// [`DatasetError::Line`] with the list, the line, the file and the cause.
    pub fn inspect(
        &self,
        number: usize,
        shape: Shape,
        inspect: Inspect,
    ) -> Result<Inspected, DatasetError> {
        let entry = &self.entries[number];
        let read = || -> Result<Inspected, String> {
            let bytes =
                bounded::read(&entry.picture, bounded::DATA).map_err(|error| error.to_string())?;
            let pixels = match inspect {
                Inspect::Header => {
                    check_picture(&bytes)?;
                    None
                }
                Inspect::Pixels => Some(scaled(decode_picture(&bytes)?, shape)),
            };
            Ok(Inspected { sha256: Sha256::digest(&bytes).into(), pixels })
        };
        read().map_err(|reason| DatasetError::Line {
            path: self.path.clone(),
            line: entry.line,
            expected: "a PNG or JPEG picture".to_owned(),
            found: format!("{}: {reason}", entry.picture.display()),
        })
    }

    /// Pixels of picture `number`, scaled to `shape`.
    ///
    /// # Errors
    /// As [`ImageList::inspect`].
    pub fn picture(&self, number: usize, shape: Shape) -> Result<Vec<u8>, DatasetError> {
        let inspected = self.inspect(number, shape, Inspect::Pixels)?;
        Ok(inspected.pixels.expect("Inspect::Pixels decodes them"))
    }
}

impl Entry {
    fn parse(
        list: &Path,
        line: usize,
        text: &str,
        folder: &Path,
        classes: usize,
    ) -> Result<Self, DatasetError> {
        let refuse = |expected: String| DatasetError::Line {
            path: list.to_owned(),
            line,
            expected,
            found: format!("{text:?}"),
        };
        let parts = text.rsplit_once(char::is_whitespace);
        let (picture, label) =
            parts.ok_or_else(|| refuse("a path, a space and a label".to_owned()))?;
        // Labels are stored in a byte.
        let classes = classes.min(256);
        let label = label.parse().ok().filter(|label| usize::from(*label) < classes);
        let label = label.ok_or_else(|| refuse(format!("a label below {classes}")))?;
        Ok(Self { line, picture: folder.join(picture.trim_end()), label })
    }
}

/// Pixels in the order of [`Shape`]: 1 channel is grey, 3 channels are red, green, blue.
fn scaled(picture: DynamicImage, shape: Shape) -> Vec<u8> {
    // `read_image_lists` checks that sides are at most 4096.
    let (width, height) = (shape.width as u32, shape.height as u32);
    let picture = match (picture.width(), picture.height()) == (width, height) {
        true => picture,
        false => picture.resize_exact(width, height, FilterType::Triangle),
    };
    if shape.channels == 1 { grey(picture).into_raw() } else { picture.into_rgb8().into_raw() }
}
