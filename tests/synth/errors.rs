//! What goes wrong, and whether the message says what, where and what to try.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flexmac_synth::{Error, SynthConfig, Target, run};

fn verilog(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("design.v");
    fs::write(&path, text).expect("write");
    path
}

const COUNTER: &str = "module counter(input clk_i, input rst_ni, output reg [3:0] count_o);
  always @(posedge clk_i) if (!rst_ni) count_o <= 4'd0; else count_o <= count_o + 4'd1;
endmodule
";

fn fails(config: &SynthConfig) -> Error {
    let error = run(config, &mut |_| {}).expect_err("must fail");
    assert!(!config.out_dir.join("report.json").exists());
    error
}

#[test]
fn a_syntax_error_names_the_given_file_and_line() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source =
        verilog(dir.path(), "module counter(input clk_i);\nwire x = foo bar;\nendmodule\n");
    let config =
        SynthConfig::new("counter", Target::Generic, dir.path().join("out")).sources([&source]);
    let error = fails(&config);
    assert!(matches!(error, Error::ToolFailed { tool: "yosys", .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains(&format!("{}:2: ERROR: syntax error", source.display())), "{message}");
    assert!(message.contains("exit code 1"), "{message}");
    assert!(message.contains("yosys.log"), "{message}");
}

#[test]
fn an_unknown_top_is_named() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(dir.path(), COUNTER);
    let config =
        SynthConfig::new("nope", Target::Generic, dir.path().join("out")).sources([source]);
    let message = fails(&config).to_string();
    assert!(message.contains("Module `nope' not found"), "{message}");
}

#[test]
fn a_missing_source_is_named() {
    let dir = tempfile::tempdir().expect("temp dir");
    let config =
        SynthConfig::new("m", Target::Generic, dir.path().join("out")).sources(["/no/such.v"]);
    let error = fails(&config);
    assert_eq!(error.to_string(), "cannot read /no/such.v");
}

#[test]
fn a_wrong_clock_port_fails_although_opensta_exits_with_0() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(dir.path(), COUNTER);
    let out = dir.path().join("out");
    let mut config = SynthConfig::new("counter", Target::default_liberty(), out).sources([source]);
    config.clock = "clock".to_owned();
    let error = fails(&config);
    assert!(matches!(&error, Error::ToolFailed { tool: "sta", .. }), "{error}");
    assert!(error.to_string().ends_with("Error: counter has no clock port clock"), "{error}");
}

#[test]
fn a_design_without_registers_has_no_clock_period() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(
        dir.path(),
        "module gate(input clk_i, input a, output y); assign y = ~a; endmodule\n",
    );
    let config = SynthConfig::new("gate", Target::default_liberty(), dir.path().join("out"))
        .sources([source]);
    let message = fails(&config).to_string();
    assert!(message.contains("sta.log"), "{message}");
}

#[test]
fn a_missing_library_says_where_and_what_to_install() {
    let dir = tempfile::tempdir().expect("temp dir");
    let target = Target::Liberty { path: "/no/such.lib".into() };
    let config = SynthConfig::new("m", target, dir.path().join("out")).sources(["m.v"]);
    let error = fails(&config);
    assert!(matches!(error, Error::MissingLibrary { .. }), "{error}");
    let message = error.to_string();
    assert!(message.starts_with("no cell library at /no/such.lib; "), "{message}");
    assert!(message.contains("apt-get install qflow-tech-osu018"), "{message}");
}

#[test]
fn a_file_that_is_no_library_names_file_and_line() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(dir.path(), COUNTER);
    let config = SynthConfig::new(
        "counter",
        Target::Liberty { path: source.clone() },
        dir.path().join("out"),
    )
    .sources([&source]);
    let error = fails(&config);
    assert_eq!(
        error.to_string(),
        format!(
            "{}:1: expected ':' or '(' after module, found counter(input clk_i, input rst_ni, output reg [3:0] count_o);",
            source.display()
        )
    );
}

#[test]
fn a_damaged_archive_is_an_error() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("cells.lib.gz");
    fs::write(&path, [0x1f, 0x8b, 8, 0, 0, 0, 0]).expect("write");
    let config =
        SynthConfig::new("m", Target::Liberty { path: path.clone() }, dir.path().join("out"))
            .sources(["m.v"]);
    assert_eq!(fails(&config).to_string(), format!("cannot decompress {}", path.display()));
}

#[test]
fn a_library_without_flip_flops_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(dir.path(), COUNTER);
    let library = dir.path().join("tiny.lib");
    fs::write(
        &library,
        "library (tiny) {\n  time_unit : \"1ns\";\n  capacitive_load_unit (1, pf);\n  cell (INV) {\n    area : 1;\n    pin (A) { direction : input; capacitance : 0.001; }\n    pin (Y) { direction : output; function : \"A'\"; }\n  }\n}\n",
    )
    .expect("write");
    let config =
        SynthConfig::new("counter", Target::Liberty { path: library }, dir.path().join("out"))
            .sources([source]);
    let error = fails(&config);
    assert!(matches!(error, Error::ToolFailed { tool: "yosys", .. }), "{error}");
}

#[test]
fn an_old_report_does_not_survive_a_failed_run() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(dir.path(), COUNTER);
    let mut config = SynthConfig::new("counter", Target::Generic, dir.path()).sources([source]);
    run(&config, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    assert!(dir.path().join("report.json").is_file());
    config.top = "nope".to_owned();
    fails(&config);
}

#[test]
fn a_folder_in_use_is_not_shared() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(dir.path(), COUNTER);
    let lock = fs::File::create(dir.path().join(".lock")).expect("create");
    lock.lock().expect("lock");
    let config = SynthConfig::new("counter", Target::Generic, dir.path()).sources([source]);
    assert!(matches!(fails(&config), Error::Busy { .. }));
}

#[test]
fn a_tool_past_its_time_limit_is_stopped() {
    let dir = tempfile::tempdir().expect("temp dir");
    let source = verilog(dir.path(), COUNTER);
    let mut config =
        SynthConfig::new("counter", Target::Generic, dir.path().join("out")).sources([source]);
    config.timeout = Duration::from_millis(1);
    assert!(matches!(fails(&config), Error::Timeout { tool: "yosys", .. }));
}

/// Set in the child process of the test below, whose PATH is empty.
const CHILD: &str = "FLEXMAC_SYNTH_EMPTY_PATH";

#[test]
fn a_missing_tool_is_named_with_its_package() {
    if std::env::var_os(CHILD).is_some() {
        let dir = tempfile::tempdir().expect("temp dir");
        let config =
            SynthConfig::new("m", Target::Generic, dir.path().join("out")).sources(["m.v"]);
        let error = fails(&config);
        assert!(matches!(error, Error::MissingTool { tool: "yosys", .. }), "{error}");
        let message = error.to_string();
        assert_eq!(message, "yosys not found in PATH (); install it with: apt-get install yosys");
        assert!(!config.out_dir.exists(), "nothing is written before the tools are found");
        return;
    }
    let output = Command::new(std::env::current_exe().expect("test binary"))
        .args(["--exact", "errors::a_missing_tool_is_named_with_its_package"])
        .env("PATH", "")
        .env(CHILD, "1")
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
