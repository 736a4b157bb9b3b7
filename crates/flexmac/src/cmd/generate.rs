//! `flexmac gen`: an array's Verilog, file list, FuseSoC core and config.json.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::config_args::ConfigArgs;

/// Flags of `flexmac gen`.
#[derive(Debug, Args)]
pub struct GenArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder to write; an earlier generated design there is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the result as one JSON record
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    out: &'a std::path::Path,
    files: Vec<PathBuf>,
    config: &'a rtlgen::ConfigSpec,
}

/// Generates the design.
pub fn run(args: &GenArgs) -> Result<()> {
    let config = args.config.check().context("gen")?;
    let files = rtlgen::write(&config, &args.out).context("gen")?;
    if args.json {
        let written = Written { out: &args.out, files, config: config.spec() };
        outln!("{}", serde_json::to_string(&written)?);
    } else {
        outln!("{}: {} files in {}", config.summary(), files.len(), args.out.display());
    }
    Ok(())
}
