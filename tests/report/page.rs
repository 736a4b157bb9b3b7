//! Pages made from run folders: their numbers are the history's, and they need nothing else.

use std::fs;

use crate::support::{CONFIG, HISTORY, RESULT, data_of, fixture, write_run};
use flexmac_report::{Hardware, Run, disambiguate_names, page, run_plots, write_page, write_svgs};
use serde_json::{Value, json};
use tempfile::TempDir;

fn lines() -> Vec<Value> {
    HISTORY.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fixture_page() -> String {
    let (_folder, run) = fixture();
    page(&[Run::read(&run, false).unwrap()], &Hardware::default()).unwrap()
}

/// The value of a step series at an iteration.
fn at(series: &Value, iteration: u64) -> &Value {
    let changes = series.as_array().unwrap();
    let last = changes.iter().rev().find(|change| change[0].as_u64().unwrap() <= iteration);
    &last.unwrap()[1]
}

#[test]
fn numbers_are_those_of_the_history() {
    let page = fixture_page();
    let data = data_of(&page);
    let history = &data["runs"][0]["history"];
    for (index, line) in lines().iter().enumerate() {
        let iteration = line["iteration"].as_u64().unwrap();
        for column in ["iteration", "loss", "smoothed_loss", "rate", "overflows"] {
            assert_eq!(history[column][index], line[column], "{column} of {iteration}");
        }
        assert_eq!(at(&history["widths"], iteration), &line["widths"]);
        assert_eq!(at(&history["phase"], iteration), &line["phase"]);
        let cost = at(&history["cost"], iteration);
        for part in ["macs", "mac_passes", "tiles", "tiles_checked", "cycles"] {
            assert_eq!(cost[part], line["total"][part], "{part} of {iteration}");
        }
        for (tensor, written) in line["tensors"].as_array().unwrap().iter().enumerate() {
            let shown = &history["tensors"][tensor];
            assert_eq!(shown["name"], written["name"]);
            assert_eq!(at(&shown["formats"], iteration), &written["formats"]);
        }
    }
    assert_eq!(history["accuracy"], json!([[2, 0.625], [5, 0.8125]]));
    assert_eq!(history["tensors"][0]["overflows"], json!([[3, 4], [5, 1]]));
    // The text itself, not only a parse of it: no digit is lost on the way.
    for line in HISTORY.lines() {
        let loss = line.split("\"loss\":").nth(1).unwrap().split(',').next().unwrap();
        assert!(page.contains(&format!("{loss},")), "{loss}");
    }
}

#[test]
fn gemms_add_up() {
    let page = fixture_page();
    let data = data_of(&page);
    let history = &data["runs"][0]["history"];
    for (index, role) in ["forward", "weight_gradient"].iter().enumerate() {
        let product = &history["products"][index];
        assert_eq!((&product["layer"], &product["role"]), (&json!("ip1"), &json!(role)));
        for part in ["macs", "mac_passes", "tiles", "tiles_checked"] {
            let sum: u64 = lines()
                .iter()
                .map(|line| line["gemms"][index]["stats"][part].as_u64().unwrap())
                .sum();
            assert_eq!(product["cost"][part], sum, "{part} of {role}");
        }
    }
    let busy: u64 =
        lines().iter().map(|line| line["total"]["cycles"]["busy"].as_u64().unwrap()).sum();
    assert_eq!(history["total"]["cycles"]["busy"], busy);
    assert!(page.contains("<td>960</td><td>12.00</td><td>11,520</td>"), "the table of GEMMs");
}

#[test]
fn key_numbers_are_right() {
    let page = fixture_page();
    let number = |id: &str| {
        let (_, rest) = page.split_once(&format!("data-tile=\"{id}\"")).expect(id);
        let (_, rest) = rest.split_once("class=\"value\">").unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    assert_eq!(number("accuracy"), "81.25 %");
    assert_eq!(number("iterations"), "6");
    assert_eq!(number("passes"), "12.00");
    assert_eq!(number("checked"), "12 of 24");
    assert_eq!(number("overflows"), "5");
    assert_eq!(number("time"), "0.5 s");
    assert!(page.contains("Widest operand: 32 bits in 4, 16 bits in 2."));
    let command = "flexmac train --batch 2 --data &#39;a&lt;b&gt;&amp;&quot;c&quot;&#39; --engine \
                   checked --seed 7 --out tiny-again";
    assert!(page.contains(command), "the command to reproduce");
}

#[test]
fn the_page_stands_alone_and_is_escaped() {
    let page = fixture_page();
    for outside in ["http:", "https:", "src=", "@import", "url(", "<link rel=\"stylesheet"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!page.contains("a<b>"), "a setting's text is not markup");
    assert_eq!(page.matches("</script>").count(), 1);
    let drawings = page.matches("<svg").count();
    assert_eq!(drawings, 7);
    assert_eq!(page.matches("role=\"img\" aria-labelledby=").count(), drawings);
    assert!(page.contains("prefers-color-scheme: dark"));
    for label in ["loss (nat)", "width (bits)", "accuracy (%)", "iteration", "cycles of the array"]
    {
        assert!(page.contains(&format!(">{label}</text>")), "{label}");
    }
    // The same run gives the same page.
    let named = |page: String| page.split("\"folder\":").map(str::len).collect::<Vec<_>>();
    assert_eq!(named(fixture_page()), named(page));
}

#[test]
fn runs_side_by_side() {
    let folder = TempDir::new().unwrap();
    let one = write_run(folder.path(), "a/run", [CONFIG, HISTORY, RESULT]);
    let other = CONFIG.replacen("\"value\": 7", "\"value\": 8", 1);
    let two = write_run(folder.path(), "b/run", [&other, HISTORY, RESULT]);
    let mut runs = [Run::read(&one, false).unwrap(), Run::read(&two, false).unwrap()];
    disambiguate_names(&mut runs);
    assert_eq!(runs[0].name, one.display().to_string());
    let page = page(&runs, &Hardware::default()).unwrap();
    let seeds = "<tr class=\"differs\"><th scope=\"row\">--seed</th><td>7</td><td>8</td></tr>";
    assert!(page.contains(seeds), "the setting in which they differ");
    assert!(page.contains("<th scope=\"row\">test accuracy</th><td>81.25 %</td><td>81.25 %</td>"));
    for id in ["all-loss", "all-accuracy", "all-width", "all-passes", "run0-loss", "run1-loss"] {
        assert!(page.contains(&format!("<svg id=\"{id}\"")), "{id}");
    }
    assert_eq!(data_of(&page)["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_float_run_has_no_formats_and_no_cycles() {
    let mut text = String::new();
    for mut line in lines() {
        line["widths"] = Value::Null;
        line["total"]["cycles"] =
            json!({"busy": 0, "compute": 0, "stall": 0, "load": 0, "blocked": 0});
        for tensor in line["tensors"].as_array_mut().unwrap() {
            tensor["formats"] = Value::Null;
        }
        text += &format!("{line}\n");
    }
    let folder = TempDir::new().unwrap();
    let run = Run::read(&write_run(folder.path(), "f", [CONFIG, &text, RESULT]), false).unwrap();
    let names: Vec<_> = run_plots(&run, 0).into_iter().map(|plot| plot.id).collect();
    assert_eq!(names, ["run0-loss", "run0-accuracy", "run0-passes"]);
    let page = page(&[run], &Hardware::default()).unwrap();
    assert!(!page.contains("data-tile=\"cycles\"") && !page.contains("data-table=\"formats\""));
}

#[test]
fn long_runs_are_downsampled_in_drawings_only() {
    let mut line = lines().remove(0);
    let mut text = String::new();
    for iteration in 0..20_000_u32 {
        line["iteration"] = json!(iteration);
        let spike = if iteration == 12_345 { 50.0 } else { 0.0 };
        line["loss"] = json!(f64::from(iteration % 13) / 10.0 + spike);
        line["accuracy"] = if iteration % 100 == 99 { json!(0.5) } else { Value::Null };
        text += &format!("{line}\n");
    }
    let folder = TempDir::new().unwrap();
    let run = write_run(folder.path(), "long", [CONFIG, &text, RESULT]);
    fs::remove_file(run.join("result.json")).unwrap();
    let run = Run::read(&run, true).unwrap();
    let plots = run_plots(&run, 0);
    let loss = plots[0].svg.inline();
    // After the sample in the legend.
    let points = loss.split("thin\" points=\"").nth(2).unwrap();
    let points: Vec<_> = points.split('"').next().unwrap().split(' ').collect();
    assert!((1000..=4 * 900).contains(&points.len()), "{}", points.len());
    let y = |point: &&str| point.split(',').nth(1).unwrap().parse::<f64>().unwrap();
    let peak = points.iter().map(y).fold(f64::MAX, f64::min);
    // The axis ends at 60 and the plot is 256 high from 36 down to 292: 51.2 lies near 74.
    assert!((70.0..80.0).contains(&peak), "{peak}");
    let page = page(&[run], &Hardware::default()).unwrap();
    let data = data_of(&page);
    assert_eq!(data["runs"][0]["history"]["loss"].as_array().unwrap().len(), 20_000);
    assert_eq!(page.matches("<td>50.00 %</td>").count(), 200);
    assert!(page.contains("This run has not ended"));
}

#[test]
fn hardware_is_shown_where_given() {
    let (_folder, run) = fixture();
    let design = flexmac_array::ArraySpec::default().check().unwrap();
    let synth = serde_json::from_str(
        r#"{"top": "flexmac_core", "target": "liberty", "flatten": false, "tools": [],
        "library": null, "cells": {}, "cell_count": 12345, "area_um2": 67890.4,
        "sequential_area_um2": 1.0, "combinational_area_um2": 2.0, "modules": [],
        "timing": {"given_period_ps": 1000.0, "period_ps": 2000000.0, "fmax_mhz": 0.5,
        "worst_slack_ps": 0.0, "start": "a_q", "end": "b_q", "levels": 9,
        "slowest_cell_ps": 1.0, "slowest_cell": "x", "overall_period_ps": 1.0,
        "overall_start": "a", "overall_end": "b"}, "fpga": null, "gates": null,
        "warnings": ["look <here>"], "stages": [], "scripts": [], "logs": [], "netlist": "n.v"}"#,
    );
    let hardware = Hardware { design: Some(design), synth: Some(synth.unwrap()) };
    let run = Run::read(&run, false).unwrap();
    let cycles = run.history.total.cycles.busy as f64;
    let page = page(&[run], &hardware).unwrap();
    assert!(page.contains("<th scope=\"row\">area (µm²)</th><td>67890</td>"));
    assert!(page.contains("look &lt;here&gt;") && page.contains("id=\"design\""));
    assert!(page.contains("Run tiny trained on an array of other parameters."));
    // Two microseconds a cycle.
    assert!(page.contains(&format!("At the synthesized clock: {:.2} ms.", cycles * 2e-3)));
}

#[test]
fn files_are_written_atomically() {
    let (folder, run) = fixture();
    let run = Run::read(&run, false).unwrap();
    let out = folder.path().join("new/page.html");
    write_page(&out, "first").unwrap();
    write_page(&out, "second").unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), "second");
    assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1, "nothing staged is left");
    let blocked = folder.path().join("taken");
    fs::create_dir_all(blocked.join("x")).unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    let error = write_page(&blocked, "page").unwrap_err().to_string();
    assert_eq!(error, format!("write {}", blocked.display()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "nothing staged is left");

    let paths = write_svgs(&folder.path().join("svg"), &run_plots(&run, 0)).unwrap();
    assert_eq!(paths.len(), 7);
    for path in paths {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with("<?xml") && text.contains("xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(text.contains("<style>") && !text.contains("var(") && !text.contains("@media"));
    }
}
