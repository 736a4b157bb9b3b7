//! Engines by name, and GEMMs on them.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use flexmac_array::ArrayConfig;
use flexmac_cosim::{CheckedEngine, RtlEngine};
use flexmac_engine::{
    Engine as GemmEngine, FloatEngine, Gemm, GemmResult, Operand, ReferenceEngine,
};
use flexmac_float::FloatFormat;
use flexmac_fxp::{Role, Rounding, SeedPath, Sums};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

use crate::array::{Array, check_shape, parse_layout};
use crate::operand::{Floats, Integers};
use crate::{errors, format};

/// Most models of one engine.
const MAX_MODELS: usize = 1024;

enum Backend {
    Float(FloatEngine),
    Integer(Box<dyn GemmEngine<i32>>),
}

/// A backend. GEMMs from several threads wait for each other.
#[pyclass(frozen, module = "flexmac._flexmac")]
pub struct Engine {
    backend: Mutex<Backend>,
}

/// What a GEMM's result is a number in, and its streams: as the package passes them on.
#[derive(FromPyObject)]
pub struct Numbers {
    /// Bits and fraction bits of A.
    a: (u32, i32),
    /// Of B.
    b: (u32, i32),
    /// Of the bias.
    bias: (u32, i32),
    /// Of the result.
    out: (u32, i32),
    /// Rounding mode.
    rounding: String,
    /// Run, iteration, layer, role.
    seed: (u64, u64, u64, String),
    /// Whether the exact sums are wanted too.
    raw: bool,
}

/// Values, exact sums, statistics as JSON.
type Answer<T> = (Py<PyArray2<T>>, Option<Py<PyArray2<i64>>>, String);

#[pymethods]
impl Engine {
    /// The engine `kind` on an array; `float` has none.
    #[new]
    fn new(
        py: Python<'_>,
        kind: &str,
        array: &Array,
        layout: &str,
        check_rate: f64,
        threads: usize,
    ) -> PyResult<Self> {
        let models = NonZeroUsize::new(threads).filter(|models| models.get() <= MAX_MODELS);
        let models = models.ok_or_else(|| {
            PyValueError::new_err(format!("threads: expected 1 to {MAX_MODELS}, found {threads}"))
        })?;
        let layout = parse_layout(layout)?;
        let config = array.config.clone();
        let rtl = |config| py.detach(|| rtl(config, models)).map(|rtl| rtl.with_layout(layout));
        let backend = match kind {
            "float" => Backend::Float(FloatEngine),
            "reference" => {
                Backend::Integer(Box::new(ReferenceEngine::new(config).with_layout(layout)))
            }
            "rtl" => Backend::Integer(Box::new(rtl(config)?)),
            "checked" => {
                // Before the model is built, which takes seconds.
                if !(check_rate > 0.0 && check_rate <= 1.0) {
                    return Err(PyValueError::new_err(format!(
                        "check_rate: expected a share above 0 and at most 1, found {check_rate}"
                    )));
                }
                let checked = CheckedEngine::new(rtl(config)?).with_rate(check_rate);
                Backend::Integer(Box::new(checked.expect("the rate was checked")))
            }
            other => {
                return Err(PyValueError::new_err(format!(
                    "engine: expected float, reference, rtl or checked, found {other:?}"
                )));
            }
        };
        Ok(Self { backend: Mutex::new(backend) })
    }

