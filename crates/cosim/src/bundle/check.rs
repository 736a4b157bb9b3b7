//! Checks bundles with the RTL: gives a verdict for each, and merges the verdicts of a run.

use std::collections::BTreeSet;

use flexmac_array::{ArrayConfig, ArraySpec, Schedule};
use flexmac_engine::{Difference, IntegerGemm, wrong_tiles_bound};
use flexmac_fxp::{Counters, Lfsr};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::part::{Lines, Part};
use super::{Bundle, refuse};
use crate::checked::compare_counts;
use crate::error::{BundleError, SimulationError};
use crate::rtl::RtlEngine;
use crate::sampled::positions;
use crate::simulate::{PackedGemm, TileResults};

/// The outcome of checking a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The bundle's file.
    pub bundle: String,
    /// The array.
    pub config: ArraySpec,
    /// The run's seed.
    pub run: u64,
    /// The sampling rate.
    pub rate: f64,
    /// The iteration, from 0.
    pub iteration: u64,
    /// Number of tiles of the iteration.
    pub tiles: u64,
    /// Number of tiles checked: all results, sums, counters and cycles compared.
    pub tiles_checked: u64,
    /// Number of checked tiles that differ.
    pub mismatches: u64,
    /// The tiles that differ.
    pub wrong: Vec<WrongTile>,
}

impl Verdict {
    /// Reads verdicts from lines of JSON, as `flexmac check --json` prints them. Skips the merged
    /// verdict.
    ///
    /// # Errors
    /// [`BundleError::Content`] for other text, and for counts that contradict each other.
    pub fn in_lines(text: &str) -> Result<Vec<Self>, BundleError> {
        let mut verdicts = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let other = |error| {
                let expected = "a line that flexmac check --json prints";
                refuse("verdict", expected, format!("line {number}: {error}"))
            };
            let value: Value = serde_json::from_str(line).map_err(other)?;
            if value.get("bundle").is_none() {
                continue;
            }
            let verdict: Self = serde_json::from_value(value).map_err(other)?;
            let counts = [verdict.tiles, verdict.tiles_checked, verdict.mismatches];
            if !counts.is_sorted_by(|all, part| all >= part) {
                let expected = "tiles, of these checked, of these mismatches";
                return Err(refuse("verdict", expected, format!("line {number}: {counts:?}")));
            }
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }
}

/// A tile that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrongTile {
    /// The layer of its GEMM.
    pub layer: u64,
    /// The role of its GEMM.
    pub role: flexmac_fxp::Role,
    /// Its number in the GEMM.
    pub tile: u64,
    /// A description of the first difference.
    pub report: String,
}

/// The merged verdicts of a run's bundles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Merged {
    /// Number of bundles.
    pub bundles: u64,
    /// Number of tiles of their iterations.
    pub tiles: u64,
    /// Number of tiles checked.
    pub tiles_checked: u64,
    /// Number of tiles that differ.
    pub mismatches: u64,
    /// If no tile differs: the upper bound on the share of wrong tiles, with 95 % confidence
    /// ([`wrong_tiles_bound`]).
    pub wrong_tiles_bound: Option<f64>,
}

impl Merged {
    /// Merges verdicts of one run.
    ///
    /// # Errors
    /// [`BundleError::Content`] if there is no verdict, if verdicts differ in run, array or rate,
    /// if two are of the same iteration, or if the number of tiles overflows.
    pub fn new(verdicts: &[Verdict]) -> Result<Self, BundleError> {
        let Some(first) = verdicts.first() else {
            return Err(refuse("verdicts", "at least one", 0));
        };
        let mut iterations = BTreeSet::new();
        let mut merged =
            Self { bundles: 0, tiles: 0, tiles_checked: 0, mismatches: 0, wrong_tiles_bound: None };
        for verdict in verdicts {
            if (&verdict.config, verdict.run, verdict.rate)
                != (&first.config, first.run, first.rate)
            {
                let of = |v: &Verdict| format!("seed {}, rate {}, {:?}", v.run, v.rate, v.config);
                let found = format!("{} of {}", verdict.bundle, of(verdict));
                return Err(refuse("verdicts", format!("all of one run: {}", of(first)), found));
            }
            if !iterations.insert(verdict.iteration) {
                let found = format!("{} of iteration {} again", verdict.bundle, verdict.iteration);
                return Err(refuse("verdicts", "one of each iteration", found));
            }
            merged.bundles += 1;
            // No overflow below: in every verdict, mismatches <= tiles checked <= tiles.
            merged.tiles = merged.tiles.checked_add(verdict.tiles).ok_or_else(|| {
                refuse("tiles of all verdicts", "less than 2^64", format!("{verdict:?} beyond"))
            })?;
            merged.tiles_checked += verdict.tiles_checked;
            merged.mismatches += verdict.mismatches;
        }
        if merged.mismatches == 0 {
            merged.wrong_tiles_bound = wrong_tiles_bound(merged.tiles, merged.tiles_checked);
        }
        Ok(merged)
    }
}

