//! `flexmac train`: from flags to a run.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use cosim::bundle::BundlingEngine;
use cosim::{CheckedEngine, Engine, FloatEngine, ReferenceEngine, ReplayHook, RtlEngine};
use dps::{Policy, Static, StaticConfig, TensorSpec};
use fxp::Rounding;
use nn::data::{DataSource, Dataset, Need};
use nn::{
    Checkpoint, Engines, NetPlan, NetSpec, Number, RunFolder, Schedule, Solver, Summary, Trainer,
    TrainerConfig,
};
use rtlgen::{Config, ConfigSpec, Style};
use serde::{Deserialize, Serialize};

use crate::bundles;
use crate::cmd::check::print_tiles;
use crate::cmd::gemm::ArrayEngine;
use crate::cmd::listed::ListArgs;
use crate::cmd::policy::{self, PolicyArgs};
use crate::engines::{Design, Manner, Replayed, array_engine, models};
use crate::progress::Progress;
use crate::replay;
use crate::run_config::RunConfig;
use crate::settings::Settings;

/// Train a network under a precision policy, on an array, its reference, or in float
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Network: lenet, lenet-small, mlp, cifar, alexnet, alexnet-small, or a description of one
    /// [default: lenet]
    #[arg(long, value_name = "NAME|FILE.toml")]
    net: Option<String>,
    /// Data: fashion-mnist, mnist, synthetic, a folder of IDX files or image lists (train.txt,
    /// test.txt), or the files themselves, between commas [default: fashion-mnist]
    #[arg(long, value_name = "NAME|DIR|FILES")]
    data: Option<String>,
    /// What multiplies [default: reference]
    #[arg(long)]
    engine: Option<EngineKind>,
    /// Precision policy; float runs have none [default: na2016]
    #[arg(long, value_parser = policy::names())]
    policy: Option<String>,
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
    /// First weights, a .safetensors or .npz file (flexmac weights export) [default: random]
    #[arg(long, value_name = "FILE")]
    init_weights: Option<PathBuf>,
    /// Folder for history, weights and results; without it they are not kept
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Write over an earlier run in --out
    #[arg(long, conflicts_with_all = ["resume", "resume_previous"])]
    force: bool,
    /// Go on with the run in --out from its last checkpoint: settings are the run's own, and only
    /// --iters (to more), --engine (not to or from float), --threads and --checkpoint-every may
    /// change
    #[arg(long, requires = "out")]
    resume: bool,
    /// Like --resume, from the checkpoint before the last
    #[arg(long, requires = "out")]
    resume_previous: bool,
    /// Iterations between checkpoints in --out; 0 for one at the end or an interrupt only
    /// [default: 100]
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// Folder of a generated array (flexmac gen) [default: the parameters of flexmac describe]
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Models of the array that share the tiles of each product, one thread each; changes no number
    /// [default: one per core]
    #[arg(long, value_name = "N", value_parser = models)]
    threads: Option<NonZeroUsize>,
    /// Arrays that share each product, the images of a batch dealt out among them: weights to the bit
    /// as on one, cycles those of the slowest [default: 1]
    #[arg(long, value_name = "N", value_parser = models, conflicts_with = "threads")]
    arrays: Option<NonZeroUsize>,
    /// Share of all tiles, drawn at random from the run's seed, that --engine checked runs on the
    /// RTL as well and compares with the reference, which computes everything, or that go into
    /// --bundles; above 0, 1 for every tile on the RTL [default: 1]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    check_rate: Option<f64>,
    /// Leave the tiles that --check-rate draws in this folder, a bundle an iteration, for flexmac check
    /// to run on the RTL later and elsewhere; with --engine reference
    #[arg(long, value_name = "DIR")]
    bundles: Option<PathBuf>,
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
    lists: ListArgs,
    #[command(flatten)]
    policies: PolicyArgs,
}

/// A share of all, but not of none.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "expected a number above 0 and at most 1".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
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

impl EngineKind {
    /// As the flag has it.
    fn name(self) -> String {
        self.to_possible_value().expect("no engine is hidden").get_name().to_owned()
    }
}

/// What the flags come to, apart from engine and policy.
pub struct Plan {
    settings: Settings,
    engine: EngineKind,
    /// Share of the tiles that engine checked checks, or that go into bundles.
    check_rate: f64,
    /// Arrays that share each product.
    arrays: NonZeroUsize,
    /// Folder of the bundles.
    bundles: Option<PathBuf>,
    /// The array.
    pub design: Design,
    /// The network.
    pub net: NetSpec,
    /// What changes the run's numbers.
    pub trainer: TrainerConfig,
    schedule: Schedule,
    /// Of the run to go on with.
    recorded: Option<RunConfig>,
}

