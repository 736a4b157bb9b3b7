//! `flexmac train`: its flags, and what it prints.

mod course;
mod floats;
mod learning_rate;
mod plan;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use flexmac_fxp::Rounding;
use flexmac_record::RunResult;
use flexmac_train::FlattenOrder;
use floats::FloatArgs;
use learning_rate::LearningRateArgs;
use plan::{EngineKind, Labels, MultiplierSource};

use crate::cmd::check::print_tiles;
use crate::cmd::image_list_args::ImageListArgs;
use crate::cmd::policy::{self, PolicyArgs};
use crate::engines::models;
use crate::exit::Interrupted;
use crate::shell::word;

pub(crate) use course::order_note;
pub use plan::Plan;

/// Train a network under a precision policy, on an array, its reference, or in float
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Network: lenet, lenet-small, mlp, cifar, resnet20, alexnet, alexnet-small, or a description of one
    /// [default: lenet]
    #[arg(long, value_name = "NAME|FILE.toml")]
    net: Option<String>,
    /// Data: fashion-mnist, mnist, synthetic, a folder of IDX files, of CIFAR-10's or CIFAR-100's
    /// binary version or of image lists (train.txt, test.txt), DIR/emnist-letters (one of several sets
    /// in a folder), or the files themselves, comma-separated [default: fashion-mnist]
    #[arg(long, value_name = "NAME|DIR|FILES")]
    data: Option<String>,
    /// Labels of CIFAR-100 [default: fine]
    #[arg(long)]
    labels: Option<Labels>,
    /// What computes the GEMMs [default: reference]
    #[arg(long)]
    engine: Option<EngineKind>,
    /// Precision policy; float runs have none [default: na2016]
    #[arg(long, value_parser = policy::names())]
    policy: Option<String>,
    /// Rounding of every GEMM and of every host result: nearest, truncate or stochastic
    /// [default: stochastic]
    #[arg(long = "round", value_name = "MODE")]
    rounding: Option<Rounding>,
    /// Rounding of the forward pass: the input, the outputs of layers, and the copies of parameters
    /// that enter the array [default: nearest under planewise, else that of --round]
    #[arg(long = "forward-round", value_name = "MODE")]
    forward_rounding: Option<Rounding>,
    /// Iterations [default: 1000]
    #[arg(long, value_name = "N")]
    iters: Option<u64>,
    /// Images per iteration [default: 64]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Momentum [default: 0.9]
    #[arg(long, value_name = "M")]
    momentum: Option<f64>,
    /// Weight decay [default: 0.0005]
    #[arg(long, value_name = "D")]
    weight_decay: Option<f64>,
    /// Multipliers of the learning rate and the weight decay of each layer: those of the network's
    /// description, which has 1 where it says nothing, or those of Caffe's prototxt for lenet, cifar
    /// and alexnet, where the biases learn twice as fast [default: network]
    #[arg(long, value_name = "WHOSE")]
    multipliers: Option<MultiplierSource>,
    /// Seed of weights, image order and random streams [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// First weights, a .safetensors or .npz file (flexmac weights export) [default: random]
    #[arg(long, value_name = "FILE")]
    init_weights: Option<PathBuf>,
    /// Order of the columns of an inner product behind a convolution in the file of --init-weights:
    /// hwc (row, column, channel) or chw (channel, row, column; PyTorch, Caffe) [default: hwc]
    #[arg(long, value_name = "ORDER", requires = "init_weights")]
    init_order: Option<FlattenOrder>,
    /// Folder for history, weights and results; without it they are not kept
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Overwrite an earlier run in --out
    #[arg(long, conflicts_with_all = ["resume", "resume_previous"])]
    force: bool,
    /// Resume the run in --out from its last checkpoint, with the settings of the run: only
    /// --iters (to more), --engine (not to or from float), --check-rate with it, --threads,
    /// --checkpoint-every and --data-memory may change; the version of flexmac must be the run's
    #[arg(long, requires = "out")]
    resume: bool,
    /// Like --resume, but from the checkpoint before the last
    #[arg(long, requires = "out")]
    resume_previous: bool,
    /// Iterations between checkpoints in --out; 0 for one at the end or an interrupt only
    /// [default: 100]
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// Folder of a generated array (flexmac gen) [default: the parameters of flexmac describe]
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Models of the array that share the tiles of each GEMM, one thread each; changes no result
    /// [default: one per core]
    #[arg(long, value_name = "N", value_parser = models)]
    threads: Option<NonZeroUsize>,
    /// Arrays that share each GEMM; the images of a batch are divided among them. Weights are those
    /// of one array, bit for bit, cycles those of the slowest [default: 1]
    #[arg(long, value_name = "N", value_parser = models, conflicts_with = "threads")]
    arrays: Option<NonZeroUsize>,
    /// Skip the planes that are sign extension in all lines of a tile over a piece of K, and the
    /// pieces where an operand is zero there. Changes passes and cycles, and no other number
    #[arg(long)]
    skip_planes: bool,
    /// Share of all tiles, above 0 and at most 1, that --engine checked also runs on the RTL and
    /// compares with the reference, or that --bundles keeps; drawn at random from the seed
    /// [default: 1]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    check_rate: Option<f64>,
    /// Write the tiles that --check-rate draws to this folder, one bundle per iteration; flexmac
    /// check runs them on the RTL later, on this or another machine. Needs --engine reference
    #[arg(long, value_name = "DIR")]
    bundles: Option<PathBuf>,
    /// Iterations between evaluations, 0 for the end only [default: 0]
    #[arg(long, value_name = "N")]
    eval_every: Option<u64>,
    /// Test images of an evaluation [default: 2000 during training, all at the end]
    #[arg(long, value_name = "N")]
    eval_images: Option<usize>,
    /// Hold out the last N training images and test on them, not on the test images: for choosing a
    /// policy or its constants
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    validation: Option<u32>,
    /// Print the final result as one JSON record
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    floats: FloatArgs,
    #[command(flatten)]
    lists: ImageListArgs,
    #[command(flatten)]
    learning_rate: LearningRateArgs,
    #[command(flatten)]
    policies: PolicyArgs,
}

