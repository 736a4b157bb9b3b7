//! Makes the history's record of an iteration.

use flexmac_dps::{FormatTable, Formats, TensorCounters, TensorRole, TensorSpec};
use flexmac_engine::Stats;
use flexmac_nn::{Statistics, host_format};
use flexmac_record::{IterationRecord, Schema, TensorRecord, Widths};

/// The record of an iteration, from the statistics of its passes. `rate` is the learning rate;
/// `formats` is `None` in a float run.
pub(crate) fn record(
    iteration: u64,
    (loss, smoothed_loss): (f64, f64),
    rate: f64,
    phase: &str,
    tensors: &[TensorSpec],
    formats: Option<&FormatTable>,
    statistics: Statistics,
) -> IterationRecord {
    let mut total = Stats::default();
    statistics.gemms.iter().for_each(|gemm| total.add(&gemm.stats));
    let record = |(tensor, spec): (usize, &TensorSpec)| TensorRecord {
        name: spec.name.clone(),
        formats: formats.map(|formats| in_use(spec, formats[tensor])),
        counters: statistics.tensors[tensor],
    };
    IterationRecord {
        schema: Schema::CURRENT,
        iteration,
        loss,
        smoothed_loss,
        rate,
        phase: phase.to_owned(),
        widths: formats.map(|formats| widths(tensors, formats)),
        overflows: statistics.tensors.iter().map(TensorCounters::overflows).sum(),
        total,
        tensors: tensors.iter().enumerate().map(record).collect(),
        gemms: statistics.gemms,
        accuracy: None,
        notes: Vec::new(),
    }
}

/// The formats that a tensor had: the policy's, except that class scores and what a normalization
/// reads always have [`host_format`].
fn in_use(spec: &TensorSpec, formats: Formats) -> Formats {
    if spec.role.is_wide() { Formats { forward: host_format(), ..formats } } else { formats }
}

/// The widest format of each use of a tensor.
fn widths(tensors: &[TensorSpec], formats: &FormatTable) -> Widths {
    let mut widths = Widths::default();
    for (tensor, formats) in tensors.iter().zip(formats.iter()) {
        match tensor.role {
            TensorRole::Input | TensorRole::HostOutput => {
                widths.forward = widths.forward.max(formats.forward.bits())
            }
            // A bias is added to the array's sums, not split into planes: it takes no passes.
            TensorRole::Bias | TensorRole::Normalization => {
                widths.update = widths.update.max(formats.update.bits())
            }
            TensorRole::Weight { .. } => {
                widths.forward = widths.forward.max(formats.forward.bits());
                widths.update = widths.update.max(formats.update.bits());
            }
            TensorRole::Activation => {
                widths.forward = widths.forward.max(formats.forward.bits());
                widths.backward = widths.backward.max(formats.backward.bits());
            }
            TensorRole::Normalized | TensorRole::Logits { .. } => {
                widths.backward = widths.backward.max(formats.backward.bits());
            }
        }
    }
    widths
}
