//! Converts activity into energy: writes files for OpenSTA, runs it, and sums energy by cell, part and module.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use flexmac_fileio::bounded;
use flexmac_record::{
    DefaultActivityEstimate, Energy, PowerCase, PowerPart, PowerReport, RecordFile, Schema,
};
use flexmac_synth::liberty::Library;
use flexmac_synth::netlist::{FlatNetlist, PortDirection, Signal};
use flexmac_synth::yosys::{fill, source_name};

use crate::cases::Run;
use crate::clock;
use crate::error::{Error, io_error};
use crate::gated::{Gated, GatedTree};
use crate::gates::Gates;
use crate::memory;
use crate::readings::{Log, Watts, cell_powers};

const POWER: &str = include_str!("../scripts/power.tcl");
const ESTIMATE: &str = include_str!("../scripts/estimate.tcl");
const CLOCK: &str = include_str!("../scripts/clock.tcl");
const VERSIONS: &str = include_str!("../scripts/versions.tcl");
const CELLS: &str = "cells.lib";

/// Settings of a measurement.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration in words, for the report.
    pub config: String,
    /// Clock period in picoseconds; none to use the period of the synthesis.
    pub period_ps: Option<f64>,
    /// Pins or buffers that a buffer of the clock tree drives.
    pub clock_fanout: usize,
    /// Energy per bit read from operand memory, in picojoules; none to scale a published figure to the library.
    pub memory_pj_per_bit: Option<f64>,
    /// Operand bits read in a pass-cycle.
    pub memory_bits: usize,
    /// Keep the cell library and the power of each cell in the output folder.
    pub keep: bool,
    /// Time limit of each OpenSTA run.
    pub timeout: Duration,
}

