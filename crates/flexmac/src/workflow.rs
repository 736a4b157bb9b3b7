//! Snakemake workflows that flexmac writes and runs: the same files run here, on SLURM or on
//! Kubernetes, and what is done stays done.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

/// Flags of every command that has Snakemake do its work.
#[derive(Debug, Args)]
#[command(next_help_heading = "Workflow")]
pub struct WorkflowArgs {
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

impl WorkflowArgs {
    /// A flag that says how the workflow runs, if one was given.
    pub fn given(&self) -> Option<&'static str> {
        [
            ("--cores", self.cores.is_some()),
            ("--profile", self.profile.is_some()),
            ("--dry-run", self.dry_run),
            ("--write-only", self.write_only),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    /// Writes the workflow's files, and `workflow.json` with the place of this program, into `out`,
    /// and has Snakemake run it there; `command` names itself in errors. Returns how Snakemake ended;
    /// nothing where it was asked to run nothing.
    pub fn run(
        &self,
        command: &str,
        out: &Path,
        files: &[(&str, String)],
    ) -> Result<Option<ExitStatus>> {
        if !self.write_only {
            find_snakemake(command, &self.snakemake)?;
        }
        write_files(command, out, files)?;
        if self.write_only {
            outln!("{}: snakemake --cores all", out.display());
            return Ok(None);
        }
        // A path holds from here, a name is looked up on PATH; the workflow runs elsewhere.
        let program = match fs::canonicalize(&self.snakemake) {
            Ok(path) if self.snakemake.components().count() > 1 => std::path::absolute(path)?,
            _ => self.snakemake.clone(),
        };
        let mut snakemake = Command::new(program);
        snakemake.current_dir(out).args(["--rerun-incomplete", "--keep-going"]);
        match (&self.profile, self.cores) {
            (Some(profile), None) => {
                let profile = fs::canonicalize(profile)
                    .with_context(|| format!("{command}: --profile {}", profile.display()))?;
                snakemake.arg("--profile").arg(profile);
            }
            (Some(_), Some(_)) => {
                bail!("{command}: --profile and --cores: expected one of them, found both")
            }
            (None, cores) => {
                let cores = cores.map_or_else(|| "all".to_owned(), |cores| cores.to_string());
                snakemake.args(["--cores", &cores]);
            }
        }
        if self.dry_run {
            snakemake.arg("--dry-run");
        }
        let status = snakemake.status().with_context(|| format!("{command}: run snakemake"))?;
        if self.dry_run && status.success() {
            return Ok(None);
        }
        Ok(Some(status))
    }
}

/// Tries the program before anything is written.
fn find_snakemake(command: &str, program: &Path) -> Result<()> {
    let found = Command::new(program).arg("--version").output().with_context(|| {
        format!(
            "{command}: run {}; install it with: pip install snakemake (or apt-get install snakemake)",
            program.display()
        )
    })?;
    if !found.status.success() {
        bail!(
            "{command}: {} --version: expected exit 0, found {}",
            program.display(),
            found.status
        );
    }
    Ok(())
}

/// Writes what Snakemake reads. Files that stay the same are not touched: their times decide what
/// is done again.
fn write_files(command: &str, out: &Path, files: &[(&str, String)]) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("{command}: create {}", out.display()))?;
    let program =
        std::env::current_exe().with_context(|| format!("{command}: find this program"))?;
    let workflow = serde_json::to_string_pretty(&json!({"flexmac": program}))? + "\n";
    for (name, text) in files.iter().chain([&("workflow.json", workflow)]) {
        let path = out.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        let staging = out.join(format!("{name}.new"));
        fs::write(&staging, text)
            .with_context(|| format!("{command}: write {}", staging.display()))?;
        fs::rename(&staging, &path)
            .with_context(|| format!("{command}: rename to {}", path.display()))?;
    }
    Ok(())
}
