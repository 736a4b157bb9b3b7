//! Simulates one GEMM on several arrays (data-parallel training), with the same bits as on one
//! array. [`Shard`] defines the division among the arrays.
//!
//! If K is divided, exact sums pass from an array's sum port (`sum_data_o`) to the preload port of
//! the next array (`pre_data_i`), tile by tile, in the same order. Here, each array runs its whole
//! shard before the next one starts, so preloads are never late. In hardware, all arrays run at the
//! same time, and the sums of a tile have as long to arrive as a tile takes.

use std::ops::Range;

use flexmac_array::{ArrayConfig, Cycles, Shard};
use flexmac_engine::{IntegerGemm, Skipping};
use flexmac_fxp::{Counters, Start};
use ndarray::{Array2, s};
use rayon::prelude::*;

use crate::driver::Driver;
use crate::error::SimulationError;
use crate::model_pool::AllTiles;
use crate::rtl::scatter;
use crate::simulate::{PackedGemm, TileResults};

/// Simulates a whole GEMM. Each driver stands for one array.
pub(crate) fn simulate(
    config: &ArrayConfig,
    lowered: &IntegerGemm<'_>,
    drivers: &mut [Driver],
) -> Result<AllTiles, SimulationError> {
    let shards = lowered.schedule.shards(lowered.seed.role, drivers.len());
    match shards[0] {
        Shard::Tiles(_) => by_tiles(&PackedGemm::new(config, lowered), shards, drivers),
        Shard::Depth(_) => by_depth(config, lowered, &shards, drivers),
    }
}

/// Arrays that compute different tiles, independently of each other.
fn by_tiles(
    packed: &PackedGemm<'_, '_>,
    shards: Vec<Shard>,
    drivers: &mut [Driver],
) -> Result<AllTiles, SimulationError> {
    let results: Vec<_> = drivers
        .par_iter_mut()
        .zip(shards)
        .with_max_len(1)
        .map(|(driver, shard)| {
            let Shard::Tiles(tiles) = shard else { unreachable!("all shards are of one kind") };
            let results = packed.simulate(driver, &tiles)?;
            Ok((tiles, results))
        })
        .collect();
    let parts: Vec<_> = results.into_iter().collect::<Result<_, SimulationError>>()?;
    let mut counters = Counters::default();
    parts.iter().for_each(|(_, results): &(_, TileResults)| counters.merge(&results.counters));
    let cycles = slowest(parts.iter().map(|(_, results)| results.cycles));
    Ok(AllTiles { parts, counters, cycles })
}

/// Arrays that compute parts of K and pass on their sums. Results and counters are those of the
/// last one.
fn by_depth(
    config: &ArrayConfig,
    lowered: &IntegerGemm<'_>,
    shards: &[Shard],
    drivers: &mut [Driver],
) -> Result<AllTiles, SimulationError> {
    let schedule = lowered.schedule;
    let tiles: Vec<_> = (0..schedule.tiles()).collect();
    let mut carried: Option<Array2<i128>> = None;
    let mut cycles = Vec::with_capacity(shards.len());
    let mut last = None;
    for (index, (shard, driver)) in shards.iter().zip(drivers).enumerate() {
        let Shard::Depth(range) = shard else { unreachable!("all shards are of one kind") };
        let is_last = index + 1 == shards.len();
        let skipping = lowered.skipping.map(|all| Skipping::from(all.plans()[index].clone()));
        let own = IntegerGemm {
            keep_sums: lowered.keep_sums || !is_last,
            ..part(lowered, range, (carried.as_ref(), skipping.as_ref()))
        };
        let results = PackedGemm::new(config, &own).simulate(driver, &tiles)?;
        cycles.push(results.cycles);
        if is_last {
            last = Some(results);
        } else {
            let mut sums = Array2::zeros((schedule.m, schedule.n));
            scatter(&schedule, &tiles, &results.sums, &mut sums);
            carried = Some(sums);
        }
    }
    let results = last.expect("there is a last array");
    let (counters, cycles) = (results.counters, slowest(cycles));
    Ok(AllTiles { parts: vec![(tiles, results)], counters, cycles })
}

/// The GEMM over a part of K. The first part has the bias; all others start from the sums carried
/// over.
fn part<'s>(
    lowered: &'s IntegerGemm<'_>,
    range: &Range<usize>,
    (carried, skipping): (Option<&'s Array2<i128>>, Option<&'s Skipping>),
) -> IntegerGemm<'s> {
    let first = lowered.bias.as_ref().filter(|_| range.start == 0);
    IntegerGemm {
        a: lowered.a.slice(s![.., range.clone()]),
        b: lowered.b.slice(s![range.clone(), ..]),
        bias: first.map(|start| Start { values: start.values.view(), shift: start.shift }),
        carried,
        schedule: lowered.schedule.over(range.len()),
        skipping,
        ..*lowered
    }
}

/// The cycles of the slowest array.
fn slowest(cycles: impl IntoIterator<Item = Cycles>) -> Cycles {
    cycles.into_iter().max_by_key(|cycles| cycles.busy).expect("there is an array")
}