/// Parses a share above 0 and at most 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "expected a number above 0 and at most 1".to_owned())
}

/// Runs `flexmac train`.
///
/// # Errors
/// Settings out of range, data that are missing or malformed, a diverged loss, a mismatch between
/// RTL and reference.
pub fn run(args: &TrainArgs) -> Result<()> {
    let (plan, data) = Plan::new(args)?;
    let (engine, bundles) = (plan.engine, plan.bundles.clone());
    let summary = course::train(args, plan, &data)?;
    let printed = print_summary(&summary, engine, bundles.as_deref(), args.json);
    if summary.stopped {
        // Whoever started it must not take it for a run that ended, and may not read any more.
        let again = args.out.as_ref().map_or_else(String::new, |run| {
            format!("; flexmac train --resume --out {} continues it", word(run))
        });
        return Err(Interrupted(format!("interrupted{again}")).into());
    }
    printed
}

fn print_summary(
    summary: &RunResult,
    engine: EngineKind,
    bundles: Option<&Path>,
    json: bool,
) -> Result<()> {
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
    if let Some(skipping) = &summary.total.plane_skipping {
        outln!(
            "without skipping {:.2} passes per MAC, {} cycles",
            skipping.full_mac_passes as f64 / summary.total.macs as f64,
            skipping.full_busy_cycles
        );
    }
    if engine == EngineKind::Checked {
        let total = &summary.total;
        print_tiles(total.tiles, total.tiles_checked, 0, summary.wrong_tiles_bound)?;
    }
    let per_iteration = 1e3 * summary.train_seconds / summary.iterations as f64;
    outln!("time             {:.1} s, {per_iteration:.0} ms per iteration", summary.seconds);
    if let Some(folder) = bundles {
        outln!("bundles          {}: flexmac check {}", folder.display(), word(folder));
    }
    Ok(())
}
