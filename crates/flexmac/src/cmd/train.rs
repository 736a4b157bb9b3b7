//! `flexmac train`: from flags to a run.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use cosim::{Engine, FloatEngine, ReferenceEngine};
use dps::{Policy, Static, StaticConfig, TensorSpec};
use fxp::Rounding;
use indicatif::{ProgressBar, ProgressStyle};
use nn::data::{DataSource, Dataset};
use nn::{
    Engines, IterationRecord, NetPlan, NetSpec, Number, RunFolder, Schedule, Solver, Summary,
    Trainer, TrainerConfig,
};
use rtlgen::ConfigSpec;
use serde::Serialize;
use serde_json::json;

use crate::cmd::gemm::FixedEngine;
use crate::cmd::policy::{PolicyArgs, PolicyKind};
use crate::engines::{Design, fixed_engine};
use crate::replay;
use crate::settings::Settings;

/// Train a network under a precision policy, on an array, its reference, or in float
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Network: lenet, lenet-small or mlp [default: lenet]
    #[arg(long, value_name = "NAME")]
    net: Option<String>,
    /// Data: fashion-mnist, mnist, synthetic, or a folder of IDX files [default: fashion-mnist]
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<String>,
    /// What multiplies [default: reference]
    #[arg(long)]
    engine: Option<EngineKind>,
    /// Precision policy; float runs have none [default: na2016]
    #[arg(long)]
    policy: Option<PolicyKind>,
    /// Rounding of every product and of every host result: nearest, truncate or stochastic
    /// [default: stochastic]
    #[arg(long, value_name = "MODE")]
    rounding: Option<Rounding>,
    /// Rounding of the way forward alone: the input, layer outputs, and the copies of parameters
    /// that enter the array [default: nearest under planewise, else that of --rounding]
    #[arg(long, value_name = "MODE")]
    forward_rounding: Option<Rounding>,
    /// Iterations [default: 1000]
    #[arg(long, value_name = "N")]
    iters: Option<u64>,
    /// Images per iteration [default: 64]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Learning rate at the start [default: 0.01]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// Momentum [default: 0.9]
    #[arg(long, value_name = "M")]
    momentum: Option<f64>,
    /// Weight decay [default: 0.0005]
    #[arg(long, value_name = "D")]
    weight_decay: Option<f64>,
    /// Seed of weights, image order and random streams [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Folder for history, weights and results; without it they are not kept
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Write over an earlier run in --out
    #[arg(long)]
    force: bool,
    /// Folder of a generated array (flexmac gen) [default: the parameters of flexmac describe]
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Iterations between evaluations, 0 for the end only [default: 0]
    #[arg(long, value_name = "N")]
    eval_every: Option<u64>,
    /// Test images of an evaluation [default: 2000 on the way, all at the end]
    #[arg(long, value_name = "N")]
    eval_images: Option<usize>,
    /// The final summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    policies: PolicyArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum EngineKind {
    /// Single precision
    Float,
    /// Exact integers with the array's rounding and cycle model
    Reference,
    /// The Verilated array
    Rtl,
    /// The Verilated array, compared with the reference
    Checked,
}

/// What the flags come to, apart from engine and policy.
struct Plan {
    settings: Settings,
    engine: EngineKind,
    design: Design,
    net: NetSpec,
    trainer: TrainerConfig,
    schedule: Schedule,
}

/// Runs `flexmac train`.
///
/// # Errors
/// Settings out of range, data that are missing or malformed, a diverged loss, a mismatch between
/// RTL and reference.
pub fn run(args: &TrainArgs) -> Result<()> {
    let mut settings = Settings::default();
    let engine = settings.take("engine", &args.engine, EngineKind::Reference);
    let net = NetSpec::by_name(&settings.take("net", &args.net, "lenet".to_owned()))?;
    let source = settings.take("data", &args.data, "fashion-mnist".to_owned());
    let design = load_design(args.config.as_deref(), &mut settings)?;
    let defaults = TrainerConfig::default();
    let solver = Solver {
        base_rate: settings.take("lr", &args.lr, defaults.solver.base_rate),
        momentum: settings.take("momentum", &args.momentum, defaults.solver.momentum),
        decay: settings.take("weight-decay", &args.weight_decay, defaults.solver.decay),
        ..defaults.solver
    };
    let rounding = settings.take("rounding", &args.rounding, defaults.rounding);
    let nearest = args.policy == Some(PolicyKind::Planewise);
    let forward = if nearest { Rounding::Nearest } else { rounding };
    let trainer = TrainerConfig {
        batch: settings.take("batch", &args.batch, defaults.batch),
        seed: settings.take("seed", &args.seed, defaults.seed),
        rounding,
        forward_rounding: Some(settings.take("forward-rounding", &args.forward_rounding, forward)),
        solver,
        loss_window: args.policies.loss_window().unwrap_or(defaults.loss_window),
    };
    let data = DataSource::parse(&source).load(trainer.seed)?;
    let all = data.test.len();
    let schedule = Schedule {
        iterations: settings.take("iters", &args.iters, 1000),
        evaluate_every: settings.take("eval-every", &args.eval_every, 0),
        evaluate_images: args.eval_images.unwrap_or(2000),
        final_images: settings.take("eval-images", &args.eval_images, all),
    };
    let plan = Plan { settings, engine, design, net, trainer, schedule };
    let summary = match engine {
        EngineKind::Float => {
            let (mut train, mut evaluate) = (FloatEngine, FloatEngine);
            let engines = Engines { train: &mut train, evaluate: &mut evaluate };
            train_on::<f32>(args, plan, &data, engines)?
        }
        _ => {
            let (mut train, mut evaluate) = fixed_engines(&plan, args.out.as_deref())?;
            let engines = Engines { train: &mut *train, evaluate: &mut *evaluate };
            train_on::<i32>(args, plan, &data, engines)?
        }
    };
    print_summary(&summary, args.json)
}

