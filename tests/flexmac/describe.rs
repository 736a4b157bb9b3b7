//! `flexmac describe` against what `flexmac gen` accepts, refuses and defaults to.

use crate::support::{Bench, text, words};
use serde_json::Value;

fn parameters(bench: &Bench) -> Vec<Value> {
    let line = bench.run(&["describe", "--json"]);
    assert_eq!(line.lines().count(), 1);
    serde_json::from_str::<Value>(&line).unwrap().as_array().unwrap().clone()
}

fn field<'a>(parameter: &'a Value, name: &str) -> &'a str {
    parameter[name].as_str().unwrap()
}

#[test]
fn text_and_json_say_the_same() {
    let bench = Bench::new();
    let expected: String = parameters(&bench)
        .iter()
        .map(|p| {
            let [name, kind, range, default, meaning] =
                ["name", "kind", "range", "default", "meaning"].map(|key| field(p, key));
            format!("{name}  ({kind}; {range}; default {default})\n    {meaning}\n")
        })
        .collect();
    assert_eq!(bench.run(&["describe"]), expected);
}

#[test]
fn every_parameter_is_in_config_json_and_has_a_flag() {
    let bench = Bench::with_design(&[]);
    let config: Value = serde_json::from_slice(&bench.files("d")["config.json"]).unwrap();
    let config = config["parameters"].as_object().unwrap();
    let help = bench.run(&["gen", "--help"]);
    let described = parameters(&bench);
    assert_eq!(described.len(), config.len());
    for parameter in &described {
        let name = field(parameter, "name");
        let flag = name.replace('_', "-");
        assert!(help.contains(&format!("--{flag}")), "no flag for {name} in:\n{help}");
        // Defaults: what gen writes when it is told nothing.
        let written = match &config[name] {
            Value::Array(list) => {
                list.iter().map(|item| item.as_str().unwrap()).collect::<Vec<_>>().join(",")
            }
            Value::String(word) => word.clone(),
            number => number.to_string(),
        };
        assert_eq!(field(parameter, "default"), written, "{name}");
    }
}

/// Flags that make every value of the parameter's range legal.
fn companions(name: &str) -> &'static str {
    match name {
        "chunk" => "--max-bits 32 --depth 1024",
        "max_bits" => "--chunk 2 --depth 1024",
        "depth" => "--chunk 8 --max-bits 8",
        _ => "",
    }
}

#[test]
fn gen_accepts_the_ends_of_every_range_and_refuses_what_is_beyond() {
    let bench = Bench::new();
    let try_value = |name: &str, value: u64| {
        let flag = format!("--{}", name.replace('_', "-"));
        let line = format!("gen --out d {flag} {value} {}", companions(name));
        let output = bench.command(&words(&line)).output().unwrap();
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let mut checked = 0;
    for parameter in parameters(&bench) {
        let (name, range) = (field(&parameter, "name"), field(&parameter, "range"));
        let range = range.replace("chunk..", "2..");
        let (legal, illegal) = if let Some(part) =
            range.split(", ").find(|part| part.contains("..="))
        {
            let (min, max) = part.split_once("..=").unwrap();
            let (min, max): (u64, u64) = (min.parse().unwrap(), max.parse().unwrap());
            (vec![min, max], vec![min.wrapping_sub(1).min(max + 1), max + 1])
        } else if let Ok(legal) = range.split(", ").map(str::parse).collect::<Result<Vec<u64>, _>>()
        {
            let neighbours = legal.iter().map(|value| value + 1);
            let illegal: Vec<_> = neighbours.filter(|value| !legal.contains(value)).collect();
            (legal, illegal)
        } else {
            continue; // names
        };
        checked += 1;
        for value in legal {
            let (code, error) = try_value(name, value);
            assert_eq!((code, error.as_str()), (0, ""), "{name} = {value}, range {range}");
        }
        for value in illegal {
            let (code, error) = try_value(name, value);
            assert_eq!(code, 2, "{name} = {value}, range {range}");
            let expected = format!("error: gen: 1 illegal parameter:\n  {name}: ");
            assert!(error.starts_with(&expected), "{name} = {value}: {error}");
            assert!(error.ends_with(&format!("found {value}\n")), "{name} = {value}: {error}");
        }
    }
    assert_eq!(checked, 10, "every integer parameter");
}

#[test]
fn named_values_are_the_ones_that_gen_takes() {
    let bench = Bench::new();
    for parameter in parameters(&bench) {
        let flag = match field(&parameter, "name") {
            "rounding" => "--rounding",
            "style" => "--style",
            _ => continue,
        };
        for value in field(&parameter, "range").split(", ") {
            bench.run(&["gen", "--out", "d", flag, value]);
        }
        bench.fail(2, &["gen", "--out", "d", flag, "other"]);
    }
}

/// `flexmac describe | head -1`: a reader that has seen enough is no error.
#[test]
fn a_closed_pipe_is_not_an_error() {
    use std::process::{Command, Stdio};
    for arguments in [&["describe"][..], &["describe", "--json"], &["data", "list"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_flexmac"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}
