//! What the checked engine says when RTL and reference differ.

use std::fmt;
use std::path::PathBuf;

use flexmac_array::Cycles;
use flexmac_fxp::{Counters, Format, to_value};

/// The first difference between RTL and reference in one product.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// What differs.
    pub difference: Difference,
    /// Configuration, shape, widths, rounding and seed of the product.
    pub product: String,
    /// The command that replays the product alone, where the caller knows one.
    pub replay: Option<String>,
    /// Waves of the tile that differs, where the caller asked for them.
    pub waves: Option<WaveDump>,
}

/// What differs. Elements come before counters, counters before cycles: the first cause is the one
/// to look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// The RTL never finished.
    Hang(String),
    /// A rounded result.
    Value {
        /// Row and column of the result.
        at: (usize, usize),
        /// Tile, and row and column within it.
        tile: (u64, usize, usize),
        /// The reference's raw value.
        expected: i32,
        /// The RTL's raw value.
        found: i32,
        /// Format of both.
        format: Format,
        /// The exact sum that the reference rounded.
        sum: i128,
        /// The sum's fraction length.
        sum_frac: i32,
        /// How many results differ.
        count: usize,
    },
    /// A float result.
    Float {
        /// Row and column of the result.
        at: (usize, usize),
        /// Tile, and row and column within it.
        tile: (u64, usize, usize),
        /// The reference's.
        expected: f32,
        /// The RTL's.
        found: f32,
        /// How many results differ.
        count: usize,
    },
    /// An exact sum, with equal rounded results.
    Sum {
        /// Row and column of the result.
        at: (usize, usize),
        /// The reference's sum.
        expected: i128,
        /// The RTL's sum.
        found: i128,
    },
    /// The requantizers' counters, with equal results.
    Counters {
        /// The reference's.
        expected: Counters,
        /// The RTL's.
        found: Counters,
    },
    /// Cycles, with equal results and counters.
    Cycles {
        /// The cycle model's.
        expected: Cycles,
        /// The RTL's.
        found: Cycles,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "RTL and reference differ: {}", self.product)?;
        write!(f, "{}", self.difference)?;
        if let Some(waves) = &self.waves {
            write!(f, "\n  waves     {waves}")?;
        }
        if let Some(replay) = &self.replay {
            write!(f, "\n  replay    {replay}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hang(message) => write!(f, "  {message}"),
            Self::Value { at, tile, expected, found, format, sum, sum_frac, count } => {
                writeln!(
                    f,
                    "  first of {count} differing results: C[{},{}], tile {} row {} column {}",
                    at.0, at.1, tile.0, tile.1, tile.2
                )?;
                let line = |raw: i32| format!("raw {raw:>11}  real {:e}", to_value(raw, *format));
                writeln!(f, "  expected  {}", line(*expected))?;
                writeln!(f, "  found     {}", line(*found))?;
                write!(
                    f,
                    "  exact sum {sum} * 2^{}, rounded to {} bits {format}",
                    -sum_frac,
                    format.bits()
                )
            }
            Self::Float { at, tile, expected, found, count } => {
                writeln!(
                    f,
                    "  first of {count} differing results: C[{},{}], tile {} row {} column {}",
                    at.0, at.1, tile.0, tile.1, tile.2
                )?;
                let line = |value: f32| format!("bits {:08x}  real {value:e}", value.to_bits());
                writeln!(f, "  expected  {}", line(*expected))?;
                write!(f, "  found     {}", line(*found))
            }
            Self::Sum { at, expected, found } => {
                writeln!(f, "  first differing exact sum: C[{},{}]", at.0, at.1)?;
                writeln!(f, "  expected  {expected}")?;
                write!(f, "  found     {found}")
            }
            Self::Counters { expected, found } => {
                writeln!(f, "  results agree, counters differ")?;
                writeln!(f, "  expected  {expected:?}")?;
                write!(f, "  found     {found:?}")
            }
            Self::Cycles { expected, found } => {
                writeln!(f, "  results and counters agree, cycles differ from the cycle model")?;
                writeln!(f, "  expected  {expected:?}")?;
                write!(f, "  found     {found:?}")
            }
        }
    }
}

/// What came of showing a tile.
#[derive(Debug, Clone, PartialEq)]
pub enum WaveDump {
    /// Waves were written.
    Waves {
        /// The file.
        file: PathBuf,
        /// The tile.
        tile: u64,
        /// The tile that runs before it, where it does not differ alone.
        after: Option<u64>,
        /// What differs in them; nothing where the mismatch does not repeat.
        again: Option<Reproduction>,
    },
    /// Counters or cycles of the product differ, those of no tile do.
    NoTile,
    /// Something failed.
    Failed(String),
}

/// A difference in the waves.
#[derive(Debug, Clone, PartialEq)]
pub struct Reproduction {
    /// What differs: what the report names, if that is wrong in the same way, or else the first.
    pub difference: Difference,
    /// Time in the waves, in half clock periods, at which the wrong result or sum is on the pins, to
    /// be taken at the rising edge after; none for counters, cycles and a hang.
    pub time: Option<u64>,
}

impl fmt::Display for WaveDump {
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
        let Some(Reproduction { difference, time }) = again else { return Ok(()) };
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
