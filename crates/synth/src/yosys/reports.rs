//! Reads what Yosys and ABC print: cell counts, areas, delays, errors and warnings.
//!
//! Cell counts come from `stat -json`, and areas are computed from them and the library. The area that
//! Yosys prints in `stat.txt` serves as an independent check.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::error::ParseError;

/// The file that ABC's `stime -d` writes in the folder it runs in.
pub(crate) const ABC_STATS: &str = "stats.txt";

/// What precedes its text in a log.
pub(crate) const STATS_HEAD: &str = "FLEXMAC stime -d: ";

/// Longest path that ABC prints at the end of a log, in picoseconds; 0 if there was nothing to map. The Yosys
/// of PyPI (0.70) loses what ABC prints; there the delay is that of its statistics, in whole picoseconds.
///
/// # Errors
/// No delay although ABC mapped something, or one that does not read.
pub fn parse_abc_delay(log: &str) -> Result<f64, ParseError> {
    const HEAD: &str = "Delay =";
    let last =
        |wanted: &str| log.lines().enumerate().filter(|(_, line)| line.contains(wanted)).last();
    let number = |word: Option<&str>| {
        let delay: Option<f64> = word.and_then(|word| word.parse().ok());
        delay.filter(|delay| delay.is_finite() && *delay >= 0.0)
    };
    if let Some((index, line)) = last("ABC: WireLoad") {
        let rest = line.split_once(HEAD).map(|(_, rest)| rest);
        let delay = number(rest.and_then(|rest| rest.split_whitespace().next()));
        let error = || ParseError::new(index + 1, "a delay in picoseconds behind `Delay =`", line);
        return delay.ok_or_else(error);
    }
    if let Some((index, line)) = last(STATS_HEAD) {
        // Name, inputs, outputs, gates, area, delay.
        let words: Vec<_> = line.trim_start_matches(STATS_HEAD).split_whitespace().collect();
        let delay = if words.len() == 6 { number(words.last().copied()) } else { None };
        let error =
            || ParseError::new(index + 1, "six words of `stime -d`, the last a delay", line);
        return delay.ok_or_else(error);
    }
    match last("ABC RESULTS:") {
        Some((index, line)) => {
            Err(ParseError::new(index + 1, "a line of ABC's timer, `WireLoad = ... Delay =`", line))
        }
        None => Ok(0.0),
    }
}

/// Cell counts by module. Names are those of Yosys, without the leading backslash.
pub type ModuleCells = BTreeMap<String, BTreeMap<String, u64>>;

/// Reads `stat -json`.
///
/// Only the `modules` object is read. In a design of three or more levels, Yosys 0.23 prints lines of
/// its text report after that object, so the file is not valid JSON.
///
/// # Errors
/// Text that is not such a report, or a report without modules.
pub fn parse_stat_json(text: &str) -> Result<ModuleCells, ParseError> {
    const HEAD: &str = "\"modules\":";
    #[derive(Deserialize)]
    struct Module {
        num_cells: u64,
        /// Instances of modules, which later versions do not count as cells.
        #[serde(default)]
        num_submodules: u64,
        num_cells_by_type: BTreeMap<String, u64>,
    }
    let start =
        text.find(HEAD).ok_or_else(|| ParseError::new(0, HEAD, "no such line"))? + HEAD.len();
    let mut json = serde_json::Deserializer::from_str(&text[start..]);
    let stat = BTreeMap::<String, Module>::deserialize(&mut json).map_err(|error| {
        let line = text[..start].matches('\n').count() + error.line();
        ParseError::new(line, "the JSON of Yosys' stat", &error.to_string())
    })?;
    if !text.trim_end().ends_with('}') {
        let last = text.lines().last().unwrap_or_default();
        return Err(ParseError::new(text.lines().count(), "a closing brace", last));
    }
    if stat.is_empty() {
        return Err(ParseError::new(0, "at least one module in Yosys' stat", "none"));
    }
    let mut modules = ModuleCells::new();
    for (name, module) in stat {
        let sum: u64 = module.num_cells_by_type.values().fold(0, |sum, n| sum.saturating_add(*n));
        let cells = module.num_cells.saturating_add(module.num_submodules);
        if sum != cells {
            let found = format!("{sum}");
            let expected = format!("{cells} cells by type in module {name}");
            return Err(ParseError::new(0, expected, &found));
        }
        modules.insert(plain(&name).to_owned(), module.num_cells_by_type);
    }
    Ok(modules)
}

