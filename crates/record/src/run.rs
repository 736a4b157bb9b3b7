//! `config.json` of a training run: everything that the run's numbers follow from.

use std::collections::BTreeMap;

use flexmac_array::Style;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::file::RecordFile;
use crate::schema::Schema;
use crate::solver::Solver;

/// `config.json` of a training run, written when it starts and read to resume it.
///
/// `Network` is the type of the network's description. The crate of networks has the complete one; readers
/// that only name the network take [`NetworkName`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig<Network> {
    /// Schema version.
    #[serde(default = "Schema::absent")]
    pub schema: Schema,
    /// Version of flexmac that trained.
    pub flexmac: String,
    /// The command: `train`.
    pub command: String,
    /// Every setting that was in effect, by name: the flag without the dashes.
    pub settings: BTreeMap<String, Setting>,
    /// The network.
    pub network: Network,
    /// The solver's constants.
    pub solver: Solver,
    /// The array's parameters, as in [`crate::DesignConfig::parameters`].
    pub array: Map<String, Value>,
    /// What it trained on.
    pub data: RunData,
    /// SHA-256 of the file that the first weights came from, in hexadecimal; none for random ones.
    #[serde(default)]
    pub init_weights: Option<String>,
}

impl<Network> RunConfig<Network> {
    /// The value of a setting.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name).map(|setting| &setting.value)
    }

    /// Whether the run's numbers are floats: those of the host, or of a float array.
    pub fn is_float(&self) -> bool {
        let engine = self.setting("engine").and_then(Value::as_str);
        let style = self.array.get("style").and_then(Value::as_str);
        let style: Option<Style> = style.and_then(|name| name.parse().ok());
        engine == Some("float") || style.is_some_and(Style::is_float)
    }
}

impl<Network: DeserializeOwned> RecordFile for RunConfig<Network> {
    const KIND: &'static str = "the settings of a run";
}

/// A setting in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Whether the flag was left out, so that the default was in effect.
    pub default: bool,
    /// The value: a number, a word, or nothing.
    pub value: Value,
}

/// What every description of a network has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkName {
    /// The network's name.
    pub name: String,
}

/// The data of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunData {
    /// Images to train on.
    pub train: SplitSummary,
    /// Images to test on.
    pub test: SplitSummary,
    /// Mean that is subtracted from each channel of a listed image, on the scale 0 to 255; none for IDX
    /// data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f64>>,
}

/// One half of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSummary {
    /// Number of images.
    pub images: usize,
    /// SHA-256 of what a run's numbers follow from (shape, pixels, labels), in hexadecimal.
    pub sha256: String,
}