/// Converts the activity of the runs into energy. Scripts, netlist, activities and logs stay in `out`, and
/// `power.json` is written there at the end.
///
/// # Errors
/// A library that lacks a flip-flop, a buffer or an inverter; an OpenSTA run that fails; implausible
/// numbers, such as an internal power of zero.
pub fn measure(
    gates: &Gates,
    runs: &[Run],
    settings: &Settings,
    out: &Path,
) -> Result<PowerReport, Error> {
    let library = &gates.library;
    fs::create_dir_all(out).map_err(io_error("create", out))?;
    let write = |name: &str, text: &[u8]| {
        let path = out.join(name);
        fs::write(&path, text).map_err(io_error("write", path))
    };
    let remove = |name: &str| match fs::remove_file(out.join(name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io_error("remove", out.join(name))(error))
        }
        _ => Ok(()),
    };
    remove("power.json")?;
    let missing = |expected| Error::Library { library: library.name.clone(), expected };
    let clock = gates.clock_net().ok_or_else(|| Error::Netlist {
        path: gates.folder.clone(),
        expected: "a clock port clk_i".to_owned(),
        found: "none".to_owned(),
    })?;
    let timing = gates.report.timing.as_ref();
    let period_ps = match (settings.period_ps, timing) {
        (Some(period_ps), _) => period_ps,
        (None, Some(timing)) => timing.period_ps,
        (None, None) => return Err(missing("a timing report beside the netlist")),
    };
    let conditions = library.operating_conditions.as_deref();
    let conditions = conditions.map(|name| format!("set_operating_conditions {name}"));
    let conditions = conditions.unwrap_or_default();
    let period = format!("{period_ps}");

    // Loads and memory first, so that an incomplete library is refused before minutes of work.
    let memory = memory::model(library, settings.memory_bits, settings.memory_pj_per_bit)?;
    let plan = clock::plan(&gates.netlist, library, clock, settings.clock_fanout)?;
    let stimulus = Stimulus::new(&gates.netlist, library, clock)
        .ok_or_else(|| missing("a flip-flop with clock and data to replace inputs"))?;

    write(CELLS, gates.canonical_library.as_bytes())?;
    let gated = Gated::new(&gates.netlist, library);
    let (probes, still) = gated.probes(library);
    let names = gated.probe_names();
    write("clock.v", plan.verilog(&probes).as_bytes())?;
    let loads = [format!("{:.4}", plan.leaf_ff), format!("{:.4}", plan.branch_ff)];
    let versions = versions(&period);
    let values = [
        ("VERSIONS", versions.as_str()),
        ("PERIOD_PS", &period),
        ("CONDITIONS", &conditions),
        ("LEAF_FF", &loads[0]),
        ("BRANCH_FF", &loads[1]),
        ("PROBES", &names.join(" ")),
        ("STILL", &still),
    ];
    write("clock.tcl", fill(CLOCK, &values).as_bytes())?;
    let log = run(out, "clock", settings.timeout)?;
    let activities = match log.marked("FLEXMAC activity_unit ", 1)?[0] {
        1.0 => Activities::OfPins,
        _ => Activities::OfPinsVisited,
    };
    if activities == Activities::OfPinsVisited && gated.counts.gates > 0 {
        return Err(Error::ClockGates { gates: gated.counts.gates });
    }
    let [leaf, branch] = [log.marked("FLEXMAC leaf ", 2)?, log.marked("FLEXMAC branch ", 2)?];
    let both = |watts: &[f64]| (watts[0] + watts[1]) * period_ps; // W * ps = pJ
    let clock_tree = plan.with_energy(both(&leaf), both(&branch));
    let fanout = settings.clock_fanout;
    let input = branch[1] / fanout as f64; // per buffer that a branch drives
    let gated_tree = GatedTree { fanout, leaf: leaf[0] + input, branch: branch[0] + input };

    let clocked = names
        .iter()
        .map(|name| Ok(log.marked(&format!("FLEXMAC {name} "), 1)?[0]))
        .collect::<Result<Vec<f64>, Error>>()?;

    let estimate = estimate(gates, &write, out, &period, &conditions, settings.timeout)?;

    write("power.v", power_netlist(&gates.netlist, &stimulus, activities).as_bytes())?;
    let pins = pins(&gates.netlist, &stimulus, clock, activities);
    let names: String = pins.iter().map(|(name, _)| format!("{name}\n")).collect();
    write("pins.txt", names.as_bytes())?;
    write("gated.txt", gated.pins(&gates.netlist).as_bytes())?;
    for (index, run) in runs.iter().enumerate() {
        let mut text = String::new();
        for (_, signal) in &pins {
            let (toggles, ones) = match signal {
                Signal::Constant(value) => (0.0, f64::from(u8::from(*value))),
                Signal::Net(net) => run.activity[*net as usize],
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{toggles:.6} {ones:.6}");
        }
        write(&format!("activity_{index}.txt"), text.as_bytes())?;
    }
    let cases = format!("{}", runs.len());
    let values = [
        ("CASES", cases.as_str()),
        ("VERSIONS", &versions),
        ("PERIOD_PS", &period),
        ("CONDITIONS", &conditions),
    ];
    write("power.tcl", fill(POWER, &values).as_bytes())?;
    let log = run(out, "power", settings.timeout)?;
    log.check_period(period_ps)?;
    let mut measured = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let path = out.join(format!("power_{index}.txt"));
        let text = bounded::text(&path, bounded::DATA).map_err(io_error("read", &path))?;
        let registers = stimulus.registers().count();
        let mut cells = cell_powers(&text, gates.netlist.cells.len(), registers, &path)?;
        log.check_total(index, &cells)?;
        let beyond = (&clocked[..], &gated_tree);
        let held_back = gated.correct(&gates.netlist, beyond, &run.activity, &mut cells);
        measured.push(case(gates, run, &cells[..gates.netlist.cells.len()], period_ps, |case| {
            let per_pass = run.cycles / run.compute_cycles;
            case.held_back_pj = held_back * period_ps * per_pass; // W * ps = pJ
            case.clock_tree_pj = clock_tree.cycle_pj * per_pass;
            case.memory_pj = memory.pass_cycle_pj();
            let per_cycle = case.cells.times(1.0 / per_pass);
            case.estimate_ratio =
                estimate.map(|estimate| estimate.cells.total() / per_cycle.total());
        }));
        if !settings.keep {
            remove(&format!("power_{index}.txt"))?;
        }
    }
    if !settings.keep {
        remove(CELLS)?;
    }
    for (index, case) in measured.iter().enumerate() {
        if case.cells.internal_pj <= 0.0 {
            return Err(Error::Implausible {
                what: format!("internal power of {} {}", case.mode, case.role.name()),
                expected: "above 0".to_owned(),
                found: format!("{}", case.cells.internal_pj),
                log: out.join(format!("power.log (case {index})")),
            });
        }
    }
    let tools = gates.report.tools.clone();
    let report = PowerReport {
        schema: Schema::CURRENT,
        config: settings.config.clone(),
        netlist: gates.folder.display().to_string(),
        library: gates.report.library.clone().expect("Gates::read checked it"),
        tools,
        period_ps,
        cells: gates.netlist.cells.len(),
        nets: gates.netlist.nets,
        clock_gates: gated.counts,
        clock_tree,
        memory,
        estimate,
        cases: measured,
    };
    let path = out.join("power.json");
    report.write(&path).map_err(io_error("write", path))?;
    Ok(report)
}