/// Reads the area that `stat -liberty` prints for the whole design, in the library's unit.
///
/// # Errors
/// No such line, or a number that cannot be parsed, is not finite or is negative.
pub fn parse_chip_area(text: &str, top: &str) -> Result<f64, ParseError> {
    let hierarchy = format!("Chip area for top module '\\{top}':");
    let single = format!("Chip area for module '\\{top}':");
    // Yosys prints the line for the hierarchy only if the design has more than one module.
    let line = [&hierarchy, &single].into_iter().find_map(|head| {
        text.lines()
            .enumerate()
            .filter_map(|(index, line)| Some((index + 1, line.trim().strip_prefix(head.as_str())?)))
            .last()
    });
    let (line, value) = line.ok_or_else(|| ParseError::new(0, &single, "no such line"))?;
    let area: Option<f64> = value.trim().parse().ok();
    area.filter(|area| area.is_finite() && *area >= 0.0)
        .ok_or_else(|| ParseError::new(line, "an area", value))
}

/// Reads the number of transistors that `stat -tech cmos` prints for the whole design. The flag is true
/// if Yosys marks the number as a lower bound.
///
/// # Errors
/// No such line, or a number that cannot be parsed or is zero.
pub fn parse_transistors(text: &str) -> Result<(u64, bool), ParseError> {
    const HEAD: &str = "Estimated number of transistors:";
    let (line, value) = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.trim().strip_prefix(HEAD)?.trim())))
        .last()
        .ok_or_else(|| ParseError::new(0, HEAD, "no such line"))?;
    let digits = value.strip_suffix('+').unwrap_or(value);
    match digits.parse() {
        Ok(count) if count > 0 => Ok((count, digits != value)),
        _ => Err(ParseError::new(line, "a number of transistors above 0", value)),
    }
}

/// Module name in the source: `$paramod$<hash>\pe` and `$paramod\pe\W=s32'1` give `pe`.
pub fn source_name(yosys_name: &str) -> &str {
    match yosys_name.strip_prefix("$paramod") {
        Some(rest) => rest.split('\\').nth(1).unwrap_or(yosys_name),
        None => yosys_name,
    }
}

fn plain(name: &str) -> &str {
    name.strip_prefix('\\').unwrap_or(name)
}

/// The first error lines of a Yosys log; without any, its last lines.
pub fn error_lines(log: &str) -> Vec<String> {
    let errors: Vec<_> =
        log.lines().filter(|line| line.contains("ERROR:")).take(5).map(str::to_owned).collect();
    if errors.is_empty() { last_lines(log) } else { errors }
}

