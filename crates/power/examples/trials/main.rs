//! Compares PEs that share multipliers between precisions in different ways: area x period x energy per product.
//!
//! ```text
//! cargo run --release -p flexmac-power --example trials -- [--search] [--out DIR] [LIBERTY ...]
//! ```
//!
//! Every PE takes 32 bits of A and of B per cycle, has the same registers at its inputs and is
//! synthesized by the flow of `flexmac synth`; `--search` finds the shortest period of each. All
//! netlists run on the same operands in each mode. Every result is compared with the exact sum, the
//! activity of every net is counted, and OpenSTA converts it into energy as in `flexmac power`. The
//! default library is OSU 180 nm. `experiments/trials` runs this program; its tables are in
//! docs/results. Exit 1 if a netlist is wrong, 2 on errors.

mod design;
mod drive;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use design::{DESIGNS, Design};
use drive::{Bench, K, Mismatch, Operands, RESULTS};
use flexmac_power::{Gates, Mode, Run, Settings};
use flexmac_record::OperandRole;
use flexmac_synth::netlist::Netlist;
use flexmac_synth::{OSU018_LIBERTY, SynthConfig, Target};

/// Callers need only the message of an error.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TOP: &str = "trial_bench";
const MODES: [(u32, u32); 3] = [(8, 8), (8, 16), (16, 16)];
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// One PE on one library.
struct Measured {
    design: Design,
    area_um2: f64,
    period_ps: f64,
    /// For each mode, cycles per product, and picojoules per product for each set of operands.
    modes: Vec<(f64, Vec<f64>)>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (mut search, mut out, mut libraries) = (false, format!("{ROOT}/target/trials"), Vec::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--search" => search = true,
            "--out" => out = args.next().unwrap_or_else(|| fail("--out: expected a folder")),
            flag if flag.starts_with('-') => {
                fail(&format!("expected [--search] [--out DIR] [LIBERTY ...], found {flag}"))
            }
            _ => libraries.push(PathBuf::from(arg)),
        }
    }
    if libraries.is_empty() {
        libraries.push(PathBuf::from(OSU018_LIBERTY));
    }
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = Path::new(&out).join(name.split('.').next().unwrap_or_default());
        let trials = DESIGNS.iter().map(|design| trial(*design, &library, &folder, search));
        match trials.collect::<Result<Vec<Measured>>>() {
            Ok(measured) => print_table(&name, &measured),
            Err(error) if error.is::<Mismatch>() => {
                eprintln!("trials: {name}: {error}");
                std::process::exit(1)
            }
            Err(error) => fail(&format!("{name}: {error}")),
        }
    }
}

fn fail(message: &str) -> ! {
    eprintln!("trials: {message}");
    std::process::exit(2)
}

/// Synthesizes, runs and measures one PE.
fn trial(design: Design, library: &Path, folder: &Path, search: bool) -> Result<Measured> {
    let folder = folder.join(design.folder);
    fs::create_dir_all(&folder)?;
    let bench = folder.join(format!("{TOP}.v"));
    fs::write(&bench, design.bench(TOP))?;
    let target = Target::Liberty { path: library.to_owned() };
    let mut config = SynthConfig::new(TOP, target, folder.join("synth"));
    config.sources = sources()?;
    config.sources.push(bench);
    // as `flexmac synth` does
    config.defines = vec!["FLEXMAC_CELLS".to_owned()];
    config.units = vec![design.module().to_owned()];
    config.input_buffers = true;
    config.bare_ports.push("chain_i".to_owned());
    config.clock_gates = true;
    config.search_period = search;
    config.jobs = 1;
    eprintln!("trials: {}: synthesis", design.name);
    let report = flexmac_synth::run(&config, &mut |_| {})?;
    let timing = report.timing.as_ref().ok_or("no clock in the report")?;
    let module = report.modules.iter().find(|module| module.module == design.module());
    let area_um2 = module.and_then(|module| module.area_um2).ok_or("no area of the PE")?;
    let period_ps = timing.period_ps;

    let path = config.out_dir.join(&report.netlist);
    let text = fs::read_to_string(&path)?;
    let netlist = Netlist::parse(&text).map_err(|error| error.at(&path))?.flatten(TOP)?;
    let library = flexmac_synth::read_library(library, &Default::default())?;
    let gates = Gates {
        folder: config.out_dir,
        report,
        netlist,
        library: library.library,
        canonical_library: library.canonical,
    };
    let mut bench = Bench::new(design, &gates)?;
    let mut runs = Vec::new();
    for mode in MODES {
        eprintln!("trials: {}: {}x{}", design.name, mode.0, mode.1);
        bench.run(mode, &Operands::checked())?;
        for operands in Operands::measured() {
            let counted = bench.run(mode, &operands)?;
            let cycles = counted.cycles as f64;
            let share = |net: &(u64, u64)| (net.0 as f64 / cycles, net.1 as f64 / cycles);
            runs.push(Run {
                mode: Mode::Fixed(mode.0, mode.1),
                role: OperandRole::Given,
                samples: Vec::new(),
                activity: counted.nets.iter().map(share).collect(),
                cycles,
                compute_cycles: cycles,
                drained: 0.0,
                macs: (RESULTS * K) as f64,
                mac_passes: (RESULTS * K) as f64,
            });
        }
    }
    let settings = Settings {
        config: design.name.to_owned(),
        period_ps: None,
        clock_fanout: 16,
        memory_pj_per_bit: Some(0.0),
        memory_bits: 0,
        keep: false,
        timeout: Duration::from_secs(2 * 60 * 60),
    };
    let power = flexmac_power::measure(&gates, &runs, &settings, &folder.join("power"))?;
    let energies: Vec<(f64, f64)> = power
        .cases
        .iter()
        .zip(&runs)
        .map(|(case, run)| {
            // Everything below the top is the PE.
            let pe = case.modules.iter().filter(|module| module.name != TOP);
            let cycle_pj: f64 = pe.map(|module| module.energy.total()).sum();
            (run.cycles / run.macs, cycle_pj * run.cycles / run.macs)
        })
        .collect();
    let kinds = Operands::measured().len();
    let of_mode = |cases: &[(f64, f64)]| (cases[0].0, cases.iter().map(|case| case.1).collect());
    let modes = energies.chunks(kinds).map(of_mode).collect();
    Ok(Measured { design, area_um2, period_ps, modes })
}

