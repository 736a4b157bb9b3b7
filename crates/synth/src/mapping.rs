//! Maps a design to standard cells: elaborates it once, maps each module separately, links and times it.
//!
//! Main decision: the work is divided into stages that exchange RTLIL, whereas Yosys' own flow is one script.
//! The mapping of a module does not depend on other modules, so each module is a stage. A killed run resumes
//! at the interrupted module, modules are mapped on all cores, and a period search never repeats the mapping
//! of a module with the same recipe.

use std::fs;

use crate::abc_recipe::{AbcRecipe, DEFAULT, RECIPES, budget_ps};
use crate::config::SynthConfig;
use crate::error::{Error, io_error};
use crate::hierarchy::{Summary, summarise};
use crate::library::{CELLS, StagedLibrary};
use crate::progress::{OnProgress, for_each};
use crate::stage_cache::{StageCache, ToolRun};
use crate::tool::Tool;
use crate::{exit_status, rtlil, sta, yosys};
use flexmac_record::{Stage, StageId, TimingReport, UnitReport};

const ELABORATED: &str = "elaborated.il";

/// Shared data of the stages that map to standard cells.
pub(crate) struct Mapper<'a> {
    pub config: &'a SynthConfig,
    pub cache: &'a StageCache,
    pub yosys: &'a Tool,
    pub sta: &'a Tool,
    pub library: &'a StagedLibrary,
    pub design: yosys::SourceDesign<'a>,
    /// Staged sources and the files from which they were copied.
    pub names: &'a exit_status::Names,
    pub on_progress: OnProgress<'a>,
}

/// A module of the elaborated design.
pub(crate) struct Unit {
    name: String,
    has_registers: bool,
    /// Whether its inputs get buffers, because their nets connect many instances.
    padded: bool,
}

/// A mapped module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mapped {
    file: String,
    pub report: UnitReport,
}

/// A linked and timed netlist.
pub(crate) struct Netlist {
    pub summary: Summary,
    pub timing: TimingReport,
    /// Scripts and logs of its own, by name in the output folder.
    pub scripts: Vec<String>,
    pub logs: Vec<String>,
}

