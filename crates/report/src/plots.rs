//! The drawings of one run. `overlay.rs` has the drawings that compare several runs.

use flexmac_fxp::Format;

use crate::chart::{
    Axis, Bar, BarChart, HeatCell, HeatMap, HeatRow, LineChart, MAX_COLUMNS, Series, Side, Ticks,
};
use crate::downsample::{Cell, column_maxima};
use crate::history::{Cost, GemmCost, History};
use crate::number::{group, headline, percent, short};
use crate::run::Run;
use crate::step_series::StepSeries;
use crate::svg::Svg;
use crate::tensors::{TensorHistory, tensor_kinds};
use crate::theme;
use flexmac_record::Widths;

/// A drawing with its heading and caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Id in the page, and name of the SVG file.
    pub id: String,
    /// Heading.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// The drawing.
    pub svg: Svg,
}

impl Plot {
    pub(crate) fn new(id: &str, title: &str, caption: &str, draw: impl FnOnce() -> Svg) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            caption: caption.to_owned(),
            svg: draw(),
        }
    }
}

/// The drawings of a run, in the order of the page. Ids contain `number`, the run's index.
pub fn run_plots(run: &Run, number: usize) -> Vec<Plot> {
    let id = |what: &str| format!("run{number}-{what}");
    let history = &run.history;
    let mut plots = vec![loss_and_width(&id("loss"), run)];
    plots.extend(accuracy(&id("accuracy"), history));
    if history.widths.changes().iter().any(|(_, widths)| widths.is_some()) {
        plots.push(format_map(&id("width"), history, &WIDTH_MAP));
        plots.push(format_map(&id("integer-length"), history, &LENGTH_MAP));
        plots.push(overflows(&id("overflows"), history));
    }
    plots.push(gemm_bars(&id("passes"), history, &PASSES));
    if history.total.cycles.busy > 0 {
        plots.push(gemm_bars(&id("cycles"), history, &CYCLES));
    }
    plots
}

/// The first and the last iteration.
pub(crate) fn first_and_last(history: &History) -> (f64, f64) {
    let (first, end) = history.span();
    (first as f64, end.saturating_sub(1) as f64)
}

/// A column of the history as points over iterations.
pub(crate) fn points(history: &History, values: &[f64]) -> Vec<(f64, f64)> {
    history.iteration.iter().zip(values).map(|(at, value)| (*at as f64, *value)).collect()
}

/// The corners of a step function.
pub(crate) fn step_points<T: PartialEq>(
    history: &History,
    series: &StepSeries<T>,
    value: impl Fn(&T) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let (_, end) = history.span();
    let last = first_and_last(history).1;
    let steps =
        series.spans(end).filter_map(|(from, to, current)| Some((from, to, value(current)?)));
    steps.flat_map(|(from, to, y)| [(from as f64, y), ((to as f64).min(last), y)]).collect()
}

fn loss_and_width(id: &str, run: &Run) -> Plot {
    let history = &run.history;
    let line = |name: &str, class: String, values: &[f64]| Series {
        name: name.to_owned(),
        class,
        side: Side::Left,
        points: points(history, values),
        tooltips: Vec::new(),
    };
    let mut series =
        vec![line("loss of the batch", format!("{} thin", theme::series(0)), &history.loss)];
    type Part = fn(&Widths) -> u32;
    let uses: [(&str, Part); 3] = [
        ("operand width", |widths| widths.forward),
        ("gradient width", |widths| widths.backward),
        ("stored parameter width", |widths| widths.update),
    ];
    let mut drawn: Vec<Vec<(f64, f64)>> = Vec::new();
    for (name, part) in uses {
        let bits = |widths: &Option<Widths>| widths.as_ref().map(|w| f64::from(part(w)));
        let points = step_points(history, &history.widths, bits);
        if points.is_empty() || drawn.contains(&points) {
            continue;
        }
        drawn.push(points.clone());
        let class = theme::series(drawn.len());
        series.push(Series {
            name: name.to_owned(),
            class,
            side: Side::Right,
            points,
            tooltips: Vec::new(),
        });
    }
    if let [_, only] = series.as_mut_slice() {
        only.name = "width".to_owned();
    }
    series.push(line("smoothed loss", theme::series(0), &history.smoothed_loss));
    let fixed = !drawn.is_empty();
    let (title, caption) = match (fixed, run.setting("policy")) {
        (true, Some("na2016")) => ("Loss and width", NA2016_CAPTION),
        (true, _) => (
            "Loss and width",
            "Training loss (left axis) and width in use (right axis; bits, sign included).",
        ),
        (false, _) => ("Loss", "Training loss. A float run has no widths."),
    };
    Plot::new(id, title, caption, || {
        LineChart {
            id,
            title,
            description: caption,
            height: 340.0,
            span: first_and_last(history),
            left: Axis { label: "loss (nat)".to_owned(), ticks: Ticks::FromZero },
            right: fixed
                .then(|| Axis { label: "width (bits)".to_owned(), ticks: Ticks::Every(8.0) }),
            series,
        }
        .draw()
    })
}

