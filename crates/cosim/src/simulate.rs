//! Simulates some tiles of a GEMM on one model, clock edge by clock edge.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use flexmac_array::{ArrayConfig, Command, Cycles};
use flexmac_engine::IntegerGemm;
use flexmac_fxp::{Counters, Rounding};

use crate::driver::{Driver, Handshakes};
use crate::error::SimulationError;
use crate::pack::{OperandBank, OperandBanks};

/// A core counts as hung after this many times the cycles that the cycle model predicts, and a few
/// more. Random stalls make a simulation only a few times longer.
const HANG_FACTOR: u64 = 64;

/// A GEMM with its operands packed for the array, shared by all models that simulate its tiles.
pub(crate) struct PackedGemm<'r, 'd> {
    pub config: &'r ArrayConfig,
    pub lowered: &'r IntegerGemm<'d>,
    pub stochastic: bool,
    /// For each tile of the schedule, the tile number that selects its random streams; none if it
    /// is the tile's own.
    stream_tiles: Option<&'r BTreeMap<u64, u64>>,
    banks_a: OperandBanks<'r>,
    banks_b: OperandBanks<'r>,
}

impl<'r, 'd: 'r> PackedGemm<'r, 'd> {
    pub fn new(config: &'r ArrayConfig, lowered: &'r IntegerGemm<'d>) -> Self {
        let (on_rows, on_columns) = lowered.on_array();
        let bounds = lowered.piece_bounds();
        let pieces = (&lowered.schedule, bounds.as_slice());
        Self {
            config,
            lowered,
            stochastic: lowered.requantizer.rounding == Rounding::Stochastic,
            stream_tiles: None,
            banks_a: OperandBanks::of_a(config, pieces, on_rows),
            banks_b: OperandBanks::of_b(config, pieces, on_columns),
        }
    }

    /// Uses the random streams of other tile numbers: `tiles` maps each simulated tile to that
    /// number.
    pub fn with_stream_tiles(self, tiles: &'r BTreeMap<u64, u64>) -> Self {
        Self { stream_tiles: Some(tiles), ..self }
    }

    /// The tile number that selects the random streams of `tile`.
    fn stream_tile(&self, tile: u64) -> u64 {
        self.stream_tiles.map_or(tile, |tiles| tiles[&tile])
    }

    /// Simulates `tiles`, one after the other, on an idle core.
    pub fn simulate(
        &self,
        driver: &mut Driver,
        tiles: &[usize],
    ) -> Result<TileResults, SimulationError> {
        self.simulate_after(driver, None, tiles)
    }

    /// Simulates `tiles` on a core that still drains the last capture of the tile `before`. A tile
    /// of zeros with as many live rows and one word stands in for that tile; its results are
    /// dropped, its counts are not.
    pub fn simulate_after(
        &self,
        driver: &mut Driver,
        before: Option<usize>,
        tiles: &[usize],
    ) -> Result<TileResults, SimulationError> {
        Simulation::new(self, before, tiles).run(driver)
    }
}

/// What a model computed for some tiles.
pub(crate) struct TileResults {
    /// Live results, tile by tile, row by row of the array.
    pub values: Vec<i32>,
    /// Their exact sums, if requested.
    pub sums: Vec<i128>,
    /// The time in the waves at which each result is on the pins; empty without waves.
    pub value_times: Vec<u64>,
    /// The same for each sum.
    pub sum_times: Vec<u64>,
    /// The core's counters, including those of a tile of zeros.
    pub counters: Counters,
    /// The core's cycle counts, including those of a tile of zeros.
    pub cycles: Cycles,
}

/// A command, and the offset of its tile in the results; none if its results are dropped.
#[derive(Debug, Clone, Copy)]
struct PlacedCommand {
    command: Command,
    offset: Option<usize>,
}

/// The beats still to come on a channel: one per row and block of columns of each tile, or one per tile.
struct PendingBeats {
    tiles: VecDeque<PlacedCommand>,
    /// The next beat of the first tile.
    beat: usize,
}

impl PendingBeats {
    fn new() -> Self {
        Self { tiles: VecDeque::new(), beat: 0 }
    }

    /// The tile of the next beat, and which of its beats that is.
    fn next(&self) -> Option<(PlacedCommand, usize)> {
        self.tiles.front().map(|tile| (*tile, self.beat))
    }

    /// Moves past the next beat. Its tile has `beats` beats.
    fn advance(&mut self, beats: usize) {
        self.beat += 1;
        if self.beat == beats {
            self.beat = 0;
            self.tiles.pop_front();
        }
    }
}

/// The position of each column among the sums of the tiles emitted so far. Columns differ, because
/// there are registers between their blocks.
struct SumBeats {
    tiles: Vec<PlacedCommand>,
    /// Tile and row of the next sum, by column.
    positions: Vec<(usize, usize)>,
}