/// Checks bundles on one model of an array.
pub struct BundleChecker {
    rtl: RtlEngine,
}

impl Bundle {
    /// Checks that the array is the bundle's.
    ///
    /// # Errors
    /// [`BundleError::Content`] with the parameters that differ.
    pub fn check_array(&self, config: &ArrayConfig) -> Result<(), BundleError> {
        if *config == self.config {
            return Ok(());
        }
        let differences = self.config.spec().differences(config.spec());
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for (parameter, of_bundle, of_config) in differences {
            expected.push(format!("{} {of_bundle}", parameter.name));
            found.push(format!("{} {of_config}", parameter.name));
        }
        let expected = format!("{} as of the bundle", expected.join(", "));
        Err(refuse("array", expected, found.join(", ")))
    }
}

impl BundleChecker {
    /// Uses the first model of an engine.
    pub fn new(rtl: RtlEngine) -> Self {
        Self { rtl }
    }

    /// Runs the tiles of `bundle`, GEMM by GEMM, and compares them with the expected results.
    /// `name` is the bundle's name in the verdict. Tiles that differ are not an error; they are in
    /// the verdict.
    ///
    /// # Errors
    /// [`BundleError::Content`] for a bundle of another array; [`BundleError::Simulation`] if the
    /// model cannot be driven.
    pub fn check(&mut self, name: &str, bundle: &Bundle) -> Result<Verdict, BundleError> {
        let config = self.rtl.config().clone();
        bundle.check_array(&config)?;
        let mut wrong = Vec::new();
        for part in &bundle.parts {
            wrong.append(&mut self.part(&config, part)?);
        }
        Ok(Verdict {
            bundle: name.to_owned(),
            config: config.spec().clone(),
            run: bundle.run,
            rate: bundle.rate,
            iteration: bundle.iteration,
            tiles: bundle.tiles,
            tiles_checked: bundle.drawn(),
            mismatches: wrong.len() as u64,
            wrong,
        })
    }

    fn part(&mut self, config: &ArrayConfig, part: &Part) -> Result<Vec<WrongTile>, BundleError> {
        let (whole, lines) = (part.lowered(config), part.header.lines(config));
        let skipping = part.skipping(config);
        let lowered = whole.with_skipping(skipping.as_ref());
        let packed = PackedGemm::new(config, &lowered).with_stream_tiles(&lines.whole_tiles);
        let expected = Expected::new(config, part, &lowered, &lines);
        let all: Vec<_> = (0..lines.tiles.len()).collect();
        let together = match self.rtl.simulate(&packed, &lines.tiles, false) {
            Err(error @ SimulationError::Hang { .. }) => Difference::Hang(error.to_string()),
            results => {
                let results = results?;
                let wrong: Vec<_> = expected.wrong_results(&results, &all);
                if !wrong.is_empty() {
                    return Ok(wrong);
                }
                let header = &part.header;
                let counts = ((header.counters, header.cycles), (results.counters, results.cycles));
                match compare_counts(counts.0, counts.1) {
                    None => return Ok(Vec::new()),
                    Some(difference) => difference,
                }
            }
        };
        // Only counts differ, or the model hung. To find the tile, run each one on a fresh model.
        let mut wrong = Vec::new();
        for tile in all {
            let difference = match self.rtl.simulate(&packed, &[lines.tiles[tile]], true) {
                Err(error @ SimulationError::Hang { .. }) => {
                    Some(Difference::Hang(error.to_string()))
                }
                results => {
                    let results = results?;
                    let mut wrong_results = expected.wrong_results(&results, &[tile]);
                    if !wrong_results.is_empty() {
                        wrong.append(&mut wrong_results);
                        continue;
                    }
                    expected.wrong_counts(&results, tile)
                }
            };
            wrong.extend(difference.map(|difference| expected.tile(tile, &difference)));
        }
        self.rtl.renew()?;
        if wrong.is_empty() {
            let mut first = expected.tile(0, &together);
            first.report += "\n  in the tiles of this GEMM together; no tile differs alone";
            wrong.push(first);
        }
        Ok(wrong)
    }
}

