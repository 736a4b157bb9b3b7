//! The report of a difference between RTL and reference.

use std::fmt;
use std::path::PathBuf;

use flexmac_array::Cycles;
use flexmac_fxp::{Counters, Format, to_value};

/// The first difference between RTL and reference in a GEMM.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// What differs.
    pub difference: Difference,
    /// Configuration, shape, widths, rounding mode and seed of the GEMM.
    pub gemm: String,
    /// A command that replays the GEMM alone, if the caller provides one.
    pub replay: Option<String>,
    /// Waves of the tile that differs, if requested.
    pub waves: Option<WaveDump>,
}

/// What differs. Results are compared before counters and counters before cycles, because a wrong
/// result often explains the rest.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// The RTL never finished.
    Hang(String),
    /// A rounded result differs.
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
    /// A float result differs.
    Float {
        /// Row and column of the result.
        at: (usize, usize),
        /// Tile, and row and column within it.
        tile: (u64, usize, usize),
        /// The reference's value.
        expected: f32,
        /// The RTL's value.
        found: f32,
        /// How many results differ.
        count: usize,
    },
    /// An exact sum differs; rounded results are equal.
    Sum {
        /// Row and column of the result.
        at: (usize, usize),
        /// The reference's sum.
        expected: i128,
        /// The RTL's sum.
        found: i128,
    },
    /// The requantizers' counters differ; results are equal.
    Counters {
        /// The reference's counters.
        expected: Counters,
        /// The RTL's counters.
        found: Counters,
    },
    /// Cycles differ; results and counters are equal.
    Cycles {
        /// The cycles of the cycle model.
        expected: Cycles,
        /// The cycles that the RTL counted.
        found: Cycles,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "RTL and reference differ: {}", self.gemm)?;
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

/// The outcome of recording waves of the tile that differs.
#[derive(Debug, Clone, PartialEq)]
pub enum WaveDump {
    /// Waves were written.
    Waves {
        /// The file.
        file: PathBuf,
        /// The tile.
        tile: u64,
        /// The tile that was simulated just before `tile` in these waves, because `tile` alone
        /// gives the expected results; none if `tile` ran alone.
        after: Option<u64>,
        /// The difference that the waves show; none if it does not occur again.
        reproduction: Option<Reproduction>,
    },
    /// No tile differs, alone or after the one before it: only the totals of the GEMM differ.
    NoTile,
    /// Recording failed; the text says why.
    Failed(String),
}

/// A difference that occurred again while waves were recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Reproduction {
    /// What differs: the difference of the report if it occurred again in the same way, else the
    /// first that the recorded tiles show.
    pub difference: Difference,
    /// Time in the waves, in half clock periods, at which the wrong result or sum is on the pins;
    /// the next rising clock edge samples it. None for counters, cycles and a hang.
    pub time: Option<u64>,
}

impl fmt::Display for WaveDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, tile, after, reproduction) = match self {
            Self::Waves { file, tile, after, reproduction } => (file, tile, after, reproduction),
            Self::NoTile => {
                return write!(f, "none: no tile differs, alone or after the one before it");
            }
            Self::Failed(why) => return write!(f, "not available: {why}"),
        };
        write!(f, "{}: tile {tile} ", file.display())?;
        match (after, reproduction) {
            (None, Some(_)) => write!(f, "alone, which differs too: ")?,
            (Some(before), Some(_)) => {
                write!(f, "after tile {before}, because alone it does not differ: ")?;
            }
            (None, None) => write!(f, "alone, which does not differ; no tile ran before it")?,
            (Some(before), None) => {
                write!(f, "after tile {before}; it differs neither after it nor alone")?;
            }
        }
        let Some(Reproduction { difference, time }) = reproduction else { return Ok(()) };
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
