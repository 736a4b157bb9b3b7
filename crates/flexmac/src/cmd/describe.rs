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
    /// Print the page docs/parameters.md
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Prints the table.
pub fn run(args: &DescribeArgs) -> Result<()> {
    let parameters = flexmac_array::describe();
    let mut out = std::io::stdout().lock();
    if args.markdown {
        write!(out, "{}", flexmac_array::markdown())?;
        return Ok(());
    }
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