/// A function that writes a file of the output folder.
type Write<'a> = &'a dyn Fn(&str, &[u8]) -> Result<(), Error>;

/// OpenSTA's estimate from its default activity, on the synthesized netlist, for comparison. None if OpenSTA
/// fails: version 2.0.17 crashes on some netlists while it propagates its default activity.
fn estimate(
    gates: &Gates,
    write: Write<'_>,
    out: &Path,
    period: &str,
    conditions: &str,
    timeout: Duration,
) -> Result<Option<DefaultActivityEstimate>, Error> {
    let from = gates.folder.join("netlist_sta.v");
    let text = fs::read(&from).map_err(io_error("read", &from))?;
    write("netlist_sta.v", &text)?;
    let values = [
        ("TOP", gates.report.top.as_str()),
        ("CLOCK", "clk_i"),
        ("VERSIONS", &versions(period)),
        ("PERIOD_PS", period),
        ("CONDITIONS", conditions),
    ];
    write("estimate.tcl", fill(ESTIMATE, &values).as_bytes())?;
    let numbers = match run(out, "estimate", timeout) {
        Ok(log) => log.marked("FLEXMAC estimate ", 4)?,
        Err(Error::Synth(flexmac_synth::Error::ToolFailed { .. })) => return Ok(None),
        Err(error) => return Err(error),
    };
    let period_ps: f64 = period.parse().unwrap_or(f64::NAN);
    let cells = energy(&[numbers[0], numbers[1], numbers[2]], period_ps);
    if cells.internal_pj > 0.0 {
        return Ok(Some(DefaultActivityEstimate { cells, still_cells: numbers[3] as usize }));
    }
    Err(Error::Implausible {
        what: "internal power of OpenSTA's estimate".to_owned(),
        expected: "above 0".to_owned(),
        found: format!("{}", cells.internal_pj),
        log: out.join("estimate.log"),
    })
}

/// Commands for any version of OpenSTA that define `corner` and `activity_unit`.
fn versions(period_ps: &str) -> String {
    fill(VERSIONS, &[("PERIOD_PS", period_ps)])
}

fn run(out: &Path, name: &str, timeout: Duration) -> Result<Log, Error> {
    let log = format!("{name}.log");
    let (text, _) = flexmac_synth::opensta(out, &format!("{name}.tcl"), &log, timeout)?;
    Log::finished(text, out.join(log))
}

/// What a version of OpenSTA does with the activity of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activities {
    /// Uses it: version 2.0.
    OfPins,
    /// Uses it if its propagation of activities reaches the pin: versions since 2025. power.tcl checks that it
    /// has reached all.
    OfPinsVisited,
}

/// Registers that replace inputs and constants. Their clear or preset stays unconnected.
struct Stimulus {
    cell: String,
    clock: String,
    data: String,
    output: String,
    clock_net: Signal,
    /// The nets that they drive. Two more registers drive the constants 0 and 1.
    nets: Vec<u32>,
}

