//! What the end of a tool means: a result or an error, said in the caller's names.

use crate::error::Error;
use crate::tool::{Finished, describe};
use crate::{sta, yosys};

/// A staged source and the file that the caller gave.
pub(crate) type Names = [(String, String)];

/// Yosys tells by its exit code.
pub(crate) fn yosys_end(end: &Finished, names: &Names) -> Result<(), Error> {
    if end.status.success() {
        return Ok(());
    }
    Err(failed(end, with_source_names(yosys::error_lines(&end.text()?), names)))
}

/// OpenSTA leaves exit code 0 after an error, so its log is read.
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

/// Messages speak of the files the caller gave, not of the staged copies.
pub(crate) fn with_source_names(mut lines: Vec<String>, names: &Names) -> Vec<String> {
    for line in &mut lines {
        for (staged, given) in names {
            *line = line.replace(staged, given);
        }
    }
    lines
}
