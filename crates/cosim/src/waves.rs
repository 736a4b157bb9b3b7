//! On a mismatch: the tile that differs once more, alone, with waves of its cycles.
//!
//! A good run pays nothing: the model with waves is built when there is something to show. The tile
//! gets the operands, preloads and seeds that it has in the whole product. What differs alone is
//! what is looked at; where nothing does, the fault hangs on what went before, and the tile runs
//! after the one that came before it. The alternative, waves of the whole product, is there as
//! `flexmac gemm --trace` and is thousands of tiles long.

use std::fs;
use std::path::{Path, PathBuf};

use flexmac_array::ArrayConfig;
use flexmac_engine::{Difference, IntegerGemm, Reproduction, WaveDump};
use flexmac_rtlgen::SourceFile;

use crate::driver::{Build, Driver};
use crate::error::SimulationError;
use crate::rtl::{RtlEngine, Tiles};
use crate::run::PackedGemm;
use crate::sampled::results;

/// What it takes to show a tile.
#[derive(Debug, Clone)]
pub struct Waves {
    /// The design, as it is simulated.
    pub sources: Vec<SourceFile>,
    /// Where the waves go: VCD if its name ends so, else FST.
    pub file: PathBuf,
    /// Called before the model with waves is built, which may take minutes.
    pub announce: fn(&ArrayConfig, &Path),
}

/// A product that differs.
pub(crate) struct Case<'r, 'd> {
    /// Of integers, or of floats as the integers of their bits.
    pub lowered: &'r IntegerGemm<'d>,
    /// The tiles that ran, in their order.
    pub tiles: &'r [usize],
    /// Finds the first difference in what the RTL made of some tiles.
    pub compare: &'r dyn Fn(&Tiles) -> Option<Difference>,
}

impl Waves {
    /// Shows the tile of `difference`.
    ///
    /// # Errors
    /// A model that cannot be built or loaded, a file that cannot be written.
    pub(crate) fn show(
        &self,
        rtl: &RtlEngine,
        case: &Case<'_, '_>,
        difference: &Difference,
    ) -> Result<WaveDump, SimulationError> {
        let packed = PackedGemm::new(rtl.config(), case.lowered);
        let before = |tile| {
            let place = case.tiles.iter().position(|ran| *ran == tile)?;
            Some(case.tiles[place.checked_sub(1)?])
        };
        let Some(tile) = failing_tile(rtl, &packed, case, difference, before)? else {
            return Ok(WaveDump::NoTile);
        };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(self.failure("create the folder of"))?;
        (self.announce)(rtl.config(), &self.file);
        let mut after = None;
        let mut again = self.record(rtl.config(), &packed, case, (&[tile], difference))?;
        if let (None, Some(before)) = (&again, before(tile)) {
            after = Some(before as u64);
            again = self.record(rtl.config(), &packed, case, (&[before, tile], difference))?;
        }
        Ok(WaveDump::Waves { file: self.file.clone(), tile: tile as u64, after, again })
    }

    /// Runs tiles on a model of its own, with waves.
    fn record(
        &self,
        config: &ArrayConfig,
        packed: &PackedGemm<'_, '_>,
        case: &Case<'_, '_>,
        tiles: (&[usize], &Difference),
    ) -> Result<Option<Reproduction>, SimulationError> {
        let extension = self.file.extension().unwrap_or_default().to_string_lossy();
        let staged = self.file.with_extension(format!("part.{extension}"));
        let mut driver = Driver::new(config, &self.sources, Build::Rtl(Some(&staged)))?;
        let again = run(packed, case, &mut driver, tiles)?;
        driver.close_waves()?;
        fs::rename(&staged, &self.file).map_err(self.failure("move waves to"))?;
        Ok(again)
    }

    fn failure(&self, action: &'static str) -> impl Fn(std::io::Error) -> SimulationError {
        move |source| SimulationError::Waves { action, path: self.file.clone(), source }
    }
}

/// The tile to look at: that of the first result or sum that differs; where only counts do or
/// nothing came, the first that differs alone, or else after the one before it.
fn failing_tile(
    rtl: &RtlEngine,
    packed: &PackedGemm<'_, '_>,
    case: &Case<'_, '_>,
    difference: &Difference,
    before: impl Fn(usize) -> Option<usize>,
) -> Result<Option<usize>, SimulationError> {
    match difference {
        Difference::Value { at, .. }
        | Difference::Float { at, .. }
        | Difference::Sum { at, .. } => {
            // A product in memory has at most as many tiles as elements.
            return Ok(Some(case.lowered.schedule.position(*at).tile as usize));
        }
        Difference::Hang(_) | Difference::Counters { .. } | Difference::Cycles { .. } => {}
    }
    for with_before in [false, true] {
        for tile in case.tiles {
            let tiles = match (with_before, before(*tile)) {
                (false, _) => vec![*tile],
                (true, Some(before)) => vec![before, *tile],
                (true, None) => continue,
            };
            if run(packed, case, &mut rtl.fresh()?, (&tiles, difference))?.is_some() {
                return Ok(Some(*tile));
            }
        }
    }
    Ok(None)
}

/// Runs tiles on a fresh model and looks for a difference: if it is there again, `first`.
fn run(
    packed: &PackedGemm<'_, '_>,
    case: &Case<'_, '_>,
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
        results => Tiles { tiles: tiles.to_vec(), results: results? },
    };
    let Some(difference) = (case.compare)(&part) else { return Ok(None) };
    let repeated = wrong(case, &part, first).is_some_and(|wrong| wrong.repeated);
    let difference = if repeated { first.clone() } else { difference };
    let time = wrong(case, &part, &difference).and_then(|wrong| wrong.time);
    Ok(Some(Reproduction { difference, time }))
}

/// A result or sum among those of some tiles.
struct Wrong {
    /// Whether it is what a difference says was found.
    repeated: bool,
    /// When it is on the pins; none without waves.
    time: Option<u64>,
}

/// The result or sum that differs, if one does, and is of these tiles.
fn wrong(case: &Case<'_, '_>, part: &Tiles, difference: &Difference) -> Option<Wrong> {
    let Tiles { results: found_results, .. } = part;
    let (at, times) = match difference {
        Difference::Value { at, .. } | Difference::Float { at, .. } => {
            (at, &found_results.value_times)
        }
        Difference::Sum { at, .. } => (at, &found_results.sum_times),
        Difference::Hang(_) | Difference::Counters { .. } | Difference::Cycles { .. } => {
            return None;
        }
    };
    let mut places = results(&case.lowered.schedule, std::slice::from_ref(part));
    let place = places.position(|result| result.at == *at)?;
    let repeated = match difference {
        Difference::Value { found, .. } => found_results.values[place] == *found,
        // The same 32 bits.
        Difference::Float { found, .. } => found_results.values[place] as u32 == found.to_bits(),
        Difference::Sum { found, .. } => found_results.sums[place] == *found,
        _ => false,
    };
    Some(Wrong { repeated, time: times.get(place).copied() })
}
