//! Renders the page: collects the template's context, then runs the template.

use serde::Serialize;
use tera::{Context, Tera};

use crate::compare::{ComparisonRow, compare};
use crate::data::{DATA_ID, data};
use crate::error::ReportError;
use crate::hardware::{Hardware, TableRow, design_rows, synth_rows};
use crate::overlay::overlay_plots;
use crate::run::Run;
use crate::section::{Figure, Section, section};
use crate::theme;

/// The templates of the page and its sections. Tera escapes values because the names end in `.html`.
const TEMPLATES: [&str; 5] =
    ["page.html", "comparison.html", "run.html", "tables.html", "hardware.html"];

/// Name and text of a template.
fn template(name: &'static str) -> (&'static str, &'static str) {
    (name, flexmac_assets::text(&format!("templates/report/{name}.tera")))
}

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    style: String,
    version: &'static str,
    names: Vec<&'a str>,
    comparison: Vec<ComparisonRow>,
    overlays: Vec<Figure>,
    runs: Vec<Section<'a>>,
    design_summary: Option<String>,
    design: Vec<TableRow>,
    /// Names of runs that trained on another array than the design shown.
    trained_elsewhere: Vec<&'a str>,
    synth: Vec<TableRow>,
    synth_warnings: &'a [String],
    data_id: &'static str,
    data: String,
}

/// Renders the page of one run, or of several to compare.
///
/// # Errors
/// [`ReportError::Template`], which is a bug of this program.
pub fn page(runs: &[Run], hardware: &Hardware) -> Result<String, ReportError> {
    let several = runs.len() > 1;
    let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
    let synth = hardware.synth.as_ref();
    let sections = runs.iter().enumerate().map(|(number, run)| section(run, number, synth));
    let overlays = if several { overlay_plots(runs) } else { Vec::new() };
    let page = Page {
        title: names.join(", "),
        style: format!("{}{}", flexmac_assets::text("templates/report/style.css"), theme::page()),
        version: env!("CARGO_PKG_VERSION"),
        comparison: if several { compare(runs) } else { Vec::new() },
        overlays: overlays.iter().map(Figure::from).collect(),
        runs: sections.collect(),
        names,
        design_summary: hardware.design.as_ref().map(flexmac_array::ArrayConfig::summary),
        design: hardware.design.as_ref().map(design_rows).unwrap_or_default(),
        trained_elsewhere: hardware
            .design
            .as_ref()
            .map(|design| trained_elsewhere(runs, design))
            .unwrap_or_default(),
        synth: synth.map(synth_rows).unwrap_or_default(),
        synth_warnings: synth.map_or(&[], |report| &report.warnings),
        data_id: DATA_ID,
        data: data(runs),
    };
    let failed = |error: &tera::Error| ReportError::Template { message: error.to_string() };
    let mut tera = Tera::default();
    tera.add_raw_templates(TEMPLATES.map(template)).map_err(|error| failed(&error))?;
    let context = Context::from_serialize(&page).map_err(|error| failed(&error))?;
    tera.render("page.html", &context).map_err(|error| failed(&error))
}

/// Names of the runs whose recorded array parameters differ from `design`.
fn trained_elsewhere<'a>(runs: &'a [Run], design: &flexmac_array::ArrayConfig) -> Vec<&'a str> {
    let parameters = serde_json::to_value(design.spec()).unwrap_or_default();
    let differs = |run: &&Run| {
        run.array.iter().any(|(name, value)| parameters.get(name).is_some_and(|p| p != value))
    };
    runs.iter().filter(differs).map(|run| run.name.as_str()).collect()
}
