//! A mismatch leaves waves of the tile that differs, and says what is in them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::support::faults::{self, Fault};
use crate::support::npy::{Dtype, Matrix};
use crate::support::oracle::Random;
use crate::support::{Bench, ODD, diagnostics, words};
use fst_reader::{FstFilter, FstHierarchyEntry, FstReader, FstSignalValue};

/// Rounds to the wrong side of exact halves.
const WRONG_ROUNDING: Fault = ["flexmac_requant.v", "nearest constant short"];

/// A broken design, and a product of (7, 13) x (13, 11) that sees it.
fn broken(flags: &[&str], fault: Fault) -> Bench {
    let bench = Bench::with_design(flags);
    faults::seed(&bench.path("d"), "waves", fault);
    write_operands(&bench, (7, 13, 11));
    bench
}

fn write_operands(bench: &Bench, (m, k, n): (usize, usize, usize)) {
    let mut random = Random::new(11);
    bench.write("a.npy", &random.matrix(m, k, 8));
    bench.write("b.npy", &random.matrix(k, n, 8));
}

const GEMM: &str =
    "gemm --config d --a a.npy --b b.npy --bits-a 8 --bits-b 8 --shift 1 --out c.npy";

/// The report of a mismatch: one error, and no word of the models that are built for it.
fn report(bench: &Bench, command: &str) -> String {
    bench.fail(1, &words(command))
}

/// The line of a report that starts with `label`, without it.
fn line<'a>(report: &'a str, label: &str) -> &'a str {
    let found = report.lines().find_map(|line| line.trim_start().strip_prefix(label));
    found.unwrap_or_else(|| panic!("no line {label:?} in:\n{report}")).trim()
}

/// The last number of a text.
fn last_number(text: &str) -> u64 {
    text.rsplit(|c: char| !c.is_ascii_digit())
        .find(|part| !part.is_empty())
        .unwrap()
        .parse()
        .unwrap()
}

/// Every signal of the core's pins, as the waves have it at `time`, bits from the top down; and the
/// last time in them.
fn pins(file: &Path, time: u64) -> (BTreeMap<String, String>, u64) {
    let mut waves = FstReader::open(BufReader::new(File::open(file).unwrap())).unwrap();
    let (mut scopes, mut names) = (Vec::new(), BTreeMap::new());
    waves
        .read_hierarchy(|entry| match entry {
            FstHierarchyEntry::Scope { name, .. } => scopes.push(name),
            FstHierarchyEntry::UpScope => drop(scopes.pop()),
            FstHierarchyEntry::Var { name, handle, .. }
                if scopes.last().is_some_and(|scope| scope == "flexmac_core") =>
            {
                let name = name.split_whitespace().next().unwrap().to_owned();
                names.entry(handle.get_index()).or_insert_with(Vec::new).push(name);
            }
            _ => {}
        })
        .unwrap();
    let mut values = BTreeMap::new();
    waves
        .read_signals(&FstFilter::all(), |at, handle, value| {
            if let (FstSignalValue::String(bits), true) = (value, at <= time) {
                for name in names.get(&handle.get_index()).into_iter().flatten() {
                    values.insert(name.clone(), String::from_utf8(bits.to_vec()).unwrap());
                }
            }
            Ok::<_, std::io::Error>(())
        })
        .unwrap();
    (values, waves.get_header().end_time)
}

/// The 32-bit word of a column of the result pins.
fn result(pins: &BTreeMap<String, String>, column: usize) -> i32 {
    let bits = &pins["res_data_o"];
    let high = bits.len() - 32 * (column + 1);
    u32::from_str_radix(&bits[high..high + 32], 2).unwrap() as i32
}

/// The report's wrong result is on the pins when the report says.
fn assert_shown(bench: &Bench, report: &str, file: &str) {
    let shown = line(report, "waves ");
    let place = line(report, "first of ").split_once(": C[").unwrap().1;
    let (at, tile) = place.split_once("], ").unwrap();
    let column = last_number(tile) as usize;
    let tile = tile.split_once(" row").unwrap().0;
    let prefix = format!("{file}: {tile} alone, which differs too: C[{at}] leaves the array in");
    assert!(shown.starts_with(&prefix), "{prefix}\n{report}");
    let time = last_number(shown);
    assert!(shown.ends_with(&format!("clock cycle {}, at time {time}", time / 2)), "{shown}");
    let (pins, end) = pins(&bench.path(file), time);
    assert!(end > time, "the waves go on");
    assert_eq!(
        (pins["res_valid_o"].as_str(), pins["res_ready_i"].as_str()),
        ("1", "1"),
        "{report}"
    );
    assert_eq!(pins["clk_i"], "0", "taken at the rising edge after");
    let found = line(report, "found ").split_whitespace().nth(1).unwrap();
    // `raw 12` of integers, `bits 0000000c` of floats.
    let raw = match line(report, "found ").starts_with("bits") {
        true => u32::from_str_radix(found, 16).unwrap() as i32,
        false => found.parse().unwrap(),
    };
    assert_eq!(result(&pins, column), raw, "{report}");
}

