//! What users read when something is missing or wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{cache, child, counter, is_child, text};
use verilated::{BuildSpec, Cache, Error, PowerUp};

/// Error of building `spec` in a fresh cache.
fn message(spec: &BuildSpec) -> String {
    let root = tempfile::tempdir().unwrap();
    spec.build(&Cache::at(root.path()).unwrap()).unwrap_err().to_string()
}

/// Runs the calling test again with `variable` set, and returns what it prints.
fn in_environment(name: &str, variables: &[(&str, &str)]) -> Option<String> {
    if is_child() {
        println!("{}", message(&counter()));
        return None;
    }
    let mut command = child(&format!("errors::{name}"), |command| {
        command.envs(variables.iter().copied());
    });
    Some(text(command.output().unwrap()))
}

#[test]
fn missing_verilator() {
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    let Some(out) = in_environment("missing_verilator", &[("PATH", path), ("VERILATOR", "")])
    else {
        return;
    };
    assert!(out.contains("Verilator `verilator` was not found on PATH"), "{out}");
    assert!(out.contains("apt-get install verilator") && out.contains(path), "{out}");
}

#[test]
fn missing_compiler() {
    let Some(out) = in_environment("missing_compiler", &[("CXX", "no-such-g++")]) else { return };
    assert!(out.contains("the C++ compiler `no-such-g++` was not found on PATH"), "{out}");
    assert!(out.contains("apt-get install g++"), "{out}");
}

#[test]
fn wrong_verilog_is_shown_with_its_line() {
    let bad = "module bad (input a_i, output y_o);\n  assign y_o = a_i &;\nendmodule\n";
    let root = tempfile::tempdir().unwrap();
    let error = BuildSpec::new("bad")
        .source("bad.v", bad)
        .build(&Cache::at(root.path()).unwrap())
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot translate the Verilog of `bad`: "), "{text}");
    assert!(text.contains("%Error: bad.v:2:"), "{text}");
    let Error::ToolFailed { log, .. } = error else { panic!("{text}") };
    assert!(text.contains(log.to_str().unwrap()));
    assert!(fs::read_to_string(log).unwrap().contains("--top-module bad"));
}

#[test]
fn sources_must_be_declared() {
    let folder = tempfile::tempdir().unwrap();
    let header = folder.path().join("outside.vh");
    fs::write(&header, "").unwrap();
    let text = format!("`include \"{}\"\nmodule m; endmodule\n", header.display());
    let found = message(&BuildSpec::new("m").source("m.v", text));
    assert!(found.contains("outside.vh, which is not a source of the build"), "{found}");
}

#[test]
fn unsupported_ports_are_named() {
    let text = "module m (input [3:0] a_i [2], output y_o); assign y_o = a_i[0][0]; endmodule";
    let found = message(&BuildSpec::new("m").source("m.sv", text));
    assert!(found.contains("a_i") && found.contains("flatten unpacked array ports"), "{found}");
}

#[test]
fn an_unusable_cache_is_one_readable_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let text = counter().build(&Cache::at(file.join("cache")).unwrap()).unwrap_err().to_string();
    assert!(text.starts_with("cannot create "), "{text}");
    assert!(text.contains("file/cache") && text.contains("use another cache folder"), "{text}");

    // Root may write anywhere, so this half only bites for others.
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(locked.join("probe"), "").is_err() {
        let text = counter().build(&Cache::at(&locked).unwrap()).unwrap_err().to_string();
        assert!(
            text.contains("ermission denied") && text.contains("another cache folder"),
            "{text}"
        );
    }
}

#[test]
fn a_simulation_that_stops_is_an_error_and_stays_one() {
    let text = "\
module m (input clk_i, input stop_i, input finish_i);
  always @(posedge clk_i)
    if (stop_i) $stop;
    else if (finish_i) $finish;
endmodule
";
    let library =
        BuildSpec::new("m").source("m.v", text).cxx_flags(["-O1"]).build(&cache()).unwrap();
    let input = |name| library.port(name).unwrap().input().unwrap();
    let (clk, stop, finish) = (input("clk_i"), input("stop_i"), input("finish_i"));
    let mut model = library.model(PowerUp::Zeros).unwrap();
    let mut other = library.model(PowerUp::Zeros).unwrap();
    model.eval().unwrap();
    model.set(clk, 1);
    model.set(finish, 1);
    other.eval().unwrap();
    model.eval().unwrap();
    assert!(model.finished() && !other.finished());
    model.set(clk, 0);
    model.eval().unwrap();
    model.set(clk, 1);
    model.set(stop, 1);
    let first = model.eval().unwrap_err().to_string();
    assert!(first.contains("cannot evaluate `m`: m.v:3: Verilog $stop"), "{first}");
    assert_eq!(model.eval().unwrap_err().to_string(), first);
    other.eval().unwrap();
    other.finish().unwrap();
}
