//! Wave files: written, readable, and refused with a reason.

use std::fs;
use std::path::Path;

use crate::support::{cache, counter};
use verilated::{Model, PowerUp, TraceKind};

fn model(kind: TraceKind) -> Model {
    counter().trace(kind).build(&cache()).unwrap().model(PowerUp::Zeros).unwrap()
}

/// Ten clock cycles, dumped at twice the cycle number.
fn run(model: &mut Model, path: &Path) {
    let input = |name| model.port(name).unwrap().input().unwrap();
    let (clk, rst_n, en) = (input("clk_i"), input("rst_ni"), input("en_i"));
    model.set(en, 1);
    model.trace_open(path).unwrap();
    for step in 0..20 {
        model.set(rst_n, u64::from(step > 1));
        model.set(clk, step % 2);
        model.eval().unwrap();
        model.trace_dump(step).unwrap();
    }
    model.trace_close().unwrap();
}

#[test]
fn vcd_holds_names_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.vcd");
    let mut model = model(TraceKind::Vcd);
    run(&mut model, &path);
    let text = fs::read_to_string(&path).unwrap();
    for part in ["$enddefinitions", "count_o", "\n#0\n", "\n#19\n", "b00001001 "] {
        assert!(text.contains(part), "{part:?} missing in {text}");
    }
    // A second file of the same model, and one closed by dropping it.
    let second = folder.path().join("b.vcd");
    run(&mut model, &second);
    assert!(fs::read_to_string(&second).unwrap().contains("\n#19\n"));
    let third = folder.path().join("c.vcd");
    model.trace_open(&third).unwrap();
    model.trace_dump(5).unwrap();
    drop(model);
    assert!(fs::read_to_string(&third).unwrap().contains("\n#5\n"));
}

#[test]
fn fst_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fst");
    run(&mut model(TraceKind::Fst), &path);
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 300, "{} bytes", bytes.len());
    assert_eq!(bytes[0], 0, "an FST file starts with its header block");
}

#[test]
fn misuse_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.vcd");
    let text = model(TraceKind::None).trace_open(&path).unwrap_err().to_string();
    assert!(text.contains("expected a library built with BuildSpec::trace"), "{text}");

    let mut model = model(TraceKind::Vcd);
    let text = model.trace_dump(0).unwrap_err().to_string();
    assert!(text.contains("call trace_open"), "{text}");
    let nowhere = folder.path().join("missing/a.vcd");
    let text = model.trace_open(&nowhere).unwrap_err().to_string();
    assert!(text.contains("missing/a.vcd") && text.contains("No such file"), "{text}");
    model.trace_open(&path).unwrap();
    assert!(model.trace_open(&path).is_err());
    model.trace_dump(3).unwrap();
    let text = model.trace_dump(3).unwrap_err().to_string();
    assert!(text.contains("expected a time after 3, found 3"), "{text}");
    model.trace_close().unwrap();
    model.trace_close().unwrap();
}