const NA2016_CAPTION: &str = "Training loss (left axis) and width in use (right axis; bits, sign \
    included), as in Figure 4(b) of Na and Mukhopadhyay. The policy switches to the widest formats \
    when the smoothed loss rises to its recent maximum, and back when the loss falls below its \
    recent minimum.";

/// The measured accuracies, with tooltips.
pub(crate) fn accuracy_series(history: &History, name: &str, class: String) -> Series {
    let points = history.accuracy.iter().map(|(at, value)| (*at as f64, 100.0 * value));
    let tooltip = |(at, value): &(u64, f64)| format!("{name}, iteration {at}: {}", percent(*value));
    let tooltips = history.accuracy.iter().map(tooltip).collect();
    Series { name: name.to_owned(), class, side: Side::Left, points: points.collect(), tooltips }
}

fn accuracy(id: &str, history: &History) -> Option<Plot> {
    if history.accuracy.is_empty() {
        return None;
    }
    let (title, caption) = (
        "Test accuracy",
        "Share of test images classified correctly, at each measurement. Measurements during \
         training may use fewer images than the last one.",
    );
    let left = Axis { label: "accuracy (%)".to_owned(), ticks: Ticks::AroundData };
    let series = vec![accuracy_series(history, "test accuracy", "s2 d0".to_owned())];
    let chart = LineChart {
        id,
        title,
        description: caption,
        height: 260.0,
        span: first_and_last(history),
        left,
        right: None,
        series,
    };
    Some(Plot::new(id, title, caption, || chart.draw()))
}

/// What a heat map shows of each format.
struct FormatMap {
    title: &'static str,
    caption: &'static str,
    value: fn(Format) -> i32,
    class: fn(i32) -> String,
    unit: &'static str,
}

const WIDTH_MAP: FormatMap = FormatMap {
    title: "Width of each tensor",
    caption: "Bits of each tensor's format over the iterations, sign included. Darker is wider \
              (brighter in the dark theme). If several iterations share a column of the drawing, \
              it shows the largest value.",
    value: |format| format.bits().cast_signed(),
    class: |bits| theme::width_class(bits.unsigned_abs()),
    unit: "bits",
};

const LENGTH_MAP: FormatMap = FormatMap {
    title: "Integer length of each tensor",
    caption: "Integer length: a tensor holds values up to about 2 to this power. A policy can \
              lengthen it after overflows and shorten it when there are none. It is negative if \
              the format leaves out the first bits after the binary point. Right of each row: its \
              last format.",
    value: Format::integer_length,
    class: theme::length_class,
    unit: "integer length",
};

fn format_map(id: &str, history: &History, map: &FormatMap) -> Plot {
    let span = history.span();
    let mut values: Vec<i32> = Vec::new();
    let mut rows = Vec::new();
    for (tensor, kind) in history.tensors.iter().zip(tensor_kinds(&history.tensors)) {
        for row in tensor.rows(kind) {
            let values_shown = row.formats.map(|format| format.map(map.value));
            let cells: Vec<Cell<i32>> =
                values_shown.spans(span.1).filter_map(|(a, b, v)| Some((a, b, (*v)?))).collect();
            values.extend(cells.iter().map(|cell| cell.2));
            let cells =
                column_maxima(&cells, span, MAX_COLUMNS).into_iter().map(|(from, to, value)| {
                    HeatCell {
                        span: (from, to),
                        class: (map.class)(value),
                        text: value.to_string(),
                        tooltip: format!(
                            "{}, {}: {} {value}",
                            row.label,
                            iteration_range(from, to),
                            map.unit
                        ),
                    }
                });
            let last = row.formats.last().copied().flatten();
            let end_label = last.map_or(String::new(), |format| format.to_string());
            rows.push(HeatRow { label: row.label.clone(), cells: cells.collect(), end_label });
        }
    }
    values.sort_unstable();
    values.dedup();
    // One entry per colour, with its range of values.
    let mut legend: Vec<(String, i32, i32)> = Vec::new();
    for value in values {
        let class = (map.class)(value);
        match legend.last_mut().filter(|entry| entry.0 == class) {
            Some(entry) => entry.2 = value,
            None => legend.push((class, value, value)),
        }
    }
    let entry = |(class, low, high): (String, i32, i32)| {
        let text = if low == high { low.to_string() } else { format!("{low} to {high}") };
        (class, text)
    };
    let mut legend: Vec<_> = legend.into_iter().map(entry).collect();
    if let Some(last) = legend.last_mut() {
        last.1 = format!("{} {}", last.1, map.unit);
    }
    let chart = HeatMap {
        id,
        title: map.title,
        description: map.caption,
        span,
        rows,
        legend,
        end_heading: "at the end",
    };
    Plot::new(id, map.title, map.caption, || chart.draw())
}

