//! `weights/formats.json`: the formats of a run's parameters.

use std::collections::BTreeMap;

use flexmac_fxp::Format;
use serde::{Deserialize, Serialize};

use crate::file::RecordFile;

/// Format of each parameter by name, `LAYER.weight` or `LAYER.bias`; none in a float run. A plain map, without
/// a schema version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeightFormats(pub BTreeMap<String, Option<Format>>);

impl RecordFile for WeightFormats {
    const KIND: &'static str = "the formats of a run's weights";
}
