//! First Ctrl-C: stop after the current iteration. Second: exit at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Returns a flag that the first interrupt sets. `what` names the work that the program completes
/// before it stops.
///
/// # Errors
/// A system without signals, or a second handler.
pub fn flag(what: &'static str) -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let handle = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if handle.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        errln!("\ninterrupted: {what}; interrupt again to stop at once");
    })
    .context("set the interrupt handler")?;
    Ok(stop)
}
