//! A synthesis run, from its configuration to its report.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use flexmac_fileio::lock;
use flexmac_record::{
    FpgaResources, GateEstimate, RecordFile, Schema, Stage, StageId, StageTime, SynthReport,
    TimingReport, ToolVersion, TryReport,
};

use crate::config::{SynthConfig, staged_name};
use crate::error::{Error, io_error};
use crate::exit_status::{sta_end, with_source_names, yosys_end};
use crate::hierarchy::{Summary, summarise};
use crate::library::{CELLS, read_library, stage_library};
use crate::mapping::{Mapped, Mapper, yosys_args};
use crate::progress::{OnProgress, Progress, with_progress};
use crate::search::search;
use crate::stage_cache::{StageCache, ToolRun, remove};
use crate::target::Target;
use crate::tool::Tool;
use crate::{sta, yosys};

const WARNINGS_MAX: usize = 50;

/// Synthesises a design and reads the results.
///
/// `on_progress` is called when a stage begins or its earlier result is reused; nothing is printed. The
/// output folder is created if missing and locked during the run. A stage is not repeated if its earlier
/// outputs are complete and were made from the same inputs. `report.json` is written at the end of a
/// successful run; an older one is removed as soon as the input has been checked.
///
/// # Errors
/// An invalid configuration, a missing tool, library or source, a tool that fails or runs too long, and
/// a report without an expected number; see [`Error`].
pub fn run(
    config: &SynthConfig,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<SynthReport, Error> {
    with_progress(on_progress, |on_progress| run_here(config, on_progress))
}

/// The results of the tools, before they become a report.
#[derive(Default)]
struct ToolResults {
    summary: Summary,
    timing: Option<TimingReport>,
    gates: Option<GateEstimate>,
    mapped: Vec<Mapped>,
    tries: Vec<TryReport>,
    scripts: Vec<String>,
    logs: Vec<String>,
}

fn run_here(config: &SynthConfig, on_progress: OnProgress) -> Result<SynthReport, Error> {
    let begin = Instant::now();
    on_progress(Progress::Begin { id: StageId::whole(Stage::Prepare), why: None });
    config.check()?;
    let yosys = Tool::find("yosys", "-V", "apt-get install yosys")?;
    // The input is checked before the folder is changed.
    let library = match &config.target {
        Target::Liberty { path } => {
            find_sta()?; // fail now, not after minutes of mapping
            Some((path, read_library(path, &config.library)?))
        }
        _ => None,
    };
    let sources = read_sources(config)?;
    let dir = OutDir::prepare(&config.out_dir)?;
    let cache = StageCache::open(&dir.path, config.force)?;
    let mut names = Vec::new();
    for (name, path, text) in sources {
        dir.write(&name, text)?;
        names.push((name, path));
    }
    let library =
        library.map(|(path, loaded)| stage_library(path, loaded, &dir.path)).transpose()?;
    let mut tools = vec![ToolVersion { name: "yosys".to_owned(), version: yosys.version()? }];
    let staged: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
    let design = yosys::SourceDesign {
        sources: &staged,
        defines: &config.defines,
        top: &config.top,
        parameters: &config.parameters,
        flatten: config.flatten,
        units: &config.units,
    };
    let prepared_s = begin.elapsed().as_secs_f64();

    let results = match &library {
        Some(library) => {
            let sta = find_sta()?;
            tools.push(ToolVersion { name: "opensta".to_owned(), version: sta.version()? });
            let mapper = Mapper {
                config,
                cache: &cache,
                yosys: &yosys,
                sta: &sta,
                library,
                design,
                names: &names,
                on_progress,
            };
            map(&mapper, &dir)?
        }
        None => one_script(config, &cache, &yosys, &design, &names, &dir, on_progress)?,
    };

    let begin = Instant::now();
    on_progress(Progress::Begin { id: StageId::whole(Stage::Report), why: None });
    if library.is_some() && !config.keep {
        remove(&dir.path.join(CELLS))?;
    }
    cache.sweep()?;
    let log = dir.read(yosys::LOG)?;
    let notes = library.as_ref().map(|library| library.parsed.notes.clone()).unwrap_or_default();
    let warnings = with_source_names(yosys::warnings(&log, WARNINGS_MAX), &names);
    let summary = results.summary;
    let whole = |stage, wall_s| StageTime { id: StageId::whole(stage), wall_s, kept: false };
    let mut stages = vec![whole(Stage::Prepare, prepared_s)];
    stages.extend(cache.times());
    stages.push(whole(Stage::Report, begin.elapsed().as_secs_f64()));
    let report = SynthReport {
        schema: Schema::CURRENT,
        top: config.top.clone(),
        target: config.target.name().to_owned(),
        flatten: config.flatten,
        tools,
        library: library.map(|library| library.report),
        cell_count: summary.cells.values().sum(),
        fpga: resources(&config.target, &summary),
        cells: summary.cells,
        area_um2: summary.area_um2,
        sequential_area_um2: summary.sequential_area_um2,
        combinational_area_um2: match (summary.area_um2, summary.sequential_area_um2) {
            (Some(area), Some(sequential)) => Some(area - sequential),
            _ => None,
        },
        modules: summary.modules,
        timing: results.timing,
        units: results.mapped.into_iter().map(|unit| unit.report).collect(),
        tries: results.tries,
        gates: results.gates,
        warnings: notes.into_iter().chain(warnings).collect(),
        stages,
        scripts: results.scripts,
        logs: results.logs,
        netlist: "netlist.v".to_owned(),
    };
    let path = dir.path.join("report.json");
    report.write(&path).map_err(io_error("write", path))?;
    Ok(report)
}

/// Maps to standard cells, stage by stage, with or without a period search.
fn map(mapper: &Mapper, dir: &OutDir) -> Result<ToolResults, Error> {
    let mut results = ToolResults { logs: vec![yosys::LOG.to_owned()], ..ToolResults::default() };
    let units = mapper.elaborate(&mut results.scripts)?;
    let mut period_ps = mapper.config.period_ps;
    if mapper.config.search_period || mapper.config.orders > 1 {
        let found = search(mapper, &units)?;
        period_ps = found.period_ps;
        (results.mapped, results.tries) = (found.mapped, found.tries);
    } else {
        results.mapped = mapper.map_all(&units, period_ps, 0)?;
    }
    let netlist =
        mapper.finish(&results.mapped, "", period_ps.unwrap_or(sta::NOMINAL_PERIOD_PS))?;
    let mut chain =
        "# Maps and links again by hand what elaborate.ys made: yosys -s synth.ys\n".to_owned();
    for unit in &results.mapped {
        let [script, abc] = unit.scripts();
        chain.push_str(&format!("script {script}\ndesign -reset\n"));
        results.scripts.push(script);
        if !results.scripts.contains(&abc) {
            results.scripts.push(abc);
        }
        results.logs.push(unit.log());
    }
    chain.push_str("script link.ys\n");
    dir.write("synth.ys", &chain)?;
    results.scripts.push("synth.ys".to_owned());
    results.scripts.extend(netlist.scripts);
    results.logs.extend(netlist.logs);
    results.summary = netlist.summary;
    results.timing = Some(netlist.timing);
    Ok(results)
}

/// Maps to generic gates or an FPGA, with one of Yosys' own scripts.
fn one_script(
    config: &SynthConfig,
    cache: &StageCache,
    yosys: &Tool,
    design: &yosys::SourceDesign,
    names: &[(String, String)],
    dir: &OutDir,
    on_progress: OnProgress,
) -> Result<ToolResults, Error> {
    let script = match &config.target {
        Target::Ice40 { dsp } => yosys::ice40_script(design, *dsp),
        Target::Ecp5 => yosys::ecp5_script(design),
        Target::Xilinx => yosys::xilinx_script(design),
        Target::Generic | Target::Liberty { .. } => yosys::generic_script(design),
    };
    dir.write("synth.ys", &script)?;
    let step = ToolRun {
        id: StageId::whole(Stage::Synthesis),
        tool: yosys,
        args: yosys_args("synth.ys"),
        inputs: design.sources.iter().cloned().chain(["synth.ys".to_owned()]).collect(),
        outputs: ["stat.txt", "stat.json", "netlist.v"].map(str::to_owned).to_vec(),
        log: yosys::LOG.to_owned(),
        logged: None,
        limit: config.timeout,
    };
    cache.run(&step, on_progress, &|end| yosys_end(end, names))?;
    let stat_json = dir.path.join("stat.json");
    let modules =
        yosys::parse_stat_json(&dir.read("stat.json")?).map_err(|error| error.at(&stat_json))?;
    let mut gates = None;
    if config.target == Target::Generic {
        let (transistors, lower_bound) = yosys::parse_transistors(&dir.read("stat.txt")?)
            .map_err(|error| error.at(dir.path.join("stat.txt")))?;
        let nand2_equivalents = transistors as f64 / 4.0; // exact: counts stay far below 2^53
        gates = Some(GateEstimate { transistors, lower_bound, nand2_equivalents });
    }
    Ok(ToolResults {
        summary: summarise(&modules, &config.top, None, &stat_json)?,
        gates,
        scripts: vec!["synth.ys".to_owned()],
        logs: vec![yosys::LOG.to_owned()],
        ..ToolResults::default()
    })
}

fn find_sta() -> Result<Tool, Error> {
    Tool::find("sta", "-version", "apt-get install opensta")
}

/// FPGA cells by kind; none for other targets. The prefixes cover all sizes and variants of a cell.
fn resources(target: &Target, summary: &Summary) -> Option<FpgaResources> {
    let count = |prefixes: &[&str]| {
        let wanted = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        summary.cells.iter().filter(|(name, _)| wanted(name)).map(|(_, count)| count).sum()
    };
    let [luts, carries, ffs, brams, sprams, dsps]: [&[&str]; 6] = match target {
        Target::Ice40 { .. } => [
            &["SB_LUT4"],
            &["SB_CARRY"],
            &["SB_DFF"],
            &["SB_RAM40_4K"],
            &["SB_SPRAM256KA"],
            &["SB_MAC16"],
        ],
        Target::Ecp5 => {
            [&["LUT4"], &["CCU2C"], &["TRELLIS_FF"], &["DP16KD", "PDPW16KD"], &[], &["MULT18X18D"]]
        }
        Target::Xilinx => {
            [&["LUT"], &["CARRY4"], &["FDRE", "FDSE", "FDCE", "FDPE"], &["RAMB"], &[], &["DSP48E1"]]
        }
        Target::Generic | Target::Liberty { .. } => return None,
    };
    Some(FpgaResources {
        luts: count(luts),
        carries: count(carries),
        ffs: count(ffs),
        brams: count(brams),
        sprams: count(sprams),
        dsps: count(dsps),
    })
}

/// Output folder, locked during a run.
struct OutDir {
    path: PathBuf,
    _lock: File,
}

impl OutDir {
    fn prepare(path: &Path) -> Result<Self, Error> {
        let input = path.join("input");
        fs::create_dir_all(&input).map_err(io_error("create", &input))?;
        let lock_path = path.join(".lock");
        let file = File::create(&lock_path).map_err(io_error("create", &lock_path))?;
        // If a run was killed while it started a tool, the new process holds the lock until it executes the
        // tool.
        let mut attempts = 5;
        while !lock::try_lock(&file, path).map_err(io_error("lock", &lock_path))? {
            attempts -= 1;
            if attempts == 0 {
                return Err(Error::Busy { path: lock_path });
            }
            sleep(Duration::from_millis(100));
        }
        let dir = Self { path: path.to_owned(), _lock: file };
        // A result of an earlier run must not be mistaken for one of this run. The outputs of stages are
        // checked against their stamps.
        for name in ["report.json", "synth.ys", "elaborate.ys", "link.ys", "timing.tcl"] {
            remove(&path.join(name))?;
        }
        fs::remove_dir_all(&input).map_err(io_error("clear", &input))?;
        fs::create_dir(&input).map_err(io_error("create", &input))?;
        Ok(dir)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<(), Error> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(io_error("write", path))
    }

    /// Reads a text file; bytes outside UTF-8 (from library comments) are replaced.
    fn read(&self, name: &str) -> Result<String, Error> {
        let path = self.path.join(name);
        let bytes = fs::read(&path).map_err(io_error("read", path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Reads the sources: (name in the output folder, path as given, text).
fn read_sources(config: &SynthConfig) -> Result<Vec<(String, String, Vec<u8>)>, Error> {
    let read = |(index, source): (usize, &PathBuf)| {
        let text = fs::read(source).map_err(io_error("read", source))?;
        Ok((staged_name(index, source), source.display().to_string(), text))
    };
    config.sources.iter().enumerate().map(read).collect()
}

/// Runs OpenSTA in `dir` on a script there. Returns its log and version.
///
/// # Errors
/// A missing tool, a run that fails or takes longer than `limit`, a log that reports an error
/// (the exit code of OpenSTA does not).
pub fn opensta(
    dir: &Path,
    script: &str,
    log: &str,
    limit: Duration,
) -> Result<(String, ToolVersion), Error> {
    let sta = find_sta()?;
    let end = sta.run(dir, &sta::args(script), &dir.join(log), limit)?;
    sta_end(&end)?;
    Ok((end.text()?, ToolVersion { name: "opensta".to_owned(), version: sta.version()? }))
}
