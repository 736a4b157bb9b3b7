//! One GEMM on the Verilated core, driven by the crate marlin as its tutorials show. The loop and its
//! clocking are those of loop.cpp.
//!
//! `marlin_gemm fields|names RTL VERILATOR M K N BITS` with ROWS, COLS, LANES, CHUNK in the environment
//! reads `a.i32` and `b.i32` here, writes `marlin.i32`, and prints seconds, CPU seconds and cycles.

mod pins;

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use marlin::verilator::{
    AsVerilatedModel, VerilatedModelConfig, VerilatorRuntime, VerilatorRuntimeOptions,
};
use pins::{Command, Core, Named, Pins};

type Anything = Box<dyn std::error::Error>;

/// Sizes of the GEMM and of the array.
struct Shape {
    m: usize,
    k: usize,
    n: usize,
    bits: usize,
    rows: usize,
    cols: usize,
    lanes: usize,
    chunk: usize,
}

impl Shape {
    fn planes(&self) -> usize {
        self.bits.div_ceil(self.chunk)
    }

    fn words(&self) -> usize {
        self.k.div_ceil(self.lanes)
    }

    fn across(&self) -> usize {
        self.n.div_ceil(self.cols)
    }

    fn tiles(&self) -> usize {
        self.m.div_ceil(self.rows) * self.across()
    }

    /// The command of a tile, if there is such a tile.
    fn command(&self, tile: usize) -> Option<Command> {
        (tile < self.tiles()).then(|| Command {
            planes: self.planes() as u8,
            words: self.words() as u16,
            rows: self.rows.min(self.m - tile / self.across() * self.rows) as u8,
            cols: self.cols.min(self.n - tile % self.across() * self.cols) as u8,
            bank: (tile & 1) as u8,
        })
    }

    /// Banks of `ports` lines each, plane by plane; element k of a line is at `at(line, k)`.
    fn pack(&self, lines: usize, ports: usize, at: impl Fn(usize, usize) -> i32) -> Vec<Vec<u32>> {
        let width = ports * self.lanes * self.chunk / 32;
        let bank = |first: usize| {
            let mut bank = vec![0; self.planes() * self.words() * width];
            for line in 0..ports.min(lines - first) {
                for k in 0..self.k {
                    let bit = (line * self.lanes + k % self.lanes) * self.chunk;
                    for plane in 0..self.planes() {
                        let digit = (at(first + line, k) >> (plane * self.chunk)) as u32;
                        let word = (plane * self.words() + k / self.lanes) * width + bit / 32;
                        bank[word] |= (digit & ((1 << self.chunk) - 1)) << (bit % 32);
                    }
                }
            }
            bank
        };
        (0..lines).step_by(ports).map(bank).collect()
    }
}

fn main() -> Result<(), Anything> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [way, rtl, verilator, numbers @ ..] = args.as_slice() else { return Err("usage".into()) };
    let numbers: Vec<usize> = numbers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [m, k, n, bits] = numbers[..] else { return Err("four numbers are missing".into()) };
    let size = |name: &str| -> Result<usize, Anything> { Ok(env::var(name)?.parse()?) };
    let (rows, cols, lanes, chunk) = (size("ROWS")?, size("COLS")?, size("LANES")?, size("CHUNK")?);
    let shape = Shape { m, k, n, bits, rows, cols, lanes, chunk };
    let (a, b) = (read("a.i32", m * k)?, read("b.i32", k * n)?);
    let banks_a = shape.pack(m, rows, |line, k| a[line * shape.k + k]);
    let banks_b = shape.pack(n, cols, |line, k| b[k * shape.n + line]);
    let banks = (banks_a.as_slice(), banks_b.as_slice());
    let mut out = vec![0; m * n];

    let sources = sources(rtl)?;
    let sources: Vec<_> = sources.iter().map(Path::new).collect();
    let options = VerilatorRuntimeOptions::default().verilator_executable(verilator.into());
    let runtime = VerilatorRuntime::new(Path::new("artifacts"), &sources, &[], [], options)?;
    let config = VerilatedModelConfig::default().verilator_optimization(3);
    let (seconds, cpu, cycles) = match way.as_str() {
        "fields" => {
            let mut core = runtime.create_model::<Core>(&config)?;
            timed(&mut core, &shape, banks, &mut out)?
        }
        "names" => {
            let (name, source) = (Core::name(), Core::source_path());
            let model = runtime.create_dyn_model(name, source, Core::ports(), config)?;
            timed(&mut Named { model, valid: false }, &shape, banks, &mut out)?
        }
        way => return Err(format!("expected fields or names, found {way}").into()),
    };
    fs::write("marlin.i32", out.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>())?;
    println!("\n{seconds} {cpu} {cycles}");
    Ok(())
}

