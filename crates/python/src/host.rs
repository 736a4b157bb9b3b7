//! Rounding on the host, with the random streams of `flexmac train` (`flexmac-nn`, `host.rs`).

use flexmac_fxp::{Counters, Role};
use flexmac_nn::{HostRounding, Part};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::engine::parse_rounding;
use crate::{errors, format};

/// Where a rounding's random streams come from: run, iteration, layer, tensor, and which array of the tensor.
type Streams = (u64, u64, u64, usize, String);

/// The rounded numbers, one row, and counters as JSON.
type Answer = (Py<PyArray2<i32>>, String);

fn host(rounding: &str, streams: Streams) -> PyResult<(HostRounding, Part)> {
    let (run, iteration, layer, tensor, part) = streams;
    let (role, part) = match part.as_str() {
        "value" => (Role::HostActivation, Part::Value),
        "gradient" => (Role::HostActivation, Part::Gradient),
        "copy" => (Role::HostUpdate, Part::Copy),
        _ => {
            return Err(PyValueError::new_err(format!(
                "part: expected value, gradient or copy, found {part:?}"
            )));
        }
    };
    let rounding = parse_rounding(rounding)?;
    Ok((HostRounding { rounding, run, iteration, layer, role, tensor }, part))
}

fn answer(py: Python<'_>, rounded: Array2<i32>, counters: &Counters) -> PyResult<Answer> {
    let counters = serde_json::to_string(counters).map_err(|error| errors::runtime(&error))?;
    Ok((rounded.into_pyarray(py).unbind(), counters))
}

/// Rounds real numbers to a format.
#[pyfunction]
pub fn quantize(
    py: Python<'_>,
    values: PyReadonlyArray1<'_, f64>,
    to: (u32, i32),
    rounding: &str,
    streams: Streams,
) -> PyResult<Answer> {
    let (host, part) = host(rounding, streams)?;
    let to = format::parse("to", to)?;
    let values = values.as_slice()?;
    let (rounded, counters) = py.detach(|| {
        if let Some(at) = values.iter().position(|value| value.is_nan()) {
            return Err(PyValueError::new_err(format!(
                "quantize: expected numbers, found NaN at index {at}; lower the learning rate, or widen \
                 the formats"
            )));
        }
        let mut rounded = Array2::zeros((1, values.len()));
        let counters = host.quantize::<i32>(part, values, &mut rounded, to);
        Ok((rounded, counters))
    })?;
    answer(py, rounded, &counters)
}

/// Rounds exact sums in units of 2^-frac to a format.
#[pyfunction]
pub fn round_sums(
    py: Python<'_>,
    sums: PyReadonlyArray1<'_, i64>,
    frac: i32,
    to: (u32, i32),
    rounding: &str,
    streams: Streams,
) -> PyResult<Answer> {
    let (host, part) = host(rounding, streams)?;
    let to = format::parse("to", to)?;
    format::parse("sums", (32, frac))?;
    let sums = sums.as_slice()?;
    let (rounded, counters) = py.detach(|| {
        let mut rounded = Array2::zeros((1, sums.len()));
        let counters = host.round_sums::<i32>(part, (sums, frac), &mut rounded, to);
        (rounded, counters)
    });
    answer(py, rounded, &counters)
}
