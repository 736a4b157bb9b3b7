//! The tools behind `--engine rtl`: a cold cache shared by processes, missing and failing tools,
//! waves.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::npy::Matrix;
use crate::support::{Bench, SMALL, diagnostics, one_error, text, words};

const GEMM: &str = "gemm --config d --engine rtl --a a.npy --b b.npy --bits-a 8 --bits-b 8";

/// A design and operands; `cold` is an empty cache.
fn bench() -> Bench {
    let bench = Bench::with_design(&SMALL);
    bench.write("a.npy", &Matrix::new(3, 2, [1, -2, 3, -4, 5, -6]));
    bench.write("b.npy", &Matrix::new(2, 3, [7, 8, 9, -10, -11, -12]));
    bench
}

/// What is left of builds that did not end well.
fn leftovers(cache: &Path) -> Vec<String> {
    let entries = fs::read_dir(cache.join("building")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn two_processes_share_a_cold_cache() {
    let bench = bench();
    let cold = bench.path("cold");
    let processes = ["one.npy", "two.npy"].map(|out| {
        let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_flexmac"));
        process
            .args(words(&format!("{GEMM} --out {out} --json")))
            .current_dir(bench.path(""))
            .env("FLEXMAC_CACHE", &cold)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        process.spawn().unwrap()
    });
    let outputs = processes.map(|process| process.wait_with_output().unwrap());
    for output in &outputs {
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(diagnostics(output), "");
    }
    assert_eq!(text(&outputs[0].stdout), text(&outputs[1].stdout));
    let results = ["one.npy", "two.npy"].map(|name| fs::read(bench.path(name)).unwrap());
    assert_eq!(results[0], results[1]);
    let models = fs::read_dir(&cold).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        fs::read_dir(path).unwrap().any(|file| file.unwrap().file_name() == "manifest.json")
    });
    // The model, and what all models share: Verilator's runtime and its header.
    assert_eq!(models.count(), 3, "built once each");
    assert_eq!(leftovers(&cold), Vec::<String>::new());
    // A cache that is filled is only read.
    let again = bench
        .command(&words(&format!("{GEMM} --out one.npy --json")))
        .env("FLEXMAC_CACHE", &cold)
        .assert()
        .success();
    assert_eq!(text(&again.get_output().stdout), text(&outputs[0].stdout));
}

/// Runs with an empty cache and one variable changed; returns the error.
fn fails_with(variable: &str, value: &str) -> (Bench, String) {
    let bench = bench();
    let output = bench
        .command(&words(&format!("{GEMM} --out c.npy")))
        .env("FLEXMAC_CACHE", bench.path("cold"))
        .env(variable, value)
        .assert()
        .code(2)
        .get_output()
        .clone();
    let error = one_error(&output);
    assert!(!bench.path("c.npy").exists(), "a result without a model");
    assert_eq!(leftovers(&bench.path("cold")), Vec::<String>::new());
    (bench, error)
}

#[test]
fn a_missing_verilator_is_one_readable_error() {
    let (_, error) = fails_with("PATH", "/nowhere");
    assert_eq!(
        error,
        "error: Verilator `verilator` was not found on PATH (/nowhere); install it with: apt-get \
         install verilator (or set VERILATOR to the program)\n"
    );
}

#[test]
fn the_reference_needs_no_tools() {
    let bench = bench();
    let line = format!("{} --out c.npy", GEMM.replace("rtl", "reference"));
    bench.command(&words(&line)).env("PATH", "/nowhere").assert().success();
}

#[test]
fn a_missing_compiler_is_one_readable_error() {
    let (_, error) = fails_with("CXX", "g++-of-another-machine");
    let expected = "error: the C++ compiler `g++-of-another-machine` was not found on PATH (";
    assert!(error.starts_with(expected), "{error}");
    let advice = "; install it with: apt-get install g++ (or set CXX to the program)\n";
    assert!(error.ends_with(advice), "{error}");
}

