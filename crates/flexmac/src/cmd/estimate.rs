//! `flexmac estimate`: the cost of training a network on an array. The array can be too large to
//! simulate.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use flexmac_array::ArrayConfig;
use flexmac_cosim::{CheckedEngine, RtlEngine};
use flexmac_cost::{
    ArrayModel, CostReport, Estimate, PrecisionProfile, ShardedRun, Study, commonest, estimate,
    sharded,
};
use flexmac_engine::{Engine, Gemm, Operand};
use flexmac_fxp::{Format, Rounding, SeedPath};
use flexmac_nn::NetSpec;
use ndarray::Array2;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use crate::engines::{ArrayDesign, models, rtl_engine};
use crate::replay;

/// Flags of `flexmac estimate`.
#[derive(Debug, Args)]
pub struct EstimateArgs {
    /// Generated array (flexmac gen); its rows and columns are the first of --sizes
    #[arg(long, value_name = "DIR", required_unless_present = "study")]
    config: Option<PathBuf>,
    /// Folder of a study (flexmac sweep), in place of --config: area, time and energy from its
    /// measurements of --design on --library
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "period_ps"], requires_all = ["design", "library"])]
    study: Option<PathBuf>,
    /// Name of a design in the study; a folder of a design is --config
    #[arg(long, value_name = "NAME", requires = "study")]
    design: Option<String>,
    /// Name of a cell library in the study
    #[arg(long, value_name = "NAME", requires = "study")]
    library: Option<String>,
    /// Network: lenet, lenet-small, mlp, cifar, resnet20, alexnet, alexnet-small, or a description of one
    /// [default: the run's]
    #[arg(long, value_name = "NAME|FILE.toml")]
    net: Option<String>,
    /// Training run whose precision history gives the widths; with another network in --net, its
    /// widths are carried over by role
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Widths of both operands of every GEMM, such as 8x16, in place of those of a run
    #[arg(long, value_name = "AxB", conflicts_with = "run")]
    bits: Option<flexmac_power::Mode>,
    /// Images per iteration [default: the run's, or 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: Option<u32>,
    /// Iterations [default: the run's, or 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    iters: Option<u64>,
    /// Sizes of the arrays: rows and columns, or one number for both, comma-separated [default:
    /// that of --config, then 16, 32, 64, 128]
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    sizes: Vec<(u32, u32)>,
    /// Numbers of arrays of the first size that share each GEMM, comma-separated; the images of a
    /// batch are divided among them
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', value_parser = models)]
    arrays: Vec<NonZeroUsize>,
    /// Clock period, for times and bandwidths in seconds
    #[arg(long, value_name = "PS")]
    period_ps: Option<f64>,
    /// Compare the cycle model with the RTL of --config on a few tiles of every layer and GEMM,
    /// with all of K, at the most used widths
    #[arg(long)]
    check: bool,
    /// Draw the roofline of the first size: multiply-accumulates per cycle over
    /// multiply-accumulates per byte
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print one JSON record
    #[arg(long)]
    json: bool,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let (rows, cols) = text.split_once('x').unwrap_or((text, text));
    match (rows.parse(), cols.parse()) {
        (Ok(rows), Ok(cols)) => Ok((rows, cols)),
        _ => Err(format!("expected a size such as 16 or 8x32, found {text:?}")),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    network: String,
    widths: String,
    batch: usize,
    iterations: u64,
    period_ps: Option<f64>,
    estimates: Vec<Estimate>,
    /// Area and cost by size, where the study measured the design.
    #[serde(rename = "bills")]
    costs: Vec<SizeCost>,
    /// Several arrays of the first size.
    #[serde(rename = "groups")]
    sharded: Vec<ShardedRun>,
    checked: Vec<Checked>,
}

/// The cost of the training on an array of one size.
#[derive(Serialize)]
struct SizeCost {
    rows: u32,
    cols: u32,
    area_um2: f64,
    period_ps: f64,
    #[serde(rename = "bill")]
    cost: CostReport,
}

/// A GEMM whose sampled tiles ran on the RTL.
#[derive(Serialize)]
struct Checked {
    layer: String,
    role: flexmac_fxp::Role,
    shape: [usize; 3],
    widths: (u32, u32),
    tiles: u64,
    cycles: u64,
}

