//! Reads the binary version of CIFAR-10 and CIFAR-100.
//!
//! A file is a row of records without a header. A record is one byte of label, or two in CIFAR-100
//! (coarse, then fine), and 3072 of pixels: 32 x 32 red ones row by row, then the green, then the
//! blue. Source: <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::path::PathBuf;

use flexmac_fileio::bounded;
use flexmac_nn::Shape;

use crate::Split;
use crate::error::DatasetError;
use crate::unpack::unpacked;

/// Shape of a picture.
const SHAPE: Shape = Shape { height: 32, width: 32, channels: 3 };

/// Pixels of a channel.
const PLANE: usize = SHAPE.height * SHAPE.width;

/// Which labels the records of a file have, and which of them are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CifarLabels {
    /// CIFAR-10's ten classes.
    Ten,
    /// CIFAR-100's hundred fine classes.
    Fine,
    /// CIFAR-100's twenty coarse classes.
    Coarse,
}

impl CifarLabels {
    /// Labels of a record.
    fn bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Fine | Self::Coarse => 2,
        }
    }

    /// The place among them, and the number of classes.
    fn taken(self) -> (usize, usize) {
        match self {
            Self::Ten => (0, 10),
            Self::Coarse => (0, 20),
            Self::Fine => (1, 100),
        }
    }
}

/// Reads files of CIFAR-10 or CIFAR-100, one after the other, plain or gzipped, together of at most
/// 1 GiB, for a network of `classes` classes.
///
/// # Errors
/// [`DatasetError::Io`] when a file cannot be read; [`DatasetError::File`] when it is not a whole
/// number of records, at least one, or has a label out of range.
pub fn read_cifar(
    paths: &[PathBuf],
    labels: CifarLabels,
    classes: usize,
) -> Result<Split, DatasetError> {
    let (place, own) = labels.taken();
    let classes = classes.min(own);
    let record_bytes = labels.bytes() + SHAPE.len();
    let (mut pixels, mut taken) = (Vec::new(), Vec::new());
    let mut left = bounded::DATA;
    for path in paths {
        let refuse = |expected: String, found: String| {
            Err(DatasetError::File { path: path.clone(), expected, found })
        };
        let bytes = unpacked(path, left)?;
        left -= bytes.len() as u64;
        if bytes.is_empty() || bytes.len() % record_bytes != 0 {
            let what = format!("records of {record_bytes} bytes (labels, then 32x32x3 pixels)");
            return refuse(what, format!("{} bytes", bytes.len()));
        }
        pixels.reserve_exact(bytes.len());
        for (number, record) in bytes.chunks_exact(record_bytes).enumerate() {
            let (label, planes) = (record[place], &record[labels.bytes()..]);
            if usize::from(label) >= classes {
                let found = format!("label {label} in record {number}");
                return refuse(format!("labels below {classes}"), found);
            }
            taken.push(label);
            let channels =
                |position| (0..SHAPE.channels).map(move |c| planes[c * PLANE + position]);
            pixels.extend((0..PLANE).flat_map(channels));
        }
    }
    Ok(Split::new(SHAPE, pixels, taken))
}
