//! Renders Yosys and ABC scripts from those of `crates/synth/scripts`.

use std::path::Path;

use crate::liberty::ClockGate;

const READ: &str = include_str!("../../scripts/read.ys");
const GENERIC: &str = include_str!("../../scripts/generic.ys");
const ICE40: &str = include_str!("../../scripts/ice40.ys");
const ECP5: &str = include_str!("../../scripts/ecp5.ys");
const XILINX: &str = include_str!("../../scripts/xilinx.ys");
const ELABORATE: &str = include_str!("../../scripts/elaborate.ys");
const UNIT: &str = include_str!("../../scripts/unit.ys");
const LINK: &str = include_str!("../../scripts/link.ys");
const CLOCK_GATES: &str = include_str!("../../scripts/clock_gates.v");
const ABC: &str = include_str!("../../scripts/abc.script");

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

/// ABC's constraints: the driver of every input, and the load of every output in femtofarads.
pub fn abc_constraints(buffer: &str, load_ff: f64) -> String {
    format!("set_driving_cell {buffer}\nset_load {load_ff:.4}\n")
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
}
