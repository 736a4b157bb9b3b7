//! Computes GEMMs on `flexmac_top`, as software would.

use flexmac_array::{ArrayConfig, Command, Cycles, Layout};
use flexmac_engine::{Engine, EngineError, Gemm, GemmResult, IntegerGemm, Stats, lower};
use flexmac_fxp::{Counters, Requantizer, Rounding};
use flexmac_rtlgen::{SourceFile, StreamBits};
use ndarray::Array2;

use crate::driver::Stalls;
use crate::error::{BusError, SimulationError};
use crate::pack::{DEAD, OperandBanks, put_bits};
use crate::top::driver::TopDriver;
use crate::top::registers as reg;

/// The accelerator counts as hung after this many times the cycles that the cycle model predicts.
const HANG_FACTOR: u64 = 200;

/// One command, as the registers encode it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopCommand {
    /// Length of the dot products.
    pub k: u32,
    /// Live rows.
    pub rows: u32,
    /// Live columns.
    pub cols: u32,
    /// Width of A in bits.
    pub bits_a: u32,
    /// Width of B in bits.
    pub bits_b: u32,
    /// Width of the result in bits.
    pub bits_out: u32,
    /// Right shift of the requantizer, in bits.
    pub shift: i32,
    /// Rounding mode, in the encoding of [`Rounding::encoding`].
    pub round: u32,
    /// Initial value of the sums: zero, preload, or the sums of the previous command
    /// (`START_BASE_*`).
    pub base: u32,
    /// Whether results are emitted.
    pub emit: bool,
}

impl TopCommand {
    /// Addresses and values of the registers K, SHAPE, BITS, MODE and START.
    pub fn registers(&self) -> [(u32, u32); 5] {
        // 16-bit two's complement.
        let shift = self.shift as u32 & 0xffff;
        [
            (reg::K, self.k),
            (reg::SHAPE, self.rows << reg::SHAPE_ROWS_LSB | self.cols << reg::SHAPE_COLS_LSB),
            (
                reg::BITS,
                self.bits_a << reg::BITS_A_LSB
                    | self.bits_b << reg::BITS_B_LSB
                    | self.bits_out << reg::BITS_OUT_LSB,
            ),
            (reg::MODE, shift << reg::MODE_SHIFT_LSB | self.round << reg::MODE_ROUND_LSB),
            (
                reg::START,
                self.base << reg::START_BASE_LSB | u32::from(self.emit) << reg::START_EMIT_LSB,
            ),
        ]
    }
}

/// Computes GEMMs on one `flexmac_top`.
pub struct TopEngine {
    config: ArrayConfig,
    driver: TopDriver,
    /// The values of the command registers K, SHAPE, BITS and MODE, where known.
    written: [Option<u32>; 4],
}

impl TopEngine {
    /// Builds the model of `sources` (or takes it from the cache) and loads it. `sources` must be a
    /// design of `config`.
    ///
    /// # Errors
    /// As for [`TopDriver::new`].
    pub fn new(config: ArrayConfig, sources: &[SourceFile]) -> Result<Self, SimulationError> {
        let driver = TopDriver::new(&config, sources, None)?;
        Ok(Self { config, driver, written: [None; 4] })
    }

    /// Delays every handshake at random, which must change nothing but cycle counts.
    #[must_use]
    pub fn with_stalls(mut self, stalls: Stalls) -> Self {
        self.driver.set_stalls(stalls);
        self
    }

    /// Access to the pins, between GEMMs.
    pub fn driver(&mut self) -> &mut TopDriver {
        // The caller may write the command registers.
        self.written = [None; 4];
        &mut self.driver
    }

    /// Writes the command registers whose values change, then the start register.
    ///
    /// # Errors
    /// [`SimulationError::Bus`].
    pub fn submit(&mut self, command: &TopCommand) -> Result<(), SimulationError> {
        let [values @ .., start] = command.registers();
        for (held, (address, value)) in self.written.iter_mut().zip(values) {
            if *held != Some(value) {
                self.driver.write(address, value)?;
                *held = Some(value);
            }
        }
        self.driver.write(start.0, start.1)
    }

