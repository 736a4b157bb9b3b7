//! Reads what the flow needs from a cell library: units, cells, their areas and functions.
//!
//! Liberty has no attribute for the unit of area. All libraries used so far state it in um2, and so do
//! these types.

mod canonical;
mod cell_choice;
mod conditions;
pub mod function;
pub mod model;
mod scan;
mod units;

use std::collections::BTreeMap;

use canonical::Canonical;
pub use cell_choice::{ClockGate, FlipFlop};
use conditions::Conditions;
use scan::{Text, Visitor, scan};
use units::Units;

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
    /// The conditions for which the results hold: the default ones, the only ones, or those with the
    /// library's nominal values; none if no group has these values.
    pub operating_conditions: Option<String>,
    /// `nom_voltage`: the supply voltage at which the library is characterised.
    pub voltage_v: Option<f64>,
    /// Cells by name.
    pub cells: BTreeMap<String, Cell>,
    /// Whether any cell has a delay table (`cell_rise`, `cell_fall`).
    pub has_delays: bool,
    /// Assumptions that were made, one sentence each.
    pub notes: Vec<String>,
}

/// Values that replace those stated in a library.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Operating conditions in place of the default ones.
    pub conditions: Option<String>,
    /// Areas in um2 by cell, in place of those stated. A cell without a stated area gets none.
    pub areas_um2: BTreeMap<String, f64>,
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Cell {
    /// Area in um2.
    pub area_um2: Option<f64>,
    /// Whether it holds state: flip-flop, latch or state table.
    pub sequential: bool,
    /// The `ff` and `latch` groups, which describe the state.
    pub states: Vec<State>,
    /// Kind of an integrated clock gate, such as `latch_posedge_precontrol`.
    pub clock_gate: Option<String>,
    /// Whether it must not be used: `dont_use`, isolation cell, level shifter, always-on cell, and cells with
    /// buses, bundles or banks, which the tools cannot map to.
    pub excluded: bool,
    /// Why it must not be used.
    pub reasons: Vec<String>,
    /// Signal pins in file order; supply pins are left out.
    pub pins: Vec<Pin>,
}

/// An element that holds state in a cell.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct State {
    /// Whether it is a latch; otherwise a flip-flop.
    pub latch: bool,
    /// The node that holds the state, and its inverse.
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
    /// Whether it is a three-state output.
    pub three_state: bool,
    /// Capacitance in the library's unit.
    pub capacitance: Option<f64>,
    /// Role of the pin in an integrated clock gate: `clock`, `enable`, `test` or `out`.
    pub clock_gate_role: Option<String>,
}

impl Library {
    /// Reads a library from its text.
    ///
    /// # Errors
    /// Invalid syntax, no `library` group, no capacitance unit, no cells, an invalid number, a unit that
    /// tools do not know, and unsupported features that would change results: a delay model other than
    /// tables, included files, a cell defined twice.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        Ok(Self::read(text)?.0)
    }

    /// Reads a library from its text, and writes the text that all tools of a flow read: canonical Liberty
    /// without the cells that must not be used.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub fn read(text: &[u8]) -> Result<(Self, String), ParseError> {
        Self::read_with(text, &Settings::default())
    }

    /// Like [`Self::read`], with other operating conditions and areas.
    ///
    /// # Errors
    /// As for [`Self::parse`], and operating conditions that the library does not define.
    pub fn read_with(text: &[u8], settings: &Settings) -> Result<(Self, String), ParseError> {
        let canonical = Canonical::new(text.len());
        let areas = settings.areas_um2.clone();
        let mut builder = Builder { canonical, areas, ..Builder::default() };
        scan(text, &mut builder)?;
        let name = builder
            .name
            .ok_or_else(|| ParseError::new(1, "library (name) {", "no library group"))?;
        let capacitance_unit_ff = builder.units.capacitance_ff().ok_or_else(|| {
            ParseError::new(builder.line, "capacitive_load_unit in the library", "none")
        })?;
        if builder.cells.is_empty() {
            return Err(ParseError::new(builder.line, "at least one cell in the library", "none"));
        }
        let mut notes = Vec::new();
        if !builder.units.states_time() {
            notes.push("the library states no time_unit: 1ns, Liberty's default".to_owned());
        }
        let operating_conditions =
            builder.conditions.choose(settings.conditions.as_deref(), &mut notes)?;
        let canonical =
            builder.canonical.finish(&name, &builder.units, operating_conditions.as_deref());
        let library = Self {
            name,
            time_unit_ps: builder.units.time_ps(),
            capacitance_unit_ff,
            voltage_v: builder.conditions.nominal_voltage(),
            operating_conditions,
            cells: builder.cells,
            has_delays: builder.has_delays,
            notes,
        };
        Ok((library, canonical))
    }

    /// Names of the cells that must not be used.
    pub fn excluded(&self) -> Vec<String> {
        self.cells.iter().filter(|(_, cell)| cell.excluded).map(|(name, _)| name.clone()).collect()
    }
}

