//! Renders Yosys scripts and reads Yosys reports.
//!
//! Cell counts come from `stat -json`, and areas are computed from them and the library. The area that
//! Yosys prints in `stat.txt` serves as an independent check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::error::ParseError;
use crate::liberty::ClockGate;

/// Log of the run that reads the sources.
pub(crate) const LOG: &str = "yosys.log";

const READ: &str = include_str!("../scripts/read.ys");
const GENERIC: &str = include_str!("../scripts/generic.ys");
const ICE40: &str = include_str!("../scripts/ice40.ys");
const ECP5: &str = include_str!("../scripts/ecp5.ys");
const XILINX: &str = include_str!("../scripts/xilinx.ys");
const ELABORATE: &str = include_str!("../scripts/elaborate.ys");
const UNIT: &str = include_str!("../scripts/unit.ys");
const LINK: &str = include_str!("../scripts/link.ys");
const CLOCK_GATES: &str = include_str!("../scripts/clock_gates.v");
const ABC: &str = include_str!("../scripts/abc.script");

/// Fills `@NAME@` placeholders and drops the comment lines that explain them.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for line in template.lines().filter(|line| !(line.starts_with('#') && line.contains('@'))) {
        let mut line = line.to_owned();
        for (name, value) in values {
            line = line.replace(&format!("@{name}@"), value);
        }
        // An unused optional argument leaves a gap, an unused command an empty line.
        let line = line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let blank_twice = line.is_empty() && (text.is_empty() || text.ends_with("\n\n"));
        if !blank_twice {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// The design to read, and the part of its hierarchy to keep.
#[derive(Debug, Clone, Copy)]
pub struct SourceDesign<'a> {
    /// Staged Verilog files.
    pub sources: &'a [String],
    /// Macros defined while reading.
    pub defines: &'a [String],
    /// Top module.
    pub top: &'a str,
    /// Parameters of the top module and their values.
    pub parameters: &'a [(String, String)],
    /// Flatten the hierarchy.
    pub flatten: bool,
    /// Modules that are kept if `flatten` is false; empty: all.
    pub units: &'a [String],
}

impl SourceDesign<'_> {
    /// The command that marks the modules to keep, and the option of Yosys' `synth`.
    fn hierarchy(&self) -> (String, &'static str) {
        let whole = self.flatten || !self.units.is_empty();
        let keep = if self.flatten || self.units.is_empty() {
            String::new()
        } else {
            let names: Vec<_> = self.units.iter().map(|unit| format!("*{unit}")).collect();
            format!("setattr -mod -set keep_hierarchy 1 {}", names.join(" "))
        };
        (keep, if whole { "-flatten" } else { "" })
    }
}

fn read(design: &SourceDesign) -> String {
    let defines: Vec<_> = design.defines.iter().map(|name| format!("-D{name}")).collect();
    let parameters = design.parameters.iter();
    let parameters: Vec<_> =
        parameters.map(|(name, value)| format!(" -chparam {name} {value}")).collect();
    let values = [
        ("DEFINES", defines.join(" ")),
        ("SOURCES", design.sources.join(" ")),
        ("TOP", design.top.to_owned()),
        ("PARAMETERS", parameters.concat()),
    ];
    fill(READ, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// Script of a generic run.
pub fn generic_script(design: &SourceDesign) -> String {
    let (keep, flatten) = design.hierarchy();
    let values = [("TOP", design.top), ("KEEP", &keep), ("FLATTEN", flatten)];
    read(design) + &fill(GENERIC, &values)
}

/// Script of an iCE40 run.
pub fn ice40_script(design: &SourceDesign, dsp: bool) -> String {
    let flatten = if design.flatten { "" } else { "-noflatten" };
    let dsp = if dsp { "-dsp" } else { "" };
    read(design) + &fill(ICE40, &[("TOP", design.top), ("FLATTEN", flatten), ("DSP", dsp)])
}

/// Script of an ECP5 run.
pub fn ecp5_script(design: &SourceDesign) -> String {
    let flatten = if design.flatten { "" } else { "-noflatten" };
    read(design) + &fill(ECP5, &[("TOP", design.top), ("FLATTEN", flatten)])
}

/// Script of a Xilinx run.
pub fn xilinx_script(design: &SourceDesign) -> String {
    let flatten = if design.flatten { "-flatten" } else { "" };
    read(design) + &fill(XILINX, &[("TOP", design.top), ("FLATTEN", flatten)])
}

/// First script of a Liberty run; `clock_gates` is true if `clock_gates.v` exists.
pub fn elaborate_script(design: &SourceDesign, clock_gates: bool) -> String {
    let (keep, flatten) = design.hierarchy();
    let (gates, delete) =
        if clock_gates { (GATE_COMMANDS, "delete =A:blackbox") } else { ("", "") };
    let values = [
        ("TOP", design.top),
        ("KEEP", &keep),
        ("FLATTEN", flatten),
        ("GATES", gates),
        ("DELETE", delete),
    ];
    read(design) + &fill(ELABORATE, &values)
}

/// Buffers at the inputs of a module: the cell, its pins, and the ports that get none.
#[derive(Debug, Clone, Copy)]
pub struct Pads<'a> {
    /// Cell, input and output pin.
    pub buffer: (&'a str, &'a str, &'a str),
    /// Ports without a buffer.
    pub bare: &'a [String],
}

impl Pads<'_> {
    fn commands(&self) -> String {
        let (cell, input, output) = self.buffer;
        let bare: String = self.bare.iter().map(|port| format!(" w:{port}")).collect();
        format!(
            "setattr -set iopad_external_pin 1{bare}\niopadmap -bits -inpad {cell} {output}:{input}"
        )
    }
}

/// The prefix by which scripts name files of their folder `dir`: empty, or a path without blanks.
pub(crate) fn here(dir: &Path) -> &'static str {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let plain = |c: char| c.is_alphanumeric() || "/._-+@,=".contains(c);
    if dir.to_str().is_some_and(|dir| dir.chars().all(plain)) { "" } else { "/proc/self/cwd/" }
}

