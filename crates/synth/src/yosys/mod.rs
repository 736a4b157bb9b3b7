//! The scripts that Yosys gets and the reports that it leaves: functions of text alone.

mod reports;
mod scripts;

pub(crate) use reports::{ABC_STATS, STATS_HEAD, last_lines, warnings};
pub use reports::{
    ModuleCells, error_lines, parse_abc_delay, parse_chip_area, parse_stat_json, parse_transistors,
    source_name,
};
pub(crate) use scripts::here;
pub use scripts::{
    Pads, SourceDesign, abc_constraints, abc_script, clock_gate_rules, ecp5_script,
    elaborate_script, fill, generic_script, ice40_script, link_script, unit_script, xilinx_script,
};

/// Log of the run that reads the sources.
pub(crate) const LOG: &str = "yosys.log";