/// Estimates the cost of the network; with `--check`, compares the cycle model with the RTL.
pub fn run(args: &EstimateArgs) -> Result<()> {
    if let Some(period) = args.period_ps.filter(|period| !(period.is_finite() && *period > 0.0)) {
        bail!("estimate: --period-ps: expected a number above 0, found {period}");
    }
    let (design, measured) = design(args)?;
    let profile = profile(args, &design.config)?;
    let own = (design.config.spec().rows, design.config.spec().cols);
    let sizes = if args.sizes.is_empty() {
        let mut sizes = vec![own];
        sizes.extend([16, 32, 64, 128].map(|n| (n, n)).into_iter().filter(|size| *size != own));
        sizes
    } else {
        args.sizes.clone()
    };
    let resized = |(rows, cols)| {
        let mut spec = design.config.spec().clone();
        (spec.rows, spec.cols) = (rows, cols);
        spec.check().with_context(|| format!("estimate: --sizes {rows}x{cols}"))
    };
    let first = resized(sizes[0])?;
    let sharded = args.arrays.iter().map(|arrays| sharded(&profile, &first, arrays.get()));
    let sharded = sharded.collect::<Result<_, _>>().context("estimate: --arrays")?;
    let (mut estimates, mut costs) = (Vec::new(), Vec::new());
    for (rows, cols) in sizes {
        if let Some(measured) = &measured {
            let measured = measured.resized(rows, cols).context("estimate: --sizes")?;
            let cost = CostReport::new(&profile, &measured, None).context("estimate")?;
            let (area_um2, period_ps) = (measured.area_um2, measured.period_ps);
            costs.push(SizeCost { rows, cols, area_um2, period_ps, cost });
        }
        estimates.push(estimate(&profile, &resized((rows, cols))?).context("estimate")?);
    }
    let checked = if args.check { check(&profile, &design)? } else { Vec::new() };
    let report = Report {
        network: profile.network.clone(),
        widths: profile.policy.clone(),
        batch: profile.batch,
        iterations: profile.iterations,
        period_ps: args.period_ps.or(measured.map(|measured| measured.period_ps)),
        estimates,
        costs,
        sharded,
        checked,
    };
    if let (Some(path), Some(first)) = (&args.plot, report.estimates.first()) {
        plot(path, first, &design.config)?;
    }
    if args.json {
        outln!("{}", serde_json::to_string(&report)?);
        return Ok(());
    }
    print_report(&report)
}

/// The array, and its measurements in the study.
fn design(args: &EstimateArgs) -> Result<(ArrayDesign, Option<ArrayModel>)> {
    if let Some(config) = &args.config {
        return Ok((ArrayDesign::read(config)?, None));
    }
    let (Some(folder), Some(name), Some(library)) = (&args.study, &args.design, &args.library)
    else {
        bail!("estimate: expected --config, or --study with --design and --library");
    };
    let study = Study::read(folder).context("estimate: --study")?;
    for (flag, name, known) in [
        ("--design", name, study.designs.keys().collect::<Vec<_>>()),
        ("--library", library, study.libraries.keys().collect()),
    ] {
        if !known.contains(&name) {
            let known: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
            bail!("estimate: {flag}: expected one of {}, found {name}", known.join(", "));
        }
    }
    let measured = study.array_model(folder, library, name).context("estimate: --study")?;
    let design = ArrayDesign::read(&folder.join("designs").join(name).join("array"))?;
    Ok((design, Some(measured)))
}

/// The widths of every GEMM, from a run or a flag.
fn profile(args: &EstimateArgs, config: &ArrayConfig) -> Result<PrecisionProfile> {
    let batch = args.batch.map(|batch| batch as usize);
    if let Some(run) = &args.run {
        let profile = PrecisionProfile::read(run).context("estimate: --run")?;
        if args.net.is_none() && args.batch.is_none() && args.iters.is_none() {
            return Ok(profile);
        }
        let Some(net) = &args.net else {
            bail!("estimate: --batch and --iters go with --net, found --run alone");
        };
        let batch = batch.unwrap_or(profile.batch);
        let iterations = args.iters.unwrap_or(profile.iterations);
        return profile.transferred_to(&NetSpec::load(net)?, batch, iterations).context("estimate");
    }
    let net = args.net.as_deref().unwrap_or("lenet");
    if let (Some(bits @ flexmac_power::Mode::Fixed(..)), true) =
        (args.bits, config.style().is_float())
    {
        bail!("estimate: --bits: expected none on an array of floats, found {bits}; leave it out");
    }
    let widths = match (args.bits, config.style().is_float()) {
        (_, true) | (Some(flexmac_power::Mode::Float(_)), _) => None,
        (Some(flexmac_power::Mode::Fixed(a, b)), _) => Some((a, b)),
        (None, _) => bail!("estimate: expected --run or --bits, found neither"),
    };
    let (batch, iterations) = (batch.unwrap_or(64), args.iters.unwrap_or(1));
    PrecisionProfile::uniform(&NetSpec::load(net)?, batch, iterations, widths).context("estimate")
}