    /// Reads the status register until it is `done`, after `submitted` commands of the GEMM.
    fn wait(
        &mut self,
        progress: &Progress,
        submitted: usize,
        done: impl Fn(u32) -> bool,
    ) -> Result<(), SimulationError> {
        let Progress { begun, expected, commands } = *progress;
        while !done(self.driver.read(reg::STATUS)?) {
            let cycles = self.driver.cycles() - begun;
            if cycles > HANG_FACTOR * (expected + 1000) {
                return Err(SimulationError::Hang {
                    cycles,
                    command: submitted,
                    commands,
                    expected,
                });
            }
        }
        Ok(())
    }

    fn counters(&mut self) -> Result<(Counters, Cycles), SimulationError> {
        let mut read = |address| self.driver.read_counter(address);
        let cycles = Cycles {
            busy: read(reg::BUSY_CYCLES_LO)?,
            compute: read(reg::COMPUTE_CYCLES_LO)?,
            stall: read(reg::STALL_CYCLES_LO)?,
            load: read(reg::LOAD_CYCLES_LO)?,
            blocked: read(reg::BLOCKED_CYCLES_LO)?,
        };
        let counters = Counters {
            emitted: read(reg::EMITTED_LO)?,
            overflow_low: read(reg::OVERFLOW_LOW_LO)?,
            overflow_high: read(reg::OVERFLOW_HIGH_LO)?,
            // Cannot truncate: a 32-bit counter.
            magnitude_or: read(reg::MAGNITUDE_OR_LO)? as u32,
            error_sum: read(reg::ERROR_SUM_LO)?,
        };
        Ok((counters, cycles))
    }

    /// Queues the packets of one command on the streams.
    fn send(&mut self, packed: &Packed<'_, '_>, command: &Command) {
        let schedule = &packed.lowered.schedule;
        let (rows, cols) = (self.config.rows(), self.config.cols());
        let piece = schedule.piece(command);
        let words = schedule.words(command.k_len);
        let operand = |banks: &OperandBanks<'_>, band: usize, planes: u32| -> Vec<_> {
            (0..planes as usize * words)
                .map(|address| banks.get(band, piece).word(address).unwrap_or(&[]).to_vec())
                .collect()
        };
        let a = operand(&packed.a, command.row / rows, schedule.planes_a);
        let b = operand(&packed.b, command.col / cols, schedule.planes_b);
        self.driver.a.push_packet(a.into_iter());
        self.driver.b.push_packet(b.into_iter());
        if command.first && packed.lowered.bias.is_some() {
            let bits = StreamBits::new(&self.config);
            let beat = |row: usize| {
                let mut image = vec![0; bits.preload as usize / 32];
                for col in 0..cols {
                    // Dead columns get a value that would show if the array used it.
                    let sum = if col < command.cols_live {
                        packed.lowered.bias_at(command.row + row, command.col + col)
                    } else {
                        DEAD.into()
                    };
                    let offset = col * bits.preload_slot as usize;
                    put_bits(&mut image, offset, bits.preload_slot, sum);
                }
                image
            };
            self.driver.preload.push_packet((0..command.rows_live).map(beat));
        }
        if command.last && packed.lowered.requantizer.rounding == Rounding::Stochastic {
            let seed = packed.lowered.seed;
            let seeds = (0..cols as u64).map(|col| seed.column_seed(command.tile, col));
            self.driver.seed.push(seeds.collect(), true);
        }
    }
}

/// What the progress of a GEMM is measured by.
struct Progress {
    /// The clock cycle in which it began.
    begun: u64,
    /// Cycles that the cycle model predicts.
    expected: u64,
    /// Its commands.
    commands: usize,
}

