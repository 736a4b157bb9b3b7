//! Compares a run on a flexible array with the same training on arrays without precision scaling.
//!
//! Speed-up is iso-area: (cycles x period x area) of the baseline over that of the flexible array.
//! There are two rules for the clock (docs/headline.md). *Equal depth*: the baseline has as many pipeline stages
//! as the flexible array, and each array has the period that its synthesis found. *Equal clock*: the baseline has the fewest
//! stages that reach the clock of the flexible array. If no baseline reaches it, the fastest one is used, and
//! [`Comparison::met`] is false.

use serde::{Deserialize, Serialize};

use crate::array_model::ArrayModel;
use crate::cost_report::CostReport;
use crate::error::Error;
use crate::precision_profile::{OperandWidths, PrecisionProfile};

/// How the pipeline of the baseline is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// As many stages as the flexible array.
    EqualDepth,
    /// The fewest stages that reach its clock.
    EqualClock,
}

impl Rule {
    /// Both rules.
    pub const ALL: [Self; 2] = [Self::EqualDepth, Self::EqualClock];

    /// The rule's name in tables.
    pub fn name(self) -> &'static str {
        match self {
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
    /// Test accuracy of the run, 0 to 1; none while it has no result.
    pub accuracy: Option<f64>,
    /// The flexible array.
    pub flex: String,
    /// The array it is compared with.
    pub baseline: String,
    /// How the baseline was chosen.
    pub rule: Rule,
    /// Whether the rule is met: the baseline has the required depth or clock.
    pub met: bool,
    /// Widths of the baseline's operands; none for floats.
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
    /// Cost on the flexible array.
    #[serde(rename = "flex_bill")]
    pub flex_cost: CostReport,
    /// Cost on the baseline.
    #[serde(rename = "baseline_bill")]
    pub baseline_cost: CostReport,
}

/// The baseline that a rule chooses, and whether it meets the rule. All `baselines` have the same style.
pub fn choose<'a>(
    rule: Rule,
    flex: &ArrayModel,
    baselines: &[&'a ArrayModel],
) -> Option<(&'a ArrayModel, bool)> {
    let stages = |array: &ArrayModel| array.config.spec().stages;
    match rule {
        Rule::EqualDepth => baselines
            .iter()
            .min_by_key(|array| stages(array).abs_diff(stages(flex)))
            .map(|array| (*array, stages(array) == stages(flex))),
        Rule::EqualClock => {
            let reach = |array: &&&ArrayModel| array.period_ps <= flex.period_ps;
            let first = baselines.iter().filter(reach).min_by_key(|array| stages(array));
            let fastest = baselines.iter().min_by(|a, b| a.period_ps.total_cmp(&b.period_ps));
            first.map(|array| (*array, true)).or(fastest.map(|array| (*array, false)))
        }
    }
}

/// Compares a run on `flex`, without plane skipping, with the same training on `baseline`: in floats on a float array, otherwise with
/// all operands at the full width of the array, or at `widths`.
///
/// # Errors
/// A run that does not fit one of the two.
pub fn compare(
    profile: &PrecisionProfile,
    flex: &ArrayModel,
    (baseline, rule, met): (&ArrayModel, Rule, bool),
    widths: Option<(u32, u32)>,
) -> Result<Comparison, Error> {
    let full = (baseline.config.max_bits(), baseline.config.max_bits());
    let baseline_widths = (!baseline.is_float()).then_some(widths.unwrap_or(full));
    // The baseline's zero panels are not recorded, so neither side skips any.
    let flex_cost = CostReport::new(&profile.without_skipping(), flex, None)?;
    let baseline_cost = CostReport::new(profile, baseline, Some(baseline_widths))?;
    Ok(Comparison {
        library: flex.library.clone(),
        policy: profile.policy.clone(),
        accuracy: profile.accuracy,
        flex: flex.name.clone(),
        baseline: baseline.name.clone(),
        rule,
        met,
        baseline_widths,
        cycles: baseline_cost.cycles.busy as f64 / flex_cost.cycles.busy as f64,
        period: baseline.period_ps / flex.period_ps,
        area: baseline.area_um2 / flex.area_um2,
        speed_up: baseline_cost.area_time / flex_cost.area_time,
        energy: flex_cost.energy.total() / baseline_cost.energy.total(),
        flex_cost,
        baseline_cost,
    })
}
