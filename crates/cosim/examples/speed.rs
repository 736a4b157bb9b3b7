//! Times one product on the RTL engine: what `experiments/simulation_speed/run` measures.
//!
//! `cargo run --release -p cosim --example speed -- DESIGN M K N BITS MODELS` reads `a.i32` and
//! `b.i32`, raw rows of little-endian integers, in the folder it runs in, writes `c.i32`, the
//! result dropped to 32 bits by a shift of BITS, and prints seconds, those of all cores' work,
//! cycles and passes.

use std::time::Instant;
use std::{env, fs};

use flexmac_cosim::RtlEngine;
use flexmac_engine::{Engine, Gemm, GemmResult, Operand};
use flexmac_fxp::{Format, Rounding, SeedPath};
use ndarray::Array2;

type Anything = Box<dyn std::error::Error>;

fn main() -> Result<(), Anything> {
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
    let product = Gemm {
        a: Operand { values: a.view(), format },
        b: Operand { values: b.view(), format },
        bias: None,
        out: Format::new(32, -i32::try_from(bits)?)?,
        rounding: Rounding::Nearest,
        seed: SeedPath::alone(0),
        keep_sums: false,
    };
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let GemmResult { values, stats, .. } = rtl.gemm(&product)?;
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    fs::write("c.i32", values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())?;
    println!("{seconds} {cpu} {} {}", stats.cycles.busy, stats.mac_passes);
    Ok(())
}

/// What Linux has counted for the threads of this process that are alive: rayon's stay so.
fn cpu_seconds() -> Result<f64, Anything> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds +=
            text.split_whitespace().next().ok_or("an empty schedstat")?.parse::<f64>()?;
    }
    Ok(nanoseconds * 1e-9)
}

fn read(name: &str, shape: (usize, usize)) -> Result<Array2<i32>, Anything> {
    let bytes = fs::read(name)?;
    let words = bytes.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap()));
    Ok(Array2::from_shape_vec(shape, words.collect())?)
}
