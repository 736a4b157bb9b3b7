//! Turns the result of a command into an exit code and a message.

use std::process::ExitCode;

use flexmac_engine::EngineError;
use thiserror::Error;

use crate::hint;

/// Tiles of a run that differ from the reference.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Differs(pub String);

/// An interrupt ended a run. Its results so far have been printed.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Interrupted(pub String);

/// Prints an error as one chain of causes and picks the code: 1 for a difference between RTL and
/// reference, 130 for a run that was interrupted, as shells have it, 2 for everything else.
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if is_broken_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        errln!("{interrupted}");
        return ExitCode::from(130);
    }
    let hint = hint::of(&error).map_or(String::new(), |hint| format!("; {hint}"));
    errln!("error: {}{hint}", chain(&error));
    if error.chain().any(is_mismatch) { ExitCode::from(1) } else { ExitCode::from(2) }
}

/// The error and its causes on one line. A cause that is already part of the text before it is left
/// out.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        match (text.is_empty(), text.contains(&cause)) {
            (true, _) => cause,
            (false, true) => text,
            (false, false) => format!("{text}: {cause}"),
        }
    })
}

fn is_mismatch(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(EngineError::Mismatch(_))) || cause.is::<Differs>()
}

/// Whether the reader of the output, such as `head`, closed it. This is not an error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
