//! The context of a forward or backward pass: engine, formats, rounding, statistics.

use flexmac_dps::{FormatTable, TensorCounters, TensorSpec};
use flexmac_engine::{Engine, EngineError, GemmResult, ImplicitGemm, Operand, RowSink};
use flexmac_fxp::{Counters, Format, Matrix, Role, Rounding, SeedPath};
use flexmac_record::GemmRecord;
use ndarray::{Array2, ArrayView2};

use crate::element::Number;
use crate::error::{EngineFailure, NnError};
use crate::host::HostRounding;

/// Integer length of the outputs that only the host reads, class scores and inputs of
/// normalizations. They leave the array with 32 bits and are real numbers on the host. They exceed
/// 2^12 only in runs that have diverged.
pub const HOST_INTEGER_LENGTH: i32 = 12;

/// The statistics of one iteration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Overflow and error counters, by tensor number.
    pub tensors: Vec<TensorCounters>,
    /// The GEMMs, in the order they ran.
    pub gemms: Vec<GemmRecord>,
}

impl Statistics {
    /// Empty statistics for `tensors` tensors.
    pub fn new(tensors: usize) -> Self {
        Self { tensors: vec![TensorCounters::default(); tensors], gemms: Vec::new() }
    }
}

/// Number and name of a layer. Identifies its GEMMs in random streams, histories and errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerId {
    /// Number of the layer, from 0; layers without parameters count too.
    pub index: usize,
    /// Name of the layer.
    pub name: String,
}

/// A matrix and its tensor's format.
pub(crate) type MatrixIn<'a, T> = (Matrix<'a, T>, Format);

/// A matrix in memory and its tensor's format.
pub(crate) type StoredMatrix<'a, T> = (ArrayView2<'a, T>, Format);

/// One pass through a network.
pub struct Pass<'a, T: Number> {
    /// The engine that runs the GEMMs.
    pub engine: &'a mut dyn Engine<T>,
    /// The network's tensors.
    pub tensors: &'a [TensorSpec],
    /// The tensors' formats.
    pub formats: &'a FormatTable,
    /// Rounding mode of GEMMs and of host rounding.
    pub rounding: Rounding,
    /// The run's seed.
    pub run: u64,
    /// The iteration.
    pub iteration: u64,
    /// Whether layers keep what `backward` needs, and whether dropout is on.
    pub training: bool,
    /// Collects counters and GEMM records.
    pub statistics: &'a mut Statistics,
}

impl<T: Number> Pass<'_, T> {
    /// The format of a layer's output tensor.
    pub(crate) fn output_format(&self, tensor: usize) -> Format {
        if self.tensors[tensor].role.is_wide() {
            host_format()
        } else {
            self.formats[tensor].forward
        }
    }

    /// Runs one GEMM of a layer and records its statistics. Returns the result, row by row, and its
    /// counters, which the caller adds to a tensor.
    pub(crate) fn gemm<'a>(
        &mut self,
        id: &LayerId,
        role: Role,
        operands: (MatrixIn<'a, T>, MatrixIn<'a, T>),
        bias: Option<StoredMatrix<'a, T>>,
        out: Format,
    ) -> Result<(Array2<T>, Counters), NnError> {
        let gemm = self.implicit(id, role, operands, bias, out);
        let result = self.engine.implicit_gemm(&gemm);
        let (values, counters) = self.record(id, &gemm, result)?;
        let values = if values.is_standard_layout() {
            values
        } else {
            values.as_standard_layout().into_owned()
        };
        Ok((values, counters))
    }

    /// [`Self::gemm`], whose rows go to `sink`. Returns the counters.
    pub(crate) fn gemm_into<'a>(
        &mut self,
        id: &LayerId,
        role: Role,
        operands: (MatrixIn<'a, T>, MatrixIn<'a, T>),
        out: Format,
        sink: &dyn RowSink<T>,
    ) -> Result<Counters, NnError> {
        let gemm = self.implicit(id, role, operands, None, out);
        let result = self.engine.implicit_gemm_into(&gemm, sink);
        Ok(self.record(id, &gemm, result)?.1)
    }

    fn implicit<'a>(
        &self,
        id: &LayerId,
        role: Role,
        (a, b): (MatrixIn<'a, T>, MatrixIn<'a, T>),
        bias: Option<StoredMatrix<'a, T>>,
        out: Format,
    ) -> ImplicitGemm<'a, T> {
        let seed =
            SeedPath { run: self.run, iteration: self.iteration, layer: id.index as u64, role };
        let [format_a, format_b, out] = [a.1, b.1, out].map(T::operand_format);
        let (a, b) = ((a.0, format_a), (b.0, format_b));
        let bias =
            bias.map(|(values, format)| Operand { values, format: T::operand_format(format) });
        ImplicitGemm { a, b, bias, out, rounding: self.rounding, seed }
    }

    fn record(
        &mut self,
        id: &LayerId,
        gemm: &ImplicitGemm<'_, T>,
        result: Result<GemmResult<T>, EngineError>,
    ) -> Result<(Array2<T>, Counters), NnError> {
        let role = gemm.seed.role;
        let result = result.map_err(|source| {
            let layer = id.name.clone();
            NnError::Engine(Box::new(EngineFailure { layer, role: role.name(), source }))
        })?;
        let (layer, stats) = (id.name.clone(), result.stats);
        let zeros = self.training.then(|| {
            let (zeros, elements) = gemm.a.0.zeros_in_memory();
            // Both are far below 2^53, and a GEMM has elements.
            zeros as f64 / elements as f64
        });
        self.statistics.gemms.push(GemmRecord { layer, role, stats, zeros });
        Ok((result.values, stats.counters))
    }

    /// A matrix of any content, in memory that was recycled if there is some.
    pub(crate) fn memory(&mut self, shape: (usize, usize)) -> Array2<T> {
        let elements = self.engine.memory(shape.0 * shape.1);
        Array2::from_shape_vec(shape, elements).expect("as many elements")
    }

    /// Gives the memory of a matrix that is no longer needed to the engine.
    pub(crate) fn recycle(&mut self, matrix: Array2<T>) {
        self.engine.recycle(matrix);
    }

    /// How the host rounds an activation, or its gradient, at layer number `layer`.
    pub fn host(&self, layer: usize, tensor: usize) -> HostRounding {
        HostRounding {
            rounding: self.rounding,
            run: self.run,
            iteration: self.iteration,
            layer: layer as u64,
            role: Role::HostActivation,
            tensor,
        }
    }
}

/// The 32-bit format of class scores and of inputs of normalizations ([`HOST_INTEGER_LENGTH`]).
pub fn host_format() -> Format {
    wide_format(HOST_INTEGER_LENGTH)
}

/// The 32-bit format of this integer length.
pub(crate) fn wide_format(integer_length: i32) -> Format {
    Format::with_integer_length(flexmac_fxp::MAX_BITS, integer_length).expect("32 bits are legal")
}
