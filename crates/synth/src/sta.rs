//! Renders OpenSTA's script and reads its log.
//!
//! OpenSTA 2.0.17 continues after an error and exits with 0. A run is therefore valid only if its log
//! has every marker that `timing.tcl` prints and no line that reports an error or a black box.

use crate::error::ParseError;
use crate::yosys::fill;
use flexmac_record::TimingReport;

/// OpenSTA's log.
pub(crate) const LOG: &str = "sta.log";

const TIMING: &str = include_str!("../scripts/timing.tcl");

/// Period given to OpenSTA if the caller sets no target, in picoseconds. Its value does not matter:
/// period minus slack is the same for every given period.
pub const NOMINAL_PERIOD_PS: f64 = 10_000.0;

/// Script that times `netlist_sta.v` in `dir` (empty, or with a slash at its end) with `cells.lib`.
pub fn script(
    top: &str,
    dir: &str,
    clock: &str,
    period_ps: f64,
    conditions: Option<&str>,
) -> String {
    let conditions = conditions.map(|name| format!("set_operating_conditions {name}"));
    let values = [
        ("TOP", top),
        ("DIR", dir),
        ("CLOCK", clock),
        ("PERIOD_PS", &format!("{period_ps}")),
        ("CONDITIONS", conditions.as_deref().unwrap_or_default()),
    ];
    fill(TIMING, &values)
}

/// Arguments that make OpenSTA run one script and exit.
pub(crate) fn args(script: &str) -> Vec<String> {
    ["-no_init", "-no_splash", "-exit", script].map(str::to_owned).to_vec()
}

/// One path of `report_checks`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Startpoint instance or port.
    pub start: String,
    /// Endpoint instance or port.
    pub end: String,
    /// Path group: the clock's name, or `**async_default**` for recovery checks.
    pub group: String,
    /// Instances along the path in order, including start and end if they are cells.
    pub instances: Vec<String>,
    /// Largest delay between two points of the path, and the instance of the second point.
    pub slowest: (f64, String),
    /// Slack in the reported unit.
    pub slack: f64,
}

/// Reads a complete log of `timing.tcl`; `given_period_ps` is the period in the script.
///
/// # Errors
/// A missing marker, no register-to-register path, a number that cannot be parsed or is not finite,
/// a clock period other than the given one (wrong time unit), a resulting period that is not
/// positive.
pub fn parse(log: &str, given_period_ps: f64) -> Result<TimingReport, ParseError> {
    if !log.lines().any(|line| line.trim() == "FLEXMAC done") {
        return Err(ParseError::new(log.lines().count(), "FLEXMAC done", "the end of the log"));
    }
    let (line, period) = log
        .lines()
        .enumerate()
        .find_map(|(index, line)| Some((index + 1, line.strip_prefix("FLEXMAC period_ps ")?)))
        .ok_or_else(|| ParseError::new(0, "FLEXMAC period_ps", "no such line"))?;
    let period = finite(period, line)?;
    if (period - given_period_ps).abs() > 1e-5 * given_period_ps {
        let expected = format!("the given period of {given_period_ps} ps");
        return Err(ParseError::new(line, expected, &period.to_string()));
    }
    let worst = worst(log, "reg_to_reg")?;
    let overall = self::worst(log, "all")?;
    let period_ps = given_period_ps - worst.1.slack;
    let overall_period_ps = given_period_ps - overall.1.slack;
    for (line, period) in [(worst.0, period_ps), (overall.0, overall_period_ps)] {
        if period <= 0.0 {
            return Err(ParseError::new(line, "a period above 0 ps", &period.to_string()));
        }
    }
    let worst = worst.1;
    Ok(TimingReport {
        given_period_ps,
        period_ps,
        fmax_mhz: 1e6 / period_ps,
        worst_slack_ps: worst.slack,
        // The first and the last instance are the registers themselves.
        levels: worst.instances.len().saturating_sub(2),
        slowest_cell_ps: worst.slowest.0,
        slowest_cell: worst.slowest.1,
        start: worst.start,
        end: worst.end,
        overall_period_ps,
        overall_start: overall.1.start,
        overall_end: overall.1.end,
    })
}

/// Worst path of a marked section outside the recovery group, and the first line of the section.
fn worst(log: &str, section: &str) -> Result<(usize, Path), ParseError> {
    let (begin, end) = (format!("FLEXMAC begin {section}"), format!("FLEXMAC end {section}"));
    let position = |marker: &str| {
        log.lines()
            .position(|line| line.trim() == marker)
            .ok_or_else(|| ParseError::new(0, marker, "no such line"))
    };
    let (first, last) = (position(&begin)?, position(&end)?);
    if last < first {
        return Err(ParseError::new(last + 1, &begin, &end));
    }
    let text: Vec<_> = log.lines().skip(first + 1).take(last - first - 1).collect();
    parse_paths(&text, first + 2)?
        .into_iter()
        .filter(|path| path.group != "**async_default**")
        .min_by(|a, b| a.slack.total_cmp(&b.slack))
        .map(|path| (first + 1, path))
        .ok_or_else(|| ParseError::new(first + 1, "a timing path", "no constrained path"))
}

