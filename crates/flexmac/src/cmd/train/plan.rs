//! The plan of a run, from its flags, the record of a resumed run, and defaults.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use flexmac_array::{ArrayConfig, ArraySpec};
use flexmac_dataset::{DataSource, Dataset, InputSpec};
use flexmac_engine::OperandRounding;
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_train::{Solver, TrainerConfig, TrainingSchedule};
use serde::{Deserialize, Serialize};

use super::TrainArgs;
use crate::cmd::policy;
use crate::engines::ArrayDesign;
use crate::run_config::{self, RunConfig};
use crate::settings::Settings;
use crate::shell::value_name;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EngineKind {
    /// Single precision
    Float,
    /// Exact integers with the array's rounding and cycle model
    Reference,
    /// The Verilated array
    Rtl,
    /// The Verilated array, compared with the reference
    Checked,
}

/// Which of CIFAR-100's labels are the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Labels {
    /// A hundred
    Fine,
    /// Twenty
    Coarse,
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&value_name(self))
    }
}

/// Where the multipliers of the learning rate and the weight decay come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MultiplierSource {
    /// The network's description
    Network,
    /// Caffe's prototxt of the network
    Caffe,
}

/// A checked run: everything but the engine and the policy.
pub struct Plan {
    pub(super) settings: Settings,
    pub(super) engine: EngineKind,
    /// Share of the tiles that engine `checked` compares, or that go into bundles.
    pub(super) check_rate: f64,
    /// Arrays that share each GEMM.
    pub(super) arrays: NonZeroUsize,
    /// Whether planes of sign extension and panels of zeros are skipped.
    pub(super) skip_planes: bool,
    /// Folder of the bundles.
    pub(super) bundles: Option<PathBuf>,
    /// The array.
    pub design: ArrayDesign,
    /// How operands are rounded to the array's formats, if they are floats narrower than binary32.
    pub(super) operands: Option<OperandRounding>,
    /// The network.
    pub net: NetSpec,
    /// The settings that change numbers of the run.
    pub trainer: TrainerConfig,
    pub(super) schedule: TrainingSchedule,
    /// Record of the run to resume.
    pub(super) recorded: Option<RunConfig>,
}

impl Plan {
    /// Makes the plan and loads its data.
    ///
    /// # Errors
    /// Settings out of range or not fitting together, a network or data that are missing or malformed.
    pub(super) fn new(args: &TrainArgs) -> Result<(Self, Dataset)> {
        let resume = args.resume || args.resume_previous;
        let recorded = match &args.out {
            Some(run) if resume => Some(run_config::read(run).context("--resume")?),
            _ => None,
        };
        let mut settings = Settings::new(recorded.as_ref().map(|run| run.settings.clone()));
        settings.may_change(&["engine", "iters", "checkpoint-every", "data-memory"]);
        let engine = settings.take("engine", &args.engine, EngineKind::Reference);
        let bundles = take_bundles(args, engine, recorded.as_ref(), &mut settings)?;
        let check_rate = match engine {
            // Only with this engine: a run resumed with it can then still choose.
            EngineKind::Checked => settings.take("check-rate", &args.check_rate, 1.0),
            _ if bundles.is_some() => settings.take("check-rate", &args.check_rate, 1.0),
            _ if args.check_rate.is_some() => bail!(
                "--check-rate: expected --engine checked or --bundles with it, found --engine {}",
                value_name(&engine)
            ),
            _ => 1.0,
        };
        let net = settings.take("net", &args.net, "lenet".to_owned());
        let multipliers =
            settings.take("multipliers", &args.multipliers, MultiplierSource::Network);
        let net = match (&recorded, multipliers) {
            // The file may have been edited since; config.json has the network of the run.
            (Some(run), _) if args.net.is_none() => run.network.clone(),
            (_, MultiplierSource::Network) => NetSpec::load(&net)?,
            (_, MultiplierSource::Caffe) => {
                NetSpec::by_name_with_caffe_multipliers(&net).context("--multipliers caffe")?
            }
        };
        let source = settings.take("data", &args.data, "fashion-mnist".to_owned());
        let design = load_design(args.config.as_deref(), &mut settings)?;
        let arrays = settings.take("arrays", &args.arrays, NonZeroUsize::MIN);
        let floats = args.floats.settle(engine, &design.config, &mut settings)?;
        check_arrays(arrays, engine, (check_rate, bundles.is_some()), &design.config)?;
        let skip_planes = args.skip_planes.then_some(true);
        let skip_planes = settings.take_given("skip-planes", &skip_planes, false)?;
        check_skipping(skip_planes, engine, &design.config)?;
        let defaults = TrainerConfig::default();
        let iterations = settings.take("iters", &args.iters, 1000);
        let solver = args.learning_rate.settle(defaults.solver, iterations, &mut settings)?;
        let solver = Solver {
            momentum: settings.take("momentum", &args.momentum, solver.momentum),
            decay: settings.take("weight-decay", &args.weight_decay, solver.decay),
            ..solver
        };
        let rounding = settings.take("rounding", &args.rounding, defaults.rounding);
        let own = args.policy.as_deref().map(policy::by_name).transpose()?;
        let forward = own.and_then(|policy| policy.forward_rounding).unwrap_or(rounding);
        let trainer = TrainerConfig {
            batch: settings.take("batch", &args.batch, defaults.batch),
            seed: settings.take("seed", &args.seed, defaults.seed),
            rounding,
            forward_rounding: Some(settings.take(
                "forward-rounding",
                &args.forward_rounding,
                forward,
            )),
            solver,
            loss_scale: floats.loss_scale,
            // Below 2^32.
            loss_window: settings.take("loss-window", &args.policies.loss_window(), 100) as usize,
        };
        let (shape, classes) = {
            let plan = NetPlan::new(&net, trainer.batch)?;
            (plan.input(), plan.classes())
        };
        let labels = settings.take_given("labels", &args.labels, Labels::Fine)?;
        let source = match (labels, DataSource::parse(&source)) {
            (Labels::Fine, source) => source,
            (Labels::Coarse, DataSource::Folder(folder)) => DataSource::CoarseCifar100(folder),
            (Labels::Coarse, source) => bail!(
                "--labels coarse: expected --data with a folder of CIFAR-100, found --data {}",
                source.name()
            ),
        };
        let lists = args.lists.settle(&source, shape, &mut settings)?;
        let data = source.load_for(trainer.seed, InputSpec { shape, classes }, &lists)?;
        let data = match settings.take_given("validation", &args.validation, 0)? {
            0 => data,
            images => {
                let images = images as usize; // 32 bits
                let most = data.train.len().saturating_sub(1);
                data.hold_out(images).ok_or_else(|| {
                    anyhow!("--validation: expected at most {most} of the training images, found {images}")
                })?
            }
        };
        let data = args.lists.settle_moves(&source, &mut settings)?.apply(data);
        let all = data.test.len();
        let schedule = TrainingSchedule {
            iterations,
            evaluate_every: settings.take("eval-every", &args.eval_every, 0),
            final_images: settings.take("eval-images", &args.eval_images, all),
            evaluate_images: settings.given("eval-images").unwrap_or(2000),
            checkpoint_every: settings.take("checkpoint-every", &args.checkpoint_every, 100),
        };
        let plan = Self {
            settings,
            engine,
            check_rate,
            arrays,
            skip_planes,
            bundles,
            design,
            operands: floats.operands,
            net,
            trainer,
            schedule,
            recorded,
        };
        Ok((plan, data))
    }
}

