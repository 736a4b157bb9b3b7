//! `flexmac headline`: speed-up and energy against baselines, from the measurements of a study.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use flexmac_array::Style;
use flexmac_cost::{
    ArrayModel, Comparison, CostReport, PrecisionProfile, Rule, Study, choose, compare,
};
use serde::Serialize;

/// Flags of `flexmac headline`.
#[derive(Debug, Args)]
pub struct HeadlineArgs {
    /// Folder of a study that flexmac sweep filled
    study: PathBuf,
    /// Names of cell libraries in the study, comma-separated [default: all]
    #[arg(long = "library", value_name = "NAMES", value_delimiter = ',')]
    libraries: Vec<String>,
    /// Another network in place of that of the runs; their widths are carried over by role
    #[arg(long, value_name = "NAME|FILE.toml")]
    net: Option<String>,
    /// Images per iteration of --net [default: the runs']
    #[arg(long, value_name = "N", requires = "net", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// Rows and columns of the arrays, in place of those of the study: area is that of the PEs plus
    /// a line fitted to the rest of the synthesized arrays, clocks do not change
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=128))]
    size: Option<u32>,
    /// Widths of the operands that baselines read, such as 8x8, in place of their full width
    #[arg(long = "baseline-bits", value_name = "AxB")]
    baseline_widths: Option<flexmac_power::Mode>,
    /// Share of the iterations, 0 to 1, to count as if they were at 32 x 32 bits
    #[arg(long, value_name = "SHARE")]
    wide_share: Option<f64>,
    /// Energy per operand bit read, in picojoules, in place of the measured one
    #[arg(long, value_name = "PJ")]
    memory_pj_per_bit: Option<f64>,
    /// Draw area-time over energy of every run on every array
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print one JSON record
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    rows: u32,
    cols: u32,
    comparisons: Vec<ComparedRun>,
    #[serde(rename = "bills")]
    costs: Vec<CostRow>,
}

/// A run compared with its training on a baseline.
#[derive(Serialize)]
struct ComparedRun {
    run: String,
    #[serde(flatten)]
    comparison: Comparison,
}

/// The cost of a run on a design.
#[derive(Serialize)]
struct CostRow {
    library: String,
    run: String,
    policy: String,
    accuracy: Option<f64>,
    passes_per_mac: f64,
    design: String,
    area_um2: f64,
    period_ps: f64,
    #[serde(rename = "bill")]
    cost: CostReport,
}

impl Report {
    /// Area-time and energy of a multiply-accumulate, by library, run and design.
    fn points(&self) -> Vec<flexmac_cost::Point> {
        let point = |row: &CostRow| {
            let macs = row.cost.macs as f64;
            flexmac_cost::Point {
                panel: row.library.clone(),
                series: row.run.clone(),
                label: row.design.clone(),
                // s mm2 = 1e15 ns um2
                at: (row.cost.area_time * 1e15 / macs, row.cost.energy.total() * 1e12 / macs),
            }
        };
        self.costs.iter().map(point).collect()
    }
}

/// Reads the measurements and runs of a study, and prints the comparison.
pub fn run(args: &HeadlineArgs) -> Result<()> {
    let folder = &args.study;
    let study = Study::read(folder).context("headline")?;
    let widths = match args.baseline_widths {
        Some(flexmac_power::Mode::Fixed(a, b)) => Some((a, b)),
        Some(flexmac_power::Mode::Float) => {
            bail!("headline: --baseline-bits: expected two widths, found fp32")
        }
        None => None,
    };
    let memory = args.memory_pj_per_bit;
    if let Some(value) = memory.filter(|value| !(value.is_finite() && *value >= 0.0)) {
        bail!("headline: --memory-pj-per-bit: expected a number of 0 or more, found {value}");
    }
    if let Some(share) = args.wide_share.filter(|share| !(0.0..=1.0).contains(share)) {
        bail!("headline: --wide-share: expected a number of 0 to 1, found {share}");
    }
    let libraries: Vec<&String> = if args.libraries.is_empty() {
        study.libraries.keys().collect()
    } else {
        args.libraries.iter().collect()
    };
    let mut runs = Vec::new();
    for name in study.runs.keys() {
        let mut profile = PrecisionProfile::read(&study.run_folder(folder, name))
            .with_context(|| format!("headline: run {name}"))?;
        if let Some(net) = &args.net {
            let batch = args.batch.map_or(profile.batch, |batch| batch as usize);
            profile = profile.transferred_to(
                &flexmac_nn::NetSpec::load(net)?,
                batch,
                profile.iterations,
            )?;
        }
        if let Some(share) = args.wide_share {
            profile = profile.with_wide_share(share);
        }
        runs.push((name.as_str(), profile));
    }
    let (rows, cols) = args.size.map_or((study.rows, study.cols), |size| (size, size));
    let mut report = Report { rows, cols, comparisons: Vec::new(), costs: Vec::new() };
    for library in libraries {
        if !study.libraries.contains_key(library) {
            let known: Vec<&str> = study.libraries.keys().map(String::as_str).collect();
            bail!("headline: --library: expected some of {}, found {library}", known.join(", "));
        }
        let mut arrays = Vec::new();
        for design in study.designs.keys() {
            let mut array = study
                .array_model(folder, library, design)
                .with_context(|| format!("headline: {design} on {library}"))?;
            array.memory_pj_per_bit = memory.unwrap_or(array.memory_pj_per_bit);
            array.library.clone_from(library);
            if let Some(size) = args.size {
                array = array.resized(size, size).context("headline: --size")?;
            }
            arrays.push(array);
        }
        for (name, profile) in &runs {
            let (comparisons, costs) = tabulate(name, profile, &arrays, widths)?;
            report.comparisons.extend(comparisons);
            report.costs.extend(costs);
        }
    }
    if let Some(path) = &args.plot {
        let axes = ("area x time per multiply-accumulate, um2 ns", "energy, pJ");
        flexmac_cost::scatter(path, axes, &report.points(), &flexmac_cost::Marks::Front)
            .context("headline")?;
    }
    if args.json {
        outln!("{}", serde_json::to_string(&report)?);
        return Ok(());
    }
    print_report(&report, &runs)
}

