//! Files of flexmac 0.1.0.

use std::path::PathBuf;

use flexmac_fxp::{Format, Role};
use flexmac_record::{
    DesignConfig, HistoryReader, NetworkName, OperandRole, PowerReport, RecordFile, RunConfig,
    RunResult, Schema, Stage, SynthReport, WeightFormats,
};
use serde_json::json;

fn v1(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/record/v1")).join(file)
}

#[test]
fn settings_of_a_run() {
    let config = RunConfig::<NetworkName>::read(&v1("run/config.json")).unwrap();
    assert_eq!((config.schema, config.flexmac.as_str()), (Schema::FIRST, "0.1.0"));
    assert_eq!(config.network.name, "tiny");
    assert_eq!(config.setting("batch"), Some(&json!(4)));
    assert!(!config.settings["batch"].default && config.settings["seed"].default);
    assert_eq!((config.solver.base_rate, config.solver.power), (0.01, 0.75));
    assert_eq!(config.array["max_bits"], 32);
    assert_eq!((config.data.train.images, config.data.test.images), (4000, 1000));
    assert!(config.data.mean.is_none() && config.init_weights.is_none() && !config.is_float());
}

#[test]
fn history_of_a_run() {
    let history = HistoryReader::open(&v1("run/history.jsonl"), false).unwrap();
    let history = history.collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(history.len(), 3);
    let last = &history[2];
    assert_eq!((last.schema, last.iteration, last.loss), (Schema::FIRST, 2, 2.2475428690178494));
    assert_eq!((last.accuracy, history[1].accuracy), (Some(0.2), None));
    let names: Vec<_> = last.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(
        names,
        ["data", "conv1.weight", "conv1.bias", "conv1", "ip1.weight", "ip1.bias", "ip1"]
    );
    assert_eq!(last.tensors[0].formats.unwrap().forward, Format::new(32, 23).unwrap());
    assert_eq!((last.gemms[0].layer.as_str(), last.gemms[0].role), ("conv1", Role::Forward));
}

#[test]
fn result_of_a_run() {
    let result = RunResult::read(&v1("run/result.json")).unwrap();
    assert_eq!((result.schema, result.iterations, result.stopped), (Schema::FIRST, 3, false));
    assert_eq!((result.loss, result.accuracy_images), (2.2475428690178494, 20));
    assert_eq!((result.total.cycles.busy, result.passes_per_mac), (14718, 16.0));
}

#[test]
fn formats_of_weights() {
    let WeightFormats(formats) = WeightFormats::read(&v1("run/weights/formats.json")).unwrap();
    assert_eq!(formats.len(), 4);
    assert_eq!(formats["ip1.weight"].unwrap().bits(), 32);
}

#[test]
fn configuration_of_a_design() {
    let design = DesignConfig::read(&v1("design/config.json")).unwrap();
    assert_eq!((design.schema, design.generator.as_str()), (Schema::FIRST, "flexmac 0.1.0"));
    assert_eq!((design.parameters.max_bits, design.derived.max_planes), (4, 2));
    assert_eq!(
        DesignConfig::new(&design.parameters.check().unwrap(), String::new()).derived,
        design.derived
    );
}

#[test]
fn a_synthesis() {
    let report = SynthReport::read(&v1("synth/report.json")).unwrap();
    assert_eq!((report.schema, report.top.as_str()), (Schema::FIRST, "flexmac_core"));
    assert_eq!((report.cell_count, report.area_um2), (7104, Some(258632.0)));
    assert_eq!(report.library.unwrap().name, "osu018_stdcells");
    assert_eq!(report.timing.unwrap().levels, 43);
    assert_eq!(report.stages[0].id.stage, Stage::Prepare);
    assert_eq!(report.units.len(), 6);
}

#[test]
fn an_energy_measurement() {
    let report = PowerReport::read(&v1("power/power.json")).unwrap();
    assert_eq!((report.schema, report.cells, report.nets), (Schema::FIRST, 7104, 7224));
    assert_eq!((report.clock_tree.pins, report.clock_gates.gates), (1102, 0));
    let case = &report.cases[0];
    assert_eq!((case.mode.as_str(), case.role), ("4x4", OperandRole::Given));
    assert_eq!(case.samples[0].shape, [4, 8, 4]);
    let sum = case.cells.total() + case.clock_tree_pj + case.memory_pj;
    assert!((case.total_pj - sum).abs() < 1e-9, "{sum}");
}
