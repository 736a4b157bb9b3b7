//! `flexmac gemm`: one GEMM on the reference, on the RTL, or on both and compared. This file has
//! the flags and the arrays of integers; `gemm_float.rs` has the arrays of floats.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flexmac_array::{ArraySpec, Cycles, Layout, Schedule, Style};
use flexmac_cosim::ReplayHook;
use flexmac_engine::{Gemm, GemmResult, Operand, PlaneSkipping, Stats};
use flexmac_float::FloatFormat;
use flexmac_fxp::{Format, Role, Rounding, SeedPath, Sums};
use ndarray::Array2;
use serde::Serialize;

use crate::cmd::gemm_float;
use crate::engines::{ArrayDesign, EngineOptions, array_engine, models};
use crate::npy;
use crate::shell::word;

/// Engines that multiply on an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrayEngine {
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
    pub config: PathBuf,
    /// Simulate its netlist, the folder that `flexmac synth` wrote, in place of the RTL
    #[arg(long, value_name = "DIR")]
    netlist: Option<PathBuf>,
    /// What computes the GEMM
    #[arg(long, value_enum, default_value_t = ArrayEngine::Checked)]
    pub engine: ArrayEngine,
    /// A, (M, K): integers, or float32 on an array of floats, which rounds it to its format first
    #[arg(long, value_name = "A.npy")]
    pub a: PathBuf,
    /// B, (K, N), like A
    #[arg(long, value_name = "B.npy")]
    pub b: PathBuf,
    /// Width of A's elements, sign included; needed for integers
    #[arg(long, value_name = "BITS")]
    bits_a: Option<u32>,
    /// Width of B's elements, sign included; needed for integers
    #[arg(long, value_name = "BITS")]
    bits_b: Option<u32>,
    /// Added to the sums: (N,) to every row, or (M, N)
    #[arg(long, value_name = "F.npy")]
    pub bias: Option<PathBuf>,
    /// Left shift that puts the bias on the sums' grid [default: 0]
    #[arg(long, value_name = "N", requires = "bias",
          value_parser = clap::value_parser!(u32).range(0..=128))]
    bias_shift: Option<u32>,
    /// Bits dropped: C = round(sum * 2^-SHIFT); negative multiplies [default: 0]
    #[arg(long, value_name = "S", allow_negative_numbers = true,
          value_parser = clap::value_parser!(i32).range(-1024..=1024))]
    shift: Option<i32>,
    /// Width of C's elements, sign included [default: 32]
    #[arg(long, value_name = "BITS")]
    bits_out: Option<u32>,
    /// Rounding: nearest, truncate or stochastic [default: nearest]
    #[arg(long, value_name = "MODE")]
    round: Option<Rounding>,
    /// Format of A on an array of style fp8: e4m3 or e5m2 [default: e4m3]
    #[arg(long, value_name = "FORMAT")]
    format_a: Option<FloatFormat>,
    /// Format of B on an array of style fp8: e4m3 or e5m2 [default: e4m3]
    #[arg(long, value_name = "FORMAT")]
    format_b: Option<FloatFormat>,
    /// Round floats beyond the largest number of the format to that number, not to infinity (NaN in
    /// e4m3)
    #[arg(long)]
    pub saturate: bool,
    /// Run seed of the random streams [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Seed path of a GEMM of training, as a replay command prints it: iteration,layer,role
    #[arg(long, value_name = "PATH", hide = true)]
    seed_path: Option<String>,
    /// How the GEMM lies on the array, which decides cycles and random streams: with rows of A on
    /// its rows (as-given), or as in training (fastest) [default: as-given]
    #[arg(long, value_name = "LAYOUT")]
    pub layout: Option<Layout>,
    /// Skip the planes that are sign extension in all lines of a tile over a piece of K, and the
    /// pieces where an operand is zero there; changes passes and cycles, no result
    #[arg(long)]
    skip_planes: bool,
    /// C, (M, N), int32 or float32; a tile on which RTL and reference differ is shown in
    /// C.mismatch.fst beside it
    #[arg(long, value_name = "C.npy")]
    pub out: PathBuf,
    /// Write the exact sums (bias included) as int64 instead
    #[arg(long)]
    pub raw: bool,
    /// Write every cycle of the RTL to this .vcd or .fst file
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Models that share the tiles, one thread each; changes no result [default: one per core, one
    /// alone with --trace]
    #[arg(long, value_name = "N", value_parser = models)]
    threads: Option<NonZeroUsize>,
    /// Print one JSON record
    #[arg(long)]
    pub json: bool,
}