impl Mapper<'_> {
    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.config.out_dir.join(name);
        let parent = path.parent().expect("a name below the folder");
        fs::create_dir_all(parent).map_err(io_error("create", parent))?;
        self.cache.forget(name);
        fs::write(&path, text).map_err(io_error("write", path))
    }

    fn read(&self, name: &str) -> Result<String, Error> {
        let path = self.config.out_dir.join(name);
        let bytes = fs::read(&path).map_err(io_error("read", path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Elaborates the design, registers included. Returns the modules to map.
    pub fn elaborate(&self, scripts: &mut Vec<String>) -> Result<Vec<Unit>, Error> {
        let library = &self.library.parsed;
        let mut inputs: Vec<String> = self.design.sources.to_vec();
        inputs.push(CELLS.to_owned());
        inputs.push("elaborate.ys".to_owned());
        let gate = library.clock_gate().filter(|_| self.config.clock_gates);
        if let Some(gate) = &gate {
            self.write("clock_gates.v", &yosys::clock_gate_rules(gate))?;
            inputs.push("clock_gates.v".to_owned());
            scripts.push("clock_gates.v".to_owned());
        }
        self.write("elaborate.ys", &yosys::elaborate_script(&self.design, gate.is_some()))?;
        scripts.push("elaborate.ys".to_owned());
        if let Some((name, load_ff)) = library.buffer() {
            self.write("abc.constr", &yosys::abc_constraints(name, load_ff))?;
            scripts.push("abc.constr".to_owned());
        }
        self.yosys(ToolRun {
            id: StageId::new(Stage::Synthesis, "elaborate"),
            tool: self.yosys,
            args: yosys_args("elaborate.ys"),
            inputs,
            outputs: vec![ELABORATED.to_owned()],
            log: yosys::LOG.to_owned(),
            logged: None,
            limit: self.config.timeout,
        })?;
        let modules = rtlil::split(&self.read(ELABORATED)?)
            .map_err(|error| error.at(self.config.out_dir.join(ELABORATED)))?;
        let is_register =
            |cell: &String| library.cells.get(cell).is_some_and(|cell| cell.sequential);
        let mut units = Vec::new();
        let registered: Vec<String> = modules
            .iter()
            .filter(|module| module.cells.iter().any(is_register))
            .map(|module| module.kind.clone())
            .collect();
        for module in modules {
            self.write(&format!("units/{}.il", module.name), &module.text)?;
            let has_registers = registered.contains(&module.kind);
            // ABC maps one module at a time and does not see the fan-out of a net between modules, so the
            // inputs get buffers. A module that only passes its inputs to modules with registers gets none.
            let padded = self.config.input_buffers
                && has_registers
                && !self.config.flatten
                && module.name != self.config.top
                && !module.cells.iter().any(|cell| registered.contains(cell));
            units.push(Unit { name: module.name, has_registers, padded });
        }
        Ok(units)
    }

    fn yosys(&self, step: ToolRun) -> Result<(), Error> {
        self.cache.run(&step, self.on_progress, &|end| exit_status::yosys_end(end, self.names))
    }

    /// Maps `unit` with `recipe`, its cells in the given order.
    fn map(&self, unit: &Unit, recipe: &AbcRecipe, order: u32) -> Result<Mapped, Error> {
        let recipe = recipe.name;
        let name = &unit.name;
        let abc = format!("abc_{recipe}.script");
        // Order 0, as Yosys writes the cells, has no number in its names.
        let (number, part) = match order {
            0 => (String::new(), format!("{name} {recipe}")),
            _ => (format!(".order{order}"), format!("{name} {recipe} order {order}")),
        };
        let file = |suffix: &str| format!("units/{name}.{recipe}{number}.{suffix}");
        let (input, output) = (format!("units/{name}{number}.il"), file("il"));
        let constr = self.library.parsed.buffer().is_some();
        let (script, log) = (file("ys"), file("log"));
        let pads = self.pads().filter(|_| unit.padded);
        let here = yosys::here(&self.config.out_dir);
        self.write(&script, &yosys::unit_script(here, (&input, &output), &abc, constr, pads))?;
        let mut inputs = vec![input, script.clone(), abc.clone(), CELLS.to_owned()];
        if constr {
            inputs.push("abc.constr".to_owned());
        }
        self.yosys(ToolRun {
            id: StageId::new(Stage::Synthesis, part),
            tool: self.yosys,
            args: yosys_args(&script),
            inputs,
            outputs: vec![output.clone()],
            log: log.clone(),
            logged: Some((yosys::ABC_STATS, yosys::STATS_HEAD)),
            limit: self.config.timeout,
        })?;
        let delay_ps = yosys::parse_abc_delay(&self.read(&log)?)
            .map_err(|error| error.at(self.config.out_dir.join(&log)))?;
        let report = UnitReport { unit: name.clone(), recipe: recipe.to_owned(), delay_ps };
        Ok(Mapped { file: output, report })
    }

    /// Buffers for the inputs of units, if the library has a buffer.
    fn pads(&self) -> Option<yosys::Pads<'_>> {
        let buffer = self.library.parsed.buffer_pins()?;
        Some(yosys::Pads { buffer, bare: &self.config.bare_ports })
    }

    /// Maps every module with the smallest recipe that meets `period_ps`, or the fastest if none does. Without
    /// a period, uses the default recipe. `order` is that of the cells in each module: 0 as Yosys writes them.
    pub fn map_all(
        &self,
        units: &[Unit],
        period_ps: Option<f64>,
        order: u32,
    ) -> Result<Vec<Mapped>, Error> {
        if order > 0 {
            for Unit { name, .. } in units {
                let text = self.read(&format!("units/{name}.il"))?;
                let text = rtlil::reordered(&text, order);
                self.write(&format!("units/{name}.order{order}.il"), &text)?;
            }
        }
        for recipe in &RECIPES {
            let text = yosys::abc_script(recipe.restructure, recipe.map);
            self.write(&format!("abc_{}.script", recipe.name), &text)?;
        }
        for_each(self.config.jobs, units, |unit| {
            let Some(period_ps) = period_ps else { return self.map(unit, &DEFAULT, order) };
            let budget_ps = budget_ps(period_ps, unit.has_registers);
            let [smallest, larger @ ..] = &RECIPES;
            let mut best = self.map(unit, smallest, order)?;
            for recipe in larger {
                if best.report.delay_ps <= budget_ps {
                    break;
                }
                let mapped = self.map(unit, recipe, order)?;
                if mapped.report.delay_ps < best.report.delay_ps {
                    best = mapped;
                }
            }
            Ok(best)
        })
    }

    /// Links and times mapped units in `dir` (empty, or with a slash at its end).
    pub fn finish(&self, mapped: &[Mapped], dir: &str, period_ps: f64) -> Result<Netlist, Error> {
        let part = |what: &str| {
            if dir.is_empty() { what.to_owned() } else { format!("{what} {dir}") }
        };
        let library = &self.library.parsed;
        let file = |name: &str| format!("{dir}{name}");
        let units: Vec<_> = mapped.iter().map(|unit| unit.file.clone()).collect();
        let (high, low) = (library.tie(true), library.tie(false));
        let script = yosys::link_script(&self.design, &units, dir, high, low);
        self.write(&file("link.ys"), &script)?;
        let mut inputs = units;
        inputs.extend([file("link.ys"), CELLS.to_owned()]);
        self.yosys(ToolRun {
            id: StageId::new(Stage::Synthesis, part("link").trim_end_matches('/')),
            tool: self.yosys,
            args: yosys_args(&file("link.ys")),
            inputs,
            outputs: ["stat.txt", "stat.json", "netlist.v", "netlist_sta.v"].map(file).to_vec(),
            log: file("link.log"),
            logged: None,
            limit: self.config.timeout,
        })?;
        let out = &self.config.out_dir;
        let stat_json = out.join(file("stat.json"));
        let modules = yosys::parse_stat_json(&self.read(&file("stat.json"))?)
            .map_err(|error| error.at(&stat_json))?;
        let summary = summarise(&modules, &self.config.top, Some(library), &stat_json)?;
        let stated = yosys::parse_chip_area(&self.read(&file("stat.txt"))?, &self.config.top)
            .map_err(|error| error.at(out.join(file("stat.txt"))))?;
        check_area(&summary, stated)?;

        let conditions = library.operating_conditions.as_deref();
        let clock = &self.config.clock;
        let script = sta::script(&self.config.top, dir, clock, period_ps, conditions);
        self.write(&file("timing.tcl"), &script)?;
        let log = file(sta::LOG);
        let id = match dir.trim_end_matches('/') {
            "" => StageId::whole(Stage::Timing),
            dir => StageId::new(Stage::Timing, dir),
        };
        let step = ToolRun {
            id,
            tool: self.sta,
            args: sta::args(&file("timing.tcl")),
            inputs: vec![file("netlist_sta.v"), CELLS.to_owned(), file("timing.tcl")],
            outputs: Vec::new(),
            log: log.clone(),
            logged: None,
            limit: self.config.timeout,
        };
        self.cache.run(&step, self.on_progress, &exit_status::sta_end)?;
        let timing =
            sta::parse(&self.read(&log)?, period_ps).map_err(|error| error.at(out.join(&log)))?;
        Ok(Netlist {
            summary,
            timing,
            scripts: ["link.ys", "timing.tcl"].map(file).to_vec(),
            logs: vec![file("link.log"), log],
        })
    }
}

impl Mapped {
    /// Names of the scripts that made it, ABC's last.
    pub fn scripts(&self) -> [String; 2] {
        let script = self.file.replace(".il", ".ys");
        [script, format!("abc_{}.script", self.report.recipe)]
    }

    /// Name of its log.
    pub fn log(&self) -> String {
        self.file.replace(".il", ".log")
    }
}

/// Arguments that make Yosys run one script.
pub(crate) fn yosys_args(script: &str) -> Vec<String> {
    ["-Q", "-T", "-s", script].map(str::to_owned).to_vec()
}

/// Compares the area computed from cell counts with the area that Yosys prints.
fn check_area(summary: &Summary, stated: f64) -> Result<(), Error> {
    let counted = summary.area_um2.unwrap_or(f64::NAN);
    // Yosys adds in another order and prints six decimals. NaN and zero also fail.
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
