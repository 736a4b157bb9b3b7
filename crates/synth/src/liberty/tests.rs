use super::*;

/// Cut from OSU 180 nm, sky130 and IHP: their quoting, spacing and missing semicolons.
const SAMPLE: &str = r#"/*
 delay model : typ
*/
library ("sample") {
  define(drive, cell, string);
  time_unit : "1ns";
  capacitive_load_unit (1,pf);
  operating_conditions ( typical ) {
     voltage : 1.8;
  }
  default_operating_conditions : typical;
  lu_table_template(t) {
    index_1 ("1000.0, 1001.0, \
              1002.0");
  }
cell (BUFX2) {
  cell_footprint : buf;
area : 24;
  pin(A)  {
    direction : input;
    capacitance : 0.00933171;
  }
  pin(Y)  {
    direction : output;
    function : "(A)";
    timing() {
      related_pin : "A";
      cell_rise(t) { values("0.1, 0.2"); }
    }
  }
}
    cell ("clkbuf_1") {
        area : 3.0000000000
        pg_pin ("VGND") { pg_type : "primary_ground"; }
        pin ("X") { direction : "output"; function : "A"; }
        pin ("A") { direction : "input"; capacitance : 0.001; }
    }
    cell ("isobuf_1") {
        area : 1.0;
        is_isolation_cell : "true";
        pin ("A") { direction : "input"; capacitance : 0.001; }
        pin ("X") { direction : "output"; function : "A"; }
    }
    cell (tbuf) {
        area : 1.0;
        pin (A) { direction : input; capacitance : 0.001; }
        pin (X) { direction : output; function : "A"; three_state : "EN'"; }
    }
    cell (tiehi) { area : 7.2576; pin (L_HI) { direction : "output"; function : "1"; } }
    cell (DFF) {
        area : 96;
        ff (IQ, IQN) { next_state : "D"; clocked_on : "CLK"; }
        pin (D) { direction : input; capacitance : 0.001; }
    }
}
"#;

#[test]
fn header_units_and_conditions_are_read() {
    let library = Library::parse(SAMPLE.as_bytes()).expect("parses");
    assert_eq!(library.name, "sample");
    assert_eq!(library.time_unit_ps, 1e3);
    assert_eq!(library.capacitance_unit_ff, 1e3);
    assert_eq!(library.operating_conditions.as_deref(), Some("typical"));
    assert_eq!(library.cells.len(), 6);
}

#[test]
fn cells_are_told_apart() {
    let library = Library::parse(SAMPLE.as_bytes()).expect("parses");
    assert_eq!(library.cells["BUFX2"].area_um2, Some(24.0));
    assert_eq!(library.cells["clkbuf_1"].area_um2, Some(3.0));
    assert!(library.cells["DFF"].sequential);
    assert!(!library.cells["BUFX2"].sequential);
    assert_eq!(library.excluded(), ["isobuf_1"]);
}

#[test]
fn tie_cell_and_buffer_are_found_by_function() {
    let library = Library::parse(SAMPLE.as_bytes()).expect("parses");
    assert_eq!(library.tie(true), Some(("tiehi", "L_HI")));
    assert_eq!(library.tie(false), None);
    let (buffer, load_ff) = library.buffer().expect("a buffer");
    assert_eq!(buffer, "BUFX2");
    assert!((load_ff - 9.33171).abs() < 1e-9);
}

#[test]
fn the_simplest_flip_flop_is_found_with_a_clear_where_all_have_one() {
    let flip_flop = |name: &str, area: u32, clear: &str, pins: &[&str]| {
        let pins: String = [&["C", "D"], pins]
            .concat()
            .iter()
            .map(|pin| format!("pin ({pin}) {{ direction : input; }}"))
            .collect();
        format!(
            "cell ({name}) {{ area : {area}; \
             ff (IQ, IQN) {{ next_state : \"D\"; clocked_on : \"C\"; {clear} }} {pins} \
             pin (Q) {{ direction : output; function : \"IQ\"; }} }}"
        )
    };
    let cleared = flip_flop("cleared", 2, "clear : \"!R\";", &["R"]);
    let enabled = flip_flop("enabled", 1, "", &["E"]);
    let plain = flip_flop("plain", 3, "", &[]);
    let found = |cells: &str| {
        let head = "library (l) { time_unit : \"1ns\"; capacitive_load_unit (1,pf);";
        let library = Library::parse(format!("{head} {cells} }}").as_bytes()).unwrap();
        library.flip_flop().map(|f| (f.cell.to_owned(), f.clock.to_owned(), f.data.to_owned()))
    };
    let named = |cell: &str| Some((cell.to_owned(), "C".to_owned(), "D".to_owned()));
    assert_eq!(found(&format!("{cleared} {enabled} {plain}")), named("plain"));
    assert_eq!(found(&format!("{enabled} {cleared}")), named("cleared"));
    assert_eq!(found(&enabled), None);
}

#[test]
fn excluded_cells_leave_the_text() {
    let library = Library::parse(SAMPLE.as_bytes()).expect("parses");
    let text = library.without_excluded(SAMPLE.as_bytes());
    let again = Library::parse(&text).expect("still parses");
    assert!(again.excluded().is_empty());
    assert_eq!(again.cells.len(), library.cells.len() - 1);
}

#[test]
fn units_other_than_nanoseconds() {
    assert_eq!(time_ps("1ps"), Some(1.0));
    assert_eq!(time_ps("10 ps"), Some(10.0));
    assert_eq!(time_ps("0.1ns"), Some(100.0));
    assert_eq!(time_ps("1"), None);
    assert_eq!(time_ps("-1ns"), None);
    assert_eq!(time_ps("1volt"), None);
}

#[test]
fn malformed_text_names_a_line() {
    for (text, line, expected) in [
        ("", 1, "library (name) {"),
        ("module m; endmodule", 1, "':' or '(' after module"),
        ("library (a) {\n  time_unit : \"1ns\";\n", 3, "a closing brace"),
        ("library (a) {\n time_unit : \"1parsec\";\n}", 2, "time_unit such as 1ns or 1ps"),
        ("library (a) {\n}\n", 1, "time_unit in the library"),
        ("library (a) {\n x : \"open\n", 2, "the end of a string"),
        ("library (a) {\n /* open\n", 2, "the end of a comment"),
        ("library (a) {\n cell (b) { area : lots; }\n}", 2, "a number of 0 or more for area"),
        ("library (a) {\n x (b\n", 2, "')'"),
        ("}", 1, "a group"),
        ("library (a) {}\n{", 2, "a name"),
    ] {
        let error = Library::parse(text.as_bytes()).expect_err(text);
        assert_eq!((error.line, error.expected.as_str()), (line, expected), "{text:?}");
    }
}

#[test]
fn any_prefix_and_any_damaged_byte_give_a_result_not_a_panic() {
    let bytes = SAMPLE.as_bytes();
    for end in 0..bytes.len() {
        let _ = Library::parse(&bytes[..end]);
        let mut damaged = bytes.to_vec();
        for replacement in [b'"', b'{', b'}', b'(', b'\\', 0xff] {
            damaged[end] = replacement;
            let _ = Library::parse(&damaged);
        }
    }
}