/// Script that maps one module from `input` to `output`. `constr` is true if `abc.constr` exists;
/// `here` is the prefix of file names.
pub fn unit_script(
    here: &str,
    (input, output): (&str, &str),
    abc_script: &str,
    constr: bool,
    pads: Option<Pads<'_>>,
) -> String {
    let constr = if constr { format!("-constr {here}abc.constr") } else { String::new() };
    let pads = pads.map_or_else(String::new, |pads| pads.commands());
    let values = [
        ("HERE", here),
        ("IN", input),
        ("OUT", output),
        ("CONSTR", &constr),
        ("SCRIPT", abc_script),
        ("PADS", &pads),
    ];
    fill(UNIT, &values)
}

/// Last script of a Liberty run: links `units`, with outputs in `dir` (empty, or with a slash at its
/// end). Tie cells are (cell, pin).
pub fn link_script(
    design: &SourceDesign,
    units: &[String],
    dir: &str,
    tie_high: Option<(&str, &str)>,
    tie_low: Option<(&str, &str)>,
) -> String {
    let mut hilomap = String::new();
    for (option, tie) in [("-hicell", tie_high), ("-locell", tie_low)] {
        if let Some((cell, pin)) = tie {
            hilomap.push_str(&format!(" {option} {cell} {pin}"));
        }
    }
    if !hilomap.is_empty() {
        hilomap.insert_str(0, "hilomap");
    }
    let units: Vec<_> = units.iter().map(|unit| format!("read_rtlil {unit}")).collect();
    let values = [
        ("TOP", design.top),
        ("UNITS", &units.join("\n")),
        ("DIR", dir),
        ("TIE", &hilomap),
        (
            "DISSOLVE",
            if design.flatten { "setattr -mod -unset keep_hierarchy *; flatten" } else { "" },
        ),
    ];
    fill(LINK, &values)
}

/// Memories become registers first, so that these also get clock gates.
const GATE_COMMANDS: &str = "opt -fast -full\nmemory_map\nopt -undriven -fine\n\
    read_liberty -lib -ignore_miss_func cells.lib\ntechmap -map clock_gates.v";

/// Yosys rules that map a register with an enable to a clock gate of the library.
pub fn clock_gate_rules(gate: &ClockGate) -> String {
    let test = gate.test.map(|pin| format!(", .{pin}(1'b0)")).unwrap_or_default();
    fill(
        CLOCK_GATES,
        &[
            ("CELL", gate.cell),
            ("CLOCK", gate.clock),
            ("ENABLE", gate.enable),
            ("OUT", gate.output),
            ("TEST", &test),
        ],
    )
}

/// ABC's script. `restructure` are the commands before mapping, `map` those that map.
pub fn abc_script(restructure: &str, map: &str) -> String {
    fill(ABC, &[("RESTRUCTURE", restructure), ("MAP", map)])
}

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

