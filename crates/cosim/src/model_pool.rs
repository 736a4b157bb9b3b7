//! Simulates one GEMM on several models of the same array in parallel. Each model runs a contiguous
//! range of tiles; together they give what one model gives.
//!
//! Results and counters of a tile depend on the tile alone. Its cycles also depend on the previous
//! tile, whose rows still drain while this one computes, but on no earlier tile. Therefore every
//! part except the first begins with a stand-in for the previous tile: a tile of zeros with as many
//! live rows. The stand-in is also run alone, and its counts are subtracted:
//!
//! ```text
//! cycles of the GEMM = cycles of the first part
//!     + sum over the other parts of (cycles of stand-in and part - cycles of the stand-in alone)
//! ```
//!
//! Both terms of a difference end with the same latency, so the total contains this latency once,
//! as on one model. All numbers are counters of the RTL. The cycle model is not used here; a
//! checked run compares the total with it. The alternative, to run the parts without stand-ins and
//! calculate the stalls between them, would report calculated stalls as counted ones.

use flexmac_array::{Cycles, partition};
use flexmac_fxp::Counters;
use rayon::prelude::*;

use crate::driver::Driver;
use crate::error::SimulationError;
use crate::simulate::{PackedGemm, TileResults};

/// The results, counters and cycles of all tiles of a GEMM.
pub(crate) struct AllTiles {
    /// Tiles and results of each part, in the order of tiles.
    pub parts: Vec<(Vec<usize>, TileResults)>,
    /// The counters of one array.
    pub counters: Counters,
    /// The cycles of one array, or those of the slowest of several (`sharding.rs`).
    pub cycles: Cycles,
}

/// Simulates a whole GEMM, on all models or as many as there are tiles.
pub(crate) fn simulate(
    packed: &PackedGemm<'_, '_>,
    drivers: &mut [Driver],
) -> Result<AllTiles, SimulationError> {
    let tiles: Vec<_> = (0..packed.lowered.schedule.tiles()).collect();
    let measured = on_each(drivers, &tiles, |driver, tiles| {
        let Some(before) = tiles[0].checked_sub(1) else {
            let results = packed.simulate(driver, tiles)?;
            let (counters, cycles) = (results.counters, results.cycles);
            return Ok((results, counters, cycles));
        };
        let alone = packed.simulate_after(driver, Some(before), &[])?;
        let results = packed.simulate_after(driver, Some(before), tiles)?;
        let counters = Counters {
            // Results of the stand-in are zeros, which only count as emitted.
            emitted: results.counters.emitted.wrapping_sub(alone.counters.emitted),
            ..results.counters
        };
        let cycles = difference(&results.cycles, &alone.cycles);
        Ok((results, counters, cycles))
    })?;
    let mut total = AllTiles {
        parts: Vec::with_capacity(measured.len()),
        counters: Counters::default(),
        cycles: Cycles::default(),
    };
    for (tiles, (results, counters, cycles)) in measured {
        total.counters.merge(&counters);
        total.cycles.add(&cycles);
        total.parts.push((tiles, results));
    }
    Ok(total)
}

/// Calls `run` for each model with its part of `tiles`, in parallel. Returns the parts in order, or
/// the error of the first part that failed.
pub(crate) fn on_each<T: Send>(
    drivers: &mut [Driver],
    tiles: &[usize],
    run: impl Fn(&mut Driver, &[usize]) -> Result<T, SimulationError> + Sync,
) -> Result<Vec<(Vec<usize>, T)>, SimulationError> {
    let parts = partition(tiles.len(), drivers.len()).collect::<Vec<_>>();
    let results: Vec<_> = drivers
        .par_iter_mut()
        .zip(parts)
        .with_max_len(1)
        .map(|(driver, part)| Ok((tiles[part.clone()].to_vec(), run(driver, &tiles[part])?)))
        .collect();
    results.into_iter().collect()
}

/// The difference of cycle counts. It wraps if a faulty core counted less for more work; the
/// comparison then finds the wrong number.
fn difference(more: &Cycles, less: &Cycles) -> Cycles {
    Cycles {
        busy: more.busy.wrapping_sub(less.busy),
        compute: more.compute.wrapping_sub(less.compute),
        stall: more.stall.wrapping_sub(less.stall),
        load: more.load.wrapping_sub(less.load),
        blocked: more.blocked.wrapping_sub(less.blocked),
    }
}
