//! One product on several models: contiguous ranges of tiles, put together to what one model gives.
//!
//! Results and counters of a tile depend on nothing but the tile. Its cycles depend on the tile
//! before as well, whose rows still drain while this one computes, and on nothing older. So every
//! part but the first begins with a stand-in for the tile before it: a tile of zeros with as many
//! live rows. It is then run once more, alone, and what the core counted for it is taken off:
//!
//! cycles of the product = cycles of the first part
//!     + the others' sum of (cycles of stand-in and part - cycles of the stand-in alone)
//!
//! Both terms of a difference end with the latency that no schedule hides, so one of them is left
//! in the sum, as on one model. All numbers in it are the RTL's own counters: the closed form of
//! the cycle model is not used here, and a checked run compares the sum with it. The alternative,
//! parts run by themselves and their seams calculated, would report calculated stalls as counted
//! ones.

use flexmac_array::{Cycles, partition};
use flexmac_fxp::Counters;
use rayon::prelude::*;

use crate::driver::Driver;
use crate::error::SimulationError;
use crate::run::{PackedGemm, TileResults};

/// All tiles of a product, and what they took.
pub(crate) struct Whole {
    /// Tiles and results of each part, in the order of tiles.
    pub parts: Vec<(Vec<usize>, TileResults)>,
    /// As one array counts them.
    pub counters: Counters,
    /// As one array counts them; of several (group.rs), those of the slowest.
    pub cycles: Cycles,
}

/// Runs a whole product, on as many of the models as there are tiles for.
pub(crate) fn whole(
    packed: &PackedGemm<'_, '_>,
    drivers: &mut [Driver],
) -> Result<Whole, SimulationError> {
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
            // Zeros count as emitted and as nothing else.
            emitted: results.counters.emitted.wrapping_sub(alone.counters.emitted),
            ..results.counters
        };
        let cycles = difference(&results.cycles, &alone.cycles);
        Ok((results, counters, cycles))
    })?;
    let mut total = Whole {
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

/// Calls `run` with each model and its part of `tiles`, at the same time; of several errors the one
/// of the first part counts. Returns the parts in order.
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

/// A faulty core may count less for more work: such numbers wrap, and are seen to be wrong.
fn difference(more: &Cycles, less: &Cycles) -> Cycles {
    Cycles {
        busy: more.busy.wrapping_sub(less.busy),
        compute: more.compute.wrapping_sub(less.compute),
        stall: more.stall.wrapping_sub(less.stall),
        load: more.load.wrapping_sub(less.load),
        blocked: more.blocked.wrapping_sub(less.blocked),
    }
}
