//! What the flow needs to know about a cell library: units, cells, areas, tie cells, a buffer, and
//! what each cell does.
//!
//! Liberty has no attribute for the unit of area. All libraries met here state it in um2, and so
//! do these types.

pub mod function;
pub mod model;
mod scan;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use function::Function;
use scan::{Visitor, scan};

use crate::error::ParseError;

/// A cell library.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Library {
    /// Name in the header.
    pub name: String,
    /// The library's time unit in picoseconds.
    pub time_unit_ps: f64,
    /// The library's capacitance unit in femtofarads.
    pub capacitance_unit_ff: f64,
    /// The default operating conditions, or else the first ones defined.
    pub operating_conditions: Option<String>,
    /// `nom_voltage`: the supply the library is characterised at.
    pub voltage_v: Option<f64>,
    /// Cells by name.
    pub cells: BTreeMap<String, Cell>,
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Cell {
    /// Area in um2.
    pub area_um2: Option<f64>,
    /// Holds state: flip-flop, latch or state table.
    pub sequential: bool,
    /// The `ff` and `latch` groups, which say what the state is.
    pub states: Vec<State>,
    /// Kind of an integrated clock gate, such as `latch_posedge_precontrol`.
    pub clock_gate: Option<String>,
    /// Must not be mapped to: `dont_use`, isolation cell, level shifter, always-on cell.
    pub excluded: bool,
    /// Signal pins in file order; supply pins are left out.
    pub pins: Vec<Pin>,
    /// Bytes of the cell's group in the library text.
    pub span: Range<usize>,
}

/// A clock gate of the library and its pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockGate<'a> {
    /// Name of the cell.
    pub cell: &'a str,
    /// Clock.
    pub clock: &'a str,
    /// Enable, sampled while the clock is low.
    pub enable: &'a str,
    /// The clock while enabled, else low.
    pub output: &'a str,
    /// Forces the clock on.
    pub test: Option<&'a str>,
}

/// A plain flip-flop and its pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlipFlop<'a> {
    /// The cell.
    pub cell: &'a str,
    /// Clock pin.
    pub clock: &'a str,
    /// Data pin.
    pub data: &'a str,
    /// An output.
    pub output: &'a str,
}

/// What holds a cell's state.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct State {
    /// A latch, else a flip-flop.
    pub latch: bool,
    /// Node that holds the state, and its inverse.
    pub nodes: [String; 2],
    /// Its attributes (`next_state`, `clocked_on`, `clear`, ...), as written.
    pub attributes: BTreeMap<String, String>,
}

/// A signal pin.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Pin {
    /// Name.
    pub name: String,
    /// `input`, `output`, `inout` or `internal`.
    pub direction: String,
    /// Boolean function of an output, as written.
    pub function: Option<String>,
    /// Can be switched off.
    pub three_state: bool,
    /// Capacitance in the library's unit.
    pub capacitance: Option<f64>,
    /// What the pin is to an integrated clock gate: `clock`, `enable`, `test` or `out`.
    pub clock_gate_role: Option<String>,
}

