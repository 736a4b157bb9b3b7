//! `config.json` of a run: made from a plan, and read to resume the run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flexmac_array::ArraySpec;
use flexmac_dataset::{Dataset, Split};
use flexmac_nn::NetSpec;
use flexmac_record::{RecordError, RecordFile, RunData, Schema, Setting, SplitSummary};
use serde_json::{Map, Value, json};

use crate::cmd::train::Plan;

/// The settings of a run, with its complete network.
pub type RunConfig = flexmac_record::RunConfig<NetSpec>;

/// Versions whose runs this one can resume: they give the same numbers.
const SAME_NUMBERS: [&str; 2] = ["0.1.0", env!("CARGO_PKG_VERSION")];

/// The settings of a run of `plan` on `data`.
pub fn new(settings: BTreeMap<String, Setting>, plan: &Plan, data: &Dataset) -> RunConfig {
    let split =
        |split: &Split| SplitSummary { images: split.len(), sha256: split.sha256().to_owned() };
    RunConfig {
        schema: Schema::CURRENT,
        flexmac: env!("CARGO_PKG_VERSION").to_owned(),
        command: "train".to_owned(),
        settings,
        network: plan.net.clone(),
        solver: plan.trainer.solver.clone(),
        array: parameters(plan),
        data: RunData {
            train: split(&data.train),
            test: split(&data.test),
            mean: data.train.mean().map(<[f64]>::to_vec),
        },
        init_weights: None,
    }
}

fn parameters(plan: &Plan) -> Map<String, Value> {
    match json!(plan.design.config.spec()) {
        Value::Object(parameters) => parameters,
        _ => unreachable!("parameters have names"),
    }
}

/// An array's parameters as a run recorded them; one that was added since has its default.
pub fn with_defaults(recorded: &Map<String, Value>) -> Value {
    let spec = serde_json::from_value::<ArraySpec>(Value::Object(recorded.clone()));
    spec.map_or_else(|_| json!(recorded), |spec| json!(spec))
}

/// Reads the settings of the run in a folder.
///
/// # Errors
/// A folder without a run, or a run that cannot be read.
pub fn read(run: &Path) -> Result<RunConfig> {
    let path = run.join("config.json");
    let read = RunConfig::read(&path);
    if let Err(RecordError::Io { source, .. }) = read {
        return Err(source).with_context(|| {
            format!("expected a run (flexmac train --out makes one) with its {}", path.display())
        });
    }
    Ok(read?)
}

/// Refuses to resume a run with another network, solver, array, data or number type (integers or
/// floats).
///
/// # Errors
/// The first difference.
pub fn check_same_run(now: &RunConfig, recorded: &RunConfig, run: &Path) -> Result<()> {
    let parts = [
        ("network", json!(now.network), json!(recorded.network)),
        ("solver", json!(now.solver), json!(recorded.solver)),
        ("array", with_defaults(&now.array), with_defaults(&recorded.array)),
        ("data", json!(now.data), json!(recorded.data)),
        ("first weights", json!(now.init_weights), json!(recorded.init_weights)),
    ];
    let file = run.join("config.json");
    let (version, expected) = (now.flexmac.as_str(), recorded.flexmac.as_str());
    // Float arrays of 0.1.0 added up in another order.
    let of_floats = value(recorded, "engine") != &json!("float") && recorded.is_float();
    if version != expected && (!SAME_NUMBERS.contains(&expected) || of_floats) {
        let file = file.display();
        bail!(
            "--resume: expected the version of {file}, flexmac {expected}, found {version}, whose \
             numbers may differ; resume it with that version"
        );
    }
    for (part, found, expected) in parts {
        if found != expected {
            let file = file.display();
            bail!("--resume: {part}: expected {expected} as in {file}, found {found}");
        }
    }
    let (found, expected) = (value(now, "engine"), value(recorded, "engine"));
    let float = json!("float");
    if (*found == float) != (*expected == float) {
        bail!("--resume: --engine: expected one that trains like {expected}, found {found}");
    }
    let (found, expected) = (value(now, "iters"), value(recorded, "iters"));
    if found.as_u64() < expected.as_u64() {
        bail!("--resume: --iters: expected at least the run's {expected}, found {found}");
    }
    Ok(())
}

/// Refuses fewer iterations than are already done.
///
/// # Errors
/// A setting `iters` below `done`.
pub fn check_iterations(config: &RunConfig, done: u64) -> Result<()> {
    let iters = value(config, "iters");
    if iters.as_u64() < Some(done) {
        bail!("--resume: --iters: expected at least the checkpoint's {done}, found {iters}");
    }
    Ok(())
}

fn value<'a>(config: &'a RunConfig, setting: &str) -> &'a Value {
    config.setting(setting).unwrap_or(&Value::Null)
}
