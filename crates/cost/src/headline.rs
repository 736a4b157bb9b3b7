//! Compares runs on a flexible array with the same training on other arrays, the opponents.
//!
//! Speed-up is iso-area: (cycles x period x area) of the opponent over that of the flexible array. Opponents that
//! differ only in their pipeline are one [`Opponent`]; which depth stands for it is a matter of a rule
//! (docs/headline.md). *Best*: the depth with the least area times time. *Equal depth*: as many pipeline stages as
//! the flexible array, and each array has the period that its synthesis found. *Equal clock*: the fewest stages that
//! reach the clock of the flexible array. If no depth meets the rule, the nearest one is used, and
//! [`Comparison::met`] is false.

use flexmac_array::Style;
use serde::{Deserialize, Serialize};

use crate::array_model::ArrayModel;
use crate::cost_report::CostReport;
use crate::error::Error;
use crate::precision_profile::OperandWidths;
use crate::series::{RunSeries, SeedMean};

/// How the pipeline of the opponent is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The least area times time.
    Best,
    /// As many stages as the flexible array.
    EqualDepth,
    /// The fewest stages that reach its clock.
    EqualClock,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 3] = [Self::Best, Self::EqualDepth, Self::EqualClock];

    /// The rule's name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::EqualDepth => "equal depth",
            Self::EqualClock => "equal clock",
        }
    }
}

/// A line of the headline table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Cell library.
    pub library: String,
    /// Precision policy of the run.
    pub policy: String,
    /// Mean test accuracy of the run, 0 to 1; none while it has no result.
    pub accuracy: Option<f64>,
    /// The same with its interval over seeds.
    pub accuracy_over_seeds: Option<SeedMean>,
    /// The flexible array.
    pub flex: String,
    /// The array it is compared with.
    pub baseline: String,
    /// The run that trains on it.
    pub baseline_run: String,
    /// Test accuracy of that run over its seeds; none while it has no result.
    pub baseline_accuracy: Option<SeedMean>,
    /// How the baseline was chosen.
    pub rule: Rule,
    /// Whether the rule is met: the baseline has the required depth or clock.
    pub met: bool,
    /// Widths of all of the baseline's operands; none for floats, and for a run with widths of its own.
    pub baseline_widths: OperandWidths,
    /// Cycles on the baseline over those on the flexible array.
    pub cycles: f64,
    /// Clock period of the baseline over that of the flexible array.
    pub period: f64,
    /// Area of the baseline over that of the flexible array.
    pub area: f64,
    /// Iso-area speed-up: `cycles` x `period` x `area`.
    pub speed_up: f64,
    /// Energy of the flexible array over that of the baseline.
    pub energy: f64,
    /// The same with skipped planes, where the run skipped planes on the flexible array.
    pub skipping: Option<WithSkipping>,
    /// Cost on the flexible array, without skipping.
    #[serde(rename = "flex_bill")]
    pub flex_cost: CostReport,
    /// Cost on the baseline, without skipping.
    #[serde(rename = "baseline_bill")]
    pub baseline_cost: CostReport,
}

/// A comparison in which each array skips what its run recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WithSkipping {
    /// Whether the baseline's run skipped panels of zeros on the baseline; otherwise only the flexible array skips.
    pub both: bool,
    /// Iso-area speed-up.
    pub speed_up: f64,
    /// Energy of the flexible array over that of the baseline.
    pub energy: f64,
}

/// An array that is compared with flexible ones, in all depths of the study.
struct Opponent<'a> {
    /// At least one. They differ in their pipelines.
    depths: Vec<&'a ArrayModel>,
}

impl<'a> Opponent<'a> {
    /// The arrays that are not flexible, those that differ only in their pipelines together.
    fn all(arrays: &'a [ArrayModel]) -> Vec<Self> {
        let mut opponents: Vec<Self> = Vec::new();
        for array in arrays.iter().filter(|array| array.config.style() != Style::Flex) {
            let spec = array.config.spec();
            let same = |opponent: &&mut Self| {
                let other = opponent.depths[0].config.spec();
                flexmac_array::ArraySpec { stages: spec.stages, ..other.clone() } == *spec
            };
            match opponents.iter_mut().find(same) {
                Some(opponent) => opponent.depths.push(array),
                None => opponents.push(Self { depths: vec![array] }),
            }
        }
        opponents
    }

