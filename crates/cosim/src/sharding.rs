//! One product on several arrays, images dealt out among them: data-parallel training, to the bits of
//! one array. Who does what is rtlgen's to say (`rtlgen/src/group.rs`).
//!
//! Exact sums go from one array to the next by its observer port (`sum_data_o`) and the next one's
//! preloads (`pre_data_i`), tile by tile in the same order. Here an array plays its whole share before
//! the next one starts, and preloads are ready when asked for; in hardware all run at once, and a tile's
//! sums have the time of a tile to arrive.

use std::ops::Range;

use flexmac_array::{ArrayConfig, Cycles, Shard};
use flexmac_engine::IntegerGemm;
use flexmac_fxp::{Counters, Start};
use ndarray::{Array2, s};
use rayon::prelude::*;

use crate::driver::Driver;
use crate::error::SimulationError;
use crate::rtl::scatter;
use crate::run::{PackedGemm, TileResults};
use crate::split::Whole;

/// Runs a whole product, each of the drivers being an array.
pub(crate) fn whole(
    config: &ArrayConfig,
    lowered: &IntegerGemm<'_>,
    drivers: &mut [Driver],
) -> Result<Whole, SimulationError> {
    let shards = lowered.schedule.shards(lowered.seed.role, drivers.len());
    match shards[0] {
        Shard::Tiles(_) => by_tiles(&PackedGemm::new(config, lowered), shards, drivers),
        Shard::Depth(_) => by_depth(config, lowered, &shards, drivers),
    }
}

/// Arrays that have nothing to say to each other.
fn by_tiles(
    packed: &PackedGemm<'_, '_>,
    shards: Vec<Shard>,
    drivers: &mut [Driver],
) -> Result<Whole, SimulationError> {
    let results: Vec<_> = drivers
        .par_iter_mut()
        .zip(shards)
        .with_max_len(1)
        .map(|(driver, shard)| {
            let Shard::Tiles(tiles) = shard else { unreachable!("all shards are of a kind") };
            let results = packed.simulate(driver, &tiles)?;
            Ok((tiles, results))
        })
        .collect();
    let parts: Vec<_> = results.into_iter().collect::<Result<_, SimulationError>>()?;
    let mut counters = Counters::default();
    parts.iter().for_each(|(_, results): &(_, TileResults)| counters.merge(&results.counters));
    let cycles = slowest(parts.iter().map(|(_, results)| results.cycles));
    Ok(Whole { parts, counters, cycles })
}

/// Arrays that hand their sums on; the last one's results and counters count.
fn by_depth(
    config: &ArrayConfig,
    lowered: &IntegerGemm<'_>,
    shards: &[Shard],
    drivers: &mut [Driver],
) -> Result<Whole, SimulationError> {
    let schedule = lowered.schedule;
    let tiles: Vec<_> = (0..schedule.tiles()).collect();
    let mut carried: Option<Array2<i128>> = None;
    let mut cycles = Vec::with_capacity(shards.len());
    let mut last = None;
    for (index, (shard, driver)) in shards.iter().zip(drivers).enumerate() {
        let Shard::Depth(range) = shard else { unreachable!("all shards are of a kind") };
        let is_last = index + 1 == shards.len();
        let own = IntegerGemm {
            keep_sums: lowered.keep_sums || !is_last,
            ..part(lowered, range, carried.as_ref())
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
    Ok(Whole { parts: vec![(tiles, results)], counters, cycles })
}

/// A part of K; what it is carried takes the place of the product's bias, which the first part has.
fn part<'s>(
    lowered: &'s IntegerGemm<'_>,
    range: &Range<usize>,
    carried: Option<&'s Array2<i128>>,
) -> IntegerGemm<'s> {
    let first = lowered.bias.as_ref().filter(|_| range.start == 0);
    IntegerGemm {
        a: lowered.a.slice(s![.., range.clone()]),
        b: lowered.b.slice(s![range.clone(), ..]),
        bias: first.map(|start| Start { values: start.values.view(), shift: start.shift }),
        carried,
        schedule: lowered.schedule.over(range.len()),
        ..*lowered
    }
}

/// The cycles of the array that takes longest.
fn slowest(cycles: impl IntoIterator<Item = Cycles>) -> Cycles {
    cycles.into_iter().max_by_key(|cycles| cycles.busy).expect("there is an array")
}
