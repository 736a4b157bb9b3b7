//! `flexmac headline`: speed-up and energy against baselines, from the measurements of a study.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use flexmac_array::Style;
use flexmac_cost::{
    ArrayModel, Comparison, CostReport, PrecisionProfile, RunSeries, SeedMean, Study, compare,
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
        Some(mode @ flexmac_power::Mode::Float(_)) => {
            bail!("headline: --baseline-bits: expected two widths, found {mode}")
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
    let runs = read_series(args, &study)?;
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
        for run in &runs {
            let (comparisons, costs) = tabulate(run, &runs, &arrays, widths)?;
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

/// Runs that differ in their seed, read from their folders.
fn read_series(args: &HeadlineArgs, study: &Study) -> Result<Vec<RunSeries>> {
    let mut all: Vec<RunSeries> = Vec::new();
    for (name, run) in &study.runs {
        let mut profile = PrecisionProfile::read(&study.run_folder(&args.study, name))
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
        let series = run.series.as_ref().unwrap_or(name);
        match all.iter_mut().find(|known| known.name == *series) {
            Some(known) => known.profiles.push(profile),
            None => {
                let (name, design) = (series.clone(), run.design.clone());
                all.push(RunSeries { name, design, profiles: vec![profile] });
            }
        }
    }
    Ok(all)
}

/// Whether a table has a line for this run on this array: an integer run on flexible arrays and on its own, a float
/// run on its own array, or, if it names none, on all that are not flexible.
fn is_costed(run: &RunSeries, array: &ArrayModel) -> bool {
    let own = run.design.as_deref() == Some(array.name.as_str());
    match (array.config.style(), run.is_float()) {
        (Style::Flex, float) => !float,
        (_, true) => own || run.design.is_none(),
        (_, false) => own,
    }
}

/// The costs of one run, and its comparisons with opponents.
fn tabulate(
    run: &RunSeries,
    runs: &[RunSeries],
    arrays: &[ArrayModel],
    widths: Option<(u32, u32)>,
) -> Result<(Vec<ComparedRun>, Vec<CostRow>)> {
    let (mut comparisons, mut costs) = (Vec::new(), Vec::new());
    for array in arrays.iter().filter(|array| is_costed(run, array)) {
        let cost = run.cost(array, None)?;
        costs.push(CostRow {
            library: array.library.clone(),
            run: run.name.clone(),
            policy: run.policy().to_owned(),
            accuracy: run.accuracy().map(|accuracy| accuracy.mean),
            passes_per_mac: cost.mac_passes as f64 / cost.macs as f64,
            design: array.name.clone(),
            area_um2: array.area_um2,
            period_ps: array.period_ps,
            cost,
        });
        if array.config.style() == Style::Flex {
            let lines = compare((run, array), (runs, arrays), widths)?;
            let named = |comparison| ComparedRun { run: run.name.clone(), comparison };
            comparisons.extend(lines.into_iter().map(named));
        }
    }
    Ok((comparisons, costs))
}

/// A mean over seeds in percent, with its interval.
fn percent(mean: &SeedMean) -> String {
    match mean.half_width {
        Some(half_width) => format!("{:.2} ± {:.2} %", 100.0 * mean.mean, 100.0 * half_width),
        None => format!("{:.2} %", 100.0 * mean.mean),
    }
}

/// The comparisons, those that differ in their rules only as one, with the names of its rules.
fn by_baseline(comparisons: &[ComparedRun]) -> Vec<(&ComparedRun, String)> {
    let rule = |line: &Comparison| {
        format!("{}{}", line.rule.name(), if line.met { "" } else { " (not reached)" })
    };
    let mut lines: Vec<(&ComparedRun, String)> = Vec::new();
    for compared in comparisons {
        let line = &compared.comparison;
        let same = lines.iter_mut().find(|(other, _)| {
            let other_line = &other.comparison;
            other.run == compared.run
                && (&other_line.library, &other_line.flex) == (&line.library, &line.flex)
                && other_line.baseline == line.baseline
        });
        match same {
            Some((_, rules)) => *rules += &format!(", {}", rule(line)),
            None => lines.push((compared, rule(line))),
        }
    }
    lines
}

fn print_report(report: &Report, runs: &[RunSeries]) -> Result<()> {
    let float = RunSeries::float(runs);
    outln!(
        "{} x {} arrays; speed-up is opponent over flexible, energy flexible over opponent; accuracy is the mean over \
         seeds with its 95 % interval",
        report.rows,
        report.cols
    );
    outln!(
        "| library | run | accuracy | minus float | array | opponent | its run | its accuracy | rule | cycles x period x area | speed-up | energy | with skipping: speed-up | energy |"
    );
    outln!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (ComparedRun { run, comparison: line }, rules) in by_baseline(&report.comparisons) {
        let series = runs.iter().find(|series| series.name == *run).expect("a run of the study");
        let run = match &line.policy {
            policy if policy.starts_with(run) => policy.clone(),
            policy => format!("{run} ({policy})"),
        };
        let accuracy =
            |mean: &Option<SeedMean>| mean.as_ref().map_or_else(|| "-".to_owned(), percent);
        let gap = float.and_then(|float| series.accuracy_above(float)).map(|gap| {
            let interval = gap.half_width.map(|half| format!(" ± {:.2}", 100.0 * half));
            format!("{:+.2}{}", 100.0 * gap.mean, interval.unwrap_or_default())
        });
        let skipping = line.skipping.map_or_else(
            || " |".to_owned(),
            |with| {
                let alone = if with.both { "" } else { " (opponent skips nothing)" };
                format!("{:.2}{alone} | {:.1} %", with.speed_up, 100.0 * with.energy)
            },
        );
        let baseline = match line.baseline_widths {
            Some((a, b)) => format!("{} ({a} x {b} bits)", line.baseline),
            None => line.baseline.clone(),
        };
        outln!(
            "| {} | {run} | {} | {} | {} | {baseline} | {} | {} | {rules} | {:.2} x {:.2} x {:.2} | {:.2} | {:.1} % | {skipping} |",
            line.library,
            accuracy(&line.accuracy_over_seeds),
            gap.unwrap_or_default(),
            line.flex,
            line.baseline_run,
            accuracy(&line.baseline_accuracy),
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
             {:.2} and {} without",
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