impl GemmArgs {
    /// The flags for integers that were given.
    pub fn integer_flags(&self) -> Vec<&'static str> {
        [
            ("--bits-a", self.bits_a.is_some()),
            ("--bits-b", self.bits_b.is_some()),
            ("--bias-shift", self.bias_shift.is_some()),
            ("--shift", self.shift.is_some()),
            ("--bits-out", self.bits_out.is_some()),
            ("--round", self.round.is_some()),
            ("--seed", self.seed.is_some()),
            ("--seed-path", self.seed_path.is_some()),
            ("--skip-planes", self.skip_planes),
            ("--raw", self.raw),
        ]
        .into_iter()
        .filter_map(|(flag, given)| given.then_some(flag))
        .collect()
    }

    /// The flags for floats that were given.
    fn float_flags(&self) -> Vec<&'static str> {
        [
            ("--format-a", self.format_a.is_some()),
            ("--format-b", self.format_b.is_some()),
            ("--saturate", self.saturate),
        ]
        .into_iter()
        .filter_map(|(flag, given)| given.then_some(flag))
        .collect()
    }

    /// The formats of A and B on an array of floats that multiplies `formats`: those given, or the
    /// first.
    pub fn float_formats(&self, style: Style, formats: &[FloatFormat]) -> Result<[FloatFormat; 2]> {
        let choose = |flag: &str, given: Option<FloatFormat>| match given {
            None => Ok(formats[0]),
            Some(format) if formats.contains(&format) => Ok(format),
            Some(format) => {
                let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
                bail!(
                    "gemm: {flag}: expected {} on an array of style {style}, found {format}",
                    names.join(" or ")
                )
            }
        };
        Ok([choose("--format-a", self.format_a)?, choose("--format-b", self.format_b)?])
    }

    /// Options of the engine. The waveform of a tile that differs goes to `waves`.
    pub fn options<'a>(&'a self, layout: Layout, waves: &'a Path) -> EngineOptions<'a> {
        EngineOptions {
            layout,
            trace: self.trace.as_deref(),
            threads: self.threads,
            arrays: NonZeroUsize::MIN,
            skip_planes: self.skip_planes,
            check_rate: 1.0,
            waves,
        }
    }

    /// File for the waveform of a tile that differs: C.mismatch.fst beside C.npy.
    pub fn waves(&self) -> PathBuf {
        self.out.with_extension("mismatch.fst")
    }

    /// The values of the flags for integers.
    fn numbers(&self) -> Result<Numbers> {
        let width = |flag: &str, bits: Option<u32>| {
            bits.with_context(|| {
                format!("gemm: {flag}: expected the width of the elements, 2..=32, found none")
            })
        };
        Ok(Numbers {
            bits_a: width("--bits-a", self.bits_a)?,
            bits_b: width("--bits-b", self.bits_b)?,
            bias_shift: self.bias_shift.unwrap_or(0),
            shift: self.shift.unwrap_or(0),
            bits_out: self.bits_out.unwrap_or(flexmac_fxp::MAX_BITS),
            round: self.round.unwrap_or(Rounding::Nearest),
            seed: self.seed.unwrap_or(0),
            layout: self.layout.unwrap_or_default(),
        })
    }
}

/// Formats, bias, rounding and seed of an integer GEMM.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    bits_a: u32,
    bits_b: u32,
    bias_shift: u32,
    shift: i32,
    bits_out: u32,
    round: Rounding,
    seed: u64,
    layout: Layout,
}

#[derive(Serialize)]
struct Record<'a> {
    engine: &'static str,
    config: &'a ArraySpec,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    plane_skipping: Option<PlaneSkipping>,
    cycles: Cycles,
    drain_cycles: u64,
    counters: flexmac_fxp::Counters,
    mean_rounding_error: f64,
}

/// Shape of a GEMM.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Shape {
    /// Rows of A.
    pub m: usize,
    /// Columns of A.
    pub k: usize,
    /// Columns of B.
    pub n: usize,
}