/// ABC's constraints: the driver of every input, and the load of every output in femtofarads.
pub fn abc_constraints(buffer: &str, load_ff: f64) -> String {
    format!("set_driving_cell {buffer}\nset_load {load_ff:.4}\n")
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

    fn sources() -> Vec<String> {
        vec!["input/000_a.v".to_owned(), "input/001_b.v".to_owned()]
    }

    fn design(sources: &[String], flatten: bool) -> SourceDesign<'_> {
        SourceDesign { sources, defines: &[], top: "top", parameters: &[], flatten, units: &[] }
    }

    #[test]
    fn no_placeholder_survives_rendering() {
        let (high, low) = (Some(("CONB", "HI")), Some(("CONB", "LO")));
        let bare = ["clk".to_owned()];
        let pads = Pads { buffer: ("BUF", "A", "Y"), bare: &bare };
        for script in [
            generic_script(&design(&sources(), true)),
            ice40_script(&design(&sources(), false), true),
            ecp5_script(&design(&sources(), false)),
            xilinx_script(&design(&sources(), true)),
            elaborate_script(&design(&sources(), true), true),
            unit_script("", ("a.il", "b.il"), "abc.script", true, Some(pads)),
            link_script(&design(&sources(), true), &sources(), "tries/1/", high, low),
            abc_script("if -g", "map"),
        ] {
            assert!(!script.contains('@'), "{script}");
            assert!(!script.contains("  "), "{script}");
        }
    }

    #[test]
    fn options_appear_only_when_asked_for() {
        let hierarchical = elaborate_script(&design(&sources(), false), false);
        assert!(hierarchical.contains("\nread_verilog -defer input/000_a.v input/001_b.v\n"));
        assert!(hierarchical.contains("\nsynth -top top -run begin:fine\n"));
        let flat = elaborate_script(&design(&sources(), true), false);
        assert!(flat.contains("\nsynth -flatten -top top -run begin:fine\n"));
        let units = ["pe".to_owned()];
        let by_unit = SourceDesign { units: &units, defines: &units, ..design(&[], false) };
        let by_unit = elaborate_script(&by_unit, true);
        assert!(by_unit.contains("\nread_verilog -defer -Dpe\n"));
        assert!(by_unit.contains("\nsetattr -mod -set keep_hierarchy 1 *pe\nsynth -flatten "));
        assert!(by_unit.contains("\ntechmap -map clock_gates.v\n"));
        assert!(by_unit.contains("\ndelete =A:blackbox\nwrite_rtlil elaborated.il\n"));

        let unit = unit_script("/proc/self/cwd/", ("a.il", "b.il"), "s", false, None);
        assert!(unit.contains("\nread_rtlil a.il\nabc -liberty /proc/self/cwd/cells.lib "));
        assert!(unit.ends_with(" -script /proc/self/cwd/s\n\nwrite_rtlil b.il\n"));
        let bare = ["clk".to_owned()];
        let pads = Pads { buffer: ("BUF", "A", "Y"), bare: &bare };
        let padded = unit_script("", ("a.il", "b.il"), "s", true, Some(pads));
        assert!(padded.contains("\nabc -liberty cells.lib -constr abc.constr -script s\n"));
        assert!(padded.contains(" 1 w:clk\niopadmap -bits -inpad BUF Y:A\nwrite_rtlil b.il\n"));

        let link = link_script(&design(&[], false), &sources(), "d/", None, None);
        assert!(link.contains("read_rtlil input/000_a.v\nread_rtlil input/001_b.v\nhierarchy "));
        assert!(link.contains(" d/netlist.v\n") && !link.contains("hilomap"));
        let flat = link_script(&design(&[], true), &sources(), "", Some(("T", "Y")), None);
        assert!(flat.contains("\nhilomap -hicell T Y\n") && flat.contains("; flatten\n"));
        assert!(abc_script("", "&nf").contains("\nstrash\n\n&nf\nbuffer\n"));
        assert!(abc_script("if -g", "&nf").contains("\nstrash\nif -g\n&nf\n"));
    }

    #[test]
    fn a_folder_with_blanks_is_not_named() {
        assert_eq!(here(Path::new("/tmp/a-b/c_1.d")), "");
        assert_eq!(here(Path::new("/tmp/a b")), "/proc/self/cwd/");
        assert_eq!(here(Path::new("/tmp/it's")), "/proc/self/cwd/");
    }

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