/// The last five lines that are not blank.
pub(crate) fn last_lines(log: &str) -> Vec<String> {
    let lines: Vec<_> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Distinct warnings of a log in order, at most `limit`.
///
/// Leaves out warnings that occur with every library and design: functions of scan cells that Yosys
/// does not map to, and ABC's remarks on adder cells and missing registers.
pub(crate) fn warnings(log: &str, limit: usize) -> Vec<String> {
    const USUAL: [&str; 5] = [
        "unsupported expression",
        "multi-output",
        "network is combinational",
        "did not match any module",
        "did not match any object",
    ];
    let mut seen = BTreeSet::new();
    log.lines()
        .filter(|line| {
            line.contains("Warning: ") && !USUAL.iter().any(|usual| line.contains(usual))
        })
        .filter(|line| seen.insert(*line))
        .take(limit)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abc_states_its_delay_last() {
        let line = |delay: &str| {
            format!(
                "ABC: WireLoad = \"none\"  Gates = 9 ( 8.4 %)  Area = 23.00  {delay}  ( 0.1 %)\n"
            )
        };
        let log = line("Delay = 10.5 ps") + "text\n" + &line("Delay =  1851.58 ps") + "text\n";
        assert_eq!(parse_abc_delay(&log), Ok(1851.58));
        assert_eq!(parse_abc_delay("nothing to map\n"), Ok(0.0));
        let results = "ABC RESULTS:            AND2X2 cells:        4\n";
        assert!(parse_abc_delay(results).is_err());
        let stats = |text: &str| format!("{results}\n{STATS_HEAD}{text}\n");
        assert_eq!(parse_abc_delay(&stats("netlist 133 95 687 19864 2092")), Ok(2092.0));
        for bad in ["netlist 133 95 687 19864 nan", "netlist 133 95 687 2092", ""] {
            assert_eq!(parse_abc_delay(&stats(bad)).expect_err(bad).line, 3);
        }
        for bad in ["Delay = nan ps", "Delay = ps", ""] {
            assert_eq!(parse_abc_delay(&line(bad)).expect_err(bad).line, 1);
        }
    }

    /// Yosys 0.23, hierarchical, shortened.
    const STAT_JSON: &str = r#"
{
   "creator": "Yosys 0.23 (git sha1 7ce5011c24b)",
   "invocation": "stat -liberty cells.lib -json ",
   "modules": {
      "$paramod$ce5c049aef1e62c5d9c336409cc666f6f85f0b11\\mac_pe": {
         "num_wires":         193,
         "num_cells":         28,
         "num_cells_by_type": {
            "AND2X2": 8,
            "DFFPOSX1": 20
         }
      },
      "\\mac_array": {
         "num_wires":         25,
         "num_cells":         22,
         "num_cells_by_type": {
            "$paramod$ce5c049aef1e62c5d9c336409cc666f6f85f0b11\\mac_pe": 4,
            "DFFPOSX1": 16,
            "DFFSR": 2
         }
      }
   },
      "design": {
         "num_cells":         810
      }
}
"#;

    #[test]
    fn stat_json_gives_cells_by_module() {
        let modules = parse_stat_json(STAT_JSON).expect("parses");
        assert_eq!(modules["mac_array"]["DFFSR"], 2);
        let pe = modules.keys().find(|name| source_name(name) == "mac_pe").expect("mac_pe");
        assert_eq!(modules["mac_array"][pe], 4);
        assert_eq!(modules[pe]["DFFPOSX1"], 20);
    }

    #[test]
    fn stat_json_of_a_deep_hierarchy_is_read_although_yosys_garbles_it() {
        let garbled = STAT_JSON.replace(
            "      \"design\": {",
            "       $paramod$3e06962a\\mac_pe     16\n      \"design\": {",
        );
        assert_ne!(garbled, STAT_JSON);
        assert!(serde_json::from_str::<serde_json::Value>(&garbled).is_err());
        assert_eq!(parse_stat_json(&garbled), parse_stat_json(STAT_JSON));
    }

    /// Yosys 0.70 counts instances of modules separately, but lists them among the cells by type.
    #[test]
    fn stat_json_of_a_later_yosys_gives_the_same() {
        let later = STAT_JSON
            .replace("\"num_cells\":         22,", "\"num_cells\": 18,\n\"num_submodules\": 4,")
            .replace("\"num_cells\":         28,", "\"num_cells\": 28,\n\"num_submodules\": 0,");
        assert_eq!(parse_stat_json(&later), parse_stat_json(STAT_JSON));
        let short = later.replace("\"num_submodules\": 4", "\"num_submodules\": 3");
        let error = parse_stat_json(&short).expect_err("sum");
        assert_eq!(
            (error.expected.as_str(), error.found.as_str()),
            ("21 cells by type in module \\mac_array", "22")
        );
    }

    #[test]
    fn damaged_stat_json_is_an_error_with_a_line() {
        let modules_end = STAT_JSON.find("\"design\"").expect("design");
        for end in 0..modules_end {
            // The only accepted cut is right after the modules.
            let cut = &STAT_JSON[..end];
            assert!(parse_stat_json(cut).is_err() || cut.ends_with("\n   }"), "{end}");
        }
        assert!(parse_stat_json(&STAT_JSON[..modules_end]).is_err());
        let error = parse_stat_json(&STAT_JSON.replace("\"AND2X2\": 8", "\"AND2X2\": eight"))
            .expect_err("not a number");
        assert_eq!(error.line, 10);
        let error = parse_stat_json(&STAT_JSON.replace("\"AND2X2\": 8,", "")).expect_err("sum");
        assert!(error.expected.starts_with("28 cells by type"), "{error:?}");
        assert!(parse_stat_json("{\"modules\": {}}").is_err());
    }

    /// Yosys 0.23, shortened.
    const STAT_TEXT: &str = "
   Chip area for module '$paramod$ce5c049a\\mac_pe': 7549.000000

=== mac_array ===

   Area for cell type $paramod$ce5c049a\\mac_pe is unknown!

   Chip area for module '\\mac_array': 1888.000000

=== design hierarchy ===

   Chip area for top module '\\mac_array': 32084.000000
";

    #[test]
    fn the_area_of_the_whole_design_wins() {
        assert_eq!(parse_chip_area(STAT_TEXT, "mac_array"), Ok(32084.0));
        let flat = "   Chip area for module '\\mac_array': 31000.500000\n";
        assert_eq!(parse_chip_area(flat, "mac_array"), Ok(31000.5));
    }

    #[test]
    fn a_missing_or_odd_area_is_an_error() {
        assert_eq!(parse_chip_area(STAT_TEXT, "other").expect_err("absent").line, 0);
        for bad in ["nan", "inf", "-1.0", "", "12um"] {
            let text = format!("\n   Chip area for module '\\top': {bad}\n");
            assert_eq!(parse_chip_area(&text, "top").expect_err(bad).line, 2);
        }
    }

    #[test]
    fn the_last_transistor_count_wins_and_keeps_its_mark() {
        let text = "   Estimated number of transistors:        312+\n\n   Estimated number of transistors:       5808\n";
        assert_eq!(parse_transistors(text), Ok((5808, false)));
        assert_eq!(parse_transistors("Estimated number of transistors: 312+"), Ok((312, true)));
        for bad in ["", "Estimated number of transistors: 0", "Estimated number of transistors: +"]
        {
            assert!(parse_transistors(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parameterised_names_give_the_source_name() {
        assert_eq!(source_name("mac_array"), "mac_array");
        assert_eq!(source_name("$paramod$ce5c\\mac_pe"), "mac_pe");
        assert_eq!(source_name("$paramod\\mac_pe\\W=s32'0001"), "mac_pe");
        assert_eq!(source_name("$paramod"), "$paramod");
    }

    #[test]
    fn logs_give_errors_or_else_their_end() {
        let log = "Parsing\ninput/000_b.v:2: ERROR: syntax error, unexpected TOK_ID\n";
        assert_eq!(error_lines(log), ["input/000_b.v:2: ERROR: syntax error, unexpected TOK_ID"]);
        assert_eq!(error_lines("a\n\nb\n"), ["a", "b"]);
        assert!(error_lines("").is_empty());
        let log = "Warning: x\nWarning: x\nWarning: Found unsupported expression 'a'\nWarning: y\n";
        assert_eq!(warnings(log, 9), ["Warning: x", "Warning: y"]);
    }
}
