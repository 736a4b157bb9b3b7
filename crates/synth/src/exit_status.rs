//! Decides from exit status and log whether a tool succeeded. Errors show the caller's file names.

use crate::error::Error;
use crate::tool::{Finished, describe};
use crate::{sta, yosys};

/// Names of staged sources, each with the path given by the caller.
pub(crate) type Names = [(String, String)];

/// Checks a Yosys run by its exit code.
pub(crate) fn yosys_end(end: &Finished, names: &Names) -> Result<(), Error> {
    if end.status.success() {
        return Ok(());
    }
    Err(failed(end, with_source_names(yosys::error_lines(&end.text()?), names)))
}

/// Checks an OpenSTA run by its log as well, because OpenSTA exits with 0 after an error.
pub(crate) fn sta_end(end: &Finished) -> Result<(), Error> {
    let text = end.text()?;
    let errors = sta::error_lines(&text);
    if end.status.success() && errors.is_empty() {
        return Ok(());
    }
    Err(failed(end, if errors.is_empty() { yosys::last_lines(&text) } else { errors }))
}

fn failed(end: &Finished, lines: Vec<String>) -> Error {
    Error::ToolFailed { tool: end.tool, status: describe(end.status), log: end.log.clone(), lines }
}

/// Replaces the names of staged copies by the paths given by the caller.
pub(crate) fn with_source_names(mut lines: Vec<String>, names: &Names) -> Vec<String> {
    for line in &mut lines {
        for (staged, given) in names {
            *line = line.replace(staged, given);
        }
    }
    lines
}
