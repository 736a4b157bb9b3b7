//! The cells that the flow picks from a library by their function: tie cells, a buffer, an inverter, a clock
//! gate, a flip-flop.

use super::function::Function;
use super::{Cell, Library, Pin};

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

impl Library {
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
    /// Cells named as buffers are preferred to delay, hold and clock cells of the same function.
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

    /// The smallest flip-flop with only clock, data and outputs. If every flip-flop of the library has a
    /// clear or a preset, the smallest with the fewest of these.
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
