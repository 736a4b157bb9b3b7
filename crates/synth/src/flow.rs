//! One run from configuration to report.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use flexmac_record::{
    FpgaResources, GateEstimate, RecordFile, Schema, Stage, StageId, StageTime, SynthReport,
    TimingReport, ToolVersion, TryReport,
};

use crate::config::{SynthConfig, staged_name};
use crate::error::{Error, io_error};
use crate::hierarchy::{Summary, summarise};
use crate::judge::{sta_end, with_source_names, yosys_end};
use crate::library::{CELLS, read_library, stage_library};
use crate::mapping::{Mapped, Mapper, yosys_args};
use crate::relay::{Tell, relay};
use crate::search::{Found, search};
use crate::stage::{Ledger, Progress, Step, remove};
use crate::target::Target;
use crate::tool::Tool;
use crate::{sta, yosys};

const WARNINGS_MAX: usize = 50;

/// Synthesises a design and reads the results back.
///
/// `told` hears of each stage as it begins or is kept; nothing is printed. The output folder is
/// created when missing and locked while the run lasts. Stages that an earlier run left whole, with
/// inputs of the same content, are not repeated. `report.json` appears only at the end of a run
/// that succeeded; an older one is removed once there is nothing more to refuse about the input.
///
/// # Errors
/// A bad configuration, a missing tool, library or source, a tool that fails or runs too long, and
/// any report that lacks a number; see [`Error`].
pub fn run(config: &SynthConfig, told: &mut dyn FnMut(Progress)) -> Result<SynthReport, Error> {
    relay(told, |tell| run_here(config, tell))
}

/// What the tools made of a design, before it is a report.
#[derive(Default)]
struct Outcome {
    summary: Summary,
    timing: Option<TimingReport>,
    gates: Option<GateEstimate>,
    mapped: Vec<Mapped>,
    tries: Vec<TryReport>,
    scripts: Vec<String>,
    logs: Vec<String>,
}

fn run_here(config: &SynthConfig, tell: Tell) -> Result<SynthReport, Error> {
    let begin = Instant::now();
    tell(Progress::Begin { id: StageId::whole(Stage::Prepare), why: None });
    config.check()?;
    let yosys = Tool::find("yosys", "-V", "apt-get install yosys")?;
    // What can be refused is refused before the folder is touched.
    let library = match &config.target {
        Target::Liberty { path } => {
            find_sta()?; // now, not after minutes of mapping
            let (parsed, text) = read_library(path)?;
            Some((path, parsed, text))
        }
        _ => None,
    };
    let sources = read_sources(config)?;
    let dir = OutDir::prepare(&config.out_dir)?;
    let ledger = Ledger::open(&dir.path, config.force)?;
    let mut names = Vec::new();
    for (name, path, text) in sources {
        dir.write(&name, text)?;
        names.push((name, path));
    }
    let library = library
        .map(|(path, parsed, text)| stage_library(path, parsed, &text, &dir.path))
        .transpose()?;
    let mut tools = vec![ToolVersion { name: "yosys".to_owned(), version: yosys.version()? }];
    let staged: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
    let design = yosys::Design {
        sources: &staged,
        defines: &config.defines,
        top: &config.top,
        flatten: config.flatten,
        units: &config.units,
    };
    let prepared_s = begin.elapsed().as_secs_f64();

    let outcome = match &library {
        Some(library) => {
            let sta = find_sta()?;
            tools.push(ToolVersion { name: "opensta".to_owned(), version: sta.version()? });
            let mapper = Mapper {
                config,
                ledger: &ledger,
                yosys: &yosys,
                sta: &sta,
                library,
                design,
                names: &names,
                tell,
            };
            map(&mapper, &dir)?
        }
        None => one_script(config, &ledger, &yosys, &design, &names, &dir, tell)?,
    };

    let begin = Instant::now();
    tell(Progress::Begin { id: StageId::whole(Stage::Report), why: None });
    if library.as_ref().is_some_and(|library| library.is_copy) && !config.keep {
        remove(&dir.path.join(CELLS))?;
    }
    ledger.sweep()?;
    let log = dir.read(yosys::LOG)?;
    let summary = outcome.summary;
    let whole = |stage, wall_s| StageTime { id: StageId::whole(stage), wall_s, kept: false };
    let mut stages = vec![whole(Stage::Prepare, prepared_s)];
    stages.extend(ledger.times());
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
        timing: outcome.timing,
        units: outcome.mapped.into_iter().map(|unit| unit.report).collect(),
        tries: outcome.tries,
        gates: outcome.gates,
        warnings: with_source_names(yosys::warnings(&log, WARNINGS_MAX), &names),
        stages,
        scripts: outcome.scripts,
        logs: outcome.logs,
        netlist: "netlist.v".to_owned(),
    };
    let path = dir.path.join("report.json");
    report.write(&path).map_err(io_error("write", path))?;
    Ok(report)
}