/// Computes the GEMM.
pub fn run(args: &GemmArgs) -> Result<()> {
    let design = match &args.netlist {
        None => ArrayDesign::read(&args.config)?,
        Some(netlist) => ArrayDesign::read_netlist(&args.config, netlist)?,
    };
    if args.trace.is_some() && args.netlist.is_some() {
        bail!("gemm: --trace shows the RTL; it does not go with --netlist");
    }
    if args.trace.is_some() && args.engine == ArrayEngine::Reference {
        bail!("gemm: --trace needs --engine rtl or checked; the reference has no cycles to show");
    }
    if let Some(file) = &args.trace
        && !file.extension().is_some_and(|kind| kind == "vcd" || kind == "fst")
    {
        bail!("gemm: --trace: expected a .vcd or .fst file, found {}", file.display());
    }
    let absolute = |path: &PathBuf| std::path::absolute(path).ok();
    if args.trace.as_ref().is_some_and(|trace| absolute(trace) == absolute(&args.out)) {
        bail!("gemm: --trace and --out: expected two files, found {} for both", args.out.display());
    }
    if let (Some(threads), true) = (args.threads, args.trace.is_some())
        && threads.get() > 1
    {
        bail!("gemm: --trace shows one model; expected --threads 1 with it, found {threads}");
    }
    if design.config.style().is_float() {
        return gemm_float::run(args, &design);
    }
    let flags = args.float_flags();
    if !flags.is_empty() {
        bail!(
            "gemm: {}: expected no flags of floats with an array of style {}, which multiplies \
             integers; leave out or use another --config",
            flags.join(", "),
            design.config.style()
        );
    }
    let numbers = args.numbers()?;
    let format = |name: &str, bits, frac| {
        Format::new(bits, frac).with_context(|| format!("gemm: --bits-{name}"))
    };
    let (format_a, format_b) = (format("a", numbers.bits_a, 0)?, format("b", numbers.bits_b, 0)?);
    let out = format("out", numbers.bits_out, -numbers.shift)?;
    let a = npy::read_matrix(&args.a)?;
    let b = npy::read_matrix(&args.b)?;
    let bias = args.bias.as_deref().map(npy::read_bias).transpose()?;
    // At most 128 by the flag's range.
    let bias_format = format("bias", 32, -(numbers.bias_shift as i32))?;
    let product = Gemm {
        a: Operand { values: a.view(), format: format_a },
        b: Operand { values: b.view(), format: format_b },
        bias: bias.as_ref().map(|bias| Operand { values: bias.view(), format: bias_format }),
        out,
        rounding: numbers.round,
        seed: seed_path(args, numbers.seed)?,
        keep_sums: args.raw,
    };
    let waves = args.waves();
    let options = args.options(numbers.layout, &waves);
    let mut engine = array_engine(args.engine, &design, options, same_command())?;
    let outcome = engine.gemm(&product)?;
    write_result(&args.out, args.raw, &outcome)?;
    report(args, numbers, &design, engine.name(), &product, &outcome)
}

/// A hook that names this command as the replay.
pub fn same_command<T: flexmac_engine::Element>() -> ReplayHook<T> {
    let command = std::env::args_os().map(word).collect::<Vec<_>>().join(" ");
    Box::new(move |_| Some(command.clone()))
}

fn seed_path(args: &GemmArgs, run: u64) -> Result<SeedPath> {
    let path = args.seed_path.as_deref().unwrap_or("0,0,forward");
    let parts: Vec<_> = path.split(',').collect();
    if let [iteration, layer, role] = parts.as_slice()
        && let (Ok(iteration), Ok(layer)) = (iteration.parse(), layer.parse())
        && let Some(role) = Role::GEMMS.into_iter().find(|known| known.name() == *role)
    {
        return Ok(SeedPath { run, iteration, layer, role });
    }
    bail!(
        "gemm: --seed-path: expected iteration,layer,role such as 12,3,weight_gradient, found {path:?}"
    )
}

fn write_result(path: &Path, raw: bool, outcome: &GemmResult<i32>) -> Result<()> {
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
    numbers: Numbers,
    design: &ArrayDesign,
    engine: &'static str,
    product: &Gemm<'_, i32>,
    outcome: &GemmResult<i32>,
) -> Result<()> {
    let shape = Shape {
        m: product.a.values.nrows(),
        k: product.a.values.ncols(),
        n: product.b.values.ncols(),
    };
    let stats = &outcome.stats;
    let schedule = Schedule::new(
        &design.config,
        (shape.m, shape.k, shape.n),
        (numbers.bits_a, numbers.bits_b),
    );
    let record = Record {
        engine,
        config: design.config.spec(),
        shape,
        bits_a: numbers.bits_a,
        bits_b: numbers.bits_b,
        shift: numbers.shift,
        bits_out: numbers.bits_out,
        rounding: numbers.round,
        seed: numbers.seed,
        passes: schedule.passes(),
        tiles: stats.tiles,
        tiles_checked: stats.tiles_checked,
        macs: stats.macs,
        mac_passes: stats.mac_passes,
        plane_skipping: stats.plane_skipping,
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
        numbers.bits_a,
        numbers.bits_b,
        record.passes,
        record.tiles,
        record.tiles_checked
    );
    print_cycles(c)?;
    if let Some(skipping) = &record.plane_skipping {
        print_skipping(stats, skipping)?;
    }
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

/// Prints the passes and cycles of GEMMs whose planes were skipped beside those without skipping.
pub fn print_skipping(stats: &Stats, skipping: &PlaneSkipping) -> Result<()> {
    let per_mac = |passes: u64| passes as f64 / stats.macs as f64;
    outln!(
        "planes skipped: {:.3} passes per MAC of {:.3} without skipping, {} cycles of {}",
        per_mac(stats.mac_passes),
        per_mac(skipping.full_mac_passes),
        stats.cycles.busy,
        skipping.full_busy_cycles
    );
    Ok(())
}

/// Prints what the array did in the cycles of a GEMM.
pub fn print_cycles(c: &Cycles) -> Result<()> {
    outln!(
        "cycles {}: compute {}, stall {}, load {}, blocked {}, drain {}",
        c.busy,
        c.compute,
        c.stall,
        c.load,
        c.blocked,
        c.drain()
    );
    Ok(())
}