/// Runs `flexmac train`.
///
/// # Errors
/// Settings out of range, data that are missing or malformed, a diverged loss, a mismatch between
/// RTL and reference.
pub fn run(args: &TrainArgs) -> Result<()> {
    let resume = args.resume || args.resume_previous;
    let recorded = match &args.out {
        Some(run) if resume => Some(RunConfig::read(run)?),
        _ => None,
    };
    let mut settings = Settings::new(recorded.as_ref().map(|run| run.settings.clone()));
    settings.may_change(&["engine", "iters", "checkpoint-every", "data-memory"]);
    let engine = settings.take("engine", &args.engine, EngineKind::Reference);
    let bundles = take_bundles(args, engine, recorded.as_ref(), &mut settings)?;
    let check_rate = match engine {
        // Only where it means something: so a run that goes on with this engine can choose.
        EngineKind::Checked => settings.take("check-rate", &args.check_rate, 1.0),
        _ if bundles.is_some() => settings.take("check-rate", &args.check_rate, 1.0),
        _ if args.check_rate.is_some() => bail!(
            "--check-rate: expected --engine checked or --bundles with it, found --engine {}",
            engine.name()
        ),
        _ => 1.0,
    };
    let net = settings.take("net", &args.net, "lenet".to_owned());
    let net = match &recorded {
        // The description may have been edited since; the run's own is in its settings.
        Some(run) if args.net.is_none() => run.network.clone(),
        _ => NetSpec::load(&net)?,
    };
    let source = settings.take("data", &args.data, "fashion-mnist".to_owned());
    let design = load_design(args.config.as_deref(), &mut settings)?;
    let arrays = settings.take("arrays", &args.arrays, NonZeroUsize::MIN);
    check_arrays(arrays, engine, (check_rate, bundles.is_some()), &design.config)?;
    let defaults = TrainerConfig::default();
    let solver = Solver {
        base_rate: settings.take("lr", &args.lr, defaults.solver.base_rate),
        momentum: settings.take("momentum", &args.momentum, defaults.solver.momentum),
        decay: settings.take("weight-decay", &args.weight_decay, defaults.solver.decay),
        ..defaults.solver
    };
    let rounding = settings.take("rounding", &args.rounding, defaults.rounding);
    let own = args.policy.as_deref().map(policy::by_name).transpose()?;
    let forward = own.and_then(|policy| policy.forward_rounding).unwrap_or(rounding);
    let trainer = TrainerConfig {
        batch: settings.take("batch", &args.batch, defaults.batch),
        seed: settings.take("seed", &args.seed, defaults.seed),
        rounding,
        forward_rounding: Some(settings.take("forward-rounding", &args.forward_rounding, forward)),
        solver,
        // Below 2^32.
        loss_window: settings.take("loss-window", &args.policies.loss_window(), 100) as usize,
    };
    let (shape, classes) = {
        let plan = NetPlan::new(&net, trainer.batch)?;
        (plan.input(), plan.classes())
    };
    let source = DataSource::parse(&source);
    let lists = args.lists.settle(&source, shape, &mut settings)?;
    let data = source.load_for(trainer.seed, Need { shape, classes }, &lists)?;
    let all = data.test.len();
    let schedule = Schedule {
        iterations: settings.take("iters", &args.iters, 1000),
        evaluate_every: settings.take("eval-every", &args.eval_every, 0),
        final_images: settings.take("eval-images", &args.eval_images, all),
        evaluate_images: settings.given("eval-images").unwrap_or(2000),
        checkpoint_every: settings.take("checkpoint-every", &args.checkpoint_every, 100),
    };
    let plan = Plan {
        settings,
        engine,
        check_rate,
        arrays,
        bundles,
        design,
        net,
        trainer,
        schedule,
        recorded,
    };
    let bundles = plan.bundles.clone();
    let summary = match engine {
        EngineKind::Float => {
            let (mut train, mut evaluate) = (FloatEngine, FloatEngine);
            let engines = Engines { train: &mut train, evaluate: &mut evaluate };
            train_on::<f32>(args, plan, &data, engines)?
        }
        _ if plan.bundles.is_some() => train_into_bundles(args, plan, &data)?,
        _ if plan.design.config.style() == Style::Fp32 => {
            train_on_array::<f32>(args, plan, &data, replay::name_product())?
        }
        _ => {
            let replay = replay::save_product(plan.design.clone(), args.out.as_deref());
            train_on_array::<i32>(args, plan, &data, replay)?
        }
    };
    print_summary(&summary, engine, args.json)?;
    if let (Some(folder), false) = (bundles, args.json) {
        let folder = folder.display();
        outln!("bundles          {folder}: flexmac check {folder}");
    }
    Ok(())
}

