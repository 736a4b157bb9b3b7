//! Weights as safetensors.

use std::collections::HashMap;
use std::io;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::{FORMATS, Misfit, WeightTensor, attach_formats, formats_json};

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

pub(super) fn read(bytes: &[u8]) -> Result<Vec<WeightTensor>, Misfit> {
    let refuse = |error: safetensors::SafeTensorError| {
        Misfit::File("a whole safetensors file", error.to_string())
    };
    let file = SafeTensors::deserialize(bytes).map_err(refuse)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => data
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes(four.try_into().expect("four bytes")).into())
                .collect(),
            Dtype::F64 => data
                .chunks_exact(8)
                .map(|eight| f64::from_le_bytes(eight.try_into().expect("eight bytes")))
                .collect(),
            other => return Err(Misfit::Tensor(name, format!("{other:?}"))),
        };
        let shape = view.shape().to_vec();
        tensors.push(WeightTensor { name, shape, values, format: None });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(json) = header.metadata().as_ref().and_then(|metadata| metadata.get(FORMATS)) {
        attach_formats(json.as_bytes(), &mut tensors)?;
    }
    Ok(tensors)
}
