//! One run from configuration to report.

use std::borrow::Cow;
use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::config::{SynthConfig, staged_name};
use crate::error::{Error, io_error};
use crate::hierarchy::{Summary, summarise};
use crate::liberty::Library;
use crate::report::{
    FpgaResources, GateEstimate, LibraryReport, Stage, StageTime, SynthReport, TimingReport,
    ToolVersion,
};
use crate::target::{OSU018_LIBERTY, Target};
use crate::tool::{Tool, describe};
use crate::{sta, yosys};

const YOSYS_LOG: &str = "yosys.log";
const STA_LOG: &str = "sta.log";
const CELLS: &str = "cells.lib";
const WARNINGS_MAX: usize = 50;

/// Synthesises a design and reads the results back.
///
/// `stage` is called as each [`Stage`] begins; nothing is printed. The output folder is created
/// when missing and locked while the run lasts; `report.json` appears in it only at the end of a
/// run that succeeded, and an older one is removed at the start.
///
/// # Errors
/// A bad configuration, a missing tool, library or source, a tool that fails or runs too long, and
/// any report that lacks a number; see [`Error`].
pub fn run(config: &SynthConfig, stage: &mut dyn FnMut(Stage)) -> Result<SynthReport, Error> {
    let mut clock = StageClock { stages: Vec::new(), begin: Instant::now(), stage };
    clock.enter(Stage::Prepare);
    config.check()?;
    let yosys = Tool::find("yosys", "apt-get install yosys")?;
    if let Target::Liberty { .. } = &config.target {
        Tool::find("sta", "apt-get install opensta")?; // now, not after minutes of mapping
    }
    let library_text = match &config.target {
        Target::Liberty { path } => Some((path, library_text(path)?)),
        _ => None,
    };
    let dir = OutDir::prepare(&config.out_dir)?;
    let sources = stage_sources(config, &dir)?;
    let library = match &library_text {
        Some((path, text)) => Some(stage_library(path, text, &dir)?),
        None => None,
    };
    let mut tools = vec![ToolVersion { name: "yosys".to_owned(), version: yosys.version("-V")? }];

    clock.enter(Stage::Synthesis);
    let mut scripts = vec!["synth.ys"];
    let staged: Vec<String> = sources.iter().map(|(name, _)| name.clone()).collect();
    let design = yosys::Design {
        sources: &staged,
        defines: &config.defines,
        top: &config.top,
        flatten: config.flatten,
        units: &config.units,
    };
    let script = match (&config.target, &library) {
        (Target::Liberty { .. }, Some(library)) => {
            let buffer = library.parsed.buffer();
            if let Some((name, load_ff)) = buffer {
                dir.write("abc.constr", yosys::abc_constraints(name, load_ff))?;
                scripts.push("abc.constr");
            }
            // ABC cannot see the load behind a module's outputs; see scripts/synth/README.md.
            let delay_target_ps = config.period_ps.filter(|_| config.flatten);
            dir.write("abc.script", yosys::abc_script(delay_target_ps))?;
            scripts.push("abc.script");
            let gate = library.parsed.clock_gate().filter(|_| config.clock_gates);
            if let Some(gate) = &gate {
                dir.write("clock_gates.v", yosys::clock_gate_rules(gate))?;
                scripts.push("clock_gates.v");
            }
            let (high, low) = (library.parsed.tie(true), library.parsed.tie(false));
            yosys::liberty_script(&design, gate.is_some(), high, low, buffer.is_some())
        }
        (Target::Ice40 { dsp }, _) => yosys::ice40_script(&design, *dsp),
        (Target::Ecp5, _) => yosys::ecp5_script(&design),
        (Target::Xilinx, _) => yosys::xilinx_script(&design),
        _ => yosys::generic_script(&design),
    };
    dir.write("synth.ys", &script)?;
    let status =
        yosys.run(&dir.path, &["-Q", "-T", "-s", "synth.ys"], YOSYS_LOG, config.timeout)?;
    let yosys_log = dir.read(YOSYS_LOG)?;
    if !status.success() {
        return Err(Error::ToolFailed {
            tool: "yosys",
            status: describe(status),
            log: dir.path.join(YOSYS_LOG),
            lines: with_source_names(yosys::error_lines(&yosys_log), &sources),
        });
    }
    let stat_json = dir.path.join("stat.json");
    let modules =
        yosys::parse_stat_json(&dir.read("stat.json")?).map_err(|error| error.at(&stat_json))?;
    let parsed = library.as_ref().map(|library| &library.parsed);
    let summary = summarise(&modules, &config.top, parsed, &stat_json)?;
    let mut gates = None;
    if library.is_some() {
        check_area(&summary, &dir, &config.top)?;
    } else if config.target == Target::Generic {
        let text = dir.read("stat.txt")?;
        let (transistors, lower_bound) =
            yosys::parse_transistors(&text).map_err(|error| error.at(dir.path.join("stat.txt")))?;
        let nand2_equivalents = transistors as f64 / 4.0; // exact: counts stay far below 2^53
        gates = Some(GateEstimate { transistors, lower_bound, nand2_equivalents });
    }
    let fpga = resources(&config.target, &summary);

    let mut logs = vec![YOSYS_LOG];
    let mut timing = None;
    if let Some(library) = &library {
        clock.enter(Stage::Timing);
        scripts.push("timing.tcl");
        logs.push(STA_LOG);
        let (measured, version) = time(config, library, &dir)?;
        timing = Some(measured);
        tools.push(version);
    }

    clock.enter(Stage::Report);
    if library.as_ref().is_some_and(|library| library.is_copy) && !config.keep {
        dir.remove(CELLS)?;
    }
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let report = SynthReport {
        top: config.top.clone(),
        target: config.target.name().to_owned(),
        flatten: config.flatten,
        tools,
        library: library.map(|library| library.report),
        cell_count: summary.cells.values().sum(),
        cells: summary.cells,
        area_um2: summary.area_um2,
        sequential_area_um2: summary.sequential_area_um2,
        combinational_area_um2: match (summary.area_um2, summary.sequential_area_um2) {
            (Some(area), Some(sequential)) => Some(area - sequential),
            _ => None,
        },
        modules: summary.modules,
        timing,
        fpga,
        gates,
        warnings: with_source_names(yosys::warnings(&yosys_log, WARNINGS_MAX), &sources),
        stages: clock.finish(),
        scripts: names(scripts),
        logs: names(logs),
        netlist: "netlist.v".to_owned(),
    };
    report.write(&dir.path)?;
    Ok(report)
}