impl Library {
    /// Reads a library from its text.
    ///
    /// # Errors
    /// Broken syntax, no `library` group, no time or capacitance unit, no cells, or a number that
    /// does not read as one.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut builder = Builder::default();
        scan(text, &mut builder)?;
        let name = builder
            .name
            .ok_or_else(|| ParseError::new(1, "library (name) {", "no library group"))?;
        let time_unit_ps = builder
            .time_unit_ps
            .ok_or_else(|| ParseError::new(builder.line, "time_unit in the library", "none"))?;
        let capacitance_unit_ff = builder.capacitance_unit_ff.ok_or_else(|| {
            ParseError::new(builder.line, "capacitive_load_unit in the library", "none")
        })?;
        if builder.cells.is_empty() {
            return Err(ParseError::new(builder.line, "at least one cell in the library", "none"));
        }
        Ok(Self {
            name,
            time_unit_ps,
            capacitance_unit_ff,
            operating_conditions: builder.default_conditions.or(builder.first_conditions),
            voltage_v: builder.voltage_v,
            cells: builder.cells,
        })
    }

    /// The smallest cell with an output that is always `value`, and that output.
    pub fn tie(&self, value: bool) -> Option<(&str, &str)> {
        let wanted = if value { "1" } else { "0" };
        self.usable()
            .filter_map(|(name, cell)| {
                let pin = cell.pins.iter().find(|pin| pin.function_is(wanted))?;
                Some((cell.area_um2?, name, pin.name.as_str()))
            })
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, cell, pin)| (cell, pin))
    }

    /// The smallest plain buffer and its input capacitance in femtofarads.
    ///
    /// Cells called a buffer win over delay, hold and clock cells of the same function.
    pub fn buffer(&self) -> Option<(&str, f64)> {
        self.usable()
            .filter_map(|(name, cell)| {
                let [a, b] = cell.pins.as_slice() else { return None };
                let (input, output) = if a.direction == "input" { (a, b) } else { (b, a) };
                let plain = input.direction == "input"
                    && output.direction == "output"
                    && !output.three_state
                    && !cell.sequential
                    && output.function_is(&input.name);
                let lower = name.to_ascii_lowercase();
                let special = ["clk", "dly", "del"].iter().any(|word| lower.contains(word));
                let rank = (special, !lower.contains("buf"));
                plain.then_some((rank, cell.area_um2?, name, input.capacitance?))
            })
            .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
            .map(|(_, _, name, capacitance)| (name, capacitance * self.capacitance_unit_ff))
    }

    /// The cell of [`buffer`](Self::buffer), its input pin and its output pin.
    pub fn buffer_pins(&self) -> Option<(&str, &str, &str)> {
        let (cell, _) = self.buffer()?;
        let pin = |direction: &str| {
            let pins = &self.cells[cell].pins;
            pins.iter().find(|pin| pin.direction == direction).map(|pin| pin.name.as_str())
        };
        Some((cell, pin("input")?, pin("output")?))
    }

    /// The smallest inverter and its input capacitance in femtofarads.
    pub fn inverter(&self) -> Option<(&str, f64)> {
        self.usable()
            .filter_map(|(name, cell)| {
                let [a, b] = cell.pins.as_slice() else { return None };
                let (input, output) = if a.direction == "input" { (a, b) } else { (b, a) };
                let function = Function::parse(output.function.as_deref()?).ok()?;
                let inverts =
                    function == Function::Not(Box::new(Function::Name(input.name.clone())));
                let plain = inverts && !output.three_state && !cell.sequential;
                plain.then_some((cell.area_um2?, name, input.capacitance?))
            })
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name, capacitance)| (name, capacitance * self.capacitance_unit_ff))
    }

    /// The smallest clock gate for registers on rising edges.
    pub fn clock_gate(&self) -> Option<ClockGate<'_>> {
        self.usable()
            .filter_map(|(name, cell)| {
                let kind = cell.clock_gate.as_deref()?;
                if !matches!(kind, "latch_posedge" | "latch_posedge_precontrol") {
                    return None;
                }
                let pin = |role: &str| {
                    let has = |pin: &&Pin| pin.clock_gate_role.as_deref() == Some(role);
                    cell.pins.iter().find(has).map(|pin| pin.name.as_str())
                };
                let gate = ClockGate {
                    cell: name,
                    clock: pin("clock")?,
                    enable: pin("enable")?,
                    output: pin("out")?,
                    test: pin("test"),
                };
                Some((cell.area_um2?, gate))
            })
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, gate)| gate)
    }

    /// The simplest flip-flop, of those the smallest: clock, data and outputs, and only where every
    /// cell of the library has them, a clear or a preset as well.
    pub fn flip_flop(&self) -> Option<FlipFlop<'_>> {
        self.usable()
            .filter_map(|(name, cell)| {
                let [state] = cell.states.as_slice() else { return None };
                if state.latch {
                    return None;
                }
                let pin = |attribute: &str| {
                    let function = Function::parse(state.attributes.get(attribute)?).ok()?;
                    let pin = match function.names().as_slice() {
                        [pin] => (*pin).to_owned(),
                        _ => return None,
                    };
                    cell.pins.iter().find(|known| known.name == pin).map(|pin| pin.name.as_str())
                };
                let (clock, data) = (pin("clocked_on")?, pin("next_state")?);
                let inputs = cell.pins.iter().filter(|pin| pin.direction == "input").count();
                let forced = ["clear", "preset"].iter().filter_map(|forced| pin(forced)).count();
                let output = cell.pins.iter().find(|pin| pin.direction == "output")?;
                let flip_flop = FlipFlop { cell: name, clock, data, output: &output.name };
                (inputs == 2 + forced).then_some((forced, cell.area_um2?, flip_flop))
            })
            .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
            .map(|(.., flip_flop)| flip_flop)
    }

    /// Names of the cells that must not be mapped to.
    pub fn excluded(&self) -> Vec<String> {
        self.cells.iter().filter(|(_, cell)| cell.excluded).map(|(name, _)| name.clone()).collect()
    }

    /// `text`, which this library was read from, without the excluded cells.
    pub fn without_excluded<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut spans: Vec<_> = self
            .cells
            .values()
            .filter(|cell| cell.excluded)
            .map(|cell| cell.span.clone())
            .collect();
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        spans.sort_by_key(|span| span.start);
        let mut kept = Vec::with_capacity(text.len());
        let mut at = 0;
        for span in spans {
            kept.extend_from_slice(text.get(at..span.start).unwrap_or_default());
            at = span.end;
        }
        kept.extend_from_slice(text.get(at..).unwrap_or_default());
        Cow::Owned(kept)
    }

    fn usable(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.cells
            .iter()
            .filter(|(_, cell)| !cell.excluded)
            .map(|(name, cell)| (name.as_str(), cell))
    }
}

