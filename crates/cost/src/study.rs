//! A design-space study: designs, measurements and comparisons, and the layout of its folder.
//!
//! ```text
//! STUDY/study.json                          the complete study
//! STUDY/designs/DESIGN/PART/                a generated array (flexmac gen); PART is array or 1x1, ...
//! STUDY/runs/RUN/                           a training run (flexmac train)
//! STUDY/LIBRARY/DESIGN/PART/                synthesis (flexmac synth)
//! STUDY/LIBRARY/DESIGN/power-1x1/           energy (flexmac power)
//! ```
//!
//! The workflow that `flexmac sweep` writes fills the folder; `flexmac headline` reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flexmac_fileio::bounded;
use flexmac_record::{RecordFile, SynthReport};
use serde::{Deserialize, Serialize};

use crate::array_model::{ArrayModel, MeasuredArray, read_config};
use crate::error::Error;

/// A study, as `study.toml` or `study.json` describe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Rows of the arrays compared.
    pub rows: u32,
    /// Columns of the arrays compared.
    pub cols: u32,
    /// Rows and columns of the small arrays whose energy is measured, one or two, smaller first.
    pub probes: Vec<(u32, u32)>,
    /// For some designs, by name, a second small array, larger than the one in `probes`.
    #[serde(default)]
    pub second_probes: BTreeMap<String, (u32, u32)>,
    /// Orders of the cells in which each array is mapped, the best of which is used (`flexmac synth --orders`).
    #[serde(default = "one_order")]
    pub orders: u32,
    /// Modes to measure, as in `flexmac power --modes`; those that an array lacks are skipped.
    pub modes: Vec<String>,
    /// Cell libraries by name: a Liberty file, or `osu018` for Debian's.
    pub libraries: BTreeMap<String, String>,
    /// Designs by name: flags of `flexmac gen` except rows and columns.
    pub designs: BTreeMap<String, String>,
    /// Training runs by name.
    pub runs: BTreeMap<String, StudyRun>,
}

/// A training run of a study.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyRun {
    /// Flags of `flexmac train`, without `--out`.
    #[serde(default)]
    pub train: String,
    /// Folder of an existing run, used in place of a new one.
    #[serde(default)]
    pub folder: Option<String>,
    /// The design on whose array it trains, for policies that depend on the array.
    #[serde(default)]
    pub design: Option<String>,
    /// Seeds: one run for each, named `NAME-seedN`. Empty: one run, with the seed in `train`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<u64>,
    /// The name under which runs that differ in their seed are one line of a table; none: the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
}

fn one_order() -> u32 {
    1
}

/// Whether a character has no special meaning to a shell, in a word or between words.
fn is_shell_plain(c: char) -> bool {
    c.is_alphanumeric() || " -._/,=:+@%".contains(c)
}

