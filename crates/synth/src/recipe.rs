//! How a module is mapped: few recipes, from small to fast, and which of them a period asks for.
//!
//! Main decision: a period chooses among ABC scripts and is not handed to ABC as its delay target.
//! On the netlists of this project `&nf -D` does nothing, and a target of `upsize` and `dnsize`
//! saves one or two per cent and makes a module that holds part of a path slower than the path
//! allows; how logic is rebuilt and mapped moves area and delay by a third
//! (docs/results/mapping.md).

/// A way to map a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
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

/// From the smallest to the fastest. `if -g` rebuilds logic in look-up tables of four or six inputs
/// such that paths become short; what ripples becomes parallel.
pub(crate) const RECIPES: [Recipe; 4] = [
    Recipe { name: "small", restructure: "", map: AREA },
    Recipe { name: "quick", restructure: "if -g -K 4\nstrash", map: AREA },
    Recipe { name: "fast", restructure: "if -g -K 6\nstrash", map: AREA },
    Recipe { name: "fastest", restructure: "if -g -K 6\nstrash", map: DELAY },
];

/// What maps without a period: smaller than Yosys 0.23's own script and a quarter to a third faster
/// (docs/results/mapping.md).
pub(crate) const DEFAULT: Recipe = RECIPES[2];

/// Part of the period that the logic of a module with registers may take; the rest is for the
/// registers: clock to output and set-up take 6 to 10 % on OSU 180 nm and sky130.
const LOGIC_SHARE: f64 = 0.9;

/// The same for a module without registers, which holds part of a path.
const PART_SHARE: f64 = 0.45;

/// Longest path that `period_ps` leaves to the logic of a module.
pub(crate) fn budget_ps(period_ps: f64, has_registers: bool) -> f64 {
    period_ps * if has_registers { LOGIC_SHARE } else { PART_SHARE }
}
