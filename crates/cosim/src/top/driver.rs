//! One model of `flexmac_top`, clocked together with the bus master, sources and sink around it.

use std::path::Path;

use flexmac_array::ArrayConfig;
use flexmac_rtlgen::{BUS_TOP, SourceFile, StreamBits};
use verilated::{InPort, Library, Model, OutPort, PowerUp, TraceKind};

use crate::driver::{Stalls, model_cache, model_spec, with_flags_of_environment};
use crate::error::{BusError, SimulationError};
use crate::top::axil::{AxiLite, Response};
use crate::top::stream::{Sink, Source};

/// Cycles after which an access without a response has failed.
const ACCESS_TIMEOUT: u64 = 10_000;

/// An arbitrary, fixed seed, so that runs are repeatable.
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
    /// Preloads: initial values of the sums.
    pub preload: Source,
    /// Seeds of stochastic rounding.
    pub seed: Source,
    /// Results.
    pub result: Sink,
    cycles: u64,
    traced: bool,
}

impl TopDriver {
    /// Builds, loads and resets a model of `sources`, which must be a design of `config`. With
    /// `trace`, waves of every cycle are written to that FST file.
    ///
    /// # Errors
    /// [`SimulationError::Verilated`] when the model cannot be built, loaded or traced,
    /// [`SimulationError::Design`] when its ports are not those of `config`.
    pub fn new(
        config: &ArrayConfig,
        sources: &[SourceFile],
        trace: Option<&Path>,
    ) -> Result<Self, SimulationError> {
        let kind = if trace.is_some() { TraceKind::Fst } else { TraceKind::None };
        let spec = with_flags_of_environment(model_spec(BUS_TOP, kind, sources));
        let library = spec.build(&model_cache()?)?;
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

    /// Delays every channel of every bus at random, independently of the others.
    pub fn set_stalls(&mut self, stalls: Stalls) {
        let mut count = 0;
        let mut next = || {
            count += 1;
            // Seeds that are far apart in the generator's state space.
            Stalls { seed: stalls.seed ^ (count << 40), chance: stalls.chance }
        };
        self.bus.set_stalls(&mut next);
        for source in [&mut self.a, &mut self.b, &mut self.preload, &mut self.seed] {
            source.set_stalls(next());
        }
        self.result.set_stalls(next());
    }

    /// Activates the reset pin for two cycles, and drops all queued beats.
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

    /// Clock cycles since the model was created.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// The level of the interrupt pin.
    pub fn irq(&self) -> bool {
        self.model.get(self.irq) == 1
    }

    /// Writes the bytes of a word that `strobes` selects, and returns the response.
    ///
    /// # Errors
    /// [`BusError::Access`] when there is no response.
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
    /// [`BusError::Access`] when there is no response.
    pub fn try_write(&mut self, address: u32, data: u32) -> Result<Response, SimulationError> {
        self.write_bytes(address, data, 0xf)
    }

    /// Reads a word and returns it with the response.
    ///
    /// # Errors
    /// [`BusError::Access`] when there is no response.
    pub fn try_read(&mut self, address: u32) -> Result<(u32, Response), SimulationError> {
        self.bus.begin_read(&mut self.model, address);
        self.finish("read", address)
    }

    /// Writes a register.
    ///
    /// # Errors
    /// [`BusError::Access`] for an error response or no response.
    pub fn write(&mut self, address: u32, data: u32) -> Result<(), SimulationError> {
        match self.try_write(address, data)? {
            Response::Okay => Ok(()),
            Response::SlaveError => Err(bus_error("write", address, "SLVERR")),
        }
    }

    /// Reads a register.
    ///
    /// # Errors
    /// [`BusError::Access`] for an error response or no response.
    pub fn read(&mut self, address: u32) -> Result<u32, SimulationError> {
        match self.try_read(address)? {
            (data, Response::Okay) => Ok(data),
            (_, Response::SlaveError) => Err(bus_error("read", address, "SLVERR")),
        }
    }

    /// Reads a 64-bit counter: low word, then high.
    ///
    /// # Errors
    /// [`BusError::Access`] for an error response or no response.
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
        for _ in 0..ACCESS_TIMEOUT {
            self.tick()?;
            if let Some(response) = self.bus.take_response() {
                return Ok(response);
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
