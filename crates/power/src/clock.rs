//! A model of the clock tree, which a netlist does not have before layout.
//!
//! All buffers are the library's smallest plain buffer. Each drives `fanout` clock pins or `fanout` further
//! buffers, in levels down from a single root. Loads are the capacitances of clock pins and buffers in the
//! library; wires are left out. OpenSTA gives the internal and switching energy of a buffer that drives pins and
//! of one that drives buffers. The energy inside flip-flops at a clock edge is part of the cells' internal
//! energy. Buffers behind a clock gate belong to the gate (`gated.rs`).

use flexmac_record::ClockTree;
use flexmac_synth::liberty::Library;
use flexmac_synth::netlist::{FlatNetlist, Signal};

use crate::error::Error;

/// A tree before the energy of its buffers is measured, and the loads for the measurement.
pub(crate) struct ClockTreePlan {
    pub tree: ClockTree,
    pub leaf_ff: f64,
    pub branch_ff: f64,
    /// Input and output pin of the buffer.
    pub buffer_pins: (String, String),
}

/// Plans the tree for the pins on net `clock`.
pub(crate) fn plan(
    netlist: &FlatNetlist,
    library: &Library,
    clock: Signal,
    fanout: usize,
) -> Result<ClockTreePlan, Error> {
    let missing = |expected| Error::Library { library: library.name.clone(), expected };
    let ((buffer, buffer_ff), (_, input, output)) = library
        .buffer()
        .zip(library.buffer_pins())
        .ok_or_else(|| missing("a buffer for the clock tree"))?;
    let buffer_pins = (input.to_owned(), output.to_owned());
    let (mut pins, mut pins_ff) = (0_usize, 0.0);
    for cell in &netlist.cells {
        for (name, _) in cell.pins.iter().filter(|(_, signal)| *signal == clock) {
            let known = library.cells.get(&cell.kind).map(|cell| &cell.pins);
            let pin = known.and_then(|pins| pins.iter().find(|pin| pin.name == *name));
            pins += 1;
            pins_ff +=
                pin.and_then(|pin| pin.capacitance).unwrap_or(0.0) * library.capacitance_unit_ff;
        }
    }
    let (leaves, branches) = buffers(pins, fanout);
    Ok(ClockTreePlan {
        leaf_ff: pins_ff / leaves.max(1) as f64,
        branch_ff: buffer_ff * fanout as f64,
        buffer_pins,
        tree: ClockTree {
            pins,
            pins_ff,
            buffer: buffer.to_owned(),
            fanout,
            leaves,
            branches,
            leaf_pj: 0.0,
            branch_pj: 0.0,
            cycle_pj: 0.0,
        },
    })
}

/// Numbers of buffers that drive `pins` clock pins, and of buffers that drive buffers.
pub(crate) fn buffers(pins: usize, fanout: usize) -> (usize, usize) {
    let leaves = pins.div_ceil(fanout);
    let (mut branches, mut level) = (0, leaves);
    while level > 1 {
        level = level.div_ceil(fanout);
        branches += level;
    }
    (leaves, branches)
}

impl ClockTreePlan {
    /// A netlist with the two buffers to measure, and `others`.
    pub fn verilog(&self, others: &str) -> String {
        let (input, output) = &self.buffer_pins;
        let buffer = &self.tree.buffer;
        format!(
            "module flexmac_clock (clk_i, leaf_o, branch_o);\n  input clk_i;\n  output leaf_o;\n  \
             output branch_o;\n  {buffer} leaf (.{input}(clk_i), .{output}(leaf_o));\n  \
             {buffer} branch (.{input}(clk_i), .{output}(branch_o));\n{others}endmodule\n"
        )
    }

    /// The tree with the energy of its buffers.
    pub fn with_energy(self, leaf_pj: f64, branch_pj: f64) -> ClockTree {
        let (leaves, branches) = (self.tree.leaves as f64, self.tree.branches as f64);
        let cycle_pj = leaves * leaf_pj + branches * branch_pj;
        ClockTree { leaf_pj, branch_pj, cycle_pj, ..self.tree }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flexmac_synth::netlist::Netlist;

    #[test]
    fn levels_narrow_to_one_buffer() {
        let text = "library (l) { time_unit : \"1ns\"; capacitive_load_unit (1, pf);
            cell (BUF) { area : 1; pin (A) { direction : input; capacitance : 0.002; }
              pin (Y) { direction : output; function : A; } }
            cell (DFF) { area : 1; ff (IQ, IQN) { clocked_on : CK; next_state : D; }
              pin (CK) { direction : input; capacitance : 0.001; }
              pin (D) { direction : input; capacitance : 0.003; }
              pin (Q) { direction : output; function : IQ; } } }";
        let library = Library::parse(text.as_bytes()).expect("parses");
        let cells: String =
            (0..17).map(|at| format!("DFF f{at} (.CK(clk_i), .D(d), .Q());")).collect();
        let text = format!("module top (clk_i); input clk_i; wire d; {cells} endmodule");
        let netlist = Netlist::parse(&text).expect("parses").flatten("top").expect("flattens");
        let plan = plan(&netlist, &library, netlist.ports[0].bits[0], 4).expect("plans");
        // 17 pins, 5 leaves, 2 branches, 1 root.
        assert_eq!((plan.tree.pins, plan.tree.leaves, plan.tree.branches), (17, 5, 3));
        assert!((plan.tree.pins_ff - 17.0).abs() < 1e-9);
        assert!((plan.leaf_ff - 3.4).abs() < 1e-9 && (plan.branch_ff - 8.0).abs() < 1e-9);
        let tree = plan.with_energy(0.5, 0.25);
        assert_eq!(tree.cycle_pj, 5.0 * 0.5 + 3.0 * 0.25);
    }
}
