//! On a mismatch: the tile that differs once more, alone, with waves of its cycles.
//!
//! A good run pays nothing: the model with waves is built when there is something to show. The tile
//! gets the operands, preloads and seeds that it has in the whole product. What differs alone is
//! what is looked at; where nothing does, the fault hangs on what went before, and the tile runs
//! after the one that came before it. The alternative, waves of the whole product, is there as
//! `flexmac gemm --trace` and is thousands of tiles long.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rtlgen::{Config, SourceFile};

use crate::driver::{Build, Driver};
use crate::engine::Product;
use crate::error::EngineError;
use crate::lower::Lowered;
use crate::mismatch::Difference;
use crate::rtl::{RtlEngine, Tiles};
use crate::run::Job;
use crate::sampled::results;

/// What it takes to show a tile.
#[derive(Debug, Clone)]
pub struct Waves {
    /// The design, as it is simulated.
    pub sources: Vec<SourceFile>,
    /// Where the waves go: VCD if its name ends so, else FST.
    pub file: PathBuf,
    /// Called before the model with waves is built, which may take minutes.
    pub announce: fn(&Config, &Path),
}

/// What came of showing a tile.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// Waves were written.
    Waves {
        /// The file.
        file: PathBuf,
        /// The tile.
        tile: u64,
        /// The tile that runs before it, where it does not differ alone.
        after: Option<u64>,
        /// What differs in them; nothing where the mismatch does not repeat.
        again: Option<Again>,
    },
    /// Counters or cycles of the product differ, those of no tile do.
    NoTile,
    /// Something failed.
    Failed(String),
}

/// A difference in the waves.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// What differs: what the report names, if that is wrong in the same way, or else the first.
    pub difference: Difference,
    /// Time in the waves, in half clock periods, at which the wrong result or sum is on the pins, to
    /// be taken at the rising edge after; none for counters, cycles and a hang.
    pub time: Option<u64>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, tile, after, again) = match self {
            Self::Waves { file, tile, after, again } => (file, tile, after, again),
            Self::NoTile => {
                return write!(f, "none: no tile differs, alone or after the one before it");
            }
            Self::Failed(why) => return write!(f, "not available: {why}"),
        };
        write!(f, "{}: tile {tile} ", file.display())?;
        match (after, again) {
            (None, Some(_)) => write!(f, "alone, which differs too: ")?,
            (Some(before), Some(_)) => {
                write!(f, "after tile {before}, for alone it does not differ: ")?;
            }
            (None, None) => write!(f, "alone, which does not differ; no tile was before it")?,
            (Some(before), None) => {
                write!(f, "after tile {before}, which does not differ, nor does it alone")?;
            }
        }
        let Some(Again { difference, time }) = again else { return Ok(()) };
        match difference {
            Difference::Hang(_) => write!(f, "it hangs")?,
            Difference::Value { at, .. } | Difference::Float { at, .. } => {
                write!(f, "C[{},{}] leaves the array", at.0, at.1)?;
            }
            Difference::Sum { at, .. } => write!(f, "the sum of C[{},{}] shows", at.0, at.1)?,
            Difference::Counters { .. } => write!(f, "its counters")?,
            Difference::Cycles { .. } => write!(f, "its cycles")?,
        }
        match time {
            None => Ok(()),
            Some(time) => write!(f, " in clock cycle {}, at time {time}", time / 2),
        }
    }
}