impl SumBeats {
    fn new(columns: usize) -> Self {
        Self { tiles: Vec::new(), positions: vec![(0, 0); columns] }
    }

    /// Returns the tile and row of this column's next sum, and advances the column.
    fn next(&mut self, column: usize) -> Option<(PlacedCommand, usize)> {
        let (tile, row) = &mut self.positions[column];
        let next = (*self.tiles.get(*tile)?, *row);
        *row += 1;
        if *row == next.0.command.rows_live {
            (*tile, *row) = (*tile + 1, 0);
        }
        Some(next)
    }
}

/// The banks of A and B that the running command reads; none during a tile of zeros.
type BankPair<'j> = Option<(&'j OperandBank, &'j OperandBank)>;

/// The state of a simulation of some tiles.
struct Simulation<'j, 'r, 'd> {
    packed: &'j PackedGemm<'r, 'd>,
    /// Commands not yet accepted; the first one is presented.
    commands: VecDeque<PlacedCommand>,
    /// Upper bound of the cycles, from the cycle model.
    expected: u64,
    preloads: PendingBeats,
    seeds: PendingBeats,
    sum_beats: SumBeats,
    results: PendingBeats,
    values: Vec<i32>,
    sums: Vec<i128>,
    /// Empty without waves.
    value_times: Vec<u64>,
    sum_times: Vec<u64>,
}

