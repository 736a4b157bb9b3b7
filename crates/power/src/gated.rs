//! Corrects the energy of clock-gated cells. OpenSTA 2.0.17 counts a clock edge in every cycle at every pin that
//! a clock reaches, even behind a closed gate, and whatever activity was set. The surplus is subtracted: for a
//! flip-flop behind a gate, the energy at its clock pin in the cycles in which the gate is closed; for a gate,
//! the energy to charge its output in those cycles.
//!
//! OpenSTA measures the energy at a clock pin on one cell of each kind, with a clock and no other activity. The
//! internal energy of a gate is counted as if it were always open.
//!
//! Before layout a gate drives thousands of pins without a buffer. With the slew of such a net, OpenSTA would
//! give every flip-flop behind it several times the energy of others, so these pins get the ideal slew of the
//! clock (`Gated::pins`). If a gate has more pins than a buffer of the clock tree may drive, the energy of the
//! missing clock tree is added, for the cycles in which the gate is open.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flexmac_record::ClockGates;
use flexmac_synth::liberty::{Cell, Library};
use flexmac_synth::netlist::{FlatNetlist, Signal};

use crate::clock::buffers;

/// The clock gates of a netlist, and the cells behind them.
pub(crate) struct Gated {
    /// For each cell, the signals that open its clock gate; none if its clock is not gated.
    behind: Vec<Option<Opening>>,
    /// For each clock gate, the number of flip-flops and latches that it clocks; none for other cells.
    gate: Vec<Option<usize>>,
    /// Kinds of gated cells and their clock pins.
    kinds: BTreeMap<String, String>,
    /// Numbers for the report.
    pub counts: ClockGates,
}

/// The signals that open a gate: the enable pin or the test pin.
#[derive(Debug, Clone, Copy)]
struct Opening {
    enable: Signal,
    test: Option<Signal>,
}

impl Opening {
    /// Share of cycles in which the gate is open.
    fn share(self, activity: &[(f64, f64)]) -> f64 {
        let ones = |signal| match signal {
            Signal::Constant(value) => f64::from(u8::from(value)),
            Signal::Net(net) => activity[net as usize].1,
        };
        self.test.map_or(0.0, ones).max(ones(self.enable)).clamp(0.0, 1.0)
    }
}

impl Gated {
    pub fn new(netlist: &FlatNetlist, library: &Library) -> Self {
        let cells = &netlist.cells;
        let known = |at: usize| library.cells.get(&cells[at].kind);
        let mut outputs = BTreeMap::new();
        let mut gate = vec![None; cells.len()];
        let mut behind = vec![None; cells.len()];
        for at in 0..cells.len() {
            let Some(cell) = known(at).filter(|cell| cell.clock_gate.is_some()) else { continue };
            let at_role = |role: &str| {
                let pin = pin_of_role(cell, role)?;
                cells[at].pins.iter().find(|(name, _)| name == pin).map(|(_, signal)| *signal)
            };
            let (Some(Signal::Net(output)), Some(enable)) = (at_role("out"), at_role("enable"))
            else {
                continue;
            };
            let opening = Opening { enable, test: at_role("test") };
            outputs.insert(output, (at, opening));
            gate[at] = Some(0);
            behind[at] = Some(opening);
        }
        let mut kinds = BTreeMap::new();
        let mut counts = ClockGates { gates: outputs.len(), ..ClockGates::default() };
        for at in 0..cells.len() {
            if gate[at].is_some() || !known(at).is_some_and(|cell| cell.sequential) {
                continue;
            }
            let clock = cells[at].pins.iter().find_map(|(name, signal)| match signal {
                Signal::Net(net) => outputs.get(net).map(|gate| (name, *gate)),
                Signal::Constant(_) => None,
            });
            if let Some((pin, (driver, opening))) = clock {
                behind[at] = Some(opening);
                *gate[driver].get_or_insert(0) += 1;
                kinds.insert(cells[at].kind.clone(), pin.clone());
                counts.gated += 1;
            } else {
                counts.always += 1;
            }
        }
        Self { behind, gate, kinds, counts }
    }

