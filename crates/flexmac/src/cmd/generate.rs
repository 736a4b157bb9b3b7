//! `flexmac gen`: an array's Verilog, file list, FuseSoC core and config.json.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use flexmac_array::ArrayConfig;
use flexmac_rtlgen::Prefix;
use serde::Serialize;

use crate::config_args::ConfigArgs;

/// Flags of `flexmac gen`.
#[derive(Debug, Args)]
pub struct GenArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Folder to write; an earlier design there is replaced, with edits to its files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What names of modules, files, packages and constants begin with, so that several arrays fit into
    /// one system
    #[arg(long, value_name = "NAME", default_value_t)]
    prefix: Prefix,
    /// Print one JSON record
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    out: String,
    files: Vec<String>,
    config: &'a flexmac_array::ArraySpec,
}

impl GenArgs {
    /// The configuration that the flags give.
    pub fn check(&self) -> Result<ArrayConfig> {
        Ok(self.config.check()?)
    }
}

/// Generates the design.
pub fn run(args: &GenArgs) -> Result<()> {
    let config = args.check().context("gen")?;
    let files = flexmac_rtlgen::write_named(&config, &args.prefix, &args.out).context("gen")?;
    if args.json {
        // A path may not be UTF-8; JSON is.
        let shown = |path: &PathBuf| path.display().to_string();
        let files = files.iter().map(shown).collect();
        let written = Written { out: shown(&args.out), files, config: config.spec() };
        outln!("{}", serde_json::to_string(&written)?);
    } else {
        outln!("{}: {} files in {}", config.summary(), files.len(), args.out.display());
    }
    Ok(())
}
