//! Writes cells as functional Verilog-2005 models for simulation, from their descriptions in the library.
//!
//! Models have no delays and no power pins. Clear and preset of a flip-flop are asynchronous, as in hardware;
//! if both are active, `clear_preset_var1` and `clear_preset_var2` decide. Integrated clock gates, whose
//! `statetable` is a latch, are modelled from the roles of their pins; any other state table is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::function::Function;
use super::{Cell, Library, Pin, State};

/// Why a cell cannot be modelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    /// The cell.
    pub cell: String,
    /// Why, in words.
    pub reason: String,
}

impl Library {
    /// The Verilog module of a cell.
    ///
    /// # Errors
    /// A cell that the library does not have, or whose behaviour is not given by functions, `ff` and
    /// `latch` groups or the pin roles of a clock gate.
    pub fn model(&self, name: &str) -> Result<String, ModelError> {
        let cell = self.cell(name)?;
        let pins: Vec<&Pin> = cell.pins.iter().filter(|pin| pin.direction != "internal").collect();
        let names: Vec<&str> = pins.iter().map(|pin| pin.name.as_str()).collect();
        let mut text = format!("module {name} ({});\n", names.join(", "));
        for pin in &pins {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {} {};", pin.direction, pin.name);
        }
        text.push_str(&self.model_body(name, "", &mut |pin| Some(pin.to_owned()))?);
        text.push_str("endmodule\n");
        Ok(text)
    }

    /// The body of [`Self::model`], to be written in place of an instance. `net` names the net at a pin
    /// (none if it is unconnected); `prefix` makes inner names unique.
    ///
    /// # Errors
    /// As for [`Self::model`], and an unconnected input.
    pub fn model_body(
        &self,
        name: &str,
        prefix: &str,
        net: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<String, ModelError> {
        let cell = self.cell(name)?;
        let mut writer = Writer { cell, prefix, net, text: String::new() };
        match writer.body() {
            Ok(()) => Ok(writer.text),
            Err(reason) => Err(ModelError { cell: name.to_owned(), reason }),
        }
    }

    fn cell(&self, name: &str) -> Result<&Cell, ModelError> {
        self.cells.get(name).ok_or_else(|| ModelError {
            cell: name.to_owned(),
            reason: "not in the library".to_owned(),
        })
    }
}

struct Writer<'a> {
    cell: &'a Cell,
    prefix: &'a str,
    net: &'a mut dyn FnMut(&str) -> Option<String>,
    text: String,
}