    /// The clock pins behind gates, one per line, of cells `u0`, `u1`, ...
    pub fn pins(&self, netlist: &FlatNetlist) -> String {
        let mut text = String::new();
        for (at, cell) in netlist.cells.iter().enumerate() {
            if self.gate[at].is_none() && self.behind[at].is_some() {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "u{at}/{}", self.kinds[&cell.kind]);
            }
        }
        text
    }

    /// Cells to measure, one of each kind: instances for a netlist with a clock `clk_i`, and the names of
    /// their pins without activity.
    pub fn probes(&self, library: &Library) -> (String, String) {
        let (mut cells, mut still) = (String::new(), String::new());
        for (at, (kind, clock)) in self.kinds.iter().enumerate() {
            let pins = library.cells.get(kind).map_or(&[][..], |cell| &cell.pins);
            let mut connections = format!(".{clock}(clk_i)");
            for pin in pins.iter().filter(|pin| pin.name != *clock) {
                // Writing to a string cannot fail.
                let _ = write!(connections, ", .{}(g{at}_{})", pin.name, pin.name);
                let _ = write!(still, " g{at}/{}", pin.name);
            }
            let _ = writeln!(cells, "  {kind} g{at} ({connections});");
        }
        (cells, still.trim_start().to_owned())
    }

    /// Names of the probes.
    pub fn probe_names(&self) -> Vec<String> {
        (0..self.kinds.len()).map(|at| format!("g{at}")).collect()
    }

    /// Subtracts the surplus that OpenSTA counts and adds the buffers that the netlist lacks. `clocked` is the
    /// internal power of each probe; `powers` are internal, switching and leakage power by cell. Returns the
    /// power subtracted.
    pub fn correct(
        &self,
        netlist: &FlatNetlist,
        (clocked, tree): (&[f64], &GatedTree),
        activity: &[(f64, f64)],
        powers: &mut [[f64; 3]],
    ) -> f64 {
        let by_kind: BTreeMap<&str, f64> =
            self.kinds.keys().map(String::as_str).zip(clocked.iter().copied()).collect();
        let mut held_back = 0.0;
        for (at, opening) in self.behind.iter().enumerate() {
            let Some(opening) = opening else { continue };
            let open = opening.share(activity);
            let shut = 1.0 - open;
            let [internal, switching, _] = &mut powers[at];
            if let Some(pins) = self.gate[at] {
                held_back += *switching * shut;
                *switching -= *switching * shut;
                *internal += tree.power(pins) * open;
            } else {
                let surplus = (by_kind[netlist.cells[at].kind.as_str()] * shut).min(*internal);
                held_back += surplus;
                *internal -= surplus;
            }
        }
        held_back
    }
}

/// The clock tree behind a gate. The gate itself drives its first level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GatedTree {
    /// Pins or buffers that a buffer or a gate drives.
    pub fanout: usize,
    /// Power of a buffer that drives pins: internal power, and the power to charge its input.
    pub leaf: f64,
    /// Power of a buffer that drives buffers.
    pub branch: f64,
}

impl GatedTree {
    /// Power of the buffers between a gate and `pins`, clocked in every cycle.
    fn power(&self, pins: usize) -> f64 {
        if pins <= self.fanout {
            return 0.0;
        }
        // The gate takes the place of the root of the tree.
        let (leaves, branches) = buffers(pins, self.fanout);
        leaves as f64 * self.leaf + (branches - 1) as f64 * self.branch
    }
}

fn pin_of_role<'a>(cell: &'a Cell, role: &str) -> Option<&'a String> {
    let pin = cell.pins.iter().find(|pin| pin.clock_gate_role.as_deref() == Some(role))?;
    Some(&pin.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flexmac_synth::netlist::Netlist;

    #[test]
    fn a_shut_gate_takes_off_clock_energy() {
        let text = "library (l) { time_unit : \"1ns\"; capacitive_load_unit (1, pf);
            cell (ICG) { clock_gating_integrated_cell : latch_posedge;
              pin (CK) { direction : input; clock_gate_clock_pin : true; }
              pin (E) { direction : input; clock_gate_enable_pin : true; }
              pin (G) { direction : output; clock_gate_out_pin : true; } }
            cell (DFF) { ff (IQ, IQN) { clocked_on : CK; next_state : D; }
              pin (CK) { direction : input; } pin (D) { direction : input; }
              pin (Q) { direction : output; function : IQ; } } }";
        let library = Library::parse(text.as_bytes()).expect("parses");
        let text = "module top (clk_i, e, d); input clk_i; input e; input d; wire g;
            ICG c (.CK(clk_i), .E(e), .G(g)); DFF f (.CK(g), .D(d), .Q());
            DFF a (.CK(clk_i), .D(d), .Q()); endmodule";
        let netlist = Netlist::parse(text).expect("parses").flatten("top").expect("flattens");
        let gated = Gated::new(&netlist, &library);
        assert_eq!(gated.counts, ClockGates { gates: 1, gated: 1, always: 1 });
        let (probes, still) = gated.probes(&library);
        assert_eq!(probes, "  DFF g0 (.CK(clk_i), .D(g0_D), .Q(g0_Q));\n");
        assert_eq!(still, "g0/D g0/Q");
        let enable = netlist.ports[1].bits[0];
        let Signal::Net(enable) = enable else { panic!("a net") };
        let mut activity = vec![(0.0, 0.0); netlist.nets];
        activity[enable as usize] = (0.5, 0.25);
        // Gate, gated flip-flop, free one.
        let mut powers = [[4.0, 8.0, 1.0], [3.0, 1.0, 1.0], [3.0, 1.0, 1.0]];
        let tree = GatedTree { fanout: 1, leaf: 16.0, branch: 32.0 };
        let held_back = gated.correct(&netlist, (&[2.0], &tree), &activity, &mut powers);
        assert_eq!(powers, [[4.0, 2.0, 1.0], [1.5, 1.0, 1.0], [3.0, 1.0, 1.0]]);
        assert_eq!(held_back, 7.5);
        assert_eq!(gated.pins(&netlist), "u1/CK\n");
    }

    #[test]
    fn a_gate_of_many_pins_has_a_tree() {
        let tree = GatedTree { fanout: 4, leaf: 1.0, branch: 100.0 };
        // 17 pins: 5 leaves, 2 buffers for those, and the gate above them.
        let powers = [0, 1, 4, 5, 16, 17].map(|pins| tree.power(pins));
        assert_eq!(powers, [0.0, 0.0, 0.0, 2.0, 4.0, 205.0]);
    }
}
