//! One product on several arrays, images dealt out among them: data-parallel training, to the bits of
//! one array. Who does what is rtlgen's to say (`rtlgen/src/group.rs`).
//!
//! Exact sums go from one array to the next by its observer port (`sum_data_o`) and the next one's
//! preloads (`pre_data_i`), tile by tile in the same order. Here an array plays its whole share before
//! the next one starts, and preloads are ready when asked for; in hardware all run at once, and a tile's
//! sums have the time of a tile to arrive.

use std::ops::Range;

use fxp::{Counters, Start};
use ndarray::{Array2, s};
use rayon::prelude::*;
use rtlgen::{Config, Cycles, Share};

use crate::driver::Driver;
use crate::engine::Product;
use crate::error::EngineError;
use crate::lower::Lowered;
use crate::rtl::scatter;
use crate::run::{Job, Played};
use crate::split::Whole;

/// Runs a whole product, each of the drivers being an array.
pub(crate) fn whole(
    config: &Config,
    lowered: &Lowered<'_>,
    product: &Product<'_, i32>,
    drivers: &mut [Driver],
) -> Result<Whole, EngineError> {
    let shares = lowered.schedule.shares(product.seed.role, drivers.len());
    match shares[0] {
        Share::Tiles(_) => by_tiles(&Job::new(config, lowered, product), shares, drivers),
        Share::Depth(_) => by_depth(config, lowered, product, &shares, drivers),
    }
}

/// Arrays that have nothing to say to each other.
fn by_tiles(
    job: &Job<'_, '_>,
    shares: Vec<Share>,
    drivers: &mut [Driver],
) -> Result<Whole, EngineError> {
    let results: Vec<_> = drivers
        .par_iter_mut()
        .zip(shares)
        .with_max_len(1)
        .map(|(driver, share)| {
            let Share::Tiles(tiles) = share else { unreachable!("all shares are of a kind") };
            let played = job.play(driver, &tiles)?;
            Ok((tiles, played))
        })
        .collect();
    let parts: Vec<_> = results.into_iter().collect::<Result<_, EngineError>>()?;
    let mut counters = Counters::default();
    parts.iter().for_each(|(_, played): &(_, Played)| counters.merge(&played.counters));
    let cycles = slowest(parts.iter().map(|(_, played)| played.cycles));
    Ok(Whole { parts, counters, cycles })
}

/// Arrays that hand their sums on; the last one's results and counters count.
fn by_depth(
    config: &Config,
    lowered: &Lowered<'_>,
    product: &Product<'_, i32>,
    shares: &[Share],
    drivers: &mut [Driver],
) -> Result<Whole, EngineError> {
    let schedule = lowered.schedule;
    let tiles: Vec<_> = (0..schedule.tiles()).collect();
    let mut carried: Option<Array2<i128>> = None;
    let mut cycles = Vec::with_capacity(shares.len());
    let mut last = None;
    for (index, (share, driver)) in shares.iter().zip(drivers).enumerate() {
        let Share::Depth(range) = share else { unreachable!("all shares are of a kind") };
        let own = part(lowered, range, carried.as_ref());
        let is_last = index + 1 == shares.len();
        let asked = Product { keep_sums: product.keep_sums || !is_last, ..*product };
        let played = Job::new(config, &own, &asked).play(driver, &tiles)?;
        cycles.push(played.cycles);
        if is_last {
            last = Some(played);
        } else {
            let mut sums = Array2::zeros((schedule.m, schedule.n));
            scatter(&schedule, &tiles, &played.sums, &mut sums);
            carried = Some(sums);
        }
    }
    let played = last.expect("there is a last array");
    let (counters, cycles) = (played.counters, slowest(cycles));
    Ok(Whole { parts: vec![(tiles, played)], counters, cycles })
}

/// A part of K; what it is carried takes the place of the product's bias, which the first part has.
fn part<'s>(
    lowered: &'s Lowered<'_>,
    range: &Range<usize>,
    carried: Option<&'s Array2<i128>>,
) -> Lowered<'s> {
    let first = lowered.bias.as_ref().filter(|_| range.start == 0);
    Lowered {
        a: lowered.a.slice(s![.., range.clone()]),
        b: lowered.b.slice(s![range.clone(), ..]),
        bits_a: lowered.bits_a,
        bits_b: lowered.bits_b,
        bias: first.map(|start| Start { values: start.values.view(), shift: start.shift }),
        carried,
        requantizer: lowered.requantizer,
        schedule: lowered.schedule.over(range.len()),
    }
}

/// The cycles of the array that takes longest.
fn slowest(cycles: impl IntoIterator<Item = Cycles>) -> Cycles {
    cycles.into_iter().max_by_key(|cycles| cycles.busy).expect("there is an array")
}