/// The costs of one run on every array, and its comparisons with the baselines.
fn tabulate(
    name: &str,
    profile: &PrecisionProfile,
    arrays: &[ArrayModel],
    widths: Option<(u32, u32)>,
) -> Result<(Vec<ComparedRun>, Vec<CostRow>)> {
    let (mut comparisons, mut costs) = (Vec::new(), Vec::new());
    for array in arrays {
        let style = array.config.style();
        // Fixed-point runs are costed on flexible arrays, float runs on baselines.
        if (style == Style::Flex) == profile.is_float() {
            continue;
        }
        let cost = CostReport::new(profile, array, None)?;
        costs.push(CostRow {
            library: array.library.clone(),
            run: name.to_owned(),
            policy: profile.policy.clone(),
            accuracy: profile.accuracy,
            passes_per_mac: cost.mac_passes as f64 / cost.macs as f64,
            design: array.name.clone(),
            area_um2: array.area_um2,
            period_ps: array.period_ps,
            cost,
        });
        if style != Style::Flex {
            continue;
        }
        for baseline in [Style::Fixed, Style::Fp32] {
            let others: Vec<&ArrayModel> = arrays
                .iter()
                .filter(|other| other.config.style() == baseline)
                .filter(|other| other.config.lanes() == array.config.lanes())
                .collect();
            for rule in Rule::ALL {
                if let Some((other, met)) = choose(rule, array, &others) {
                    let widths = widths.filter(|_| baseline == Style::Fixed);
                    let comparison = compare(profile, array, (other, rule, met), widths)?;
                    comparisons.push(ComparedRun { run: name.to_owned(), comparison });
                }
            }
        }
    }
    Ok((comparisons, costs))
}

fn print_report(report: &Report, runs: &[(&str, PrecisionProfile)]) -> Result<()> {
    let float = runs
        .iter()
        .find(|(_, profile)| profile.is_float())
        .and_then(|(_, profile)| profile.accuracy);
    outln!(
        "{} x {} arrays; speed-up is baseline over flexible, energy flexible over baseline",
        report.rows,
        report.cols
    );
    outln!(
        "| library | run | accuracy | minus float | array | baseline | rule | cycles x period x area | speed-up | energy |"
    );
    outln!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for ComparedRun { run, comparison: line } in &report.comparisons {
        let run = match &line.policy {
            policy if policy.starts_with(run) => policy.clone(),
            policy => format!("{run} ({policy})"),
        };
        let percent = |value: f64| format!("{:.2} %", 100.0 * value);
        let gap =
            line.accuracy.zip(float).map(|(own, float)| format!("{:+.2}", 100.0 * (own - float)));
        let baseline = match line.baseline_widths {
            Some((a, b)) => format!("{} ({a} x {b} bits)", line.baseline),
            None => line.baseline.clone(),
        };
        outln!(
            "| {} | {run} | {} | {} | {} | {baseline} | {}{} | {:.2} x {:.2} x {:.2} | {:.2} | {:.1} % |",
            line.library,
            line.accuracy.map_or_else(|| "-".to_owned(), percent),
            gap.unwrap_or_default(),
            line.flex,
            line.rule.name(),
            if line.met { "" } else { " (not reached)" },
            line.cycles,
            line.period,
            line.area,
            line.speed_up,
            100.0 * line.energy
        );
    }
    outln!("");
    outln!("Per multiply-accumulate, whole array; energy by what spends it:");
    outln!(
        "| library | array | run | um2 | ps | passes | busy cycles / least | um2 ns | pJ | PEs | registers | edge | control | clock | memory | measured |"
    );
    outln!(
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for line in &report.costs {
        let cost = &line.cost;
        let macs = cost.macs as f64;
        let pj = |joules: f64| format!("{:.3}", joules * 1e12 / macs);
        let energy = &cost.energy;
        outln!(
            "| {} | {} | {} | {:.0} | {:.0} | {:.2} | {:.2} | {:.1} | {} | {} | {} | {} | {} | {} | {} | {:.0} % |",
            line.library,
            line.design,
            line.run,
            line.area_um2,
            line.period_ps,
            line.passes_per_mac,
            cost.cycles.busy as f64 / cost.cycles.compute as f64,
            cost.area_time * 1e15 / macs,
            pj(energy.total()),
            pj(energy.pes),
            pj(energy.registers),
            pj(energy.edge),
            pj(energy.control),
            pj(energy.clock),
            pj(energy.memory),
            100.0 * cost.measured
        );
    }
    print_skipping(report)
}

/// Prints passes and cycles without plane skipping, for the runs that skipped planes.
fn print_skipping(report: &Report) -> Result<()> {
    let skipped = report.costs.iter().filter_map(|line| Some((line, line.cost.without_skipping?)));
    for (line, full) in skipped {
        outln!("");
        outln!(
            "{}, {} on {}: {:.2} passes and {} busy cycles with the planes that the run skipped, \
             {:.2} and {} without; speed-up and energy against baselines are those without",
            line.run,
            line.library,
            line.design,
            line.passes_per_mac,
            line.cost.cycles.busy,
            full.mac_passes as f64 / line.cost.macs as f64,
            full.busy_cycles
        );
    }
    Ok(())
}