/// Banks of both operands.
type Banks<'b> = (&'b [Vec<u32>], &'b [Vec<u32>]);

fn timed<'b>(
    core: &mut impl Pins<'b>,
    shape: &Shape,
    banks: Banks<'b>,
    out: &mut [u32],
) -> Result<(f64, f64, u64), Anything> {
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let cycles = gemm(core, shape, banks, out);
    Ok((start.elapsed().as_secs_f64(), cpu_seconds()? - cpu, cycles))
}

fn gemm<'b>(
    core: &mut impl Pins<'b>,
    shape: &Shape,
    (banks_a, banks_b): Banks<'b>,
    out: &mut [u32],
) -> u64 {
    let width_a = shape.rows * shape.lanes * shape.chunk / 32;
    let width_b = shape.cols * shape.lanes * shape.chunk / 32;
    let clock = |core: &mut _, times: u32| {
        for _ in 0..times {
            Pins::eval(core, 0);
            Pins::eval(core, 1);
        }
    };
    clock(core, 2);
    core.start(shape.bits as u8);
    clock(core, 1);
    core.run();
    let (mut offered, mut results, mut row, mut bank) = (0, 0, 0, 0);
    core.offer(shape.command(offered));
    loop {
        core.eval(0);
        if offered == shape.tiles() && !core.busy() {
            return core.busy_cycles();
        }
        let (command, read) = (core.command_fires(), core.read());
        if results < shape.tiles() {
            let line = results / shape.across() * shape.rows + row;
            let column = results % shape.across() * shape.cols;
            let live = shape.cols.min(shape.n - column);
            if core.result(&mut out[line * shape.n + column..][..live]) {
                row += 1;
                if row == shape.rows.min(shape.m - results / shape.across() * shape.rows) {
                    (row, results) = (0, results + 1);
                }
            }
        }
        core.eval(1);
        if let Some((address_a, address_b)) = read {
            let (a, b) = (&banks_a[bank / shape.across()], &banks_b[bank % shape.across()]);
            core.answer(&a[address_a * width_a..][..width_a], &b[address_b * width_b..][..width_b]);
        }
        if command {
            bank = offered;
            offered += 1;
            core.offer(shape.command(offered));
        }
    }
}

fn sources(rtl: &str) -> Result<Vec<String>, Anything> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(rtl)? {
        let path = entry?.path().to_str().ok_or("a path that is no text")?.to_owned();
        if path.ends_with(".v") && !path.ends_with("_top.v") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(name: &str, count: usize) -> Result<Vec<i32>, Anything> {
    let bytes = fs::read(name)?;
    let words = bytes.chunks_exact(4).map(|word| i32::from_le_bytes(word.try_into().unwrap()));
    let values: Vec<_> = words.collect();
    if values.len() == count { Ok(values) } else { Err(format!("{name}: {count} integers").into()) }
}

/// What Linux has counted for this thread, the only one.
fn cpu_seconds() -> Result<f64, Anything> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?;
    Ok(nanoseconds * 1e-9)
}
