//! Matrices from NumPy: 32-bit integers and floats as they lie in memory, narrower integers widened.

use ndarray::{ArrayView2, CowArray, Ix2};
use numpy::{
    Element, PyArrayDescrMethods, PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// A borrowed matrix of integers.
pub enum Integers<'py> {
    /// 8 bits.
    Int8(PyReadonlyArray2<'py, i8>),
    /// 16 bits.
    Int16(PyReadonlyArray2<'py, i16>),
    /// 32 bits.
    Int32(PyReadonlyArray2<'py, i32>),
}

impl<'py> Integers<'py> {
    /// The matrix `name` of int8, int16 or int32, with any strides.
    pub fn new(name: &str, array: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(array) = matrix(array) {
            return Ok(Self::Int32(array));
        }
        if let Some(array) = matrix(array) {
            return Ok(Self::Int16(array));
        }
        match matrix(array) {
            Some(array) => Ok(Self::Int8(array)),
            None => Err(refused(name, "int8, int16 or int32", array)),
        }
    }

    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Self::Int8(array) => array.as_array().dim(),
            Self::Int16(array) => array.as_array().dim(),
            Self::Int32(array) => array.as_array().dim(),
        }
    }

    /// The elements; a copy only where they are narrower.
    pub fn widened(&self) -> CowArray<'_, i32, Ix2> {
        match self {
            Self::Int8(array) => array.as_array().mapv(i32::from).into(),
            Self::Int16(array) => array.as_array().mapv(i32::from).into(),
            Self::Int32(array) => array.as_array().into(),
        }
    }
}

/// A matrix of floats.
pub struct Floats<'py>(PyReadonlyArray2<'py, f32>);

impl<'py> Floats<'py> {
    /// The matrix `name` of float32, with any strides.
    pub fn new(name: &str, array: &Bound<'py, PyAny>) -> PyResult<Self> {
        matrix(array).map(Self).ok_or_else(|| refused(name, "float32", array))
    }

    /// The elements.
    pub fn view(&self) -> ArrayView2<'_, f32> {
        self.0.as_array()
    }
}

fn matrix<'py, T: Element>(array: &Bound<'py, PyAny>) -> Option<PyReadonlyArray2<'py, T>> {
    array.extract().ok()
}

fn refused(name: &str, expected: &str, found: &Bound<'_, PyAny>) -> PyErr {
    let Ok(array) = found.cast::<PyUntypedArray>() else {
        let kind = found.get_type();
        return PyTypeError::new_err(format!(
            "{name}: expected an array of {expected}, found {kind}"
        ));
    };
    if array.ndim() != 2 {
        let shape = array.shape();
        return PyValueError::new_err(format!("{name}: expected a matrix, found shape {shape:?}"));
    }
    let dtype = array.dtype();
    let order =
        if dtype.is_native_byteorder() == Some(false) { " of foreign byte order" } else { "" };
    PyTypeError::new_err(format!(
        "{name}: expected {expected}, found {dtype}{order}; convert it first"
    ))
}
