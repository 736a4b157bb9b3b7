//! A 1 x 1 core from generation to energy on OSU 180 nm, and a netlist with a fault.

use std::fs;

use crate::support::npy::{Matrix, encode_as};
use crate::support::{Bench, text, words};
use serde_json::Value;

/// One PE, one lane, two planes an operand.
const ONE: [&str; 18] = [
    "--rows",
    "1",
    "--cols",
    "1",
    "--lanes",
    "1",
    "--chunk",
    "8",
    "--max-bits",
    "16",
    "--max-k",
    "64",
    "--stages",
    "1",
    "--depth",
    "128",
    "--rounding",
    "nearest",
];

/// Random 16-bit integers; the largest decide the scale of every mode.
fn random(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 48) as i64 - 32_768
    };
    let values: Vec<i64> = (0..rows * cols).map(|_| next()).collect();
    Matrix::new(rows, cols, values)
}

fn power(bench: &Bench, flags: &str) -> Value {
    let line = format!("power --config d --netlist s --out p --json {flags}");
    let output = bench.command(&words(&line)).assert().success().get_output().clone();
    serde_json::from_str(&text(&output.stdout)).expect("one JSON record")
}

fn number(case: &Value, path: &str) -> f64 {
    let found = case.pointer(path).unwrap_or_else(|| panic!("{path} in {case}"));
    found.as_f64().unwrap_or_else(|| panic!("{path}: {found}"))
}

/// OSU 180 nm with a clock gate whose output changes within `transition` ns, and is never loaded.
fn with_clock_gate(transition: &str) -> String {
    let osu = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";
    let text = fs::read_to_string(osu).expect("qflow-tech-osu018");
    let end = text.rfind('}').expect("end of the library");
    let arc = ["rise", "fall"].map(|edge| {
        format!(
            "cell_{edge} (scalar) {{ values (\"0.1\"); }}
             {edge}_transition (scalar) {{ values (\"{transition}\"); }}"
        )
    });
    format!(
        "{}cell (ICG) {{ area : 200; clock_gating_integrated_cell : latch_posedge;
           pin (CK) {{ direction : input; clock_gate_clock_pin : true; capacitance : 0.01; }}
           pin (EN) {{ direction : input; clock_gate_enable_pin : true; capacitance : 0.01; }}
           pin (GCK) {{ direction : output; clock_gate_out_pin : true; function : \"CK\";
             timing () {{ related_pin : CK; timing_sense : positive_unate; {} }} }} }} }}",
        &text[..end],
        arc.concat()
    )
}

/// Before layout a gate drives more than it could, so the slew behind it is nothing to count with.
#[test]
fn slews_behind_clock_gates_do_not_reach_the_flip_flops() {
    let bench = Bench::with_design(&ONE);
    bench.write("a.npy", &random(4, 48, 1));
    bench.write("b.npy", &random(48, 4, 2));
    let internal = ["0.05", "3.0"].map(|transition| {
        fs::write(bench.path("gated.lib"), with_clock_gate(transition)).expect("writes");
        let synth = bench.command(&words("synth --config d --liberty gated.lib --out s --json"));
        { synth }.assert().success();
        let report = power(&bench, "--a a.npy --b b.npy --modes 8x8");
        assert!(report["clock_gates"]["gated"].as_u64() > Some(50), "{report}");
        assert!(report["cases"][0]["held_back_pj"].as_f64() > Some(0.0), "{report}");
        number(&report["cases"][0], "/sequential/internal_pj")
    });
    assert_eq!(internal[0], internal[1]);
}

