//! Drives the pins of `flexmac_core`: clock, handshakes, operand reads. It handles single beats;
//! `simulate.rs` decides which beats to send, and when.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use flexmac_array::{ArrayConfig, Command, Cycles, Schedule};
use flexmac_fxp::{Counters, Requantizer};
use flexmac_rtlgen::{SourceFile, TOP};
use verilated::{
    BuildSpec, BusIn, BusOut, Cache, InPort, Library, Model, OutPort, PowerUp, TraceKind,
};

use crate::activity::{Activity, ActivityCounter};
use crate::error::SimulationError;
use crate::loops;
use crate::pack::{DEAD, get_signed, put_bits};

/// The cache of models: `$FLEXMAC_CACHE`, else `$XDG_CACHE_HOME/flexmac`, else `~/.cache/flexmac`.
///
/// # Errors
/// [`verilated::Error::NoCacheFolder`] if neither variable is set and there is no home folder.
pub fn model_cache() -> Result<Cache, verilated::Error> {
    Cache::of_application("flexmac")
}

/// The build of a model of `top` from `sources`, with as many compilers at a time as there are
/// threads for the simulation.
pub(crate) fn model_spec(top: &str, trace: TraceKind, sources: &[SourceFile]) -> BuildSpec {
    let jobs = NonZeroUsize::new(rayon::current_num_threads()).unwrap_or(NonZeroUsize::MIN);
    // Verilator gets one flat folder, in which file names equal module names.
    sources.iter().fold(BuildSpec::new(top).trace(trace).jobs(jobs), |spec, file| {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        spec.source(name, &file.text)
    })
}

/// The kind of design that a model is built from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Build<'a> {
    /// RTL, the array in the form for simulation where there is one (`loops.rs`).
    Rtl,
    /// RTL as it is written. If a file is named, waves of every cycle are written to it.
    Written(Option<&'a Path>),
    /// A mapped netlist with the models of its cells. If it has probes, its activity is counted.
    Gates,
}

/// Random delays of handshakes, for tests: in each cycle, each channel is held back with a given
/// probability, from a seeded stream.
#[derive(Debug, Clone, Copy)]
pub struct Stalls {
    /// Seed of the stream.
    pub seed: u64,
    /// Probability of a delay per cycle, in 256ths.
    pub chance: u8,
}

impl Stalls {
    /// Whether to hold the channel back in this cycle.
    pub(crate) fn late(&mut self) -> bool {
        // Knuth's MMIX multiplier; the upper bits are the random ones.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 56) < u64::from(self.chance)
    }
}

/// The transfers that happen at the coming clock edge, and whether the core is busy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handshakes {
    pub command: bool,
    pub preload: bool,
    pub seed: bool,
    pub result: bool,
    /// Addresses of A and B, if the core reads operands.
    pub read: Option<(usize, usize)>,
    /// A command or a result is on its way.
    pub busy: bool,
}

/// An input channel with a valid-ready handshake.
#[derive(Debug, Clone, Copy)]
struct Channel {
    valid: InPort,
    ready: OutPort,
    /// A beat is on the data pins, but `valid` may still be delayed.
    waiting: bool,
    /// `valid` is high. It stays high until the beat is accepted.
    raised: bool,
}

impl Channel {
    fn new(model: &Model, name: &str) -> Result<Self, verilated::Error> {
        Ok(Self {
            valid: model.port(&format!("{name}_valid_i"))?.input()?,
            ready: model.port(&format!("{name}_ready_o"))?.output()?,
            waiting: false,
            raised: false,
        })
    }

    /// Whether the beat is transferred at the coming edge.
    fn transfers(&self, model: &Model) -> bool {
        self.raised && model.get(self.ready) == 1
    }

    /// Lowers `valid`: the beat was accepted, and there is no other one yet.
    fn clear(&mut self) {
        self.waiting = false;
        self.raised = false;
    }

