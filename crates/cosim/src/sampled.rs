//! Checks a sample of a GEMM's tiles: the reference computes all tiles, the RTL only the sampled
//! ones.
//!
//! A sampled tile gets the same operands, preloads and seeds as in the whole GEMM, so its results
//! must equal the reference's. For the sampled tiles, exact sums and counters are computed again
//! here, one dot product and one rounding at a time, because the reference has them for the whole
//! GEMM only. The cycles of the sampled tiles, run one after the other on a model, must equal those
//! of the cycle model.

use flexmac_array::{ArrayConfig, Cycles, Schedule};
use flexmac_engine::{
    Difference, Engine, EngineError, Gemm, GemmResult, IntegerGemm, ReferenceEngine, Sample,
};
use flexmac_fxp::{Counters, Lfsr};
use ndarray::Array2;
use rayon::prelude::*;

use crate::checked::compare_counts;
use crate::error::SimulationError;
use crate::raw_floats::RawFloats;
use crate::rtl::{RtlEngine, SimulatedTiles};

/// The reference's result, or the first difference between it and the RTL.
type Checked<T> = Result<GemmResult<T>, Difference>;

/// Computes a GEMM of integers and checks a sample of its tiles.
pub(crate) fn gemm(
    rtl: &mut RtlEngine,
    reference: &ReferenceEngine,
    sample: Sample,
    lowered: &IntegerGemm<'_>,
) -> Result<Checked<i32>, EngineError> {
    let config = rtl.config().clone();
    let drawn = sample.of(lowered.seed, lowered.schedule.tiles());
    // Compare the sums too: they show errors that rounding hides.
    let with_sums = IntegerGemm { keep_sums: true, ..*lowered };
    let (expected, found) =
        rayon::join(|| reference.integer_gemm(lowered), || rtl.tiles(&with_sums, &drawn));
    let mut expected = expected?;
    expected.stats.tiles_checked = drawn.len() as u64;
    let found = match found {
        Err(error @ SimulationError::Hang { .. }) => {
            return Ok(Err(Difference::Hang(error.to_string())));
        }
        found => found?,
    };
    Ok(match compare(&config, lowered, &expected.values, &found) {
        None => Ok(expected),
        Some(difference) => Err(difference),
    })
}

/// The first difference between tiles that the RTL computed, with their sums, and the reference's
/// results.
pub(crate) fn compare(
    config: &ArrayConfig,
    lowered: &IntegerGemm<'_>,
    expected: &Array2<i32>,
    found: &[SimulatedTiles],
) -> Option<Difference> {
    let schedule = &lowered.schedule;
    let mut wrong =
        results(schedule, found).filter(|result| expected[result.at] != result.raw).peekable();
    if let Some(Found { at, raw, tile, .. }) = wrong.peek().copied() {
        return Some(Difference::Value {
            at,
            tile,
            expected: expected[at],
            found: raw,
            format: lowered.out,
            sum: exact_sum(lowered, at),
            sum_frac: lowered.sum_frac,
            count: wrong.count(),
        });
    }
    let expected_parts: Vec<_> =
        found.par_iter().map(|part| expected_results(config, lowered, &part.tiles)).collect();
    for (part, (sums, counters)) in found.iter().zip(expected_parts) {
        let results = results(schedule, std::slice::from_ref(part));
        let pairs = sums.into_iter().zip(&part.results.sums);
        for (Found { at, .. }, (expected, found)) in results.zip(pairs) {
            if expected != *found {
                return Some(Difference::Sum { at, expected, found: *found });
            }
        }
        let cycles = lowered.cycles_of_tiles(config, part.tiles.iter().copied());
        if let Some(difference) = compare_part(part, (counters, cycles)) {
            return Some(difference);
        }
    }
    None
}

