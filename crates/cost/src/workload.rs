//! The GEMMs of a run on an array, counted by the cycle model, which agrees with the counters of the RTL.

use flexmac_array::{ArrayConfig, Cycles, Layout, Schedule, Style};
use flexmac_fxp::Role;
use flexmac_record::OperandRole;
use serde::Serialize;

use crate::error::Error;
use crate::precision_profile::{OperandWidths, PrecisionProfile};
use crate::skipping::{SkippedCost, WithoutSkipping};

/// One GEMM of the network at one pair of widths, over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// The layer.
    pub layer: String,
    /// Which of the layer's GEMMs.
    pub role: Role,
    /// The class of its operands: from the zeros that the run recorded, and if it recorded none, from whether the
    /// layer's input has passed a ReLU.
    pub operands: OperandRole,
    /// Widths of A and B; none on a float array.
    pub widths: OperandWidths,
    /// Number of executions: iterations times groups of a convolution.
    pub runs: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Multiply-accumulates times passes.
    pub mac_passes: u64,
    /// Cost without skipping, where the run skipped planes on this array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_skipping: Option<WithoutSkipping>,
    /// Cycles on the array.
    pub cycles: Cycles,
    /// Rows that requantizers accepted from the drain chains, summed over the columns of the array.
    pub drained: u64,
    /// Operand bits that all rows and columns read from the banks, in cycles that compute.
    pub operand_bits: u64,
    /// Operand bits written to the banks. Every tile writes its own operands.
    pub loaded_bits: u64,
    /// Words of an operand bank that the longest command uses: planes times words.
    pub bank_words: u64,
    /// Result bits that leave the array, at 32 bits per result. An upper bound: the next GEMM may read fewer.
    pub result_bits: u64,
}

impl Workload {
    /// The mode in which the array runs it. A flexible array rounds widths up to whole planes: 5 x 8 bits with
    /// chunk 8 give `(8, 8)`. A fixed array runs at the operands' widths. None on float arrays.
    pub fn mode(&self, config: &ArrayConfig) -> OperandWidths {
        let whole = |bits| match config.style() {
            Style::Flex => config.planes(bits) * config.chunk(),
            _ => bits,
        };
        self.widths.map(|(a, b)| (whole(a), whole(b)))
    }
}

/// The workloads of a run on an array: one for each GEMM and pair of widths. A float array accepts every profile
/// and ignores the widths.
///
/// # Errors
/// [`Error::Misfit`]: widths above those of the array, a float run on a flexible array, or counts that exceed
/// 64 bits.
pub fn workloads(
    profile: &PrecisionProfile,
    config: &ArrayConfig,
    layout: Layout,
) -> Result<Vec<Workload>, Error> {
    let all = scheduled(profile, config, layout)?;
    let limit = u128::from(u64::MAX) / all.len().max(1) as u128;
    let skipping = profile.skipping.as_ref().filter(|skipping| skipping.is_of(config));
    let scaled = all.iter().map(|scheduled| {
        let full = scaled(scheduled, config, limit);
        let cost = skipping.and_then(|own| own.cost(scheduled.index, scheduled.widths));
        let found = match cost {
            None => full,
            Some(cost) => full.and_then(|full| skipped(full, cost, config, limit)),
        };
        found.ok_or_else(|| too_large(profile, scheduled.gemm))
    });
    scaled.collect()
}

/// The workload with the recorded cost of skipped planes. None if a count exceeds `limit`.
fn skipped(
    full: Workload,
    cost: &SkippedCost,
    config: &ArrayConfig,
    limit: u128,
) -> Option<Workload> {
    let times = |a: u64, b: u64| {
        let all = u128::from(a) * u128::from(b);
        u64::try_from(all).ok().filter(|_| all <= limit)
    };
    let once = |count: u64| times(count, 1);
    Some(Workload {
        mac_passes: once(cost.mac_passes)?,
        without_skipping: Some(WithoutSkipping {
            mac_passes: full.mac_passes,
            busy_cycles: full.cycles.busy,
        }),
        cycles: Cycles {
            busy: once(cost.cycles.busy)?,
            compute: once(cost.cycles.compute)?,
            stall: once(cost.cycles.stall)?,
            ..full.cycles
        },
        drained: times(cost.captured_rows, config.cols() as u64)?,
        operand_bits: times(cost.cycles.compute, words_of_a_cycle(config))?,
        loaded_bits: once(cost.loaded_bits)?,
        ..full
    })
}

/// Bits of an operand word of all these lines.
fn word_bits(config: &ArrayConfig, lines: usize) -> u64 {
    (lines * config.lanes()) as u64 * u64::from(config.chunk())
}

/// Operand bits that all rows and columns read in a cycle that computes.
fn words_of_a_cycle(config: &ArrayConfig) -> u64 {
    word_bits(config, config.rows()) + word_bits(config, config.cols())
}

