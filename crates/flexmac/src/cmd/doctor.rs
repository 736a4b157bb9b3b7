//! `flexmac doctor`: which tools and data sets are here, and what is missing for a command.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use flexmac_dataset::{DataSource, Status};
use flexmac_synth::Target;
use serde::Serialize;

use crate::tools::{TOOLS, Tool};

/// Flags of `flexmac doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Exit 2 if something is missing for this command or data set [repeatable; default: nothing must be
    /// here]
    #[arg(long = "for", value_name = "COMMAND")]
    purposes: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Commands that need no tool.
const NEED_NOTHING: [&str; 9] =
    ["gen", "describe", "weights", "estimate", "headline", "report", "man", "completions", "data"];

/// What was found of a tool, a library or a data set.
#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    /// `tool`, `library` or `data`.
    kind: &'static str,
    /// `ready`, `missing` or `broken`.
    status: &'static str,
    /// What it says of itself: a version, the sizes of a data set, or what is wrong.
    found: String,
    /// Versions of a tool that flexmac is tested with.
    tried: Vec<String>,
    /// The version found is one of them.
    is_tried: bool,
    /// Commands that need it.
    needed_for: Vec<String>,
    /// The line that installs it.
    install: String,
}

#[derive(Debug, Serialize)]
struct Diagnosis {
    findings: Vec<Finding>,
    /// What `--for` asks for.
    asked_for: Vec<String>,
    /// Names of what is asked for and is not ready.
    missing: Vec<String>,
}

/// Prints what is here.
///
/// # Errors
/// A purpose that is no command and no data set; something that is asked for and not ready.
pub fn run(args: &DoctorArgs) -> Result<()> {
    let mut findings: Vec<_> = TOOLS.iter().map(tool).collect();
    findings.push(library());
    findings.extend(DataSource::NAMED.iter().map(data_set));
    check_purposes(&args.purposes, &findings)?;
    let asked = |finding: &Finding| {
        let mut purposes = args.purposes.iter();
        purposes.any(|purpose| finding.needed_for.contains(purpose) || finding.name == *purpose)
    };
    let missing: Vec<_> = findings
        .iter()
        .filter(|finding| finding.status != "ready" && asked(finding))
        .map(|finding| finding.name.clone())
        .collect();
    let diagnosis = Diagnosis { findings, asked_for: args.purposes.clone(), missing };
    if args.json {
        outln!("{}", serde_json::to_string(&diagnosis)?);
    } else {
        show(&diagnosis)?;
    }
    if !diagnosis.missing.is_empty() {
        bail!("doctor: {} needs {}", args.purposes.join(", "), remedies(&diagnosis));
    }
    Ok(())
}

/// The lines that install what is missing.
fn remedies(diagnosis: &Diagnosis) -> String {
    let missing = |finding: &&Finding| diagnosis.missing.contains(&finding.name);
    let lines = diagnosis.findings.iter().filter(missing);
    let lines: Vec<_> = lines
        .map(|finding| format!("{} ({}): {}", finding.name, finding.status, finding.install))
        .collect();
    lines.join("; ")
}

fn check_purposes(purposes: &[String], findings: &[Finding]) -> Result<()> {
    let mut known: BTreeSet<&str> = NEED_NOTHING.into();
    for finding in findings {
        known.extend(finding.needed_for.iter().map(String::as_str));
        if finding.kind == "data" {
            known.insert(&finding.name);
        }
    }
    for purpose in purposes {
        if !known.contains(purpose.as_str()) {
            let known: Vec<_> = known.into_iter().collect();
            bail!("doctor: --for: expected one of {}, found {purpose:?}", known.join(", "));
        }
    }
    Ok(())
}

fn show(diagnosis: &Diagnosis) -> Result<()> {
    for finding in &diagnosis.findings {
        outln!("{:14} {:8} {}", finding.name, finding.status, finding.found);
        if !finding.needed_for.is_empty() {
            outln!("{:23} for {}", "", finding.needed_for.join(", "));
        }
        if finding.status != "ready" {
            outln!("{:23} get it with: {}", "", finding.install);
        } else if finding.kind == "tool" && !finding.is_tried {
            outln!("{:23} not tried; tested with {}", "", finding.tried.join(", "));
        }
    }
    Ok(())
}

fn tool(tool: &Tool) -> Finding {
    let (status, found) = tool.ask();
    Finding {
        name: tool.name.to_owned(),
        kind: "tool",
        status,
        is_tried: status == "ready" && tool.is_tried(&found),
        found,
        tried: tool.tried.iter().map(|tried| (*tried).to_owned()).collect(),
        needed_for: tool.commands.iter().map(|command| (*command).to_owned()).collect(),
        install: tool.install.to_owned(),
    }
}

/// The default cell library.
fn library() -> Finding {
    let path = match Target::default_liberty() {
        Target::Liberty { path } => path,
        _ => Path::new("").to_owned(),
    };
    let ready = path.is_file();
    Finding {
        name: "OSU 180 nm".to_owned(),
        kind: "library",
        status: if ready { "ready" } else { "missing" },
        found: path.display().to_string(),
        tried: Vec::new(),
        is_tried: ready,
        needed_for: ["synth", "power"].map(str::to_owned).to_vec(),
        install: "apt-get install qflow-tech-osu018, or give another with --liberty".to_owned(),
    }
}

fn data_set(set: &DataSource) -> Finding {
    let (status, found) = match set.status() {
        Status::Ready(sizes) => ("ready", sizes),
        Status::Missing(_) => {
            ("missing", set.folder().map_or(String::new(), |folder| folder.display().to_string()))
        }
        Status::Invalid(reason) => ("broken", reason),
    };
    Finding {
        name: set.name().to_owned(),
        kind: "data",
        status,
        found,
        tried: Vec::new(),
        is_tried: status == "ready",
        needed_for: Vec::new(),
        install: set.hint().to_owned(),
    }
}
