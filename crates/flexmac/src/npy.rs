//! Matrices of integers and of floats from and to .npy files.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use flexmac_fileio::{atomic, bounded};
use ndarray::{Array2, ArrayD, ArrayView2, Dimension};
use ndarray_npy::{ReadNpyError, ReadNpyExt, ReadableElement, WritableElement, WriteNpyExt};

/// Reads a 2-D integer matrix of any integer type, whose values fit 32 bits.
pub fn read_matrix(path: &Path) -> Result<Array2<i32>> {
    as_matrix(path, read_integers(path)?)
}

/// Reads an integer bias: (N,) becomes one row; 2-D stays as it is.
pub fn read_bias(path: &Path) -> Result<Array2<i32>> {
    as_bias(path, read_integers(path)?)
}

/// Reads a 2-D matrix of single-precision floats.
pub fn read_float_matrix(path: &Path) -> Result<Array2<f32>> {
    as_matrix(path, read_floats(path)?)
}

/// Reads a bias of single-precision floats, as [`read_bias`] does.
pub fn read_float_bias(path: &Path) -> Result<Array2<f32>> {
    as_bias(path, read_floats(path)?)
}

fn as_matrix<T>(path: &Path, array: ArrayD<T>) -> Result<Array2<T>> {
    let shape = array.shape().to_vec();
    array.into_dimensionality().map_err(|_| {
        anyhow!("read {}: expected a 2-D array, found shape {shape:?}", path.display())
    })
}

fn as_bias<T>(path: &Path, array: ArrayD<T>) -> Result<Array2<T>> {
    let shape = array.shape().to_vec();
    let array = if shape.len() == 1 { array.insert_axis(ndarray::Axis(0)) } else { array };
    array.into_dimensionality().map_err(|_| {
        anyhow!("read {}: expected shape (N,) or (M, N), found {shape:?}", path.display())
    })
}

/// Reads a file and checks its header against its length: readers allocate what the header
/// declares.
fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes =
        bounded::read(path, bounded::DATA).with_context(|| format!("read {}", path.display()))?;
    flexmac_fileio::prepare_npy(&mut bytes)
        .map_err(|error| anyhow!("read {}: not a usable .npy file: {error}", path.display()))?;
    Ok(bytes)
}

fn read_floats(path: &Path) -> Result<ArrayD<f32>> {
    let bytes = read_bytes(path)?;
    match ArrayD::read_npy(Cursor::new(bytes)) {
        Ok(array) => Ok(array),
        Err(ReadNpyError::WrongDescriptor(_)) => bail!(
            "read {}: expected an array of float32 for an array of floats, found another element \
             type; convert it with .astype('float32')",
            path.display()
        ),
        Err(error) => bail!("read {}: {}", path.display(), unusable(&error)),
    }
}

/// A reader's error, first line only: its parser adds a drawing of the position below.
fn unusable(error: &ReadNpyError) -> String {
    let text = error.to_string();
    format!("not a usable .npy file: {}", text.lines().next().unwrap_or_default())
}

/// Reads one element type; [`ReadNpyError::WrongDescriptor`] for any other.
type Reader = fn(&[u8]) -> Result<Narrowed, ReadNpyError>;

/// An array of 32-bit integers, or the first element that does not fit, with its index.
type Narrowed = Result<ArrayD<i32>, (Vec<usize>, i128)>;

fn read_integers(path: &Path) -> Result<ArrayD<i32>> {
    let bytes = read_bytes(path)?;
    let readers: [Reader; 8] = [
        read_as::<i32>,
        read_as::<i64>,
        read_as::<i16>,
        read_as::<i8>,
        read_as::<u8>,
        read_as::<u16>,
        read_as::<u32>,
        read_as::<u64>,
    ];
    for reader in readers {
        match reader(&bytes) {
            Ok(Ok(array)) => return Ok(array),
            Ok(Err((index, value))) => {
                bail!("read {}: element {index:?} = {value} does not fit 32 bits", path.display())
            }
            Err(ReadNpyError::WrongDescriptor(_)) => {}
            Err(error) => bail!("read {}: {}", path.display(), unusable(&error)),
        }
    }
    bail!(
        "read {}: expected an array of integers (int8 to int64, uint8 to uint64), found another \
         element type; convert it with .astype('int32')",
        path.display()
    )
}

fn read_as<T>(bytes: &[u8]) -> Result<Narrowed, ReadNpyError>
where
    T: ReadableElement + Copy + Into<i128> + TryInto<i32>,
{
    let array = ArrayD::<T>::read_npy(Cursor::new(bytes))?;
    let wide = |value: &T| TryInto::<i32>::try_into(*value).is_err();
    if let Some((index, value)) = array.indexed_iter().find(|(_, value)| wide(value)) {
        return Ok(Err((index.slice().to_vec(), (*value).into())));
    }
    // Checked above.
    Ok(Ok(array.mapv(|value| value.try_into().unwrap_or_default())))
}

/// Writes a matrix, atomically.
pub fn write_matrix<T: WritableElement>(path: &Path, matrix: ArrayView2<'_, T>) -> Result<()> {
    let mut bytes = Vec::new();
    matrix.write_npy(&mut bytes).with_context(|| format!("write {}", path.display()))?;
    atomic::write(path, bytes).with_context(|| format!("write {}", path.display()))
}
