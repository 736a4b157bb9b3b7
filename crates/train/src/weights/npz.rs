//! Weights as NumPy's npz: one array per tensor, and the entry `formats`, JSON as bytes.

use std::error::Error;
use std::io::{self, Cursor};

use flexmac_fileio::bounded;
use ndarray::{Array1, ArrayD, IxDyn};
use ndarray_npy::{NpzWriter, ReadNpyExt};
use zip::ZipArchive;

use super::{FORMATS, Misfit, WeightTensor, attach_formats, formats_json};

pub(super) fn write(tensors: &[WeightTensor]) -> io::Result<Vec<u8>> {
    let mut file = NpzWriter::new(Cursor::new(Vec::new()));
    for tensor in tensors {
        let values = ArrayD::from_shape_vec(IxDyn(&tensor.shape), tensor.values.clone())
            .map_err(io::Error::other)?;
        let written = if tensor.is_single() {
            // Exact, because `is_single` checks the format's width.
            file.add_array(tensor.name.as_str(), &values.map(|value| *value as f32))
        } else {
            file.add_array(tensor.name.as_str(), &values)
        };
        written.map_err(io::Error::other)?;
    }
    let formats = Array1::from_vec(formats_json(tensors)?.into_bytes());
    file.add_array(FORMATS, &formats).map_err(io::Error::other)?;
    Ok(file.finish().map_err(io::Error::other)?.into_inner())
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<WeightTensor>, Misfit> {
    let refuse = |error: &dyn Error| Misfit::File("a whole npz file", error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refuse(&error))?;
    let mut tensors = Vec::new();
    let mut formats = None;
    // The entries of a zip file may overlap, so their sizes can add up to more than the file.
    let mut left = bounded::STATE;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| refuse(&error))?;
        let name = entry.name().strip_suffix(".npy").unwrap_or(entry.name()).to_owned();
        let array = bounded::take(entry, left).map_err(|error| refuse(&error))?;
        left -= array.len() as u64;
        flexmac_fileio::check_npy(&array).map_err(|found| Misfit::Tensor(name.clone(), found))?;
        if name == FORMATS {
            let json = Array1::<u8>::read_npy(&array[..]).map_err(|error| refuse(&error))?;
            formats = Some(json.to_vec());
            continue;
        }
        let values: ArrayD<f64> = match ArrayD::<f32>::read_npy(&array[..]) {
            Ok(values) => values.map(|value| f64::from(*value)),
            Err(_) => ArrayD::read_npy(&array[..])
                .map_err(|error| Misfit::Tensor(name.clone(), error.to_string()))?,
        };
        let shape = values.shape().to_vec();
        // `iter` goes row by row, also over an array stored column by column.
        let values = values.iter().copied().collect();
        tensors.push(WeightTensor { name, shape, values, format: None });
    }
    if let Some(json) = formats {
        attach_formats(&json, &mut tensors)?;
    }
    Ok(tensors)
}
