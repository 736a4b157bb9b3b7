//! `flexmac weights`: a run's weights for other programs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use flexmac_nn::{NetPlan, Number};
use flexmac_train::{FlattenOrder, WeightTensor, WeightsFormat};

use crate::cmd::train::order_note;
use crate::run_config;

/// A run's weights for other programs
#[derive(Debug, Args)]
pub struct WeightsArgs {
    #[command(subcommand)]
    command: WeightsCommand,
}

#[derive(Debug, Subcommand)]
enum WeightsCommand {
    /// Write the weights of a run's last checkpoint as real numbers, with their formats
    Export {
        /// The run's folder
        run: PathBuf,
        /// File format
        #[arg(long, value_enum)]
        format: FormatName,
        /// The file to write; flexmac train --init-weights reads it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Order of the columns of an inner product behind a convolution: hwc (row, column, channel)
        /// or chw (channel, row, column; PyTorch, Caffe) [default: hwc]
        #[arg(long, value_name = "ORDER")]
        order: Option<FlattenOrder>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    /// Hugging Face's safetensors; formats in the metadata
    Safetensors,
    /// NumPy's npz; formats in an entry
    Npz,
}

/// Runs `flexmac weights`.
///
/// # Errors
/// A folder without a run or checkpoint, a file that cannot be written.
pub fn run(args: &WeightsArgs) -> Result<()> {
    let WeightsCommand::Export { run, format, out, order } = &args.command;
    let order = order.unwrap_or_default();
    let config = run_config::read(run).context("weights")?;
    let plan = NetPlan::new(&config.network, 1)?;
    let (mut tensors, iteration) =
        if config.is_float() { load::<f32>(run, &plan)? } else { load::<i32>(run, &plan)? };
    let format = match format {
        FormatName::Safetensors => WeightsFormat::Safetensors,
        FormatName::Npz => WeightsFormat::Npz,
    };
    order.export(&plan, &mut tensors);
    flexmac_train::write_weights(out, format, &tensors)?;
    if let Some(flattened) = order_note(&plan, order) {
        errln!("{}: {flattened}; --order chooses", out.display());
    }
    let count = tensors.len();
    outln!("{}: {count} tensors as after {iteration} iterations", out.display());
    Ok(())
}

fn load<T: Number>(run: &Path, plan: &NetPlan) -> Result<(Vec<WeightTensor>, u64)> {
    let Some(checkpoint) = flexmac_train::load_checkpoint::<T>(run, false)? else {
        bail!("{}: expected a checkpoint, found none; train or resume the run", run.display());
    };
    let tensors =
        flexmac_train::named_weights(plan, &checkpoint.state.params, &checkpoint.state.buffers)
            .with_context(|| format!("export the weights of {}", run.display()))?;
    Ok((tensors, checkpoint.state.iteration))
}