type BoxedEngine = Box<dyn Engine<i32>>;

/// The engine that trains and the one that evaluates: always the reference, which gives the same
/// scores as the model without its minutes.
fn fixed_engines(plan: &Plan, out: Option<&Path>) -> Result<(BoxedEngine, BoxedEngine)> {
    let kind = match plan.engine {
        EngineKind::Float | EngineKind::Reference => FixedEngine::Reference,
        EngineKind::Rtl => FixedEngine::Rtl,
        EngineKind::Checked => FixedEngine::Checked,
    };
    let replay = replay::save_product(plan.design.clone(), out);
    let train = fixed_engine(kind, &plan.design, None, Some(replay))?;
    Ok((train, Box::new(ReferenceEngine::new(plan.design.config.clone()))))
}

/// The array of a generated folder, or the default one.
fn load_design(folder: Option<&Path>, settings: &mut Settings) -> Result<Design> {
    let given = folder.map(|folder| folder.display().to_string());
    settings.take("config", &given, "default array".to_owned());
    match folder {
        None => Design::generate(ConfigSpec::default().check()?),
        Some(folder) => Design::read(folder),
    }
}

fn make_policy(
    args: &TrainArgs,
    plan: &mut Plan,
    tensors: &[TensorSpec],
) -> Result<Box<dyn Policy>> {
    if plan.engine == EngineKind::Float {
        // Formats are made but never looked at.
        return Ok(Box::new(Static::new(&StaticConfig::new(32, 32, tensors)?, tensors)));
    }
    let settings = &mut plan.settings;
    let kind = settings.take("policy", &args.policy, PolicyKind::Na2016);
    args.policies.make(kind, settings, &plan.design.config, tensors)
}

fn train_on<T>(
    args: &TrainArgs,
    mut plan: Plan,
    data: &Dataset,
    mut engines: Engines<'_, T>,
) -> Result<Summary>
where
    T: Number + ndarray_npy::WritableElement,
{
    let net_plan = NetPlan::new(&plan.net, plan.trainer.batch)?;
    let policy = make_policy(args, &mut plan, net_plan.tensors())?;
    let mut trainer = Trainer::<T>::new(net_plan, plan.trainer, policy, data)?;
    let mut folder = match &args.out {
        Some(path) => Some(RunFolder::create(path, args.force)?),
        None => None,
    };
    plan.settings.print();
    if let Some(folder) = &folder {
        let config = json!({
            "flexmac": env!("CARGO_PKG_VERSION"),
            "command": "train",
            "settings": plan.settings.0,
            "network": plan.net,
            "solver": plan.trainer.solver,
            "array": plan.design.config.spec(),
        });
        folder.write_json("config.json", &config)?;
    }
    let stop = stop_on_interrupt()?;
    let mut progress = Progress::new(plan.schedule.iterations);
    let summary = nn::run(
        &mut trainer,
        &mut engines,
        data,
        &plan.schedule,
        folder.as_mut(),
        &stop,
        &mut |record| progress.show(record),
    );
    progress.end();
    Ok(summary?)
}

/// A flag that the first interrupt sets; the second ends the process at once.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let handle = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if handle.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\ninterrupted: finishing this iteration; interrupt again to stop at once");
    })
    .context("set the interrupt handler")?;
    Ok(stop)
}

/// A bar on a terminal, a line for about every tenth elsewhere.
enum Progress {
    Bar(ProgressBar),
    Lines { every: u64 },
}

impl Progress {
    fn new(iterations: u64) -> Self {
        if io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} [{eta} left] {msg}")
                .expect("a constant template");
            Self::Bar(ProgressBar::new(iterations).with_style(style))
        } else {
            Self::Lines { every: iterations.div_ceil(10).max(1) }
        }
    }

    fn show(&mut self, record: &IterationRecord) {
        let done = record.iteration + 1;
        let width = record.widths.map_or(String::new(), |widths| {
            let (forward, backward) = (widths.forward, widths.backward);
            if forward == backward && forward == widths.update {
                format!("  {forward} bits ({})", record.phase)
            } else {
                format!("  {forward}/{backward}/{} bits ({})", widths.update, record.phase)
            }
        });
        let accuracy = record
            .accuracy
            .map_or(String::new(), |accuracy| format!("  accuracy {:.2} %", 100.0 * accuracy));
        let loss = format!("loss {:.4}", record.smoothed_loss);
        match self {
            Self::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(format!("{loss}{width}{accuracy}"));
            }
            Self::Lines { every } => {
                if done.is_multiple_of(*every) || done == 1 || record.accuracy.is_some() {
                    eprintln!("iteration {done:6}  {loss}{width}{accuracy}");
                }
            }
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}

fn print_summary(summary: &Summary, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(summary)?);
        return Ok(());
    }
    let stopped = if summary.stopped { " (stopped)" } else { "" };
    println!("iterations       {}{stopped}", summary.iterations);
    println!("loss             {:.4} (smoothed)", summary.smoothed_loss);
    println!(
        "accuracy         {:.2} % of {} test images",
        100.0 * summary.accuracy,
        summary.accuracy_images
    );
    println!("overflows        {}", summary.overflows);
    println!("passes per MAC   {:.2}", summary.passes_per_mac);
    println!("cycles           {}", summary.total.cycles.busy);
    if summary.total.tiles_checked > 0 {
        println!("tiles checked    {} of {}", summary.total.tiles_checked, summary.total.tiles);
    }
    let per_iteration = 1e3 * summary.train_seconds / summary.iterations as f64;
    println!("time             {:.1} s, {per_iteration:.0} ms per iteration", summary.seconds);
    Ok(())
}