/// The folder of bundles: only where one is given, or the run that goes on has one.
fn take_bundles(
    args: &TrainArgs,
    engine: EngineKind,
    recorded: Option<&RunConfig>,
    settings: &mut Settings,
) -> Result<Option<PathBuf>> {
    if engine != EngineKind::Reference {
        if args.bundles.is_some() {
            let found = engine.name();
            bail!("--bundles: expected --engine reference with it, found --engine {found}");
        }
        return Ok(None);
    }
    let given = args.bundles.as_ref().map(|folder| folder.display().to_string());
    if given.is_none() && !recorded.is_some_and(|run| run.settings.contains_key("bundles")) {
        return Ok(None);
    }
    Ok(Some(settings.take("bundles", &given, String::new()).into()))
}

/// Trains by the reference and leaves a sample of its tiles in bundles.
fn train_into_bundles(args: &TrainArgs, plan: Plan, data: &Dataset) -> Result<Summary> {
    let config = &plan.design.config;
    if config.style() == Style::Fp32 {
        bail!("--bundles: expected an array of integers, found {}; leave it out", config.summary());
    }
    let reference = ReferenceEngine::new(config.clone()).with_layout(replay::LAYOUT);
    let mut evaluate = reference.clone();
    let folder = plan.bundles.clone().expect("called for bundles");
    let rate = plan.check_rate;
    let mut train = BundlingEngine::new(reference, rate, folder).with_context(|| {
        format!("--check-rate: expected a share above 0 and at most 1, found {rate}")
    })?;
    let engines = Engines { train: &mut train, evaluate: &mut evaluate };
    train_on::<i32>(args, plan, data, engines)
}

/// Several arrays need sums that are exact in any order, and every tile on the RTL or none.
fn check_arrays(
    arrays: NonZeroUsize,
    engine: EngineKind,
    (check_rate, bundles): (f64, bool),
    config: &Config,
) -> Result<()> {
    if arrays.get() == 1 {
        return Ok(());
    }
    let found = if engine == EngineKind::Float {
        "--engine float".to_owned()
    } else if config.style() == Style::Fp32 {
        "an array of style fp32, whose sums depend on their order".to_owned()
    } else if check_rate < 1.0 {
        format!("--check-rate {check_rate}, which draws from the tiles of one array")
    } else if bundles {
        "--bundles, which hold the tiles of one array".to_owned()
    } else {
        return Ok(());
    };
    bail!("--arrays {arrays}: expected integers, all checked or none; found {found}")
}

/// Trains on the array. What evaluates is always the reference, which gives the same scores as the
/// model without its minutes.
fn train_on_array<T>(
    args: &TrainArgs,
    plan: Plan,
    data: &Dataset,
    replay: ReplayHook<T>,
) -> Result<Summary>
where
    T: Number + Replayed + ndarray_npy::WritableElement,
    ReferenceEngine: Engine<T>,
    RtlEngine: Engine<T>,
    CheckedEngine: Engine<T>,
{
    let kind = match plan.engine {
        EngineKind::Float | EngineKind::Reference => ArrayEngine::Reference,
        EngineKind::Rtl => ArrayEngine::Rtl,
        EngineKind::Checked => ArrayEngine::Checked,
    };
    let manner = Manner {
        layout: replay::LAYOUT,
        trace: None,
        threads: args.threads,
        arrays: plan.arrays,
        check_rate: plan.check_rate,
        waves: &replay::folder(args.out.as_deref()).join("tile.fst"),
    };
    let mut train = array_engine(kind, &plan.design, manner, replay)?;
    let mut evaluate = ReferenceEngine::new(plan.design.config.clone()).with_layout(replay::LAYOUT);
    let engines = Engines { train: &mut *train, evaluate: &mut evaluate };
    train_on(args, plan, data, engines)
}

/// The array of a generated folder, or the default one.
fn load_design(folder: Option<&Path>, settings: &mut Settings) -> Result<Design> {
    let given = folder.map(|folder| folder.display().to_string());
    let name = settings.take("config", &given, "default array".to_owned());
    if settings.is_default("config") {
        return Design::generate(ConfigSpec::default().check()?);
    }
    Design::read(Path::new(&name))
}

