//! Some tiles of a product on their way through one model, every clock edge driven from here.

use std::collections::{BTreeMap, VecDeque};

use flexmac_array::{ArrayConfig, Command, Cycles};
use flexmac_engine::IntegerGemm;
use flexmac_fxp::{Counters, Rounding};

use crate::driver::{Driver, Handshakes};
use crate::error::SimulationError;
use crate::pack::{Panel, Panels};

/// Cycles beyond the model's count after which a silent core counts as hung; random stalls make a
/// run a few times longer, never this much.
const PATIENCE: u64 = 64;

/// A product made ready for the array: what all its parts share.
pub(crate) struct PackedGemm<'r, 'd> {
    pub config: &'r ArrayConfig,
    pub lowered: &'r IntegerGemm<'d>,
    pub stochastic: bool,
    /// Numbers by which the tiles' random streams are named, by those of the schedule, where they
    /// are others.
    names: Option<&'r BTreeMap<u64, u64>>,
    panels_a: Panels<'r>,
    panels_b: Panels<'r>,
}

impl<'r, 'd: 'r> PackedGemm<'r, 'd> {
    pub fn new(config: &'r ArrayConfig, lowered: &'r IntegerGemm<'d>) -> Self {
        let (on_rows, on_columns) = lowered.on_array();
        Self {
            config,
            lowered,
            stochastic: lowered.requantizer.rounding == Rounding::Stochastic,
            names: None,
            panels_a: Panels::of_a(config, &lowered.schedule, on_rows),
            panels_b: Panels::of_b(config, &lowered.schedule, on_columns),
        }
    }

    /// Gives the random streams of each tile that will be results another number to be named by.
    pub fn named(self, names: &'r BTreeMap<u64, u64>) -> Self {
        Self { names: Some(names), ..self }
    }

    /// The number that names a tile's random streams.
    fn name(&self, tile: u64) -> u64 {
        self.names.map_or(tile, |names| names[&tile])
    }

    /// Runs `tiles`, one after the other, on an idle core.
    pub fn simulate(
        &self,
        driver: &mut Driver,
        tiles: &[usize],
    ) -> Result<TileResults, SimulationError> {
        self.simulate_after(driver, None, tiles)
    }

    /// Runs `tiles` on a core that has just taken the last capture of another tile, `before`: in
    /// its place a tile of zeros with as many live rows and one word, whose results are dropped.
    pub fn simulate_after(
        &self,
        driver: &mut Driver,
        before: Option<usize>,
        tiles: &[usize],
    ) -> Result<TileResults, SimulationError> {
        Run::new(self, before, tiles).simulate(driver)
    }
}

/// What came of some tiles.
pub(crate) struct TileResults {
    /// Live results, tile by tile, row by row of the array.
    pub values: Vec<i32>,
    /// Their exact sums, where asked for.
    pub sums: Vec<i128>,
    /// Where there are waves, the time in them at which each result is on the pins to be taken.
    pub value_times: Vec<u64>,
    /// The same of each sum.
    pub sum_times: Vec<u64>,
    /// As the core counted them, any tile of zeros included.
    pub counters: Counters,
    /// As the core counted them, any tile of zeros included.
    pub cycles: Cycles,
}

/// A command, and where in the part's results its tile begins; nowhere if they are dropped.
#[derive(Debug, Clone, Copy)]
struct Step {
    command: Command,
    offset: Option<usize>,
}

/// Rows of a tile that still have a beat to come on some channel.
struct Beats {
    tiles: VecDeque<Step>,
    row: usize,
}

impl Beats {
    fn new() -> Self {
        Self { tiles: VecDeque::new(), row: 0 }
    }

    /// The tile and row of the next beat.
    fn next(&self) -> Option<(Step, usize)> {
        self.tiles.front().map(|tile| (*tile, self.row))
    }

    /// Moves past the next beat, of a tile of `beats` beats.
    fn advance(&mut self, beats: usize) {
        self.row += 1;
        if self.row == beats {
            self.row = 0;
            self.tiles.pop_front();
        }
    }
}

