//! Simulates the netlist on sampled operands by mode and role, compares results and counts activity.

use std::fmt;
use std::str::FromStr;

use flexmac_array::{ArrayConfig, Schedule, Style};
use flexmac_cosim::{Activity, CheckedEngine};
use flexmac_engine::{Engine, Gemm, Operand, OperandRounding, Stats};
use flexmac_float::FloatFormat;
use flexmac_fxp::{Rounding, SeedPath};
use flexmac_record::{OperandRole, SampledGemm};

use crate::error::Error;
use crate::operands::{Sample, format, quantize};

/// Operand widths of a GEMM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Integers: bits of A and of B.
    Fixed(u32, u32),
    /// Floats of an array of this style: fp32, bf16, or fp8, where A and B are E4M3, and gradients E5M2.
    Float(Style),
}

/// An invalid mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected two widths of 2..=32 bits such as 8x16, found {0:?}")]
pub struct ModeError(String);

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        if let Some(style) = text.parse().ok().filter(|style: &Style| style.is_float()) {
            return Ok(Self::Float(style));
        }
        let refuse = || ModeError(text.to_owned());
        let (a, b) = text.split_once('x').ok_or_else(refuse)?;
        let width = |text: &str| {
            let width = text.parse().ok().filter(|width| (2..=32).contains(width));
            width.ok_or_else(refuse)
        };
        Ok(Self::Fixed(width(a)?, width(b)?))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(a, b) => write!(f, "{a}x{b}"),
            Self::Float(style) => f.pad(style.name()),
        }
    }
}

/// The role under which a recorded GEMM is measured.
pub fn role_of(sample: &Sample) -> OperandRole {
    OperandRole::of(sample.role, sample.zeros[0])
}

/// Counts from the simulation of a mode and role.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Operand widths.
    pub mode: Mode,
    /// The role of the GEMMs that the operands are from.
    pub role: OperandRole,
    /// The samples.
    pub samples: Vec<SampledGemm>,
    /// For each net: toggles per cycle, and share of cycles at 1. Samples are weighted by the size of their GEMM.
    pub activity: Vec<(f64, f64)>,
    /// Cycles. This and the counts below are sums over the samples with these weights.
    pub cycles: f64,
    /// Cycles that compute.
    pub compute_cycles: f64,
    /// Rows that the requantizer of each column accepted.
    pub drained: f64,
    /// Multiply-accumulates.
    pub macs: f64,
    /// Multiply-accumulates times passes.
    pub mac_passes: f64,
}

/// Simulates the samples of `role` in `mode` on the netlist and compares each result with the reference.
///
/// # Errors
/// [`Error::Engine`] with a mismatch if the netlist is wrong.
pub fn simulate(
    engine: &mut CheckedEngine,
    config: &ArrayConfig,
    mode: Mode,
    role: OperandRole,
    samples: &[&Sample],
) -> Result<Run, Error> {
    let mut run = Run {
        mode,
        role,
        samples: Vec::new(),
        activity: Vec::new(),
        cycles: 0.0,
        compute_cycles: 0.0,
        drained: 0.0,
        macs: 0.0,
        mac_passes: 0.0,
    };
    let mut sums: Vec<(f64, f64)> = Vec::new();
    let mut counted = 0.0;
    for sample in samples {
        let stats = match mode {
            Mode::Fixed(a, b) => fixed(engine, config, (a, b), sample)?,
            Mode::Float(style) => float(engine, style, sample)?,
        };
        let activity = engine.rtl_mut().take_activity().unwrap_or_default();
        let weight = sample.weight();
        add(&mut sums, &activity, weight);
        counted += weight * activity.cycles as f64;
        run.cycles += weight * stats.cycles.busy as f64;
        run.compute_cycles += weight * stats.cycles.compute as f64;
        run.drained += weight * captured_rows(config, mode, sample) as f64;
        run.macs += weight * stats.macs as f64;
        run.mac_passes += weight * stats.mac_passes as f64;
        run.samples.push(SampledGemm {
            layer: sample.layer,
            shape: sample.shape,
            part: [sample.a.nrows(), sample.a.ncols(), sample.b.ncols()],
            zeros: sample.zeros,
            cycles: stats.cycles.busy,
            tiles_checked: stats.tiles_checked,
        });
    }
    if counted > 0.0 {
        run.activity =
            sums.iter().map(|(toggles, ones)| (toggles / counted, ones / counted)).collect();
    }
    Ok(run)
}