/// Runs OpenSTA and judges it by its log.
fn time(
    config: &SynthConfig,
    library: &Staged,
    dir: &OutDir,
) -> Result<(TimingReport, ToolVersion), Error> {
    let period_ps = config.period_ps.unwrap_or(sta::NOMINAL_PERIOD_PS);
    let conditions = library.parsed.operating_conditions.as_deref();
    dir.write("timing.tcl", sta::script(&config.top, &config.clock, period_ps, conditions))?;
    let (log, version) = opensta(&dir.path, "timing.tcl", STA_LOG, config.timeout)?;
    let timing = sta::parse(&log, period_ps).map_err(|error| error.at(dir.path.join(STA_LOG)))?;
    Ok((timing, version))
}

/// Holds the area from cell counts against the one Yosys states.
fn check_area(summary: &Summary, dir: &OutDir, top: &str) -> Result<(), Error> {
    let stated = yosys::parse_chip_area(&dir.read("stat.txt")?, top)
        .map_err(|error| error.at(dir.path.join("stat.txt")))?;
    let counted = summary.area_um2.unwrap_or(f64::NAN);
    // Yosys prints six decimals of a sum in another order. NaN and zero fail as well.
    let agree = (stated - counted).abs() <= 1e-3 + 1e-6 * counted && counted > 0.0;
    if agree {
        return Ok(());
    }
    Err(Error::Disagree {
        what: "area in um2",
        first: counted,
        first_source: "cell counts and the library",
        second: stated,
        second_source: "Yosys' stat -liberty",
    })
}