/// A product that differs.
pub(crate) struct Case<'r, 'd, 'p> {
    pub lowered: &'r Lowered<'d>,
    /// Of integers, or of floats as the integers of their bits.
    pub product: Product<'p, i32>,
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
        case: &Case<'_, '_, '_>,
        difference: &Difference,
    ) -> Result<Shown, EngineError> {
        let job = Job::new(rtl.config(), case.lowered, &case.product);
        let before = |tile| {
            let place = case.tiles.iter().position(|ran| *ran == tile)?;
            Some(case.tiles[place.checked_sub(1)?])
        };
        let Some(tile) = suspect(rtl, &job, case, difference, before)? else {
            return Ok(Shown::NoTile);
        };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(self.failure("create the folder of"))?;
        (self.announce)(rtl.config(), &self.file);
        let mut after = None;
        let mut again = self.record(rtl.config(), &job, case, (&[tile], difference))?;
        if let (None, Some(before)) = (&again, before(tile)) {
            after = Some(before as u64);
            again = self.record(rtl.config(), &job, case, (&[before, tile], difference))?;
        }
        Ok(Shown::Waves { file: self.file.clone(), tile: tile as u64, after, again })
    }

    /// Runs tiles on a model of its own, with waves.
    fn record(
        &self,
        config: &Config,
        job: &Job<'_, '_>,
        case: &Case<'_, '_, '_>,
        tiles: (&[usize], &Difference),
    ) -> Result<Option<Again>, EngineError> {
        let extension = self.file.extension().unwrap_or_default().to_string_lossy();
        let staged = self.file.with_extension(format!("part.{extension}"));
        let mut driver = Driver::new(config, &self.sources, Build::Rtl(Some(&staged)))?;
        let again = run(job, case, &mut driver, tiles)?;
        driver.close_waves()?;
        fs::rename(&staged, &self.file).map_err(self.failure("move waves to"))?;
        Ok(again)
    }

    fn failure(&self, action: &'static str) -> impl Fn(std::io::Error) -> EngineError {
        move |source| EngineError::File { action, path: self.file.clone(), source }
    }
}

/// The tile to look at: that of the first result or sum that differs; where only counts do or
/// nothing came, the first that differs alone, or else after the one before it.
fn suspect(
    rtl: &RtlEngine,
    job: &Job<'_, '_>,
    case: &Case<'_, '_, '_>,
    difference: &Difference,
    before: impl Fn(usize) -> Option<usize>,
) -> Result<Option<usize>, EngineError> {
    match difference {
        Difference::Value { at, .. }
        | Difference::Float { at, .. }
        | Difference::Sum { at, .. } => {
            // A product in memory has at most as many tiles as elements.
            return Ok(Some(case.lowered.schedule.place(*at).tile as usize));
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
            if run(job, case, &mut rtl.fresh()?, (&tiles, difference))?.is_some() {
                return Ok(Some(*tile));
            }
        }
    }
    Ok(None)
}

/// Runs tiles on a fresh model and looks for a difference: if it is there again, `first`.
fn run(
    job: &Job<'_, '_>,
    case: &Case<'_, '_, '_>,
    driver: &mut Driver,
    (tiles, first): (&[usize], &Difference),
) -> Result<Option<Again>, EngineError> {
    let part = match job.play(driver, tiles) {
        Err(error @ EngineError::Hang { .. }) => {
            return Ok(Some(Again { difference: Difference::Hang(error.to_string()), time: None }));
        }
        played => Tiles { tiles: tiles.to_vec(), played: played? },
    };
    let Some(difference) = (case.compare)(&part) else { return Ok(None) };
    let repeated = wrong(case, &part, first).is_some_and(|wrong| wrong.repeated);
    let difference = if repeated { first.clone() } else { difference };
    let time = wrong(case, &part, &difference).and_then(|wrong| wrong.time);
    Ok(Some(Again { difference, time }))
}

/// A result or sum among those of some tiles.
struct Wrong {
    /// Whether it is what a difference says was found.
    repeated: bool,
    /// When it is on the pins; none without waves.
    time: Option<u64>,
}

/// The result or sum that differs, if one does, and is of these tiles.
fn wrong(case: &Case<'_, '_, '_>, part: &Tiles, difference: &Difference) -> Option<Wrong> {
    let Tiles { played, .. } = part;
    let (at, times) = match difference {
        Difference::Value { at, .. } | Difference::Float { at, .. } => (at, &played.value_times),
        Difference::Sum { at, .. } => (at, &played.sum_times),
        Difference::Hang(_) | Difference::Counters { .. } | Difference::Cycles { .. } => {
            return None;
        }
    };
    let mut places = results(&case.lowered.schedule, std::slice::from_ref(part));
    let place = places.position(|result| result.at == *at)?;
    let repeated = match difference {
        Difference::Value { found, .. } => played.values[place] == *found,
        // The same 32 bits.
        Difference::Float { found, .. } => played.values[place] as u32 == found.to_bits(),
        Difference::Sum { found, .. } => played.sums[place] == *found,
        _ => false,
    };
    Some(Wrong { repeated, time: times.get(place).copied() })
}
