//! `flexmac check`: runs bundles of sampled tiles on the RTL, here or as jobs of a workflow.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use clap::Args;
use flexmac_cosim::RtlEngine;
use flexmac_cosim::bundle::{BundleChecker, Merged, Verdict};
use flexmac_fileio::bounded;

use crate::bundles::{self, DESIGN};
use crate::engines::{ArrayDesign, cores, rtl_engine};
use crate::exit::Differs;
use crate::workflow::WorkflowArgs;

/// Flags of `flexmac check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Bundles (flexmac train --bundles), or one folder of them; with --merge, verdicts or a folder
    /// of them
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// Folder of the array whose RTL is simulated [default: design, beside the bundles]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["merge", "workflow"])]
    config: Option<PathBuf>,
    /// Merge verdicts that --json printed, and check nothing
    #[arg(long, conflicts_with = "workflow")]
    merge: bool,
    /// Check the folder by a Snakemake workflow in it, one job a bundle
    #[arg(long)]
    workflow: bool,
    /// Bundles at a time, one model each [default: one per core]
    #[arg(long, value_name = "N", conflicts_with_all = ["merge", "workflow"])]
    threads: Option<NonZeroUsize>,
    /// Print the verdict of each bundle and the merged one as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    snakemake: WorkflowArgs,
}

/// Checks, or merges.
///
/// # Errors
/// [`Differs`] if a tile differs; bundles or verdicts that cannot be read or are of several runs.
pub fn run(args: &CheckArgs) -> Result<()> {
    if let (false, Some(flag)) = (args.workflow, args.snakemake.given()) {
        bail!("check: {flag}: expected --workflow with it, found none");
    }
    let folder = match args.files.as_slice() {
        [folder] if folder.is_dir() => Some(folder.as_path()),
        _ => None,
    };
    if let Some(missing) = args.files.iter().find(|path| !path.exists()) {
        bail!("check: expected bundles or a folder of them, found no {}", missing.display());
    }
    let verdicts = match (args.merge, args.workflow, folder) {
        (true, _, Some(folder)) => read_verdicts(&bundles::with_extension(folder, "jsonl")?)?,
        (true, _, None) => read_verdicts(&args.files)?,
        (false, true, Some(folder)) => match by_workflow(&args.snakemake, folder)? {
            Some(verdicts) => verdicts,
            None => return Ok(()),
        },
        (false, true, None) => bail!("check: --workflow: expected one folder of bundles with it"),
        (false, false, Some(folder)) => {
            let config = args.config.clone().unwrap_or_else(|| folder.join(DESIGN));
            check_all(&bundles::of_folder(folder)?, &config, args.threads)?
        }
        (false, false, None) => {
            let beside = || args.files[0].parent().unwrap_or(Path::new("")).join(DESIGN);
            let config = args.config.clone().unwrap_or_else(beside);
            check_all(&args.files, &config, args.threads)?
        }
    };
    if let Some(folder) = folder {
        expect_each_iteration(folder, &verdicts)?;
    }
    let merged = Merged::new(&verdicts).context("check")?;
    report(&verdicts, &merged, args.json)?;
    let Some((of, wrong)) = verdicts.iter().find_map(|v| Some((v, v.wrong.first()?))) else {
        return Ok(());
    };
    Err(Differs(format!(
        "check: {} of {} tiles differ, the first in {}: iteration {}, layer {}, {}, tile {}\n{}",
        merged.mismatches,
        merged.tiles_checked,
        of.bundle,
        of.iteration,
        wrong.layer,
        wrong.role.name(),
        wrong.tile,
        wrong.report
    ))
    .into())
}

/// Runs bundles on models of the design in `config`, several at a time.
fn check_all(
    paths: &[PathBuf],
    config: &Path,
    threads: Option<NonZeroUsize>,
) -> Result<Vec<Verdict>> {
    let design = ArrayDesign::read(config)?;
    let summary = design.config.summary();
    if let Some(path) = paths.first() {
        // Before a model is built.
        let place = || format!("check: bundle {}", path.display());
        bundles::read(path).context("check")?.check_array(&design.config).with_context(place)?;
    }
    let model = || RtlEngine::new(design.config.clone(), &design.sources, None);
    // Built once; the others come from the cache.
    rtl_engine(&summary, model)?;
    let threads = threads.map_or_else(cores, Ok)?;
    let verdicts = Mutex::new(vec![None; paths.len()]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut checker = BundleChecker::new(model()?);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = paths.get(number) else { return Ok(()) };
                let verdict = check(&mut checker, path)?;
                verdicts.lock().expect("no holder panics")[number] = Some(verdict);
            }
        };
        let workers: Vec<_> =
            (0..threads.get().min(paths.len())).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    Ok(verdicts.into_inner().expect("no holder panicked").into_iter().flatten().collect())
}