    /// Drives `valid`: raises it if a beat is waiting and not delayed.
    fn drive(&mut self, model: &mut Model, late: bool) {
        self.raised |= self.waiting && !late;
        model.set(self.valid, u64::from(self.raised));
    }
}

/// Handles of the core's ports, by name without suffix.
struct Ports {
    clk: InPort,
    mode_shift: InPort,
    mode_bits: InPort,
    mode_round: InPort,
    /// Float arrays alone have it.
    mode_format: Option<InPort>,
    cmd_planes_a: InPort,
    cmd_planes_b: InPort,
    cmd_words: InPort,
    cmd_rows: InPort,
    cmd_cols: InPort,
    cmd_base: InPort,
    cmd_emit: InPort,
    cmd_bank: InPort,
    op_ren: OutPort,
    op_addr_a: OutPort,
    op_addr_b: OutPort,
    op_a: BusIn,
    op_b: BusIn,
    pre_data: BusIn,
    seed_data: BusIn,
    res_valid: OutPort,
    res_ready: InPort,
    res_data: BusOut,
    sum_valid: BusOut,
    sum_data: BusOut,
    busy: OutPort,
    ctr_clear: InPort,
    counters: [OutPort; COUNTERS.len()],
}

/// The port that selects the format of each operand of 8 bits.
const MODE_FORMAT: &str = "mode_format_i";

/// Counter ports, in the order in which [`Driver::counters`] reads them.
const COUNTERS: [&str; 10] = [
    "ctr_busy_o",
    "ctr_compute_o",
    "ctr_stall_o",
    "ctr_load_o",
    "ctr_blocked_o",
    "ctr_emitted_o",
    "ctr_low_o",
    "ctr_high_o",
    "ctr_magnitude_o",
    "ctr_error_o",
];

impl Ports {
    fn new(model: &Model) -> Result<Self, verilated::Error> {
        let input = |name: &str| model.port(name)?.input();
        let output = |name: &str| model.port(name)?.output();
        let bus_in = |name: &str| model.port(name)?.bus_input();
        let bus_out = |name: &str| model.port(name)?.bus_output();
        let mut counters = [output(COUNTERS[0])?; COUNTERS.len()];
        for (port, name) in counters.iter_mut().zip(COUNTERS) {
            *port = output(name)?;
        }
        Ok(Self {
            clk: input("clk_i")?,
            mode_shift: input("mode_shift_i")?,
            mode_bits: input("mode_bits_i")?,
            mode_round: input("mode_round_i")?,
            mode_format: match model.library().ports().iter().any(|port| port.name == MODE_FORMAT) {
                true => Some(input(MODE_FORMAT)?),
                false => None,
            },
            cmd_planes_a: input("cmd_planes_a_i")?,
            cmd_planes_b: input("cmd_planes_b_i")?,
            cmd_words: input("cmd_words_i")?,
            cmd_rows: input("cmd_rows_i")?,
            cmd_cols: input("cmd_cols_i")?,
            cmd_base: input("cmd_base_i")?,
            cmd_emit: input("cmd_emit_i")?,
            cmd_bank: input("cmd_bank_i")?,
            op_ren: output("op_ren_o")?,
            op_addr_a: output("op_addr_a_o")?,
            op_addr_b: output("op_addr_b_o")?,
            op_a: bus_in("op_a_i")?,
            op_b: bus_in("op_b_i")?,
            pre_data: bus_in("pre_data_i")?,
            seed_data: bus_in("seed_data_i")?,
            res_valid: output("res_valid_o")?,
            res_ready: input("res_ready_i")?,
            res_data: bus_out("res_data_o")?,
            sum_valid: bus_out("sum_valid_o")?,
            sum_data: bus_out("sum_data_o")?,
            busy: output("busy_o")?,
            ctr_clear: input("ctr_clear_i")?,
            counters,
        })
    }
}

