//! On a mismatch: runs the failing tile again, alone, and records waves.
//!
//! A run without a mismatch pays nothing: the model with waves is built only when it is needed. The
//! tile gets the same operands, preloads and seeds as in the whole GEMM. If it does not differ when
//! run alone, the fault depends on earlier tiles, and the tile is run after its predecessor. Waves
//! of the whole GEMM are possible too ([`RtlEngine::new`] with a trace file), but may be thousands
//! of tiles long.

use std::fs;
use std::path::{Path, PathBuf};

use flexmac_array::ArrayConfig;
use flexmac_engine::{Difference, IntegerGemm, Reproduction, WaveDump};
use flexmac_rtlgen::SourceFile;

use crate::driver::{Build, Driver};
use crate::error::SimulationError;
use crate::rtl::{RtlEngine, SimulatedTiles};
use crate::sampled::results;
use crate::simulate::PackedGemm;

/// How to record waves of a failing tile.
#[derive(Debug, Clone)]
pub struct Waves {
    /// The Verilog of the design.
    pub sources: Vec<SourceFile>,
    /// The wave file: VCD if its name ends in `.vcd`, else FST.
    pub file: PathBuf,
    /// Called before the model with waves is built, which may take minutes.
    pub announce: fn(&ArrayConfig, &Path),
}

/// A GEMM on which RTL and reference differ.
pub(crate) struct FailingGemm<'r, 'd> {
    /// The GEMM, of integers or of floats as the integers of their bits.
    pub lowered: &'r IntegerGemm<'d>,
    /// The tiles that were simulated when the difference was found, in order.
    pub tiles: &'r [usize],
    /// Finds the first difference in tiles that the RTL computed.
    pub compare: &'r dyn Fn(&SimulatedTiles) -> Option<Difference>,
}

impl Waves {
    /// Records waves of the tile in which `difference` occurred.
    ///
    /// # Errors
    /// The model cannot be built or loaded, or the file cannot be written.
    pub(crate) fn record(
        &self,
        rtl: &RtlEngine,
        failing: &FailingGemm<'_, '_>,
        difference: &Difference,
    ) -> Result<WaveDump, SimulationError> {
        let packed = PackedGemm::new(rtl.config(), failing.lowered);
        let before = |tile| {
            let index = failing.tiles.iter().position(|ran| *ran == tile)?;
            Some(failing.tiles[index.checked_sub(1)?])
        };
        let Some(tile) = failing_tile(rtl, &packed, failing, difference, before)? else {
            return Ok(WaveDump::NoTile);
        };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(self.failure("create the folder of"))?;
        (self.announce)(rtl.config(), &self.file);
        let mut after = None;
        let mut reproduction =
            self.record_tiles(rtl.config(), &packed, failing, (&[tile], difference))?;
        if let (None, Some(before)) = (&reproduction, before(tile)) {
            after = Some(before as u64);
            let tiles = [before, tile];
            reproduction =
                self.record_tiles(rtl.config(), &packed, failing, (&tiles, difference))?;
        }
        Ok(WaveDump::Waves { file: self.file.clone(), tile: tile as u64, after, reproduction })
    }

    /// Runs tiles on a new model with waves. Returns the difference that occurs again, if any.
    fn record_tiles(
        &self,
        config: &ArrayConfig,
        packed: &PackedGemm<'_, '_>,
        failing: &FailingGemm<'_, '_>,
        tiles: (&[usize], &Difference),
    ) -> Result<Option<Reproduction>, SimulationError> {
        let extension = self.file.extension().unwrap_or_default().to_string_lossy();
        let staged = self.file.with_extension(format!("part.{extension}"));
        let mut driver = Driver::new(config, &self.sources, Build::Written(Some(&staged)))?;
        let reproduction = reproduce(packed, failing, &mut driver, tiles)?;
        driver.close_waves()?;
        fs::rename(&staged, &self.file).map_err(self.failure("move waves to"))?;
        Ok(reproduction)
    }

