//! `flexmac sweep`: a design-space study as a Snakemake workflow.
//!
//! The folder holds the complete workflow, which runs here, on SLURM or on Kubernetes. Snakemake
//! does not repeat finished steps: after an addition to the study, it runs only the new steps.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, FromArgMatches};
use flexmac_array::ArrayConfig;
use flexmac_cost::{Study, StudyRun};
use flexmac_fileio::bounded;
use flexmac_record::{NetworkName, RecordFile, RunConfig};

use crate::cmd::generate::GenArgs;
use crate::former_flags;
use crate::run_config::with_defaults;
use crate::workflow::WorkflowArgs;

/// The studies that are known by name.
const STUDIES: [&str; 5] = ["headline", "lanes16", "opponents", "pareto", "smoke"];

/// Flags of `flexmac sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// What to study: headline, lanes16, opponents, pareto, smoke, or a .toml file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "headline")]
    study: String,
    /// Folder of the study: workflow, designs, syntheses, measurements, runs, tables
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A cell library beside the study's own, .lib or .lib.gz; repeat for more
    #[arg(long, value_name = "NAME=FILE", value_parser = pair)]
    library: Vec<(String, String)>,
    /// A finished training run in place of the study's of that name, or beside them; repeat for
    /// more
    #[arg(long, value_name = "NAME=RUN", value_parser = pair)]
    run: Vec<(String, String)>,
    #[command(flatten)]
    workflow: WorkflowArgs,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(format!("expected NAME=FILE, found {text:?}")),
    }
}

/// Writes the folder of the study and runs Snakemake in it. `cli` is the program's command line
/// definition.
pub fn run(args: &SweepArgs, cli: &clap::Command) -> Result<()> {
    let study = read_study(args)?;
    check_flags(&study, cli).with_context(|| format!("sweep: --study {}", args.study))?;
    refuse_other_runs(&study, &args.out, cli).context("sweep")?;
    let files = [
        ("Snakefile", flexmac_assets::text("templates/sweep/Snakefile").to_owned()),
        ("study.json", serde_json::to_string_pretty(&study)? + "\n"),
    ];
    let Some(done) = args.workflow.run("sweep", &args.out, &files)? else { return Ok(()) };
    if !done.success() {
        bail!(
            "sweep: snakemake ended with {done}; {} holds a log of each step, and the same command \
             continues where it stopped",
            args.out.join("logs").display()
        );
    }
    let table = args.out.join("headline.md");
    let text = bounded::text(&table, bounded::TEXT)
        .with_context(|| format!("sweep: read {}", table.display()))?;
    outln!("{}", text.trim_end());
    Ok(())
}

fn read_study(args: &SweepArgs) -> Result<Study> {
    let path = PathBuf::from(&args.study);
    let text = match STUDIES.into_iter().find(|name| *name == args.study) {
        Some(name) => flexmac_assets::text(&format!("experiments/studies/{name}.toml")).to_owned(),
        None if args.study.ends_with(".toml") => bounded::text(&path, bounded::TEXT)
            .with_context(|| format!("sweep: --study {}", path.display()))?,
        None => {
            bail!(
                "sweep: --study: expected {} or a .toml file, found {}",
                STUDIES.join(", "),
                args.study
            )
        }
    };
    let mut study: Study =
        toml::from_str(&text).with_context(|| format!("sweep: --study {}", args.study))?;
    study.expand_seeds(&path).context("sweep")?;
    for (name, file) in &args.library {
        study.libraries.insert(name.clone(), file.clone());
    }
    for (name, folder) in &args.run {
        let folder = Some(folder.clone());
        let run = StudyRun { folder, ..StudyRun::default() };
        study.runs.insert(name.clone(), run);
    }
    // The workflow runs in the folder of the study, so paths must be absolute.
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
    study.check(&path).and_then(|()| study.check_words(&path)).context("sweep")?;
    Ok(study)
}

/// The command line of a step of the workflow, parsed.
fn parse(cli: &clap::Command, command: &str, flags: &str) -> Result<clap::ArgMatches> {
    let line = format!("flexmac {command} {flags} --out x");
    // The step itself prints the note about former flags.
    let words = former_flags::rename(line.split_whitespace().map(OsString::from), |_, _| ());
    cli.clone().try_get_matches_from(words).map_err(|error| {
        let text = error.render().to_string();
        let line = text.lines().next().unwrap_or_default().to_owned();
        anyhow!(line.trim_start_matches("error: ").to_owned())
    })
}

