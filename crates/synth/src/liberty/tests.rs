use super::*;

/// Excerpts from OSU 180 nm, sky130 and IHP, with their quoting, spacing and missing semicolons.
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
    let (_, text) = Library::read(SAMPLE.as_bytes()).expect("parses");
    let again = Library::parse(text.as_bytes()).expect("still parses");
    assert!(again.excluded().is_empty());
    assert_eq!(again.cells.len(), library.cells.len() - 1);
}

#[test]
fn malformed_text_names_a_line() {
    for (text, line, expected) in [
        ("", 1, "library (name) {"),
        ("module m; endmodule", 1, "':' or '(' after module"),
        ("library (a) {\n  time_unit : \"1ns\";\n", 3, "a closing brace"),
        ("library (a) {\n time_unit : \"1parsec\";\n}", 2, "time_unit of 1ps, 10ps, 100ps or 1ns"),
        ("library (a) {\n}\n", 1, "capacitive_load_unit in the library"),
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

fn canonical(text: &str) -> String {
    Library::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error:?}")).1
}

/// A library with one cell, from the text of its header and the text of the cell.
fn one_cell(header: &str, cell: &str) -> String {
    format!(
        "library (l) {{ capacitive_load_unit (1, pf); {header}\n cell (C) {{ area : 2; {cell} \
         pin (Y) {{ direction : output; function : \"A\"; }} }} }}"
    )
}

#[test]
fn what_is_written_reads_as_the_same_library() {
    let (library, text) = Library::read(SAMPLE.as_bytes()).expect("parses");
    let (mut again, same) = Library::read(text.as_bytes()).expect("parses");
    assert_eq!(text, same, "canonical text stays as it is");
    again.cells.insert("isobuf_1".to_owned(), library.cells["isobuf_1"].clone());
    assert_eq!(again, library);
}

#[test]
fn the_canonical_text_has_one_spelling() {
    let text = canonical(
        "library(\"l\") { /* made\n by hand */ technology (cmos) ;
          nom_voltage : 1.8 ; time_unit : \"1000ps\"; capacitive_load_unit(0.001,pf)
          leakage_power_unit : 1000pW; default_operating_conditions : slow;
          define(drive, cell, string);
          operating_conditions (slow) { voltage : 1.62 ; }
          input_voltage (cmos) { vil : 0.3 * VDD; }
          cell (C) { area : 20 + 4 // um2
            dont_use : false; dont_touch : \"false\"; pad_cell : false;
            pg_pin (VDD) { pg_type : primary_power; voltage_name : VDD; }
            ff (IQ, IQN) { clocked_on : CK; next_state : A & !B; clear : !RN; }
            pin (A, B) { direction : input; capacitance : 0.01 /* pf */ ; related_power_pin : VDD; }
            pin(VSS) { direction : inout; pg_type : primary_ground; }
            pin (\"Y[0]\") { direction : output; function : \"(!(A \\\n B))\";
              timing () { related_pin : \"A B\"; cell_rise (t) { values (\"1, \\\n 2\"); } } }
          } }",
    );
    let expected = "library (l) {
  time_unit : \"1ns\";
  capacitive_load_unit (1, ff);
  leakage_power_unit : \"1nW\";
  technology (cmos);
  nom_voltage : 1.8;
  define (drive, cell, string);
  operating_conditions (slow) {
    voltage : 1.62;
  }
  input_voltage (cmos) {
    vil : 0.3 * VDD;
  }
  cell (C) {
    area : 24;
    ff (IQ, IQN) {
      clocked_on : CK;
      next_state : \"A & !B\";
      clear : \"!RN\";
    }
    pin (A) {
      direction : input;
      capacitance : 0.01;
    }
    pin (B) {
      direction : input;
      capacitance : 0.01;
    }
    pin (\"Y[0]\") {
      direction : output;
      function : \"(!(A  B))\";
      timing () {
        related_pin : \"A B\";
        cell_rise (t) {
          values (\"1,  2\");
        }
      }
    }
  }
  default_operating_conditions : slow;
}
";
    assert_eq!(text, expected);
}

#[test]
fn an_escape_in_a_name_stays() {
    let default = r#"default_operating_conditions : "a\"b";"#;
    let header = format!(r#"operating_conditions ("a\"b") {{ voltage : 1.8; }} {default}"#);
    let text = canonical(&one_cell(&header, ""));
    assert!(text.contains(default), "{text}");
    assert_eq!(canonical(&text), text);
}

#[test]
fn no_time_unit_is_one_nanosecond_and_said() {
    let library = Library::parse(one_cell("", "").as_bytes()).expect("parses");
    assert_eq!(library.time_unit_ps, 1e3);
    assert_eq!(library.notes, ["the library states no time_unit: 1ns, Liberty's default"]);
}

#[test]
fn several_conditions_without_a_default_give_the_nominal_ones() {
    let slow = "operating_conditions (slow) { process : 1.5; temperature : 125; voltage : 1.62; }";
    let typical = "operating_conditions (typ) { process : 1; temperature : 25; voltage : 1.8; }";
    let nominal = "nom_process : 1; nom_temperature : 25; nom_voltage : 1.8;";
    let chosen = |header: &str| {
        let library = Library::parse(one_cell(header, "").as_bytes()).expect("parses");
        (library.operating_conditions, library.notes.len())
    };
    let typ = Some("typ".to_owned());
    assert_eq!(chosen(&format!("{nominal} {slow} {typical}")), (typ.clone(), 2));
    assert_eq!(chosen(&format!("{slow} {typical} {nominal}")), (typ, 2));
    assert_eq!(chosen(&format!("{slow} {typical} nom_voltage : 1.7;")), (None, 2));
    assert_eq!(chosen(&format!("{nominal} {slow}")), (Some("slow".to_owned()), 1));
    let default = "default_operating_conditions : slow;";
    assert_eq!(chosen(&format!("{default} {slow} {typical}")), (Some("slow".to_owned()), 1));
    let unknown = format!("default_operating_conditions : fast;\n {slow} {typical}");
    let error = Library::parse(one_cell(&unknown, "").as_bytes()).expect_err("unknown");
    assert_eq!(error.expected, "default_operating_conditions of a group: slow, typ");
}

#[test]
fn cells_that_the_tools_cannot_map_to_are_left_out_with_a_reason() {
    let supplies = "nom_voltage : 1.8; voltage_map (HV, 3.3); voltage_map (VDD, 1.8);";
    for (header, cell, reason) in [
        ("", "bus (D) { bus_type : b8; pin (D[7:0]) { direction : input; } }", "bus D on line 2"),
        ("", "bundle (D) { members (D0, D1); }", "bundle D on line 2"),
        ("", "ff_bank (IQ, IQN, 4) { clocked_on : CK; }", "ff_bank on line 2"),
        ("", "dont_use : true;", "dont_use on line 2"),
        (
            supplies,
            "pg_pin (P) { voltage_name : HV; pg_type : primary_power; }",
            "supply HV of 3.3 V in a library of 1.8 V",
        ),
    ] {
        let (library, text) = Library::read(one_cell(header, cell).as_bytes()).expect("parses");
        assert_eq!(library.excluded(), ["C"], "{cell}");
        assert_eq!(library.cells["C"].reasons, [reason]);
        assert!(!text.contains("cell (C)"), "{text}");
    }
    for cell in [
        "dont_use : false;",
        "pg_pin (P) { voltage_name : VDD; pg_type : primary_power; }",
        "pg_pin (P) { voltage_name : HV; pg_type : backup_power; }",
    ] {
        let library = Library::parse(one_cell(supplies, cell).as_bytes()).expect("parses");
        assert!(library.excluded().is_empty(), "{cell}");
    }
}

#[test]
fn what_changes_results_and_is_not_handled_is_refused_with_its_line() {
    for (header, cell, line, expected) in [
        ("delay_model : polynomial;", "", 1, "delay_model : table_lookup, the one"),
        ("\ninclude_file (\"cells.inc\");", "", 2, "a library in one file"),
        ("\ntime_unit : \"1us\";", "", 2, "time_unit of 1ps, 10ps, 100ps or 1ns"),
        ("cell (C) { area : 1; }", "", 2, "unique cell names; C is on line 1"),
        ("voltage_unit : \"1furlong\";", "", 1, "voltage_unit such as 1V, 10mV"),
        ("", "pin (A) { capacitance : 1 + ; }", 2, "a number before"),
    ] {
        let error = Library::parse(one_cell(header, cell).as_bytes()).expect_err(header);
        assert_eq!(error.line, line, "{error:?}");
        assert!(error.expected.starts_with(expected), "{error:?}");
    }
}