/// The expected results of a part.
struct Expected<'a> {
    config: &'a ArrayConfig,
    part: &'a Part,
    lowered: &'a IntegerGemm<'a>,
    lines: &'a Lines,
    /// For each sampled tile, the number of results of all tiles before it; at the end, the total.
    offsets: Vec<usize>,
}

impl<'a> Expected<'a> {
    fn new(
        config: &'a ArrayConfig,
        part: &'a Part,
        lowered: &'a IntegerGemm<'a>,
        lines: &'a Lines,
    ) -> Self {
        let mut offsets = vec![0];
        let mut all = 0;
        for tile in &lines.tiles {
            all += positions(&lowered.schedule, *tile).count();
            offsets.push(all);
        }
        Self { config, part, lowered, lines, offsets }
    }

    fn schedule(&self) -> &Schedule {
        &self.lowered.schedule
    }

    /// Those of the sampled tiles `ran` whose results or sums differ, in order.
    fn wrong_results(&self, results: &TileResults, ran: &[usize]) -> Vec<WrongTile> {
        let (mut wrong, mut found) = (Vec::new(), 0);
        for tile in ran {
            let expected = self.offsets[*tile];
            let positions = positions(self.schedule(), self.lines.tiles[*tile]);
            let differences: Vec<_> = positions
                .enumerate()
                .filter_map(|(index, position)| {
                    self.wrong_result(results, (expected + index, found + index), position)
                })
                .collect();
            found += self.offsets[*tile + 1] - expected;
            // A wrong result is more useful in the report than an earlier wrong sum.
            let is_value = |d: &&Difference| matches!(d, Difference::Value { .. });
            let count = differences.iter().filter(is_value).count();
            let first = differences.iter().find(is_value).or(differences.first());
            wrong.extend(first.map(|first| {
                let mut first = first.clone();
                if let Difference::Value { count: all, .. } = &mut first {
                    *all = count;
                }
                self.tile(*tile, &first)
            }));
        }
        wrong
    }

    fn wrong_result(
        &self,
        results: &TileResults,
        (expected, found): (usize, usize),
        ((row, col), (tile, tile_row, tile_col)): ((usize, usize), (u64, usize, usize)),
    ) -> Option<Difference> {
        let (part, shape) = (self.part, &self.part.header.shape);
        let (row, col) = (self.lines.rows.line(row), self.lines.cols.line(col));
        let at = if shape.transposed { (col, row) } else { (row, col) };
        let values = (part.values[expected], results.values[found]);
        let sums = (part.sums[expected], results.sums[found]);
        if values.0 != values.1 {
            return Some(Difference::Value {
                at,
                tile: (self.lines.whole_tiles[&tile], tile_row, tile_col),
                expected: values.0,
                found: values.1,
                format: shape.out,
                sum: sums.0,
                sum_frac: shape.out.frac().saturating_add(shape.shift),
                count: 1,
            });
        }
        (sums.0 != sums.1).then_some(Difference::Sum { at, expected: sums.0, found: sums.1 })
    }

    /// Compares counters and cycles of a tile that ran alone with those computed from its sums.
    fn wrong_counts(&self, results: &TileResults, tile: usize) -> Option<Difference> {
        let (seed, number) = (self.part.header.seed, self.lines.tiles[tile]);
        let whole_tile = self.part.header.tiles[tile];
        let columns = 0..self.config.cols() as u64;
        let mut streams: Vec<_> =
            columns.map(|column| Lfsr::new(seed.column_seed(whole_tile, column))).collect();
        let mut counters = Counters::default();
        let sums = &self.part.sums[self.offsets[tile]..];
        for ((_, (_, _, column)), sum) in positions(self.schedule(), number).zip(sums) {
            counters.record(&self.lowered.requantizer.apply(*sum, streams[column].word()));
            streams[column].step();
        }
        let cycles = self.lowered.cycles_of_tiles(self.config, [number]);
        compare_counts((counters, cycles), (results.counters, results.cycles))
    }

    fn tile(&self, tile: usize, difference: &Difference) -> WrongTile {
        let header = &self.part.header;
        let (layer, role) = (header.seed.layer, header.seed.role);
        WrongTile { layer, role, tile: header.tiles[tile], report: difference.to_string() }
    }
}
