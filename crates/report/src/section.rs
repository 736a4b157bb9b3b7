//! The section of one run: key numbers, drawings and tables.

use std::collections::BTreeMap;

use flexmac_record::SynthReport;
use serde::Serialize;

use crate::hardware::{TableRow, seconds_on_array};
use crate::history::{Cost, History};
use crate::number::{duration, group, headline, percent};
use crate::plots::{GEMM_LABELS, Plot, run_plots};
use crate::run::Run;
use crate::settings::Setting;
use crate::tensors::{FormatRow, tensor_kinds};

/// A number at the top of the section.
#[derive(Debug, Serialize)]
pub(crate) struct KeyNumber {
    id: &'static str,
    label: &'static str,
    value: String,
    /// What it means and how it was measured.
    meaning: String,
}

/// A drawing, as the template needs it.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    id: String,
    title: String,
    caption: String,
    svg: String,
}

impl From<&Plot> for Figure {
    fn from(plot: &Plot) -> Self {
        let Plot { id, title, caption, svg } = plot;
        let (id, title, caption) = (id.clone(), title.clone(), caption.clone());
        Self { id, title, caption, svg: svg.inline() }
    }
}

/// The template's context for one run.
#[derive(Debug, Serialize)]
pub(crate) struct Section<'a> {
    name: &'a str,
    subtitle: String,
    unfinished: bool,
    stopped: bool,
    key_numbers: Vec<KeyNumber>,
    figures: Vec<Figure>,
    formats: Vec<Vec<String>>,
    gemms: Vec<Vec<String>>,
    accuracy: Vec<(u64, String)>,
    settings: &'a [Setting],
    array: Vec<TableRow>,
    command: &'a str,
    version: &'a str,
}

pub(crate) fn section<'a>(run: &'a Run, number: usize, synth: Option<&SynthReport>) -> Section<'a> {
    let history = &run.history;
    let array = run.array.iter().map(|(name, value)| TableRow::new(name, value_text(value), ""));
    let measured = history.accuracy.iter().map(|(at, value)| (*at, percent(*value)));
    Section {
        name: &run.name,
        subtitle: subtitle(run),
        unfinished: run.result.is_none(),
        stopped: run.result.as_ref().is_some_and(|result| result.stopped),
        key_numbers: key_numbers(run, synth),
        figures: run_plots(run, number).iter().map(Figure::from).collect(),
        formats: format_rows(history),
        gemms: gemm_rows(history),
        accuracy: measured.collect(),
        settings: &run.settings,
        array: array.collect(),
        command: &run.command,
        version: &run.version,
    }
}

fn value_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => {
            items.iter().map(value_text).collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}

fn subtitle(run: &Run) -> String {
    let mut parts = vec![run.network.clone()];
    parts.extend(run.setting("data").map(|data| format!("on {data}")));
    parts.extend(run.setting("policy").map(|policy| format!("policy {policy}")));
    parts.extend(run.setting("engine").map(|engine| format!("engine {engine}")));
    parts.extend(run.setting("seed").map(|seed| format!("seed {seed}")));
    parts.join(" · ")
}

/// The last accuracy that was measured, and a sentence on how.
pub(crate) fn final_accuracy(run: &Run) -> (String, String) {
    match (&run.result, run.history.accuracy.last()) {
        (Some(result), _) => (
            percent(result.accuracy),
            format!(
                "Share of {} test images classified correctly after the last iteration.",
                group(result.accuracy_images as u64)
            ),
        ),
        (None, Some((at, accuracy))) => {
            let measured =
                format!("Share of test images classified correctly after iteration {at}.");
            (percent(*accuracy), measured)
        }
        (None, None) => ("—".to_owned(), "Not measured yet.".to_owned()),
    }
}

fn key_numbers(run: &Run, synth: Option<&SynthReport>) -> Vec<KeyNumber> {
    let history = &run.history;
    let Cost { cycles, tiles, tiles_checked, .. } = history.total;
    let key_number =
        |id, label, value: String, meaning: String| KeyNumber { id, label, value, meaning };
    let (accuracy, measured) = final_accuracy(run);
    let done = history.iteration.len() as u64;
    let last = |values: &[f64]| values.last().copied().unwrap_or_default();
    let batch = run.setting("batch").map_or(String::new(), |batch| format!(" of {batch} images"));
    let widths = match width_summary(history) {
        Some(summary) => format!(" Widest operand: {summary}."),
        None => String::new(),
    };
    let mut list = vec![
        key_number("accuracy", "test accuracy", accuracy, measured),
        key_number(
            "loss",
            "loss",
            format!("{:.4}", last(&history.smoothed_loss)),
            format!(
                "Mean cross-entropy of the last iterations, in nats. Last batch alone: {:.4}. \
                 A uniform guess among ten classes has 2.3026.",
                last(&history.loss)
            ),
        ),
        key_number(
            "iterations",
            "iterations",
            group(done),
            format!("Weight updates, each from one batch{batch}.{widths}"),
        ),
        key_number(
            "passes",
            "passes per MAC",
            format!("{:.2}", history.total.passes_per_mac()),
            passes_meaning(run),
        ),
    ];
    if cycles.busy > 0 {
        let share = |part: u64| format!("{:.0} %", 100.0 * part as f64 / cycles.busy as f64);
        let mut meaning = format!(
            "{} clock cycles in which the array was busy with training GEMMs: {} computing, {} \
             waiting for results to drain.",
            group(cycles.busy),
            share(cycles.compute),
            share(cycles.stall)
        );
        let seconds = synth.and_then(|report| seconds_on_array(report, cycles.busy));
        if let Some(seconds) = seconds {
            meaning += &format!(" At the synthesized clock: {}.", duration(seconds));
        }
        list.push(key_number("cycles", "cycles", headline(cycles.busy), meaning));
        let checked = match tiles_checked {
            0 => {
                "Tiles whose results from the Verilog were compared with the exact reference, bit \
                  for bit. This engine compares none; the checked engine does."
                    .to_owned()
            }
            _ => format!(
                "Tiles of {} whose results and counters from the Verilog were compared with the \
                 exact reference, bit for bit. Any difference would have ended the run.",
                group(tiles)
            ),
        };
        let value = format!("{} of {}", headline(tiles_checked), headline(tiles));
        list.push(key_number("checked", "tiles checked", value, checked));
        list.push(key_number(
            "overflows",
            "overflows",
            headline(history.overflow_total()),
            format!(
                "{} values did not fit their format and saturated.{}",
                group(history.overflow_total()),
                if run.setting("policy") == Some("static") {
                    ""
                } else {
                    " The policy uses these counts to move binary points."
                }
            ),
        ));
    }
    if let Some(result) = &run.result {
        let each = 1e3 * result.train_seconds / done.max(1) as f64;
        let meaning = format!(
            "Wall time of the simulation on the host, {each:.0} ms per iteration; {} with \
             evaluation. It says nothing about the speed of the array.",
            duration(result.seconds)
        );
        list.push(key_number("time", "training time", duration(result.train_seconds), meaning));
    }
    list
}

