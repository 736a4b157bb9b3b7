//! docs/runfiles.md names every field of every file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use flexmac_record::{
    DesignConfig, FpgaResources, GateEstimate, HistoryReader, PowerReport, RecordFile, RunConfig,
    RunResult, SynthReport, TryReport, UnitReport,
};
use serde_json::{Value, json};

fn root(file: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file)
}

fn v1(file: &str) -> PathBuf {
    root("tests/record/v1").join(file)
}

/// Names of fields, those of `skip` and what is below them left out: their names are data.
fn names(value: &Value, skip: &[&str], found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                if !skip.contains(&name.as_str()) {
                    names(value, skip, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, skip, found)),
        _ => {}
    }
}

/// Each file as it is written, with every optional part.
fn samples() -> [(&'static str, Value, Vec<&'static str>); 6] {
    let mut config = RunConfig::<Value>::read(&v1("run/config.json")).unwrap();
    config.data.mean = Some(vec![1.0]);
    let mut design = DesignConfig::read(&v1("design/config.json")).unwrap();
    design.prefix = Some("npu".to_owned());
    let history = HistoryReader::open(&v1("run/history.jsonl"), false).unwrap().last();
    let mut synth = SynthReport::read(&v1("synth/report.json")).unwrap();
    let unit = UnitReport { unit: String::new(), recipe: String::new(), delay_ps: 1.0 };
    synth.tries = vec![TryReport {
        order: 1,
        given_ps: 1.0,
        met: true,
        period_ps: 1.0,
        area_um2: 1.0,
        units: vec![unit],
        folder: String::new(),
    }];
    synth.fpga = Some(FpgaResources::default());
    synth.gates =
        Some(GateEstimate { transistors: 1, lower_bound: false, nand2_equivalents: 0.25 });
    [
        // Settings are flags; a network's keys are described with its layers.
        ("config.json of a run", json!(config), vec!["settings", "network"]),
        ("history.jsonl", json!(history.unwrap().unwrap()), vec![]),
        ("result.json", json!(RunResult::read(&v1("run/result.json")).unwrap()), vec![]),
        ("config.json of a design", json!(design), vec![]),
        // By type of cell.
        ("report.json", json!(synth), vec!["cells"]),
        ("power.json", json!(PowerReport::read(&v1("power/power.json")).unwrap()), vec![]),
    ]
}

/// The words between backquotes, `data.train` as `data` and `train`.
fn quoted(page: &str) -> BTreeSet<&str> {
    let code = page.split('`').skip(1).step_by(2);
    code.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_')).collect()
}

#[test]
fn every_field_is_named() {
    let path = root("docs/runfiles.md");
    let page = fs::read_to_string(&path).expect("docs/runfiles.md describes the files");
    let quoted = quoted(&page);
    for (file, sample, skip) in samples() {
        let mut fields = BTreeSet::new();
        names(&sample, &skip, &mut fields);
        assert!(fields.contains("schema"), "{file}");
        let missing: Vec<_> =
            fields.iter().filter(|name| !quoted.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "{}: {file}: expected the fields {missing:?}", path.display());
    }
}