/// Text for a half-open range of iterations.
fn iteration_range(from: u64, to: u64) -> String {
    if to - from <= 1 {
        format!("iteration {from}")
    } else {
        format!("iterations {from} to {}", to - 1)
    }
}

fn overflows(id: &str, history: &History) -> Plot {
    let (title, caption) = (
        "Overflows of each tensor",
        "Values per iteration that did not fit the format of their tensor and saturated. If \
         several iterations share a column, it shows the largest count. The sums on the right \
         count every iteration.",
    );
    let span = history.span();
    let row = |tensor: &TensorHistory| {
        let cells: Vec<Cell<u64>> =
            tensor.overflows.iter().map(|(at, count)| (*at, at + 1, *count)).collect();
        let cells =
            column_maxima(&cells, span, MAX_COLUMNS).into_iter().map(|(from, to, count)| {
                HeatCell {
                    span: (from, to),
                    class: theme::overflow_class(count),
                    text: count.to_string(),
                    tooltip: format!(
                        "{}, {}: {} overflows",
                        tensor.name,
                        iteration_range(from, to),
                        group(count)
                    ),
                }
            });
        let end_label = headline(tensor.overflow_total());
        HeatRow { label: tensor.name.clone(), cells: cells.collect(), end_label }
    };
    let labels = ["1 to 9", "10 to 99", "100 to 999", "1,000 to 9,999", "10,000 or more overflows"];
    let legend = labels.iter().enumerate().map(|(n, text)| (format!("o{n}"), (*text).to_owned()));
    let (rows, legend) = (history.tensors.iter().map(row).collect(), legend.collect());
    let chart = HeatMap { id, title, description: caption, span, rows, legend, end_heading: "sum" };
    Plot::new(id, title, caption, || chart.draw())
}

/// What a bar chart shows of each GEMM.
struct GemmBars {
    title: &'static str,
    caption: &'static str,
    axis: &'static str,
    unit: &'static str,
    value: fn(&Cost) -> u64,
}

const PASSES: GemmBars = GemmBars {
    title: "Passes by layer and GEMM",
    caption: "Multiplier passes of the whole run: multiply-accumulates times passes per \
              multiply-accumulate, which depend on the operand widths. Each layer has up to \
              three GEMMs.",
    axis: "multiplier passes (multiply-accumulates × passes)",
    unit: "passes",
    value: |cost| cost.mac_passes,
};

const CYCLES: GemmBars = GemmBars {
    title: "Cycles by layer and GEMM",
    caption: "Busy clock cycles of the array in the whole run: computing, waiting for results to \
              drain, filling and emptying the pipeline. A layer with many cycles per pass has a \
              low utilisation.",
    axis: "cycles of the array",
    unit: "cycles",
    value: |cost| cost.cycles.busy,
};

/// Names of the layers, first to last.
pub(crate) fn layers(history: &History) -> Vec<&str> {
    let mut layers: Vec<&str> = Vec::new();
    for GemmCost { layer, .. } in &history.gemms {
        if !layers.contains(&layer.as_str()) {
            layers.push(layer);
        }
    }
    layers
}

fn gemm_bars(id: &str, history: &History, what: &GemmBars) -> Plot {
    let total = (what.value)(&history.total).max(1) as f64;
    let bar = |layer: &str| {
        let part = |(role, name): (flexmac_fxp::Role, &str)| {
            let same = |gemm: &&GemmCost| gemm.layer == layer && gemm.role == role;
            let value = history.gemms.iter().find(same).map_or(0, |p| (what.value)(&p.cost));
            let share = percent(value as f64 / total);
            (value, format!("{layer}, {name}: {} {} ({share} of all)", group(value), what.unit))
        };
        let parts: Vec<_> =
            flexmac_fxp::Role::GEMMS.into_iter().zip(GEMM_LABELS).map(part).collect();
        let sum = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.0));
        let end_label = format!("{} ({:.0} %)", short(sum), 100.0 * sum as f64 / total);
        Bar { label: layer.to_owned(), parts, end_label }
    };
    let bars = layers(history).into_iter().map(bar).collect();
    let GemmBars { title, caption, axis, .. } = *what;
    let chart = BarChart { id, title, description: caption, axis, part_labels: &GEMM_LABELS, bars };
    Plot::new(id, title, caption, || chart.draw())
}

/// Labels of the three GEMMs, in the order of [`flexmac_fxp::Role::GEMMS`].
pub(crate) const GEMM_LABELS: [&str; 3] = ["forward", "input gradient", "weight gradient"];