impl Stimulus {
    fn new(netlist: &FlatNetlist, library: &Library, clock: Signal) -> Option<Self> {
        let flip_flop = library.flip_flop()?;
        let inputs = netlist.ports.iter().filter(|port| port.direction == PortDirection::Input);
        let mut nets: Vec<u32> = inputs
            .flat_map(|port| &port.bits)
            .filter(|bit| **bit != clock)
            .filter_map(|bit| match bit {
                Signal::Net(net) => Some(*net),
                Signal::Constant(_) => None,
            })
            .collect();
        nets.sort_unstable();
        nets.dedup();
        Some(Self {
            cell: flip_flop.cell.to_owned(),
            clock: flip_flop.clock.to_owned(),
            data: flip_flop.data.to_owned(),
            output: flip_flop.output.to_owned(),
            clock_net: clock,
            nets,
        })
    }

    /// Names of the registers and the signals that they replace.
    fn registers(&self) -> impl Iterator<Item = (String, Signal)> {
        let nets = self.nets.iter().map(|net| (format!("s{net}"), Signal::Net(*net)));
        nets.chain(
            [false, true].map(|value| {
                (format!("s_{}", name(Signal::Constant(value))), Signal::Constant(value))
            }),
        )
    }
}

fn name(signal: Signal) -> String {
    match signal {
        Signal::Constant(false) => "zero".to_owned(),
        Signal::Constant(true) => "one".to_owned(),
        Signal::Net(net) => format!("n{net}"),
    }
}

/// The netlist for OpenSTA: cells `u0`, `u1`, ..., registers in place of inputs, and a clock.
fn power_netlist(netlist: &FlatNetlist, stimulus: &Stimulus, activities: Activities) -> String {
    let clock = stimulus.clock_net;
    let at = |signal: Signal| if signal == clock { "clk_i".to_owned() } else { name(signal) };
    // Where activities of pins are used only on the way of a propagation, an input starts it.
    let (header, input) = match activities {
        Activities::OfPins => ("(clk_i);\n  input clk_i;", "zero"),
        Activities::OfPinsVisited => {
            ("(clk_i, start_i);\n  input clk_i;\n  input start_i;", "start_i")
        }
    };
    let mut text = format!("module flexmac_power {header}\n  wire zero;\n  wire one;\n");
    for net in 0..netlist.nets {
        let _ = writeln!(text, "  wire n{net};");
    }
    for (register, signal) in stimulus.registers() {
        let Stimulus { cell, clock, data, output, .. } = stimulus;
        let _ = writeln!(
            text,
            "  {cell} {register} (.{clock}(clk_i), .{data}({input}), .{output}({}));",
            at(signal)
        );
    }
    for (index, cell) in netlist.cells.iter().enumerate() {
        let pins: Vec<String> =
            cell.pins.iter().map(|(pin, signal)| format!(".{pin}({})", at(*signal))).collect();
        let _ = writeln!(text, "  {} u{index} ({});", cell.kind, pins.join(", "));
    }
    text.push_str("endmodule\n");
    text
}

/// Every pin except those on the clock, and the signal whose activity it has.
fn pins(
    netlist: &FlatNetlist,
    stimulus: &Stimulus,
    clock: Signal,
    activities: Activities,
) -> Vec<(String, Signal)> {
    let mut pins = Vec::new();
    for (register, signal) in stimulus.registers() {
        if activities == Activities::OfPins {
            pins.push((format!("{register}/{}", stimulus.data), Signal::Constant(false)));
        }
        pins.push((format!("{register}/{}", stimulus.output), signal));
    }
    for (index, cell) in netlist.cells.iter().enumerate() {
        for (pin, signal) in cell.pins.iter().filter(|(_, signal)| *signal != clock) {
            pins.push((format!("u{index}/{pin}"), *signal));
        }
    }
    pins
}

fn energy(watts: &Watts, period_ps: f64) -> Energy {
    let [internal_pj, switching_pj, leakage_pj] = watts.map(|watts| watts * period_ps); // W * ps
    Energy { internal_pj, switching_pj, leakage_pj }
}