impl Writer<'_> {
    fn body(&mut self) -> Result<(), String> {
        let cell = self.cell;
        for pin in &cell.pins {
            if !matches!(pin.direction.as_str(), "input" | "output" | "internal") {
                let (name, found) = (&pin.name, &pin.direction);
                return Err(format!("pin {name} is {found:?}, not input or output"));
            }
        }
        match (cell.clock_gate.as_deref(), cell.states.as_slice()) {
            (Some(kind), []) => self.clock_gate(kind),
            (_, []) if cell.sequential => Err("its state is a table or a bank".to_owned()),
            (_, states) => {
                states.iter().try_for_each(|state| self.state(state))?;
                self.outputs()
            }
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  {line}");
    }

    /// A name inside the cell.
    fn inner(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// State nodes get a prefix, because in Liberty a node and a pin may have the same name.
    fn node(&self, node: &str) -> String {
        self.inner(&format!("state_{node}"))
    }

    fn outputs(&mut self) -> Result<(), String> {
        let cell = self.cell;
        for pin in cell.pins.iter().filter(|pin| pin.direction == "output") {
            if pin.three_state {
                return Err(format!("output {} is three-state", pin.name));
            }
            let function = pin
                .function
                .as_deref()
                .ok_or_else(|| format!("output {} has no function", pin.name))?;
            if let Some(net) = (self.net)(&pin.name) {
                let value = self.expression(function, &pin.name)?;
                self.line(&format!("assign {net} = {value};"));
            }
        }
        Ok(())
    }

    /// A function of this cell as a Verilog expression.
    fn expression(&mut self, function: &str, what: &str) -> Result<String, String> {
        let cell = self.cell;
        let tree = Function::parse(function).map_err(|reason| format!("{what}: {reason}"))?;
        let is_node = |name: &str| cell.states.iter().flat_map(|s| &s.nodes).any(|n| n == name);
        let is_input =
            |name: &str| cell.pins.iter().any(|p| p.name == name && p.direction == "input");
        let mut nets = BTreeMap::new();
        for name in tree.names() {
            let net = if is_node(name) {
                self.node(name)
            } else if is_input(name) {
                (self.net)(name).ok_or_else(|| format!("input {name} is open"))?
            } else {
                return Err(format!("{what}: {name} is no input and no state in {function:?}"));
            };
            nets.insert(name.to_owned(), net);
        }
        Ok(tree.verilog(&mut |name| nets[name].clone()))
    }

    /// The expression of an attribute of a state, if the attribute exists.
    fn attribute(&mut self, state: &State, name: &str) -> Result<Option<String>, String> {
        state.attributes.get(name).map(|function| self.expression(function, name)).transpose()
    }

    fn needed(&mut self, state: &State, name: &str) -> Result<String, String> {
        self.attribute(state, name)?.ok_or_else(|| format!("{name} is missing"))
    }

    /// The name of a condition for an event control: the expression itself if it is a name, else a new wire.
    fn watched(&mut self, name: &str, expression: String) -> String {
        if expression.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return expression;
        }
        let wire = self.inner(name);
        self.line(&format!("wire {wire} = {expression};"));
        wire
    }

    fn state(&mut self, state: &State) -> Result<(), String> {
        let node = self.node(&state.nodes[0]);
        self.line(&format!("reg {node};"));
        let mut forced = Vec::new();
        for (attribute, name, value) in
            [("clear", "clear_on", "1'b0"), ("preset", "preset_on", "1'b1")]
        {
            if let Some(condition) = self.attribute(state, attribute)? {
                forced.push((self.watched(name, condition), value.to_owned()));
            }
        }
        let mut inverse = format!("~{node}");
        let watched: Vec<String> = forced.iter().map(|(condition, _)| condition.clone()).collect();
        if let [clear, preset] = watched.as_slice() {
            let both = format!("({clear} & {preset})");
            let value = contested(state, "clear_preset_var2", &inverse)?;
            inverse = format!("{both} ? {value} : {inverse}");
            forced.insert(0, (both, contested(state, "clear_preset_var1", &node)?));
        }
        if !state.nodes[1].is_empty() {
            let wire = self.node(&state.nodes[1]);
            self.line(&format!("wire {wire} = {inverse};"));
        }
        let (events, assign, last) = if state.latch {
            let (enable, data) = (self.needed(state, "enable")?, self.needed(state, "data_in")?);
            ("*".to_owned(), "=", format!("if ({enable}) {node} = {data};"))
        } else {
            if state.attributes.contains_key("clocked_on_also") {
                return Err("it has a second clock, clocked_on_also".to_owned());
            }
            let clock = self.needed(state, "clocked_on")?;
            let clock = self.watched("clock_on", clock);
            let next = self.needed(state, "next_state")?;
            let events: Vec<String> = [&clock]
                .into_iter()
                .chain(&watched)
                .map(|event| format!("posedge {event}"))
                .collect();
            (events.join(" or "), "<=", format!("{node} <= {next};"))
        };
        let forced: String = forced
            .iter()
            .map(|(condition, value)| format!("if ({condition}) {node} {assign} {value}; else "))
            .collect();
        self.line(&format!("always @({events}) {forced}{last}"));
        Ok(())
    }

    /// A latch that is transparent while the clock is low, followed by an AND.
    fn clock_gate(&mut self, kind: &str) -> Result<(), String> {
        let cell = self.cell;
        let named = |role: &str| {
            let pin = cell.pins.iter().find(|pin| pin.clock_gate_role.as_deref() == Some(role));
            pin.map(|pin| pin.name.as_str())
        };
        let missing = |role: &str| format!("the clock gate has no {role} pin");
        let mut net = |pin: &str| (self.net)(pin).ok_or_else(|| format!("input {pin} is open"));
        let clock = net(named("clock").ok_or_else(|| missing("clock"))?)?;
        let enable = net(named("enable").ok_or_else(|| missing("enable"))?)?;
        let test = named("test").map(&mut net).transpose()?;
        let out = named("out").ok_or_else(|| missing("out"))?;
        let held = self.inner("held");
        let (before, after) = match (kind, test) {
            ("latch_posedge", None) => (enable, held.clone()),
            ("latch_posedge_precontrol", Some(test)) => {
                (format!("{enable} | {test}"), held.clone())
            }
            ("latch_posedge_postcontrol", Some(test)) => (enable, format!("({held} | {test})")),
            _ => return Err(format!("clock gates of kind {kind} are not modelled")),
        };
        self.line(&format!("reg {held};"));
        self.line(&format!("always @* if (~{clock}) {held} = {before};"));
        if let Some(out) = (self.net)(out) {
            self.line(&format!("assign {out} = {clock} & {after};"));
        }
        Ok(())
    }
}

