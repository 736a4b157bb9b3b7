//! Image lists: a text file with a picture and its label on each line.
//!
//! `path label`, the path relative to the list's folder; it may contain spaces, the label is what
//! follows the last one. Empty lines and lines that begin with # are skipped. Pictures are PNG or
//! JPEG, told by content. Each is scaled to cover the network's input, keeping its proportions, and
//! cut to it around its centre: the same picture every time, no mirroring, no random crops. All
//! pictures are kept in memory, a byte for each number.

use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader};
use rayon::prelude::*;

use super::Split;
use super::source::Need;
use crate::error::NnError;
use crate::spec::Shape;

/// Reads a list and its pictures, brought to the shape needed.
///
/// # Errors
/// [`NnError::Io`] when the list cannot be read; [`NnError::DataLine`] naming list, line and what is
/// wrong there: no label, a label out of range, a picture that is missing or broken;
/// [`NnError::DataFile`] for an empty list or a shape that is neither grey nor colour.
pub fn read_image_list(path: &Path, need: Need) -> Result<Split, NnError> {
    if !matches!(need.shape.channels, 1 | 3) {
        return Err(NnError::DataFile {
            path: path.to_owned(),
            expected: "a network of 1 channel (grey) or 3 (colour)".to_owned(),
            found: need.shape.to_string(),
        });
    }
    let text = fs::read_to_string(path).map_err(NnError::io("read image list", path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let lines = text.lines().map(str::trim).enumerate();
    let entries: Vec<Entry> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| Entry::parse(path, index + 1, line, folder, need.classes))
        .collect::<Result<_, _>>()?;
    if entries.is_empty() {
        let (expected, found) = ("at least one picture".to_owned(), "none".to_owned());
        return Err(NnError::DataFile { path: path.to_owned(), expected, found });
    }
    let pictures: Vec<Vec<u8>> = entries
        .par_iter()
        .map(|entry| read_picture(&entry.picture, need.shape).map_err(|e| entry.refuse(path, e)))
        .collect::<Result<_, _>>()?;
    let labels = entries.iter().map(|entry| entry.label).collect();
    Ok(Split::new(need.shape, pictures.concat(), labels))
}

struct Entry {
    line: usize,
    picture: PathBuf,
    label: u8,
}

impl Entry {
    fn parse(
        list: &Path,
        line: usize,
        text: &str,
        folder: &Path,
        classes: usize,
    ) -> Result<Self, NnError> {
        let refuse = |expected: String| NnError::DataLine {
            path: list.to_owned(),
            line,
            expected,
            found: format!("{text:?}"),
        };
        let parts = text.rsplit_once(char::is_whitespace);
        let (picture, label) =
            parts.ok_or_else(|| refuse("a path, a space and a label".to_owned()))?;
        // Labels are kept in a byte.
        let classes = classes.min(256);
        let label = label.parse().ok().filter(|label| usize::from(*label) < classes);
        let label = label.ok_or_else(|| refuse(format!("a label below {classes}")))?;
        Ok(Self { line, picture: folder.join(picture.trim_end()), label })
    }

    fn refuse(&self, list: &Path, reason: String) -> NnError {
        NnError::DataLine {
            path: list.to_owned(),
            line: self.line,
            expected: "a PNG or JPEG picture".to_owned(),
            found: format!("{}: {reason}", self.picture.display()),
        }
    }
}

/// Pixels of a picture in the order of [`Shape`], or why there are none.
fn read_picture(path: &Path, shape: Shape) -> Result<Vec<u8>, String> {
    let picture: DynamicImage = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| error.to_string())?
        .decode()
        .map_err(|error| error.to_string())?;
    let side = |size: usize| u32::try_from(size).map_err(|_| format!("{shape} is too large"));
    let (width, height) = (side(shape.width)?, side(shape.height)?);
    let fits = (picture.width(), picture.height()) == (width, height);
    let picture =
        if fits { picture } else { picture.resize_to_fill(width, height, FilterType::Triangle) };
    Ok(if shape.channels == 1 {
        picture.into_luma8().into_raw()
    } else {
        picture.into_rgb8().into_raw()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need = Need { shape: Shape { height: 2, width: 3, channels: 3 }, classes: 4 };

    fn list(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        // Columns red, green, blue; the second twice as large and with a margin to be cut.
        let colour = |x: u32| image::Rgb([[255, 0, 0], [0, 255, 0], [0, 0, 255]][x as usize]);
        image::RgbImage::from_fn(3, 2, |x, _| colour(x))
            .save(folder.path().join("a b.png"))
            .unwrap();
        let wide = image::RgbImage::from_fn(10, 4, |x, _| colour((x.max(2) - 2).min(5) / 2));
        wide.save(folder.path().join("wide.png")).unwrap();
        image::GrayImage::from_pixel(3, 2, image::Luma([100]))
            .save(folder.path().join("g.jpg"))
            .unwrap();
        fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
        let path = folder.path().join("train.txt");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn pictures_are_brought_to_the_shape() {
        let (_folder, path) = list("# a comment\na b.png 2\n\nwide.png\t0\n g.jpg 3\n");
        let split = read_image_list(&path, NEED).unwrap();
        let row = [255, 0, 0, 0, 255, 0, 0, 0, 255];
        assert_eq!(split.image(0), [row, row].concat());
        assert_eq!((0..3).map(|i| split.label(i)).collect::<Vec<_>>(), [2, 0, 3]);
        // Scaled by a half, the colours stay in their columns.
        for (pixel, expected) in split.image(1).iter().zip([row, row].concat()) {
            assert_eq!(*pixel > 127, expected > 127);
        }
        assert!(split.image(2).iter().all(|pixel| pixel.abs_diff(100) <= 2));
        let grey = Need { shape: Shape { channels: 1, ..NEED.shape }, classes: 4 };
        assert_eq!(read_image_list(&path, grey).unwrap().image(2).len(), 6);
    }

    #[test]
    fn mistakes_name_list_and_line() {
        let error = |text: &str| {
            let (_folder, path) = list(text);
            read_image_list(&path, NEED).unwrap_err().to_string()
        };
        let found = error("a b.png 2\n\na b.png 4\n");
        assert!(found.contains("train.txt, line 3: expected a label below 4, found"), "{found}");
        assert!(error("a b.png -1").contains("line 1: expected a label below 4"));
        assert!(error("picture").contains("line 1: expected a path, a space and a label"));
        let found = error("#\nnone.png 1");
        assert!(found.contains("line 2: expected a PNG or JPEG picture, found"), "{found}");
        assert!(found.contains("none.png: No such file"), "{found}");
        assert!(error("broken.png 1").contains("line 1: expected a PNG or JPEG picture"));
        assert!(error("#\n").contains("expected at least one picture, found none"));
        let (_folder, path) = list("a b.png 2");
        let two = Need { shape: Shape { channels: 2, ..NEED.shape }, classes: 4 };
        let found = read_image_list(&path, two).unwrap_err().to_string();
        assert!(found.contains("expected a network of 1 channel (grey) or 3"), "{found}");
    }
}
