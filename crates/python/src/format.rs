//! Formats from Python: bits and fraction bits.

use flexmac_fxp::Format;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Fraction bits beyond which no double is a multiple of the unit; `flexmac gemm` has the same limit for shifts.
const MOST_FRAC: i32 = 1024;

/// The format of `name`.
pub fn parse(name: &str, (bits, frac): (u32, i32)) -> PyResult<Format> {
    if !(-MOST_FRAC..=MOST_FRAC).contains(&frac) {
        return Err(PyValueError::new_err(format!(
            "{name}: expected -{MOST_FRAC} to {MOST_FRAC} fraction bits, found {frac}"
        )));
    }
    Format::new(bits, frac).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}