/// Runs tiles of every GEMM on the RTL. The checked engine compares every result and counter with
/// the reference, and the cycles with the model.
fn check(profile: &PrecisionProfile, design: &ArrayDesign) -> Result<Vec<Checked>> {
    let config = &design.config;
    if config.style().is_float() {
        bail!("estimate: --check: expected an array of integers, found {}", config.summary());
    }
    let rtl =
        rtl_engine(&config.summary(), || RtlEngine::new(config.clone(), &design.sources, None))?
            .with_layout(replay::LAYOUT);
    let mut engine = CheckedEngine::new(rtl);
    let mut random = SmallRng::seed_from_u64(1);
    let mut checked = Vec::new();
    for (index, gemm) in profile.gemms.iter().enumerate() {
        let widths = commonest(profile, index).unwrap_or((config.max_bits(), config.max_bits()));
        let (m, k, n) = gemm.shape;
        // One row and one column more than a tile, if the GEMM is as large.
        let part = (m.min(config.rows() + 1), k, n.min(config.cols() + 1));
        let mut operand = |rows, cols, bits: u32| {
            let limit = 1_i32 << (bits - 1).min(30);
            Array2::from_shape_fn((rows, cols), |_| random.random_range(-limit..limit))
        };
        let (a, b) = (operand(part.0, k, widths.0), operand(k, part.2, widths.1));
        let format = |bits| Format::new(bits, 0).expect("widths of a run are legal");
        let rounding = [Rounding::Nearest, Rounding::Truncate, Rounding::Stochastic];
        let allowed = |mode: &Rounding| config.spec().rounding.contains(*mode);
        let sample = Gemm {
            a: Operand { values: a.view(), format: format(widths.0) },
            b: Operand { values: b.view(), format: format(widths.1) },
            bias: None,
            out: Format::new(32, -24).expect("32 bits are legal"),
            rounding: rounding.into_iter().find(allowed).expect("an array has a rounding mode"),
            seed: SeedPath { run: 1, iteration: 0, layer: index as u64, role: gemm.role },
            keep_sums: false,
        };
        let outcome = engine
            .gemm(&sample)
            .with_context(|| format!("estimate: layer {}, {}", gemm.layer, gemm.role.name()))?;
        checked.push(Checked {
            layer: gemm.layer.clone(),
            role: gemm.role,
            shape: [part.0, part.1, part.2],
            widths,
            tiles: outcome.stats.tiles_checked,
            cycles: outcome.stats.cycles.busy,
        });
    }
    Ok(checked)
}

/// Draws the roofline: one point for each GEMM. Horizontal roofs are the throughput of the lanes,
/// one for each number of passes. The slanted roof is the bandwidth of one word of A and one of B
/// per cycle, as wide as the streams of `flexmac_top`.
fn plot(path: &std::path::Path, estimate: &Estimate, config: &ArrayConfig) -> Result<()> {
    let points: Vec<flexmac_cost::Point> = estimate
        .gemms
        .iter()
        .map(|gemm| flexmac_cost::Point {
            panel: format!("{}: at most {} a cycle at one pass", estimate.config, estimate.peak),
            series: gemm.role.name().to_owned(),
            label: gemm.layer.clone(),
            at: (gemm.intensity(), gemm.rate()),
        })
        .collect();
    let bits = (estimate.rows + estimate.cols) * config.lanes() * config.chunk() as usize;
    let bytes = bits as f64 / 8.0;
    let intensities = estimate.gemms.iter().map(|gemm| gemm.intensity());
    // Three times the larger of all intensities and the corner of the roofs.
    let right = 3.0 * intensities.fold(estimate.peak / bytes, f64::max);
    let mut roofs = Vec::new();
    let mut passes: Vec<u64> =
        estimate.gemms.iter().map(|p| p.passes_per_mac.round() as u64).collect();
    passes.push(1);
    passes.sort_unstable();
    passes.dedup();
    let least = estimate.peak / *passes.last().expect("one at least") as f64 / 3.0;
    roofs.push(flexmac_cost::Roof {
        label: format!("streams of {bytes} B a cycle"),
        path: vec![(estimate.peak / bytes, estimate.peak), (least / bytes, least)],
    });
    for passes in passes {
        let roof = estimate.peak / passes as f64;
        let label = format!("{passes} pass{}", if passes == 1 { "" } else { "es" });
        roofs.push(flexmac_cost::Roof { label, path: vec![(roof / bytes, roof), (right, roof)] });
    }
    let axes = ("multiply-accumulates per byte in and out", "multiply-accumulates per cycle");
    Ok(flexmac_cost::scatter(path, axes, &points, &flexmac_cost::Marks::Roofs(roofs))?)
}