    /// Whether it stands beside `flex`: as many lanes, or operands of as many bits a row and cycle.
    fn is_beside(&self, flex: &ArrayModel) -> bool {
        let (own, flex) = (&self.depths[0].config, &flex.config);
        let bits = |config: &flexmac_array::ArrayConfig| config.lanes() * config.chunk() as usize;
        own.lanes() == flex.lanes() || bits(own) == bits(flex)
    }

    /// The run that trains on it, and the widths that all of its operands have if they are not the run's own: the
    /// run that names it, in any depth; `run` itself if this is as wide as the array, because the results of integers
    /// do not depend on the array; or otherwise the float run, on an integer array at its full width or at `widths`.
    fn training<'r>(
        &self,
        run: &'r RunSeries,
        all: &'r [RunSeries],
        widths: Option<(u32, u32)>,
    ) -> (&'r RunSeries, Option<OperandWidths>) {
        let names_it = |series: &&RunSeries| {
            let name = series.design.as_deref();
            self.depths.iter().any(|array| name == Some(array.name.as_str()))
        };
        let config = &self.depths[0].config;
        let is_integer = !config.style().is_float();
        let widths = widths.filter(|_| is_integer);
        if widths.is_none() {
            if let Some(own) = all.iter().find(names_it) {
                return (own, None);
            }
            if is_integer && run.fills(config) {
                return (run, None);
            }
        }
        let full = (config.max_bits(), config.max_bits());
        let at = is_integer.then_some(widths.unwrap_or(full));
        (RunSeries::float(all).unwrap_or(run), Some(at))
    }

    /// The index of the depth that a rule chooses, and whether it meets the rule. `area_time` has each depth's area
    /// times time.
    fn choose(&self, rule: Rule, flex: &ArrayModel, area_time: &[f64]) -> (usize, bool) {
        let all = || 0..self.depths.len();
        let stages = |index: &usize| self.depths[*index].config.spec().stages;
        let periods: Vec<_> = self.depths.iter().map(|array| array.period_ps).collect();
        let least = |values: &[f64]| all().min_by(|a, b| values[*a].total_cmp(&values[*b]));
        let (index, met) = match rule {
            Rule::Best => (least(area_time), true),
            Rule::EqualDepth => {
                let wanted = flex.config.spec().stages;
                let nearest = all().min_by_key(|index| stages(index).abs_diff(wanted));
                (nearest, nearest.is_some_and(|index| stages(&index) == wanted))
            }
            Rule::EqualClock => {
                let reach = all().filter(|index| periods[*index] <= flex.period_ps);
                match reach.min_by_key(stages) {
                    Some(first) => (Some(first), true),
                    None => (least(&periods), false),
                }
            }
        };
        (index.expect("at least one depth"), met)
    }
}

