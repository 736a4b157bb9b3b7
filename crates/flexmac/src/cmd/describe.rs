//! `flexmac describe`: every parameter of an array.

use std::io::Write;

use anyhow::Result;
use clap::Args;

/// Flags of `flexmac describe`.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

/// Prints the table.
pub fn run(args: &DescribeArgs) -> Result<()> {
    let parameters = flexmac_array::parameters();
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&parameters)?)?;
        return Ok(());
    }
    for p in parameters {
        writeln!(
            out,
            "{}  ({}; {}; default {})\n    {}",
            p.name, p.kind, p.range, p.default, p.meaning
        )?;
    }
    Ok(())
}