fn make_policy(
    args: &TrainArgs,
    plan: &mut Plan,
    tensors: &[TensorSpec],
) -> Result<Box<dyn Policy>> {
    if plan.engine == EngineKind::Float || plan.design.config.style() == Style::Fp32 {
        // Formats are made but never looked at.
        return Ok(Box::new(Static::new(&StaticConfig::new(32, 32, tensors)?, tensors)));
    }
    let settings = &mut plan.settings;
    let kind = settings.take("policy", &args.policy, "na2016".to_owned());
    args.policies.make(policy::by_name(&kind)?, settings, &plan.design.config, tensors)
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
    let init = args.init_weights.as_ref().map(|path| Some(path.display().to_string()));
    let init = plan.settings.take("init-weights", &init, None).map(PathBuf::from);
    let mut config = RunConfig::new(plan.settings.effective()?, &plan, data);
    let mut trainer = Trainer::<T>::new(net_plan, plan.trainer, policy, data)?;
    let checkpoint = match (&args.out, &plan.recorded) {
        (Some(run), Some(recorded)) => {
            config.init_weights.clone_from(&recorded.init_weights);
            go_on(&mut trainer, &config, recorded, run, args.resume_previous)?
        }
        _ => None,
    };
    if let (Some(path), None) = (&init, &checkpoint) {
        let weights = nn::read_weights(path)?;
        trainer.set_weights(path, &weights.tensors)?;
        config.init_weights = Some(weights.sha256);
    }
    let mut folder = match (&args.out, &plan.recorded) {
        (None, _) => None,
        (Some(run), None) => Some(RunFolder::create(run, args.force)?),
        (Some(run), Some(recorded)) => {
            config.check_same_run(recorded, run)?;
            Some(RunFolder::resume(run, checkpoint.as_ref())?)
        }
    };
    if let Some(bundles) = &plan.bundles {
        let had = |run: &RunConfig| run.settings.contains_key("bundles");
        let start = match (&plan.recorded, trainer.iteration()) {
            (None, _) => bundles::Start::First { force: args.force },
            (Some(run), iteration) => bundles::Start::GoOn { iteration, had: had(run) },
        };
        bundles::prepare(bundles, &plan.design, start)?;
    }
    plan.settings.print();
    if let Some(folder) = &folder {
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

/// Brings the trainer back to a checkpoint of a run of the same settings, if there is one. Nothing
/// on the disk changes.
fn go_on<T: Number>(
    trainer: &mut Trainer<T>,
    config: &RunConfig,
    recorded: &RunConfig,
    run: &Path,
    previous: bool,
) -> Result<Option<Checkpoint<T>>> {
    config.check_same_run(recorded, run)?;
    let checkpoint = nn::load_checkpoint::<T>(run, previous)?;
    match &checkpoint {
        Some(checkpoint) => {
            let place = || format!("go on with {}", run.display());
            trainer.restore(checkpoint.state.clone()).with_context(place)?;
            config.check_iterations(trainer.iteration())?;
            eprintln!("going on after iteration {}", trainer.iteration());
        }
        None => eprintln!("no checkpoint in {}: starting from the beginning", run.display()),
    }
    Ok(checkpoint)
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

fn print_summary(summary: &Summary, engine: EngineKind, json: bool) -> Result<()> {
    if json {
        outln!("{}", serde_json::to_string(summary)?);
        return Ok(());
    }
    let stopped = if summary.stopped { " (stopped)" } else { "" };
    outln!("iterations       {}{stopped}", summary.iterations);
    outln!("loss             {:.4} (smoothed)", summary.smoothed_loss);
    outln!(
        "accuracy         {:.2} % of {} test images",
        100.0 * summary.accuracy,
        summary.accuracy_images
    );
    outln!("overflows        {}", summary.overflows);
    outln!("passes per MAC   {:.2}", summary.passes_per_mac);
    outln!("cycles           {}", summary.total.cycles.busy);
    if engine == EngineKind::Checked {
        let total = &summary.total;
        print_tiles(total.tiles, total.tiles_checked, 0, summary.wrong_tiles_bound)?;
    }
    let per_iteration = 1e3 * summary.train_seconds / summary.iterations as f64;
    outln!("time             {:.1} s, {per_iteration:.0} ms per iteration", summary.seconds);
    Ok(())
}