/// One model of the core, and its pins.
pub(crate) struct Driver {
    model: Model,
    ports: Ports,
    command: Channel,
    preload: Channel,
    seed: Channel,
    result_ready: bool,
    /// The bank of the last command; commands alternate between the two.
    bank: bool,
    stalls: Option<Stalls>,
    traced: bool,
    probes: Option<Probes>,
    /// Half clock periods since the model was created: the time axis of waves.
    time: u64,
    sum_bits: u32,
    cols: usize,
    /// Buffers for wide ports, reused for every beat.
    buffers: PortBuffers,
}

/// The probes of a netlist, which take a snapshot of all nets on request.
struct Probes {
    trigger: InPort,
    snapshot: BusOut,
    words: Vec<u32>,
    counter: ActivityCounter,
}

impl Probes {
    /// The probes of a library that has them.
    fn find(library: &Library) -> Result<Option<Self>, verilated::Error> {
        if !library.ports().iter().any(|port| port.name == PROBE_TRIGGER) {
            return Ok(None);
        }
        let snapshot = library.port(PROBE_SNAPSHOT)?.bus_output()?;
        Ok(Some(Self {
            trigger: library.port(PROBE_TRIGGER)?.input()?,
            snapshot,
            words: vec![0; snapshot.words()],
            counter: ActivityCounter::new(snapshot.bits() as usize),
        }))
    }
}

/// The words of each wide port.
struct PortBuffers {
    preload: Vec<u32>,
    seed: Vec<u32>,
    result: Vec<u32>,
    sum: Vec<u32>,
    sum_valid: Vec<u32>,
    /// Zeros, for a read that no bank answers.
    no_operand_a: Vec<u32>,
    no_operand_b: Vec<u32>,
}

/// With `$FLEXMAC_CXXFLAGS`, a model of the RTL is compiled with these flags in place of the usual
/// ones, and not for the processor of this machine: `-O1` halves the time of a build, which pays off
/// where a model runs for seconds.
pub(crate) fn with_flags_of_environment(spec: BuildSpec) -> BuildSpec {
    match std::env::var("FLEXMAC_CXXFLAGS") {
        Ok(flags) if !flags.trim().is_empty() => {
            spec.cxx_flags(flags.split_whitespace()).portable()
        }
        _ => spec,
    }
}

impl Driver {
    /// What the Verilator that builds models here prints about its version.
    pub fn verilator_version(&self) -> &str {
        self.model.library().verilator_version()
    }

    /// Builds, loads and resets a model.
    pub fn new(
        config: &ArrayConfig,
        sources: &[SourceFile],
        build: Build<'_>,
    ) -> Result<Self, SimulationError> {
        let trace = match build {
            Build::Written(trace) => trace,
            Build::Rtl | Build::Gates => None,
        };
        let kind = match trace {
            None => TraceKind::None,
            Some(path) if path.extension().is_some_and(|extension| extension == "vcd") => {
                TraceKind::Vcd
            }
            Some(_) => TraceKind::Fst,
        };
        let in_loops = matches!(build, Build::Rtl).then(|| loops::in_loops(config, sources));
        let in_loops = in_loops.flatten();
        let mut spec = model_spec(TOP, kind, in_loops.as_deref().unwrap_or(sources));
        if in_loops.is_some() {
            spec = spec.cxx_flags(loops::CXX_FLAGS).native();
        }
        if matches!(build, Build::Gates) {
            // A netlist gives hundreds of bytes of C++ per cell: compile it in small files, and
            // with -O1, since there are no loops to optimize.
            for flag in ["-Wno-lint", "--output-split", "20000", "--output-split-cfuncs", "2000"] {
                spec = spec.verilator_flag(flag);
            }
            spec = spec.cxx_flags(["-O1"]);
        } else {
            spec = with_flags_of_environment(spec);
        }
        let library = spec.build(&model_cache()?)?;
        check_ports(config, &library).map_err(|source| SimulationError::Design {
            summary: config.summary(),
            source: Box::new(source),
        })?;
        Self::load(config, &library, trace, POWER_UP_SEED)
    }

