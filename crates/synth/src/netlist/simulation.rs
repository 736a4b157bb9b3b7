//! Writes a flat netlist as Verilog for simulation: original ports, cell models inlined, and on request
//! every net readable by the driver.
//!
//! Models are inlined because Verilator takes twice as long with 250,000 instances and writes several
//! times as much C++.

use std::fmt::Write as _;

use super::flat::{FlatNetlist, Signal};
use super::parse::PortDirection;
use crate::liberty::Library;
use crate::liberty::model::ModelError;

/// Names of the ports through which a simulation reads all nets.
#[derive(Debug, Clone, Copy)]
pub struct Probes<'a> {
    /// Input whose rising edge takes a snapshot of all nets.
    pub trigger: &'a str,
    /// Output that holds the snapshot: bit i is net i.
    pub snapshot: &'a str,
}

/// Nets copied at a time: bits of the words in which Verilator stores a wide output.
const WORD: usize = 32;

impl FlatNetlist {
    /// The top module. With `probes` it has two more ports: a trigger, and a snapshot of all nets. A
    /// snapshot on demand copies each net once; nets that were always readable would be copied
    /// wherever Verilator computes them.
    ///
    /// # Errors
    /// A cell that the library cannot model.
    pub fn simulation(
        &self,
        library: &Library,
        probes: Option<Probes<'_>>,
    ) -> Result<String, ModelError> {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |line: std::fmt::Arguments<'_>| {
            let _ = text.write_fmt(line);
            text.push('\n');
        };
        let names: Vec<String> = self.ports.iter().map(|port| escaped(&port.name)).collect();
        let mut header = names.clone();
        if let Some(probes) = probes {
            header.extend([probes.trigger, probes.snapshot].map(str::to_owned));
        }
        line(format_args!("module {} ({});", escaped(&self.top), header.join(", ")));
        for (port, name) in self.ports.iter().zip(&names) {
            let direction = match port.direction {
                PortDirection::Input => "input",
                PortDirection::Output => "output",
            };
            let range = match port.bits.len() {
                1 => String::new(),
                bits => format!("[{}:0] ", bits - 1),
            };
            line(format_args!("  {direction} {range}{name};"));
        }
        for net in 0..self.nets {
            line(format_args!("  wire n{net};"));
        }
        for (port, name) in self.ports.iter().zip(&names) {
            for (at, bit) in port.bits.iter().enumerate() {
                let pin = if port.bits.len() == 1 { name.clone() } else { format!("{name}[{at}]") };
                match (port.direction, bit) {
                    (PortDirection::Input, Signal::Net(net)) => {
                        line(format_args!("  assign n{net} = {pin};"));
                    }
                    (PortDirection::Input, Signal::Constant(_)) => {}
                    (PortDirection::Output, bit) => {
                        line(format_args!("  assign {pin} = {};", value(*bit)));
                    }
                }
            }
        }
        for (index, cell) in self.cells.iter().enumerate() {
            let at = |pin: &str| cell.pins.iter().find(|(name, _)| name == pin);
            let mut net = |pin: &str| at(pin).map(|(_, signal)| value(*signal));
            let body = library.model_body(&cell.kind, &format!("u{index}_"), &mut net)?;
            line(format_args!("{}", body.trim_end()));
        }
        if let Some(Probes { trigger, snapshot }) = probes {
            line(format_args!("  input {trigger};"));
            line(format_args!("  output reg [{}:0] {snapshot};", self.nets.max(1) - 1));
            line(format_args!("  always @(posedge {trigger}) begin"));
            for low in (0..self.nets).step_by(WORD) {
                let high = self.nets.min(low + WORD);
                let nets: Vec<String> = (low..high).rev().map(|net| format!("n{net}")).collect();
                let nets = nets.join(", ");
                line(format_args!("    {snapshot}[{}:{low}] = {{{nets}}};", high - 1));
            }
            line(format_args!("  end"));
        }
        text.push_str("endmodule\n");
        Ok(text)
    }
}

fn value(signal: Signal) -> String {
    match signal {
        Signal::Constant(value) => format!("1'b{}", u8::from(value)),
        Signal::Net(net) => format!("n{net}"),
    }
}

/// The name, escaped if it is not a plain identifier.
fn escaped(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("\\{name} ") }
}

#[cfg(test)]
mod tests {
    use super::super::Netlist;
    use super::*;

    #[test]
    fn ports_stay_as_written_and_nets_come_in_words() {
        let text = "module top (a, y, \\odd[0] ); input [1:0] a; output [1:0] y; output \\odd[0] ;
            wire w; INV u0 (.A(a[0]), .Y(w)); INV u1 (.A(w), .Y(\\odd[0] ));
            assign y = { 1'b1, w }; endmodule";
        let flat = Netlist::parse(text).expect("parses").flatten("top").expect("flattens");
        let cells = "library (l) { time_unit : \"1ns\"; capacitive_load_unit (1, pf); cell (INV) {
            pin (A) { direction : input; } pin (Y) { direction : output; function : \"!A\"; } } }";
        let library = Library::parse(cells.as_bytes()).expect("parses");
        let text = flat
            .simulation(&library, Some(Probes { trigger: "go", snapshot: "nets" }))
            .expect("models");
        assert_eq!(
            text,
            "module top (a, y, \\odd[0] , go, nets);\n  input [1:0] a;\n  output [1:0] y;\n  output \\odd[0] ;\n  \
             wire n0;\n  wire n1;\n  wire n2;\n  wire n3;\n  \
             assign n0 = a[0];\n  assign n1 = a[1];\n  \
             assign y[0] = n2;\n  assign y[1] = 1'b1;\n  assign \\odd[0]  = n3;\n  \
             assign n2 = ~n0;\n  assign n3 = ~n2;\n  \
             input go;\n  output reg [3:0] nets;\n  \
             always @(posedge go) begin\n    \
             nets[3:0] = {n3, n2, n1, n0};\n  end\n\
             endmodule\n"
        );
        assert!(!flat.simulation(&library, None).expect("models").contains("go"));
    }
}