impl Pin {
    fn function_is(&self, wanted: &str) -> bool {
        self.function.as_deref().is_some_and(|function| {
            function.trim_matches(|c: char| c.is_whitespace() || c == '(' || c == ')') == wanted
        })
    }
}

#[derive(Default)]
struct Builder {
    name: Option<String>,
    line: usize,
    time_unit_ps: Option<f64>,
    capacitance_unit_ff: Option<f64>,
    default_conditions: Option<String>,
    first_conditions: Option<String>,
    voltage_v: Option<f64>,
    cells: BTreeMap<String, Cell>,
    in_library: bool,
    cell: Option<(String, Cell)>,
    in_pin: bool,
    in_state: bool,
}

impl Visitor for Builder {
    fn open(&mut self, depth: usize, name: &str, args: &[Cow<'_, str>], start: usize, line: usize) {
        let first = || args.first().map(|arg| arg.to_string()).unwrap_or_default();
        match (depth, name) {
            (0, "library") => {
                self.in_library = true;
                self.line = line;
                self.name = Some(first());
            }
            (1, "cell") if self.in_library => {
                let cell = Cell { span: start..start, ..Cell::default() };
                self.cell = Some((first(), cell));
            }
            (1, "operating_conditions") if self.in_library && self.first_conditions.is_none() => {
                self.first_conditions = Some(first());
            }
            (2, "ff" | "latch" | "ff_bank" | "latch_bank" | "statetable") => {
                if let Some((_, cell)) = &mut self.cell {
                    cell.sequential = true;
                    if matches!(name, "ff" | "latch") {
                        let node = |at: usize| args.get(at).map(|arg| arg.to_string());
                        cell.states.push(State {
                            latch: name == "latch",
                            nodes: [0, 1].map(|at| node(at).unwrap_or_default()),
                            ..State::default()
                        });
                        self.in_state = true;
                    }
                }
            }
            (2, "pin") => {
                if let Some((_, cell)) = &mut self.cell {
                    cell.pins.push(Pin { name: first(), ..Pin::default() });
                    self.in_pin = true;
                }
            }
            _ => {}
        }
    }

    fn simple(
        &mut self,
        depth: usize,
        name: &str,
        value: &str,
        line: usize,
    ) -> Result<(), ParseError> {
        match (depth, name, &mut self.cell) {
            (0, "time_unit", _) => {
                self.time_unit_ps =
                    Some(time_ps(value).ok_or_else(|| {
                        ParseError::new(line, "time_unit such as 1ns or 1ps", value)
                    })?);
            }
            (0, "default_operating_conditions", _) => {
                self.default_conditions = Some(value.to_owned())
            }
            (0, "nom_voltage", _) => {
                self.voltage_v = Some(number(value, "nom_voltage", line)?);
            }
            (1, "clock_gating_integrated_cell", Some((_, cell))) => {
                cell.clock_gate = Some(value.to_owned());
            }
            (2, _, Some((_, cell))) if self.in_state => {
                if let Some(state) = cell.states.last_mut() {
                    state.attributes.insert(name.to_owned(), value.to_owned());
                }
            }
            (1, "area", Some((_, cell))) => cell.area_um2 = Some(number(value, "area", line)?),
            (
                1,
                "dont_use" | "is_isolation_cell" | "is_level_shifter" | "always_on",
                Some((_, cell)),
            ) => cell.excluded |= value.eq_ignore_ascii_case("true"),
            (2, _, Some((_, cell))) if self.in_pin => {
                let Some(pin) = cell.pins.last_mut() else { return Ok(()) };
                match name {
                    "direction" => pin.direction = value.to_owned(),
                    "function" => pin.function = Some(value.to_owned()),
                    "three_state" => pin.three_state = true,
                    "clock_gate_clock_pin"
                    | "clock_gate_enable_pin"
                    | "clock_gate_test_pin"
                    | "clock_gate_out_pin"
                        if value.eq_ignore_ascii_case("true") =>
                    {
                        let role = name.trim_start_matches("clock_gate_").trim_end_matches("_pin");
                        pin.clock_gate_role = Some(role.to_owned());
                    }
                    "capacitance" => pin.capacitance = Some(number(value, "capacitance", line)?),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn complex(
        &mut self,
        depth: usize,
        name: &str,
        args: &[Cow<'_, str>],
        line: usize,
    ) -> Result<(), ParseError> {
        if depth == 0 && name == "capacitive_load_unit" {
            let expected = "capacitive_load_unit such as (1, pf) or (1, ff)";
            let [scale, unit] = args else {
                return Err(ParseError::new(line, expected, &args.join(", ")));
            };
            let unit_ff = match unit.trim().to_ascii_lowercase().as_str() {
                "ff" => 1.0,
                "pf" => 1e3,
                _ => return Err(ParseError::new(line, expected, unit)),
            };
            self.capacitance_unit_ff = Some(number(scale, expected, line)? * unit_ff);
        }
        Ok(())
    }

    fn close(&mut self, depth: usize, end: usize) {
        match depth {
            0 => self.in_library = false,
            1 => {
                if let Some((name, mut cell)) = self.cell.take() {
                    cell.span.end = end;
                    self.cells.insert(name, cell);
                }
            }
            2 => (self.in_pin, self.in_state) = (false, false),
            _ => {}
        }
    }
}

fn number(value: &str, what: &str, line: usize) -> Result<f64, ParseError> {
    let parsed: Option<f64> = value.trim().parse().ok();
    parsed
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| ParseError::new(line, format!("a number of 0 or more for {what}"), value))
}

/// `1ns`, `10ps`, ... in picoseconds.
fn time_ps(value: &str) -> Option<f64> {
    let value = value.trim();
    let split = value.find(|c: char| c.is_ascii_alphabetic())?;
    let (scale, unit) = value.split_at(split);
    let unit_ps = match unit.trim().to_ascii_lowercase().as_str() {
        "fs" => 1e-3,
        "ps" => 1.0,
        "ns" => 1e3,
        "us" => 1e6,
        _ => return None,
    };
    let scale: f64 = scale.trim().parse().ok()?;
    (scale.is_finite() && scale > 0.0).then_some(scale * unit_ps)
}

#[cfg(test)]
mod tests;
