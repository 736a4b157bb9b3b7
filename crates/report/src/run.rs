//! Reads a run folder and checks that its files agree.

use std::path::{Path, PathBuf};

use flexmac_record::{Document, NetworkName, RecordFile, RunConfig, RunResult};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::ReportError;
use crate::history::History;
use crate::settings::{Setting, command_line, settings};

fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// A run, as read from its folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Name of the run: that of its folder.
    pub name: String,
    /// The folder, as given. The page replaces parts that are not UTF-8.
    #[serde(serialize_with = "serialize_path")]
    pub folder: PathBuf,
    /// Version of flexmac that trained.
    pub version: String,
    /// The network's name.
    pub network: String,
    /// Every effective setting.
    pub settings: Vec<Setting>,
    /// A command that repeats the run.
    pub command: String,
    /// The array's parameters.
    pub array: Map<String, Value>,
    /// The iterations.
    pub history: History,
    /// The final result; `None` for a run that has not ended.
    pub result: Option<RunResult>,
}

impl Run {
    /// Reads a run. With `unfinished`, `result.json` may be absent.
    ///
    /// # Errors
    /// [`ReportError`] naming the file, and the line where there is one: files that are missing,
    /// malformed, or contradict each other.
    pub fn read(folder: &Path, unfinished: bool) -> Result<Self, ReportError> {
        let find = |file: &'static str| {
            let path = folder.join(file);
            let missing = || ReportError::Missing { folder: folder.to_owned(), file };
            if path.is_file() { Ok(path) } else { Err(missing()) }
        };
        let (config_path, history_path) = (find("config.json")?, find("history.jsonl")?);
        let result_path = match find("result.json") {
            Err(_) if unfinished => None,
            path => Some(path?),
        };
        let config = RunConfig::<NetworkName>::read(&config_path)?;
        let settings = settings(&config.settings);
        let history = History::read(&history_path, unfinished)?;
        let result = match result_path {
            Some(path) => Some(read_result(&path, &history)?),
            None => None,
        };
        let name = folder_name(folder);
        Ok(Self {
            command: command_line(&settings, &name),
            name,
            folder: folder.to_owned(),
            version: config.flexmac,
            network: config.network.name,
            settings,
            array: config.array,
            history,
            result,
        })
    }

    /// A setting's value, as text.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let setting = self.settings.iter().find(|setting| setting.name == name);
        setting.map(|setting| setting.value.as_str())
    }

    /// Passes per multiply-accumulate if both operands have the array's widest format.
    pub fn widest_passes(&self) -> Option<u64> {
        let number = |name: &str| self.array.get(name)?.as_u64().filter(|value| *value > 0);
        let style = self.array.get("style")?.as_str()?;
        let planes = number("max_bits")?.div_ceil(number("chunk")?);
        (style == "flex").then(|| planes.saturating_mul(planes))
    }
}

/// Reads the result and compares it with the history, which may come from a later run.
fn read_result(path: &Path, history: &History) -> Result<RunResult, ReportError> {
    let file = Document::<RunResult>::read(path)?;
    let result = &file.value;
    let refuse = |what: &str, expected: String, found: String| {
        Err(file.refuse(what, format!("{what} {expected} as in history.jsonl"), found).into())
    };
    let (_, done) = history.span();
    if result.iterations != done {
        return refuse("iterations", done.to_string(), result.iterations.to_string());
    }
    let loss = history.loss.last().copied().unwrap_or_default();
    if result.loss != loss {
        return refuse("loss", loss.to_string(), result.loss.to_string());
    }
    if let Some((iteration, accuracy)) = history.accuracy.last()
        && iteration + 1 == done
        && *accuracy != result.accuracy
    {
        return refuse("accuracy", accuracy.to_string(), result.accuracy.to_string());
    }
    Ok(file.value)
}

fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().unwrap_or(full.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Renames runs whose folders have the same name to their full paths.
pub fn disambiguate_names(runs: &mut [Run]) {
    let names: Vec<_> = runs.iter().map(|run| run.name.clone()).collect();
    for run in runs {
        if names.iter().filter(|name| **name == run.name).count() > 1 {
            run.name = run.folder.display().to_string();
        }
    }
}
