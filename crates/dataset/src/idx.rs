//! Reads the IDX format of MNIST and similar sets, plain or gzipped. The content decides whether a
//! file is gzipped, not its name.
//!
//! Layout: two zero bytes, element type (8 = unsigned byte), number of dimensions, each dimension
//! as a big-endian 32-bit number, then the elements. Source: <http://yann.lecun.com/exdb/mnist/>.

use std::io::ErrorKind;
use std::path::Path;

use flexmac_fileio::bounded;
use flexmac_nn::Shape;

use crate::error::DatasetError;

const UNSIGNED_BYTE: u8 = 8;

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
    let (dims, pixels) = read(path, 3, "images")?;
    let shape = Shape { height: dims[1], width: dims[2], channels: 1 };
    if shape.is_empty() {
        return Err(misfit(path, "images of at least 1x1 pixels", shape));
    }
    Ok(Images { shape, count: dims[0], pixels })
}

/// Reads an IDX file of labels: one dimension, every label below `classes`.
///
/// # Errors
/// As [`read_images`]; also [`DatasetError::File`] for a label out of range.
pub fn read_labels(path: &Path, classes: usize) -> Result<Labels, DatasetError> {
    let (_, labels) = read(path, 1, "labels")?;
    match labels.iter().position(|label| usize::from(*label) >= classes) {
        Some(index) => {
            let expected = format!("labels below {classes}");
            Err(misfit(path, expected, format!("label {} at index {index}", labels[index])))
        }
        None => Ok(labels),
    }
}

fn misfit(path: &Path, expected: impl ToString, found: impl ToString) -> DatasetError {
    DatasetError::File {
        path: path.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

/// Dimensions and elements of a file of unsigned bytes.
fn read(path: &Path, rank: usize, what: &str) -> Result<(Vec<usize>, Vec<u8>), DatasetError> {
    let mut bytes =
        unzip(path, bounded::read(path, bounded::DATA).map_err(DatasetError::io("read", path))?)?;
    let header = 4 + 4 * rank;
    // At most 3 dimensions.
    let magic = [0, 0, UNSIGNED_BYTE, rank as u8];
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
    let size = header as u128 + dims.iter().map(|dim| *dim as u128).product::<u128>();
    let found = bytes.len() as u128;
    if size != found {
        let how = if found < size { "a short file" } else { "bytes after the end" };
        let expected = format!("{size} bytes for dimensions {dims:?} ({what})");
        return Err(misfit(path, expected, format!("{found} bytes, {how}")));
    }
    Ok((dims, bytes.split_off(header)))
}

fn unzip(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, DatasetError> {
    bounded::unzipped(bytes, bounded::DATA).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            misfit(path, format!("at most {} bytes unpacked", bounded::DATA), "more")
        }
        _ => misfit(path, "a whole gzip stream", error),
    })
}