/// A GEMM with its operands packed for the streams.
struct Packed<'r, 'd> {
    lowered: &'r IntegerGemm<'d>,
    a: OperandBanks<'r>,
    b: OperandBanks<'r>,
}

impl Engine<i32> for TopEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        let lowered = lower(&self.config, Layout::AsGiven, gemm)?;
        Ok(self.integer_gemm(&lowered)?)
    }

    fn name(&self) -> &'static str {
        "top"
    }
}

impl TopEngine {
    fn integer_gemm(
        &mut self,
        lowered: &IntegerGemm<'_>,
    ) -> Result<GemmResult<i32>, SimulationError> {
        flexmac_fxp::check_range('A', lowered.a, lowered.bits_a)?;
        flexmac_fxp::check_range('B', lowered.b, lowered.bits_b)?;
        let schedule = lowered.schedule;
        let config = self.config.clone();
        let bounds = lowered.piece_bounds();
        let pieces = (&schedule, bounds.as_slice());
        let packed = Packed {
            lowered,
            a: OperandBanks::of_a(&config, pieces, lowered.a),
            b: OperandBanks::of_b(&config, pieces, lowered.b),
        };
        let progress = Progress {
            begun: self.driver.cycles(),
            expected: schedule.cycles(&self.config).busy,
            commands: schedule.commands().count(),
        };
        self.driver.write(
            reg::CONTROL,
            reg::CONTROL_CLEAR_COUNTERS_MASK | reg::CONTROL_CLEAR_ERROR_MASK,
        )?;
        for (submitted, command) in schedule.commands().enumerate() {
            self.wait(&progress, submitted, |status| status & reg::STATUS_FREE_MASK != 0)?;
            self.send(&packed, &command);
            self.submit(&command_registers(lowered, &self.config, &command))?;
        }
        self.wait(&progress, progress.commands, |status| status & reg::STATUS_BUSY_MASK == 0)?;
        let code = self.driver.read(reg::ERROR)?;
        if code != reg::ERROR_CODE_NONE {
            let command = self.driver.read(reg::ERROR_COMMAND)?;
            return Err(BusError::Device { code, command }.into());
        }
        let mut values = Array2::zeros((schedule.m, schedule.n));
        for command in schedule.commands().filter(|command| command.last) {
            let packet = self.driver.result.pop_packet().unwrap_or_default();
            if packet.len() != command.rows_live {
                let (found, expected) = (packet.len(), command.rows_live);
                return Err(BusError::ResultPacket { tile: command.tile, expected, found }.into());
            }
            for (row, beat) in packet.iter().enumerate() {
                for (col, word) in beat.iter().take(command.cols_live).enumerate() {
                    // Each word is one 32-bit value.
                    values[[command.row + row, command.col + col]] = *word as i32;
                }
            }
        }
        let (counters, cycles) = self.counters()?;
        let stats = Stats::of(&schedule, counters, cycles);
        Ok(GemmResult { values, sums: None, stats })
    }
}

fn command_registers(
    lowered: &IntegerGemm<'_>,
    config: &ArrayConfig,
    command: &Command,
) -> TopCommand {
    let Requantizer { shift, bits, rounding } = lowered.requantizer;
    let base = match (command.first, lowered.bias.is_some()) {
        (true, false) => reg::START_BASE_ZERO,
        (true, true) => reg::START_BASE_PRELOAD,
        (false, _) => reg::START_BASE_MEMORY,
    };
    // Cannot truncate: the schedule keeps sizes within the configuration's.
    TopCommand {
        k: command.k_len as u32,
        rows: command.rows_live as u32,
        cols: command.cols_live as u32,
        bits_a: lowered.bits_a,
        bits_b: lowered.bits_b,
        bits_out: bits,
        // Shifts beyond these limits give the same results (docs/arithmetic.md).
        shift: shift.clamp(-31, config.sum_bits() as i32 + 24),
        round: rounding.encoding().into(),
        base,
        emit: command.last,
    }
}
