//! `flexmac gemm` on arrays of styles bf16 and fp8: float32 operands are rounded to the array's formats first.

use std::fs;

use ndarray::Array2;
use serde_json::Value;

use crate::npy;
use crate::support::{Bench, text, words};

const SIZE: &str = "--rows 2 --cols 2 --lanes 2 --depth 16 --max-k 9";

fn bench(style: &str) -> Bench {
    Bench::with_design(&format!("--style {style} {SIZE}").split(' ').collect::<Vec<_>>())
}

fn write(bench: &Bench, name: &str, shape: (usize, usize), values: &[f32]) {
    let matrix = Array2::from_shape_vec(shape, values.to_vec()).unwrap();
    npy::write_matrix(&bench.path(name), matrix.view()).unwrap();
}

const LINE: &str = "gemm --config d --a a.npy --b b.npy --out c.npy";

/// Numbers that formats treat differently, one a row, times 1.
const NUMBERS: [f32; 6] = [0.3, 500.0, f32::INFINITY, f32::NAN, 1.0, -0.0];

/// Runs it on every engine; returns the results, the same for all, and the record.
fn rounded(bench: &Bench, flags: &str) -> (Vec<f32>, Value) {
    let mut found: Option<(Vec<u32>, Value)> = None;
    for engine in ["reference", "rtl", "checked"] {
        let line = format!("{LINE} {flags} --engine {engine} --json");
        let mut record: Value = serde_json::from_str(&bench.run(&words(&line))).unwrap();
        let c = npy::read_float_matrix(&bench.path("c.npy")).unwrap();
        let bits = c.iter().map(|value| value.to_bits()).collect();
        record["engine"].take();
        record["tiles_checked"].take();
        let (expected, same) = found.get_or_insert((bits, record.clone()));
        let c: Vec<_> = c.iter().map(|value| value.to_bits()).collect();
        assert_eq!((&c, &record), (&*expected, &*same), "{engine} {flags}");
    }
    let (bits, record) = found.unwrap();
    (bits.into_iter().map(f32::from_bits).collect(), record)
}

#[test]
fn operands_are_rounded_to_the_formats_of_the_array() {
    let infinity = f32::INFINITY;
    let nan = f32::from_bits(0x7fc0_0000);
    for (style, flags, expected, changed) in [
        ("bf16", "", [0.300_781_25, 500.0, infinity, nan, 1.0, 0.0], 1),
        ("fp8", "", [0.3125, nan, nan, nan, 1.0, 0.0], 3),
        ("fp8", "--format-a e4m3 --saturate", [0.3125, 448.0, 448.0, nan, 1.0, 0.0], 3),
        ("fp8", "--format-a e5m2", [0.3125, 512.0, infinity, nan, 1.0, 0.0], 2),
        ("fp8", "--format-a e5m2 --saturate", [0.3125, 512.0, 57344.0, nan, 1.0, 0.0], 3),
    ] {
        let bench = bench(style);
        write(&bench, "a.npy", (6, 1), &NUMBERS);
        write(&bench, "b.npy", (1, 1), &[1.0]);
        let (found, record) = rounded(&bench, flags);
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.to_bits(), expected.to_bits(), "{style} {flags}: {found}");
        }
        assert_eq!((&record["rounded_a"], &record["rounded_b"]), (&changed.into(), &0.into()));
        let format = if style == "bf16" { "bf16" } else { "e4m3" };
        assert_eq!(record["format_b"], format);
        let said =
            bench.command(&words(&format!("{LINE} {flags} --engine reference"))).output().unwrap();
        let note = format!("{changed} elements of A are no numbers of");
        assert!(text(&said.stderr).contains(&note), "{}", text(&said.stderr));
    }
}

/// Both operands of both formats, in both layouts, with a bias: RTL and reference agree, and whole numbers are exact.
#[test]
fn sums_are_those_of_the_rtl_in_every_layout() {
    for (style, flags) in [
        ("bf16", ""),
        ("fp8", "--format-a e5m2"),
        ("fp8", "--format-b e5m2"),
        ("fp8", "--format-a e5m2 --format-b e5m2"),
    ] {
        let bench = bench(style);
        let whole = |count: usize, step: usize| -> Vec<f32> {
            (0..count).map(|index| [1.0, -2.0, 3.0, 0.5, -1.5, 4.0][index * step % 6]).collect()
        };
        let (a, b) = (whole(5 * 19, 5), whole(19 * 7, 1));
        write(&bench, "a.npy", (5, 19), &a);
        write(&bench, "b.npy", (19, 7), &b);
        write(&bench, "bias.npy", (1, 7), &[0.25; 7]);
        for layout in ["as-given", "fastest"] {
            let flags = format!("{flags} --bias bias.npy --layout {layout}");
            let (found, record) = rounded(&bench, &flags);
            for (index, found) in found.iter().enumerate() {
                let (m, n) = (index / 7, index % 7);
                let sum: f32 = (0..19).map(|k| a[m * 19 + k] * b[k * 7 + n]).sum();
                assert_eq!(*found, sum + 0.25, "{style} {flags} C[{m},{n}]");
            }
            assert_eq!(record["counters"]["emitted"], 35);
        }
    }
}

#[test]
fn flags_of_other_arrays_are_refused() {
    let bench = bench("bf16");
    write(&bench, "a.npy", (1, 1), &[1.0]);
    write(&bench, "b.npy", (1, 1), &[1.0]);
    for (flags, error) in [
        (
            "--format-a e4m3",
            "gemm: --format-a: expected bf16 on an array of style bf16, found e4m3",
        ),
        (
            "--format-b fp32",
            "gemm: --format-b: expected bf16 on an array of style bf16, found fp32",
        ),
        ("--format-a fp16", "expected fp32, bf16, e4m3 or e5m2, found \"fp16\""),
        ("--bits-a 8", "gemm: --bits-a: expected no flags of integers with an array of style bf16"),
    ] {
        let said = bench.fail(2, &words(&format!("{LINE} {flags}")));
        assert!(said.contains(error), "{said}");
    }
    let bench = Bench::with_design(&["--rows", "1", "--cols", "1"]);
    write(&bench, "a.npy", (1, 1), &[1.0]);
    write(&bench, "b.npy", (1, 1), &[1.0]);
    let said = bench.fail(2, &words(&format!("{LINE} --format-a e4m3 --saturate")));
    let error =
        "gemm: --format-a, --saturate: expected no flags of floats with an array of style flex";
    assert!(said.contains(error), "{said}");
    assert!(fs::metadata(bench.path("c.npy")).is_err());
}
