//! Errors of the crates as Python exceptions with the same text.

use std::error::Error;

use flexmac_engine::EngineError;
use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::{PyErr, create_exception};

create_exception!(_flexmac, MismatchError, PyException, "RTL and reference differ.");

/// An error and its causes on one line. A cause that is already part of the text before it is left out.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// `ValueError`: what the caller gave cannot be used.
pub fn value(error: &dyn Error) -> PyErr {
    PyValueError::new_err(chain(error))
}

/// `RuntimeError`: a tool or the system failed.
pub fn runtime(error: &dyn Error) -> PyErr {
    PyRuntimeError::new_err(chain(error))
}

/// The exception of an engine's error: `MismatchError` where RTL and reference differ.
pub fn engine(error: &EngineError) -> PyErr {
    match error {
        EngineError::Gemm(error) => value(error),
        EngineError::Mismatch(_) => MismatchError::new_err(chain(error)),
        _ => runtime(error),
    }
}
