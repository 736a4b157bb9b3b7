//! The schema version: written, read back, and refused when it is newer.

use std::fs;
use std::path::{Path, PathBuf};

use flexmac_record::{
    DesignConfig, HistoryReader, IterationRecord, PowerReport, RecordError, RecordFile, RunConfig,
    RunResult, SCHEMA, Schema, SynthReport,
};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

fn v1(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/record/v1")).join(file)
}

/// Each kind of file with one object.
const FILES: [&str; 5] = [
    "run/config.json",
    "run/result.json",
    "design/config.json",
    "synth/report.json",
    "power/power.json",
];

/// Reads a file of the kind of `file` and gives what would be written of it.
fn read_as(file: &str, path: &Path) -> Result<String, RecordError> {
    fn json<T: RecordFile + Serialize>(path: &Path) -> Result<String, RecordError> {
        T::read(path).map(|value| value.to_json().unwrap())
    }
    match file {
        "run/config.json" => json::<RunConfig<Value>>(path),
        "run/result.json" => json::<RunResult>(path),
        "design/config.json" => json::<DesignConfig>(path),
        "synth/report.json" => json::<SynthReport>(path),
        "power/power.json" => json::<PowerReport>(path),
        _ => unreachable!("one of FILES"),
    }
}

/// The committed file with another version.
fn with_schema(file: &str, schema: Value) -> Value {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(v1(file)).unwrap()).unwrap();
    value["schema"] = schema;
    value
}

#[test]
fn a_file_is_written_as_it_was_read() {
    let folder = TempDir::new().unwrap();
    for file in FILES {
        for schema in [1, 2] {
            let path = folder.path().join("file.json");
            let mut given = with_schema(file, json!(schema));
            fs::write(&path, given.to_string()).unwrap();
            // A design of 0.1.0 is written with the parameter that was added since.
            if let Some(parameters) = given.get_mut("parameters") {
                parameters["max_sum_bits"] = json!(88);
            }
            let written: Value = serde_json::from_str(&read_as(file, &path).unwrap()).unwrap();
            assert_eq!(written, given, "{file}");
        }
        // Fields that this version does not know are left alone.
        let mut more = with_schema(file, json!(2));
        more["later"] = json!([1]);
        let path = folder.path().join("more.json");
        fs::write(&path, more.to_string()).unwrap();
        read_as(file, &path).unwrap();
    }
}

#[test]
fn a_newer_file_is_refused_before_its_fields_are() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file.json");
    for file in FILES {
        // Whole, and with nothing that this version would look for.
        for mut newer in [with_schema(file, json!(SCHEMA + 1)), json!({"schema": SCHEMA + 1})] {
            newer["later"] = json!([1]);
            fs::write(&path, newer.to_string()).unwrap();
            let error = read_as(file, &path).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "{}, line 1: schema: expected at most 2, found 3: written by a newer flexmac",
                    path.display()
                )
            );
        }
        for bad in [json!(0), json!(-1), json!("2"), json!(null), json!(1.5)] {
            fs::write(&path, with_schema(file, bad).to_string()).unwrap();
            let error = read_as(file, &path).unwrap_err().to_string();
            assert!(
                error.contains(", line 1, column ") && error.contains("expected the ")
                    || error.contains("expected a"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_history_may_change_its_version_but_not_to_a_newer_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.jsonl");
    let text = fs::read_to_string(v1("run/history.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let with = |line: &str, schema: u64| line.replacen('{', &format!("{{\"schema\":{schema},"), 1);
    let write = |last: u64| {
        let last = with(lines[2], last);
        fs::write(&path, [lines[0], &with(lines[1], 2), &last].join("\n") + "\n").unwrap();
        HistoryReader::open(&path, false).unwrap().collect::<Result<Vec<IterationRecord>, _>>()
    };
    let read = write(2).unwrap();
    let schemas: Vec<_> = read.iter().map(|line| line.schema).collect();
    assert_eq!(schemas, [Schema::FIRST, Schema::CURRENT, Schema::CURRENT]);
    // A line that is written is one that was read, byte for byte.
    assert_eq!(serde_json::to_string(&read[1]).unwrap(), with(lines[1], 2));
    let error = write(3).unwrap_err().to_string();
    let expected = "line 3: schema: expected at most 2, found 3: written by a newer flexmac";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_history_counts_from_0_and_ends_with_a_whole_line() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.jsonl");
    let text = fs::read_to_string(v1("run/history.jsonl")).unwrap();
    let read = |text: &str, unfinished: bool| {
        fs::write(&path, text).unwrap();
        let lines = HistoryReader::open(&path, unfinished).unwrap();
        let count = lines.collect::<Result<Vec<_>, _>>().map(|lines| lines.len());
        count.map_err(|error| error.to_string().replace(&path.display().to_string(), "F"))
    };
    assert_eq!(read(&text, false), Ok(3));
    let cut = &text[..text.len() - 9];
    assert_eq!(read(cut, true), Ok(2));
    assert!(read(cut, false).unwrap_err().starts_with("F, line 3, column "));
    let (_, late) = text.split_once('\n').unwrap();
    assert_eq!(read(late, false).unwrap_err(), "F, line 1: expected iteration 0, found 1");
    let empty = "F: expected at least one iteration, found an empty file";
    assert_eq!(read("", false).unwrap_err(), empty);
    assert_eq!(read("{", true).unwrap_err(), empty);
}
