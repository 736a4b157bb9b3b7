//! The extension module `flexmac._flexmac`, on which the Python package in `python/flexmac` is built.
//!
//! It takes and returns arrays of NumPy and plain values; the package adds names, defaults and types.
//! Structured results are JSON text, in the form that the crates write to files, so that a field is declared
//! once. Work runs without the interpreter's lock.

mod array;
mod engine;
mod errors;
mod format;
mod host;
mod operand;
mod run;

use pyo3::prelude::*;

/// The module.
#[pymodule]
#[pyo3(name = "_flexmac")]
fn flexmac(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("MismatchError", module.py().get_type::<errors::MismatchError>())?;
    module.add_class::<array::Array>()?;
    module.add_class::<engine::Engine>()?;
    module.add_function(wrap_pyfunction!(array::parameters, module)?)?;
    module.add_function(wrap_pyfunction!(host::quantize, module)?)?;
    module.add_function(wrap_pyfunction!(host::round_sums, module)?)?;
    module.add_function(wrap_pyfunction!(run::read_run, module)?)
}