#[test]
fn the_wrong_result_is_on_the_pins_when_the_report_says() {
    let one = "--rows 1 --cols 1 --lanes 1 --chunk 8 --max-bits 8 --max-k 16 --depth 16";
    let odd = "--rows 3 --cols 5 --lanes 3 --chunk 2 --max-bits 8 --max-k 50 --depth 64";
    for flags in [one, odd, &ODD.join(" ")] {
        let flags: Vec<_> = flags.split_whitespace().collect();
        let bench = broken(&flags, WRONG_ROUNDING);
        for more in ["", " --layout fastest", " --threads 1"] {
            let report = report(&bench, &format!("{GEMM}{more}"));
            assert_shown(&bench, &report, "c.mismatch.fst");
            // The same command again: over what the first one left.
            assert!(!bench.path("c.mismatch.part.fst").exists(), "a staged file");
        }
    }
}

#[test]
fn a_wrong_float_is_shown_too() {
    let bench = Bench::with_design(&["--rows", "2", "--cols", "3", "--style", "fp32"]);
    let fault = ["flexmac_float_edge.v", "last bit of a sum inverted"];
    faults::seed(&bench.path("d"), "waves", fault);
    let floats = |name: &str, rows: usize, cols: usize| {
        let matrix = Matrix::new(rows, cols, (0..(rows * cols) as i64).map(|i| i - 3));
        bench.write_as(name, &matrix, Dtype::F32, false);
    };
    floats("a.npy", 3, 4);
    floats("b.npy", 4, 5);
    let report = report(&bench, "gemm --config d --a a.npy --b b.npy --out c.npy");
    assert_shown(&bench, &report, "c.mismatch.fst");
}

/// Only counts differ: the tile is looked for.
#[test]
fn counters_and_standstills_have_a_tile_too() {
    for (fault, again) in [
        (faults::NO_ERRORS, "alone, which differs too: its counters"),
        (faults::NO_CAPTURE, "alone, which differs too: it hangs"),
    ] {
        let report = report(&broken(&ODD, fault), GEMM);
        assert_eq!(line(&report, "waves "), format!("c.mismatch.fst: tile 0 {again}"), "{report}");
    }
}

/// Tiles that drain longer than they compute: alone none waits, the second does for the first.
#[test]
fn what_no_tile_does_alone_is_shown_after_the_tile_before() {
    let flags = "--rows 8 --cols 2 --lanes 4 --chunk 8 --max-bits 8 --max-k 16 --depth 16";
    let bench = broken(&flags.split_whitespace().collect::<Vec<_>>(), faults::NO_STALLS);
    write_operands(&bench, (8, 2, 8));
    let report = report(&bench, GEMM);
    assert!(report.contains("cycles differ from the cycle model"), "{report}");
    let expected =
        "c.mismatch.fst: tile 1 after tile 0, because alone it does not differ: its cycles";
    assert_eq!(line(&report, "waves "), expected, "{report}");
    assert!(pins(&bench.path("c.mismatch.fst"), 0).0.contains_key("cmd_valid_i"));
}

#[test]
fn training_leaves_the_waves_in_the_run() {
    let bench = Bench::with_design(&["--rows", "4", "--cols", "4", "--max-bits", "16"]);
    let train = "train --net mlp --data synthetic --batch 4 --policy static --bits 8 --seed 5 \
                 --eval-images 20 --config d --engine checked --iters 1 --out";
    bench.command(&words(&format!("{train} good"))).assert().success();
    assert!(!bench.path("good/mismatch").exists(), "a good run pays nothing");

    faults::seed(&bench.path("d"), "waves", faults::RANDOM_BITS);
    for (run, rate) in [("whole", "1"), ("sampled", "0.3")] {
        let command = format!("{train} {run} --check-rate {rate}");
        let output = bench.command(&words(&command)).assert().code(1).get_output().clone();
        let report = diagnostics(&output);
        assert_shown(&bench, &report, &format!("{run}/mismatch/tile.fst"));
    }
}
