//! Bundles through the RTL: a verdict for each, and what several say of their run.

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
use crate::run::{PackedGemm, TileResults};
use crate::sampled::places;

/// What the RTL made of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Its file.
    pub bundle: String,
    /// The array.
    pub config: ArraySpec,
    /// The run's seed.
    pub run: u64,
    /// Share of the tiles that were drawn.
    pub rate: f64,
    /// The iteration, from 0.
    pub iteration: u64,
    /// Tiles of the iteration.
    pub tiles: u64,
    /// Tiles whose every result, sum, counter and cycle was compared.
    pub tiles_checked: u64,
    /// Of these, how many differ.
    pub mismatches: u64,
    /// Which.
    pub wrong: Vec<WrongTile>,
}

impl Verdict {
    /// The verdicts in lines of JSON as `flexmac check --json` prints them; the merged one, which is
    /// no bundle's, is left out.
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
    /// Layer of its product.
    pub layer: u64,
    /// Role of its product.
    pub role: flexmac_fxp::Role,
    /// Its number in the product.
    pub tile: u64,
    /// The first difference in it.
    pub report: String,
}

/// What the verdicts of a run's bundles come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Merged {
    /// How many bundles.
    pub bundles: u64,
    /// Tiles of their iterations.
    pub tiles: u64,
    /// Tiles checked.
    pub tiles_checked: u64,
    /// Tiles that differ.
    pub mismatches: u64,
    /// Without a mismatch, the share of wrong tiles that the sample excludes with 95 % confidence
    /// ([`wrong_tiles_bound`]).
    pub wrong_tiles_bound: Option<f64>,
}

impl Merged {
    /// Merges verdicts of one run.
    ///
    /// # Errors
    /// [`BundleError::Content`] for verdicts of several runs, arrays or rates, for two of one
    /// iteration, for more tiles than can be counted, and for none.
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
            // Those checked, and of these the mismatches, are fewer in every verdict.
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

/// Runs bundles on one model of an array.
pub struct BundleChecker {
    rtl: RtlEngine,
}

impl Bundle {
    /// Refuses an array that is not the bundle's.
    ///
    /// # Errors
    /// [`BundleError::Content`] with the parameters that differ.
    pub fn check_array(&self, config: &ArrayConfig) -> Result<(), BundleError> {
        if *config == self.config {
            return Ok(());
        }
        let parameters = |config: &ArrayConfig| match serde_json::to_value(config.spec()) {
            Ok(Value::Object(parameters)) => parameters,
            _ => serde_json::Map::new(),
        };
        let (expected, found) = (parameters(&self.config), parameters(config));
        let unlike = |side: &serde_json::Map<String, Value>| {
            let parts = side.iter().filter(|(name, _)| expected.get(*name) != found.get(*name));
            parts.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
        };
        Err(refuse("array", unlike(&expected) + " as of the bundle", unlike(&found)))
    }
}

impl BundleChecker {
    /// Checks the first model of an engine.
    pub fn new(rtl: RtlEngine) -> Self {
        Self { rtl }
    }

    /// Runs the tiles of `bundle`, which `name` names in the verdict, product by product as the
    /// checked engine does, and compares what comes out with what the bundle expects.
    ///
    /// # Errors
    /// [`BundleError::Content`] for a bundle of another array; those of driving a model. Tiles that
    /// differ are in the verdict.
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
        let (lowered, lines) = (part.lowered(config), part.head.lines(config));
        let packed = PackedGemm::new(config, &lowered).named(&lines.names);
        let expected = Expected::new(config, part, &lowered, &lines);
        let all: Vec<_> = (0..lines.tiles.len()).collect();
        let together = match self.rtl.simulate(&packed, &lines.tiles, false) {
            Err(error @ SimulationError::Hang { .. }) => Difference::Hang(error.to_string()),
            played => {
                let played = played?;
                let wrong: Vec<_> = expected.wrong_results(&played, &all);
                if !wrong.is_empty() {
                    return Ok(wrong);
                }
                let head = &part.head;
                let counts = ((head.counters, head.cycles), (played.counters, played.cycles));
                match compare_counts(counts.0, counts.1) {
                    None => return Ok(Vec::new()),
                    Some(difference) => difference,
                }
            }
        };
        // Only counts differ, or nothing came: which tile is it? Each has a model of its own, which
        // leaves a fresh one behind for the next product.
        let mut wrong = Vec::new();
        for tile in all {
            let difference = match self.rtl.simulate(&packed, &[lines.tiles[tile]], true) {
                Err(error @ SimulationError::Hang { .. }) => {
                    Some(Difference::Hang(error.to_string()))
                }
                played => {
                    let played = played?;
                    let mut results = expected.wrong_results(&played, &[tile]);
                    if !results.is_empty() {
                        wrong.append(&mut results);
                        continue;
                    }
                    expected.wrong_counts(&played, tile)
                }
            };
            wrong.extend(difference.map(|difference| expected.tile(tile, &difference)));
        }
        self.rtl.renew()?;
        if wrong.is_empty() {
            let mut first = expected.tile(0, &together);
            first.report += "\n  in the tiles of this product together; no tile differs alone";
            wrong.push(first);
        }
        Ok(wrong)
    }
}