impl<'j, 'r, 'd: 'r> Simulation<'j, 'r, 'd> {
    fn new(packed: &'j PackedGemm<'r, 'd>, before: Option<usize>, tiles: &[usize]) -> Self {
        let schedule = packed.lowered.schedule;
        let lead_in =
            before.map(|tile| PlacedCommand { command: zeros(&schedule, tile), offset: None });
        let mut commands: VecDeque<_> = lead_in.into_iter().collect();
        let mut values = 0;
        for tile in tiles {
            let offset = Some(values);
            for command in packed.lowered.tile_commands(*tile) {
                commands.push_back(PlacedCommand { command, offset });
                if command.last {
                    values += command.rows_live * command.cols_live;
                }
            }
        }
        // The tile of zeros takes at most as many cycles as the tile it stands in for.
        let all = before.into_iter().chain(tiles.iter().copied());
        Self {
            packed,
            commands,
            expected: packed.lowered.cycles_of_tiles(packed.config, all).busy,
            preloads: PendingBeats::new(),
            seeds: PendingBeats::new(),
            sum_beats: SumBeats::new(packed.config.cols()),
            results: PendingBeats::new(),
            values: vec![0; values],
            sums: vec![0; if packed.lowered.keep_sums { values } else { 0 }],
            value_times: Vec::new(),
            sum_times: Vec::new(),
        }
    }

    fn run(mut self, driver: &mut Driver) -> Result<TileResults, SimulationError> {
        let (total, limit) = (self.commands.len(), self.expected * HANG_FACTOR + 1000);
        driver.start(&self.packed.lowered.requantizer, self.packed.lowered.e5m2_on_array())?;
        if driver.wave_time().is_some() {
            self.value_times = vec![0; self.values.len()];
            self.sum_times = vec![0; self.sums.len()];
        }
        self.present_command(driver);
        driver.drive();
        let mut banks = None;
        driver.restart_activity();
        for cycles in 0.. {
            let handshakes = driver.settle()?;
            driver.count_activity()?;
            if self.commands.is_empty() && !handshakes.busy {
                break;
            }
            if cycles > limit {
                return Err(SimulationError::Hang {
                    cycles,
                    command: total - self.commands.len(),
                    commands: total,
                    expected: self.expected,
                });
            }
            self.collect(driver, &handshakes);
            driver.clock_edge()?;
            if let Some((address_a, address_b)) = handshakes.read {
                let word =
                    |bank: Option<&'j OperandBank>, address| bank.and_then(|b| b.word(address));
                let (a, b) = (banks.map(|banks: (_, _)| banks.0), banks.map(|banks| banks.1));
                driver.answer_read(word(a, address_a), word(b, address_b));
            }
            if handshakes.command
                && let Some(placed) = self.commands.pop_front()
            {
                banks = self.accept(driver, placed);
                self.present_command(driver);
            }
            if handshakes.preload
                && let Some((tile, _)) = self.preloads.next()
            {
                self.preloads.advance(self.beats(&tile.command));
                self.present_preload(driver);
            }
            if handshakes.seed {
                self.seeds.advance(1);
                self.present_seed(driver);
            }
            driver.drive();
        }
        let (counters, cycles) = driver.counters();
        let Self { values, sums, value_times, sum_times, .. } = self;
        Ok(TileResults { values, sums, value_times, sum_times, counters, cycles })
    }

    /// Records the beats that an accepted command will request and emit. Returns its banks.
    fn accept(&mut self, driver: &mut Driver, placed: PlacedCommand) -> BankPair<'j> {
        let command = &placed.command;
        if command.first && self.packed.lowered.is_preloaded() && placed.offset.is_some() {
            self.preloads.tiles.push_back(placed);
            if self.preloads.tiles.len() == 1 {
                self.present_preload(driver);
            }
        }
        if command.last {
            if self.packed.stochastic {
                self.seeds.tiles.push_back(placed);
                if self.seeds.tiles.len() == 1 {
                    self.present_seed(driver);
                }
            }
            self.results.tiles.push_back(placed);
            if self.packed.lowered.keep_sums {
                self.sum_beats.tiles.push(placed);
            }
        }
        placed.offset?;
        let schedule = &self.packed.lowered.schedule;
        let (rows, cols) = (schedule.band_rows(), schedule.band_cols());
        let piece = self.packed.lowered.piece(command);
        let a = self.packed.banks_a.get(command.row / rows, piece);
        Some((a, self.packed.banks_b.get(command.col / cols, piece)))
    }

    fn present_command(&self, driver: &mut Driver) {
        let next = self.commands.front();
        // A tile of zeros starts from zero.
        let preloaded =
            self.packed.lowered.is_preloaded() && next.is_some_and(|next| next.offset.is_some());
        let command = next.map(|placed| &placed.command);
        driver.present_command(command, &self.packed.lowered.schedule, preloaded);
    }

    fn present_preload(&self, driver: &mut Driver) {
        let lowered = self.packed.lowered;
        driver.present_preload(self.preloads.next().map(
            |(PlacedCommand { command: tile, .. }, beat)| {
                let (row, columns) = self.place(&tile, beat);
                columns.map(move |column| lowered.preload(tile.row + row, tile.col + column))
            },
        ));
    }

    /// The number of beats of a tile's preloads and results.
    fn beats(&self, tile: &Command) -> usize {
        tile.rows_live * self.packed.lowered.schedule.blocks(tile.cols_live)
    }

    /// The row and the columns of a tile that one of its beats carries: all rows of the first block of columns,
    /// then all of the next.
    fn place(&self, tile: &Command, beat: usize) -> (usize, Range<usize>) {
        let cols = self.packed.config.cols();
        let first = beat / tile.rows_live * cols;
        (beat % tile.rows_live, first..tile.cols_live.min(first + cols))
    }

    fn present_seed(&self, driver: &mut Driver) {
        let (path, cols) = (self.packed.lowered.seed, self.packed.config.cols() as u64);
        driver.present_seed(self.seeds.next().map(|(placed, _)| {
            let tile = self.packed.stream_tile(placed.command.tile);
            (0..cols).map(move |column| path.column_seed(tile, column))
        }));
    }

    /// Stores the result and sum beats of this cycle. A faulty core may emit more than expected;
    /// that is not an error here, because the comparison will find it.
    fn collect(&mut self, driver: &mut Driver, handshakes: &Handshakes) {
        let time = driver.wave_time();
        if self.packed.lowered.keep_sums {
            for (column, sum) in driver.sums() {
                if let Some((PlacedCommand { command, offset: Some(offset) }, row)) =
                    self.sum_beats.next(column)
                    && column < command.cols_live
                {
                    let index = offset + row * command.cols_live + column;
                    self.sums[index] = sum;
                    if let Some(time) = time {
                        self.sum_times[index] = time;
                    }
                }
            }
        }
        if handshakes.result
            && let Some((PlacedCommand { command, offset }, beat)) = self.results.next()
        {
            if let Some(offset) = offset {
                let (row, columns) = self.place(&command, beat);
                let first = offset + row * command.cols_live;
                let range = first + columns.start..first + columns.end;
                let line = &mut self.values[range.clone()];
                line.iter_mut().zip(driver.results()).for_each(|(to, value)| *to = value);
                if let Some(time) = time {
                    self.value_times[range].fill(time);
                }
            }
            self.results.advance(self.beats(&command));
        }
    }
}

/// The command of a tile of zeros with the live rows and blocks of columns of `tile`, one live column in the last
/// block, K = 1, and one plane of each operand.
fn zeros(schedule: &flexmac_array::Schedule, tile: usize) -> Command {
    let like = schedule.tile_commands(tile).next().expect("a tile has a command");
    Command {
        cols_live: schedule.least_columns(like.cols_live),
        k: 0,
        k_len: 1,
        planes_a: 1,
        planes_b: 1,
        first: true,
        last: true,
        ..like
    }
}
