//! `flexmac power`: simulates the mapped netlist on operands of training, compares it with the
//! reference, and measures energy per precision mode.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use flexmac_cosim::{CheckedEngine, RtlEngine};
use flexmac_dataset::{DataSource, InputSpec, ListOptions};
use flexmac_dps::{Static, StaticConfig};
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_power::{Gates, Mode, Recorder, Run, Sample, SampleSize, Settings, role_of};
use flexmac_record::{DefaultActivityEstimate, MemorySource, OperandRole, PowerCase, PowerReport};
use flexmac_train::{Trainer, TrainerConfig};
use ndarray::Array2;

use crate::engines::{ArrayDesign, rtl_engine};
use crate::npy;
use crate::replay;
use crate::tools;

/// Flags of `flexmac power`.
#[derive(Debug, Args)]
pub struct PowerArgs {
    /// Generated design: the folder that `flexmac gen` wrote
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Its netlist: the folder that `flexmac synth` wrote for the whole core on a cell library
    #[arg(long, value_name = "DIR")]
    netlist: PathBuf,
    /// Folder for scripts, activities, logs and power.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Network whose training gives the operands: a known one or a .toml file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "lenet", conflicts_with_all = ["a", "b"])]
    net: String,
    /// Data that it trains on, as for flexmac train
    #[arg(long, value_name = "NAME|DIR|FILES", default_value = "fashion-mnist")]
    data: String,
    /// Float iterations before the one that gives the operands
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    iters: u64,
    /// Images per iteration
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// Seed of the training run
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Operands from files instead, float32 or integers: A, (M, K)
    #[arg(long, value_name = "A.npy", requires = "b")]
    a: Option<PathBuf>,
    /// B, (K, N)
    #[arg(long, value_name = "B.npy", requires = "a")]
    b: Option<PathBuf>,
    /// Widths of A and B to measure [default: of 8x8,8x16,16x16,32x32 those the array has; fp32]
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    modes: Vec<Mode>,
    /// Tiles of the array, down and across, taken from the middle of each GEMM
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    tiles: u32,
    /// Longest part of K that is simulated
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65536))]
    sample_k: u32,
    /// Clock period in picoseconds, which leakage per cycle depends on [default: the netlist's
    /// best]
    #[arg(long, value_name = "PS")]
    period_ps: Option<f64>,
    /// Energy per operand bit read, in picojoules [default: 8-kbyte memory of Horowitz 2014 scaled
    /// to the library by C V^2]
    #[arg(long, value_name = "PJ")]
    memory_pj_per_bit: Option<f64>,
    /// Clock pins, or buffers, to a buffer of the clock tree
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1024))]
    clock_fanout: u32,
    /// Only compare netlist and reference
    #[arg(long)]
    check_only: bool,
    /// Keep the cell library and the power of each cell
    #[arg(long)]
    keep: bool,
    /// Print one JSON record
    #[arg(long)]
    json: bool,
}

/// Modes measured on an array of integers.
const MODES: [Mode; 4] =
    [Mode::Fixed(8, 8), Mode::Fixed(8, 16), Mode::Fixed(16, 16), Mode::Fixed(32, 32)];

