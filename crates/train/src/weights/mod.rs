//! Exports weights to other programs and imports weights from them.
//!
//! It reads what other programs write: half, bfloat16, single and double precision in either byte
//! order, and entries of npz stored or deflated. A file may hold more than a network needs, such as
//! an optimizer's state or a count of epochs; the caller gets the names of what was skipped.
//!
//! A tensor is written under its name as real numbers: float32 if that is exact (formats of at most
//! 25 bits), else float64. Its format is stored too, so that `value * 2^frac` gives the raw integer
//! again. Shapes: (channels out, kernel row, kernel column, channel in) for a convolution,
//! (outputs, inputs) for an inner product, (outputs) for a bias, (channels) for a normalization. Raw integers would be of no use to
//! a reader that does not know flexmac's formats.

mod float;
mod npz;
mod order;
mod safetensors;

use std::io;
use std::path::Path;

use flexmac_fileio::{atomic, bounded, hex};
use flexmac_fxp::Format;
use flexmac_nn::{Buffer, NetPlan, Number};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{StateMismatch, WeightsError};
use crate::trainer::ParamState;

pub use order::FlattenOrder;

/// Key or entry name of the formats.
const FORMATS: &str = "formats";

/// Widest format whose values are exact in single precision.
const SINGLE_BITS: u32 = 25;

/// A named tensor of real numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTensor {
    /// Name, for example `conv1.weight`.
    pub name: String,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Elements, with the last dimension varying fastest.
    pub values: Vec<f64>,
    /// The storage format; `None` for a float run or a file from another program.
    pub format: Option<Format>,
}

impl WeightTensor {
    /// Whether every element is exact in single precision.
    fn is_single(&self) -> bool {
        self.format.is_none_or(|format| format.bits() <= SINGLE_BITS)
    }
}

/// The format of a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightsFormat {
    /// Hugging Face's safetensors, with the tensors' formats as JSON in its metadata.
    Safetensors,
    /// NumPy's npz, with the tensors' formats as JSON in an entry of bytes.
    Npz,
}

impl WeightsFormat {
    /// The format that a file's extension names.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "safetensors" => Some(Self::Safetensors),
            "npz" => Some(Self::Npz),
            _ => None,
        }
    }
}

/// The parameters of a saved state as real numbers, in the network's order, and after them the
/// running means and variances.
///
/// # Errors
/// [`WeightsError::State`] when the state belongs to another network.
pub fn named_weights<T: Number>(
    plan: &NetPlan,
    params: &[ParamState<T>],
    buffers: &[Buffer],
) -> Result<Vec<WeightTensor>, WeightsError> {
    let shapes = plan.weight_shapes();
    let describe = |name: &str, elements: usize| format!("{name} with {elements} values");
    let expected: Vec<_> =
        shapes.iter().map(|(name, shape)| describe(name, shape.iter().product())).collect();
    let found = params.iter().map(|p| describe(&p.name, p.values.len()));
    let found: Vec<_> =
        found.chain(buffers.iter().map(|b| describe(&b.name, b.values.len()))).collect();
    if expected != found {
        return Err(StateMismatch { expected: expected.join(", "), found: found.join(", ") }.into());
    }
    let tensor = |((name, shape), param): ((String, Vec<usize>), &ParamState<T>)| {
        let unit = T::unit(param.format);
        let values = param.values.iter().map(|value| value.units() * unit).collect();
        WeightTensor { name, shape, values, format: T::FIXED.then_some(param.format) }
    };
    let buffer = |((name, shape), buffer): ((String, Vec<usize>), &Buffer)| {
        let values = buffer.values.iter().map(|value| f64::from(*value)).collect();
        WeightTensor { name, shape, values, format: None }
    };
    let mut shapes = shapes.into_iter();
    let mut tensors: Vec<_> = shapes.by_ref().take(params.len()).zip(params).map(tensor).collect();
    tensors.extend(shapes.zip(buffers).map(buffer));
    Ok(tensors)
}

/// Writes a weights file, atomically.
///
/// # Errors
/// [`WeightsError::Io`].
///
/// ```
/// use flexmac_train::{WeightTensor, WeightsFormat, read_weights, write_weights};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("weights.safetensors");
/// let values = vec![0.5, -0.25];
/// let bias = WeightTensor { name: "ip1.bias".to_owned(), shape: vec![2], values, format: None };
/// write_weights(&path, WeightsFormat::Safetensors, std::slice::from_ref(&bias))?;
/// let wanted = [("ip1.bias".to_owned(), vec![2])];
/// assert_eq!(read_weights(&path, &wanted)?.tensors, [bias]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_weights(
    path: &Path,
    format: WeightsFormat,
    tensors: &[WeightTensor],
) -> Result<(), WeightsError> {
    let bytes = match format {
        WeightsFormat::Safetensors => safetensors::write(tensors),
        WeightsFormat::Npz => npz::write(tensors),
    };
    let bytes = bytes.map_err(WeightsError::io("encode weights for", path))?;
    atomic::write(path, bytes).map_err(WeightsError::io("write", path))
}

/// What a network takes from a weights file.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadWeights {
    /// The tensors that were wanted.
    pub tensors: Vec<WeightTensor>,
    /// Names of the file's other entries, whatever they hold.
    pub skipped: Vec<String>,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// Reads the tensors `wanted` (names and shapes, as [`NetPlan::weight_shapes`] gives them) from a
