//! `flexmac doctor`: which tools and data sets are here, and what is missing for a command.

use std::collections::BTreeSet;
use std::env;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::Args;
use flexmac_dataset::{DataSource, Status};
use flexmac_synth::Target;
use serde::Serialize;

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

/// A program that flexmac runs.
struct Tool {
    name: &'static str,
    /// Variable that holds another command line for it.
    variable: Option<&'static str>,
    /// Asks for its version.
    asks: &'static str,
    /// Versions that the tests of flexmac run with, as the tool states them.
    tried: &'static [&'static str],
    /// Commands that need it.
    commands: &'static [&'static str],
    /// Installs it on Debian.
    install: &'static str,
}

/// Commands that drive the RTL.
const DRIVES: [&str; 5] = ["gemm", "train", "check", "verify", "power"];

const TOOLS: [Tool; 10] = [
    Tool {
        name: "verilator",
        variable: Some("VERILATOR"),
        asks: "--version",
        tried: &["5.006"],
        commands: &DRIVES,
        install: "apt-get install verilator",
    },
    Tool {
        name: "g++",
        variable: Some("CXX"),
        asks: "--version",
        tried: &["12.2"],
        commands: &DRIVES,
        install: "apt-get install g++",
    },
    Tool {
        name: "iverilog",
        variable: None,
        asks: "-V",
        tried: &["11.0"],
        commands: &["verify"],
        install: "apt-get install iverilog",
    },
    Tool {
        name: "yosys",
        variable: None,
        asks: "-V",
        tried: &["0.23"],
        commands: &["synth", "verify"],
        install: "apt-get install yosys",
    },
    Tool {
        name: "sta",
        variable: None,
        asks: "-version",
        tried: &["2.0.17"],
        commands: &["synth", "power"],
        install: "apt-get install opensta",
    },
    Tool {
        name: "z3",
        variable: None,
        asks: "--version",
        tried: &["4.8.12"],
        commands: &["verify"],
        install: "apt-get install z3",
    },
    Tool {
        name: "python3",
        variable: None,
        asks: "--version",
        tried: &["3.11"],
        commands: &["verify"],
        install: "apt-get install python3",
    },
    Tool {
        name: "snakemake",
        variable: None,
        asks: "--version",
        tried: &["7.21.0"],
        commands: &["sweep"],
        install: "apt-get install snakemake",
    },
    Tool {
        name: "npm",
        variable: None,
        asks: "--version",
        tried: &["9.", "11."],
        commands: &["data fetch"],
        install: "apt-get install npm",
    },
    Tool {
        name: "tar",
        variable: None,
        asks: "--version",
        tried: &["1.34"],
        commands: &["data fetch"],
        install: "apt-get install tar",
    },
];

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
    let mut findings: Vec<_> = TOOLS.iter().map(Tool::find).collect();
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

impl Tool {
    fn find(&self) -> Finding {
        let (status, found) = self.ask();
        let number = found.split(|c: char| c.is_whitespace() || c == '-' || c == 'v');
        let is = |part: &str, tried: &str| {
            let rest = part.strip_prefix(tried);
            rest.is_some_and(|rest| {
                tried.ends_with('.') || !rest.starts_with(|c: char| c.is_ascii_digit())
            })
        };
        let is_tried = status == "ready"
            && number.into_iter().any(|part| self.tried.iter().any(|tried| is(part, tried)));
        Finding {
            name: self.name.to_owned(),
            kind: "tool",
            status,
            found,
            tried: self.tried.iter().map(|tried| (*tried).to_owned()).collect(),
            is_tried,
            needed_for: self.commands.iter().map(|command| (*command).to_owned()).collect(),
            install: self.install.to_owned(),
        }
    }

    /// Runs it: its status, and the first line that it prints or what is wrong.
    fn ask(&self) -> (&'static str, String) {
        let line = self.variable.and_then(|variable| env::var(variable).ok()).unwrap_or_default();
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or(self.name);
        let mut command = Command::new(program);
        command.args(words).arg(self.asks).stdin(Stdio::null());
        match command.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                ("missing", format!("{program} is not on PATH"))
            }
            Err(error) => ("broken", format!("{program}: {error}")),
            Ok(output) => {
                let text = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&text);
                let first = text.lines().map(str::trim).find(|line| !line.is_empty());
                let first: String = first.unwrap_or("no version").chars().take(120).collect();
                if output.status.success() {
                    ("ready", first)
                } else {
                    ("broken", format!("{program} {}: {}: {first}", self.asks, output.status))
                }
            }
        }
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
