//! Drawings that lay several runs over each other.

use crate::chart::{Axis, Curves, Series, Side, Ticks};
use crate::plots::{Plot, accuracy_series, ends, points, stairs};
use crate::run::Run;
use crate::theme;
use flexmac_record::Widths;

/// Drawings of all runs together.
pub fn overlay_plots(runs: &[Run]) -> Vec<Plot> {
    let line = |number: usize, run: &Run, points| Series {
        name: run.name.clone(),
        class: theme::series(number),
        side: Side::Left,
        points,
        notes: Vec::new(),
    };
    let each = |make: &dyn Fn(usize, &Run) -> Series| {
        let series = runs.iter().enumerate().map(|(number, run)| make(number, run));
        series.filter(|series| !series.points.is_empty()).collect::<Vec<_>>()
    };
    let loss = each(&|n, run| line(n, run, points(&run.history, &run.history.smoothed_loss)));
    let accuracy = each(&|n, run| accuracy_series(&run.history, &run.name, theme::series(n)));
    let widest = |widths: &Option<Widths>| widths.map(|w| f64::from(w.forward.max(w.backward)));
    let width = each(&|n, run| line(n, run, stairs(&run.history, &run.history.widths, widest)));
    let passes = each(&|n, run| {
        let rate = |cost: &crate::history::Cost| Some(cost.passes_per_mac());
        line(n, run, stairs(&run.history, &run.history.cost, rate))
    });

    let mut span = (f64::MAX, f64::MIN);
    for run in runs {
        let (first, last) = ends(&run.history);
        span = (span.0.min(first), span.1.max(last));
    }
    let plot =
        |what: &str, title: &str, caption: &str, axis: (&str, Ticks), series: Vec<Series>| {
            let id = format!("all-{what}");
            let left = Axis { label: axis.0.to_owned(), ticks: axis.1 };
            let note = caption;
            (!series.is_empty()).then(|| {
                let draw = || {
                    Curves { id: &id, title, note, height: 320.0, span, left, right: None, series }
                        .draw()
                };
                Plot::new(&id, title, caption, draw)
            })
        };
    [
        plot(
            "loss",
            "Smoothed loss of all runs",
            "Mean of the last training losses of each run.",
            ("smoothed loss (nat)", Ticks::FromZero),
            loss,
        ),
        plot(
            "accuracy",
            "Test accuracy of all runs",
            "Share of test images classified correctly, where it was measured.",
            ("accuracy (%)", Ticks::Around),
            accuracy,
        ),
        plot(
            "width",
            "Width of all runs",
            "Widest operand of any product, in bits with the sign. Float runs have none.",
            ("width (bits)", Ticks::Every(8.0)),
            width,
        ),
        plot(
            "passes",
            "Passes per multiply-accumulate of all runs",
            "Multiplier passes of a multiply-accumulate, mean over all GEMMs of an iteration.",
            ("passes per MAC", Ticks::FromZero),
            passes,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
