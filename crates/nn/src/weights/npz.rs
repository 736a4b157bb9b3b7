//! Weights as NumPy's npz: an array under each name, and `formats`, bytes that hold JSON.

use std::io::{self, Cursor};

use ndarray::{Array1, ArrayD, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpzError};

use super::{FORMATS, Misfit, WeightTensor, attach_formats, formats_json};

pub(super) fn write(tensors: &[WeightTensor]) -> io::Result<Vec<u8>> {
    let mut file = NpzWriter::new(Cursor::new(Vec::new()));
    for tensor in tensors {
        let values = ArrayD::from_shape_vec(IxDyn(&tensor.shape), tensor.values.clone())
            .map_err(io::Error::other)?;
        let written = if tensor.is_single() {
            // Exact, by the format's width.
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
    let refuse = |error: ReadNpzError| Misfit::File("a whole npz file", error.to_string());
    let mut file = NpzReader::new(Cursor::new(bytes)).map_err(refuse)?;
    let mut tensors = Vec::new();
    let mut formats = None;
    for (index, name) in file.names().map_err(refuse)?.into_iter().enumerate() {
        if name == FORMATS {
            let json: Array1<u8> = file.by_index(index).map_err(refuse)?;
            formats = Some(json.to_vec());
            continue;
        }
        let single: Result<ArrayD<f32>, _> = file.by_index(index);
        let values: ArrayD<f64> = match single {
            Ok(values) => values.map(|value| f64::from(*value)),
            Err(_) => {
                let double = file.by_index(index);
                double.map_err(|error| Misfit::Tensor(name.clone(), error.to_string()))?
            }
        };
        let shape = values.shape().to_vec();
        // Arrays may have been written column by column.
        let values = values.iter().copied().collect();
        tensors.push(WeightTensor { name, shape, values, format: None });
    }
    if let Some(json) = formats {
        attach_formats(&json, &mut tensors)?;
    }
    Ok(tensors)
}