#[test]
fn a_small_core_from_rtl_to_energy() {
    let bench = Bench::with_design(&ONE);
    let synth = bench.command(&words("synth --config d --out s --json"));
    { synth }.assert().success();
    bench.write("a.npy", &random(4, 48, 1));
    bench.write("b.npy", &random(48, 4, 2));
    bench.write("zeros-a.npy", &Matrix::filled(4, 48, 0));
    bench.write("zeros-b.npy", &Matrix::filled(48, 4, 0));

    let report = power(&bench, "--a a.npy --b b.npy --modes 8x8,16x16");
    let cases = report["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 2);
    for case in cases {
        assert!(number(case, "/cells/internal_pj") > 0.0, "{case}");
        assert!(number(case, "/cells/switching_pj") > 0.0, "{case}");
        assert!(number(case, "/cells/leakage_pj") > 0.0, "{case}");
        assert!(number(case, "/clock_tree_pj") > 0.0 && number(case, "/memory_pj") > 0.0);
        let total = |group: &str| {
            ["internal_pj", "switching_pj", "leakage_pj"]
                .iter()
                .map(|cause| number(case, &format!("/{group}/{cause}")))
                .sum::<f64>()
        };
        let sum = total("sequential") + total("combinational");
        assert!((sum / total("cells") - 1.0).abs() < 1e-9, "{case}");
        assert!(case["samples"][0]["tiles_checked"].as_u64() > Some(0), "{case}");
    }
    let ratio = number(&cases[1], "/mac_pj") / number(&cases[0], "/mac_pj");
    assert!((3.2..4.8).contains(&ratio), "four passes for one, but {ratio} times the energy");

    let still = power(&bench, "--a zeros-a.npy --b zeros-b.npy --modes 8x8");
    let (still, busy) = (&still["cases"][0], &cases[0]);
    for group in ["/combinational/switching_pj", "/combinational/internal_pj"] {
        assert!(number(still, group) < 0.5 * number(busy, group), "{group}: {still} {busy}");
    }

    // What can be refused is, before anything runs.
    bench.run(&words("gen --rows 2 --cols 1 --out other"));
    fs::write(bench.path("file"), "").expect("writes");
    let nan = [1.0, f32::NAN].map(f32::to_le_bytes).concat();
    fs::write(bench.path("nan.npy"), encode_as(1, "<f4", false, "(1, 2)", &nan)).expect("writes");
    let before = bench.files("");
    let operands = "--a a.npy --b b.npy --modes 8x8";
    for (flags, expected) in [
        (
            format!("--config other {operands} --out q"),
            "--netlist s: s: expected a finished synthesis of 2x1 ",
        ),
        (format!("--config d {operands} --out file"), "power: --out file: "),
        (
            format!("--config d {operands} --out q --period-ps 0"),
            "--period-ps: expected a number above 0",
        ),
        (
            "--config d --a nan.npy --b b.npy --out q".into(),
            "nan.npy: expected finite numbers, found NaN",
        ),
    ] {
        let error = bench.command(&words(&format!("power --netlist s {flags}"))).assert().code(2);
        let error = text(&error.get_output().stderr);
        assert!(error.contains(expected), "{error}");
        assert!(bench.files("") == before, "{flags}");
    }

    // One gate for another: the comparison must see it, and its command must replay it.
    let netlist = bench.path("s/netlist.v");
    let good = fs::read_to_string(&netlist).expect("netlist");
    let at = good.find("module flexmac_pe").or_else(|| good.find("\\flexmac_pe ")).expect("a PE");
    let gate = at + good[at..].find("  NAND2X1 ").expect("a NAND gate in the PE");
    let broken = good[..gate].to_owned() + &good[gate..].replacen("NAND2X1", "NOR2X1", 1);
    fs::write(&netlist, broken).expect("writes");
    let line =
        "power --config d --netlist s --out p --check-only --a a.npy --b b.npy --modes 16x16";
    let output = bench.command(&words(line)).assert().code(1).get_output().clone();
    let error = text(&output.stderr);
    assert!(error.contains("tile ") || error.contains("differ"), "{error}");
    let replay = error.split("flexmac gemm ").nth(1).unwrap_or_else(|| panic!("{error}"));
    let replay = format!("gemm {}", replay.lines().next().expect("a line"));
    let output = bench.command(&words(&replay)).assert().code(1).get_output().clone();
    assert!(text(&output.stderr).contains("differ"), "{}", text(&output.stderr));
}