fn captured_rows(config: &ArrayConfig, mode: Mode, sample: &Sample) -> u64 {
    let bits = match mode {
        Mode::Fixed(a, b) => (a, b),
        Mode::Float(_) => (config.max_bits(), config.max_bits()),
    };
    let part = (sample.a.nrows(), sample.a.ncols(), sample.b.ncols());
    Schedule::new(config, part, bits).captured_rows(config)
}

fn add(sums: &mut Vec<(f64, f64)>, activity: &Activity, weight: f64) {
    sums.resize(activity.toggles.len(), (0.0, 0.0));
    let counts = activity.toggles.iter().zip(&activity.ones);
    for (sum, (toggles, ones)) in sums.iter_mut().zip(counts) {
        sum.0 += weight * *toggles as f64;
        sum.1 += weight * *ones as f64;
    }
}

fn fixed(
    engine: &mut CheckedEngine,
    config: &ArrayConfig,
    (bits_a, bits_b): (u32, u32),
    sample: &Sample,
) -> Result<Stats, Error> {
    let [largest_a, largest_b] = sample.largest.map(f64::from);
    let (format_a, format_b) = (format(bits_a, largest_a), format(bits_b, largest_b));
    let (a, b) = (quantize(&sample.a, format_a), quantize(&sample.b, format_b));
    let rounding = [Rounding::Stochastic, Rounding::Nearest, Rounding::Truncate]
        .into_iter()
        .find(|mode| config.spec().rounding.contains(*mode))
        .expect("an array has a rounding mode");
    let operand = |values, format| Operand { values, format };
    let product = Gemm {
        a: operand(a.view(), format_a),
        b: operand(b.view(), format_b),
        bias: None,
        out: format(bits_a.max(bits_b), largest_result(sample)),
        rounding,
        seed: seed(sample),
        keep_sums: false,
    };
    Ok(engine.gemm(&product)?.stats)
}

fn float(engine: &mut CheckedEngine, style: Style, sample: &Sample) -> Result<Stats, Error> {
    // As in training: 8-bit operands are scaled by the largest magnitude of the whole operand.
    let recipe = OperandRounding::of(style).expect("a style of floats");
    let [format_a, format_b] = recipe.formats(sample.role);
    let a = recipe.round_part(sample.a.view(), format_a, sample.largest[0]);
    let b = recipe.round_part(sample.b.view(), format_b, sample.largest[1]);
    let product = Gemm {
        a: Operand { values: a.view(), format: format_a },
        b: Operand { values: b.view(), format: format_b },
        bias: None,
        out: FloatFormat::Binary32,
        rounding: Rounding::Nearest,
        seed: seed(sample),
        keep_sums: false,
    };
    Ok(engine.gemm(&product)?.stats)
}

fn seed(sample: &Sample) -> SeedPath {
    SeedPath { run: 1, iteration: 0, layer: sample.layer, role: sample.role }
}

fn largest_result(sample: &Sample) -> f64 {
    let result = sample.a.dot(&sample.b);
    f64::from(result.iter().fold(0.0_f32, |largest, value| largest.max(value.abs())))
}

impl Mode {
    /// Whether the array supports this mode.
    pub fn fits(self, config: &ArrayConfig) -> bool {
        match (self, config.style()) {
            (Self::Float(own), style) => own == style,
            (Self::Fixed(..), style) if style.is_float() => false,
            (Self::Fixed(a, b), _) => a.max(b) <= config.max_bits(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_and_written() {
        for (text, mode) in [
            ("8x16", Mode::Fixed(8, 16)),
            ("fp32", Mode::Float(Style::Fp32)),
            ("bf16", Mode::Float(Style::Bf16)),
        ] {
            assert_eq!(text.parse(), Ok(mode));
            assert_eq!(mode.to_string(), text);
        }
        for bad in ["flex", "8", "8x", "1x8", "8x33", "ax8", ""] {
            assert_eq!(
                bad.parse::<Mode>().expect_err(bad).to_string(),
                format!("expected two widths of 2..=32 bits such as 8x16, found {bad:?}")
            );
        }
    }
}