/// Compares the netlist with the reference, counts toggles and measures energy.
pub fn run(args: &PowerArgs) -> Result<()> {
    let design = ArrayDesign::read(&args.config)?;
    let config = &design.config;
    for (flag, value) in
        [("--period-ps", args.period_ps), ("--memory-pj-per-bit", args.memory_pj_per_bit)]
    {
        if let Some(value) = value.filter(|value| !(value.is_finite() && *value >= 0.0)) {
            bail!("power: {flag}: expected a number of 0 or more, found {value}");
        }
    }
    if args.period_ps == Some(0.0) {
        bail!("power: --period-ps: expected a number above 0, found 0");
    }
    let modes = modes(args, &design)?;
    let place = || format!("power: --netlist {}", args.netlist.display());
    let gates = Gates::read(&args.netlist).with_context(place)?;
    gates.check_array(config).with_context(place)?;
    errln!(
        "power: {} cells, {} nets of {}",
        gates.netlist.cells.len(),
        gates.netlist.nets,
        gates.library.name
    );
    let samples = samples(args, &design)?;
    if !args.check_only {
        warn_of_sta();
        // Checks the folder before minutes of simulation.
        fs::create_dir_all(&args.out)
            .with_context(|| format!("power: --out {}", args.out.display()))?;
    }
    let sources = gates.model(!args.check_only)?;
    let rtl = rtl_engine(&format!("the netlist of {}", config.summary()), || {
        RtlEngine::gates(config.clone(), &sources)
    })?;
    let mut engine = CheckedEngine::new(rtl)
        .with_replay(replay::save_gate_gemm(design.clone(), &args.netlist, &args.out))
        .with_float_replay(replay::save_gate_gemm(design.clone(), &args.netlist, &args.out));
    let mut runs = Vec::new();
    let mut tiles = 0;
    for mode in &modes {
        for role in OperandRole::ALL {
            let part: Vec<&Sample> = samples.iter().filter(|s| s.0 == role).map(|s| &s.1).collect();
            if part.is_empty() {
                continue;
            }
            errln!("power: {mode} {}", role.name());
            let run = flexmac_power::simulate(&mut engine, config, *mode, role, &part)
                .with_context(|| format!("power: netlist in {}", args.netlist.display()))?;
            tiles += run.samples.iter().map(|sample| sample.tiles_checked).sum::<u64>();
            runs.push(run);
        }
    }
    if args.check_only {
        outln!(
            "netlist and reference agree: {tiles} tiles, every result, sum, counter and cycle, in {}",
            modes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        );
        return Ok(());
    }
    let report = measure(args, &design, &gates, &runs)?;
    if args.json {
        outln!("{}", serde_json::to_string(&report)?);
        return Ok(());
    }
    print_report(&report, tiles)
}

/// Says what is known of the version of OpenSTA that will measure.
fn warn_of_sta() {
    let Some(line) = tools::version_of("sta") else { return };
    tools::warn_of_version("power", "sta", &line);
    if line.starts_with("2.0.") {
        errln!(
            "power: note: OpenSTA 2.0 counts much of the internal energy twice; see Limits in docs/power.md"
        );
    }
}

fn measure(
    args: &PowerArgs,
    design: &ArrayDesign,
    gates: &Gates,
    runs: &[Run],
) -> Result<PowerReport> {
    errln!("power: energy");
    let config = &design.config;
    let settings = Settings {
        config: config.summary(),
        period_ps: args.period_ps,
        clock_fanout: args.clock_fanout as usize,
        memory_pj_per_bit: args.memory_pj_per_bit,
        memory_bits: (config.rows() + config.cols()) * config.lanes() * config.chunk() as usize,
        keep: args.keep,
        timeout: Duration::from_secs(2 * 60 * 60),
    };
    flexmac_power::measure(gates, runs, &settings, &args.out).context("power")
}

fn modes(args: &PowerArgs, design: &ArrayDesign) -> Result<Vec<Mode>> {
    let config = &design.config;
    if let Some(mode) = args.modes.iter().find(|mode| !mode.fits(config)) {
        bail!("power: --modes: expected modes of {}, found {mode}", config.summary());
    }
    if !args.modes.is_empty() {
        return Ok(args.modes.clone());
    }
    if config.style().is_float() {
        return Ok(vec![Mode::Float(config.style())]);
    }
    let fitting: Vec<Mode> = MODES.into_iter().filter(|mode| mode.fits(config)).collect();
    if fitting.is_empty() {
        let bits = config.max_bits();
        return Ok(vec![Mode::Fixed(bits, bits)]);
    }
    Ok(fitting)
}

