//! A run's folder as data: `config.json`, `history.jsonl` and `result.json`.

use std::path::PathBuf;

use flexmac_record::{
    HistoryReader, IterationRecord, RecordError, RecordFile, RunConfig, RunResult,
};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors;

/// Settings, history and result of a run, as JSON. A run without a result is unfinished: its result is null,
/// and a last line of its history that is cut short is left out.
#[pyfunction]
pub fn read_run(py: Python<'_>, folder: PathBuf) -> PyResult<String> {
    py.detach(|| {
        let read = || -> Result<Value, RecordError> {
            let config = RunConfig::<Value>::read(&folder.join("config.json"))?;
            let result = folder.join("result.json");
            let finished = result.exists();
            let result = finished.then(|| RunResult::read(&result)).transpose()?;
            let history = HistoryReader::open(&folder.join("history.jsonl"), !finished)?;
            let history = history.collect::<Result<Vec<IterationRecord>, _>>()?;
            Ok(json!({ "config": config, "history": history, "result": result }))
        };
        let record = read().map_err(|error| errors::value(&error))?;
        serde_json::to_string(&record).map_err(|error| errors::runtime(&error))
    })
}