    /// A GEMM of integers.
    fn gemm<'py>(
        &self,
        py: Python<'py>,
        a: &Bound<'py, PyAny>,
        b: &Bound<'py, PyAny>,
        bias: Option<&Bound<'py, PyAny>>,
        numbers: Numbers,
    ) -> PyResult<Answer<i32>> {
        let (a, b) = (Integers::new("A", a)?, Integers::new("B", b)?);
        let bias = bias.map(|bias| Integers::new("bias", bias)).transpose()?;
        check_product(a.dim(), b.dim())?;
        let formats = (format::parse("a", numbers.a)?, format::parse("b", numbers.b)?);
        let bias_format = format::parse("bias", numbers.bias)?;
        let out = format::parse("out", numbers.out)?;
        let rounding = parse_rounding(&numbers.rounding)?;
        let seed = parse_seed(numbers.seed)?;
        let (a, b) = (a.widened(), b.widened());
        let bias = bias.as_ref().map(Integers::widened);
        let (a, b, bias) = (a.view(), b.view(), bias.as_ref().map(|bias| bias.view()));
        let result = py.detach(|| {
            let gemm = Gemm {
                a: Operand { values: a, format: formats.0 },
                b: Operand { values: b, format: formats.1 },
                bias: bias.map(|values| Operand { values, format: bias_format }),
                out,
                rounding,
                seed,
                keep_sums: numbers.raw,
            };
            match &mut *self.backend.lock().unwrap_or_else(PoisonError::into_inner) {
                Backend::Integer(engine) => {
                    engine.gemm(&gemm).map_err(|error| errors::engine(&error))
                }
                Backend::Float(_) => Err(PyValueError::new_err(
                    "gemm: engine float multiplies float32, found integers; convert them, or use \
                     another engine",
                )),
            }
        })?;
        let sums = match (&result.sums, numbers.raw) {
            (Some(sums), true) => Some(int64(sums)?.into_pyarray(py).unbind()),
            _ => None,
        };
        answer(py, result, sums)
    }

    /// A GEMM of floats.
    fn gemm_float<'py>(
        &self,
        py: Python<'py>,
        a: &Bound<'py, PyAny>,
        b: &Bound<'py, PyAny>,
    ) -> PyResult<Answer<f32>> {
        let (a, b) = (Floats::new("A", a)?, Floats::new("B", b)?);
        let (a, b) = (a.view(), b.view());
        check_product(a.dim(), b.dim())?;
        let format = FloatFormat::Binary32;
        let result = py.detach(|| {
            let gemm = Gemm {
                a: Operand { values: a, format },
                b: Operand { values: b, format },
                bias: None,
                out: format,
                rounding: Rounding::Nearest,
                seed: SeedPath::alone(0),
                keep_sums: false,
            };
            match &mut *self.backend.lock().unwrap_or_else(PoisonError::into_inner) {
                Backend::Float(engine) => {
                    engine.gemm(&gemm).map_err(|error| errors::engine(&error))
                }
                Backend::Integer(engine) => Err(PyValueError::new_err(format!(
                    "gemm: engine {} multiplies integers, found float32; quantize them first, or use \
                     engine float",
                    engine.name()
                ))),
            }
        })?;
        answer(py, result, None)
    }
}

/// The model of an array, on several threads.
fn rtl(config: ArrayConfig, models: NonZeroUsize) -> PyResult<RtlEngine> {
    let sources = flexmac_rtlgen::verilog(&config).map_err(|error| errors::value(&error))?;
    let engine = RtlEngine::new(config, &sources, None);
    let engine = engine.and_then(|engine| engine.with_models(models));
    engine.map_err(|error| errors::runtime(&error))
}

fn answer<T: numpy::Element>(
    py: Python<'_>,
    result: GemmResult<T>,
    sums: Option<Py<PyArray2<i64>>>,
) -> PyResult<Answer<T>> {
    let stats = serde_json::to_string(&result.stats).map_err(|error| errors::runtime(&error))?;
    Ok((result.values.into_pyarray(py).unbind(), sums, stats))
}

fn check_product(a: (usize, usize), b: (usize, usize)) -> PyResult<()> {
    if a.1 != b.0 {
        return Err(PyValueError::new_err(format!(
            "gemm: expected A of (M, K) and B of (K, N), found {a:?} and {b:?}"
        )));
    }
    check_shape((a.0, a.1, b.1))
}

/// A rounding mode by name.
pub fn parse_rounding(name: &str) -> PyResult<Rounding> {
    name.parse().map_err(|error: flexmac_fxp::FxpError| errors::value(&error))
}

/// A seed path; every role is legal.
pub fn parse_seed((run, iteration, layer, role): (u64, u64, u64, String)) -> PyResult<SeedPath> {
    let found = Role::GEMMS.into_iter().find(|known| known.name() == role);
    let role = found.ok_or_else(|| {
        let names = Role::GEMMS.map(Role::name).join(", ");
        PyValueError::new_err(format!("role: expected one of {names}, found {role:?}"))
    })?;
    Ok(SeedPath { run, iteration, layer, role })
}

fn int64(sums: &Sums) -> PyResult<Array2<i64>> {
    let mut out = Array2::zeros(sums.dim());
    for ((row, column), value) in out.indexed_iter_mut() {
        let sum = sums.get(row, column);
        *value = i64::try_from(sum).map_err(|_| {
            PyOverflowError::new_err(format!(
                "gemm: raw: the exact sum C[{row},{column}] = {sum} does not fit int64; leave raw out, or \
                 split K"
            ))
        })?;
    }
    Ok(out)
}
