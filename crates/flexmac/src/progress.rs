//! The progress of a training run, shown on stderr.

use std::io::{self, IsTerminal};

use flexmac_record::IterationRecord;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal; otherwise about ten lines.
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Not on a terminal.
    Lines {
        /// Iterations between two lines.
        every: u64,
    },
}

impl Progress {
    /// The progress before the first of `iterations`.
    pub fn new(iterations: u64) -> Self {
        if io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} [{eta} left] {msg}")
                .expect("a constant template");
            Self::Bar(ProgressBar::new(iterations).with_style(style))
        } else {
            Self::Lines { every: iterations.div_ceil(10).max(1) }
        }
    }

    /// Shows an iteration.
    pub fn show(&mut self, record: &IterationRecord) {
        let done = record.iteration + 1;
        let width = record.widths.map_or(String::new(), |widths| {
            let (forward, backward) = (widths.forward, widths.backward);
            if forward == backward && forward == widths.update {
                format!("  {forward} bits ({})", record.phase)
            } else {
                format!("  {forward}/{backward}/{} bits ({})", widths.update, record.phase)
            }
        });
        let accuracy = record
            .accuracy
            .map_or(String::new(), |accuracy| format!("  accuracy {:.2} %", 100.0 * accuracy));
        let loss = format!("loss {:.4}", record.smoothed_loss);
        match self {
            Self::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(format!("{loss}{width}{accuracy}"));
            }
            Self::Lines { every } => {
                if done.is_multiple_of(*every) || done == 1 || record.accuracy.is_some() {
                    errln!("iteration {done:6}  {loss}{width}{accuracy}");
                }
            }
        }
        for note in &record.notes {
            let note = format!("note: iteration {done}: {note}");
            match self {
                Self::Bar(bar) => bar.println(note),
                Self::Lines { .. } => errln!("{note}"),
            }
        }
    }

    /// Leaves the bar on the terminal.
    pub fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}
