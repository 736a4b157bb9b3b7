//! Names that flags had in 0.1.0: accepted with a note, and shown nowhere.

use crate::support::{Bench, text, words};

/// A command that takes a former name: it says so, and does what it does by today's name.
fn accepts(bench: &Bench, line: &str, former: &str, name: &str) {
    let output = bench.command(&words(line)).output().unwrap();
    let said = text(&output.stderr);
    let note = format!(
        "note: {former} is now {name}; the former name will be refused in the next release\n"
    );
    assert!(output.status.success() && said.starts_with(&note), "{line}: {said}");
    let command = line.split_once(' ').unwrap().0;
    let help = bench.run(&[command, "--help"]);
    assert!(!help.contains(&format!("{former} ")), "{former} in:\n{help}");
    assert!(help.contains(&format!("{name} <")), "no {name} in:\n{help}");
}

#[test]
fn rounding_modes_of_gen() {
    let bench = Bench::new();
    bench.run(&words("gen --rounding nearest,truncate --out new"));
    accepts(
        &bench,
        "gen --rounding-modes nearest,truncate --out d",
        "--rounding-modes",
        "--rounding",
    );
    accepts(
        &bench,
        "gen --rounding-modes=nearest,truncate --out e",
        "--rounding-modes",
        "--rounding",
    );
    assert_eq!(bench.files("d"), bench.files("new"));
    assert_eq!(bench.files("e"), bench.files("new"));
}

const TRAIN: &str = "train --net mlp --data synthetic --iters 1 --batch 4 --eval-images 10";

#[test]
fn rounding_of_train() {
    let bench = Bench::new();
    let quiet = |line: &str| bench.command(&words(line)).assert().success().get_output().clone();
    quiet(&format!("{TRAIN} --round nearest --forward-round truncate --out new"));
    let line = format!("{TRAIN} --rounding nearest --forward-round truncate --out a");
    accepts(&bench, &line, "--rounding", "--round");
    let line = format!("{TRAIN} --round nearest --forward-rounding truncate --out b");
    accepts(&bench, &line, "--forward-rounding", "--forward-round");
    let config = |run: &str| text(&bench.files(run)["config.json"]);
    assert_eq!((config("a"), config("b")), (config("new"), config("new")));
    // The file keeps the names that it has had since 0.1.0.
    assert!(
        config("new").contains("\"forward-rounding\"") && config("new").contains("\"rounding\"")
    );

    // A flag that contradicts the run is named as it is now.
    let error = bench.fail(2, &words("train --resume --out a --round stochastic"));
    assert!(error.contains("--round: expected \"nearest\", found \"stochastic\""), "{error}");
}

/// What both refuse for the same reason, by the names of today.
#[test]
fn flags_of_headline() {
    let bench = Bench::new();
    for (line, former, name) in [
        ("headline nowhere --libraries x", "--libraries", "--library"),
        ("headline nowhere --baseline-widths 8x8", "--baseline-widths", "--baseline-bits"),
    ] {
        let output = bench.command(&words(line)).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("note: {former} is now {name};")), "{said}");
        assert!(said.contains("\nerror: headline: "), "{said}");
    }
}
