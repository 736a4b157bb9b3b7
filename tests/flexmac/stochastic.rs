//! Stochastic rounding as a user sees it: replayable, seeded, unbiased.

use crate::support::npy::Matrix;
use crate::support::oracle::{Product, Round, ZERO_SEED, column_seed};
use crate::support::{Bench, SMALL, words};

const ENGINES: [&str; 3] = ["reference", "rtl", "checked"];

/// Standard deviations that a mean may lie off; fixed seeds make the verdict the same every time.
const SIGMAS: f64 = 4.0;

fn args(shift: i32, seed: u64) -> Vec<String> {
    words(&format!(
        "--a a.npy --b b.npy --bits-a 8 --bits-b 8 --shift {shift} --bits-out 16 --round \
         stochastic --seed {seed}"
    ))
}

/// A product of one column by one row: every result is `value` before rounding.
fn constant(bench: &Bench, side: usize, value: i64) {
    bench.write("a.npy", &Matrix::filled(side, 1, value));
    bench.write("b.npy", &Matrix::filled(1, side, 1));
}

#[test]
fn a_seed_gives_one_result_on_every_engine() {
    let bench = Bench::with_design(&SMALL);
    constant(&bench, 7, 85);
    let mut seen = Vec::new();
    for seed in [0, 1, 2, u64::MAX] {
        let results = ENGINES.map(|engine| bench.gemm(engine, &args(8, seed)).0);
        assert!(results.iter().all(|result| *result == results[0]), "seed {seed}");
        assert_eq!(bench.gemm("rtl", &args(8, seed)).0, results[0], "seed {seed} again");
        assert!(!seen.contains(&results[0]), "seed {seed} repeats another's result");
        seen.push(results[0].clone());
    }
}

/// One column's seed in 2^32 is zero, from which a bare register would never move.
#[test]
fn a_column_whose_seed_is_zero_still_gets_a_stream() {
    assert_eq!(column_seed(ZERO_SEED, 0, 0), 0);
    let bench = Bench::with_design(&SMALL);
    // -1/128: rounds to 0 unless the random word is almost nothing.
    constant(&bench, 2, -1);
    for engine in ENGINES {
        let (c, _) = bench.gemm(engine, &args(7, ZERO_SEED));
        assert_eq!([c.at(0, 0), c.at(1, 0)], [-1, 0], "{engine}: word 0 first, then a stream");
    }
}

#[test]
fn the_mean_of_many_roundings_is_the_value() {
    const SIDE: usize = 64;
    let bench = Bench::with_design(&SMALL);
    for (value, shift) in [(1, 3), (1, 1), (7, 3), (3, 3), (-1, 3), (-13, 3), (77, 7)] {
        constant(&bench, SIDE, value);
        let (c, record) = bench.gemm("rtl", &args(shift, 2016));
        let real = value as f64 / f64::from(1 << shift);
        let floor = real.floor();
        let fraction = real - floor;
        let near = |name: &str, values: Vec<i64>| {
            let count = values.len() as f64;
            let mean = values.iter().sum::<i64>() as f64 / count;
            let sigma = (fraction * (1.0 - fraction) / count).sqrt();
            let off = (mean - real).abs() / sigma;
            assert!(off < SIGMAS, "{name} of {real}: mean {mean}, {off:.1} sigma off");
            assert!(values.iter().all(|value| {
                let value = *value as f64;
                value == floor || value == floor + 1.0
            }));
        };
        near("all", c.values.clone());
        // No place of a tile is favoured: the two rows, the two columns.
        for half in 0..2 {
            let pick = |by_row: bool| {
                let places = (0..SIDE).flat_map(|row| (0..SIDE).map(move |col| (row, col)));
                places
                    .filter(|(row, col)| if by_row { row % 2 == half } else { col % 2 == half })
                    .map(|(row, col)| c.at(row, col))
                    .collect::<Vec<_>>()
            };
            near("rows", pick(true));
            near("columns", pick(false));
        }
        // |error| is 1 - f for those that went up, f for the others: 2 f (1 - f) on average.
        let mean_error = record["mean_rounding_error"].as_f64().unwrap();
        assert!((mean_error - 2.0 * fraction * (1.0 - fraction)).abs() < 0.05, "{mean_error}");
    }
}

/// More dropped bits than random ones: the low bits of the field add nothing, and do not carry.
#[test]
fn more_dropped_bits_than_the_stream_has() {
    let bench = Bench::with_design(&SMALL);
    let (a, b) = (Matrix::filled(9, 8, -128), Matrix::filled(8, 5, -128));
    bench.write("a.npy", &a);
    bench.write("b.npy", &b);
    let bias = Matrix::filled(1, 5, (1 << 29) - 1);
    bench.write("bias.npy", &bias);
    let product = |shift| Product {
        rows: 2,
        cols: 2,
        a: a.clone(),
        b: b.clone(),
        bias: Some((bias.clone(), 10)),
        shift,
        bits_out: 16,
        round: Round::Stochastic,
        seed: 5,
    };
    for shift in [24, 25, 36, 40, 45] {
        let extra = words("--bias bias.npy --bias-shift 10");
        let args = [args(shift, 5), extra].concat();
        let expected = product(shift).expected().values;
        for engine in ENGINES {
            assert_eq!(bench.gemm(engine, &args).0, expected, "{engine}, shift {shift}");
        }
    }
}
