//! Run folders that are missing something, malformed or contradictory: one error that names the
//! file, and the line where there is one.

use std::fs;

use crate::support::{CONFIG, HISTORY, RESULT, fixture, write_run};
use flexmac_report::{Run, read_synth};
use tempfile::TempDir;

/// The error of a run whose files are these, without the folder's name.
fn refuse(files: [&str; 3]) -> String {
    let folder = TempDir::new().unwrap();
    let run = write_run(folder.path(), "run", files);
    let error = Run::read(&run, false).unwrap_err().to_string();
    error.replace(&run.display().to_string(), "RUN")
}

/// The error of the committed run with one line of its history changed.
fn refuse_history(line: usize, from: &str, to: &str) -> String {
    let edit = |(index, text): (usize, &str)| {
        let changed = text.replacen(from, to, 1);
        assert!(index + 1 != line || changed != text, "{from} is in line {line}");
        (if index + 1 == line { changed } else { text.to_owned() }) + "\n"
    };
    let history: String = HISTORY.lines().enumerate().map(edit).collect();
    refuse([CONFIG, &history, RESULT])
}

#[test]
fn missing_files_are_named() {
    for file in ["config.json", "history.jsonl", "result.json"] {
        let (_folder, run) = fixture();
        fs::remove_file(run.join(file)).unwrap();
        let error = Run::read(&run, false).unwrap_err().to_string();
        assert_eq!(error, format!("run {}: expected {file}, found no such file", run.display()));
    }
    let error = Run::read("/no/such/folder".as_ref(), true).unwrap_err().to_string();
    assert_eq!(error, "run /no/such/folder: expected config.json, found no such file");
}

#[test]
fn malformed_lines_are_named() {
    let cases = [
        (3, "\"loss\":1.8", "\"lost\":1.8", "line 3, column ", "missing field `loss`"),
        (2, "\"loss\":2.1", "\"loss\":null", "line 2, column ", "invalid type: null, expected f64"),
        (6, "{", "[", "line 6, column ", ""),
        (
            1,
            "\"role\":\"forward\"",
            "\"role\":\"fore\"",
            "line 1, column ",
            "unknown variant `fore`",
        ),
        (4, "\"macs\":80", "\"macs\":-80", "line 4, column ", "integer `-80`, expected u64"),
        (5, "\"loss\":1.25e-7", "\"loss\":1e999", "line 5, column ", "number out of range"),
    ];
    for (line, from, to, place, message) in cases {
        let error = refuse_history(line, from, to);
        assert!(error.starts_with(&format!("RUN/history.jsonl, {place}")), "{error}");
        assert!(error.contains(message) && !error.contains(" at line "), "{error}");
    }
}

#[test]
fn impossible_values_are_named() {
    let cases = [
        (3, "\"iteration\":2", "\"iteration\":1", "expected iteration 2, found 1"),
        (
            3,
            "\"accuracy\":0.625",
            "\"accuracy\":62.5",
            "expected an accuracy from 0 to 1, found 62.5",
        ),
        (4, "\"bits\":16", "\"bits\":64", "tensor data: a width of 2 to 32 bits, found 64"),
        (
            2,
            "\"name\":\"ip1.bias\"",
            "\"name\":\"b\"",
            "tensor \"ip1.bias\" as on the first line, found \"b\"",
        ),
        (2, "\"tensors\":[", "\"tensors\":[],\"x\":[", "4 tensors as on the first line, found 0"),
        (2, "\"macs\":80", "\"macs\":18446744073709551600", "counts whose sum fits 64 bits"),
    ];
    for (line, from, to, message) in cases {
        let error = refuse_history(line, from, to);
        assert!(error.starts_with(&format!("RUN/history.jsonl, line {line}: ")), "{error}");
        assert!(error.contains(message), "{error}");
    }
    let empty = refuse([CONFIG, "", RESULT]);
    assert_eq!(empty, "RUN/history.jsonl: expected at least one iteration, found an empty file");
}

#[test]
fn configuration_and_result_are_checked() {
    let cut = &CONFIG[..CONFIG.len() / 2];
    let error = refuse([cut, HISTORY, RESULT]);
    assert!(error.starts_with("RUN/config.json, line ") && error.contains("EOF"), "{error}");
    let error = refuse([&CONFIG.replacen("\"default\": true", "\"given\": 1", 1), HISTORY, RESULT]);
    // At the end of the setting that lacks it.
    let line = CONFIG.lines().position(|line| line.contains("\"lr\"")).unwrap() + 4;
    let place = format!("RUN/config.json, line {line}, column 5: expected the settings of a run");
    assert_eq!(error, format!("{place}: missing field `default`"));
    let error = refuse([CONFIG, HISTORY, "{}"]);
    assert_eq!(
        error,
        "RUN/result.json, line 1, column 2: expected the result of a run: missing field `iterations`"
    );

    let shorter: String = HISTORY.lines().take(5).map(|line| format!("{line}\n")).collect();
    let error = refuse([CONFIG, &shorter, RESULT]);
    let expected = "RUN/result.json, line 2: expected iterations 5 as in history.jsonl, found 6";
    assert_eq!(error, expected);
    let error = refuse([CONFIG, HISTORY, &RESULT.replacen("0.3333", "0.4444", 1)]);
    assert!(error.starts_with("RUN/result.json, line 4: expected loss 0.333"), "{error}");
    let error = refuse([CONFIG, HISTORY, &RESULT.replacen("0.8125", "0.9", 1)]);
    assert!(error.contains("line 6: expected accuracy 0.8125 as in history.jsonl"), "{error}");
}

#[test]
fn a_killed_run_is_shown_on_request_only() {
    let cut = &HISTORY[..HISTORY.len() - 40];
    let folder = TempDir::new().unwrap();
    let run = write_run(folder.path(), "run", [CONFIG, cut, RESULT]);
    fs::remove_file(run.join("result.json")).unwrap();
    let error = Run::read(&run, false).unwrap_err().to_string();
    assert!(error.ends_with("expected result.json, found no such file"), "{error}");
    let read = Run::read(&run, true).unwrap();
    assert_eq!((read.history.iteration.len(), read.result), (5, None));
}

#[test]
fn a_synthesis_report_is_checked() {
    let folder = TempDir::new().unwrap();
    let error = read_synth(folder.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("read {}/report.json", folder.path().display()));
    let file = folder.path().join("report.json");
    fs::write(&file, "{\n\"top\": 5}").unwrap();
    let error = read_synth(&file).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}, line 2, column ", file.display())), "{error}");
}
