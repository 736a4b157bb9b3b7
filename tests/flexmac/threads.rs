//! `--threads`: any number of models gives what one gives, byte for byte, cycles included.

use std::fs;

use crate::support::oracle::Random;
use crate::support::{Bench, ODD, one_error, words};

#[test]
fn products_do_not_depend_on_the_number_of_models() {
    let bench = Bench::with_design(&ODD);
    let mut random = Random::new(7);
    bench.write("a.npy", &random.matrix(10, 45, 16));
    bench.write("b.npy", &random.matrix(45, 7, 8));
    bench.write("bias.npy", &random.matrix(1, 7, 16));
    for layout in ["as-given", "fastest"] {
        for engine in ["rtl", "checked"] {
            let run = |threads: usize| {
                let record = bench.run(&words(&format!(
                    "gemm --config d --engine {engine} --a a.npy --b b.npy --bits-a 16 --bits-b 8 \
                     --bias bias.npy --bias-shift 2 --shift 9 --bits-out 12 --round stochastic \
                     --seed 3 --layout {layout} --threads {threads} --out c.npy --json"
                )));
                (record, fs::read(bench.path("c.npy")).unwrap())
            };
            let one = run(1);
            for threads in [2, 3, 16, 100] {
                assert_eq!(run(threads), one, "{layout}, {engine}, {threads} threads");
            }
        }
    }
}

#[test]
fn waves_show_one_model() {
    let bench = Bench::with_design(&ODD);
    let mut random = Random::new(8);
    bench.write("a.npy", &random.matrix(7, 5, 8));
    bench.write("b.npy", &random.matrix(5, 5, 8));
    let gemm = "gemm --config d --engine rtl --a a.npy --b b.npy --bits-a 8 --bits-b 8 --out c.npy \
                --trace w.vcd";
    let error = bench.fail(2, &words(&format!("{gemm} --threads 2")));
    assert_eq!(
        error,
        "error: gemm: --trace shows one model; expected --threads 1 with it, found 2\n"
    );
    bench.run(&words(gemm));
    let waves = fs::read(bench.path("w.vcd")).unwrap();
    bench.run(&words(&format!("{gemm} --threads 1")));
    assert_eq!(fs::read(bench.path("w.vcd")).unwrap(), waves);
}

/// Rayon would start them all.
#[test]
fn no_machine_has_that_many_cores() {
    let bench = Bench::with_design(&ODD);
    let describe = |threads: &str| {
        let mut command = bench.command(&["describe"]);
        command.env("RAYON_NUM_THREADS", threads).output().unwrap()
    };
    let error = one_error(&describe("100000"));
    let expected = "RAYON_NUM_THREADS: expected 0 to 1024, 0 one a core, found 100000";
    assert!(error.contains(expected), "{error}");
    for taken in ["0", "2", "1024", "many"] {
        assert!(describe(taken).status.success(), "{taken}");
    }
}
