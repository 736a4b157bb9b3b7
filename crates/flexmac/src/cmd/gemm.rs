//! `flexmac gemm`: one product on the reference, the RTL, or both compared.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use cosim::{Operand, Outcome, Product};
use fxp::{Format, Role, Rounding, SeedPath, Sums};
use ndarray::Array2;
use rtlgen::{ConfigSpec, Layout, Schedule};
use serde::Serialize;

use crate::engines::{Design, fixed_engine};
use crate::npy;

/// Engines that multiply integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FixedEngine {
    /// Exact arithmetic and the cycle model
    Reference,
    /// The Verilated array
    Rtl,
    /// Both, every bit, counter and cycle compared
    Checked,
}

/// Flags of `flexmac gemm`.
#[derive(Debug, Args)]
pub struct GemmArgs {
    /// Generated design: the folder that `flexmac gen` wrote
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// What computes the product
    #[arg(long, value_enum, default_value_t = FixedEngine::Checked)]
    engine: FixedEngine,
    /// A, (M, K), integers
    #[arg(long, value_name = "A.npy")]
    a: PathBuf,
    /// B, (K, N), integers
    #[arg(long, value_name = "B.npy")]
    b: PathBuf,
    /// Width of A's elements, sign included
    #[arg(long, value_name = "BITS")]
    bits_a: u32,
    /// Width of B's elements, sign included
    #[arg(long, value_name = "BITS")]
    bits_b: u32,
    /// Added to the sums: (N,) to every row, or (M, N)
    #[arg(long, value_name = "F.npy")]
    bias: Option<PathBuf>,
    /// Left shift that puts the bias on the sums' grid
    #[arg(long, value_name = "N", default_value_t = 0, requires = "bias",
          value_parser = clap::value_parser!(u32).range(0..=128))]
    bias_shift: u32,
    /// Bits dropped: C = round(sum * 2^-SHIFT); negative multiplies
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i32).range(-1024..=1024))]
    shift: i32,
    /// Width of C's elements, sign included
    #[arg(long, value_name = "BITS", default_value_t = 32)]
    bits_out: u32,
    /// nearest, truncate or stochastic
    #[arg(long, value_name = "MODE", default_value_t = Rounding::Nearest)]
    round: Rounding,
    /// Run seed of the random streams
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Seed path of a training product, as a replay command prints it: iteration,layer,role
    #[arg(long, value_name = "PATH", hide = true, default_value = "0,0,forward")]
    seed_path: String,
    /// How the product lies on the array, which decides cycles and random streams: rows of A on its
    /// rows (as-given), or as training does (fastest)
    #[arg(long, value_name = "LAYOUT", default_value_t = Layout::AsGiven)]
    layout: Layout,
    /// C, int32 (M, N)
    #[arg(long, value_name = "C.npy")]
    out: PathBuf,
    /// Write the exact sums (bias included) as int64 instead
    #[arg(long)]
    raw: bool,
    /// Write every cycle of the RTL to this .vcd or .fst file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print the result as one JSON record
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    engine: &'static str,
    config: &'a ConfigSpec,
    shape: Shape,
    bits_a: u32,
    bits_b: u32,
    shift: i32,
    bits_out: u32,
    rounding: Rounding,
    seed: u64,
    passes: u32,
    tiles: u64,
    tiles_checked: u64,
    macs: u64,
    mac_passes: u64,
    cycles: rtlgen::Cycles,
    drain_cycles: u64,
    counters: fxp::Counters,
    mean_rounding_error: f64,
}

#[derive(Serialize)]
struct Shape {
    m: usize,
    k: usize,
    n: usize,
}

/// Computes the product.
pub fn run(args: &GemmArgs) -> Result<()> {
    let design = Design::read(&args.config)?;
    if args.trace.is_some() && args.engine == FixedEngine::Reference {
        bail!("gemm: --trace needs --engine rtl or checked; the reference has no cycles to show");
    }
    if let Some(file) = &args.trace
        && !file.extension().is_some_and(|kind| kind == "vcd" || kind == "fst")
    {
        bail!("gemm: --trace: expected a .vcd or .fst file, found {}", file.display());
    }
    let format = |name: &str, bits, frac| {
        Format::new(bits, frac).with_context(|| format!("gemm: --bits-{name}"))
    };
    let (format_a, format_b) = (format("a", args.bits_a, 0)?, format("b", args.bits_b, 0)?);
    let out = format("out", args.bits_out, -args.shift)?;
    let a = npy::read_matrix(&args.a)?;
    let b = npy::read_matrix(&args.b)?;
    let bias = args.bias.as_deref().map(npy::read_bias).transpose()?;
    // At most 128 by the flag's range.
    let bias_format = format("bias", 32, -(args.bias_shift as i32))?;
    let product = Product {
        a: Operand { values: a.view(), format: format_a },
        b: Operand { values: b.view(), format: format_b },
        bias: bias.as_ref().map(|bias| Operand { values: bias.view(), format: bias_format }),
        out,
        rounding: args.round,
        seed: seed_path(args)?,
        keep_sums: args.raw,
    };
    let replay = std::env::args().map(|arg| quote(&arg)).collect::<Vec<_>>().join(" ");
    let mut engine = fixed_engine(
        args.engine,
        &design,
        args.layout,
        args.trace.as_deref(),
        Some(Box::new(move |_| Some(replay.clone()))),
    )?;
    let outcome = engine.gemm(&product)?;
    write_result(&args.out, args.raw, &outcome)?;
    report(args, &design, engine.name(), &product, &outcome)
}