/// An array of the study, checked.
fn array(
    study: &Study,
    design: &str,
    shape: (u32, u32),
    cli: &clap::Command,
) -> Result<ArrayConfig> {
    let (rows, cols) = shape;
    let flags = format!("{} --rows {rows} --cols {cols}", study.designs[design]);
    let check = || {
        let matches = parse(cli, "gen", &flags)?;
        let matches = matches.subcommand_matches("gen").expect("the command given");
        GenArgs::from_arg_matches(matches)?.check()
    };
    check().with_context(|| format!("design {design}, {rows} x {cols}"))
}

/// Parses the flags of all commands of the workflow, so that mistakes are found before the first
/// step.
fn check_flags(study: &Study, cli: &clap::Command) -> Result<()> {
    for name in study.designs.keys() {
        for shape in [vec![(study.rows, study.cols)], study.probes_of(name)].concat() {
            array(study, name, shape, cli)?;
        }
    }
    for mode in &study.modes {
        mode.parse::<flexmac_power::Mode>().map_err(|error| anyhow!("modes: {mode:?}: {error}"))?;
    }
    for (name, run) in study.runs.iter().filter(|(_, run)| run.folder.is_none()) {
        parse(cli, "train", &train_flags(run)).with_context(|| format!("run {name}"))?;
    }
    Ok(())
}

/// The workflow resumes a run in the folder with the settings it has. Refuses a run that was begun
/// with other settings or on another array.
fn refuse_other_runs(study: &Study, out: &Path, cli: &clap::Command) -> Result<()> {
    let old = out.join("study.json").exists().then(|| Study::read(out)).transpose()?;
    for (name, run) in study.runs.iter().filter(|(_, run)| run.folder.is_none()) {
        let folder = out.join("runs").join(name);
        let config = folder.join("config.json");
        if !config.is_file() {
            continue;
        }
        // The flags that the workflow recorded at the start of the run, or those of the previous
        // study.
        let noted = out.join("runs").join(format!(".{name}.flags"));
        let begun = bounded::text(&noted, bounded::TEXT).ok().or_else(|| {
            let before = old.as_ref()?.runs.get(name)?;
            before.folder.is_none().then(|| train_flags(before))
        });
        let now = train_flags(run);
        let refuse = |found: &str| {
            bail!(
                "{}: expected a run begun as the study has it, {now:?}, found {found}; name the study's \
                 run differently, remove the folder, or choose another --out",
                folder.display()
            );
        };
        if let Some(begun) = begun.filter(|begun| options(begun) != options(&now)) {
            refuse(&format!("{:?}", begun.trim()))?;
        }
        let Some(design) = &run.design else { continue };
        let array = array(study, design, (study.rows, study.cols), cli)?;
        let recorded = RunConfig::<NetworkName>::read(&config)?.array;
        if with_defaults(&recorded) != serde_json::to_value(array.spec())? {
            refuse(&format!("one on another array than {}", array.summary()))?;
        }
    }
    Ok(())
}

/// The flags of `flexmac train` that the workflow uses for a run, without its folder.
fn train_flags(run: &StudyRun) -> String {
    let array = run.design.as_ref().map(|design| format!(" --config designs/{design}/array"));
    run.train.clone() + &array.unwrap_or_default()
}

/// Options of `flexmac train` with their values and current names, in alphabetical order.
fn options(flags: &str) -> Vec<String> {
    let words = ["flexmac", "train"].into_iter().chain(flags.split_whitespace());
    let words = former_flags::rename(words.map(OsString::from), |_, _| ());
    let words = words.iter().skip(2).filter_map(|word| word.to_str());
    let mut options: Vec<String> = Vec::new();
    for word in words.flat_map(|word| word.split('=')) {
        match options.last_mut() {
            Some(option) if !word.starts_with("--") => *option += &format!(" {word}"),
            _ => options.push(word.to_owned()),
        }
    }
    options.sort();
    options
}

fn absolute(path: &str) -> Result<String> {
    let path = fs::canonicalize(path).with_context(|| format!("find {path}"))?;
    let text = path.to_str().map(str::to_owned);
    match text {
        Some(text) if !text.contains(' ') => Ok(text),
        _ => bail!(
            "expected a path without blanks, as commands of a workflow take it, found {}",
            path.display()
        ),
    }
}