/// Sums the cells of a case. `complete` adds the energies that do not come from cells.
fn case(
    gates: &Gates,
    run: &Run,
    cells: &[Watts],
    period_ps: f64,
    complete: impl FnOnce(&mut PowerCase),
) -> PowerCase {
    let netlist = &gates.netlist;
    let per_pass = run.cycles / run.compute_cycles;
    let part_of = PartOfInstance::new(netlist);
    let (mut sequential, mut combinational) = (Energy::default(), Energy::default());
    let mut parts: BTreeMap<&str, (Energy, u64)> = BTreeMap::new();
    let mut modules: BTreeMap<&str, (Energy, u64)> = BTreeMap::new();
    let clock = gates.clock_net();
    for (cell, watts) in netlist.cells.iter().zip(cells) {
        let energy = energy(watts, period_ps).times(per_pass);
        let known = gates.library.cells.get(&cell.kind);
        let group = if known.is_some_and(|cell| cell.sequential) {
            &mut sequential
        } else {
            &mut combinational
        };
        group.add(&energy);
        let pins = cell.pins.iter().filter(|(_, signal)| Some(*signal) == clock).count() as u64;
        let module = source_name(&netlist.instances[cell.instance].module);
        for (sum, clock_pins) in [
            parts.entry(part_of.part[cell.instance]).or_default(),
            modules.entry(module).or_default(),
        ] {
            sum.add(&energy);
            *clock_pins += pins;
        }
    }
    let mut total = sequential;
    total.add(&combinational);
    let list = |energies: BTreeMap<&str, (Energy, u64)>, count: &dyn Fn(&str) -> u64| {
        let part = |(name, (energy, clock_pins)): (&str, (Energy, u64))| PowerPart {
            name: name.to_owned(),
            instances: count(name),
            clock_pins,
            energy,
        };
        energies.into_iter().map(part).collect()
    };
    let instances = |wanted: &str| {
        netlist.instances.iter().filter(|i| source_name(&i.module) == wanted).count() as u64
    };
    let clocked = run.activity.len().max(1) as f64;
    let mut case = PowerCase {
        mode: run.mode.to_string(),
        role: run.role,
        samples: run.samples.clone(),
        toggles_per_net: run.activity.iter().map(|(toggles, _)| toggles).sum::<f64>() / clocked,
        compute_share: 1.0 / per_pass,
        mac_passes_per_pass_cycle: run.mac_passes / run.compute_cycles,
        drained_per_pass_cycle: run.drained / run.compute_cycles,
        cells: total,
        sequential,
        combinational,
        held_back_pj: 0.0,
        clock_tree_pj: 0.0,
        memory_pj: 0.0,
        total_pj: 0.0,
        mac_pass_pj: 0.0,
        mac_pj: 0.0,
        parts: list(parts, &|_| 1),
        modules: list(modules, &instances),
        estimate_ratio: None,
    };
    complete(&mut case);
    case.total_pj = case.cells.total() + case.clock_tree_pj + case.memory_pj;
    case.mac_pass_pj = case.total_pj * run.compute_cycles / run.mac_passes;
    case.mac_pj = case.total_pj * run.compute_cycles / run.macs;
    case
}

/// The part of the design that each module instance belongs to.
struct PartOfInstance {
    part: Vec<&'static str>,
}

impl PartOfInstance {
    fn new(netlist: &FlatNetlist) -> Self {
        if netlist.instances.len() == 1 {
            return Self { part: vec!["core"] };
        }
        let modules: BTreeMap<&str, &str> = netlist
            .instances
            .iter()
            .map(|instance| (instance.path.as_str(), source_name(&instance.module)))
            .collect();
        let part = |path: &str| {
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            let within = |names: &[&str]| {
                ends.clone().any(|end| names.contains(modules.get(&path[..end]).unwrap_or(&"")))
            };
            if within(&["flexmac_pe", "flexmac_fixed_pe", "flexmac_float_pe"]) {
                "PEs"
            } else if within(&["flexmac_column"]) {
                "columns"
            } else if within(&["flexmac_array"]) {
                "rows"
            } else if within(&["flexmac_requant", "flexmac_float_edge"]) {
                "edge"
            } else {
                "control"
            }
        };
        Self { part: netlist.instances.iter().map(|instance| part(&instance.path)).collect() }
    }
}
