//! `flexmac report` from the outside: a run as `flexmac train` writes it, exit codes, JSON.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

fn flexmac(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flexmac"));
    command.args(arguments).current_dir(folder).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn train(folder: &Path, out: &str, engine: &str) {
    let output = flexmac(
        &[
            "train",
            "--net",
            "mlp",
            "--data",
            "synthetic",
            "--engine",
            engine,
            "--batch",
            "4",
            "--iters",
            "5",
            "--eval-every",
            "2",
            "--eval-images",
            "50",
            "--out",
            out,
        ],
        folder,
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// What `flexmac train` writes today is what the page reads.
#[test]
fn a_trained_run_is_shown_with_its_numbers() {
    let folder = TempDir::new().unwrap();
    train(folder.path(), "fixed", "reference");
    let output = flexmac(&["report", "fixed", "--json", "--svg", "plots"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&record["out"], &record["runs"]), (&json!("fixed/report.html"), &json!(["fixed"])));
    for drawing in record["svg"].as_array().unwrap() {
        assert!(folder.path().join(drawing.as_str().unwrap()).is_file(), "{drawing}");
    }
    let page = fs::read_to_string(folder.path().join("fixed/report.html")).unwrap();
    let result = fs::read_to_string(folder.path().join("fixed/result.json")).unwrap();
    let result: Value = serde_json::from_str(&result).unwrap();
    let (_, data) = page.split_once("id=\"flexmac-data\">").unwrap();
    let data: Value = serde_json::from_str(data.split("</script>").next().unwrap()).unwrap();
    let run = &data["runs"][0];
    for part in ["macs", "mac_passes", "tiles", "cycles"] {
        assert_eq!(run["history"]["total"][part], result["total"][part], "{part}");
    }
    assert_eq!(run["result"]["accuracy"], result["accuracy"]);
    assert_eq!(run["history"]["loss"][4], result["loss"]);
}

#[test]
fn several_runs_need_a_place_for_the_page() {
    let folder = TempDir::new().unwrap();
    train(folder.path(), "fixed", "reference");
    train(folder.path(), "float", "float");
    let output = flexmac(&["report", "fixed", "float"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: report: expected --out FILE with several runs";
    assert!(text(&output.stderr).starts_with(expected), "{}", text(&output.stderr));
    let output = flexmac(&["report", "fixed", "float", "--out", "both.html"], folder.path());
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "both.html\n"));
    let page = fs::read_to_string(folder.path().join("both.html")).unwrap();
    assert!(page.contains("2 runs side by side") && page.contains("id=\"all-loss\""));
}

#[test]
fn bad_runs_exit_2_and_write_nothing() {
    let folder = TempDir::new().unwrap();
    let output = flexmac(&["report", "nowhere"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: run nowhere: expected config.json, found no such file";
    assert!(text(&output.stderr).starts_with(expected), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    train(folder.path(), "run", "reference");
    let history = folder.path().join("run/history.jsonl");
    let lines = fs::read_to_string(&history).unwrap();
    let broken: Vec<_> = lines.lines().take(2).chain(["not json"]).collect();
    fs::write(&history, broken.join("\n")).unwrap();
    let output = flexmac(&["report", "run"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let expected = "error: run/history.jsonl, line 3, column 2: expected an iteration of a run: expected ident\n";
    assert_eq!(text(&output.stderr), expected);
    assert!(!folder.path().join("run/report.html").exists());
}