/// Where each column is among the sums of the tiles emitted so far: columns run apart by the
/// registers between their blocks.
struct SumBeats {
    tiles: Vec<Step>,
    /// Tile and row of the next sum, by column.
    next: Vec<(usize, usize)>,
}

impl SumBeats {
    fn new(columns: usize) -> Self {
        Self { tiles: Vec::new(), next: vec![(0, 0); columns] }
    }

    /// The tile and row of this column's next sum, which is taken.
    fn take(&mut self, column: usize) -> Option<(Step, usize)> {
        let (tile, row) = &mut self.next[column];
        let taken = (*self.tiles.get(*tile)?, *row);
        *row += 1;
        if *row == taken.0.command.rows_live {
            (*tile, *row) = (*tile + 1, 0);
        }
        Some(taken)
    }
}

/// Panels of A and B that the running command reads; none while it reads zeros.
type Banks<'j> = Option<(&'j Panel, &'j Panel)>;

/// Some tiles on their way through the array.
struct Run<'j, 'r, 'd> {
    packed: &'j PackedGemm<'r, 'd>,
    /// Commands not yet accepted; the first is on offer.
    commands: VecDeque<Step>,
    /// Cycles that the sequencer should need at most.
    expected: u64,
    preloads: Beats,
    seeds: Beats,
    sum_beats: SumBeats,
    results: Beats,
    values: Vec<i32>,
    sums: Vec<i128>,
    /// Empty without waves.
    value_times: Vec<u64>,
    sum_times: Vec<u64>,
}

