//! `flexmac gemm`.

use anyhow::Result;
use clap::Args;

/// Flags of `flexmac gemm`.
#[derive(Debug, Args)]
pub struct GemmArgs {}

/// Runs it.
pub fn run(_args: &GemmArgs) -> Result<()> {
    anyhow::bail!("not wired yet")
}