fn seed_path(args: &GemmArgs) -> Result<SeedPath> {
    let parts: Vec<_> = args.seed_path.split(',').collect();
    if let [iteration, layer, role] = parts.as_slice()
        && let (Ok(iteration), Ok(layer)) = (iteration.parse(), layer.parse())
        && let Some(role) = Role::GEMMS.into_iter().find(|known| known.name() == *role)
    {
        return Ok(SeedPath { run: args.seed, iteration, layer, role });
    }
    bail!(
        "gemm: --seed-path: expected iteration,layer,role such as 12,3,weight_gradient, found {:?}",
        args.seed_path
    )
}

fn write_result(path: &Path, raw: bool, outcome: &Outcome<i32>) -> Result<()> {
    if !raw {
        return npy::write_matrix(path, outcome.values.view());
    }
    let sums = outcome.sums.as_ref().context("gemm: the engine kept no sums")?;
    npy::write_matrix(path, int64(sums)?.view())
}

fn int64(sums: &Sums) -> Result<Array2<i64>> {
    let (rows, cols) = sums.dim();
    let mut out = Array2::zeros((rows, cols));
    for ((row, col), value) in out.indexed_iter_mut() {
        let sum = sums.get(row, col);
        *value = i64::try_from(sum).ok().with_context(|| {
            format!(
                "gemm: --raw: the exact sum C[{row},{col}] = {sum} does not fit int64; leave --raw \
                 out, or split K"
            )
        })?;
    }
    Ok(out)
}

fn report(
    args: &GemmArgs,
    design: &Design,
    engine: &'static str,
    product: &Product<'_, i32>,
    outcome: &Outcome<i32>,
) -> Result<()> {
    let shape = Shape {
        m: product.a.values.nrows(),
        k: product.a.values.ncols(),
        n: product.b.values.ncols(),
    };
    let stats = &outcome.stats;
    let schedule =
        Schedule::new(&design.config, (shape.m, shape.k, shape.n), (args.bits_a, args.bits_b));
    let record = Record {
        engine,
        config: design.config.spec(),
        shape,
        bits_a: args.bits_a,
        bits_b: args.bits_b,
        shift: args.shift,
        bits_out: args.bits_out,
        rounding: args.round,
        seed: args.seed,
        passes: schedule.passes(),
        tiles: stats.tiles,
        tiles_checked: stats.tiles_checked,
        macs: stats.macs,
        mac_passes: stats.mac_passes,
        cycles: stats.cycles,
        drain_cycles: stats.cycles.drain(),
        counters: stats.counters,
        mean_rounding_error: stats.counters.mean_error(),
    };
    if args.json {
        outln!("{}", serde_json::to_string(&record)?);
        return Ok(());
    }
    let (c, k) = (&record.cycles, &record.counters);
    outln!(
        "{engine}: ({}, {}) x ({}, {}) on {}, {} x {} bits = {} passes, {} tiles ({} checked)",
        record.shape.m,
        record.shape.k,
        record.shape.k,
        record.shape.n,
        design.config.summary(),
        args.bits_a,
        args.bits_b,
        record.passes,
        record.tiles,
        record.tiles_checked
    );
    outln!(
        "cycles {}: compute {}, stall {}, load {}, blocked {}, drain {}",
        c.busy,
        c.compute,
        c.stall,
        c.load,
        c.blocked,
        record.drain_cycles
    );
    outln!(
        "values {}: overflow low {}, high {}, magnitude {} bits, mean |rounding error| {:.4} of a \
         last place",
        k.emitted,
        k.overflow_low,
        k.overflow_high,
        k.magnitude_bits(),
        record.mean_rounding_error
    );
    Ok(())
}

/// An argument as a shell would need it.
fn quote(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}