/// Operands with their roles, from files or from a training iteration.
fn samples(args: &PowerArgs, design: &ArrayDesign) -> Result<Vec<(OperandRole, Sample)>> {
    if let (Some(a), Some(b)) = (&args.a, &args.b) {
        let (a, b) = (read_operand(a)?, read_operand(b)?);
        if a.is_empty() || b.is_empty() || a.ncols() != b.nrows() {
            bail!(
                "power: expected A (M,K) and B (K,N) with one K, none of them 0, found A {:?} and \
                 B {:?}",
                a.shape(),
                b.shape()
            );
        }
        return Ok(vec![(OperandRole::Given, Sample::whole(flexmac_fxp::Role::Forward, a, b))]);
    }
    let tiles = args.tiles as usize;
    let mut recorder = Recorder::new(SampleSize {
        rows: tiles * design.config.rows(),
        k: args.sample_k as usize,
        cols: tiles * design.config.cols(),
    });
    let net = NetSpec::load(&args.net)?;
    let settings = TrainerConfig { batch: args.batch, seed: args.seed, ..TrainerConfig::default() };
    let plan = NetPlan::new(&net, settings.batch)?;
    let need = InputSpec { shape: plan.input(), classes: plan.classes() };
    let source = DataSource::parse(&args.data);
    let data = source.load_for(settings.seed, need, &ListOptions::default())?;
    let formats = StaticConfig::new(32, 32, plan.tensors())?;
    let policy = Box::new(Static::new(&formats, plan.tensors()));
    let mut trainer = Trainer::<f32>::new(plan, settings, policy, &data)?;
    errln!("power: {} float iterations of {}", args.iters + 1, args.net);
    for iteration in 0..=args.iters {
        recorder.recording = iteration == args.iters;
        trainer.step(&mut recorder, &data)?;
    }
    Ok(recorder.samples.into_iter().map(|sample| (role_of(&sample), sample)).collect())
}

fn read_operand(path: &std::path::Path) -> Result<Array2<f32>> {
    let values = match npy::read_float_matrix(path) {
        Ok(values) => values,
        // Integers of up to 24 bits are exact in a float. Wider ones lose bits that only 32-bit
        // modes use.
        Err(_) => npy::read_matrix(path)?.mapv(|value| value as f32),
    };
    if let Some((at, value)) = values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        bail!("power: {}: expected finite numbers, found {value} at {at:?}", path.display());
    }
    Ok(values)
}

fn print_report(report: &PowerReport, tiles: u64) -> Result<()> {
    outln!("{}, netlist {}", report.config, report.netlist);
    outln!("library    {} ({})", report.library.name, report.library.path);
    outln!(
        "netlist    {} cells, {} nets; {tiles} tiles agree with the reference in every bit",
        report.cells,
        report.nets
    );
    let tree = &report.clock_tree;
    outln!(
        "clock      {:.0} ps; tree of {} {} over {} pins ({:.1} fF): {:.3} pJ a cycle (model)",
        report.period_ps,
        tree.leaves + tree.branches,
        tree.buffer,
        tree.pins,
        tree.pins_ff,
        tree.cycle_pj
    );
    outln!(
        "memory     {} bits a pass-cycle at {:.4} pJ (model, {})",
        report.memory.bits_per_pass_cycle,
        report.memory.pj_per_bit,
        match report.memory.source {
            MemorySource::Given => "given",
            MemorySource::Scaled => "Horowitz 2014 by C V^2",
        }
    );
    match &report.estimate {
        Some(DefaultActivityEstimate { cells, .. }) => outln!(
            "estimate   {:.3} pJ a cycle in cells by OpenSTA's default activity",
            cells.total()
        ),
        None => outln!("estimate   none: OpenSTA fails on its default activity (estimate.log)"),
    }
    outln!("pJ per pass-cycle:");
    outln!(
        "  mode   role             internal switching  leakage clocktree   memory    total   pJ/MAC \
         pJ/MAC-pass  busy  est/meas"
    );
    for case in &report.cases {
        print_case(case)?;
    }
    outln!("cells by part, pJ per pass-cycle:");
    for case in &report.cases {
        let parts: Vec<String> = case
            .parts
            .iter()
            .map(|part| format!("{} {:.3}", part.name, part.energy.total()))
            .collect();
        outln!(
            "  {:6} {:16} {}; flip-flops {:.3}, gates {:.3}",
            case.mode,
            case.role.name(),
            parts.join(", "),
            case.sequential.total(),
            case.combinational.total()
        );
    }
    Ok(())
}

fn print_case(case: &PowerCase) -> Result<()> {
    outln!(
        "  {:6} {:16} {:8.3} {:9.3} {:8.4} {:9.3} {:8.3} {:8.3} {:8.3} {:11.3} {:4.0}% {:>9}",
        case.mode,
        case.role.name(),
        case.cells.internal_pj,
        case.cells.switching_pj,
        case.cells.leakage_pj,
        case.clock_tree_pj,
        case.memory_pj,
        case.total_pj,
        case.mac_pj,
        case.mac_pass_pj,
        100.0 * case.compute_share,
        case.estimate_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
    );
    Ok(())
}