/// Computes a GEMM of floats and checks a sample of its tiles.
pub(crate) fn gemm_floats(
    rtl: &mut RtlEngine,
    reference: &mut ReferenceEngine,
    sample: Sample,
    (schedule, gemm): (Schedule, &Gemm<'_, f32>),
) -> Result<Checked<f32>, EngineError> {
    let config = rtl.config().clone();
    let drawn = sample.of(gemm.seed, schedule.tiles());
    let raw = RawFloats::new(gemm);
    let (expected, found) =
        rayon::join(|| reference.gemm(gemm), || rtl.tiles(&raw.lowered(schedule), &drawn));
    let mut expected = expected?;
    expected.stats.tiles_checked = drawn.len() as u64;
    let found = match found {
        Err(error @ SimulationError::Hang { .. }) => {
            return Ok(Err(Difference::Hang(error.to_string())));
        }
        found => found?,
    };
    Ok(match compare_floats(&config, &schedule, &expected.values, &found) {
        None => Ok(expected),
        Some(difference) => Err(difference),
    })
}

/// Like [`compare`], of floats.
pub(crate) fn compare_floats(
    config: &ArrayConfig,
    schedule: &Schedule,
    expected: &Array2<f32>,
    found: &[SimulatedTiles],
) -> Option<Difference> {
    // Compare all 32 bits, including the sign of a zero.
    let bits = |at| expected[at].to_bits() as i32;
    let mut wrong =
        results(schedule, found).filter(|result| bits(result.at) != result.raw).peekable();
    if let Some(Found { at, raw, tile, .. }) = wrong.peek().copied() {
        let (expected, found) = (expected[at], f32::from_bits(raw as u32));
        return Some(Difference::Float { at, tile, expected, found, count: wrong.count() });
    }
    found.iter().find_map(|part| {
        let mut counters = Counters::default();
        for Found { at, .. } in results(schedule, std::slice::from_ref(part)) {
            counters.emitted += 1;
            counters.overflow_low += u64::from(expected[at] == f32::NEG_INFINITY);
            counters.overflow_high += u64::from(expected[at] == f32::INFINITY);
        }
        let cycles = schedule.cycles_of_tiles(config, part.tiles.iter().copied());
        compare_part(part, (counters, cycles))
    })
}

/// One result that the RTL computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Row and column in the result, A B.
    pub at: (usize, usize),
    /// Tile, and row and column within it.
    pub tile: (u64, usize, usize),
    pub raw: i32,
}

/// The results of some parts, in their order.
pub(crate) fn results<'a>(
    schedule: &'a Schedule,
    parts: &'a [SimulatedTiles],
) -> impl Iterator<Item = Found> + 'a {
    parts.iter().flat_map(move |part| {
        let positions = part.tiles.iter().flat_map(move |tile| positions(schedule, *tile));
        positions.zip(&part.results.values).map(move |(position, raw)| {
            let (row, col) = position.0;
            let at = if schedule.transposed { (col, row) } else { (row, col) };
            Found { at, tile: position.1, raw: *raw }
        })
    })
}

/// For each result of a tile: row and column in the layout of the array; tile number, row and
/// column within the tile.
pub(crate) fn positions(
    schedule: &Schedule,
    tile: usize,
) -> impl Iterator<Item = ((usize, usize), (u64, usize, usize))> + use<> {
    let tile = schedule.tile_commands(tile).next().expect("a tile has a command");
    (0..tile.rows_live).flat_map(move |row| {
        (0..tile.cols_live)
            .map(move |col| ((tile.row + row, tile.col + col), (tile.tile, row, col)))
    })
}

/// The exact sums and the counters of some tiles, computed one result at a time.
pub(crate) fn expected_results(
    config: &ArrayConfig,
    lowered: &IntegerGemm<'_>,
    tiles: &[usize],
) -> (Vec<i128>, Counters) {
    let (mut sums, mut counters) = (Vec::new(), Counters::default());
    let mut streams = vec![Lfsr::new(1); config.cols()];
    for tile in tiles {
        for (column, stream) in streams.iter_mut().enumerate() {
            *stream = Lfsr::new(lowered.seed.column_seed(*tile as u64, column as u64));
        }
        for ((row, line), (_, _, column)) in positions(&lowered.schedule, *tile) {
            let at = if lowered.schedule.transposed { (line, row) } else { (row, line) };
            let sum = exact_sum(lowered, at);
            counters.record(&lowered.requantizer.apply(sum, streams[column].word()));
            streams[column].step();
            sums.push(sum);
        }
    }
    (sums, counters)
}

/// The exact sum at (row, column) of A B, bias included.
fn exact_sum(lowered: &IntegerGemm<'_>, (row, column): (usize, usize)) -> i128 {
    let pairs = lowered.a.row(row).into_iter().zip(lowered.b.column(column));
    // A product of 32 x 32 bits fits 64 bits.
    let products = pairs.map(|(a, b)| i128::from(i64::from(*a) * i64::from(*b)));
    products.sum::<i128>() + lowered.bias_at(row, column)
}

/// Compares the counters and cycles of a part with those of the reference and the cycle model.
fn compare_part(part: &SimulatedTiles, expected: (Counters, Cycles)) -> Option<Difference> {
    compare_counts(expected, (part.results.counters, part.results.cycles))
}