/// Cells of an FPGA by what they are; none for other targets. A prefix ends where digits or variants
/// of the cell begin.
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
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: lock_path }),
            Err(TryLockError::Error(error)) => return Err(io_error("lock", lock_path)(error)),
        }
        let dir = Self { path: path.to_owned(), _lock: lock };
        // Nothing of an earlier run may be taken for a result of this one.
        for name in [
            "report.json",
            "stat.json",
            "stat.txt",
            "netlist.v",
            "netlist_sta.v",
            "abc.constr",
            "abc.script",
            "timing.tcl",
            YOSYS_LOG,
            STA_LOG,
            CELLS,
        ] {
            dir.remove(name)?;
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

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io_error("remove", path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Copies the sources under plain names and returns (staged name, given path).
fn stage_sources(config: &SynthConfig, dir: &OutDir) -> Result<Vec<(String, String)>, Error> {
    let mut staged = Vec::new();
    for (index, source) in config.sources.iter().enumerate() {
        let name = staged_name(index, source);
        let text = fs::read(source).map_err(io_error("read", source))?;
        dir.write(&name, text)?;
        staged.push((name, source.display().to_string()));
    }
    Ok(staged)
}

/// Messages speak of the files the caller gave, not of the staged copies.
fn with_source_names(mut lines: Vec<String>, sources: &[(String, String)]) -> Vec<String> {
    for line in &mut lines {
        for (staged, given) in sources {
            *line = line.replace(staged, given);
        }
    }
    lines
}

/// A library as the tools will see it.
struct Staged {
    parsed: Library,
    report: LibraryReport,
    is_copy: bool,
}

/// Reads a cell library, `.lib` or `.lib.gz`, and gives its uncompressed text too.
///
/// # Errors
/// No such file, or one that does not read as a library.
pub fn read_library(path: &Path) -> Result<(Library, Vec<u8>), Error> {
    let text = library_text(path)?;
    let library = Library::parse(&text).map_err(|error| error.at(path))?;
    Ok((library, text))
}

/// SHA-256 in hexadecimal, as [`LibraryReport::sha256`] has it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
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
    limit: std::time::Duration,
) -> Result<(String, ToolVersion), Error> {
    let sta = Tool::find("sta", "apt-get install opensta")?;
    let args = ["-no_init", "-no_splash", "-exit", script];
    let status = sta.run(dir, &args, log, limit)?;
    let path = dir.join(log);
    let bytes = fs::read(&path).map_err(io_error("read", &path))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let errors = sta::error_lines(&text);
    if !status.success() || !errors.is_empty() {
        return Err(Error::ToolFailed {
            tool: "sta",
            status: describe(status),
            log: path,
            lines: if errors.is_empty() { yosys::last_lines(&text) } else { errors },
        });
    }
    let version = sta.version("-version")?;
    Ok((text, ToolVersion { name: "opensta".to_owned(), version }))
}

fn library_text(path: &Path) -> Result<Vec<u8>, Error> {
    if !path.is_file() {
        let hint = if path == Path::new(OSU018_LIBERTY) {
            "install it with: apt-get install qflow-tech-osu018"
        } else {
            "give a .lib or .lib.gz file, or use the default after: apt-get install qflow-tech-osu018"
        };
        return Err(Error::MissingLibrary { path: path.to_owned(), hint });
    }
    let bytes = fs::read(path).map_err(io_error("read", path))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(bytes.as_slice())
        .read_to_end(&mut text)
        .map_err(io_error("decompress", path))?;
    Ok(text)
}

fn stage_library(path: &Path, text: &[u8], dir: &OutDir) -> Result<Staged, Error> {
    let parsed = Library::parse(text).map_err(|error| error.at(path))?;
    let kept = parsed.without_excluded(text);
    let unchanged =
        matches!(kept, Cow::Borrowed(_)) && path.extension().is_some_and(|ext| ext == "lib");
    let is_copy = !(unchanged && link(path, &dir.path.join(CELLS)));
    if is_copy {
        dir.write(CELLS, &kept)?;
    }
    let owned =
        |pair: Option<(&str, &str)>| pair.map(|(cell, pin)| (cell.to_owned(), pin.to_owned()));
    let report = LibraryReport {
        name: parsed.name.clone(),
        path: path.display().to_string(),
        sha256: sha256(text),
        time_unit_ps: parsed.time_unit_ps,
        operating_conditions: parsed.operating_conditions.clone(),
        tie_high: owned(parsed.tie(true)),
        tie_low: owned(parsed.tie(false)),
        buffer: parsed.buffer().map(|(name, _)| name.to_owned()),
        excluded_cells: parsed.excluded(),
    };
    Ok(Staged { parsed, report, is_copy })
}

/// Links instead of copying where the system allows it.
fn link(path: &Path, to: &Path) -> bool {
    #[cfg(unix)]
    {
        fs::canonicalize(path).is_ok_and(|path| std::os::unix::fs::symlink(path, to).is_ok())
    }
    #[cfg(not(unix))]
    {
        let _ = (path, to);
        false
    }
}

/// Tells the caller about stages and measures them.
struct StageClock<'a> {
    stages: Vec<StageTime>,
    begin: Instant,
    stage: &'a mut dyn FnMut(Stage),
}

impl StageClock<'_> {
    fn enter(&mut self, stage: Stage) {
        self.end_stage();
        self.stages.push(StageTime { stage, wall_s: 0.0 });
        (self.stage)(stage);
    }

    fn end_stage(&mut self) {
        if let Some(last) = self.stages.last_mut() {
            last.wall_s = self.begin.elapsed().as_secs_f64();
        }
        self.begin = Instant::now();
    }

    fn finish(mut self) -> Vec<StageTime> {
        self.end_stage();
        self.stages
    }
}