    /// Time of the last evaluation in the waves, in half clock periods; none without waves.
    pub fn wave_time(&self) -> Option<u64> {
        // At least 1: reset evaluates the model.
        self.traced.then(|| self.time - 1)
    }

    /// Closes the waves. Reports a full disk, if that has not happened before.
    pub fn close_waves(&mut self) -> Result<(), SimulationError> {
        self.traced = false;
        Ok(self.model.trace_close()?)
    }

    /// Creates another instance of this model, reset and without waves. `index` selects the random
    /// values of its registers before the reset.
    pub fn another(&self, config: &ArrayConfig, index: u64) -> Result<Self, SimulationError> {
        Self::load(config, self.model.library(), None, POWER_UP_SEED + index)
    }

    /// Loads and resets an instance.
    fn load(
        config: &ArrayConfig,
        library: &Arc<Library>,
        trace: Option<&Path>,
        power_up: u64,
    ) -> Result<Self, SimulationError> {
        // Registers without reset must not matter, so they start with random values.
        let mut model = library.model(PowerUp::Random(power_up))?;
        if let Some(path) = trace {
            model.trace_open(path)?;
        }
        let ports = Ports::new(&model)?;
        let buffer = |port: BusIn| vec![0; port.words()];
        let buffers = PortBuffers {
            preload: buffer(ports.pre_data),
            seed: buffer(ports.seed_data),
            result: vec![0; ports.res_data.words()],
            sum: vec![0; ports.sum_data.words()],
            sum_valid: vec![0; ports.sum_valid.words()],
            no_operand_a: buffer(ports.op_a),
            no_operand_b: buffer(ports.op_b),
        };
        let mut driver = Self {
            command: Channel::new(&model, "cmd")?,
            preload: Channel::new(&model, "pre")?,
            seed: Channel::new(&model, "seed")?,
            model,
            ports,
            result_ready: true,
            bank: false,
            stalls: None,
            traced: trace.is_some(),
            probes: Probes::find(library)?,
            time: 0,
            sum_bits: config.sum_bits(),
            cols: config.cols(),
            buffers,
        };
        driver.reset()?;
        Ok(driver)
    }

    /// Whether waves are written or activity is counted.
    pub fn is_observed(&self) -> bool {
        self.traced || self.probes.is_some()
    }

    /// Restarts the counting of activity, if the model has probes: skips the change since the last
    /// cycle.
    pub fn restart_activity(&mut self) {
        if let Some(probes) = &mut self.probes {
            probes.counter.restart();
        }
    }

    /// Counts the activity of this cycle, if the model has probes: takes a snapshot of the settled
    /// nets.
    pub fn count_activity(&mut self) -> Result<(), SimulationError> {
        let Some(probes) = &mut self.probes else { return Ok(()) };
        self.model.set(probes.trigger, 1);
        self.model.eval()?;
        self.model.set(probes.trigger, 0);
        self.model.read_bus(probes.snapshot, &mut probes.words);
        probes.counter.add(&probes.words);
        Ok(())
    }

    /// Returns the activity counted so far and resets it; none without probes.
    pub fn take_activity(&mut self) -> Option<Activity> {
        self.probes.as_mut().map(|probes| probes.counter.take())
    }

    pub fn set_stalls(&mut self, stalls: Stalls) {
        self.stalls = Some(stalls);
    }

    fn reset(&mut self) -> Result<(), SimulationError> {
        let reset = self.model.port("rst_ni")?.input()?;
        self.model.set(reset, 0);
        for _ in 0..2 {
            self.settle()?;
            self.clock_edge()?;
        }
        self.model.set(reset, 1);
        Ok(())
    }

