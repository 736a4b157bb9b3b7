//! `flexmac report`: a run, or several side by side, as one HTML page.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use flexmac_report::{
    Hardware, Run, disambiguate_names, overlay_plots, page, read_design, read_synth, run_plots,
    write_page, write_svgs,
};
use serde_json::json;

/// Flags of `flexmac report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folders of `flexmac train --out`; several are compared
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The page [default: report.html in the folder of the run]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder for the drawings as separate SVG files too
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Show a synthesis report: the folder of `flexmac synth --out`, or its report.json
    #[arg(long, value_name = "DIR|FILE")]
    synth: Option<PathBuf>,
    /// Show a generated design: the folder that `flexmac gen` wrote
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Take runs that have not ended, and show the iterations done so far
    #[arg(long)]
    unfinished: bool,
    /// Print one JSON record
    #[arg(long)]
    json: bool,
}

/// Reads the runs and writes the page.
///
/// # Errors
/// Files that are missing, malformed or contradict each other; a page that cannot be written.
pub fn run(args: &ReportArgs) -> Result<()> {
    let out = match (&args.out, args.runs.as_slice()) {
        (Some(out), _) => out.clone(),
        (None, [run]) => run.join("report.html"),
        (None, runs) => bail!(
            "report: expected --out FILE with several runs, found {} runs and no --out",
            runs.len()
        ),
    };
    let read = |folder: &PathBuf| Run::read(folder, args.unfinished);
    let mut runs = args.runs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    disambiguate_names(&mut runs);
    let hardware = Hardware {
        design: args.config.as_deref().map(read_design).transpose()?,
        synth: args.synth.as_deref().map(read_synth).transpose()?,
    };
    let text = page(&runs, &hardware)?;
    if let Some(folder) = &args.svg {
        // Before the page is written: if this fails, there is no page either.
        fs::create_dir_all(folder).with_context(|| format!("--svg {}", folder.display()))?;
    }
    write_page(&out, &text)?;
    let drawings = match &args.svg {
        Some(folder) => {
            let overlays = if runs.len() > 1 { overlay_plots(&runs) } else { Vec::new() };
            let each = runs.iter().enumerate().flat_map(|(number, run)| run_plots(run, number));
            write_svgs(folder, &overlays.into_iter().chain(each).collect::<Vec<_>>())?
        }
        None => Vec::new(),
    };
    if args.json {
        let names: Vec<_> = runs.iter().map(|run| &run.name).collect();
        // Bytes that are not UTF-8 are replaced.
        let shown = |path: &Path| path.display().to_string();
        let svg: Vec<_> = drawings.iter().map(|path| shown(path)).collect();
        outln!("{}", json!({"out": shown(&out), "runs": names, "svg": svg}));
    } else {
        outln!("{}", out.display());
        for drawing in &drawings {
            outln!("{}", drawing.display());
        }
    }
    Ok(())
}