/// Reads the paths in the output of `report_checks`; `first_line` is the number of its first line.
///
/// # Errors
/// A path without end, group or slack, or a slack that cannot be parsed.
fn parse_paths(lines: &[&str], first_line: usize) -> Result<Vec<Path>, ParseError> {
    let mut paths = Vec::new();
    let mut open: Option<(usize, Path, bool)> = None; // line, path so far, arrival seen
    for (index, text) in lines.iter().enumerate() {
        let line = first_line + index;
        if let Some(name) = text.strip_prefix("Startpoint: ") {
            if let Some((line, path, _)) = open {
                return Err(ParseError::new(line, "a slack", &path.start));
            }
            let path = Path {
                start: register_name(name),
                end: String::new(),
                group: String::new(),
                instances: Vec::new(),
                slowest: (0.0, String::new()),
                slack: f64::NAN,
            };
            open = Some((line, path, false));
            continue;
        }
        let Some((_, path, arrived)) = &mut open else { continue };
        if let Some(name) = text.strip_prefix("Endpoint: ") {
            path.end = register_name(name);
        } else if let Some(group) = text.strip_prefix("Path Group: ") {
            path.group = group.trim().to_owned();
        } else if text.trim_end().ends_with("data arrival time") {
            *arrived = true;
        } else if text.contains(" slack (") {
            path.slack = finite(text.split_whitespace().next().unwrap_or_default(), line)?;
            if path.end.is_empty() || path.group.is_empty() {
                return Err(ParseError::new(line, "an endpoint and a path group before", text));
            }
            paths.extend(open.take().map(|(_, path, _)| path));
        } else if !*arrived && let Some(instance) = instance(text) {
            let delay = finite(text.split_whitespace().next().unwrap_or_default(), line)?;
            if delay > path.slowest.0 {
                path.slowest = (delay, register_name(&instance));
            }
            if path.instances.last() != Some(&instance) {
                path.instances.push(instance);
            }
        }
    }
    match open {
        Some((line, path, _)) => Err(ParseError::new(line, "a slack", &path.start)),
        None => Ok(paths),
    }
}

/// `0.19  0.48 v u_pe/_203_/Y (AND2X2)` gives `u_pe/_203_`; ports and clock edges give none.
fn instance(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().rev();
    let cell = words.next()?.strip_prefix('(')?.strip_suffix(')')?;
    let pin = words.next()?;
    let edge = words.next()?;
    if cell == "in" || cell == "out" || !matches!(edge, "^" | "v") {
        return None;
    }
    pin.rsplit_once('/').map(|(instance, _)| instance.to_owned())
}

/// `u_pe/acc_q[3]$_SDFFE_PP0P_ (rising edge-triggered ...` gives `u_pe/acc_q[3]`.
fn register_name(text: &str) -> String {
    let name = text.split(" (").next().unwrap_or(text).trim();
    match name.rfind("$_") {
        Some(at) if at > 0 => name[..at].to_owned(),
        _ => name.to_owned(),
    }
}

fn finite(text: &str, line: usize) -> Result<f64, ParseError> {
    let parsed: Option<f64> = text.trim().parse().ok();
    parsed
        .filter(|number| number.is_finite())
        .ok_or_else(|| ParseError::new(line, "a finite number", text))
}