    fn failure(&self, action: &'static str) -> impl Fn(std::io::Error) -> SimulationError {
        move |source| SimulationError::Waves { action, path: self.file.clone(), source }
    }
}

/// The tile to record. If a result or sum differs, this is its tile. If only counts differ, or the
/// model hung, it is the first tile that differs when run alone, or else after its predecessor.
fn failing_tile(
    rtl: &RtlEngine,
    packed: &PackedGemm<'_, '_>,
    failing: &FailingGemm<'_, '_>,
    difference: &Difference,
    before: impl Fn(usize) -> Option<usize>,
) -> Result<Option<usize>, SimulationError> {
    match difference {
        Difference::Value { at, .. }
        | Difference::Float { at, .. }
        | Difference::Sum { at, .. } => {
            // Cannot truncate: there are at most as many tiles as elements in memory.
            return Ok(Some(failing.lowered.schedule.position(*at).tile as usize));
        }
        Difference::Hang(_) | Difference::Counters { .. } | Difference::Cycles { .. } => {}
    }
    for with_before in [false, true] {
        for tile in failing.tiles {
            let tiles = match (with_before, before(*tile)) {
                (false, _) => vec![*tile],
                (true, Some(before)) => vec![before, *tile],
                (true, None) => continue,
            };
            if reproduce(packed, failing, &mut rtl.fresh()?, (&tiles, difference))?.is_some() {
                return Ok(Some(*tile));
            }
        }
    }
    Ok(None)
}

/// Runs tiles on a fresh model and returns the difference found: `first`, the original one, if it
/// occurs again.
fn reproduce(
    packed: &PackedGemm<'_, '_>,
    failing: &FailingGemm<'_, '_>,
    driver: &mut Driver,
    (tiles, first): (&[usize], &Difference),
) -> Result<Option<Reproduction>, SimulationError> {
    let part = match packed.simulate(driver, tiles) {
        Err(error @ SimulationError::Hang { .. }) => {
            return Ok(Some(Reproduction {
                difference: Difference::Hang(error.to_string()),
                time: None,
            }));
        }
        results => SimulatedTiles { tiles: tiles.to_vec(), results: results? },
    };
    let Some(difference) = (failing.compare)(&part) else { return Ok(None) };
    let repeated = locate(failing, &part, first).is_some_and(|found| found.repeated);
    let difference = if repeated { first.clone() } else { difference };
    let time = locate(failing, &part, &difference).and_then(|found| found.time);
    Ok(Some(Reproduction { difference, time }))
}

/// The wrong result or sum of a difference, among those of some tiles.
struct Located {
    /// Whether the wrong value is the same as in the difference.
    repeated: bool,
    /// The time at which it is on the pins; none without waves.
    time: Option<u64>,
}

/// Finds the result or sum named in `difference`, if it belongs to these tiles.
fn locate(
    failing: &FailingGemm<'_, '_>,
    part: &SimulatedTiles,
    difference: &Difference,
) -> Option<Located> {
    let SimulatedTiles { results: found_results, .. } = part;
    let (at, times) = match difference {
        Difference::Value { at, .. } | Difference::Float { at, .. } => {
            (at, &found_results.value_times)
        }
        Difference::Sum { at, .. } => (at, &found_results.sum_times),
        Difference::Hang(_) | Difference::Counters { .. } | Difference::Cycles { .. } => {
            return None;
        }
    };
    let mut results = results(&failing.lowered.schedule, std::slice::from_ref(part));
    let index = results.position(|result| result.at == *at)?;
    let repeated = match difference {
        Difference::Value { found, .. } => found_results.values[index] == *found,
        // Reinterprets the same 32 bits.
        Difference::Float { found, .. } => found_results.values[index] as u32 == found.to_bits(),
        Difference::Sum { found, .. } => found_results.sums[index] == *found,
        _ => false,
    };
    Some(Located { repeated, time: times.get(index).copied() })
}
