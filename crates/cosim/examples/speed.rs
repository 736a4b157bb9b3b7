//! Times one GEMM on the RTL engine, for `experiments/simulation_speed/run`.
//!
//! `cargo run --release -p flexmac-cosim --example speed -- DESIGN M K N BITS MODELS` reads `a.i32`
//! and `b.i32` from the current folder (little-endian integers, row by row) and writes the result
//! to `c.i32`, shifted right by BITS and rounded to 32 bits. It prints the elapsed seconds, the CPU
//! seconds of all threads, cycles, and multiply-accumulates times passes.

use std::time::Instant;
use std::{env, fs};

use flexmac_cosim::RtlEngine;
use flexmac_engine::{Engine, Gemm, GemmResult, Operand};
use flexmac_fxp::{Format, Rounding, SeedPath};
use ndarray::Array2;

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [design, numbers @ ..] = args.as_slice() else { return Err("a design is missing".into()) };
    let numbers: Vec<usize> = numbers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [m, k, n, bits, models] = numbers[..] else {
        return Err("five numbers are missing".into());
    };
    let folder = design.as_ref();
    let rtl = RtlEngine::new(
        flexmac_rtlgen::read(folder)?,
        &flexmac_rtlgen::read_sources(folder)?,
        None,
    )?;
    let mut rtl = rtl.with_models(models.try_into()?)?;
    let format = Format::new(u32::try_from(bits)?, 0)?;
    let (a, b) = (read("a.i32", (m, k))?, read("b.i32", (k, n))?);
    let gemm = Gemm {
        a: Operand { values: a.view(), format },
        b: Operand { values: b.view(), format },
        bias: None,
        out: Format::new(32, -i32::try_from(bits)?)?,
        rounding: Rounding::Nearest,
        seed: SeedPath::alone(0),
        keep_sums: false,
    };
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let GemmResult { values, stats, .. } = rtl.gemm(&gemm)?;
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    fs::write("c.i32", values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())?;
    println!("{seconds} {cpu} {} {}", stats.cycles.busy, stats.mac_passes);
    Ok(())
}

/// CPU seconds of all live threads of this process, from Linux. Rayon's threads stay alive.
fn cpu_seconds() -> Result<f64, AnyError> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds +=
            text.split_whitespace().next().ok_or("an empty schedstat")?.parse::<f64>()?;
    }
    Ok(nanoseconds * 1e-9)
}

fn read(name: &str, shape: (usize, usize)) -> Result<Array2<i32>, AnyError> {
    let bytes = fs::read(name)?;
    let words = bytes.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap()));
    Ok(Array2::from_shape_vec(shape, words.collect())?)
}
