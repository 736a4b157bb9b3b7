//! Seeded faults in a generated design: what the checked engine must say of each.

use std::fs;
use std::process::Command;

use crate::support::faults;
use crate::support::npy::{self, Matrix};
use crate::support::oracle::{Expected, Product, Random, Round, ZERO_SEED};
use crate::support::{Bench, SMALL, model_cache, one_error, text, words};

/// What the checked engine must report.
#[derive(Clone, Copy, PartialEq)]
enum Reported {
    /// A result that differs, raw and real.
    Value,
    /// Equal results, and this counter.
    Counter(&'static str),
    /// Equal results and counters, and this cycle count.
    Cycles(&'static str),
    /// No results: the core stands still.
    Hang,
}

/// One line of RTL gone wrong, from the list; a product that excites it.
struct Fault {
    seeded: faults::Fault,
    product: Product,
    reported: Reported,
}

/// A product on the 2 x 2 array of [`SMALL`], 8 x 8 bits.
fn product(a: Matrix, b: Matrix) -> Product {
    Product {
        rows: 2,
        cols: 2,
        a,
        b,
        bias: None,
        shift: 4,
        bits_out: 16,
        round: Round::Nearest,
        seed: 2016,
    }
}

fn random_product() -> Product {
    let mut random = Random::new(2016);
    product(random.matrix(3, 5, 8), random.matrix(5, 3, 8))
}

/// Sums that are exactly these, on one row of results per number.
fn sums(values: &[i64]) -> Product {
    product(Matrix::new(values.len(), 1, values.to_vec()), Matrix::filled(1, 1, 1))
}

fn gemm_line(product: &Product, engine: &str) -> String {
    let bias = product
        .bias
        .as_ref()
        .map_or(String::new(), |(_, shift)| format!(" --bias bias.npy --bias-shift {shift}"));
    format!(
        "gemm --config d --engine {engine} --a a.npy --b b.npy --bits-a 8 --bits-b 8{bias} --shift \
         {} --bits-out {} --round {} --seed {} --out c.npy",
        product.shift,
        product.bits_out,
        product.round.name(),
        product.seed
    )
}

fn write_operands(bench: &Bench, product: &Product) {
    bench.write("a.npy", &product.a);
    bench.write("b.npy", &product.b);
    if let Some((bias, _)) = &product.bias {
        bench.write("bias.npy", bias);
    }
}

/// The line of a report that starts with `label`, without it.
fn line<'a>(report: &'a str, label: &str) -> &'a str {
    report
        .lines()
        .find_map(|line| line.strip_prefix("  ").and_then(|line| line.strip_prefix(label)))
        .unwrap_or_else(|| panic!("no line {label:?} in:\n{report}"))
        .trim()
}

/// `raw <integer>  real <number>`.
fn raw_and_real(text: &str) -> (i64, f64) {
    let mut fields = text.split_whitespace();
    assert_eq!(fields.next(), Some("raw"), "{text}");
    let raw = fields.next().unwrap().parse().unwrap();
    assert_eq!(fields.next(), Some("real"), "{text}");
    (raw, fields.next().unwrap().parse().unwrap())
}

/// The number after `name: ` in a list of fields.
fn field(text: &str, name: &str) -> u64 {
    let at = text.find(&format!("{name}: ")).unwrap_or_else(|| panic!("no {name} in {text}"));
    let digits = text[at + name.len() + 2..].split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}

/// The same text with the number of one field left out.
fn without_field(text: &str, name: &str) -> String {
    text.replace(&format!("{name}: {}", field(text, name)), "")
}

/// Runs the printed replay command in a shell and requires the same report.
fn replay(bench: &Bench, report: &str) {
    let command = line(report, "replay");
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(bench.path(""))
        .env("FLEXMAC_CACHE", model_cache())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{command}\n{}", text(&output.stderr));
    assert_eq!(one_error(&output), report, "{command}");
}

/// The reported element is the first that differs, and is reported as it is.
fn check_value(bench: &Bench, product: &Product, expected: &Expected, report: &str) {
    bench.run(&words(&gemm_line(product, "rtl")));
    let found = npy::decode(&fs::read(bench.path("c.npy")).unwrap());
    let values = &expected.values;
    let differing: Vec<_> =
        (0..values.values.len()).filter(|i| values.values[*i] != found.values[*i]).collect();
    let first = *differing.first().expect("the faulty array gives something else");
    let (row, col) = (first / values.cols, first % values.cols);
    let tile = row / 2 * values.cols.div_ceil(2) + col / 2;
    assert_eq!(
        line(report, "first of "),
        format!(
            "{} differing results: C[{row},{col}], tile {tile} row {} column {}",
            differing.len(),
            row % 2,
            col % 2
        )
    );
    for (label, raw) in [("expected", values.values[first]), ("found", found.values[first])] {
        let real = raw as f64 * f64::from(product.shift).exp2();
        assert_eq!(raw_and_real(line(report, label)), (raw, real), "{label}\n{report}");
    }
    assert!(line(report, "exact sum").starts_with(&format!("{} * 2^", expected.sums[first])));
}

