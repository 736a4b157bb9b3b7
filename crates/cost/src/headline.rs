//! A run on a flexible array against the same training on arrays without precision scaling.
//!
//! Speed-up is iso-area: (cycles x period x area) of the baseline over that of the flexible array.
//! Two clock rules (docs/headline.md): *equal depth*, the baseline with as many pipeline stages
//! as the flexible array, each at its own best clock; and *equal clock*, the baseline with the fewest
//! stages that reach the flexible array's clock. Where none does, the fastest stands for it, and the
//! comparison says so.

use serde::{Deserialize, Serialize};

use crate::bill::Bill;
use crate::error::Error;
use crate::machine::Machine;
use crate::mix::{Mix, Widths};

/// How the baseline's pipeline is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// As many stages as the flexible array.
    EqualDepth,
    /// The fewest stages that reach its clock.
    EqualClock,
}

impl Rule {
    /// Both.
    pub const ALL: [Self; 2] = [Self::EqualDepth, Self::EqualClock];

    /// Its name in tables.
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
    /// The run's policy.
    pub policy: String,
    /// Its accuracy, where the run has ended.
    pub accuracy: Option<f64>,
    /// The flexible array.
    pub flex: String,
    /// The array it is held against.
    pub baseline: String,
    /// How the baseline was chosen.
    pub rule: Rule,
    /// Whether the rule is met: the baseline has that depth, or that clock.
    pub met: bool,
    /// Widths of the baseline's operands; none for floats.
    pub baseline_widths: Widths,
    /// Baseline over flexible: cycles, clock period, area, and their product.
    pub cycles: f64,
    /// The same of clock periods.
    pub period: f64,
    /// The same of areas.
    pub area: f64,
    /// Iso-area speed-up.
    pub speed_up: f64,
    /// Energy of the flexible array over that of the baseline.
    pub energy: f64,
    /// The flexible array's bill.
    pub flex_bill: Bill,
    /// The baseline's.
    pub baseline_bill: Bill,
}

/// The baseline that a rule chooses of `baselines`, all of one style, and whether it meets the rule.
pub fn choose<'a>(
    rule: Rule,
    flex: &Machine,
    baselines: &[&'a Machine],
) -> Option<(&'a Machine, bool)> {
    let stages = |machine: &Machine| machine.config.spec().stages;
    match rule {
        Rule::EqualDepth => baselines
            .iter()
            .min_by_key(|machine| stages(machine).abs_diff(stages(flex)))
            .map(|machine| (*machine, stages(machine) == stages(flex))),
        Rule::EqualClock => {
            let reach = |machine: &&&Machine| machine.period_ps <= flex.period_ps;
            let first = baselines.iter().filter(reach).min_by_key(|machine| stages(machine));
            let fastest = baselines.iter().min_by(|a, b| a.period_ps.total_cmp(&b.period_ps));
            first.map(|machine| (*machine, true)).or(fastest.map(|machine| (*machine, false)))
        }
    }
}

/// Holds a run on `flex` against its training on `baseline`: floats on a float array, else all
/// operands at the array's full width, or at `widths`.
///
/// # Errors
/// A run that does not fit one of the two.
pub fn compare(
    mix: &Mix,
    flex: &Machine,
    (baseline, rule, met): (&Machine, Rule, bool),
    widths: Option<(u32, u32)>,
) -> Result<Comparison, Error> {
    let full = (baseline.config.max_bits(), baseline.config.max_bits());
    let baseline_widths = (!baseline.is_float()).then_some(widths.unwrap_or(full));
    let flex_bill = Bill::new(mix, flex, None)?;
    let baseline_bill = Bill::new(mix, baseline, Some(baseline_widths))?;
    Ok(Comparison {
        library: flex.library.clone(),
        policy: mix.policy.clone(),
        accuracy: mix.accuracy,
        flex: flex.name.clone(),
        baseline: baseline.name.clone(),
        rule,
        met,
        baseline_widths,
        cycles: baseline_bill.cycles.busy as f64 / flex_bill.cycles.busy as f64,
        period: baseline.period_ps / flex.period_ps,
        area: baseline.area_um2 / flex.area_um2,
        speed_up: baseline_bill.area_time / flex_bill.area_time,
        energy: flex_bill.energy.total() / baseline_bill.energy.total(),
        flex_bill,
        baseline_bill,
    })
}