fn check(checker: &mut BundleChecker, path: &Path) -> Result<Verdict> {
    let bundle = bundles::read(path).context("check")?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    checker.check(&name, &bundle).with_context(|| format!("check: bundle {}", path.display()))
}

/// Checks the folder by a workflow. `None` if the flags ask not to run it.
fn by_workflow(workflow: &WorkflowArgs, folder: &Path) -> Result<Option<Vec<Verdict>>> {
    let paths = bundles::of_folder(folder)?;
    if paths.is_empty() {
        bail!("check: --workflow: expected bundles in {}, found none", folder.display());
    }
    let verdict = |bundle: &Path| {
        let name = bundle.file_stem().unwrap_or_default();
        folder.join("verdicts").join(name).with_extension("jsonl")
    };
    // Otherwise verdicts of removed bundles would be merged too.
    if let Ok(found) = bundles::with_extension(&folder.join("verdicts"), "jsonl") {
        let known: Vec<_> = paths.iter().map(|path| verdict(path)).collect();
        for stale in found.iter().filter(|found| !known.contains(found)) {
            fs::remove_file(stale).with_context(|| format!("check: remove {}", stale.display()))?;
        }
    }
    let files = [("Snakefile", flexmac_assets::text("templates/check/Snakefile").to_owned())];
    let Some(done) = workflow.run("check", folder, &files)? else { return Ok(None) };
    if !done.success() {
        let failed = paths.iter().filter(|path| !verdict(path).exists()).map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let log = folder.join("logs").join(format!("check-{name}.log"));
            let said = fs::read_to_string(&log).unwrap_or_default();
            let error = said.lines().find_map(|line| line.strip_prefix("error: "));
            format!(
                "\n  {}",
                error.map_or_else(|| format!("{name}: see {}", log.display()), str::to_owned)
            )
        });
        bail!(
            "check: snakemake ended with {done}; the same command continues where it stopped{}",
            failed.collect::<String>()
        );
    }
    let verdicts: Vec<_> = paths.iter().map(|path| verdict(path)).collect();
    read_verdicts(&verdicts).map(Some)
}

/// Reads the verdicts from files with one JSON record per line. Skips merged verdicts.
fn read_verdicts(paths: &[PathBuf]) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    for path in paths {
        let place = || format!("check: verdict {}", path.display());
        let text = bounded::text(path, bounded::TEXT).with_context(place)?;
        let mut found = Verdict::in_lines(&text).with_context(place)?;
        if found.is_empty() {
            bail!("{}: expected a line for each bundle, found none", place());
        }
        verdicts.append(&mut found);
    }
    Ok(verdicts)
}

/// Refuses a folder that lacks the bundle of an iteration.
fn expect_each_iteration(folder: &Path, verdicts: &[Verdict]) -> Result<()> {
    let mut iterations: Vec<_> = verdicts.iter().map(|verdict| verdict.iteration).collect();
    iterations.sort_unstable();
    if let Some(pair) = iterations.windows(2).find(|pair| pair[1] - pair[0] > 1) {
        bail!(
            "check: {}: expected a bundle of each iteration, found {} and {} and none between",
            folder.display(),
            pair[0],
            pair[1]
        );
    }
    Ok(())
}

fn report(verdicts: &[Verdict], merged: &Merged, json: bool) -> Result<()> {
    if json {
        for verdict in verdicts {
            outln!("{}", serde_json::to_string(verdict)?);
        }
        outln!("{}", serde_json::to_string(merged)?);
        return Ok(());
    }
    for verdict in verdicts {
        let Verdict { bundle, tiles, tiles_checked, mismatches, .. } = verdict;
        outln!("{bundle}  {tiles} tiles, {tiles_checked} checked, mismatches {mismatches}");
    }
    print_tiles(merged.tiles, merged.tiles_checked, merged.mismatches, merged.wrong_tiles_bound)
}

/// Prints how many tiles were checked, also for training.
pub fn print_tiles(tiles: u64, checked: u64, mismatches: u64, bound: Option<f64>) -> Result<()> {
    outln!("tiles            {tiles}");
    outln!("tiles checked    {checked}, mismatches {mismatches}");
    if mismatches > 0 {
        outln!("wrong tiles      at least {mismatches}");
    } else if checked == tiles {
        outln!("wrong tiles      none: all were checked");
    } else {
        let bound = 100.0 * bound.unwrap_or(1.0);
        outln!("wrong tiles      at most {bound:.3} % of all, with 95 % confidence");
    }
    Ok(())
}
