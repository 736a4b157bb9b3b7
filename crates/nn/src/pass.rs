//! What a forward or backward pass carries from layer to layer: engine, formats, counters.

use flexmac_dps::{FormatTable, TensorCounters, TensorRole, TensorSpec};
use flexmac_engine::{Engine, Gemm, Operand};
use flexmac_fxp::{Counters, Format, Role, Rounding, SeedPath};
use flexmac_record::GemmRecord;
use ndarray::Array2;

use crate::element::Number;
use crate::error::{EngineFailure, NnError};
use crate::host::HostRounding;

/// Integer length of the class scores, which leave the array in 32 bits and are real from then on.
/// Scores pass 2^12 only in runs that have diverged.
pub const LOGITS_INTEGER_LENGTH: i32 = 12;

/// What one pass counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// By tensor number.
    pub tensors: Vec<TensorCounters>,
    /// In the order they ran.
    pub gemms: Vec<GemmRecord>,
}

impl Statistics {
    /// Zero counts for `tensors` tensors.
    pub fn new(tensors: usize) -> Self {
        Self { tensors: vec![TensorCounters::default(); tensors], gemms: Vec::new() }
    }
}

/// Where a layer stands in the network; names its products in streams, histories and errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerId {
    /// Number of the layer, from 0, parameterless layers included.
    pub index: usize,
    /// Its name.
    pub name: String,
}

/// One pass through a network.
pub struct Pass<'a, T: Number> {
    /// Multiplies.
    pub engine: &'a mut dyn Engine<T>,
    /// The network's tensors.
    pub tensors: &'a [TensorSpec],
    /// Their formats.
    pub formats: &'a FormatTable,
    /// How everything is rounded.
    pub rounding: Rounding,
    /// The run's seed.
    pub run: u64,
    /// The iteration.
    pub iteration: u64,
    /// Whether layers keep what their backward step needs.
    pub training: bool,
    /// Counts.
    pub statistics: &'a mut Statistics,
}

impl<T: Number> Pass<'_, T> {
    /// The format in which a layer's product writes its output tensor.
    pub(crate) fn output_format(&self, tensor: usize) -> Format {
        match self.tensors[tensor].role {
            TensorRole::Logits { .. } => logits_format(),
            _ => self.formats[tensor].forward,
        }
    }

    /// Runs one product of a layer and records its statistics. The counters are returned too, for
    /// the tensor they belong to; the result lies row by row.
    pub(crate) fn gemm<'a>(
        &mut self,
        id: &LayerId,
        role: Role,
        (a, b): (Operand<'a, T>, Operand<'a, T>),
        bias: Option<Operand<'a, T>>,
        out: Format,
    ) -> Result<(Array2<T>, Counters), NnError> {
        let seed =
            SeedPath { run: self.run, iteration: self.iteration, layer: id.index as u64, role };
        let rounding = self.rounding;
        let product = Gemm { a, b, bias, out, rounding, seed, keep_sums: false };
        let outcome = self.engine.gemm(&product).map_err(|source| {
            let layer = id.name.clone();
            NnError::Engine(Box::new(EngineFailure { layer, role: role.name(), source }))
        })?;
        let counters = outcome.stats.counters;
        let values = if outcome.values.is_standard_layout() {
            outcome.values
        } else {
            outcome.values.as_standard_layout().into_owned()
        };
        self.statistics.gemms.push(GemmRecord {
            layer: id.name.clone(),
            role,
            stats: outcome.stats,
        });
        Ok((values, counters))
    }

    /// Host rounding of an activation or its gradient at a layer.
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

/// The 32-bit format of the class scores.
pub fn logits_format() -> Format {
    wide_format(LOGITS_INTEGER_LENGTH)
}

/// 32 bits of a given integer length.
pub(crate) fn wide_format(integer_length: i32) -> Format {
    Format::with_integer_length(flexmac_fxp::MAX_BITS, integer_length).expect("32 bits are legal")
}
