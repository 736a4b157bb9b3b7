//! One model of `flexmac_top`, clocked with everything around it.

use std::path::Path;

use flexmac_array::ArrayConfig;
use flexmac_rtlgen::{BUS_TOP, SourceFile, StreamBits};
use verilated::{BuildSpec, Cache, InPort, Library, Model, OutPort, PowerUp, TraceKind};

use crate::driver::Stalls;
use crate::error::{BusError, SimulationError};
use crate::top::axil::{AxiLite, Response};
use crate::top::stream::{Sink, Source};

/// Cycles after which an access that has no answer counts as hung.
const PATIENCE: u64 = 10_000;

/// Any seed will do; a fixed one makes runs repeatable.
const POWER_UP_SEED: u64 = 2016;

/// A bus master, four sources and a sink around one `flexmac_top`.
pub struct TopDriver {
    model: Model,
    clock: InPort,
    reset: InPort,
    irq: OutPort,
    bus: AxiLite,
    /// Operand A.
    pub a: Source,
    /// Operand B.
    pub b: Source,
    /// What sums start from.
    pub preload: Source,
    /// Seeds of stochastic rounding.
    pub seed: Source,
    /// Results.
    pub result: Sink,
    cycles: u64,
    traced: bool,
}

impl TopDriver {
    /// Builds, loads and resets a model of `sources`, which must be a design of `config`; with
    /// `trace`, every cycle is written to that FST file.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when the model cannot be built, loaded or traced,
    /// [`SimulationError::Design`] when its pins are not those of `config`.
    pub fn new(
        config: &ArrayConfig,
        sources: &[SourceFile],
        trace: Option<&Path>,
    ) -> Result<Self, SimulationError> {
        let kind = if trace.is_some() { TraceKind::Fst } else { TraceKind::None };
        let mut spec = BuildSpec::new(BUS_TOP).trace(kind);
        for file in sources {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            spec = spec.source(name, &file.text);
        }
        let library = spec.build(&Cache::from_env()?)?;
        check_ports(config, &library).map_err(|source| SimulationError::Design {
            summary: config.summary(),
            source: Box::new(source),
        })?;
        let mut model = library.model(PowerUp::Random(POWER_UP_SEED))?;
        if let Some(path) = trace {
            model.trace_open(path)?;
        }
        let mut driver = Self {
            clock: model.port("aclk")?.input()?,
            reset: model.port("aresetn")?.input()?,
            irq: model.port("irq")?.output()?,
            bus: AxiLite::new(&model)?,
            a: Source::new(&model, "s_axis_a", true)?,
            b: Source::new(&model, "s_axis_b", true)?,
            preload: Source::new(&model, "s_axis_preload", true)?,
            seed: Source::new(&model, "s_axis_seed", false)?,
            result: Sink::new(&model, "m_axis_result")?,
            model,
            cycles: 0,
            traced: trace.is_some(),
        };
        driver.hard_reset()?;
        Ok(driver)
    }

    /// Makes every channel of every bus late at random, each in its own way.
    pub fn set_stalls(&mut self, stalls: Stalls) {
        let mut count = 0;
        let mut next = || {
            count += 1;
            // Far apart in the generator's state space; which seeds does not matter.
            Stalls { seed: stalls.seed ^ (count << 40), chance: stalls.chance }
        };
        self.bus.set_stalls(&mut next);
        for source in [&mut self.a, &mut self.b, &mut self.preload, &mut self.seed] {
            source.set_stalls(next());
        }
        self.result.set_stalls(next());
    }

    /// Holds the reset pin for two cycles; what was queued on the streams is dropped.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when the model stops itself.
    pub fn hard_reset(&mut self) -> Result<(), SimulationError> {
        self.model.set(self.reset, 0);
        self.bus.reset();
        for source in [&mut self.a, &mut self.b, &mut self.preload, &mut self.seed] {
            source.reset();
        }
        for _ in 0..2 {
            self.tick()?;
            self.result.reset();
        }
        self.model.set(self.reset, 1);
        Ok(())
    }

