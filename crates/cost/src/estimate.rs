//! Training of a network on arrays of many sizes: cycles by the exact model, memory traffic, and which of the
//! two limits each GEMM.

use flexmac_array::{ArrayConfig, Cycles, Layout};
use flexmac_fxp::Role;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::precision_profile::{OperandWidths, PrecisionProfile};
use crate::skipping::WithoutSkipping;
use crate::workload::workloads;

/// One GEMM of a layer on an array, summed over all iterations and widths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GemmEstimate {
    /// The layer.
    pub layer: String,
    /// Which of the layer's GEMMs.
    pub role: Role,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Mean passes per multiply-accumulate.
    pub passes_per_mac: f64,
    /// Cycles.
    pub cycles: Cycles,
    /// Cost without skipping, where the run skipped planes on this array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_skipping: Option<WithoutSkipping>,
    /// Multiply-accumulate passes, divided by those of all lanes of all PEs in the busy cycles, 0 to 1.
    pub utilisation: f64,
    /// Bits written to the operand banks.
    pub loaded_bits: u64,
    /// Bits of results.
    pub result_bits: u64,
    /// Words of an operand bank that the longest command uses.
    pub bank_words: u64,
}

impl GemmEstimate {
    /// Multiply-accumulates per byte of operands and results that enters or leaves the array.
    pub fn intensity(&self) -> f64 {
        self.macs as f64 / ((self.loaded_bits + self.result_bits) as f64 / 8.0)
    }

    /// Multiply-accumulates per cycle.
    pub fn rate(&self) -> f64 {
        self.macs as f64 / self.cycles.busy as f64
    }
}

/// A run on an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The array in words.
    pub config: String,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Iterations.
    pub iterations: u64,
    /// Sum of all GEMMs.
    pub total: GemmEstimate,
    /// By layer and role, in the network's order.
    #[serde(rename = "products")]
    pub gemms: Vec<GemmEstimate>,
    /// Mean traffic of operands and results while the array is busy, in bits per cycle.
    pub bits_per_cycle: f64,
    /// Peak multiply-accumulates per cycle, at one pass each.
    pub peak: f64,
}

/// Cycles and memory traffic of a run on an array.
///
/// # Errors
/// A run that does not fit the array.
pub fn estimate(profile: &PrecisionProfile, config: &ArrayConfig) -> Result<Estimate, Error> {
    let mut gemms: Vec<GemmEstimate> = Vec::new();
    let mut passes: Vec<u64> = Vec::new();
    for workload in workloads(profile, config, Layout::Fastest)? {
        let at = gemms.iter().position(|p| p.layer == workload.layer && p.role == workload.role);
        let at = at.unwrap_or_else(|| {
            gemms.push(empty(&workload.layer, workload.role));
            passes.push(0);
            gemms.len() - 1
        });
        let gemm = &mut gemms[at];
        gemm.without_skipping =
            WithoutSkipping::sum(gemm.without_skipping, workload.without_skipping);
        gemm.macs += workload.macs;
        gemm.cycles.add(&workload.cycles);
        gemm.loaded_bits += workload.loaded_bits;
        gemm.result_bits += workload.result_bits;
        gemm.bank_words = gemm.bank_words.max(workload.bank_words);
        passes[at] += workload.mac_passes;
    }
    let pes = config.rows() * config.cols();
    let peak = (pes * config.lanes()) as f64;
    let mut total = empty("all", Role::Forward);
    for (gemm, passes) in gemms.iter_mut().zip(&passes) {
        finish(gemm, *passes, peak);
        total.without_skipping =
            WithoutSkipping::sum(total.without_skipping, gemm.without_skipping);
        total.macs += gemm.macs;
        total.cycles.add(&gemm.cycles);
        total.loaded_bits += gemm.loaded_bits;
        total.result_bits += gemm.result_bits;
        total.bank_words = total.bank_words.max(gemm.bank_words);
    }
    finish(&mut total, passes.iter().sum(), peak);
    let bits = (total.loaded_bits + total.result_bits) as f64;
    Ok(Estimate {
        config: config.summary(),
        rows: config.rows(),
        cols: config.cols(),
        iterations: profile.iterations,
        bits_per_cycle: bits / total.cycles.busy as f64,
        total,
        gemms,
        peak,
    })
}

fn empty(layer: &str, role: Role) -> GemmEstimate {
    GemmEstimate {
        layer: layer.to_owned(),
        role,
        macs: 0,
        passes_per_mac: 0.0,
        cycles: Cycles::default(),
        without_skipping: None,
        utilisation: 0.0,
        loaded_bits: 0,
        result_bits: 0,
        bank_words: 0,
    }
}

fn finish(gemm: &mut GemmEstimate, passes: u64, peak: f64) {
    gemm.passes_per_mac = passes as f64 / gemm.macs as f64;
    gemm.utilisation = passes as f64 / (gemm.cycles.busy as f64 * peak);
}

/// The most frequent widths of a GEMM.
pub fn commonest(profile: &PrecisionProfile, gemm: usize) -> OperandWidths {
    profile.widths[gemm].iter().max_by_key(|(_, count)| **count).and_then(|(widths, _)| *widths)
}