/// Compares a run on the flexible array `flex` with the opponents among `arrays`, each trained by the run among
/// `runs` that is its own. `widths` are those of operands on fixed arrays, in place of their runs' own.
///
/// # Errors
/// A run that does not fit an array.
pub fn compare(
    (run, flex): (&RunSeries, &ArrayModel),
    (runs, arrays): (&[RunSeries], &[ArrayModel]),
    widths: Option<(u32, u32)>,
) -> Result<Vec<Comparison>, Error> {
    let [flex_cost, flex_skipped] = run.both_costs(flex, None)?;
    let accuracy = run.accuracy();
    let mut lines = Vec::new();
    for opponent in Opponent::all(arrays).iter().filter(|opponent| opponent.is_beside(flex)) {
        let (training, at) = opponent.training(run, runs, widths);
        let costs = opponent.depths.iter().map(|array| training.both_costs(array, at));
        let costs: Vec<_> = costs.collect::<Result<_, _>>()?;
        let area_time: Vec<_> = costs.iter().map(|[full, _]| full.area_time).collect();
        for rule in Rule::ALL {
            let (index, met) = opponent.choose(rule, flex, &area_time);
            let (baseline, [baseline_cost, skipped]) = (opponent.depths[index], costs[index]);
            let skipping = flex_skipped.without_skipping.map(|_| WithSkipping {
                both: skipped.without_skipping.is_some(),
                speed_up: skipped.area_time / flex_skipped.area_time,
                energy: flex_skipped.energy.total() / skipped.energy.total(),
            });
            lines.push(Comparison {
                library: flex.library.clone(),
                policy: run.policy().to_owned(),
                accuracy: accuracy.map(|accuracy| accuracy.mean),
                accuracy_over_seeds: accuracy,
                flex: flex.name.clone(),
                baseline: baseline.name.clone(),
                baseline_run: training.name.clone(),
                // A run that would have had other widths has no accuracy.
                baseline_accuracy: match at.flatten() {
                    Some(_) if !training.is_float() => None,
                    _ => training.accuracy(),
                },
                rule,
                met,
                baseline_widths: at.flatten(),
                cycles: baseline_cost.cycles.busy as f64 / flex_cost.cycles.busy as f64,
                period: baseline.period_ps / flex.period_ps,
                area: baseline.area_um2 / flex.area_um2,
                speed_up: baseline_cost.area_time / flex_cost.area_time,
                energy: flex_cost.energy.total() / baseline_cost.energy.total(),
                skipping,
                flex_cost,
                baseline_cost,
            });
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision_profile::PrecisionProfile;
    use crate::skipping::RecordedSkipping;
    use flexmac_array::ArraySpec;
    use flexmac_nn::NetSpec;

    fn array(name: &str, spec: ArraySpec, (area_um2, period_ps): (f64, f64)) -> ArrayModel {
        ArrayModel::with_unit_energies(name, spec.check().unwrap(), area_um2, period_ps)
    }

    fn flex(chunk: u32, lanes: u32) -> ArraySpec {
        ArraySpec { chunk, lanes, ..ArraySpec::default() }
    }

    fn fixed(bits: u32, lanes: u32, stages: u32) -> ArraySpec {
        let style = Style::Fixed;
        ArraySpec { style, chunk: bits, max_bits: bits, lanes, stages, ..ArraySpec::default() }
    }

    fn run(name: &str, design: Option<&str>, widths: OperandWidths, accuracy: f64) -> RunSeries {
        let profile = PrecisionProfile::uniform(&NetSpec::mlp(), 4, 10, widths).unwrap();
        let profile = PrecisionProfile { accuracy: Some(accuracy), ..profile };
        RunSeries {
            name: name.to_owned(),
            design: design.map(str::to_owned),
            profiles: vec![profile],
        }
    }

    /// (baseline, rule, met, its run, its widths), in order.
    type Line = (&'static str, Rule, bool, &'static str, OperandWidths);

    fn check(lines: &[Comparison], expected: &[Line]) {
        let found: Vec<_> = lines
            .iter()
            .map(|line| {
                let names = (line.baseline.as_str(), line.baseline_run.as_str());
                (names.0, line.rule, line.met, names.1, line.baseline_widths)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_rule_chooses_its_depth() {
        let flexible = array("flex", flex(8, 4), (100.0, 1000.0));
        let arrays = [
            array("s2", fixed(32, 4, 2), (700.0, 1500.0)),
            array("s3", fixed(32, 4, 3), (750.0, 1200.0)),
            array("s4", fixed(32, 4, 4), (990.0, 990.0)),
        ];
        let runs = [run("float", None, None, 0.9), run("ours", Some("flex"), Some((8, 8)), 0.8)];
        let lines = compare((&runs[1], &flexible), (&runs, &arrays), None).unwrap();
        let wide = Some((32, 32));
        let expected = [
            ("s3", Rule::Best, true, "float", wide),
            ("s2", Rule::EqualDepth, true, "float", wide),
            ("s4", Rule::EqualClock, true, "float", wide),
        ];
        check(&lines, &expected);
        assert_eq!(lines[0].skipping, None);
        assert_eq!(lines[0].accuracy, Some(0.8));
        assert_eq!(lines[0].baseline_accuracy.unwrap().mean, 0.9);
        let speed_up = lines[0].cycles * (1200.0 / 1000.0) * (750.0 / 100.0);
        assert!((lines[0].speed_up - speed_up).abs() < 1e-9 * speed_up);
        // Without the deepest one, no clock is reached.
        let lines = compare((&runs[1], &flexible), (&runs, &arrays[..2]), None).unwrap();
        assert_eq!((lines[2].baseline.as_str(), lines[2].met), ("s3", false));
    }

    /// An array has the run that names it; an 8-bit array without one has the flexible array's 8-bit run, because
    /// integers give the same result on both; otherwise float's GEMMs count.
    #[test]
    fn opponents_are_trained_by_runs_of_their_own() {
        let flexible = array("flex", flex(8, 4), (100.0, 1000.0));
        let opponents = |fixed8: &str| {
            let spec = fixed(8, 4, 2);
            [array(fixed8, spec, (90.0, 900.0)), array("f16", fixed(16, 4, 2), (200.0, 900.0))]
        };
        let runs = [
            run("float", None, None, 0.9),
            run("ours", Some("flex"), Some((8, 8)), 0.8),
            run("theirs", Some("own"), Some((8, 8)), 0.7),
        ];
        let best = |fixed8, widths| {
            let arrays = opponents(fixed8);
            let lines = compare((&runs[1], &flexible), (&runs, &arrays), widths).unwrap();
            lines.into_iter().filter(|line| line.rule == Rule::Best).collect::<Vec<_>>()
        };
        let float16 = ("f16", Rule::Best, true, "float", Some((16, 16)));
        check(&best("own", None), &[("own", Rule::Best, true, "theirs", None), float16]);
        check(&best("f8", None), &[("f8", Rule::Best, true, "ours", None), float16]);
        let given = Some((4, 4));
        let at = |name| (name, Rule::Best, true, "float", given);
        check(&best("own", given), &[at("own"), at("f16")]);
        // Without a float run, one of ours stands for it, whose accuracy at these widths nobody knows.
        let arrays = opponents("f8");
        let lines = compare((&runs[1], &flexible), (&runs[1..2], &arrays), given).unwrap();
        assert_eq!((lines[0].baseline_run.as_str(), lines[0].baseline_accuracy), ("ours", None));
    }

    /// With skipping, each array has the cycles that its own run recorded on it; an opponent without a record
    /// skips nothing.
    #[test]
    fn skipped_planes_count_where_a_run_recorded_them() {
        let flexible = array("flex", flex(8, 4), (100.0, 1000.0));
        let arrays = [array("own", fixed(8, 4, 2), (90.0, 900.0))];
        let skipping = |run: RunSeries, array: &ArrayModel| {
            let mut run = run;
            let profile = &mut run.profiles[0];
            let mut recorded =
                RecordedSkipping::new(array.config.spec().clone(), profile.gemms.len());
            for (index, gemm) in profile.gemms.iter().enumerate() {
                let cycles = flexmac_array::Cycles { busy: 10, ..Default::default() };
                let plane_skipping = Some(flexmac_engine::PlaneSkipping::default());
                let stats = flexmac_engine::Stats { cycles, plane_skipping, ..Default::default() };
                let (layer, role) = (gemm.layer.clone(), gemm.role);
                let record = flexmac_record::GemmRecord { layer, role, stats, zeros: None };
                recorded.add(index, Some((8, 8)), &record).unwrap();
            }
            profile.skipping = Some(recorded);
            run
        };
        let ours = run("ours", Some("flex"), Some((8, 8)), 0.8);
        let theirs = run("theirs", Some("own"), Some((8, 8)), 0.7);
        let best = |runs: &[RunSeries]| {
            compare((&runs[0], &flexible), (runs, &arrays), None).unwrap().swap_remove(0)
        };
        let none = best(&[ours.clone(), theirs.clone()]);
        let ours = skipping(ours, &flexible);
        let alone = best(&[ours.clone(), theirs.clone()]);
        let both = best(&[ours, skipping(theirs, &arrays[0])]);
        for line in [&alone, &both] {
            assert_eq!((line.speed_up, line.energy), (none.speed_up, none.energy));
        }
        let (alone, both) = (alone.skipping.unwrap(), both.skipping.unwrap());
        assert_eq!((alone.both, both.both, none.skipping), (false, true, None));
        assert!(alone.speed_up > none.speed_up && alone.energy < none.energy);
        // All GEMMs take as many cycles on both.
        assert!((both.speed_up - 0.9 * 0.9).abs() < 1e-9, "{both:?}");
    }

    #[test]
    fn opponents_have_the_lanes_or_the_bandwidth_of_the_flexible_array() {
        let flexible = array("flex", flex(4, 8), (100.0, 1000.0));
        let arrays = [
            array("same-bits", fixed(8, 4, 2), (1.0, 1.0)),
            array("same-lanes", fixed(8, 8, 2), (1.0, 1.0)),
            array("neither", fixed(8, 2, 2), (1.0, 1.0)),
        ];
        let runs = [run("ours", None, Some((8, 8)), 0.8)];
        let lines = compare((&runs[0], &flexible), (&runs, &arrays), None).unwrap();
        let names: Vec<_> = lines.iter().map(|line| line.baseline.as_str()).collect();
        assert_eq!(names, [["same-bits"; 3], ["same-lanes"; 3]].concat());
    }
}