/// weights file whose name ends in `.safetensors` or `.npz`. Does not compare shapes:
/// [`crate::Trainer::set_weights`] does.
///
/// # Errors
/// [`WeightsError::Io`] when it cannot be read; [`WeightsError::File`] when it has another name or
/// contents of another format; [`WeightsError::Tensor`] for a tensor that is wanted and missing, much
/// too large, or not of floating-point numbers.
pub fn read_weights(
    path: &Path,
    wanted: &[(String, Vec<usize>)],
) -> Result<ReadWeights, WeightsError> {
    let refuse = |expected: &str, found: String| WeightsError::File {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let Some(format) = WeightsFormat::of(path) else {
        return Err(refuse("a name that ends in .safetensors or .npz", "another".to_owned()));
    };
    let bytes =
        bounded::read(path, bounded::STATE).map_err(WeightsError::io("read weights", path))?;
    let wanted = Wanted(wanted);
    let contents = match format {
        WeightsFormat::Safetensors => safetensors::read(&bytes, &wanted),
        WeightsFormat::Npz => npz::read(&bytes, &wanted),
    };
    let contents = contents.and_then(|contents| wanted.complete(contents));
    let Contents { tensors, skipped } = contents.map_err(|misfit| match misfit {
        Misfit::File(expected, found) => refuse(expected, found),
        Misfit::Tensor { tensor, expected, found } => {
            WeightsError::Tensor { path: path.to_owned(), tensor, expected, found }
        }
    })?;
    Ok(ReadWeights { tensors, skipped, sha256: hex(&Sha256::digest(&bytes)) })
}

/// Names and shapes of the tensors that a reader looks for.
struct Wanted<'a>(&'a [(String, Vec<usize>)]);

impl Wanted<'_> {
    /// The shape of a tensor, if it is wanted.
    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, shape)| &shape[..])
    }

    /// Refuses contents that lack a wanted tensor.
    fn complete(&self, contents: Contents) -> Result<Contents, Misfit> {
        let has = |name: &str| contents.tensors.iter().any(|tensor| tensor.name == name);
        let Some((name, shape)) = self.0.iter().find(|(name, _)| !has(name)) else {
            return Ok(contents);
        };
        let tensors = contents.tensors.iter().map(|tensor| &tensor.name);
        let mut others: Vec<_> =
            tensors.chain(&contents.skipped).map(|name| printable(name)).collect();
        others.sort();
        let found = match others.is_empty() {
            true => "none".to_owned(),
            false => format!("none of that name; the file has {}", others.join(", ")),
        };
        let expected = format!("one of shape {shape:?}");
        Err(Misfit::Tensor { tensor: name.clone(), expected, found })
    }
}

/// A name from a file, with control characters escaped, because a terminal would obey them.
fn printable(name: &str) -> String {
    name.chars().flat_map(char::escape_debug).collect()
}

/// What a reader found.
#[derive(Default)]
struct Contents {
    /// Wanted tensors.
    tensors: Vec<WeightTensor>,
    /// Names of everything else.
    skipped: Vec<String>,
}

/// Why a file's bytes are not the weights that are wanted.
enum Misfit {
    /// The file is malformed: what was expected and found.
    File(&'static str, String),
    /// A tensor cannot be used.
    Tensor {
        /// Its name.
        tensor: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// Formats by tensor name as JSON, sorted so that reruns write the same bytes.
fn formats_json(tensors: &[WeightTensor]) -> io::Result<String> {
    let formats: std::collections::BTreeMap<_, _> =
        tensors.iter().map(|tensor| (&tensor.name, tensor.format)).collect();
    Ok(serde_json::to_string(&formats)?)
}

/// Sets the tensors' formats from JSON.
fn attach_formats(json: &[u8], tensors: &mut [WeightTensor]) -> Result<(), Misfit> {
    let formats: std::collections::BTreeMap<String, Option<Format>> = serde_json::from_slice(json)
        .map_err(|error| Misfit::File("formats by tensor as JSON", error.to_string()))?;
    for tensor in tensors {
        tensor.format = formats.get(&tensor.name).copied().flatten();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tensors() -> Vec<WeightTensor> {
        let wide = Format::new(32, 30).unwrap();
        let single = |name: &str, shape: &[usize], values: Vec<f64>, format| WeightTensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values,
            format,
        };
        vec![
            single("a.bias", &[2], vec![0.5, -0.25], Format::new(16, 12).ok()),
            single("a.weight", &[2, 1, 3], (0..6).map(f64::from).collect(), None),
            // Not exact in single precision.
            single("b.weight", &[1, 1], vec![f64::from(i32::MAX) / 2_f64.powi(30)], Some(wide)),
        ]
    }

    fn wanted() -> Vec<(String, Vec<usize>)> {
        tensors().into_iter().map(|tensor| (tensor.name, tensor.shape)).collect()
    }

    #[test]
    fn both_file_formats_keep_every_bit_and_write_the_same_bytes_again() {
        let folder = tempfile::tempdir().unwrap();
        for (name, format) in
            [("w.safetensors", WeightsFormat::Safetensors), ("w.npz", WeightsFormat::Npz)]
        {
            let path = folder.path().join(name);
            write_weights(&path, format, &tensors()).unwrap();
            let bytes = fs::read(&path).unwrap();
            let mut read = read_weights(&path, &wanted()).unwrap();
            read.tensors.sort_by(|a, b| a.name.cmp(&b.name));
            assert_eq!(read.tensors, tensors(), "{name}");
            write_weights(&path, format, &tensors()).unwrap();
            assert!(fs::read(&path).unwrap() == bytes, "{name}");
            fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
            let error = read_weights(&path, &wanted()).unwrap_err();
            assert!(matches!(error, WeightsError::File { .. }), "{error}");
        }
        let error = read_weights(&folder.path().join("w.bin"), &[]).unwrap_err().to_string();
        assert!(error.contains("expected a name that ends in .safetensors or .npz"), "{error}");
        let error = read_weights(&folder.path().join("no.npz"), &[]).unwrap_err().to_string();
        assert!(error.starts_with("read weights"), "{error}");
    }
}
