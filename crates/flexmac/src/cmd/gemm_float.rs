//! `flexmac gemm` on an array of style fp32: float32 in, float32 out; flags of widths are refused.

use anyhow::{Result, bail};
use flexmac_array::{ArraySpec, Cycles, Layout};
use flexmac_engine::{Gemm, Operand};
use flexmac_float::FloatFormat;
use flexmac_fxp::{Counters, Role, Rounding, SeedPath};
use serde::Serialize;

use crate::cmd::gemm::{GemmArgs, Shape, print_cycles, same_command};
use crate::engines::{ArrayDesign, array_engine};
use crate::npy;

#[derive(Serialize)]
struct Record<'a> {
    engine: &'static str,
    config: &'a ArraySpec,
    shape: Shape,
    tiles: u64,
    tiles_checked: u64,
    macs: u64,
    cycles: Cycles,
    drain_cycles: u64,
    counters: Counters,
}

/// Computes the GEMM.
pub fn run(args: &GemmArgs, design: &ArrayDesign) -> Result<()> {
    let flags = args.integer_flags();
    if !flags.is_empty() {
        bail!(
            "gemm: {}: expected no flags of integers with an array of style fp32, whose operands \
             and results are float32; leave out or use another --config",
            flags.join(", ")
        );
    }
    let a = npy::read_float_matrix(&args.a)?;
    let b = npy::read_float_matrix(&args.b)?;
    let bias = args.bias.as_deref().map(npy::read_float_bias).transpose()?;
    let format = FloatFormat::Binary32;
    let product = Gemm {
        a: Operand { values: a.view(), format },
        b: Operand { values: b.view(), format },
        bias: bias.as_ref().map(|bias| Operand { values: bias.view(), format }),
        out: format,
        rounding: Rounding::Nearest,
        seed: SeedPath { run: 0, iteration: 0, layer: 0, role: Role::Forward },
        keep_sums: false,
    };
    let waves = args.waves();
    let options = args.options(Layout::AsGiven, &waves);
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
        "{}: ({}, {}) x ({}, {}) on {}, {} tiles ({} checked)",
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