fn check(fault: &Fault) {
    let bench = Bench::with_design(&SMALL);
    faults::seed(&bench.path("d"), "gemm", fault.seeded);
    write_operands(&bench, &fault.product);
    let report = bench.fail(1, &words(&gemm_line(&fault.product, "checked")));
    assert!(!bench.path("c.npy").exists(), "no result of a product that failed its check");
    assert!(report.starts_with("error: RTL and reference differ: array 2x2 chunk 4"), "{report}");
    let expected = fault.product.expected();
    match fault.reported {
        Reported::Value => check_value(&bench, &fault.product, &expected, &report),
        Reported::Counter(name) => {
            assert!(report.contains("\n  results agree, counters differ\n"), "{report}");
            let (right, wrong) = (line(&report, "expected"), line(&report, "found"));
            let counters = expected.counters;
            for (name, value) in [
                ("emitted", counters.emitted),
                ("overflow_low", counters.overflow_low),
                ("overflow_high", counters.overflow_high),
                ("magnitude_or", counters.magnitude_or),
                ("error_sum", counters.error_sum),
            ] {
                assert_eq!(field(right, name), value, "{name} of the reference\n{report}");
            }
            assert_ne!(field(wrong, name), field(right, name), "{report}");
            assert_eq!(without_field(wrong, name), without_field(right, name), "{report}");
        }
        Reported::Cycles(name) => {
            let what = "\n  results and counters agree, cycles differ from the cycle model\n";
            assert!(report.contains(what), "{report}");
            let (right, wrong) = (line(&report, "expected"), line(&report, "found"));
            assert_ne!(field(wrong, name), field(right, name), "{report}");
        }
        Reported::Hang => assert!(report.contains("\n  rtl: no progress for "), "{report}"),
    }
    replay(&bench, &report);
}

/// The design as generated passes every product that excites a fault.
#[test]
fn without_a_fault_every_product_passes() {
    let bench = Bench::with_design(&SMALL);
    for fault in all() {
        write_operands(&bench, &fault.1.product);
        let expected = fault.1.product.expected().values;
        for engine in ["rtl", "checked"] {
            bench.run(&words(&gemm_line(&fault.1.product, engine)));
            let c = npy::decode(&fs::read(bench.path("c.npy")).unwrap());
            assert_eq!(c, expected, "{engine}, {}", fault.0);
            fs::remove_file(bench.path("c.npy")).unwrap();
        }
    }
}

#[test]
fn every_fault_of_the_list_is_seeded() {
    let mut seeded = all().iter().map(|fault| fault.1.seeded.map(String::from)).collect::<Vec<_>>();
    let mut listed = faults::share("gemm");
    seeded.sort();
    listed.sort();
    assert_eq!(seeded, listed);
}

/// Declares every fault once: as a test of its own name, and in the list of all.
macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => {
        fn all() -> Vec<(&'static str, Fault)> {
            vec![$((stringify!($name), $fault)),*]
        }

        $(#[test]
        fn $name() {
            check(&$fault);
        })*
    };
}