impl Cell {
    fn exclude(&mut self, reason: String) {
        self.excluded = true;
        self.reasons.push(reason);
    }
}

impl Pin {
    fn attribute(&mut self, name: &str, value: &str, line: usize) -> Result<(), ParseError> {
        match name {
            "direction" => self.direction = value.to_owned(),
            "function" => self.function = Some(value.to_owned()),
            "three_state" => self.three_state = true,
            "clock_gate_clock_pin"
            | "clock_gate_enable_pin"
            | "clock_gate_test_pin"
            | "clock_gate_out_pin"
                if value.eq_ignore_ascii_case("true") =>
            {
                let role = name.trim_start_matches("clock_gate_").trim_end_matches("_pin");
                self.clock_gate_role = Some(role.to_owned());
            }
            "capacitance" => self.capacitance = Some(number(value, "capacitance", line)?),
            _ => {}
        }
        Ok(())
    }
}

/// State while a library is read.
#[derive(Default)]
struct Builder {
    name: Option<String>,
    line: usize,
    units: Units,
    conditions: Conditions,
    voltages: BTreeMap<String, f64>,
    cells: BTreeMap<String, Cell>,
    lines: BTreeMap<String, usize>,
    cell: Option<(String, Cell)>,
    /// Number of pins of the innermost pin group; they are the last of the cell.
    pins: usize,
    in_state: bool,
    /// Voltage name of the open supply pin group, and whether it is a primary supply.
    supply: Option<(String, bool)>,
    has_delays: bool,
    /// Areas that replace those of the text.
    areas: BTreeMap<String, f64>,
    canonical: Canonical,
}

