//! Four ABC recipes from small to fast, and the longest path that a period allows.
//!
//! Main decision: the period selects one of the recipes; ABC gets no delay target. On the netlists of this
//! project `&nf -D` has no effect. A target for `upsize` and `dnsize` saves one or two per cent of area, and
//! makes a module that holds part of a path too slow for the path. The choice of restructuring and mapping
//! commands changes area and delay by a third (docs/results/mapping.md).

/// ABC commands that map a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbcRecipe {
    /// Name, in reports and file names.
    pub name: &'static str,
    /// ABC commands between optimisation and mapping.
    pub restructure: &'static str,
    /// ABC commands that map.
    pub map: &'static str,
}

/// ABC's mapper for area.
const AREA: &str = "dch -f\namap -m\ntopo";

/// ABC's mapper for delay: larger and faster.
const DELAY: &str = "dch -f\nmap -B 0.9\ntopo";

/// From the smallest to the fastest. `if -g` rebuilds the logic from look-up tables of four or six inputs to
/// shorten paths: it turns ripple structures into parallel ones.
pub(crate) const RECIPES: [AbcRecipe; 4] = [
    AbcRecipe { name: "small", restructure: "", map: AREA },
    AbcRecipe { name: "quick", restructure: "if -g -K 4\nstrash", map: AREA },
    AbcRecipe { name: "fast", restructure: "if -g -K 6\nstrash", map: AREA },
    AbcRecipe { name: "fastest", restructure: "if -g -K 6\nstrash", map: DELAY },
];

/// The recipe without a period. Its results are smaller than those of Yosys 0.23's own script, and a quarter to
/// a third faster (docs/results/mapping.md).
pub(crate) const DEFAULT: AbcRecipe = RECIPES[2];

/// Fraction of the period that the logic of a module with registers may take. The rest is for the
/// registers: clock to output and set-up take 6 to 10 % on OSU 180 nm and sky130.
const LOGIC_SHARE: f64 = 0.9;

/// The same for a module without registers, which holds part of a path.
const PART_SHARE: f64 = 0.45;

/// Longest path through the logic of a module that `period_ps` allows.
pub(crate) fn budget_ps(period_ps: f64, has_registers: bool) -> f64 {
    period_ps * if has_registers { LOGIC_SHARE } else { PART_SHARE }
}