/// The folder of bundles, if one is given or the resumed run has one.
fn take_bundles(
    args: &TrainArgs,
    engine: EngineKind,
    recorded: Option<&RunConfig>,
    settings: &mut Settings,
) -> Result<Option<PathBuf>> {
    if engine != EngineKind::Reference {
        if args.bundles.is_some() {
            let found = value_name(&engine);
            bail!("--bundles: expected --engine reference with it, found --engine {found}");
        }
        return Ok(None);
    }
    let had = recorded.is_some_and(|run| run.settings.contains_key("bundles"));
    if let (Some(_), Some(folder), false) = (recorded, &args.bundles, had) {
        bail!(
            "--bundles: expected none, as the resumed run was started without, found {}; start \
             another run",
            folder.display()
        );
    }
    let given = args.bundles.as_ref().map(|folder| folder.display().to_string());
    if given.is_none() && !had {
        return Ok(None);
    }
    Ok(Some(settings.take("bundles", &given, String::new()).into()))
}

/// Several arrays need sums that are exact in any order, and every tile on the RTL or none.
fn check_arrays(
    arrays: NonZeroUsize,
    engine: EngineKind,
    (check_rate, bundles): (f64, bool),
    config: &ArrayConfig,
) -> Result<()> {
    if arrays.get() == 1 {
        return Ok(());
    }
    let found = if engine == EngineKind::Float {
        "--engine float".to_owned()
    } else if config.style().is_float() {
        format!("an array of style {}, whose sums are rounded", config.style())
    } else if check_rate < 1.0 {
        format!("--check-rate {check_rate}, which draws from the tiles of one array")
    } else if bundles {
        "--bundles, which hold the tiles of one array".to_owned()
    } else {
        return Ok(());
    };
    bail!("--arrays {arrays}: expected integers, all checked or none; found {found}")
}

/// Skipping needs sums that are exact in any order.
fn check_skipping(skip_planes: bool, engine: EngineKind, config: &ArrayConfig) -> Result<()> {
    let found = match (engine, config.style()) {
        _ if !skip_planes => return Ok(()),
        (EngineKind::Float, _) => "--engine float".to_owned(),
        (_, style) if style.is_float() => format!("an array of style {style}"),
        _ => return Ok(()),
    };
    bail!("--skip-planes: expected integers, whose planes change no exact sum; found {found}")
}

/// The array of a generated folder, or the default one.
fn load_design(folder: Option<&Path>, settings: &mut Settings) -> Result<ArrayDesign> {
    let given = folder.map(|folder| folder.display().to_string());
    let name = settings.take("config", &given, "default array".to_owned());
    if settings.is_default("config") {
        return ArrayDesign::generate(ArraySpec::default().check()?);
    }
    ArrayDesign::read(Path::new(&name))
}