/// Lines of a log that make the run invalid, at most five.
pub fn error_lines(log: &str) -> Vec<String> {
    log.lines()
        .filter(|line| line.starts_with("Error") || line.contains("Creating black box"))
        .take(5)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenSTA 2.0.17 on OSU 180 nm, shortened.
    const LOG: &str = "\
FLEXMAC period_ps 3000.000000
FLEXMAC begin reg_to_reg
Startpoint: a_q[4]$_DFF_P_ (rising edge-triggered flip-flop clocked by clk)
Endpoint: gen_row[0].gen_col[0].u_pe/product_q[7]$_DFFE_PP_
          (rising edge-triggered flip-flop clocked by clk)
Path Group: clk
Path Type: max

      Delay        Time   Description
-----------------------------------------------------------------
   0.000000    0.000000   clock clk (rise edge)
   0.000000    0.000000   clock network delay (ideal)
   0.000000    0.000000 ^ a_q[4]$_DFF_P_/CLK (DFFPOSX1)
 293.557000  293.557000 v a_q[4]$_DFF_P_/Q (DFFPOSX1)
 194.482000  488.039000 v gen_row[0].gen_col[0].u_pe/_203_/Y (AND2X2)
 183.469000  671.509000 ^ gen_row[0].gen_col[0].u_pe/_204_/Y (XNOR2X1)
   0.000000 2058.491000 ^ gen_row[0].gen_col[0].u_pe/product_q[7]$_DFFE_PP_/D (DFFPOSX1)
           2058.491000   data arrival time

3000.000000 3000.000000   clock clk (rise edge)
   0.000000 3000.000000   clock network delay (ideal)
           3000.000000 ^ gen_row[0].gen_col[0].u_pe/product_q[7]$_DFFE_PP_/CLK (DFFPOSX1)
-190.340000 2809.660000   library setup time
           2809.660000   data required time
-----------------------------------------------------------------
           2809.660000   data required time
          -2058.491000   data arrival time
-----------------------------------------------------------------
            751.169000   slack (MET)


FLEXMAC end reg_to_reg
FLEXMAC begin all
Startpoint: rst_ni (input port clocked by clk)
Endpoint: _16_ (recovery check against rising-edge clock clk)
Path Group: **async_default**
   0.000000    0.000000 ^ rst_ni (in)
               0.000000   data arrival time
            -117.187744   slack (VIOLATED)
Startpoint: b_i[0] (input port clocked by clk)
Endpoint: _17_ (rising edge-triggered flip-flop clocked by clk)
Path Group: clk
   0.000000    0.000000 ^ b_i[0] (in)
               0.000000   data arrival time
            -100.500000   slack (VIOLATED)
FLEXMAC end all
FLEXMAC done
";

    #[test]
    fn a_log_gives_periods_points_and_depth() {
        let timing = parse(LOG, 3000.0).expect("parses");
        assert!((timing.period_ps - 2248.831).abs() < 1e-9);
        assert!((timing.fmax_mhz - 1e6 / 2248.831).abs() < 1e-9);
        assert_eq!(timing.worst_slack_ps, 751.169);
        assert_eq!(timing.start, "a_q[4]");
        assert_eq!(timing.end, "gen_row[0].gen_col[0].u_pe/product_q[7]");
        assert_eq!(timing.levels, 2);
        assert_eq!((timing.slowest_cell_ps, timing.slowest_cell.as_str()), (293.557, "a_q[4]"));
        assert_eq!(timing.overall_period_ps, 3100.5);
        assert_eq!(
            (timing.overall_start.as_str(), timing.overall_end.as_str()),
            ("b_i[0]", "_17_")
        );
    }

    #[test]
    fn a_clock_in_the_wrong_unit_is_refused() {
        let error =
            parse(&LOG.replace("period_ps 3000.0", "period_ps 3.0"), 3000.0).expect_err("unit");
        assert_eq!(error.line, 1);
        assert_eq!(error.expected, "the given period of 3000 ps");
    }

    #[test]
    fn missing_odd_and_impossible_numbers_are_refused() {
        for (from, to) in [
            ("751.169000   slack", "nan   slack"),
            ("751.169000   slack", "inf   slack"),
            ("751.169000   slack", "slack"),
            ("751.169000   slack", "3000.0   slack"),
            ("751.169000   slack (MET)", ""),
            ("FLEXMAC done", ""),
            ("FLEXMAC end all", ""),
            ("FLEXMAC period_ps", "period"),
            ("Path Group: clk", ""),
        ] {
            let text = LOG.replace(from, to);
            assert_ne!(text, LOG, "{from}");
            assert!(parse(&text, 3000.0).is_err(), "{from} -> {to}");
        }
        let none = "FLEXMAC period_ps 1\nFLEXMAC begin reg_to_reg\nNo paths found.\nFLEXMAC end reg_to_reg\nFLEXMAC done";
        assert_eq!(parse(none, 1.0).expect_err("no path").found, "no constrained path");
    }

    #[test]
    fn any_prefix_gives_a_result_not_a_panic() {
        for end in 0..LOG.len() {
            let _ = parse(&LOG[..end], 3000.0);
        }
    }

    #[test]
    fn errors_hide_in_a_log_with_exit_code_0() {
        let log = "Error: t.tcl, 4 no such thing\nWarning: n.v, line 3 module X not found.  Creating black box for _1_.\nfine\n";
        assert_eq!(error_lines(log).len(), 2);
        assert!(error_lines(LOG).is_empty());
    }

    #[test]
    fn the_script_has_no_placeholder_left() {
        let text = script("top", "", "clk_i", 2500.0, Some("tt_025C_1v80"));
        assert!(!text.contains('@'), "{text}");
        assert!(text.contains("\nset_operating_conditions tt_025C_1v80\n"));
        assert!(text.contains(" -period 2500 [get_ports clk_i]\n"));
        assert!(!script("top", "", "clk_i", 1.0, None).contains("set_operating_conditions"));
    }
}
