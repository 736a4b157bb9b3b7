//! A run: makes its engines, restores its checkpoint, trains until the end or an interrupt.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flexmac_cosim::bundle::BundlingEngine;
use flexmac_cosim::{CheckedEngine, ReplayHook, RtlEngine};
use flexmac_dataset::Dataset;
use flexmac_dps::{FormatTable, Policy, Static, StaticConfig, TensorRole, TensorSpec};
use flexmac_engine::{Engine, FloatEngine, ReferenceEngine, RoundedEngine};
use flexmac_nn::{NetPlan, Number, Shape};
use flexmac_record::RunResult;
use flexmac_train::{Checkpoint, Engines, FlattenOrder, RunFolder, Trainer};

use super::TrainArgs;
use super::plan::{EngineKind, Plan};
use crate::bundles;
use crate::cmd::gemm::ArrayEngine;
use crate::cmd::policy;
use crate::engines::{EngineOptions, array_engine};
use crate::interrupt;
use crate::progress::Progress;
use crate::replay::{self, Replayed};
use crate::run_config::{self, RunConfig};

/// Trains as planned.
///
/// # Errors
/// A folder that cannot be written or does not match the plan, a diverged loss, a mismatch between RTL and
/// reference.
pub(super) fn train(args: &TrainArgs, plan: Plan, data: &Dataset) -> Result<RunResult> {
    match plan.engine {
        EngineKind::Float => {
            let (mut train, mut evaluate) = (FloatEngine, FloatEngine);
            let engines = Engines { train: &mut train, evaluate: &mut evaluate };
            train_on::<f32>(args, plan, data, engines)
        }
        _ if plan.bundles.is_some() => train_into_bundles(args, plan, data),
        _ if plan.design.config.style().is_float() => {
            let replay = replay::save_gemm(plan.design.clone(), args.out.as_deref(), false);
            let operands = plan.operands;
            let round = move |engine| match operands {
                None => engine,
                Some(operands) => Box::new(RoundedEngine::new(engine, operands)),
            };
            train_on_array::<f32>(args, plan, data, replay, &round)
        }
        _ => {
            let (design, run) = (plan.design.clone(), args.out.as_deref());
            let replay = replay::save_gemm(design, run, plan.skip_planes);
            train_on_array::<i32>(args, plan, data, replay, &|engine| engine)
        }
    }
}

/// Trains on the reference and saves a sample of the tiles in bundles.
fn train_into_bundles(args: &TrainArgs, plan: Plan, data: &Dataset) -> Result<RunResult> {
    let config = &plan.design.config;
    if config.style().is_float() {
        bail!("--bundles: expected an array of integers, found {}; leave it out", config.summary());
    }
    let mut evaluate = ReferenceEngine::new(config.clone()).with_layout(replay::LAYOUT);
    let reference = evaluate.clone().with_plane_skipping(plan.skip_planes);
    let folder = plan.bundles.clone().expect("called for bundles");
    let rate = plan.check_rate;
    let mut train = BundlingEngine::new(reference, rate, folder).with_context(|| {
        format!("--check-rate: expected a share above 0 and at most 1, found {rate}")
    })?;
    let engines = Engines { train: &mut train, evaluate: &mut evaluate };
    train_on::<i32>(args, plan, data, engines)
}

/// What stands between the network and an engine.
type Wrap<T> = dyn Fn(Box<dyn Engine<T>>) -> Box<dyn Engine<T>>;