    /// Sets the mode and clears the counters, with the core idle. `e5m2` says which operands, that on the rows and
    /// that on the columns, are 8-bit floats of this format.
    pub fn start(
        &mut self,
        requantizer: &Requantizer,
        e5m2: [bool; 2],
    ) -> Result<(), SimulationError> {
        // Shifts beyond these limits give the same results (docs/arithmetic.md).
        let shift = i64::from(requantizer.shift).clamp(-31, i64::from(self.sum_bits) + 24);
        let model = &mut self.model;
        model.set(self.ports.mode_shift, shift as u64 & 0xff); // two's complement of 8 bits
        model.set(self.ports.mode_bits, requantizer.bits.into());
        model.set(self.ports.mode_round, requantizer.rounding.encoding().into());
        if let Some(port) = self.ports.mode_format {
            let [rows, columns] = e5m2.map(u64::from);
            model.set(port, columns << 1 | rows);
        }
        model.set(self.ports.ctr_clear, 1);
        for channel in [&mut self.command, &mut self.preload, &mut self.seed] {
            channel.clear();
            channel.drive(model, false);
        }
        self.settle()?;
        self.clock_edge()?;
        self.model.set(self.ports.ctr_clear, 0);
        self.model.set(self.ports.res_ready, u64::from(self.result_ready));
        Ok(())
    }

    /// Lets the pins settle in the low phase of the clock, and returns the transfers of the coming
    /// edge.
    pub fn settle(&mut self) -> Result<Handshakes, SimulationError> {
        self.model.set(self.ports.clk, 0);
        self.evaluate()?;
        let (model, ports) = (&self.model, &self.ports);
        let reads = model.get(ports.op_ren) == 1;
        Ok(Handshakes {
            command: self.command.transfers(model),
            preload: self.preload.transfers(model),
            seed: self.seed.transfers(model),
            result: self.result_ready && model.get(ports.res_valid) == 1,
            // Cannot truncate: addresses have at most 16 bits.
            read: reads.then(|| {
                (model.get(ports.op_addr_a) as usize, model.get(ports.op_addr_b) as usize)
            }),
            busy: model.get(ports.busy) == 1,
        })
    }

    /// The rising edge of the clock.
    pub fn clock_edge(&mut self) -> Result<(), SimulationError> {
        self.model.set(self.ports.clk, 1);
        self.evaluate()
    }

    fn evaluate(&mut self) -> Result<(), SimulationError> {
        self.model.eval()?;
        if self.traced {
            self.model.trace_dump(self.time)?;
        }
        self.time += 1;
        Ok(())
    }

    /// After an edge: drives all valid signals, and ready for results.
    pub fn drive(&mut self) {
        let mut late = || self.stalls.as_mut().is_some_and(Stalls::late);
        self.command.drive(&mut self.model, late());
        self.preload.drive(&mut self.model, late());
        self.seed.drive(&mut self.model, late());
        let ready = !late();
        if ready != self.result_ready {
            self.result_ready = ready;
            self.model.set(self.ports.res_ready, u64::from(ready));
        }
    }

    /// Answers the read requested at the last edge. `None` answers with zeros: for a tile of zeros,
    /// and for an address outside the bank.
    pub fn answer_read(&mut self, a: Option<&[u32]>, b: Option<&[u32]>) {
        self.model.write_bus(self.ports.op_a, a.unwrap_or(&self.buffers.no_operand_a));
        self.model.write_bus(self.ports.op_b, b.unwrap_or(&self.buffers.no_operand_b));
    }

