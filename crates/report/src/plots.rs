//! The drawings of one run. Where runs are compared, `overlay.rs` adds drawings of all.

use flexmac_fxp::Format;

use crate::chart::{
    Axis, Bar, Bars, COLUMNS, Curves, Heat, HeatCell, HeatRow, Series, Side, Ticks,
};
use crate::downsample::{Cell, greatest};
use crate::history::{Cost, GemmCost, History};
use crate::number::{group, headline, percent, short};
use crate::run::Run;
use crate::svg::Svg;
use crate::tensors::{TensorTrack, kinds};
use crate::theme;
use crate::track::Track;
use flexmac_record::Widths;

/// A drawing with the words around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Name in the page and of the file.
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

/// Drawings of a run, in the order of the page; `number` tells its drawings from other runs'.
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

/// First and last iteration.
pub(crate) fn ends(history: &History) -> (f64, f64) {
    let (first, end) = history.span();
    (first as f64, end.saturating_sub(1) as f64)
}

/// Points of a column of the history.
pub(crate) fn points(history: &History, values: &[f64]) -> Vec<(f64, f64)> {
    history.iteration.iter().zip(values).map(|(at, value)| (*at as f64, *value)).collect()
}

/// Points of a staircase.
pub(crate) fn stairs<T: PartialEq>(
    history: &History,
    track: &Track<T>,
    value: impl Fn(&T) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let (_, end) = history.span();
    let last = ends(history).1;
    let steps = track.spans(end).filter_map(|(from, to, held)| Some((from, to, value(held)?)));
    steps.flat_map(|(from, to, y)| [(from as f64, y), ((to as f64).min(last), y)]).collect()
}

fn loss_and_width(id: &str, run: &Run) -> Plot {
    let history = &run.history;
    let line = |name: &str, class: String, values: &[f64]| Series {
        name: name.to_owned(),
        class,
        side: Side::Left,
        points: points(history, values),
        notes: Vec::new(),
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
        let points = stairs(history, &history.widths, bits);
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
            notes: Vec::new(),
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
            "Training loss (left axis) with the width in use (right axis, bits with the sign).",
        ),
        (false, _) => ("Loss", "Training loss. A float run has no widths."),
    };
    Plot::new(id, title, caption, || {
        Curves {
            id,
            title,
            note: caption,
            height: 340.0,
            span: ends(history),
            left: Axis { label: "loss (nat)".to_owned(), ticks: Ticks::FromZero },
            right: fixed
                .then(|| Axis { label: "width (bits)".to_owned(), ticks: Ticks::Every(8.0) }),
            series,
        }
        .draw()
    })
}

const NA2016_CAPTION: &str = "Training loss (left axis) with the width in use (right axis, bits \
    with the sign), as in Figure 4(b) of Na and Mukhopadhyay. The policy goes to the widest \
    formats when the smoothed loss rises to its recent maximum, and back when it falls below its \
    recent minimum.";

/// Accuracy points with their notes.
pub(crate) fn accuracy_series(history: &History, name: &str, class: String) -> Series {
    let points = history.accuracy.iter().map(|(at, value)| (*at as f64, 100.0 * value));
    let note = |(at, value): &(u64, f64)| format!("{name}, iteration {at}: {}", percent(*value));
    let notes = history.accuracy.iter().map(note).collect();
    Series { name: name.to_owned(), class, side: Side::Left, points: points.collect(), notes }
}

fn accuracy(id: &str, history: &History) -> Option<Plot> {
    if history.accuracy.is_empty() {
        return None;
    }
    let (title, caption) = (
        "Test accuracy",
        "Share of test images classified correctly, where it was measured. Measurements on the way \
         may use fewer images than the last one.",
    );
    let left = Axis { label: "accuracy (%)".to_owned(), ticks: Ticks::Around };
    let series = vec![accuracy_series(history, "test accuracy", "s2 d0".to_owned())];
    let curves = Curves {
        id,
        title,
        note: caption,
        height: 260.0,
        span: ends(history),
        left,
        right: None,
        series,
    };
    Some(Plot::new(id, title, caption, || curves.draw()))
}

/// What a heat map of formats shows.
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
              (brighter in the dark theme). Where several iterations share a column of the \
              drawing, the greatest value is shown.",
    value: |format| format.bits().cast_signed(),
    class: |bits| theme::width_class(bits.unsigned_abs()),
    unit: "bits",
};

const LENGTH_MAP: FormatMap = FormatMap {
    title: "Integer length of each tensor",
    caption: "Integer length: a tensor holds values up to about 2 to this power. It grows by one \
              after an overflow and shrinks while none happens; negative means that even the first \
              bits after the binary point are not needed. Beside each row: its last format.",
    value: Format::integer_length,
    class: theme::length_class,
    unit: "integer length",
};

