//! `flexmac verify`: sound designs pass each step; each kind of fault is found by the step it is of.

use std::fs;

use crate::support::faults;
use crate::support::{Bench, diagnostics, text, words};
use serde_json::Value;

fn design(flags: &str) -> Bench {
    Bench::with_design(&flags.split_whitespace().collect::<Vec<_>>())
}

/// Exit code, output and diagnostics.
fn verify(bench: &Bench, flags: &str) -> (Option<i32>, String, String) {
    let output = bench.command(&words(&format!("verify --config d {flags}"))).output().unwrap();
    (output.status.code(), text(&output.stdout), diagnostics(&output))
}

const ODD: &str = "--rows 3 --cols 2 --lanes 3 --chunk 2 --max-bits 6 --max-k 40 --depth 64";

#[test]
fn sound_designs_pass() {
    for flags in [
        ODD,
        "--rows 1 --cols 1 --lanes 1 --chunk 2 --max-bits 2 --max-k 1 --stages 1 --depth 1",
        "--style fixed --rows 2 --cols 1 --lanes 2 --max-bits 8 --max-k 50 --depth 32",
        "--style fp32 --rows 1 --cols 2 --lanes 2 --stages 2 --max-k 20 --depth 16",
        "--style fp8 --rows 2 --cols 1 --lanes 2 --stages 6 --max-k 20 --depth 16",
    ] {
        let bench = design(flags);
        let (code, output, errors) = verify(&bench, "--only lint,exhaustive,random --json");
        assert_eq!(code, Some(0), "{flags}: {output}{errors}");
        let answers: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let steps: Vec<_> = answers.iter().map(|answer| answer["step"].as_str().unwrap()).collect();
        assert_eq!(steps, ["lint", "exhaustive", "random"], "{flags}");
        assert!(answers.iter().all(|answer| answer["passed"] == true), "{flags}: {output}");
    }
}

#[test]
fn faulty_rtl_is_found() {
    for (fault, expected) in [
        (faults::RANDOM_BITS, "differing results: C["),
        (faults::NO_ERRORS, "results agree, counters differ"),
        (faults::NO_CAPTURE, "no progress for"),
    ] {
        let bench = design(ODD);
        faults::seed(&bench.path("d"), "verify", fault);
        let (code, output, errors) = verify(&bench, "--only exhaustive,random");
        assert_eq!(code, Some(1), "{expected}: {output}{errors}");
        assert!(output.contains("FAIL d  exhaustive") && output.contains(expected), "{output}");
        assert!(output.contains("of --seed 1, --cases "), "{output}");
        let failed = "verify: failed: exhaustive of d, random of d";
        assert!(errors.contains(failed), "{errors}");
    }
}

#[test]
fn what_a_tool_says_fails_the_lint() {
    let bench = design(ODD);
    let file = bench.path("d/rtl/flexmac_counter.v");
    let sound = fs::read_to_string(&file).unwrap();
    fs::write(&file, sound.replace("\nendmodule", "\n  wire left_over;\nendmodule")).unwrap();
    let (code, output, _) = verify(&bench, "--only lint,random --cases 3");
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("FAIL d  lint") && output.contains("left_over"), "{output}");
    assert!(output.contains("ok   d  random"), "{output}");
    fs::write(&file, sound).unwrap();

    let mut command = bench.command(&words("verify --config d --only lint"));
    let error = diagnostics(&command.env("PATH", "/nowhere").output().unwrap());
    assert!(error.contains("verilator is not on PATH; apt-get install verilator"), "{error}");
    for (line, expected) in [
        ("verify", "--config <DIR>"),
        ("verify --config nowhere", "--config nowhere: read nowhere"),
        ("verify --config d --only speed", "[possible values: lint, exhaustive, random, proofs]"),
        ("verify --supported --name none", "--name: expected one of one, one-chunk2,"),
    ] {
        let error = bench.fail(2, &words(line));
        assert!(error.contains(expected), "{expected}, found: {error}");
    }
    let output = bench.run(&words("verify --supported --name nearest --only lint"));
    assert!(output.starts_with("ok   nearest  lint"), "{output}");
}

/// More than 1024 PEs: a column, and the design with columns of ports only.
#[test]
fn large_designs_are_linted_in_two_parts() {
    for (flags, files) in [
        (
            "--rows 33 --cols 32 --lanes 1 --chunk 2 --max-bits 2 --max-k 8 --depth 8",
            ["pe", "padded"],
        ),
        (
            "--style fixed --rows 128 --cols 9 --lanes 1 --max-bits 2 --max-k 8 --depth 8",
            ["column", "array"],
        ),
    ] {
        let bench = design(flags);
        let (code, output, errors) = verify(&bench, "--only lint");
        assert_eq!(code, Some(0), "{output}{errors}");
        assert!(output.contains(", in two parts: "), "{output}");
        for file in files {
            let path = bench.path(&format!("d/rtl/flexmac_{file}.v"));
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\nendmodule", "\nwire nobody = 1'b0;\nendmodule"))
                .unwrap();
            let (code, output, _) = verify(&bench, "--only lint");
            assert_eq!(code, Some(1), "{file}: {output}");
            assert!(output.contains("nobody"), "{file}: {output}");
            fs::write(&path, text).unwrap();
        }
    }
}

#[test]
fn rules_of_cells_are_proven_from_the_files_of_the_design() {
    let bench = design("--style fp32 --rows 1 --cols 1 --lanes 1 --stages 1 --max-k 8 --depth 8");
    let (code, output, errors) = verify(&bench, "--only proofs");
    assert_eq!(code, Some(0), "{output}{errors}");
    assert!(output.contains("ok   d  proofs") && output.contains(" hold, 0 fail"), "{output}");
    faults::seed(&bench.path("d"), "verify", ["flexmac_counter.v", "stops at its end"]);
    let (code, output, errors) = verify(&bench, "--only proofs");
    assert_eq!(code, Some(1), "{output}{errors}");
    assert!(
        output.contains("FAIL d  proofs") && output.contains("flexmac_counter WIDTH=8"),
        "{output}"
    );
}
