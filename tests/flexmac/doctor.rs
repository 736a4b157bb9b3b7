//! `flexmac doctor` on a PATH that holds what a test puts there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;

use crate::support::{Bench, one_error, text};

/// Programs that print a line and end with a code.
fn bench(tools: &[(&str, &str, u8)]) -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path("bin")).unwrap();
    for (name, line, code) in tools {
        let path = bench.path(&format!("bin/{name}"));
        fs::write(&path, format!("#!/bin/sh\necho '{line}'\nexit {code}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    bench
}

fn doctor(bench: &Bench, arguments: &[&str], code: i32) -> Output {
    bench
        .command(&[&["doctor"], arguments].concat())
        .env("PATH", bench.path("bin"))
        .env("FLEXMAC_DATA", bench.path("data"))
        .env_remove("CXX")
        .env_remove("VERILATOR")
        .assert()
        .code(code)
        .get_output()
        .clone()
}

/// The diagnosis stays on standard output when something is missing; the error says what.
fn error(output: &Output) -> String {
    text(&output.stderr).trim_end().to_owned()
}

fn finding<'a>(report: &'a Value, name: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn tools_are_ready_broken_missing_and_not_tried() {
    let bench = bench(&[
        ("yosys", "Yosys 0.23 (git sha1 7ce5011c24b)", 0),
        ("sta", "9.9.9", 0),
        ("verilator", "Verilator 5.006 2023-01-22", 0),
        ("g++", "cannot load", 1),
    ]);
    let output = doctor(&bench, &["--json"], 0);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let facts = |name: &str| {
        let found = finding(&report, name);
        (found["status"].as_str().unwrap().to_owned(), found["is_tried"].as_bool().unwrap())
    };
    assert_eq!(facts("yosys"), ("ready".to_owned(), true));
    assert_eq!(facts("sta"), ("ready".to_owned(), false));
    assert_eq!(facts("g++"), ("broken".to_owned(), false));
    assert_eq!(facts("z3"), ("missing".to_owned(), false));
    assert_eq!(facts("mnist"), ("missing".to_owned(), false));
    assert_eq!(facts("synthetic"), ("ready".to_owned(), true));
    assert_eq!(finding(&report, "sta")["install"], "apt-get install opensta");
    assert_eq!(report["missing"], Value::Array(vec![]));

    let shown = text(&doctor(&bench, &[], 0).stdout);
    assert!(shown.contains("z3             missing  z3 is not on PATH\n"), "{shown}");
    assert!(shown.contains("not tried; tested with 2.0.17, 3.1.0\n"), "{shown}");
    assert!(shown.contains("get it with: flexmac data fetch mnist"), "{shown}");
}

#[test]
fn what_is_asked_for_must_be_there() {
    let bench = bench(&[("verilator", "Verilator 5.006", 0), ("g++", "cannot load", 1)]);
    let output = doctor(&bench, &["--for", "gemm", "--json"], 2);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["missing"], serde_json::json!(["g++"]));
    assert_eq!(error(&output), "error: doctor: gemm needs g++ (broken): apt-get install g++");

    doctor(&bench, &["--for", "report"], 0);
    let mnist = error(&doctor(&bench, &["--for", "mnist", "--for", "report"], 2));
    assert!(mnist.contains("mnist (missing): flexmac data fetch mnist"), "{mnist}");
    let unknown = one_error(&doctor(&bench, &["--for", "gems"], 2));
    assert!(unknown.contains("expected one of check, "), "{unknown}");
    assert!(unknown.contains("found \"gems\""), "{unknown}");
}

#[test]
fn a_variable_names_another_program() {
    let bench = bench(&[("my-verilator", "Verilator 5.049 devel", 0)]);
    let output = bench
        .command(&["doctor", "--json"])
        .env("PATH", bench.path("bin"))
        .env("VERILATOR", "my-verilator")
        .assert()
        .success();
    let report: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(finding(&report, "verilator")["found"], "Verilator 5.049 devel");
}