/// Trains on the array. Evaluation always uses the reference, which gives the same scores as the
/// model minutes faster.
fn train_on_array<T>(
    args: &TrainArgs,
    plan: Plan,
    data: &Dataset,
    replay: ReplayHook<T>,
    wrap: &Wrap<T>,
) -> Result<RunResult>
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
    let options = EngineOptions {
        layout: replay::LAYOUT,
        trace: None,
        threads: args.threads,
        arrays: plan.arrays,
        skip_planes: plan.skip_planes,
        check_rate: plan.check_rate,
        waves: &replay::folder(args.out.as_deref()).join("tile.fst"),
    };
    let mut train = wrap(array_engine(kind, &plan.design, options, replay)?);
    let reference = ReferenceEngine::new(plan.design.config.clone()).with_layout(replay::LAYOUT);
    let mut evaluate = wrap(Box::new(reference));
    let engines = Engines { train: &mut *train, evaluate: &mut *evaluate };
    train_on(args, plan, data, engines)
}

fn make_policy(
    args: &TrainArgs,
    plan: &mut Plan,
    tensors: &[TensorSpec],
) -> Result<Box<dyn Policy>> {
    if plan.engine == EngineKind::Float || plan.design.config.style().is_float() {
        let found = "floats, which have no formats";
        if let Some(policy) = &args.policy {
            bail!("--policy {policy}: expected integers, found {found}; leave it out");
        }
        args.policies.expect_taken(&plan.settings, found)?;
        for (flag, mode) in [("--round", args.rounding), ("--forward-round", args.forward_rounding)]
        {
            if let Some(mode) = mode {
                bail!("{flag} {mode}: expected integers, found {found}; leave it out");
            }
        }
        // A float run needs a policy but ignores its formats.
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
) -> Result<RunResult>
where
    T: Number + ndarray_npy::WritableElement,
{
    let net_plan = NetPlan::new(&plan.net, plan.trainer.batch)?;
    let tensors = net_plan.tensors().to_vec();
    let policy = make_policy(args, &mut plan, &tensors)?;
    let init = args.init_weights.as_ref().map(|path| Some(path.display().to_string()));
    let init = plan.settings.take("init-weights", &init, None).map(PathBuf::from);
    let order =
        plan.settings.take_given("init-order", &args.init_order, FlattenOrder::default())?;
    let mut config = run_config::new(plan.settings.effective()?, &plan, data);
    let mut trainer = Trainer::<T>::new(net_plan, plan.trainer.clone(), policy, data)?
        .with_sum_bits(plan.design.config.sum_bits());
    let checkpoint = match (&args.out, &plan.recorded) {
        (Some(run), Some(recorded)) => {
            config.init_weights.clone_from(&recorded.init_weights);
            restore(&mut trainer, &config, recorded, run, args.resume_previous)?
        }
        _ => None,
    };
    if let (Some(path), None) = (&init, &checkpoint) {
        config.init_weights = Some(set_weights(&mut trainer, path, order)?);
    }
    // All checks are before the first change to a folder.
    plan.schedule.check(trainer.iteration())?;
    if T::FIXED {
        check_array(&plan, &tensors, trainer.formats())?;
    }
    let bundles = plan.bundles.clone().map(|folder| {
        let had = |run: &RunConfig| run.settings.contains_key("bundles");
        let start = match (&plan.recorded, trainer.iteration()) {
            (None, _) => bundles::Start::First { force: args.force },
            (Some(run), iteration) => bundles::Start::GoOn { iteration, had: had(run) },
        };
        (folder, start)
    });
    if let Some((bundles, start)) = &bundles {
        bundles::check(bundles, *start)?;
    }
    let mut folder = match (&args.out, &plan.recorded) {
        (None, _) => None,
        (Some(run), None) => Some(RunFolder::create(run, args.force)?),
        (Some(run), Some(recorded)) => {
            run_config::check_same_run(&config, recorded, run)?;
            Some(RunFolder::resume(run, checkpoint.as_ref())?)
        }
    };
    if let Some((bundles, start)) = &bundles {
        bundles::prepare(bundles, &plan.design, *start)?;
    }
    plan.settings.print();
    if let Some(folder) = &folder {
        folder.write_json("config.json", &config)?;
    }
    let stop = interrupt::flag("finishing this iteration")?;
    let mut progress = Progress::new(plan.schedule.iterations);
    let summary = flexmac_train::run(
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

/// Starts from the weights of a file; returns its SHA-256.
fn set_weights<T: Number>(
    trainer: &mut Trainer<T>,
    path: &Path,
    order: FlattenOrder,
) -> Result<String> {
    let plan = trainer.plan();
    let mut weights = flexmac_train::read_weights(path, &plan.weight_shapes())?;
    order.import(plan, &mut weights.tensors);
    let flattened = order_note(plan, order);
    trainer.set_weights(path, &weights.tensors)?;
    if !weights.skipped.is_empty() {
        let names: Vec<_> =
            weights.skipped.iter().map(|name| name.escape_debug().to_string()).collect();
        errln!("{}: skipped what the network has not: {}", path.display(), names.join(", "));
    }
    if let Some(flattened) = flattened {
        errln!("{}: {flattened}; --init-order chooses", path.display());
    }
    Ok(weights.sha256)
}

/// Which order is taken for which tensors, if there are any to which it matters.
pub(crate) fn order_note(plan: &NetPlan, order: FlattenOrder) -> Option<String> {
    let tensors = FlattenOrder::matters(plan);
    let one = |(name, input): &(String, Shape)| format!("{name} (of {input})");
    let names: Vec<_> = tensors.iter().map(one).collect();
    let (words, names) = (order.words(), names.join(", "));
    let whose = match order {
        FlattenOrder::Hwc => "flexmac's; PyTorch's is chw",
        FlattenOrder::Chw => "PyTorch's; flexmac's is hwc",
    };
    let note = format!("columns of {names} are ordered by {words} ({order}, {whose})");
    (!tensors.is_empty()).then_some(note)
}

/// Checks that the array supports the rounding of the run and the first widths of all operands.
fn check_array(plan: &Plan, tensors: &[TensorSpec], formats: &FormatTable) -> Result<()> {
    let config = &plan.design.config;
    let modes = &config.spec().rounding;
    let forward = plan.trainer.forward_rounding.unwrap_or(plan.trainer.rounding);
    for (flag, mode) in [("--round", plan.trainer.rounding), ("--forward-round", forward)] {
        if !modes.contains(mode) {
            bail!("{flag}: expected a mode of the array, one of {modes}, found {mode}");
        }
    }
    let most = config.max_bits();
    for (tensor, formats) in tensors.iter().zip(formats.iter()) {
        let value = formats.forward.bits().max(formats.reused().bits());
        let gradient = formats.backward.bits();
        let bits = match tensor.role {
            TensorRole::Input | TensorRole::HostOutput | TensorRole::Weight { .. } => value,
            TensorRole::Activation => value.max(gradient),
            TensorRole::Normalized | TensorRole::Logits { .. } => gradient,
            TensorRole::Bias | TensorRole::Normalization => continue,
        };
        if bits > most {
            bail!(
                "tensor {}: expected at most {most} bits, the array's widest operand, found {bits}; \
                 choose a narrower format, or an array of larger --max-bits",
                tensor.name
            );
        }
    }
    Ok(())
}

/// Restores the trainer from a checkpoint of a run with the same settings, if there is one. Changes
/// nothing on disk.
fn restore<T: Number>(
    trainer: &mut Trainer<T>,
    config: &RunConfig,
    recorded: &RunConfig,
    run: &Path,
    previous: bool,
) -> Result<Option<Checkpoint<T>>> {
    run_config::check_same_run(config, recorded, run)?;
    let checkpoint = flexmac_train::load_checkpoint::<T>(run, previous)?;
    match &checkpoint {
        Some(checkpoint) => {
            let place = || format!("resume {}", run.display());
            trainer.restore(checkpoint.state.clone()).with_context(place)?;
            run_config::check_iterations(config, trainer.iteration())?;
            errln!("resuming after iteration {}", trainer.iteration());
        }
        None => errln!("no checkpoint in {}: starting from the beginning", run.display()),
    }
    Ok(checkpoint)
}