/// `false` gives no answer when asked for its version.
#[test]
fn a_compiler_that_only_fails_is_one_readable_error() {
    let (_, error) = fails_with("CXX", "false");
    assert!(
        error.starts_with(
            "error: cannot ask for the version or set-up with `false`: expected an answer on \
             standard output, found exit code 1"
        ),
        "{error}"
    );
}

#[test]
fn a_failing_compilation_shows_the_compiler_and_the_log() {
    let (bench, error) = fails_with("CXX", "g++ -fno-such-flag");
    let expected = "error: cannot precompile Verilator's header of `flexmac_core`: g++ failed (exit code \
                    1); full log: ";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains("-fno-such-flag"), "the compiler's own words: {error}");
    let log = error[expected.len()..].lines().next().unwrap();
    assert!(fs::read_to_string(bench.path(log)).unwrap().contains("-fno-such-flag"));
}

#[test]
fn a_failing_verilator_is_one_readable_error() {
    let (_, error) = fails_with("VERILATOR", "false");
    assert!(error.starts_with("error: cannot ask for the version or set-up with `false`"));
}

#[test]
fn verilog_that_does_not_translate_shows_file_and_line() {
    let bench = bench();
    let pe = bench.path("d/rtl/flexmac_pe.v");
    let lines = fs::read_to_string(&pe).unwrap().lines().count();
    fs::write(&pe, fs::read_to_string(&pe).unwrap() + "no such thing\n").unwrap();
    let error = bench.fail(2, &words(&format!("{GEMM} --out c.npy")));
    let expected = "error: cannot translate the Verilog of `flexmac_core`: verilator failed";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains(&format!("flexmac_pe.v:{}:", lines + 1)), "{error}");
}

#[test]
fn a_cache_that_cannot_be_used_is_one_readable_error() {
    let bench = bench();
    let output = bench
        .command(&words(&format!("{GEMM} --out c.npy")))
        .env("FLEXMAC_CACHE", bench.path("a.npy/cache"))
        .assert()
        .code(2)
        .get_output()
        .clone();
    let error = one_error(&output);
    let folder = bench.path("a.npy/cache/locks").display().to_string();
    assert_eq!(
        error,
        format!(
            "error: cannot create {folder} (Not a directory (os error 20)); make it writable, free \
             space, or set FLEXMAC_CACHE to another folder\n"
        )
    );
}

#[test]
fn a_vcd_trace_shows_the_core_from_reset_to_the_last_cycle() {
    let bench = bench();
    bench.run(&words(&format!("{GEMM} --out c.npy --trace x.vcd")));
    let vcd = fs::read_to_string(bench.path("x.vcd")).unwrap();
    for name in ["clk_i", "rst_ni", "op_a_i", "res_data_o", "ctr_busy_o", "u_seq"] {
        assert!(vcd.contains(&format!(" {name} ")), "{name}");
    }
    assert!(vcd.contains("$enddefinitions $end"));
    let times: Vec<u64> = vcd
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|time| time.parse().unwrap())
        .collect();
    assert!(times.is_sorted(), "time runs forward");
    let record = bench.gemm("rtl", &words("--a a.npy --b b.npy --bits-a 8 --bits-b 8")).1;
    let cycles = record["cycles"]["busy"].as_u64().unwrap();
    // Two evaluations a cycle.
    assert!(times.len() as u64 >= 2 * cycles, "{} times for {cycles} cycles", times.len());
}

#[test]
fn an_fst_trace_is_one() {
    let bench = bench();
    let line = format!("{GEMM} --out c.npy --trace x.fst").replace("rtl", "checked");
    bench.run(&words(&line));
    let fst = fs::read(bench.path("x.fst")).unwrap();
    // A header block: type 0, 329 bytes long.
    assert_eq!(fst[..9], [0, 0, 0, 0, 0, 0, 0, 1, 73]);
    assert!(fst.len() > 1000);
}

/// Tracing changes nothing but the file.
#[test]
fn a_traced_product_is_the_same() {
    let bench = bench();
    let args = words("--a a.npy --b b.npy --bits-a 8 --bits-b 8");
    let plain = bench.gemm("rtl", &args);
    assert_eq!(bench.gemm("rtl", &[args, words("--trace x.vcd")].concat()), plain);
}