    /// Presents the next command, if there is one. `preloaded`: the sums of its tile start from
    /// preloads.
    pub fn present_command(
        &mut self,
        command: Option<&Command>,
        schedule: &Schedule,
        preloaded: bool,
    ) {
        self.command.clear();
        let Some(command) = command else { return };
        // What sums start from: 0 zero, 1 a preload, 2 the sums so far.
        let base = match (command.first, preloaded) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        };
        let (model, ports) = (&mut self.model, &self.ports);
        model.set(ports.cmd_planes_a, command.planes_a.into());
        model.set(ports.cmd_planes_b, command.planes_b.into());
        model.set(ports.cmd_words, schedule.words(command.k_len) as u64);
        model.set(ports.cmd_rows, command.rows_live as u64);
        model.set(ports.cmd_cols, command.cols_live as u64);
        model.set(ports.cmd_base, base);
        model.set(ports.cmd_emit, u64::from(command.last));
        self.bank = !self.bank;
        model.set(ports.cmd_bank, u64::from(self.bank));
        self.command.waiting = true;
    }

    /// Presents the next preload beat, if there is one: an initial sum per live column.
    pub fn present_preload(&mut self, beat: Option<impl Iterator<Item = i128>>) {
        self.preload.clear();
        let Some(beat) = beat else { return };
        self.buffers.preload.fill(0);
        let mut offset = 0;
        // Dead columns get a value that would show if the array used it.
        for sum in beat.chain(std::iter::repeat(DEAD.into())).take(self.cols) {
            put_bits(&mut self.buffers.preload, offset, self.sum_bits, sum);
            offset += self.sum_bits as usize;
        }
        self.model.write_bus(self.ports.pre_data, &self.buffers.preload);
        self.preload.waiting = true;
    }

    /// Presents the next seed beat, if there is one: a seed per column.
    pub fn present_seed(&mut self, beat: Option<impl Iterator<Item = u32>>) {
        self.seed.clear();
        let Some(beat) = beat else { return };
        for (word, seed) in self.buffers.seed.iter_mut().zip(beat) {
            *word = seed;
        }
        self.model.write_bus(self.ports.seed_data, &self.buffers.seed);
        self.seed.waiting = true;
    }

    /// The result beat on the pins, one value per column.
    pub fn results(&mut self) -> impl Iterator<Item = i32> {
        self.model.read_bus(self.ports.res_data, &mut self.buffers.result);
        // Each word is one 32-bit value.
        self.buffers.result.iter().map(|word| *word as i32)
    }

    /// The exact sums on the pins, as (column, sum). Columns present their sums in different
    /// cycles.
    pub fn sums(&mut self) -> impl Iterator<Item = (usize, i128)> {
        self.model.read_bus(self.ports.sum_valid, &mut self.buffers.sum_valid);
        let valid = &self.buffers.sum_valid;
        let any = valid.iter().any(|word| *word != 0);
        if any {
            self.model.read_bus(self.ports.sum_data, &mut self.buffers.sum);
        }
        let (image, bits) = (&self.buffers.sum, self.sum_bits);
        (0..if any { self.cols } else { 0 })
            .filter(|column| valid[column / 32] >> (column % 32) & 1 == 1)
            .map(move |column| (column, get_signed(image, column * bits as usize, bits)))
    }

    /// The core's counters since [`Self::start`].
    pub fn counters(&self) -> (Counters, Cycles) {
        let [busy, compute, stall, load, blocked, emitted, low, high, magnitude, error] =
            self.ports.counters.map(|port| self.model.get(port));
        let counters = Counters {
            emitted,
            overflow_low: low,
            overflow_high: high,
            magnitude_or: magnitude as u32, // a 32-bit port
            error_sum: error,
        };
        (counters, Cycles { busy, compute, stall, load, blocked })
    }
}

/// Checks the widths of all ports that depend on the configuration. Without it, a design of another
/// configuration would silently give wrong results.
fn check_ports(config: &ArrayConfig, library: &Library) -> Result<(), verilated::Error> {
    for (name, bits) in flexmac_rtlgen::port_bits(config) {
        library.port(name)?.expect_bits(bits)?;
    }
    Ok(())
}

/// The input of a netlist with probes whose rising edge takes a snapshot of all nets.
pub const PROBE_TRIGGER: &str = "flexmac_probe_i";
/// The output of a netlist with probes that holds the snapshot.
pub const PROBE_SNAPSHOT: &str = "flexmac_probe_o";

/// An arbitrary, fixed seed, so that runs are repeatable.
const POWER_UP_SEED: u64 = 2016;
