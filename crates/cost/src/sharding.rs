//! A run on several arrays. Each GEMM is sharded: the images of a batch are partitioned among the arrays.

use flexmac_array::{ArrayConfig, Layout, Style};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::precision_profile::PrecisionProfile;
use crate::workload::{Scheduled, scheduled, too_large};

/// A run on several identical arrays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardedRun {
    /// Number of arrays.
    pub arrays: usize,
    /// Busy cycles: for each GEMM, those of the slowest array.
    pub cycles: u64,
    /// Busy cycles on one array, divided by `cycles` x `arrays`: 1 if all arrays are always busy.
    pub efficiency: f64,
    /// Bits of exact sums that arrays pass to each other.
    pub handed_on_bits: u64,
}

/// Cost of a run on `arrays` arrays of `config`. Links between the arrays are assumed never to stall.
///
/// # Errors
/// A run that does not fit the array; a float array, whose sums depend on the order of addition.
pub fn sharded(
    profile: &PrecisionProfile,
    config: &ArrayConfig,
    arrays: usize,
) -> Result<ShardedRun, Error> {
    if config.style() == Style::Fp32 {
        return Err(Error::Misfit {
            what: format!("{arrays} arrays, {}", config.summary()),
            expected: "sums of integers, exact in any order".to_owned(),
            found: "floats".to_owned(),
        });
    }
    let (mut one, mut cycles, mut handed_on_bits) = (0_u64, 0_u64, 0_u64);
    for Scheduled { gemm, runs, schedule, .. } in scheduled(profile, config, Layout::Fastest)? {
        let add = |sum: &mut u64, count: u64| {
            let sum_now = runs.checked_mul(count).and_then(|count| sum.checked_add(count));
            *sum = sum_now.ok_or_else(|| too_large(profile, gemm))?;
            Ok::<_, Error>(())
        };
        add(&mut one, schedule.cycles(config).busy)?;
        add(&mut cycles, schedule.sharded_cycles(config, gemm.role, arrays).busy)?;
        let sums = schedule.sums_handed_on(gemm.role, arrays);
        add(&mut handed_on_bits, sums.saturating_mul(config.sum_bits().into()))?;
    }
    let efficiency = one as f64 / (cycles as f64 * arrays as f64);
    Ok(ShardedRun { arrays, cycles, efficiency, handed_on_bits })
}