faults! {
    sign_of_the_top_plane_dropped: Fault {
        seeded: ["flexmac_dot.v", "sign of the top plane dropped"],
        product: random_product(),
        reported: Reported::Value,
    };
    accumulator_not_shifted: Fault {
        seeded: ["flexmac_pe.v", "accumulator not shifted"],
        product: random_product(),
        reported: Reported::Value,
    };
    rounding_constant_off_by_one: Fault {
        seeded: ["flexmac_requant.v", "nearest constant short"],
        // Only exact halves tell.
        product: Product { shift: 1, ..sums(&[2, 4, 6, 7, 8, -3]) },
        reported: Reported::Value,
    };
    high_overflow_at_the_limit_not_counted: Fault {
        seeded: ["flexmac_saturate.v", "high limit not counted"],
        product: Product { shift: 0, bits_out: 4, ..sums(&[5, 6, 7, 8, -8, -9]) },
        reported: Reported::Counter("overflow_high"),
    };
    low_overflow_not_counted: Fault {
        seeded: ["flexmac_saturate.v", "low overflow not counted"],
        product: Product { shift: 0, bits_out: 4, ..sums(&[5, 6, 7, 8, -8, -9]) },
        reported: Reported::Counter("overflow_low"),
    };
    saturation_wraps_below_zero: Fault {
        seeded: ["flexmac_saturate.v", "saturation wraps below zero"],
        product: Product { shift: 0, bits_out: 4, ..sums(&[5, -8, -9]) },
        reported: Reported::Value,
    };
    lfsr_tap_wrong: Fault {
        seeded: ["flexmac_lfsr.v", "wrong tap"],
        // The second row of every tile draws the stepped word; halves round up half the time.
        product: Product {
            shift: 4,
            round: Round::Stochastic,
            ..product(Matrix::filled(16, 1, 8), Matrix::filled(1, 16, 1))
        },
        reported: Reported::Value,
    };
    seed_zero_taken_as_it_is: Fault {
        seeded: ["flexmac_lfsr.v", "seed zero taken as it is"],
        // A stream of zeros never rounds up; -1/128 nearly always does.
        product: Product {
            shift: 7,
            round: Round::Stochastic,
            seed: ZERO_SEED,
            ..sums(&[-1, -1])
        },
        reported: Reported::Value,
    };
    sequencer_one_word_too_many: Fault {
        seeded: ["flexmac_seq.v", "a word too many"],
        product: random_product(),
        reported: Reported::Value,
    };
    stall_not_counted: Fault {
        seeded: ["flexmac_seq.v", "stall not counted"],
        // One word a significance, two rows to drain.
        product: Product { shift: 0, ..sums(&[100, -100]) },
        reported: Reported::Cycles("stall"),
    };
    columns_beyond_the_product_counted: Fault {
        seeded: ["flexmac_stats.v", "columns beyond the product counted"],
        product: sums(&[1, 2, 3]),
        reported: Reported::Counter("emitted"),
    };
    dead_columns_counted: Fault {
        seeded: ["flexmac_stats.v", "columns without results counted"],
        // The dead column carries digits that would show.
        product: Product { shift: 0, ..sums(&[1, 2, 3]) },
        reported: Reported::Counter("magnitude_or"),
    };
    no_capture_ever: Fault {
        seeded: ["flexmac_seq.v", "never captures"],
        product: random_product(),
        reported: Reported::Hang,
    };
    rounding_error_not_counted: Fault {
        seeded: ["flexmac_stats.v", "rounding error not counted"],
        product: random_product(),
        reported: Reported::Counter("error_sum"),
    };
    magnitude_of_negative_values_not_complemented: Fault {
        seeded: ["flexmac_stats.v", "magnitude of negative values not complemented"],
        product: random_product(),
        reported: Reported::Counter("magnitude_or"),
    };
    bias_not_added: Fault {
        seeded: ["flexmac_sum.v", "bias not added"],
        product: Product { bias: Some((Matrix::new(1, 3, [0, 0, 64]), 0)), ..random_product() },
        reported: Reported::Value,
    };
}

/// A training run under check saves the product that failed, design and operands; the command it
/// prints replays it.
#[test]
fn a_training_run_saves_what_failed() {
    let bench = Bench::with_design(&SMALL);
    faults::seed(&bench.path("d"), "gemm", all().remove(0).1.seeded);
    let train = "train --net mlp --data synthetic --batch 2 --iters 1 --engine checked --policy \
                 static --bits 8 --config d --out run";
    let output = bench.command(&words(train)).assert().code(1).get_output().clone();
    let trained = one_error(&output);
    let place = "error: layer ip1, forward GEMM: RTL and reference differ: array 2x2";
    assert!(trained.contains(place), "{trained}");
    let command = line(&trained, "replay").strip_prefix("flexmac ").unwrap();
    assert!(command.starts_with("gemm --config run/mismatch/design --engine checked"), "{command}");
    let replayed = bench.fail(1, &words(command));
    for label in ["first of ", "expected", "found", "exact sum"] {
        let (first, again) = (line(&trained, label), line(&replayed, label));
        // A product that stands alone has no binary point: raw values agree, real ones are scaled.
        let sum = |text: &str| text.split(" * ").next().unwrap().to_owned();
        match label {
            "first of " => assert_eq!(first, again),
            "exact sum" => assert_eq!(sum(first), sum(again)),
            _ => assert_eq!(raw_and_real(first).0, raw_and_real(again).0),
        }
    }
    // The saved design is whole, the fault in it.
    assert_eq!(bench.files("run/mismatch/design"), bench.files("d"));
}
