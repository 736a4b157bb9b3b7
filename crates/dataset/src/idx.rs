//! Reads the IDX format of MNIST and similar sets, plain or gzipped. The content decides whether a
//! file is gzipped, not its name.
//!
//! Layout: two zero bytes, element type (8 = unsigned byte, 12 = integer of 32 bits), number of
//! dimensions, each dimension as a big-endian 32-bit number, then the elements. Sources:
//! <http://yann.lecun.com/exdb/mnist/>, <https://www.nist.gov/itl/products-and-services/emnist-dataset>,
//! <https://github.com/facebookresearch/qmnist>.

use std::path::Path;

use flexmac_fileio::bounded;
use flexmac_nn::Shape;

use crate::error::DatasetError;
use crate::unpack::unpacked;

const UNSIGNED_BYTE: u8 = 8;
const INTEGER: u8 = 12;

/// Numbers in a row of QMNIST's labels: the class, and seven about the writer and the picture.
const QMNIST_COLUMNS: usize = 8;

/// The images of an IDX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Shape of one image, with one channel.
    pub shape: Shape,
    /// Number of images.
    pub count: usize,
    /// All pixels (0 to 255), image by image, each row by row.
    pub pixels: Vec<u8>,
}

/// The labels of an IDX file, one per image.
pub type Labels = Vec<u8>;

/// Reads an IDX file of images: three dimensions (count, height, width).
///
/// # Errors
/// [`DatasetError::Io`] when the file cannot be read; [`DatasetError::File`] when it is not an IDX
/// file of images.
pub fn read_images(path: &Path) -> Result<Images, DatasetError> {
    let (dims, pixels) = parse(path, unpacked(path, bounded::DATA)?, (UNSIGNED_BYTE, 3), "images")?;
    let shape = Shape { height: dims[1], width: dims[2], channels: 1 };
    if shape.is_empty() {
        return Err(misfit(path, "images of at least 1x1 pixels", shape));
    }
    Ok(Images { shape, count: dims[0], pixels })
}

/// What the name of a set's files says about their contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Convention {
    /// Whether pictures are stored column by column.
    pub transposed: bool,
    /// The label of the first class.
    pub first_label: u8,
}

impl Convention {
    /// That of a file of images. EMNIST's pictures are transposed, and the labels of its letters begin
    /// with 1.
    pub fn of(images: &Path) -> Self {
        let name = images.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Self {
            transposed: name.starts_with("emnist-"),
            first_label: name.starts_with("emnist-letters-").into(),
        }
    }
}

impl Images {
    /// The images with rows and columns exchanged.
    pub(crate) fn transposed(mut self) -> Self {
        let Shape { height, width, channels } = self.shape;
        for image in self.pixels.chunks_exact_mut(height * width) {
            let stored = image.to_vec();
            for (at, pixel) in image.iter_mut().enumerate() {
                // Position `at` of an image of `width` rows and `height` columns.
                *pixel = stored[at % height * width + at / height];
            }
        }
        Self { shape: Shape { height: width, width: height, channels }, ..self }
    }
}

/// Reads an IDX file of labels, every label below `classes`: bytes of one dimension, or numbers of 32
/// bits, of one dimension or, in QMNIST, in rows of eight of which the first is the label.
///
/// # Errors
/// As [`read_images`]; also [`DatasetError::File`] for a label out of range.
pub fn read_labels(path: &Path, classes: usize) -> Result<Labels, DatasetError> {
    labels_from(path, 0, classes)
}

/// Reads labels from `first` to below `first + classes`, as numbers from 0.
pub(crate) fn labels_from(path: &Path, first: u8, classes: usize) -> Result<Labels, DatasetError> {
    let bytes = unpacked(path, bounded::DATA)?;
    let (element, rank) = match bytes.get(..4) {
        Some([0, 0, INTEGER, rank @ (1 | 2)]) => (INTEGER, *rank),
        _ => (UNSIGNED_BYTE, 1),
    };
    let (dims, data) = parse(path, bytes, (element, rank), "labels")?;
    let columns = dims.get(1).copied().unwrap_or(1);
    if !matches!(columns, 1 | QMNIST_COLUMNS) {
        let expected = format!("one number for each label, or rows of {QMNIST_COLUMNS}");
        return Err(misfit(path, expected, format!("rows of {columns}")));
    }
    let number = |row: &[u8]| match element {
        INTEGER => i64::from(i32::from_be_bytes([row[0], row[1], row[2], row[3]])),
        _ => i64::from(row[0]),
    };
    // Labels are stored in a byte.
    let classes = classes.min(256);
    let label = |(index, row): (usize, &[u8])| {
        let own = u8::try_from(number(row) - i64::from(first)).ok();
        own.filter(|own| usize::from(*own) < classes).ok_or_else(|| {
            let expected = match first {
                0 => format!("labels below {classes}"),
                _ => format!("labels from {first} to {}", usize::from(first) + classes - 1),
            };
            misfit(path, expected, format!("label {} at index {index}", number(row)))
        })
    };
    data.chunks_exact(columns * element_bytes(element)).enumerate().map(label).collect()
}

/// Bytes of an element.
fn element_bytes(element: u8) -> usize {
    if element == INTEGER { 4 } else { 1 }
}

fn misfit(path: &Path, expected: impl ToString, found: impl ToString) -> DatasetError {
    DatasetError::File {
        path: path.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

/// Dimensions and elements of a file of this element type and number of dimensions, at most 3.
fn parse(
    path: &Path,
    mut bytes: Vec<u8>,
    (element, rank): (u8, u8),
    what: &str,
) -> Result<(Vec<usize>, Vec<u8>), DatasetError> {
    let header = 4 + 4 * usize::from(rank);
    let magic = [0, 0, element, rank];
    if bytes.len() >= 4 && bytes[..4] != magic {
        let expected = format!("IDX magic {magic:02x?} ({what})");
        return Err(misfit(path, expected, format!("{:02x?}", &bytes[..4])));
    }
    if bytes.len() < header {
        let expected = format!("an IDX header of {header} bytes ({what})");
        return Err(misfit(path, expected, format!("{} bytes", bytes.len())));
    }
    let dims: Vec<_> = bytes[4..header]
        .chunks(4)
        .map(|dim| u32::from_be_bytes(dim.try_into().expect("chunks of four")) as usize)
        .collect();
    // 128 bits: the product of three 32-bit dimensions cannot overflow.
    let elements = dims.iter().map(|dim| *dim as u128).product::<u128>();
    let size = header as u128 + element_bytes(element) as u128 * elements;
    let found = bytes.len() as u128;
    if size != found {
        let how = if found < size { "a short file" } else { "bytes after the end" };
        let expected = format!("{size} bytes for dimensions {dims:?} ({what})");
        return Err(misfit(path, expected, format!("{found} bytes, {how}")));
    }
    Ok((dims, bytes.split_off(header)))
}