/// The leaf cells: every Verilog file below `rtl/`, including `rtl/trials`.
fn sources() -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![Path::new(ROOT).join("rtl")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "v") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

impl Measured {
    /// Area x period x cycles x energy per product if a share of the products has `mode` and the others
    /// have the widest mode.
    fn cost(&self, mode: usize, share: f64, kind: usize) -> f64 {
        let (narrow, wide) = (&self.modes[mode], &self.modes[MODES.len() - 1]);
        let mean = |narrow: f64, wide: f64| share * narrow + (1.0 - share) * wide;
        let energy = mean(narrow.1[kind], wide.1[kind]);
        self.area_um2 * self.period_ps * mean(narrow.0, wide.0) * energy
    }

    /// The share of products of `mode` below which this PE costs less than `other`, by bisection.
    fn pays_below(&self, other: &Self, mode: usize, kind: usize) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..30 {
            let share = (low + high) / 2.0;
            let less = self.cost(mode, share, kind) < other.cost(mode, share, kind);
            if less { low = share } else { high = share }
        }
        low
    }
}

/// Prints a row for each PE. Cost is area x period x cycles x energy per product, relative to the first
/// PE. Of two numbers, the second is for A after a ReLU.
fn print_table(library: &str, measured: &[Measured]) {
    let mut head = "| PE | um2 | ps |".to_owned();
    for (bits_a, bits_b) in MODES {
        head += &format!(" {bits_a}x{bits_b} a cycle | pJ each | cost |");
    }
    println!("{library}\n{head}\n|{}", " --- |".repeat(3 + 3 * MODES.len()));
    let first = &measured[0];
    for pe in measured {
        print!("| {} | {:.1} | {:.0} |", pe.design.name, pe.area_um2, pe.period_ps);
        for (mode, (cycles, energies)) in pe.modes.iter().enumerate() {
            let costs = [0, 1].map(|kind| pe.cost(mode, 1.0, kind) / first.cost(mode, 1.0, kind));
            let [normal, sparse] = [energies[0], energies[1]];
            let [cost, sparse_cost] = costs;
            let rate = 1.0 / cycles;
            print!(" {rate:.2} | {normal:.3}, {sparse:.3} | {cost:.2}, {sparse_cost:.2} |");
        }
        println!();
    }
    let wins = |pe: &&Measured| pe.cost(0, 0.0, 0) < first.cost(0, 0.0, 0);
    for pe in measured.iter().filter(wins) {
        let share = |mode| [0, 1].map(|kind| 100.0 * pe.pays_below(first, mode, kind));
        let ([a, b], [c, d]) = (share(0), share(1));
        println!(
            "{}: costs less than {} below {a:.0}, {b:.0} % of 8x8 among 16x16, {c:.0}, {d:.0} % of \
             8x16",
            pe.design.name, first.design.name
        );
    }
}