impl Study {
    /// Reads the study in a folder.
    ///
    /// # Errors
    /// A folder without one, or a study that contradicts itself.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("study.json");
        let text = bounded::text(&path, bounded::TEXT)
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        let study: Self =
            serde_json::from_str(&text).map_err(|error| Error::file(&path, "a study", error))?;
        study.check(&path)?;
        Ok(study)
    }

    /// Replaces each run that has seeds by one run for each of them.
    ///
    /// # Errors
    /// [`Error::File`] for a run with seeds that names a folder or a seed of its own, or one seed twice, and for a
    /// name that is taken.
    pub fn expand_seeds(&mut self, path: &Path) -> Result<(), Error> {
        let (seeded, runs): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.runs).into_iter().partition(|(_, run)| !run.seeds.is_empty());
        self.runs = runs;
        for (name, run) in seeded {
            let given = run.train.split([' ', '=']).any(|word| word == "--seed");
            if given || run.folder.is_some() {
                let expected = format!("run {name}, which has seeds, without folder and --seed");
                let found = run.folder.unwrap_or(run.train);
                return Err(Error::file(path, &expected, found));
            }
            for seed in run.seeds {
                let expanded = StudyRun {
                    train: format!("{} --seed {seed}", run.train),
                    folder: None,
                    design: run.design.clone(),
                    seeds: Vec::new(),
                    series: Some(name.clone()),
                };
                let number = format!("{name}-seed{seed}");
                if self.runs.insert(number.clone(), expanded).is_some() {
                    return Err(Error::file(
                        path,
                        "every run and seed once",
                        format!("{number} twice"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Checks that the study is complete and consistent.
    ///
    /// # Errors
    /// [`Error::File`], which names what is wrong.
    pub fn check(&self, path: &Path) -> Result<(), Error> {
        let refuse = |expected: &str, found: String| Err(Error::file(path, expected, found));
        if self.rows == 0 || self.cols == 0 {
            return refuse("rows and cols of at least 1", format!("{} x {}", self.rows, self.cols));
        }
        if !(1..=100).contains(&self.orders) {
            return refuse("orders of 1 to 100", self.orders.to_string());
        }
        if !(1..=2).contains(&self.probes.len()) {
            return refuse("one or two probes, such as [[1, 1]]", format!("{}", self.probes.len()));
        }
        if self.probes.len() == 2 && !self.second_probes.is_empty() {
            return refuse("second_probes with one probe", "two probes".to_owned());
        }
        if let Some(name) = self.second_probes.keys().find(|name| !self.designs.contains_key(*name))
        {
            return refuse("second_probes of designs of the study", name.clone());
        }
        for probe in self.probes.iter().chain(self.second_probes.values()) {
            if probe.0 == 0 || probe.1 == 0 || probe.0 > self.rows || probe.1 > self.cols {
                let expected = format!("probes of 1x1 to {}x{}", self.rows, self.cols);
                return refuse(&expected, format!("{}x{}", probe.0, probe.1));
            }
        }
        let parts = [
            ("library", self.libraries.keys().collect::<Vec<_>>()),
            ("design", self.designs.keys().collect()),
            ("run", self.runs.keys().collect()),
        ];
        for (what, names) in parts {
            if names.is_empty() {
                return refuse(&format!("at least one {what}"), "none".to_owned());
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            for name in names {
                let reserved = ["designs", "runs", "study.json", "logs", ".", ".."];
                if !name.chars().all(plain) || reserved.contains(&name.as_str()) || name.is_empty()
                {
                    let expected = format!("a {what} named with letters, digits, '-', '_', '.'");
                    return refuse(&expected, format!("{name:?}"));
                }
            }
        }
        for (name, run) in &self.runs {
            if let Some(design) = run.design.as_ref().filter(|d| !self.designs.contains_key(*d)) {
                return refuse(
                    &format!("run {name} to name a design of the study"),
                    design.clone(),
                );
            }
            if run.train.is_empty() == run.folder.is_none() {
                let found = if run.train.is_empty() { "neither" } else { "both" };
                return refuse(&format!("run {name} to have train or folder"), found.to_owned());
            }
        }
        Ok(())
    }

    /// Checks that no word of the study has a special meaning to the shell that runs the workflow.
    ///
    /// # Errors
    /// [`Error::File`], which names what is wrong.
    pub fn check_words(&self, path: &Path) -> Result<(), Error> {
        let names = self.libraries.keys().chain(self.designs.keys()).chain(self.runs.keys());
        for name in names {
            if name.starts_with(['-', '.']) {
                return Err(Error::file(path, "names that do not begin with '-' or '.'", name));
            }
        }
        let flags = self.designs.values().chain(self.runs.values().map(|run| &run.train));
        let paths = self.runs.values().filter_map(|run| run.folder.as_ref());
        let paths = paths.chain(self.libraries.values());
        for text in flags.chain(paths).chain(&self.modes) {
            if let Some(c) = text.chars().find(|&c| !is_shell_plain(c)) {
                let expected =
                    "letters, digits and -._/,=:+@% in text for the shell (paths written out)";
                return Err(Error::file(path, expected, format!("{c:?} in {text:?}")));
            }
        }
        Ok(())
    }

    /// Folder of a run.
    pub fn run_folder(&self, folder: &Path, name: &str) -> PathBuf {
        match &self.runs[name].folder {
            Some(run) => folder.join(run),
            None => folder.join("runs").join(name),
        }
    }

    /// The small arrays that are measured for a design, as (rows, columns).
    pub fn probes_of(&self, design: &str) -> Vec<(u32, u32)> {
        self.probes.iter().chain(self.second_probes.get(design)).copied().collect()
    }

    /// The model of a design's array, from the files that the workflow wrote.
    ///
    /// # Errors
    /// Missing files, or files that do not belong together.
    pub fn array_model(
        &self,
        folder: &Path,
        library: &str,
        design: &str,
    ) -> Result<ArrayModel, Error> {
        let generated = folder.join("designs").join(design);
        let measured = folder.join(library).join(design);
        let config = read_config(&generated.join("array"))?;
        let report = measured.join("array/report.json");
        let synth = SynthReport::read(&report)?;
        let probes = self
            .probes_of(design)
            .into_iter()
            .map(|(rows, cols)| {
                let shape = format!("{rows}x{cols}");
                let power = measured.join(format!("power-{shape}"));
                MeasuredArray::read(&generated.join(&shape), &measured.join(&shape), &power)
            })
            .collect::<Result<Vec<_>, _>>()?;
        ArrayModel::new(design, config, &synth, &probes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(runs: &str) -> Result<Study, Error> {
        let text = format!(
            r#"{{"rows": 2, "cols": 2, "probes": [[1, 1]], "modes": ["8x8"],
                "libraries": {{"osu018": "osu018"}}, "designs": {{"d": ""}}, "runs": {{{runs}}}}}"#
        );
        let mut study: Study = serde_json::from_str(&text).expect("a study");
        study.expand_seeds(Path::new("study.toml"))?;
        study.check(Path::new("study.toml")).map(|()| study)
    }

    #[test]
    fn a_run_with_seeds_becomes_one_for_each() {
        let study = study(
            r#""a": {"train": "--iters 3", "design": "d", "seeds": [1, 7]}, "b": {"train": "--x"}"#,
        )
        .expect("legal");
        assert_eq!(study.runs.keys().collect::<Vec<_>>(), ["a-seed1", "a-seed7", "b"]);
        let run = &study.runs["a-seed7"];
        assert_eq!((run.train.as_str(), run.design.as_deref()), ("--iters 3 --seed 7", Some("d")));
        assert_eq!((run.series.as_deref(), study.runs["b"].series.as_deref()), (Some("a"), None));
        assert_eq!(study.orders, 1);
        // What is written and read again is the same study.
        let text = serde_json::to_string(&study).expect("writes");
        assert_eq!(serde_json::from_str::<Study>(&text).expect("reads"), study);
    }

    #[test]
    fn seeds_that_contradict_are_refused() {
        for (runs, expected) in [
            (
                r#""a": {"train": "--seed 2", "seeds": [1]}"#,
                "run a, which has seeds, without folder",
            ),
            (
                r#""a": {"train": "--seed=2", "seeds": [1]}"#,
                "run a, which has seeds, without folder",
            ),
            (r#""a": {"folder": "f", "seeds": [1]}"#, "found f"),
            (r#""a": {"train": "--x", "seeds": [1, 1]}"#, "found a-seed1 twice"),
        ] {
            let error = study(runs).expect_err(runs).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
