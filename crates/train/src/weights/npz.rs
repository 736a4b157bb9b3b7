//! Weights as NumPy's npz: one array per tensor, and the entry `formats`, JSON as bytes.
//!
//! Entries may be stored or deflated, as `numpy.savez` and `numpy.savez_compressed` write them. Of
//! an entry that is not wanted, only the name is looked at.

use std::error::Error;
use std::io::{self, Cursor, ErrorKind};

use flexmac_fileio::bounded;
use ndarray::{Array1, ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::Header;
use ndarray_npy::{NpzWriter, ReadNpyExt};
use zip::ZipArchive;

use super::float::FloatType;
use super::{Contents, FORMATS, Misfit, Wanted, WeightTensor, attach_formats, formats_json};

/// What an array may hold.
const FLOATS: &str = "float16, float32 or float64";

/// Least bound of an unpacked entry, in bytes, so that a tensor that is somewhat too large is
/// refused by its shape.
const LEAST_BOUND: u64 = 64 << 20;

/// Encodes tensors as the bytes of an npz file.
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

/// Reads the wanted tensors from the bytes of an npz file.
pub(super) fn read(bytes: &[u8], wanted: &Wanted) -> Result<Contents, Misfit> {
    let refuse = |error: &dyn Error| Misfit::File("a whole npz file", error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refuse(&error))?;
    let mut contents = Contents::default();
    let mut formats = None;
    // The entries of a zip file may overlap, so their sizes can add up to more than the file.
    let mut left = bounded::STATE;
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).unwrap_or_default();
        let name = name.strip_suffix(".npy").unwrap_or(name).to_owned();
        let shape = wanted.shape(&name);
        if shape.is_none() && name != FORMATS {
            contents.skipped.push(name);
            continue;
        }
        let entry = archive.by_index(index).map_err(|error| {
            Misfit::File("entries that are stored or deflated", format!("{name}: {error}"))
        })?;
        let most = shape.map_or(bounded::TEXT, bound).min(left);
        let mut array = bounded::take(entry, most).map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => Misfit::Tensor {
                tensor: name.clone(),
                expected: format!("at most {most} bytes"),
                found: "more".to_owned(),
            },
            _ => Misfit::File("a whole npz file", format!("{name}: {error}")),
        })?;
        left -= array.len() as u64;
        if shape.is_none() {
            // Another program's entry of this name holds something else.
            let json = flexmac_fileio::prepare_npy(&mut array)
                .ok()
                .and_then(|()| Array1::<u8>::read_npy(&array[..]).ok());
            match json {
                Some(json) => formats = Some(json.to_vec()),
                None => contents.skipped.push(name),
            }
            continue;
        }
        let tensor = tensor(&name, &mut array).map_err(|found| Misfit::Tensor {
            tensor: name.clone(),
            expected: FLOATS.to_owned(),
            found,
        })?;
        contents.tensors.push(tensor);
    }
    if let Some(json) = formats {
        attach_formats(&json, &mut contents.tensors)?;
    }
    Ok(contents)
}

/// Most bytes of an entry for a tensor of this shape.
fn bound(shape: &[usize]) -> u64 {
    // A header has at most 10,000 bytes (`prepare_npy`), an element at most 8.
    let elements = shape.iter().fold(1_u64, |product, n| product.saturating_mul(*n as u64));
    elements.saturating_mul(8).saturating_add(1 << 14).max(LEAST_BOUND)
}

/// An array of floats, or what was found instead.
fn tensor(name: &str, file: &mut [u8]) -> Result<WeightTensor, String> {
    flexmac_fileio::prepare_npy(file)?;
    let mut data = &*file;
    let header = Header::from_reader(&mut data).map_err(|error| {
        // The first line says what is wrong; the others draw its position.
        error.to_string().lines().next().unwrap_or_default().to_owned()
    })?;
    let descriptor = header.type_descriptor.to_string();
    let Some(float) = FloatType::of_numpy(descriptor.trim_matches('\'')) else {
        return Err(format!("the element type {descriptor}"));
    };
    let elements = header.shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
    if elements.and_then(|elements| elements.checked_mul(float.bytes())) != Some(data.len()) {
        let shape = &header.shape;
        return Err(format!("{} bytes for shape {shape:?} of {descriptor}", data.len()));
    }
    let values = float.values(data);
    let shape = IxDyn(&header.shape).set_f(header.layout.is_fortran());
    let values = ArrayD::from_shape_vec(shape, values).map_err(|error| error.to_string())?;
    // `iter` goes row by row, also over an array stored column by column.
    let values = values.iter().copied().collect();
    Ok(WeightTensor { name: name.to_owned(), shape: header.shape, values, format: None })
}
