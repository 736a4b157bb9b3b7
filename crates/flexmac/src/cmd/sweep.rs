//! `flexmac sweep`: a design-space study as a Snakemake workflow.
//!
//! The folder says everything: the same files run here, on SLURM or on Kubernetes. What is done stays
//! done, and a study that grows runs what is new.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use cost::Study;
use serde_json::json;

/// The studies that are known by name.
const STUDIES: [(&str, &str); 3] = [
    ("headline", include_str!("../../../../studies/headline.toml")),
    ("pareto", include_str!("../../../../studies/pareto.toml")),
    ("smoke", include_str!("../../../../studies/smoke.toml")),
];

const SNAKEFILE: &str = include_str!("../../../../templates/sweep/Snakefile");

/// Flags of `flexmac sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// What to study: headline, pareto, smoke, or a .toml file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "headline")]
    study: String,
    /// Folder of the study: workflow, designs, syntheses, measurements, runs, tables
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A cell library beside the study's own, .lib or .lib.gz; repeat for more
    #[arg(long, value_name = "NAME=FILE", value_parser = pair)]
    library: Vec<(String, String)>,
    /// A finished training run in place of the study's of that name, or beside them; repeat for more
    #[arg(long, value_name = "NAME=RUN", value_parser = pair)]
    run: Vec<(String, String)>,
    /// Jobs at a time on this machine [default: its cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    cores: Option<u32>,
    /// Snakemake profile, such as one for SLURM, in place of this machine's cores
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// Say what would be run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the workflow, and leave running it to snakemake
    #[arg(long, conflicts_with_all = ["dry_run", "cores", "profile"])]
    write_only: bool,
    /// The snakemake program
    #[arg(long, value_name = "PROGRAM", default_value = "snakemake")]
    snakemake: PathBuf,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(format!("expected NAME=FILE, found {text:?}")),
    }
}

/// Writes the study's folder and has Snakemake fill it.
pub fn run(args: &SweepArgs) -> Result<()> {
    let study = read_study(args)?;
    if !args.write_only {
        find_snakemake(&args.snakemake)?;
    }
    let lock = lock_folder(&args.out)?;
    write_folder(&args.out, &study)?;
    if args.write_only {
        outln!("{}: snakemake --cores all", args.out.display());
        return Ok(());
    }
    // A path holds from here, a name is looked up on PATH; the workflow runs elsewhere.
    let program = match fs::canonicalize(&args.snakemake) {
        Ok(path) if args.snakemake.components().count() > 1 => std::path::absolute(path)?,
        _ => args.snakemake.clone(),
    };
    unlock_snakemake(&program, &args.out)?;
    let mut command = Command::new(program);
    // As its standard input Snakemake, and every step it starts, holds the lock too.
    command.current_dir(&args.out).stdin(Stdio::from(lock));
    command.args(["--rerun-incomplete", "--keep-going"]);
    match (&args.profile, args.cores) {
        (Some(profile), None) => {
            let profile = fs::canonicalize(profile)
                .with_context(|| format!("sweep: --profile {}", profile.display()))?;
            command.arg("--profile").arg(profile);
        }
        (Some(_), Some(_)) => {
            bail!("sweep: --profile and --cores: expected one of them, found both")
        }
        (None, cores) => {
            let cores = cores.map_or_else(|| "all".to_owned(), |cores| cores.to_string());
            command.args(["--cores", &cores]);
        }
    }
    if args.dry_run {
        command.arg("--dry-run");
    }
    let status = command.status().context("sweep: run snakemake")?;
    if !status.success() {
        bail!(
            "sweep: snakemake ended with {status}; {} holds a log of each step, and the same command \
             goes on where it stopped",
            args.out.join("logs").display()
        );
    }
    let table = args.out.join("headline.md");
    if !args.dry_run {
        let text = bounded::text(&table, bounded::TEXT)
            .with_context(|| format!("sweep: read {}", table.display()))?;
        outln!("{}", text.trim_end());
    }
    Ok(())
}

/// Makes the folder and takes its lock, which the system frees when the last process that holds it is
/// gone: this one, Snakemake, or a step that outlived both.
fn lock_folder(out: &Path) -> Result<File> {
    fs::create_dir_all(out).with_context(|| format!("sweep: create {}", out.display()))?;
    let path = out.join(".lock");
    let lock = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("sweep: open {}", path.display()))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => bail!(
            "sweep: {} is in use by another sweep, or by steps that an ended one left running; wait \
             for them or choose another --out",
            out.display()
        ),
        // A file system without locks only loses this protection.
        _ => Ok(lock),
    }
}