impl<'j, 'r, 'd: 'r> Run<'j, 'r, 'd> {
    fn new(packed: &'j PackedGemm<'r, 'd>, before: Option<usize>, tiles: &[usize]) -> Self {
        let schedule = packed.lowered.schedule;
        let lead_in = before.map(|tile| Step { command: zeros(&schedule, tile), offset: None });
        let mut commands: VecDeque<_> = lead_in.into_iter().collect();
        let mut values = 0;
        for tile in tiles {
            let offset = Some(values);
            for command in schedule.tile_commands(*tile) {
                commands.push_back(Step { command, offset });
                if command.last {
                    values += command.rows_live * command.cols_live;
                }
            }
        }
        // The tile of zeros takes at most what the one in whose place it stands takes.
        let all = before.into_iter().chain(tiles.iter().copied());
        Self {
            packed,
            commands,
            expected: schedule.cycles_of_tiles(packed.config, all).busy,
            preloads: Beats::new(),
            seeds: Beats::new(),
            sum_beats: SumBeats::new(packed.config.cols()),
            results: Beats::new(),
            values: vec![0; values],
            sums: vec![0; if packed.lowered.keep_sums { values } else { 0 }],
            value_times: Vec::new(),
            sum_times: Vec::new(),
        }
    }

    fn simulate(mut self, driver: &mut Driver) -> Result<TileResults, SimulationError> {
        let (total, patience) = (self.commands.len(), self.expected * PATIENCE + 1000);
        driver.start(&self.packed.lowered.requantizer)?;
        if driver.wave_time().is_some() {
            self.value_times = vec![0; self.values.len()];
            self.sum_times = vec![0; self.sums.len()];
        }
        self.offer_command(driver);
        driver.drive();
        let mut banks = None;
        driver.restart_activity();
        for cycles in 0.. {
            let fired = driver.settle()?;
            driver.count_activity()?;
            if self.commands.is_empty() && !fired.busy {
                break;
            }
            if cycles > patience {
                return Err(SimulationError::Hang {
                    cycles,
                    command: total - self.commands.len(),
                    commands: total,
                    expected: self.expected,
                });
            }
            self.collect(driver, &fired);
            driver.clock_edge()?;
            if let Some((address_a, address_b)) = fired.read {
                let word = |panel: Option<&'j Panel>, address| panel.and_then(|p| p.word(address));
                let (a, b) = (banks.map(|banks: (_, _)| banks.0), banks.map(|banks| banks.1));
                driver.answer_read(word(a, address_a), word(b, address_b));
            }
            if fired.command
                && let Some(step) = self.commands.pop_front()
            {
                banks = self.accept(driver, step);
                self.offer_command(driver);
            }
            if fired.preload
                && let Some((tile, _)) = self.preloads.next()
            {
                self.preloads.advance(tile.command.rows_live);
                self.offer_preload(driver);
            }
            if fired.seed {
                self.seeds.advance(1);
                self.offer_seed(driver);
            }
            driver.drive();
        }
        let (counters, cycles) = driver.counters();
        let Self { values, sums, value_times, sum_times, .. } = self;
        Ok(TileResults { values, sums, value_times, sum_times, counters, cycles })
    }

    /// Registers what an accepted command will ask for and bring; returns its panels.
    fn accept(&mut self, driver: &mut Driver, step: Step) -> Banks<'j> {
        let command = &step.command;
        if command.first && self.packed.lowered.is_preloaded() && step.offset.is_some() {
            self.preloads.tiles.push_back(step);
            if self.preloads.tiles.len() == 1 {
                self.offer_preload(driver);
            }
        }
        if command.last {
            if self.packed.stochastic {
                self.seeds.tiles.push_back(step);
                if self.seeds.tiles.len() == 1 {
                    self.offer_seed(driver);
                }
            }
            self.results.tiles.push_back(step);
            if self.packed.lowered.keep_sums {
                self.sum_beats.tiles.push(step);
            }
        }
        step.offset?;
        let schedule = &self.packed.lowered.schedule;
        let (rows, cols) = (schedule.band_rows(), self.packed.config.cols());
        let piece = schedule.piece(command);
        let a = self.packed.panels_a.get(command.row / rows, piece);
        Some((a, self.packed.panels_b.get(command.col / cols, piece)))
    }

    fn offer_command(&self, driver: &mut Driver) {
        let next = self.commands.front();
        let bias = self.packed.lowered.is_preloaded() && next.is_some_and(|s| s.offset.is_some());
        driver.offer_command(next.map(|step| &step.command), &self.packed.lowered.schedule, bias);
    }

    fn offer_preload(&self, driver: &mut Driver) {
        let lowered = self.packed.lowered;
        driver.offer_preload(self.preloads.next().map(|(Step { command: tile, .. }, row)| {
            let columns = tile.col..tile.col + tile.cols_live;
            columns.map(move |column| lowered.preload(tile.row + row, column))
        }));
    }

    fn offer_seed(&self, driver: &mut Driver) {
        let (path, cols) = (self.packed.lowered.seed, self.packed.config.cols() as u64);
        driver.offer_seed(self.seeds.next().map(|(step, _)| {
            let tile = self.packed.name(step.command.tile);
            (0..cols).map(move |column| path.column_seed(tile, column))
        }));
    }

    /// Takes the result and sum beats of this cycle. A core with a fault may emit more than was
    /// asked for: that is for the comparison to find, not a reason to stop here.
    fn collect(&mut self, driver: &mut Driver, fired: &Handshakes) {
        let time = driver.wave_time();
        if self.packed.lowered.keep_sums {
            for (column, sum) in driver.sums() {
                if let Some((Step { command, offset: Some(offset) }, row)) =
                    self.sum_beats.take(column)
                    && column < command.cols_live
                {
                    let place = offset + row * command.cols_live + column;
                    self.sums[place] = sum;
                    if let Some(time) = time {
                        self.sum_times[place] = time;
                    }
                }
            }
        }
        if fired.result
            && let Some((Step { command, offset }, row)) = self.results.next()
        {
            if let Some(offset) = offset {
                let first = offset + row * command.cols_live;
                let places = first..first + command.cols_live;
                let line = &mut self.values[places.clone()];
                line.iter_mut().zip(driver.results()).for_each(|(to, value)| *to = value);
                if let Some(time) = time {
                    self.value_times[places].fill(time);
                }
            }
            self.results.advance(command.rows_live);
        }
    }
}

/// A tile of zeros with the live rows of `tile`, one live column and K = 1.
fn zeros(schedule: &flexmac_array::Schedule, tile: usize) -> Command {
    let like = schedule.tile_commands(tile).next().expect("a tile has a command");
    Command { cols_live: 1, k: 0, k_len: 1, first: true, last: true, ..like }
}