fn passes_meaning(run: &Run) -> String {
    let chunk = run.array.get("chunk").and_then(serde_json::Value::as_u64);
    let total = &run.history.total;
    let skipping = total.without_skipping.map_or_else(String::new, |(passes, cycles)| {
        format!(
            " Planes of sign extension and panels of zeros were skipped; without that it would be \
             {:.2} passes and {} cycles.",
            passes as f64 / total.macs as f64,
            group(cycles)
        )
    });
    let meaning = match (run.history.total.cycles.busy, chunk, run.widest_passes()) {
        (0, ..) => "A float run multiplies each pair once.".to_owned(),
        (_, Some(chunk), Some(widest)) => format!(
            "Mean over all multiply-accumulates. Operands of a and b bits take ⌈a/{chunk}⌉ × \
             ⌈b/{chunk}⌉ passes of the {chunk}-bit multipliers: 1 at best, {widest} at the \
             widest formats."
        ),
        _ => "Mean over all multiply-accumulates.".to_owned(),
    };
    meaning + &skipping
}

/// Iterations at each operand width, widest first: `32 bits in 90, 16 bits in 110`.
pub(crate) fn width_summary(history: &History) -> Option<String> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    let (_, end) = history.span();
    let spans = history.widths.spans(end);
    for (from, to, widths) in spans.filter_map(|(a, b, w)| Some((a, b, w.as_ref()?))) {
        *counts.entry(widths.forward.max(widths.backward)).or_default() += to - from;
    }
    let parts =
        counts.iter().rev().map(|(bits, count)| format!("{bits} bits in {}", group(*count)));
    let text = parts.collect::<Vec<_>>().join(", ");
    (!text.is_empty()).then_some(text)
}

/// Rows of the table of formats: tensor, last format, width, integer length, its range, changes,
/// overflows.
fn format_rows(history: &History) -> Vec<Vec<String>> {
    let mut table = Vec::new();
    for (tensor, kind) in history.tensors.iter().zip(tensor_kinds(&history.tensors)) {
        for FormatRow { label, formats } in tensor.rows(kind) {
            let used: Vec<_> = formats.changes().iter().filter_map(|(_, f)| *f).collect();
            let Some(last) = used.last() else { continue };
            let lengths = || used.iter().map(|format| format.integer_length());
            let range = lengths().min().zip(lengths().max()).unwrap_or_default();
            table.push(vec![
                label,
                last.to_string(),
                last.bits().to_string(),
                last.integer_length().to_string(),
                format!("{} to {}", range.0, range.1),
                group(used.len() as u64 - 1),
                group(tensor.overflow_total()),
            ]);
        }
    }
    table
}

/// Rows of the table of GEMMs: layer, role, multiply-accumulates, passes per multiply-accumulate,
/// passes, cycles, multiply-accumulates per cycle.
fn gemm_rows(history: &History) -> Vec<Vec<String>> {
    let label = |role| {
        let index = flexmac_fxp::Role::GEMMS.iter().position(|other| *other == role);
        index.map_or_else(|| role.name().to_owned(), |index| GEMM_LABELS[index].to_owned())
    };
    let row = |layer: &str, role: String, cost: &Cost| {
        let per_cycle = match cost.cycles.busy {
            0 => "—".to_owned(),
            busy => format!("{:.1}", cost.macs as f64 / busy as f64),
        };
        let passes = format!("{:.2}", cost.passes_per_mac());
        let (macs, mac_passes, busy) =
            (group(cost.macs), group(cost.mac_passes), group(cost.cycles.busy));
        vec![layer.to_owned(), role, macs, passes, mac_passes, busy, per_cycle]
    };
    let each = history.gemms.iter();
    let mut table: Vec<_> = each.map(|p| row(&p.layer, label(p.role), &p.cost)).collect();
    table.push(row("all", "all".to_owned(), &history.total));
    table
}
