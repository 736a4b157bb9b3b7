//! `flexmac synth`: area and clock of a generated design.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flexmac_record::SynthReport;
use flexmac_rtlgen::{SourceFile, TOP, module_parameters};
use flexmac_synth::{CellSizes, LibraryOptions, SynthConfig, Target};

use crate::engines::{ArrayDesign, cores};
use crate::shell::value_name;
use crate::tools;

/// Technologies to map to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TargetKind {
    /// Simple gates: a transistor estimate
    Generic,
    /// Lattice iCE40: LUTs, carries, flip-flops, block RAM
    Ice40,
    /// Lattice ECP5: LUTs, carries, flip-flops, block RAM, multipliers
    Ecp5,
    /// Xilinx 7 series: LUTs, carries, flip-flops, block RAM, DSPs
    Xilinx,
    /// Standard cells of --liberty: area and clock
    Liberty,
}

/// Flags of `flexmac synth`.
#[derive(Debug, Args)]
pub struct SynthArgs {
    /// Generated design: the folder that `flexmac gen` wrote
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Technology to map to
    #[arg(long, value_enum, default_value_t = TargetKind::Liberty)]
    target: TargetKind,
    /// Cell library, .lib or .lib.gz [default: OSU 180 nm of Debian's qflow-tech-osu018]
    #[arg(long, value_name = "FILE")]
    liberty: Option<PathBuf>,
    /// Operating conditions of the cell library [default: the library's own]
    #[arg(long, value_name = "NAME")]
    conditions: Option<String>,
    /// Layouts whose areas replace those of the cell library, .lef or .lef.gz, or none [default: the LEF
    /// file of the library's name beside it, if most areas agree]
    #[arg(long, value_name = "FILE")]
    lef: Option<PathBuf>,
    /// Module to synthesize, for a part of the design
    #[arg(long, value_name = "MODULE", default_value = TOP)]
    top: String,
    /// Clock period to aim at, in picoseconds: each module gets the smallest mapping that fits
    /// [default: none, every module mapped by the recipe `fast`]
    #[arg(long, value_name = "PS")]
    period_ps: Option<f64>,
    /// Search for the shortest clock period, by bisection; each try is kept like any stage
    #[arg(long, conflicts_with = "period_ps")]
    search_period: bool,
    /// Dissolve the hierarchy before optimising: slower, a little smaller
    #[arg(long)]
    flatten: bool,
    /// Leave the library's clock gates alone: registers with an enable get multiplexers
    #[arg(long)]
    no_clock_gates: bool,
    /// Folder for scripts, logs, netlist and report.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Keep the working copy of the cell library, so that the scripts can be run again
    #[arg(long)]
    keep: bool,
    /// Repeat every stage, also those that an earlier run finished
    #[arg(long)]
    force: bool,
    /// Number of modules to map at a time [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Print one JSON record
    #[arg(long)]
    json: bool,
}

/// Modules that keep their hierarchy: those with many instances, and the array, so that its power
/// can be reported.
const UNITS: [&str; 6] = [
    "flexmac_array",
    "flexmac_column",
    "flexmac_pe",
    "flexmac_fixed_pe",
    "flexmac_float_pe",
    "flexmac_requant",
];

/// Inputs of those modules that drive only one or two gates and need no buffer.
const LIGHT_INPUTS: [&str; 5] = ["chain_i", "preload_i", "seed_i", "out_of_range_i", "limit_i"];