impl Visitor for Builder {
    fn open(
        &mut self,
        depth: usize,
        name: &str,
        args: &[Text<'_>],
        line: usize,
    ) -> Result<(), ParseError> {
        let arg = |at: usize| args.get(at).map(|arg| arg.to_string()).unwrap_or_default();
        self.canonical.open(name, args);
        match (depth, name) {
            (0, "library") if self.name.is_some() => {
                return Err(ParseError::new(line, "one library in a file", "a second one"));
            }
            (0, "library") => {
                self.line = line;
                self.name = Some(arg(0));
            }
            (0, _) => return Err(ParseError::new(line, "library (name) {", name)),
            (1, "cell") => {
                let cell = arg(0);
                if let Some(first) = self.lines.insert(cell.clone(), line) {
                    let expected = format!("unique cell names; {cell:.40} is on line {first}");
                    return Err(ParseError::new(line, expected, "a second one"));
                }
                self.cell = Some((cell, Cell::default()));
            }
            (1, "operating_conditions") => self.conditions.open(&arg(0)),
            (2, _) => {
                let Some((_, cell)) = &mut self.cell else { return Ok(()) };
                match name {
                    "ff" | "latch" => {
                        cell.sequential = true;
                        cell.states.push(State {
                            latch: name == "latch",
                            nodes: [arg(0), arg(1)],
                            ..State::default()
                        });
                        self.in_state = true;
                    }
                    "ff_bank" | "latch_bank" | "statetable" => {
                        cell.sequential = true;
                        if name != "statetable" {
                            cell.exclude(format!("{name} on line {line}"));
                        }
                    }
                    "bus" | "bundle" => cell.exclude(format!("{name} {} on line {line}", arg(0))),
                    "pg_pin" => self.supply = Some((String::new(), false)),
                    "pin" => {
                        let pin = |name: &Text| Pin { name: name.to_string(), ..Pin::default() };
                        cell.pins.extend(args.iter().map(pin));
                        self.pins = args.len();
                    }
                    _ => {}
                }
            }
            (4, "cell_rise" | "cell_fall") => self.has_delays = true,
            _ => {}
        }
        Ok(())
    }

    fn simple(
        &mut self,
        depth: usize,
        name: &str,
        value: &Text<'_>,
        line: usize,
    ) -> Result<(), ParseError> {
        let unquoted = if value.quoted { None } else { canonical::computed(value) };
        let computed = match unquoted {
            Some(Ok(number)) => Some(Text { text: number.to_string().into(), quoted: false }),
            Some(Err(expected)) => return Err(ParseError::new(line, expected, value)),
            None => None,
        };
        let value = computed.as_ref().unwrap_or(value);
        let replaced = match &self.cell {
            Some((cell, _)) if (depth, name) == (1, "area") => self.areas.get(cell),
            _ => None,
        };
        let replaced = replaced.map(|area| Text { text: area.to_string().into(), quoted: false });
        let value = replaced.as_ref().unwrap_or(value);
        if depth == 0 {
            return self.library_attribute(name, value, line);
        }
        self.canonical.simple(name, value);
        if depth == 1 && self.cell.is_none() {
            return self.conditions.simple(name, value, line);
        }
        let Some((_, cell)) = &mut self.cell else { return Ok(()) };
        match (depth, name) {
            (1, "clock_gating_integrated_cell") => cell.clock_gate = Some(value.to_string()),
            (1, "area") => cell.area_um2 = Some(number(value, "area", line)?),
            (1, "dont_use" | "is_isolation_cell" | "is_level_shifter" | "always_on")
                if value.eq_ignore_ascii_case("true") =>
            {
                cell.exclude(format!("{name} on line {line}"));
            }
            (2, _) if self.supply.is_some() => {
                if let Some((voltage, primary)) = &mut self.supply {
                    match name {
                        "voltage_name" => *voltage = value.to_string(),
                        "pg_type" => *primary = **value == *"primary_power",
                        _ => {}
                    }
                }
            }
            (2, _) if self.in_state => {
                if let Some(state) = cell.states.last_mut() {
                    state.attributes.insert(name.to_owned(), value.to_string());
                }
            }
            (2, "pg_type") if self.pins > 0 => {
                cell.pins.truncate(cell.pins.len() - self.pins);
                self.pins = 0;
                self.canonical.leave_out();
            }
            (2, _) => {
                let first = cell.pins.len() - self.pins;
                for pin in &mut cell.pins[first..] {
                    pin.attribute(name, value, line)?;
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
        args: &[Text<'_>],
        line: usize,
    ) -> Result<(), ParseError> {
        if depth == 0 {
            if self.units.complex(name, args, line)? {
                return Ok(());
            }
            if let ("voltage_map", [supply, volts]) = (name, args)
                && let Ok(volts) = volts.trim().parse()
            {
                self.voltages.insert(supply.to_string(), volts);
            }
            if name == "include_file" {
                let expected = "a library in one file: include_file is not followed";
                return Err(ParseError::new(line, expected, name));
            }
        }
        self.canonical.complex(name, args);
        Ok(())
    }

    fn close(&mut self, depth: usize, line: usize) -> Result<(), ParseError> {
        match depth {
            1 => {
                self.conditions.close();
                if let Some((name, cell)) = self.cell.take() {
                    if cell.excluded {
                        self.canonical.leave_out();
                    }
                    self.cells.insert(name, cell);
                }
            }
            2 => {
                self.check_supply();
                (self.pins, self.in_state) = (0, false);
            }
            _ => {}
        }
        self.canonical.close().map_err(|limit| {
            let expected = format!("at most {limit} bytes once each pin has a group of its own");
            ParseError::new(line, expected, "more")
        })
    }
}

impl Builder {
    /// Excludes a cell whose supply voltage is not the library's: the tools support only one.
    fn check_supply(&mut self) {
        let Some((name, true)) = self.supply.take() else { return };
        let nominal = self.conditions.nominal_voltage();
        let (Some(own), Some(nominal)) = (self.voltages.get(&name), nominal) else { return };
        if let Some((_, cell)) = &mut self.cell
            && *own != nominal
        {
            cell.exclude(format!("supply {name} of {own} V in a library of {nominal} V"));
        }
    }

    /// A simple attribute of the library itself.
    fn library_attribute(
        &mut self,
        name: &str,
        value: &Text<'_>,
        line: usize,
    ) -> Result<(), ParseError> {
        match name {
            "delay_model" if **value != *"table_lookup" => {
                let expected =
                    "delay_model : table_lookup, the one that the tools of the flow read";
                return Err(ParseError::new(line, expected, value));
            }
            "default_operating_conditions" => {
                self.conditions.default = Some((value.to_string(), line));
            }
            _ if self.units.simple(name, value, line)? => {}
            _ => {
                self.conditions.nominal(name, value, line)?;
                self.canonical.simple(name, value);
            }
        }
        Ok(())
    }
}

fn number(value: &str, what: &str, line: usize) -> Result<f64, ParseError> {
    let parsed: Option<f64> = value.trim().parse().ok();
    parsed
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| ParseError::new(line, format!("a number of 0 or more for {what}"), value))
}

#[cfg(test)]
mod tests;