    /// One clock cycle.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when the model stops itself.
    pub fn tick(&mut self) -> Result<(), SimulationError> {
        self.evaluate(0)?;
        self.bus.sample(&self.model);
        for source in [&mut self.a, &mut self.b, &mut self.preload, &mut self.seed] {
            source.sample(&self.model);
        }
        self.result.sample(&self.model);
        self.evaluate(1)?;
        self.bus.drive(&mut self.model);
        for source in [&mut self.a, &mut self.b, &mut self.preload, &mut self.seed] {
            source.drive(&mut self.model);
        }
        self.result.drive(&mut self.model);
        self.cycles += 1;
        Ok(())
    }

    fn evaluate(&mut self, clock: u64) -> Result<(), SimulationError> {
        self.model.set(self.clock, clock);
        self.model.eval()?;
        if self.traced {
            self.model.trace_dump(2 * self.cycles + clock)?;
        }
        Ok(())
    }

    /// Clock cycles since the model was made.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// The interrupt pin.
    pub fn irq(&self) -> bool {
        self.model.get(self.irq) == 1
    }

    /// Writes some bytes of a word and returns the response.
    ///
    /// # Errors
    /// [`BusError::Access`] when there is none.
    pub fn write_bytes(
        &mut self,
        address: u32,
        data: u32,
        strobes: u8,
    ) -> Result<Response, SimulationError> {
        self.bus.begin_write(&mut self.model, address, data, strobes);
        Ok(self.finish("write", address)?.1)
    }

    /// Writes a word and returns the response.
    ///
    /// # Errors
    /// [`BusError::Access`] when there is none.
    pub fn try_write(&mut self, address: u32, data: u32) -> Result<Response, SimulationError> {
        self.write_bytes(address, data, 0xf)
    }

    /// Reads a word and returns it with the response.
    ///
    /// # Errors
    /// [`BusError::Access`] when there is none.
    pub fn try_read(&mut self, address: u32) -> Result<(u32, Response), SimulationError> {
        self.bus.begin_read(&mut self.model, address);
        self.finish("read", address)
    }

    /// Writes a register.
    ///
    /// # Errors
    /// [`BusError::Access`] for an error response or none.
    pub fn write(&mut self, address: u32, data: u32) -> Result<(), SimulationError> {
        match self.try_write(address, data)? {
            Response::Okay => Ok(()),
            Response::SlaveError => Err(bus_error("write", address, "SLVERR")),
        }
    }

    /// Reads a register.
    ///
    /// # Errors
    /// [`BusError::Access`] for an error response or none.
    pub fn read(&mut self, address: u32) -> Result<u32, SimulationError> {
        match self.try_read(address)? {
            (data, Response::Okay) => Ok(data),
            (_, Response::SlaveError) => Err(bus_error("read", address, "SLVERR")),
        }
    }

    /// Reads a 64-bit counter: low word, then high.
    ///
    /// # Errors
    /// [`BusError::Access`] for an error response or none.
    pub fn read_counter(&mut self, address: u32) -> Result<u64, SimulationError> {
        let low = self.read(address)?;
        let high = self.read(address + 4)?;
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn finish(
        &mut self,
        access: &'static str,
        address: u32,
    ) -> Result<(u32, Response), SimulationError> {
        for _ in 0..PATIENCE {
            self.tick()?;
            if let Some(ended) = self.bus.ended() {
                return Ok(ended);
            }
        }
        Err(bus_error(access, address, "no answer"))
    }
}

fn bus_error(access: &'static str, address: u32, found: &'static str) -> SimulationError {
    BusError::Access { access, address, found }.into()
}

fn check_ports(config: &ArrayConfig, library: &Library) -> Result<(), verilated::Error> {
    let bits = StreamBits::new(config);
    for (name, bits) in [
        ("s_axis_a_tdata", bits.a),
        ("s_axis_b_tdata", bits.b),
        ("s_axis_preload_tdata", bits.preload),
        ("s_axis_seed_tdata", bits.seed),
        ("m_axis_result_tdata", bits.result),
    ] {
        library.port(name)?.expect_bits(bits)?;
    }
    Ok(())
}