/// Standard cells: stage by stage, with a search or without.
fn map(mapper: &Mapper, dir: &OutDir) -> Result<Outcome, Error> {
    let mut outcome = Outcome { logs: vec![yosys::LOG.to_owned()], ..Outcome::default() };
    let units = mapper.elaborate(&mut outcome.scripts)?;
    let mut period_ps = mapper.config.period_ps;
    outcome.mapped = if mapper.config.search_period {
        let Found { tries, mapped, period_ps: best_ps } =
            search(mapper, &units, sta::NOMINAL_PERIOD_PS)?;
        period_ps = Some(best_ps);
        outcome.tries = tries;
        mapped
    } else {
        mapper.map_all(&units, period_ps)?
    };
    let netlist =
        mapper.finish(&outcome.mapped, "", period_ps.unwrap_or(sta::NOMINAL_PERIOD_PS))?;
    let mut chain =
        "# Maps and links again by hand what elaborate.ys made: yosys -s synth.ys\n".to_owned();
    for unit in &outcome.mapped {
        let [script, abc] = unit.scripts();
        chain.push_str(&format!("script {script}\ndesign -reset\n"));
        outcome.scripts.push(script);
        if !outcome.scripts.contains(&abc) {
            outcome.scripts.push(abc);
        }
        outcome.logs.push(unit.log());
    }
    chain.push_str("script link.ys\n");
    dir.write("synth.ys", &chain)?;
    outcome.scripts.push("synth.ys".to_owned());
    outcome.scripts.extend(netlist.scripts);
    outcome.logs.extend(netlist.logs);
    outcome.summary = netlist.summary;
    outcome.timing = Some(netlist.timing);
    Ok(outcome)
}

/// Gates without a technology and FPGAs: one script of Yosys' own steps.
fn one_script(
    config: &SynthConfig,
    ledger: &Ledger,
    yosys: &Tool,
    design: &yosys::Design,
    names: &[(String, String)],
    dir: &OutDir,
    tell: Tell,
) -> Result<Outcome, Error> {
    let script = match &config.target {
        Target::Ice40 { dsp } => yosys::ice40_script(design, *dsp),
        Target::Ecp5 => yosys::ecp5_script(design),
        Target::Xilinx => yosys::xilinx_script(design),
        Target::Generic | Target::Liberty { .. } => yosys::generic_script(design),
    };
    dir.write("synth.ys", &script)?;
    let step = Step {
        id: StageId::whole(Stage::Synthesis),
        tool: yosys,
        args: yosys_args("synth.ys"),
        inputs: design.sources.iter().cloned().chain(["synth.ys".to_owned()]).collect(),
        outputs: ["stat.txt", "stat.json", "netlist.v"].map(str::to_owned).to_vec(),
        log: yosys::LOG.to_owned(),
        limit: config.timeout,
    };
    ledger.run(&step, tell, &|end| yosys_end(end, names))?;
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
    Ok(Outcome {
        summary: summarise(&modules, &config.top, None, &stat_json)?,
        gates,
        scripts: vec!["synth.ys".to_owned()],
        logs: vec![yosys::LOG.to_owned()],
        ..Outcome::default()
    })
}

fn find_sta() -> Result<Tool, Error> {
    Tool::find("sta", "-version", "apt-get install opensta")
}

/// Cells of an FPGA by what they are; none for other targets. A prefix ends where digits or
/// variants of the cell begin.
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

/// Output folder, locked for the length of a run.
struct OutDir {
    path: PathBuf,
    _lock: File,
}

impl OutDir {
    fn prepare(path: &Path) -> Result<Self, Error> {
        let input = path.join("input");
        fs::create_dir_all(&input).map_err(io_error("create", &input))?;
        let lock_path = path.join(".lock");
        let lock = File::create(&lock_path).map_err(io_error("create", &lock_path))?;
        // A tool that is being started when its run is killed has the lock until it has become
        // itself.
        let mut attempts = 5;
        while let Err(error) = lock.try_lock() {
            attempts -= 1;
            match error {
                TryLockError::WouldBlock if attempts > 0 => sleep(Duration::from_millis(100)),
                TryLockError::WouldBlock => return Err(Error::Busy { path: lock_path }),
                TryLockError::Error(error) => return Err(io_error("lock", lock_path)(error)),
            }
        }
        let dir = Self { path: path.to_owned(), _lock: lock };
        // Nothing of an earlier run may be taken for a result of this one. What its stages left is
        // judged by their stamps.
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

/// The sources under plain names: (name to stage it under, given path, text).
fn read_sources(config: &SynthConfig) -> Result<Vec<(String, String, Vec<u8>)>, Error> {
    let read = |(index, source): (usize, &PathBuf)| {
        let text = fs::read(source).map_err(io_error("read", source))?;
        Ok((staged_name(index, source), source.display().to_string(), text))
    };
    config.sources.iter().enumerate().map(read).collect()
}

/// Runs OpenSTA in `dir` on a script there and gives its log and version.
///
/// # Errors
/// A missing tool, a run that fails or takes longer than `limit`, a log that reports an error
/// (OpenSTA's exit code does not).
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