/// The error for a run whose counts exceed 64 bits.
pub(crate) fn too_large(profile: &PrecisionProfile, gemm: &flexmac_nn::LayerGemm) -> Error {
    Error::Misfit {
        what: format!("layer {}, {}", gemm.layer, gemm.role.name()),
        expected: "counts of a run that fit 64 bits".to_owned(),
        found: format!("more, in {} iterations of {} images", profile.iterations, profile.batch),
    }
}

/// A GEMM of a run at one pair of widths.
pub(crate) struct Scheduled<'m> {
    /// Number of the GEMM in the profile.
    pub index: usize,
    pub gemm: &'m flexmac_nn::LayerGemm,
    pub widths: OperandWidths,
    /// The number of times it runs at these widths.
    pub runs: u64,
    pub schedule: Schedule,
    pub operands: OperandRole,
}

/// Every GEMM of a run at each of its widths, scheduled on the array.
///
/// # Errors
/// As for [`workloads`].
pub(crate) fn scheduled<'m>(
    profile: &'m PrecisionProfile,
    config: &ArrayConfig,
    layout: Layout,
) -> Result<Vec<Scheduled<'m>>, Error> {
    let mut all = Vec::new();
    let gemms = profile.gemms.iter().zip(&profile.widths).zip(&profile.zeros);
    for (index, ((gemm, widths), zeros)) in gemms.enumerate() {
        // Without a record, all or no values count as zero: what decides is only whether many are.
        let zeros = zeros.unwrap_or(if gemm.after_relu { 1.0 } else { 0.0 });
        let operands = OperandRole::of(gemm.role, zeros);
        for (width, iterations) in widths {
            // A count that is too large is refused later, where it is used.
            let runs = iterations.saturating_mul(gemm.count as u64);
            let width = match (config.style(), width) {
                (Style::Fp32 | Style::Bf16 | Style::Fp8, _) => None,
                // On a fixed array, GEMMs of a float run have operands of the full width.
                (Style::Fixed, None) => Some((config.max_bits(), config.max_bits())),
                (Style::Flex, None) => {
                    return Err(Error::Misfit {
                        what: format!("{} on {}", profile.policy, config.summary()),
                        expected: "a run with widths".to_owned(),
                        found: "a float run".to_owned(),
                    });
                }
                (_, Some((a, b))) if (*a).max(*b) > config.max_bits() => {
                    return Err(Error::Misfit {
                        what: format!("layer {}, {}", gemm.layer, gemm.role.name()),
                        expected: format!("at most {} bits", config.max_bits()),
                        found: format!("{a} x {b}"),
                    });
                }
                (_, width) => *width,
            };
            let bits = width.unwrap_or((config.max_bits(), config.max_bits()));
            let schedule = Schedule::laid_out(config, layout, gemm.shape, bits);
            all.push(Scheduled { index, gemm, widths: width, runs, schedule, operands });
        }
    }
    Ok(all)
}

/// None if a count exceeds `limit`.
fn scaled(scheduled: &Scheduled<'_>, config: &ArrayConfig, limit: u128) -> Option<Workload> {
    let Scheduled { gemm, widths, runs, ref schedule, operands, .. } = *scheduled;
    let (m, k, n) = gemm.shape;
    let once = schedule.cycles(config);
    let times_runs = |a: u64, b: u64| {
        let whole = u128::from(a).checked_mul(u128::from(b))?.checked_mul(u128::from(runs))?;
        u64::try_from(whole).ok().filter(|_| whole <= limit)
    };
    let times = |count: u64| times_runs(count, 1);
    let macs = (m * k * n) as u64;
    // The operand words of each command, with every plane once, as they are loaded into a bank.
    let loaded: u64 = schedule
        .tile_commands(0)
        .map(|command| {
            let words = schedule.words(command.k_len) as u64;
            words
                * (u64::from(schedule.planes_a) * word_bits(config, config.rows())
                    + u64::from(schedule.planes_b) * word_bits(config, config.cols()))
        })
        .sum();
    Some(Workload {
        layer: gemm.layer.clone(),
        role: gemm.role,
        operands,
        widths,
        runs,
        macs: times(macs)?,
        without_skipping: None,
        mac_passes: times_runs(macs, u64::from(schedule.passes()))?,
        cycles: Cycles {
            busy: times(once.busy)?,
            compute: times(once.compute)?,
            stall: times(once.stall)?,
            load: 0,
            blocked: 0,
        },
        drained: times_runs(schedule.captured_rows(config), config.cols() as u64)?,
        operand_bits: times_runs(once.compute, words_of_a_cycle(config))?,
        loaded_bits: times_runs(loaded, schedule.tiles() as u64)?,
        bank_words: u64::from(schedule.planes_a.max(schedule.planes_b))
            * schedule.tile_commands(0).map(|c| schedule.words(c.k_len)).max().unwrap_or(0) as u64,
        result_bits: times_runs((m * n) as u64, 32)?,
    })
}
