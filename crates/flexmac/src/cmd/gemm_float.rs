//! `flexmac gemm` on an array of floats: float32 in, which is rounded to the array's formats first,
//! and float32 out; flags of integers are refused.

use anyhow::{Result, bail};
use flexmac_array::{ArraySpec, Cycles};
use flexmac_engine::{Gemm, Operand, float_formats};
use flexmac_float::{FloatFormat, Overflow};
use flexmac_fxp::{Counters, Role, Rounding, SeedPath};
use ndarray::Array2;
use serde::Serialize;

use crate::cmd::gemm::{GemmArgs, Shape, print_cycles, same_command};
use crate::engines::{ArrayDesign, array_engine};
use crate::npy;

#[derive(Serialize)]
struct Record<'a> {
    engine: &'static str,
    config: &'a ArraySpec,
    shape: Shape,
    format_a: FloatFormat,
    format_b: FloatFormat,
    /// Elements of A that are not of its format, and were rounded.
    rounded_a: u64,
    rounded_b: u64,
    tiles: u64,
    tiles_checked: u64,
    macs: u64,
    cycles: Cycles,
    drain_cycles: u64,
    counters: Counters,
}

/// Computes the GEMM.
pub fn run(args: &GemmArgs, design: &ArrayDesign) -> Result<()> {
    let style = design.config.style();
    let flags = args.integer_flags();
    if !flags.is_empty() {
        bail!(
            "gemm: {}: expected no flags of integers with an array of style {style}, whose operands \
             and results are floats; leave out or use another --config",
            flags.join(", ")
        );
    }
    let [format_a, format_b] = args.float_formats(style, float_formats(style))?;
    let (mut a, mut b) = (npy::read_float_matrix(&args.a)?, npy::read_float_matrix(&args.b)?);
    let bias = args.bias.as_deref().map(npy::read_float_bias).transpose()?;
    let overflow = if args.saturate { Overflow::Saturate } else { Overflow::Infinity };
    let rounded_a = round(&mut a, format_a, overflow);
    let rounded_b = round(&mut b, format_b, overflow);
    for (name, rounded, format) in [("A", rounded_a, format_a), ("B", rounded_b, format_b)] {
        // The JSON record has the numbers.
        if rounded > 0 && !args.json {
            errln!(
                "note: {rounded} elements of {name} are no numbers of {format} and were rounded"
            );
        }
    }
    let out = FloatFormat::Binary32;
    let product = Gemm {
        a: Operand { values: a.view(), format: format_a },
        b: Operand { values: b.view(), format: format_b },
        bias: bias.as_ref().map(|bias| Operand { values: bias.view(), format: out }),
        out,
        rounding: Rounding::Nearest,
        seed: SeedPath { run: 0, iteration: 0, layer: 0, role: Role::Forward },
        keep_sums: false,
    };
    let waves = args.waves();
    let options = args.options(args.layout.unwrap_or_default(), &waves);
    let mut engine = array_engine::<f32>(args.engine, design, options, same_command())?;
    let outcome = engine.gemm(&product)?;
    npy::write_matrix(&args.out, outcome.values.view())?;

    let shape = Shape { m: a.nrows(), k: a.ncols(), n: b.ncols() };
    let stats = &outcome.stats;
    if args.json {
        let record = Record {
            engine: engine.name(),
            config: design.config.spec(),
            shape,
            format_a,
            format_b,
            rounded_a,
            rounded_b,
            tiles: stats.tiles,
            tiles_checked: stats.tiles_checked,
            macs: stats.macs,
            cycles: stats.cycles,
            drain_cycles: stats.cycles.drain(),
            counters: stats.counters,
        };
        outln!("{}", serde_json::to_string(&record)?);
        return Ok(());
    }
    outln!(
        "{}: ({}, {}) x ({}, {}) on {}, {format_a} x {format_b}, {} tiles ({} checked)",
        engine.name(),
        shape.m,
        shape.k,
        shape.k,
        shape.n,
        design.config.summary(),
        stats.tiles,
        stats.tiles_checked
    );
    print_cycles(&stats.cycles)?;
    outln!(
        "values {}: -infinity {}, infinity {}",
        stats.counters.emitted,
        stats.counters.overflow_low,
        stats.counters.overflow_high
    );
    Ok(())
}

/// Rounds an operand to nearest numbers of its format. Returns how many elements changed.
fn round(operand: &mut Array2<f32>, format: FloatFormat, overflow: Overflow) -> u64 {
    let values = operand.as_standard_layout();
    let mut rounded = Array2::zeros(values.dim());
    let (from, to) = (values.as_slice(), rounded.as_slice_mut());
    let (from, to) = (from.expect("standard layout"), to.expect("made in row order"));
    let changed = format.round_slice((from, 0), overflow, None, to);
    *operand = rounded;
    changed
}
