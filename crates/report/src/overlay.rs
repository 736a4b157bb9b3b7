//! Drawings that show several runs on the same axes.

use crate::chart::{Axis, LineChart, Series, Side, Ticks};
use crate::plots::{Plot, accuracy_series, first_and_last, points, step_points};
use crate::run::Run;
use crate::theme;
use flexmac_record::Widths;

/// The drawings that compare the runs.
pub fn overlay_plots(runs: &[Run]) -> Vec<Plot> {
    let line = |number: usize, run: &Run, points| Series {
        name: run.name.clone(),
        class: theme::series(number),
        side: Side::Left,
        points,
        tooltips: Vec::new(),
    };
    let each = |make: &dyn Fn(usize, &Run) -> Series| {
        let series = runs.iter().enumerate().map(|(number, run)| make(number, run));
        series.filter(|series| !series.points.is_empty()).collect::<Vec<_>>()
    };
    let loss = each(&|n, run| line(n, run, points(&run.history, &run.history.smoothed_loss)));
    let accuracy = each(&|n, run| accuracy_series(&run.history, &run.name, theme::series(n)));
    let widest = |widths: &Option<Widths>| widths.map(|w| f64::from(w.forward.max(w.backward)));
    let width =
        each(&|n, run| line(n, run, step_points(&run.history, &run.history.widths, widest)));
    let passes = each(&|n, run| {
        let rate = |cost: &crate::history::Cost| Some(cost.passes_per_mac());
        line(n, run, step_points(&run.history, &run.history.cost, rate))
    });

    let mut span = (f64::MAX, f64::MIN);
    for run in runs {
        let (first, last) = first_and_last(&run.history);
        span = (span.0.min(first), span.1.max(last));
    }
    let plot =
        |what: &str, title: &str, caption: &str, axis: (&str, Ticks), series: Vec<Series>| {
            let id = format!("all-{what}");
            let left = Axis { label: axis.0.to_owned(), ticks: axis.1 };
            (!series.is_empty()).then(|| {
                let chart = LineChart {
                    id: &id,
                    title,
                    description: caption,
                    height: 320.0,
                    span,
                    left,
                    right: None,
                    series,
                };
                Plot::new(&id, title, caption, || chart.draw())
            })
        };
    [
        plot(
            "loss",
            "Smoothed loss of all runs",
            "Mean of the most recent training losses of each run.",
            ("smoothed loss (nat)", Ticks::FromZero),
            loss,
        ),
        plot(
            "accuracy",
            "Test accuracy of all runs",
            "Share of test images classified correctly, where it was measured.",
            ("accuracy (%)", Ticks::AroundData),
            accuracy,
        ),
        plot(
            "width",
            "Width of all runs",
            "Widest operand of any GEMM, in bits, sign included. Float runs have none.",
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
