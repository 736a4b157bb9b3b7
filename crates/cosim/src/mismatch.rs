//! What the checked engine says when RTL and reference differ.

use std::fmt;

use fxp::{Counters, Format, to_value};
use rtlgen::Cycles;

use crate::waves::Shown;

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
    pub waves: Option<Shown>,
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
