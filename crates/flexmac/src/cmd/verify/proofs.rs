//! Proofs: runs the scripts of `proofs/`, which are embedded in this program, on the folder of a
//! design.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use super::Found;
use crate::engines::ArrayDesign;

/// The files that `prove.py --config` needs.
const HELD: [&str; 17] = [
    "bound.py",
    "cases.py",
    "design.py",
    "designs.py",
    "extremes.py",
    "faults.py",
    "float_bench.py",
    "free_sum.v",
    "lfsr_period.py",
    "loops.py",
    "parameters.py",
    "paths.py",
    "products.py",
    "prove.py",
    "regs.py",
    "report.py",
    "solver.py",
];

/// Runs the proofs of the design in `folder`, with `long` also those that take minutes.
///
/// # Errors
/// A tool that is missing or did not answer.
pub fn run(folder: &Path, design: &ArrayDesign, long: bool) -> Result<Found> {
    let scratch = tempfile::tempdir().context("verify: make a folder")?;
    let folder = design.usual_folder(folder, scratch.path()).context("verify")?;
    for name in HELD {
        let text = flexmac_assets::text(&format!("proofs/{name}"));
        fs::write(scratch.path().join(name), text).context("verify: write proofs")?;
    }
    let mut command = Command::new("python3");
    command.arg(scratch.path().join("prove.py")).arg("--config").arg(folder);
    if long {
        command.arg("--long");
    }
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match run {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("verify: proofs: python3 is not on PATH; apt-get install python3")
        }
        run => run.context("verify: run python3")?,
    };
    let lines = child.stdout.take().map(BufReader::new).context("verify: no output")?.lines();
    let (mut failed, mut last) = (Vec::new(), String::new());
    for line in lines {
        let line = line.context("verify: proofs")?;
        if std::io::stderr().is_terminal() {
            errln!("{line}");
        }
        if let Some(proof) = line.strip_prefix("FAIL  ") {
            failed.push(proof.to_owned());
        }
        last = line;
    }
    let output = child.wait_with_output().context("verify: proofs")?;
    match output.status.code() {
        Some(0) if failed.is_empty() && last.starts_with("proofs: ") => Ok(Ok(last)),
        Some(1) if !failed.is_empty() => Ok(Err(format!("{last}\n{}", failed.join("\n")))),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().trim_start_matches("error: ").to_owned();
            Err(anyhow!("{}: {said}", output.status)).context("verify: proofs")
        }
    }
}
