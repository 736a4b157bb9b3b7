//! Weights as safetensors.

use std::collections::HashMap;
use std::io;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::float::FloatType;
use super::{Contents, FORMATS, Misfit, Wanted, WeightTensor, attach_formats, formats_json};

/// What a tensor may hold.
const FLOATS: &str = "float16, bfloat16, float32 or float64";

/// Encodes tensors as the bytes of a safetensors file.
pub(super) fn write(tensors: &[WeightTensor]) -> io::Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(bytes).collect();
    let mut views = Vec::new();
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let dtype = if tensor.is_single() { Dtype::F32 } else { Dtype::F64 };
        let view = TensorView::new(dtype, tensor.shape.clone(), bytes).map_err(io::Error::other)?;
        views.push((tensor.name.clone(), view));
    }
    // A single key: with more, the random order of a hash map would show in the file.
    let metadata = HashMap::from([(FORMATS.to_owned(), formats_json(tensors)?)]);
    safetensors::serialize(views, Some(metadata)).map_err(io::Error::other)
}

fn bytes(tensor: &WeightTensor) -> Vec<u8> {
    if tensor.is_single() {
        // Exact, because `is_single` checks the format's width.
        tensor.values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
    } else {
        tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// Reads the wanted tensors from the bytes of a safetensors file.
pub(super) fn read(bytes: &[u8], wanted: &Wanted) -> Result<Contents, Misfit> {
    let refuse = |error: safetensors::SafeTensorError| {
        Misfit::File("a whole safetensors file", error.to_string())
    };
    let file = SafeTensors::deserialize(bytes).map_err(refuse)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
    let mut contents = Contents::default();
    for (name, view) in file.tensors() {
        if wanted.shape(&name).is_none() {
            contents.skipped.push(name);
            continue;
        }
        let Some(float) = FloatType::of_safetensors(view.dtype()) else {
            let (expected, found) = (FLOATS.to_owned(), format!("{:?}", view.dtype()));
            return Err(Misfit::Tensor { tensor: name, expected, found });
        };
        let shape = view.shape().to_vec();
        let values = float.values(view.data());
        contents.tensors.push(WeightTensor { name, shape, values, format: None });
    }
    contents.tensors.sort_by(|a, b| a.name.cmp(&b.name));
    contents.skipped.sort();
    if let Some(json) = header.metadata().as_ref().and_then(|metadata| metadata.get(FORMATS)) {
        attach_formats(json.as_bytes(), &mut contents.tensors)?;
    }
    Ok(contents)
}