fn format_map(id: &str, history: &History, map: &FormatMap) -> Plot {
    let span = history.span();
    let mut values: Vec<i32> = Vec::new();
    let mut rows = Vec::new();
    for (tensor, kind) in history.tensors.iter().zip(kinds(&history.tensors)) {
        for row in tensor.rows(kind) {
            let track = row.formats.map(|format| format.map(map.value));
            let cells: Vec<Cell<i32>> =
                track.spans(span.1).filter_map(|(a, b, v)| Some((a, b, (*v)?))).collect();
            values.extend(cells.iter().map(|cell| cell.2));
            let cells =
                greatest(&cells, span, COLUMNS).into_iter().map(|(from, to, value)| HeatCell {
                    span: (from, to),
                    class: (map.class)(value),
                    text: value.to_string(),
                    note: format!("{}, {}: {} {value}", row.label, between(from, to), map.unit),
                });
            let end =
                row.formats.last().copied().flatten().map_or(String::new(), |f| f.to_string());
            rows.push(HeatRow { label: row.label.clone(), cells: cells.collect(), end });
        }
    }
    values.sort_unstable();
    values.dedup();
    // One entry per colour, with the range of values it stands for.
    let mut legend: Vec<(String, i32, i32)> = Vec::new();
    for value in values {
        let class = (map.class)(value);
        match legend.last_mut().filter(|entry| entry.0 == class) {
            Some(entry) => entry.2 = value,
            None => legend.push((class, value, value)),
        }
    }
    let words = |(class, low, high): (String, i32, i32)| {
        let text = if low == high { low.to_string() } else { format!("{low} to {high}") };
        (class, text)
    };
    let mut legend: Vec<_> = legend.into_iter().map(words).collect();
    if let Some(last) = legend.last_mut() {
        last.1 = format!("{} {}", last.1, map.unit);
    }
    let heat =
        Heat { id, title: map.title, note: map.caption, span, rows, legend, end: "at the end" };
    Plot::new(id, map.title, map.caption, || heat.draw())
}

/// Words for a stretch of iterations, the second number excluded.
fn between(from: u64, to: u64) -> String {
    if to - from <= 1 {
        format!("iteration {from}")
    } else {
        format!("iterations {from} to {}", to - 1)
    }
}

fn overflows(id: &str, history: &History) -> Plot {
    let (title, caption) = (
        "Overflows of each tensor",
        "Values per iteration that did not fit their tensor's format and were set to its limit. \
         Where several iterations share a column, the greatest count is shown; the sums on the \
         right count every iteration.",
    );
    let span = history.span();
    let row = |tensor: &TensorTrack| {
        let cells: Vec<Cell<u64>> =
            tensor.overflows.iter().map(|(at, count)| (*at, at + 1, *count)).collect();
        let cells = greatest(&cells, span, COLUMNS).into_iter().map(|(from, to, count)| HeatCell {
            span: (from, to),
            class: theme::overflow_class(count),
            text: count.to_string(),
            note: format!("{}, {}: {} overflows", tensor.name, between(from, to), group(count)),
        });
        let end = headline(tensor.overflow_total());
        HeatRow { label: tensor.name.clone(), cells: cells.collect(), end }
    };
    let words = ["1 to 9", "10 to 99", "100 to 999", "1,000 to 9,999", "10,000 or more overflows"];
    let legend = words.iter().enumerate().map(|(n, text)| (format!("o{n}"), (*text).to_owned()));
    let (rows, legend) = (history.tensors.iter().map(row).collect(), legend.collect());
    let heat = Heat { id, title, note: caption, span, rows, legend, end: "sum" };
    Plot::new(id, title, caption, || heat.draw())
}

/// What bars of GEMMs show.
struct GemmBars {
    title: &'static str,
    caption: &'static str,
    axis: &'static str,
    unit: &'static str,
    value: fn(&Cost) -> u64,
}

const PASSES: GemmBars = GemmBars {
    title: "Passes by layer and product",
    caption: "Multiplier passes of the whole run: multiply-accumulates times the passes that their \
              operand widths take. Every layer trains with three GEMMs.",
    axis: "multiplier passes (multiply-accumulates × passes)",
    unit: "passes",
    value: |cost| cost.mac_passes,
};

const CYCLES: GemmBars = GemmBars {
    title: "Cycles by layer and product",
    caption: "Clock cycles that the array was busy, over the whole run: computing, waiting for \
              results to drain, filling and emptying the pipeline. A layer with many cycles for \
              its passes uses the array badly.",
    axis: "cycles of the array",
    unit: "cycles",
    value: |cost| cost.cycles.busy,
};

/// The layers, first to last.
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
    let whole = (what.value)(&history.total).max(1) as f64;
    let bar = |layer: &str| {
        let part = |(role, words): (flexmac_fxp::Role, &str)| {
            let same = |gemm: &&GemmCost| gemm.layer == layer && gemm.role == role;
            let value = history.gemms.iter().find(same).map_or(0, |p| (what.value)(&p.cost));
            let share = percent(value as f64 / whole);
            (value, format!("{layer}, {words}: {} {} ({share} of all)", group(value), what.unit))
        };
        let parts: Vec<_> = flexmac_fxp::Role::GEMMS.into_iter().zip(ROLES).map(part).collect();
        let sum = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.0));
        let end = format!("{} ({:.0} %)", short(sum), 100.0 * sum as f64 / whole);
        Bar { label: layer.to_owned(), parts, end }
    };
    let bars = layers(history).into_iter().map(bar).collect();
    let GemmBars { title, caption, axis, .. } = *what;
    let bars = Bars { id, title, note: caption, axis, parts: &ROLES, bars };
    Plot::new(id, title, caption, || bars.draw())
}

/// Words for the three GEMMs, in the order of [`flexmac_fxp::Role::GEMMS`].
pub(crate) const ROLES: [&str; 3] = ["forward", "input gradient", "weight gradient"];
