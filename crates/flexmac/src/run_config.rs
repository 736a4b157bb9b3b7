//! `config.json` of a run: written at the start, read when the run goes on.

use std::path::Path;

use anyhow::{Context, Result, bail};
use flexmac_array::Style;
use flexmac_dataset::{Dataset, Split};
use flexmac_fileio::bounded;
use flexmac_nn::NetSpec;
use flexmac_train::Solver;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cmd::train::Plan;

/// Everything a run's numbers follow from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunConfig {
    flexmac: String,
    command: String,
    /// Every effective setting and whether it was a default.
    pub settings: Map<String, Value>,
    /// The network, whole.
    pub network: NetSpec,
    solver: Solver,
    array: Value,
    data: Value,
    /// SHA-256 of the file the first weights came from.
    #[serde(default)]
    pub init_weights: Option<String>,
}

impl RunConfig {
    /// What a plan comes to on a data set.
    pub fn new(settings: Map<String, Value>, plan: &Plan, data: &Dataset) -> Self {
        let split = |split: &Split| json!({"images": split.len(), "sha256": split.sha256()});
        let mut described = json!({"train": split(&data.train), "test": split(&data.test)});
        if let Some(mean) = data.train.mean() {
            described["mean"] = json!(mean);
        }
        Self {
            flexmac: env!("CARGO_PKG_VERSION").to_owned(),
            command: "train".to_owned(),
            settings,
            network: plan.net.clone(),
            solver: plan.trainer.solver,
            array: json!(plan.design.config.spec()),
            data: described,
            init_weights: None,
        }
    }

    /// Reads the settings of the run in a folder.
    ///
    /// # Errors
    /// A folder without a run, or with one that is not readable.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join("config.json");
        let text = bounded::text(&path, bounded::TEXT).with_context(|| {
            format!("expected a run (flexmac train --out makes one) with its {}", path.display())
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{}: expected the settings of a run", path.display()))
    }

    /// Refuses to go on with another network, solver, array or data than the run began with, or
    /// from integers to float.
    pub fn check_same_run(&self, recorded: &Self, run: &Path) -> Result<()> {
        let parts = [
            ("network", json!(self.network), json!(recorded.network)),
            ("solver", json!(self.solver), json!(recorded.solver)),
            ("array", self.array.clone(), recorded.array.clone()),
            ("data", self.data.clone(), recorded.data.clone()),
            ("first weights", json!(self.init_weights), json!(recorded.init_weights)),
        ];
        let place = run.join("config.json");
        if self.flexmac != recorded.flexmac {
            let (place, mine, its) = (place.display(), &self.flexmac, &recorded.flexmac);
            bail!(
                "--resume: expected the version of {place}, flexmac {its}, found {mine}, whose numbers \
                 may differ; go on with that one"
            );
        }
        for (part, found, expected) in parts {
            if found != expected {
                let place = place.display();
                bail!("--resume: {part}: expected {expected} as in {place}, found {found}");
            }
        }
        let (found, expected) = (self.value("engine"), recorded.value("engine"));
        let float = json!("float");
        if (*found == float) != (*expected == float) {
            bail!("--resume: --engine: expected one that trains like {expected}, found {found}");
        }
        let (found, expected) = (self.value("iters"), recorded.value("iters"));
        if found.as_u64() < expected.as_u64() {
            bail!("--resume: --iters: expected at least the run's {expected}, found {found}");
        }
        Ok(())
    }

    /// Refuses to end before where the run stands.
    pub fn check_iterations(&self, done: u64) -> Result<()> {
        let iters = self.value("iters");
        if iters.as_u64() < Some(done) {
            bail!("--resume: --iters: expected at least the checkpoint's {done}, found {iters}");
        }
        Ok(())
    }

    /// Whether the run's numbers are floats: those of the host or of a float array.
    pub fn is_float(&self) -> bool {
        *self.value("engine") == json!("float") || self.array["style"] == json!(Style::Fp32)
    }

    fn value(&self, setting: &str) -> &Value {
        self.settings.get(setting).map_or(&Value::Null, |setting| &setting["value"])
    }
}
