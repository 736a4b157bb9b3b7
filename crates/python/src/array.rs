//! The configuration of an array, from the one table of parameters.

use std::path::PathBuf;

use flexmac_array::{ArrayConfig, ArraySpec, Layout, PARAMETERS, Schedule, describe};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors;

/// A checked configuration.
#[pyclass(frozen, module = "flexmac._flexmac")]
#[derive(Clone)]
pub struct Array {
    pub config: ArrayConfig,
}

#[pymethods]
impl Array {
    /// From pairs of a parameter's name and its value as its flag takes it.
    #[new]
    fn new(given: Vec<(String, String)>) -> PyResult<Self> {
        let given: Result<Vec<_>, String> = given
            .iter()
            .map(|(name, text)| {
                let found = PARAMETERS.iter().find(|parameter| parameter.name == name);
                let parameter = found.ok_or_else(|| {
                    let names: Vec<_> = PARAMETERS.iter().map(|known| known.name).collect();
                    format!(
                        "array: expected a parameter, one of {}, found {name:?}",
                        names.join(", ")
                    )
                })?;
                let value =
                    parameter.parse(text).map_err(|error| format!("array: {name}: {error}"))?;
                Ok((parameter, value))
            })
            .collect();
        let spec = ArraySpec::with(given.map_err(PyValueError::new_err)?);
        let config = spec.check().map_err(|error| errors::value(&error))?;
        Ok(Self { config })
    }

    /// The parameters as JSON.
    fn parameters(&self) -> PyResult<String> {
        serde_json::to_string(self.config.spec()).map_err(|error| errors::runtime(&error))
    }

    /// A short name.
    fn summary(&self) -> String {
        self.config.summary()
    }

    /// The cycles of a GEMM of this shape and these widths, as JSON.
    fn cycles(
        &self,
        shape: (usize, usize, usize),
        bits: (u32, u32),
        layout: &str,
    ) -> PyResult<String> {
        check_shape(shape)?;
        for (name, found) in [("bits_a", bits.0), ("bits_b", bits.1)] {
            let most = self.config.max_bits();
            if !(2..=most).contains(&found) {
                let text = format!("cycles: {name}: expected 2..={most}, found {found}");
                return Err(PyValueError::new_err(text));
            }
        }
        let schedule = Schedule::laid_out(&self.config, parse_layout(layout)?, shape, bits);
        let cycles = schedule.cycles(&self.config);
        serde_json::to_string(&cycles).map_err(|error| errors::runtime(&error))
    }

    /// Writes the design to a folder; returns the files.
    fn generate(&self, py: Python<'_>, out: PathBuf) -> PyResult<Vec<PathBuf>> {
        py.detach(|| {
            flexmac_rtlgen::write(&self.config, &out).map_err(|error| errors::value(&error))
        })
    }
}

/// A layout by name.
pub fn parse_layout(name: &str) -> PyResult<Layout> {
    name.parse().map_err(|error: <Layout as std::str::FromStr>::Err| {
        PyValueError::new_err(format!("layout: {error}"))
    })
}

/// Elements that a matrix may have: a GiB of 32-bit integers.
const MOST_ELEMENTS: usize = 1 << 28;

/// Refuses a GEMM that is empty, or a matrix of it that would not fit into memory.
pub fn check_shape((m, k, n): (usize, usize, usize)) -> PyResult<()> {
    if m == 0 || k == 0 || n == 0 {
        let text = format!("gemm: expected M, K and N of at least 1, found M={m} K={k} N={n}");
        return Err(PyValueError::new_err(text));
    }
    for (name, rows, columns) in [("A", m, k), ("B", k, n), ("the result", m, n)] {
        if rows.checked_mul(columns).is_none_or(|elements| elements > MOST_ELEMENTS) {
            return Err(PyValueError::new_err(format!(
                "gemm: expected matrices of at most {MOST_ELEMENTS} elements, found {name} of ({rows}, \
                 {columns}); split it"
            )));
        }
    }
    Ok(())
}

/// Type, range, default and meaning of every parameter, as JSON.
#[pyfunction]
pub fn parameters() -> PyResult<String> {
    serde_json::to_string(&describe()).map_err(|error| errors::runtime(&error))
}