/// What a part must come to.
struct Expected<'a> {
    config: &'a ArrayConfig,
    part: &'a Part,
    lowered: &'a IntegerGemm<'a>,
    lines: &'a Lines,
    /// Results of the tiles before each, by drawn tile, and of all.
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
            all += places(&lowered.schedule, *tile).count();
            offsets.push(all);
        }
        Self { config, part, lowered, lines, offsets }
    }

    fn schedule(&self) -> &Schedule {
        &self.lowered.schedule
    }

    /// The tiles whose results or sums differ, of the drawn tiles `ran`, in their order.
    fn wrong_results(&self, played: &TileResults, ran: &[usize]) -> Vec<WrongTile> {
        let (mut wrong, mut found) = (Vec::new(), 0);
        for tile in ran {
            let expected = self.offsets[*tile];
            let places = places(self.schedule(), self.lines.tiles[*tile]);
            let differences: Vec<_> = places
                .enumerate()
                .filter_map(|(index, place)| {
                    self.wrong_result(played, (expected + index, found + index), place)
                })
                .collect();
            found += self.offsets[*tile + 1] - expected;
            // A wrong result says more than a wrong sum before it.
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
        played: &TileResults,
        (expected, found): (usize, usize),
        ((row, col), (tile, tile_row, tile_col)): ((usize, usize), (u64, usize, usize)),
    ) -> Option<Difference> {
        let (part, shape) = (self.part, &self.part.head.shape);
        let (row, col) = (self.lines.rows.line(row), self.lines.cols.line(col));
        let at = if shape.transposed { (col, row) } else { (row, col) };
        let values = (part.values[expected], played.values[found]);
        let sums = (part.sums[expected], played.sums[found]);
        if values.0 != values.1 {
            return Some(Difference::Value {
                at,
                tile: (self.lines.names[&tile], tile_row, tile_col),
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

    /// Counters and cycles of a tile that ran alone, from the definitions.
    fn wrong_counts(&self, played: &TileResults, tile: usize) -> Option<Difference> {
        let (seed, number) = (self.part.head.seed, self.lines.tiles[tile]);
        let name = self.part.head.tiles[tile];
        let columns = 0..self.config.cols() as u64;
        let mut streams: Vec<_> =
            columns.map(|column| Lfsr::new(seed.column_seed(name, column))).collect();
        let mut counters = Counters::default();
        let sums = &self.part.sums[self.offsets[tile]..];
        for ((_, (_, _, column)), sum) in places(self.schedule(), number).zip(sums) {
            counters.record(&self.lowered.requantizer.apply(*sum, streams[column].word()));
            streams[column].step();
        }
        let cycles = self.schedule().cycles_of_tiles(self.config, [number]);
        compare_counts((counters, cycles), (played.counters, played.cycles))
    }

    fn tile(&self, tile: usize, difference: &Difference) -> WrongTile {
        let head = &self.part.head;
        let (layer, role) = (head.seed.layer, head.seed.role);
        WrongTile { layer, role, tile: head.tiles[tile], report: difference.to_string() }
    }
}
