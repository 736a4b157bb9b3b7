//! The table that compares several runs.

use serde::Serialize;

use crate::number::{duration, group};
use crate::run::Run;
use crate::section::{final_accuracy, width_summary};

/// A row: what is compared, and the value of each run.
#[derive(Debug, Serialize)]
pub(crate) struct ComparisonRow {
    name: String,
    values: Vec<String>,
    /// Whether this is a setting in which the runs differ; the page marks such rows.
    differs: bool,
}

/// Results first, then every setting in which the runs differ.
pub(crate) fn compare(runs: &[Run]) -> Vec<ComparisonRow> {
    let result = |name: &str, value: &dyn Fn(&Run) -> String| ComparisonRow {
        name: name.to_owned(),
        values: runs.iter().map(value).collect(),
        differs: false,
    };
    let smoothed = |run: &Run| run.history.smoothed_loss.last().copied().unwrap_or_default();
    let time = |run: &Run| {
        run.result.as_ref().map_or("—".to_owned(), |result| duration(result.train_seconds))
    };
    let checked = |run: &Run| {
        let total = run.history.total;
        format!("{} of {}", group(total.tiles_checked), group(total.tiles))
    };
    let mut rows = vec![
        result("network", &|run| run.network.clone()),
        result("test accuracy", &|run| final_accuracy(run).0),
        result("smoothed loss", &|run| format!("{:.4}", smoothed(run))),
        result("iterations", &|run| group(run.history.iteration.len() as u64)),
        result("passes per MAC", &|run| format!("{:.2}", run.history.total.passes_per_mac())),
        result("cycles", &|run| group(run.history.total.cycles.busy)),
        result("iterations by width", &|run| width_summary(&run.history).unwrap_or("—".to_owned())),
        result("overflows", &|run| group(run.history.overflow_total())),
        result("tiles checked", &checked),
        result("training time", &time),
    ];
    let mut names: Vec<_> = runs.iter().flat_map(|run| &run.settings).map(|s| &s.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let value = |run: &Run| run.setting(name).unwrap_or("—").to_owned();
        let values: Vec<_> = runs.iter().map(value).collect();
        if values.windows(2).any(|pair| pair[0] != pair[1]) {
            rows.push(ComparisonRow { name: format!("--{name}"), values, differs: true });
        }
    }
    rows
}