/// Synthesizes the design.
pub fn run(args: &SynthArgs) -> Result<()> {
    let design = ArrayDesign::read(&args.config)?;
    let target = match (args.target, &args.liberty) {
        (TargetKind::Liberty, Some(path)) => Target::Liberty { path: path.clone() },
        (TargetKind::Liberty, None) => Target::default_liberty(),
        (kind, Some(_)) => {
            bail!(
                "synth: --liberty goes with --target liberty, found --target {}",
                value_name(&kind)
            )
        }
        (TargetKind::Generic, None) => Target::Generic,
        (TargetKind::Ecp5, None) => Target::Ecp5,
        (TargetKind::Xilinx, None) => Target::Xilinx,
        (TargetKind::Ice40, None) => Target::Ice40 { dsp: false },
    };
    let top = design.prefix.usual(&args.top);
    let parameters = module_parameters(&design.config, check_top(&top, &design)?);
    for (name, value) in &parameters.defaults {
        errln!("synth: note: {top} keeps {name} = {value}, the default in its source");
    }
    let of_libraries = [
        ("--period-ps", args.period_ps.is_some()),
        ("--search-period", args.search_period),
        ("--conditions", args.conditions.is_some()),
        ("--lef", args.lef.is_some()),
    ];
    let given = of_libraries.iter().find(|flag| flag.1);
    if let Some((flag, _)) = given.filter(|_| args.target != TargetKind::Liberty) {
        bail!(
            "synth: {flag} goes with --target liberty, found --target {}",
            value_name(&args.target)
        );
    }
    let tools: &[&str] =
        if args.target == TargetKind::Liberty { &["yosys", "sta"] } else { &["yosys"] };
    tools::warn_untried("synth", tools);
    let scratch = tempfile::tempdir().context("synth: make a folder")?;
    let folder = design.usual_folder(&args.config, scratch.path()).context("synth")?;
    let sources = flexmac_rtlgen::read_sources(&folder).context("synth")?;
    let sources = sources.iter().map(|file| folder.join(&file.path));
    let mut config = SynthConfig::new(&top, target, &args.out).sources(sources);
    config.parameters = parameters.set;
    config.library = LibraryOptions {
        conditions: args.conditions.clone(),
        sizes: match &args.lef {
            None => CellSizes::Beside,
            Some(none) if none.as_os_str() == "none" => CellSizes::Library,
            Some(lef) => CellSizes::Lef(lef.clone()),
        },
    };
    config.period_ps = args.period_ps;
    config.search_period = args.search_period;
    config.flatten = args.flatten;
    config.clock_gates = !args.no_clock_gates;
    if matches!(config.target, Target::Liberty { .. } | Target::Generic) {
        // Cell libraries have no multiplier blocks: use carry-save trees.
        config.defines = vec!["FLEXMAC_CELLS".to_owned()];
        config.units = UNITS.map(str::to_owned).to_vec();
        config.input_buffers = true;
        config.bare_ports.extend(LIGHT_INPUTS.map(str::to_owned));
    }
    config.keep = args.keep;
    config.force = args.force;
    config.jobs = match args.jobs {
        Some(jobs) => jobs.into(),
        None => cores()?.get(),
    };
    let report = flexmac_synth::run(&config, &mut |progress| errln!("synth: {progress}"))
        .context("synth")?;
    if args.json {
        outln!("{}", serde_json::to_string(&report)?);
    } else {
        print_report(&report, &design)?;
    }
    Ok(())
}

/// The text of a module.
///
/// # Errors
/// A module that the design does not have.
fn check_top<'a>(top: &str, design: &'a ArrayDesign) -> Result<&'a str> {
    // Any two such words count, for edited designs; Yosys refuses a name that is not a module.
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let is_declared = |file: &SourceFile| {
        let words: Vec<_> = file.text.split(|c| !is_name(c)).filter(|w| !w.is_empty()).collect();
        words.windows(2).any(|pair| ["module", "macromodule"].contains(&pair[0]) && pair[1] == top)
    };
    if let Some(file) = design.sources.iter().find(|file| is_declared(file)) {
        return Ok(&file.text);
    }
    let lines = design.sources.iter().flat_map(|file| file.text.lines());
    let declared = lines.filter_map(|line| line.strip_prefix("module "));
    let names: BTreeSet<_> =
        declared.filter_map(|rest| rest.split(|c| !is_name(c)).next()).collect();
    let names: Vec<_> = names.into_iter().collect();
    bail!("synth: --top: expected a module of the design, {}; found {top:?}", names.join(", "));
}

fn print_report(report: &SynthReport, design: &ArrayDesign) -> Result<()> {
    outln!("{}, top {}, target {}", design.config.summary(), report.top, report.target);
    if let Some(library) = &report.library {
        outln!("library   {} ({})", library.name, library.path);
    }
    if let Some(area) = report.area_um2 {
        let sequential = report.sequential_area_um2.unwrap_or(0.0);
        outln!("area      {area:.0} um2, of which {sequential:.0} um2 flip-flops");
    }
    if let Some(timing) = &report.timing {
        outln!(
            "clock     {:.0} ps ({:.1} MHz), {} cells from {} to {}",
            timing.period_ps,
            timing.fmax_mhz,
            timing.levels,
            timing.start,
            timing.end
        );
        outln!(
            "          {:.0} ps with ports, from {} to {}",
            timing.overall_period_ps,
            timing.overall_start,
            timing.overall_end
        );
    }
    let units = report.units.iter().filter(|unit| unit.delay_ps > 0.0);
    let units: Vec<_> = units
        .map(|unit| format!("{} {} ({:.0} ps)", unit.unit, unit.recipe, unit.delay_ps))
        .collect();
    if !units.is_empty() {
        outln!("modules   {}", units.join(", "));
    }
    for (number, attempt) in report.tries.iter().enumerate() {
        outln!(
            "try {:<5} {:.0} ps {} ({:.0} ps), {:.0} um2",
            number + 1,
            attempt.given_ps,
            if attempt.met { "met" } else { "missed" },
            attempt.period_ps,
            attempt.area_um2
        );
    }
    if let Some(fpga) = &report.fpga {
        outln!(
            "resources {} LUTs, {} carries, {} flip-flops, {} block RAMs, {} DSPs",
            fpga.luts,
            fpga.carries,
            fpga.ffs,
            fpga.brams,
            fpga.dsps
        );
    }
    if let Some(gates) = &report.gates {
        let bound = if gates.lower_bound { "at least " } else { "" };
        outln!("estimate  {bound}{} transistors", gates.transistors);
    }
    Ok(())
}