/// The value of a state or its inverse while clear and preset are both active.
fn contested(state: &State, variable: &str, hold: &str) -> Result<String, String> {
    match state.attributes.get(variable).map(String::as_str) {
        Some("L") => Ok("1'b0".to_owned()),
        Some("H") => Ok("1'b1".to_owned()),
        Some("N") => Ok(hold.to_owned()),
        Some("T") => Ok(format!("~{hold}")),
        Some("X") | None => Ok("1'bx".to_owned()),
        Some(other) => Err(format!("{variable}: expected L, H, N, T or X, found {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(cells: &str) -> Library {
        let text =
            format!("library (l) {{ time_unit : \"1ns\"; capacitive_load_unit (1, pf); {cells} }}");
        Library::parse(text.as_bytes()).expect("parses")
    }

    fn model(cell: &str) -> String {
        library(cell).model("C").unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn refusal(cell: &str) -> String {
        library(cell).model("C").expect_err("refused").reason
    }

    #[test]
    fn a_gate_is_its_functions() {
        let text = model(
            "cell (C) { pin (A) { direction : input; } pin (B) { direction : input; }
             pin (YC) { direction : output; function : \"(A B)\"; }
             pin (YS) { direction : output; function : \"A ^ !B\"; } }",
        );
        assert_eq!(
            text,
            "module C (A, B, YC, YS);\n  input A;\n  input B;\n  output YC;\n  output YS;\n  \
             assign YC = (A & B);\n  assign YS = (A ^ ~B);\nendmodule\n"
        );
    }

    #[test]
    fn a_flip_flop_is_clocked_inverted_cleared_and_preset() {
        let text = model(
            "cell (C) { ff (IQ, IQN) { clocked_on : \"!CK\"; next_state : \"D & E + IQ & !E\";
             clear : \"!R\"; preset : \"S\"; clear_preset_var1 : H; clear_preset_var2 : L; }
             pin (CK) { direction : input; } pin (D) { direction : input; }
             pin (E) { direction : input; } pin (R) { direction : input; }
             pin (S) { direction : input; } pin (Q) { direction : output; function : IQ; }
             pin (QN) { direction : output; function : IQN; } }",
        );
        for part in [
            "reg state_IQ;",
            "wire clear_on = ~R;",
            "wire state_IQN = (clear_on & S) ? 1'b0 : ~state_IQ;",
            "wire clock_on = ~CK;",
            "always @(posedge clock_on or posedge clear_on or posedge S) \
             if ((clear_on & S)) state_IQ <= 1'b1; else if (clear_on) state_IQ <= 1'b0; \
             else if (S) state_IQ <= 1'b1; else state_IQ <= ((D & E) | (state_IQ & ~E));",
            "assign Q = state_IQ;",
            "assign QN = state_IQN;",
        ] {
            assert!(text.contains(&format!("  {part}\n")), "{part} in\n{text}");
        }
    }

    #[test]
    fn a_plain_flip_flop_has_one_edge() {
        let text = model(
            "cell (C) { ff (IQN, IQNN) { clocked_on : CLK; next_state : \"!D\"; }
             pin (CLK) { direction : input; } pin (D) { direction : input; }
             pin (QN) { direction : output; function : IQN; } }",
        );
        assert!(text.contains("  always @(posedge CLK) state_IQN <= ~D;\n"), "{text}");
    }

    #[test]
    fn a_latch_follows_while_enabled() {
        let text = model(
            "cell (C) { latch (IQ, IQN) { enable : \"!GN\"; data_in : D; clear : \"!R\"; }
             pin (GN) { direction : input; } pin (D) { direction : input; }
             pin (R) { direction : input; } pin (Q) { direction : output; function : IQ; } }",
        );
        let always = "always @(*) if (clear_on) state_IQ = 1'b0; else if (~GN) state_IQ = D;";
        assert!(text.contains(always), "{text}");
    }

    #[test]
    fn a_clock_gate_is_a_latch_and_an_and() {
        let gate = |kind: &str, test: &str| {
            format!(
                "cell (C) {{ clock_gating_integrated_cell : {kind};
                 statetable (\"CK E\", M) {{ table : \"L L : - : L\"; }}
                 pin (M) {{ direction : internal; }}
                 pin (CK) {{ direction : input; clock_gate_clock_pin : true; }}
                 pin (E) {{ direction : input; clock_gate_enable_pin : true; }} {test}
                 pin (G) {{ direction : output; clock_gate_out_pin : true; }} }}"
            )
        };
        let test = "pin (T) { direction : input; clock_gate_test_pin : true; }";
        let text = model(&gate("latch_posedge", ""));
        assert!(text.contains("always @* if (~CK) held = E;"), "{text}");
        assert!(text.contains("assign G = CK & held;"), "{text}");
        assert!(model(&gate("latch_posedge_precontrol", test)).contains("held = E | T;"));
        assert!(model(&gate("latch_posedge_postcontrol", test)).contains("CK & (held | T);"));
        assert_eq!(
            refusal(&gate("latch_negedge", "")),
            "clock gates of kind latch_negedge are not modelled"
        );
    }

    #[test]
    fn a_body_in_place_takes_the_nets_around_it() {
        let library = library(
            "cell (C) { ff (IQ, IQN) { clocked_on : \"!CK\"; next_state : D; }
             pin (CK) { direction : input; } pin (D) { direction : input; }
             pin (Q) { direction : output; function : IQ; }
             pin (QN) { direction : output; function : IQN; } }",
        );
        let mut nets = |pin: &str| match pin {
            "CK" => Some("n1".to_owned()),
            "D" => Some("1'b0".to_owned()),
            "Q" => Some("n7".to_owned()),
            _ => None,
        };
        assert_eq!(
            library.model_body("C", "u3_", &mut nets).expect("model"),
            "  reg u3_state_IQ;\n  wire u3_state_IQN = ~u3_state_IQ;\n  wire u3_clock_on = ~n1;\n  \
             always @(posedge u3_clock_on) u3_state_IQ <= 1'b0;\n  assign n7 = u3_state_IQ;\n"
        );
        let error = library.model_body("C", "", &mut |_| None).expect_err("open");
        assert_eq!(error.reason, "input CK is open");
    }

    #[test]
    fn what_cannot_be_modelled_is_refused_by_name() {
        let out = |attributes: &str| {
            format!(
                "cell (C) {{ pin (A) {{ direction : input; }}
                 pin (Y) {{ direction : output; {attributes} }} }}"
            )
        };
        assert_eq!(refusal(&out("")), "output Y has no function");
        assert_eq!(refusal(&out("function : A; three_state : A;")), "output Y is three-state");
        assert_eq!(
            refusal(&out("function : \"A & B\";")),
            "Y: B is no input and no state in \"A & B\""
        );
        assert_eq!(
            refusal("cell (C) { statetable (\"A\", M) { table : \"L : - : L\"; } }"),
            "its state is a table or a bank"
        );
        assert_eq!(
            refusal("cell (C) { ff (IQ, IQN) { clocked_on : A; } pin (A) { direction : input; } }"),
            "next_state is missing"
        );
        assert_eq!(
            library("cell (D) { }").model("C").expect_err("absent").reason,
            "not in the library"
        );
    }
}
