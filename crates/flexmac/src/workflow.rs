//! Snakemake workflows that flexmac writes and runs. The same files run here, on SLURM or on
//! Kubernetes; finished steps are not repeated.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use flexmac_fileio::{atomic, bounded, lock};
use serde_json::json;

use crate::tools;

/// The changes for which Snakemake repeats a step. Code is not among them: a changed rule of a new
/// version of flexmac must not repeat days of work. The next flag ends the list.
const TRIGGERS: [&str; 3] = ["mtime", "params", "input"];

/// Flags of every command that has Snakemake do its work.
#[derive(Debug, Args)]
#[command(next_help_heading = "Workflow")]
pub struct WorkflowArgs {
    /// Cores of this machine for the jobs, each of which has a number of threads [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    cores: Option<u32>,
    /// Snakemake profile, such as one for SLURM, in place of this machine's cores: a folder, or the
    /// name of one that Snakemake knows
    #[arg(long, value_name = "NAME|DIR")]
    profile: Option<PathBuf>,
    /// Seconds to wait for a job's files, which a network file system may show late
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=86400))]
    latency_wait: Option<u32>,
    /// Show what would be run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the workflow, and do not run it
    #[arg(long, conflicts_with_all = ["dry_run", "cores", "profile", "latency_wait"])]
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
            ("--latency-wait", self.latency_wait.is_some()),
            ("--dry-run", self.dry_run),
            ("--write-only", self.write_only),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    /// Writes the workflow's files and `workflow.json`, which has the path of this program, to
    /// `out`, and runs Snakemake there. `command` is the name in errors. Returns the exit status of
    /// Snakemake, or `None` if the flags ask not to run.
    pub fn run(
        &self,
        command: &str,
        out: &Path,
        files: &[(&str, String)],
    ) -> Result<Option<ExitStatus>> {
        if !self.write_only {
            find_snakemake(command, &self.snakemake)?;
        }
        refuse_foreign(command, out, files)?;
        let lock = lock_folder(command, out)?;
        write_files(command, out, files)?;
        if self.write_only {
            outln!(
                "{}: snakemake --cores all --rerun-triggers {}",
                out.display(),
                TRIGGERS.join(" ")
            );
            return Ok(None);
        }
        // The workflow runs in another folder: a path is made absolute, a name is searched on PATH.
        let program = match fs::canonicalize(&self.snakemake) {
            Ok(path) if self.snakemake.components().count() > 1 => std::path::absolute(path)?,
            _ => self.snakemake.clone(),
        };
        unlock_snakemake(command, &program, out)?;
        let mut snakemake = Command::new(program);
        // The lock file is the standard input of Snakemake and its steps, so they hold the lock
        // too.
        snakemake.current_dir(out).stdin(Stdio::from(lock));
        snakemake.args(["--rerun-incomplete", "--keep-going", "--rerun-triggers"]);
        snakemake.args(TRIGGERS);
        match (&self.profile, self.cores) {
            (Some(profile), None) => {
                let profile = resolved(profile)
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
        if let Some(seconds) = self.latency_wait {
            snakemake.args(["--latency-wait", &seconds.to_string()]);
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

/// A profile as Snakemake finds it from the workflow's folder: a path from here holds there too; a
/// name, which Snakemake looks up where profiles lie, stays one. A folder that is named like a
/// profile, and holds none, does not hide it.
fn resolved(profile: &Path) -> io::Result<PathBuf> {
    let is_bare = profile.components().count() == 1 && profile.file_name().is_some();
    let holds_one = || {
        let mut entries = fs::read_dir(profile).into_iter().flatten().flatten();
        entries.any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let begins = name.starts_with("config") || name.starts_with("profile");
            begins && (name.ends_with(".yaml") || name.ends_with(".yml"))
        })
    };
    match profile.exists() && (!is_bare || holds_one()) {
        true => fs::canonicalize(profile),
        false => Ok(profile.to_owned()),
    }
}

/// Refuses a folder with a Snakefile of the user: flexmac's begins with the same line in every
/// version.
fn refuse_foreign(command: &str, out: &Path, files: &[(&str, String)]) -> Result<()> {
    for (name, text) in files.iter().filter(|(name, _)| *name == "Snakefile") {
        let path = out.join(name);
        let first = text.lines().next().unwrap_or_default();
        match bounded::text(&path, bounded::TEXT) {
            Ok(old) if old.lines().next() == Some(first) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => bail!(
                "{command}: {}: expected none, or one that begins with {first:?}; choose another folder",
                path.display()
            ),
        }
    }
    Ok(())
}

/// Creates the folder and locks it. The system releases the lock when the last process that holds
/// it ends: this one, Snakemake, or a step that runs longer than both.
fn lock_folder(command: &str, out: &Path) -> Result<File> {
    fs::create_dir_all(out).with_context(|| format!("{command}: create {}", out.display()))?;
    let path = out.join(".lock");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("{command}: open {}", path.display()))?;
    let free = lock::try_lock(&file, out)
        .with_context(|| format!("{command}: lock {}", path.display()))?;
    if !free {
        bail!(
            "{command}: {} is in use by another {command}, or by steps that an ended one left running; \
             wait for them or choose another folder",
            out.display()
        );
    }
    Ok(file)
}

/// Removes the lock files of a Snakemake that was killed; a new one would refuse to start. No other
/// Snakemake runs in the folder, because this process holds its lock.
fn unlock_snakemake(command: &str, program: &Path, out: &Path) -> Result<()> {
    let stale =
        fs::read_dir(out.join(".snakemake/locks")).is_ok_and(|mut locks| locks.next().is_some());
    if !stale {
        return Ok(());
    }
    let output = Command::new(program)
        .args(["--unlock", "--cores", "1"])
        .current_dir(out)
        .output()
        .with_context(|| format!("{command}: run snakemake --unlock"))?;
    if !output.status.success() {
        bail!(
            "{command}: snakemake --unlock in {}: expected exit 0, found {}: {}",
            out.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Checks that the program runs, before anything is written.
fn find_snakemake(command: &str, program: &Path) -> Result<()> {
    let found = Command::new(program).arg("--version").output().with_context(|| {
        format!(
            "{command}: run {}; install it with: apt-get install snakemake (or pip install snakemake in an environment, named by \
             --snakemake)",
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
    tools::warn_of_version(command, "snakemake", &String::from_utf8_lossy(&found.stdout));
    Ok(())
}

/// Writes the files that Snakemake reads. Unchanged files keep their modification times, which
/// decide what Snakemake repeats.
fn write_files(command: &str, out: &Path, files: &[(&str, String)]) -> Result<()> {
    let program =
        std::env::current_exe().with_context(|| format!("{command}: find this program"))?;
    let workflow = serde_json::to_string_pretty(&json!({"flexmac": program}))? + "\n";
    for (name, text) in files.iter().chain([&("workflow.json", workflow)]) {
        let path = out.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        atomic::write(&path, text)
            .with_context(|| format!("{command}: write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    /// A workflow that is given N cores must not have more than N threads at work.
    #[test]
    fn jobs_keep_to_the_threads_of_their_rule() {
        for workflow in ["sweep", "check"] {
            let text = flexmac_assets::text(&format!("templates/{workflow}/Snakefile"));
            let mut rules = 0;
            for rule in text.split("\nrule ").skip(1).filter(|rule| rule.contains("    shell:")) {
                let name = rule.lines().next().unwrap_or_default();
                assert!(rule.contains("\n    threads: "), "{workflow}, {name}");
                let (_, shell) = rule.split_once("    shell:").expect("found above");
                let first = shell.lines().find(|line| line.trim_start().starts_with('"'));
                let tells = first.is_some_and(|line| {
                    line.trim_start().starts_with("\"export RAYON_NUM_THREADS={threads};")
                });
                assert!(tells, "{workflow}, {name}: {first:?}");
                rules += 1;
            }
            assert!(rules > 1, "{workflow}");
        }
    }
}