fn print_costs(report: &Report) -> Result<()> {
    if report.costs.is_empty() {
        return Ok(());
    }
    outln!("");
    outln!(
        "| array | mm2 | s | J | mm2 s | pJ a MAC | PEs | registers | edge | control | clock | memory |"
    );
    outln!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for line in &report.costs {
        let (cost, energy) = (&line.cost, &line.cost.energy);
        let total = energy.total();
        let share = |joules: f64| format!("{:.0} %", 100.0 * joules / total);
        outln!(
            "| {} x {} | {:.3} | {:.4} | {:.4} | {:.4} | {:.3} | {} | {} | {} | {} | {} | {} |",
            line.rows,
            line.cols,
            line.area_um2 * 1e-6,
            cost.seconds,
            total,
            cost.area_time,
            total * 1e12 / cost.macs as f64,
            share(energy.pes),
            share(energy.registers),
            share(energy.edge),
            share(energy.control),
            share(energy.clock),
            share(energy.memory)
        );
    }
    Ok(())
}

fn print_sharded(report: &Report) -> Result<()> {
    let Some(first) = report.estimates.first().filter(|_| !report.sharded.is_empty()) else {
        return Ok(());
    };
    outln!("");
    outln!(
        "several arrays of {} x {}, the images of a batch divided among them:",
        first.rows,
        first.cols
    );
    outln!("| arrays | busy cycles | speed-up | efficiency | bits passed on per iteration |");
    outln!("| --- | --- | --- | --- | --- |");
    for run in &report.sharded {
        outln!(
            "| {} | {} | {:.2} | {:.1} % | {:.3e} |",
            run.arrays,
            run.cycles,
            run.efficiency * run.arrays as f64,
            100.0 * run.efficiency,
            run.handed_on_bits as f64 / report.iterations as f64
        );
    }
    Ok(())
}

fn print_report(report: &Report) -> Result<()> {
    outln!(
        "{}, widths of {}, batch {}, {} iterations",
        report.network,
        report.widths,
        report.batch,
        report.iterations
    );
    let time = |cycles: u64| match report.period_ps {
        Some(period) => format!("{:.3}", cycles as f64 * period * 1e-12),
        None => String::new(),
    };
    outln!(
        "| array | MACs | passes | busy cycles | s | MACs a cycle | utilisation | stalls | bits a cycle | GB/s | bank words |"
    );
    outln!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for estimate in &report.estimates {
        let total = &estimate.total;
        let bandwidth = report.period_ps.map_or_else(String::new, |period| {
            format!("{:.1}", estimate.bits_per_cycle / 8.0 * 1e3 / period)
        });
        outln!(
            "| {} x {} | {:.4e} | {:.2} | {} | {} | {:.1} | {:.1} % | {:.1} % | {:.0} | {bandwidth} | {} |",
            estimate.rows,
            estimate.cols,
            total.macs as f64,
            total.passes_per_mac,
            total.cycles.busy,
            time(total.cycles.busy),
            total.rate(),
            100.0 * total.utilisation,
            100.0 * total.cycles.stall as f64 / total.cycles.busy as f64,
            estimate.bits_per_cycle,
            total.bank_words
        );
    }
    for estimate in &report.estimates {
        if let Some(full) = &estimate.total.without_skipping {
            outln!("");
            outln!(
                "{}: with the planes that the run skipped; without skipping {:.2} passes, {} busy cycles",
                estimate.config,
                full.mac_passes as f64 / estimate.total.macs as f64,
                full.busy_cycles
            );
        }
    }
    print_costs(report)?;
    print_sharded(report)?;
    let Some(first) = report.estimates.first() else { return Ok(()) };
    outln!("");
    outln!("{} by GEMM:", first.config);
    outln!("| GEMM | MACs | passes | busy cycles | utilisation | MACs a byte | MACs a cycle |");
    outln!("| --- | --- | --- | --- | --- | --- | --- |");
    for gemm in &first.gemms {
        outln!(
            "| {} {} | {:.3e} | {:.2} | {} | {:.1} % | {:.2} | {:.1} |",
            gemm.layer,
            gemm.role.name(),
            gemm.macs as f64,
            gemm.passes_per_mac,
            gemm.cycles.busy,
            100.0 * gemm.utilisation,
            gemm.intensity(),
            gemm.rate()
        );
    }
    if !report.checked.is_empty() {
        let tiles: u64 = report.checked.iter().map(|checked| checked.tiles).sum();
        let cycles: u64 = report.checked.iter().map(|checked| checked.cycles).sum();
        outln!("");
        outln!(
            "checked on the RTL: {} GEMMs, {tiles} tiles, {cycles} cycles, all as the model says",
            report.checked.len()
        );
    }
    Ok(())
}
