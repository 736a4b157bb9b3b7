//! Multiplies two matrices on the simulated RTL of an array and compares the result with the reference.
//!
//! Run it: `cargo run --release -p flexmac-examples --example multiply`

use anyhow::{Result, ensure};
use flexmac_array::ArraySpec;
use flexmac_cosim::RtlEngine;
use flexmac_engine::{Engine, Gemm, Operand, ReferenceEngine};
use flexmac_fxp::{Format, Rounding, SeedPath};
use ndarray::Array2;

fn main() -> Result<()> {
    // 2 x 2 processing elements with two 4-bit multipliers each.
    let spec = ArraySpec { rows: 2, cols: 2, chunk: 4, lanes: 2, ..ArraySpec::default() };
    let array = spec.check()?;

    // A (3, 5) in s1.6, B (5, 4) in s3.4: 8 bits each, so two planes each, so four passes.
    let a = Array2::from_shape_fn((3, 5), |(row, k)| (7 * row + 3 * k) as i32 - 10);
    let b = Array2::from_shape_fn((5, 4), |(k, col)| 20 - (5 * k + col) as i32);
    let gemm = Gemm {
        a: Operand { values: a.view(), format: Format::new(8, 6)? },
        b: Operand { values: b.view(), format: Format::new(8, 4)? },
        bias: None,
        // The exact sums have 10 fraction bits; the result is rounded to s5.6, at random.
        out: Format::new(12, 6)?,
        rounding: Rounding::Stochastic,
        seed: SeedPath::alone(7),
        keep_sums: false,
    };

    let expected = ReferenceEngine::new(array.clone()).gemm(&gemm)?;
    let verilog = flexmac_rtlgen::verilog(&array)?;
    let found = RtlEngine::new(array, &verilog, None)?.gemm(&gemm)?;

    println!("raw results, in units of 2^-6:\n{}", found.values);
    println!("{} cycles, {} tiles", found.stats.cycles.busy, found.stats.tiles);
    ensure!(found == expected, "the RTL and the reference differ");
    println!("the reference has the same bits, counters and cycles");
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