/// Removes the locks of a Snakemake that was killed: it keeps them as files, and would refuse. Its
/// folder's lock, which is held here, says that none is alive.
fn unlock_snakemake(program: &Path, out: &Path) -> Result<()> {
    let stale =
        fs::read_dir(out.join(".snakemake/locks")).is_ok_and(|mut locks| locks.next().is_some());
    if !stale {
        return Ok(());
    }
    let output = Command::new(program)
        .args(["--unlock", "--cores", "1"])
        .current_dir(out)
        .output()
        .context("sweep: run snakemake --unlock")?;
    if !output.status.success() {
        bail!(
            "sweep: snakemake --unlock in {}: expected exit 0, found {}: {}",
            out.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Tries the program before anything is written.
fn find_snakemake(program: &Path) -> Result<()> {
    let found = Command::new(program).arg("--version").output().with_context(|| {
        format!(
            "sweep: run {}; install it with: pip install snakemake (or apt-get install snakemake)",
            program.display()
        )
    })?;
    if !found.status.success() {
        bail!("sweep: {} --version: expected exit 0, found {}", program.display(), found.status);
    }
    Ok(())
}

fn read_study(args: &SweepArgs) -> Result<Study> {
    let path = PathBuf::from(&args.study);
    let known = STUDIES.iter().find(|(name, _)| *name == args.study);
    let text = match known {
        Some((_, text)) => (*text).to_owned(),
        None if args.study.ends_with(".toml") => bounded::text(&path, bounded::TEXT)
            .with_context(|| format!("sweep: --study {}", path.display()))?,
        None => {
            let names: Vec<&str> = STUDIES.iter().map(|(name, _)| *name).collect();
            bail!(
                "sweep: --study: expected {} or a .toml file, found {}",
                names.join(", "),
                args.study
            )
        }
    };
    let mut study: Study =
        toml::from_str(&text).with_context(|| format!("sweep: --study {}", args.study))?;
    for (name, file) in &args.library {
        study.libraries.insert(name.clone(), file.clone());
    }
    for (name, folder) in &args.run {
        let run =
            cost::StudyRun { train: String::new(), folder: Some(folder.clone()), design: None };
        study.runs.insert(name.clone(), run);
    }
    // Paths hold wherever the workflow runs: it runs in the study's folder.
    for (name, file) in &mut study.libraries {
        if file != "osu018" {
            *file = absolute(file).with_context(|| format!("sweep: library {name}"))?;
        }
    }
    for (name, run) in &mut study.runs {
        if let Some(folder) = &mut run.folder {
            *folder = absolute(folder).with_context(|| format!("sweep: run {name}"))?;
        }
    }
    study.check(&path).context("sweep")?;
    Ok(study)
}

fn absolute(path: &str) -> Result<String> {
    let path = fs::canonicalize(path).with_context(|| format!("find {path}"))?;
    let text = path.to_str().map(str::to_owned);
    match text {
        Some(text) if !text.chars().any(|c| c.is_whitespace() || "'\"\\$`".contains(c)) => Ok(text),
        _ => bail!(
            "expected a path without blanks and quotes, as commands of a workflow take it, found {}",
            path.display()
        ),
    }
}

/// Writes what Snakemake reads. Files that stay the same are not touched: their times decide what
/// is done again.
fn write_folder(out: &Path, study: &Study) -> Result<()> {
    let program = std::env::current_exe().context("sweep: find this program")?;
    let workflow = json!({"flexmac": program});
    for (name, text) in [
        ("Snakefile", SNAKEFILE.to_owned()),
        ("study.json", serde_json::to_string_pretty(study)? + "\n"),
        ("workflow.json", serde_json::to_string_pretty(&workflow)? + "\n"),
    ] {
        let path = out.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        let staging = out.join(format!("{name}.new"));
        fs::write(&staging, text).with_context(|| format!("sweep: write {}", staging.display()))?;
        fs::rename(&staging, &path)
            .with_context(|| format!("sweep: rename to {}", path.display()))?;
    }
    Ok(())
}
