//! The RTL engine: every multiply done by the Verilated array, every clock edge driven from here.

use std::collections::VecDeque;
use std::path::Path;

use fxp::{Format, Requantizer, Role, Rounding, SeedPath, Start, Sums};
use ndarray::{Array2, ArrayView2, SliceInfo, SliceInfoElem, s};
use rtlgen::{Command, Config, Layout, SourceFile};

use crate::activity::Activity;
use crate::driver::{Build, Driver, Fired, Stalls};
use crate::engine::{Engine, Operand, Outcome, Product, Stats};
use crate::error::EngineError;
use crate::fp32;
use crate::lower::{Lowered, lower};
use crate::pack::Panels;

/// Cycles beyond the model's count after which a silent core counts as hung; random stalls make a
/// run a few times longer, never this much.
const PATIENCE: u64 = 64;

/// Drives one Verilated array.
pub struct RtlEngine {
    config: Config,
    layout: Layout,
    driver: Driver,
}

impl RtlEngine {
    /// Builds (or takes from the cache) and loads the model of `sources`, which must be a design of
    /// `config`; with `trace`, every cycle is written to that VCD or FST file.
    ///
    /// # Errors
    /// [`EngineError::Verilated`] when the model cannot be built, loaded or traced.
    pub fn new(
        config: Config,
        sources: &[SourceFile],
        trace: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let driver = Driver::new(&config, sources, Build::Rtl(trace))?;
        Ok(Self { config, layout: Layout::AsGiven, driver })
    }

    /// Builds and loads a mapped netlist of `config` with its cells' models in place of the RTL. If
    /// it has probes ([`crate::PROBE_TRIGGER`]), its switching activity is counted.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn gates(config: Config, sources: &[SourceFile]) -> Result<Self, EngineError> {
        let driver = Driver::new(&config, sources, Build::Gates)?;
        Ok(Self { config, layout: Layout::AsGiven, driver })
    }

    /// The switching activity of all products since it was last taken, pauses between them left
    /// out; none without probes.
    pub fn take_activity(&mut self) -> Option<Activity> {
        self.driver.take_activity()
    }

    /// Makes every handshake late at random, which must change nothing but cycle counts.
    #[must_use]
    pub fn with_stalls(mut self, stalls: Stalls) -> Self {
        self.driver.set_stalls(stalls);
        self
    }

    /// Lays products of integers on the array in another way than as given; floats stay as given.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// How products lie on the array.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Engine<i32> for RtlEngine {
    fn gemm(&mut self, product: &Product<'_, i32>) -> Result<Outcome<i32>, EngineError> {
        let lowered = lower(&self.config, self.layout, product)?;
        fxp::check_range('A', &lowered.a, lowered.bits_a)?;
        fxp::check_range('B', &lowered.b, lowered.bits_b)?;
        Run::new(&self.config, &lowered, product).play(&mut self.driver)
    }

    fn name(&self) -> &'static str {
        "rtl"
    }
}

/// Floats travel as the integers of their bits: the driver and the banks only move them.
impl Engine<f32> for RtlEngine {
    fn gemm(&mut self, product: &Product<'_, f32>) -> Result<Outcome<f32>, EngineError> {
        let schedule = fp32::lower(&self.config, product)?;
        let raw = RawFloats::new(product);
        let product = raw.product();
        let lowered = Lowered {
            a: product.a.values,
            b: product.b.values,
            bits_a: 32,
            bits_b: 32,
            bias: product.bias.as_ref().map(|bias| Start { values: bias.values, shift: 0 }),
            requantizer: Requantizer { shift: 0, bits: 32, rounding: Rounding::Nearest },
            schedule,
        };
        let outcome = Run::new(&self.config, &lowered, &product).play(&mut self.driver)?;
        // Each raw value is 32 bits.
        let values = outcome.values.mapv(|raw| f32::from_bits(raw as u32));
        Ok(Outcome { values, sums: None, stats: outcome.stats })
    }

    fn name(&self) -> &'static str {
        "rtl"
    }
}

/// A float product as bits.
struct RawFloats {
    a: Array2<i32>,
    b: Array2<i32>,
    bias: Option<Array2<i32>>,
}

impl RawFloats {
    fn new(product: &Product<'_, f32>) -> Self {
        // The same 32 bits.
        let raw = |values: ArrayView2<'_, f32>| values.mapv(|value| value.to_bits() as i32);
        Self {
            a: raw(product.a.values),
            b: raw(product.b.values),
            bias: product.bias.map(|bias| raw(bias.values)),
        }
    }

    fn product(&self) -> Product<'_, i32> {
        let format = Format::new(32, 0).expect("32 bits are legal");
        let operand = |values| Operand { values, format };
        Product {
            a: operand(self.a.view()),
            b: operand(self.b.view()),
            bias: self.bias.as_ref().map(|bias| operand(bias.view())),
            out: format,
            rounding: Rounding::Nearest,
            seed: SeedPath { run: 0, iteration: 0, layer: 0, role: Role::Forward },
            keep_sums: false,
        }
    }
}

/// Rows of a tile that still have a beat to come on some channel.
struct Beats {
    tiles: VecDeque<Command>,
    row: usize,
}

impl Beats {
    fn new() -> Self {
        Self { tiles: VecDeque::new(), row: 0 }
    }

    /// The tile and row of the next beat.
    fn next(&self) -> Option<(Command, usize)> {
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
    tiles: Vec<Command>,
    /// Tile and row of the next sum, by column.
    next: Vec<(usize, usize)>,
}

impl SumBeats {
    fn new(columns: usize) -> Self {
        Self { tiles: Vec::new(), next: vec![(0, 0); columns] }
    }

    /// The tile and row of this column's next sum, which is taken.
    fn take(&mut self, column: usize) -> Option<(Command, usize)> {
        let (tile, row) = &mut self.next[column];
        let taken = (*self.tiles.get(*tile)?, *row);
        *row += 1;
        if *row == taken.0.rows_live {
            (*tile, *row) = (*tile + 1, 0);
        }
        Some(taken)
    }
}

/// One product on its way through the array.
struct Run<'r, 'd> {
    config: &'r Config,
    lowered: &'r Lowered<'d>,
    product: &'r Product<'d, i32>,
    panels_a: Panels,
    panels_b: Panels,
    /// Commands not yet accepted; the first is on offer.
    commands: VecDeque<Command>,
    preloads: Beats,
    seeds: Beats,
    sum_beats: SumBeats,
    results: Beats,
    /// As the array sees the product.
    values: Array2<i32>,
    sums: Option<Array2<i128>>,
}

impl<'r, 'd> Run<'r, 'd> {
    fn new(config: &'r Config, lowered: &'r Lowered<'d>, product: &'r Product<'d, i32>) -> Self {
        let schedule = &lowered.schedule;
        let shape = (schedule.m, schedule.n);
        let (on_rows, on_columns) = lowered.on_array();
        Self {
            config,
            lowered,
            product,
            panels_a: Panels::of_a(config, schedule, on_rows),
            panels_b: Panels::of_b(config, schedule, on_columns),
            commands: schedule.commands().collect(),
            preloads: Beats::new(),
            seeds: Beats::new(),
            sum_beats: SumBeats::new(config.cols()),
            results: Beats::new(),
            values: Array2::zeros(shape),
            sums: product.keep_sums.then(|| Array2::zeros(shape)),
        }
    }

    fn play(mut self, driver: &mut Driver) -> Result<Outcome<i32>, EngineError> {
        let schedule = self.lowered.schedule;
        let expected = schedule.cycles(self.config).busy;
        let (total, patience) = (self.commands.len(), expected * PATIENCE + 1000);
        driver.start(&self.lowered.requantizer)?;
        self.offer_command(driver);
        driver.drive();
        // Panels of A and B and the piece of K that the running command reads.
        let mut banks = (0, 0, 0);
        driver.restart_activity();
        for cycles in 0.. {
            let fired = driver.settle()?;
            driver.count_activity()?;
            if self.commands.is_empty() && !fired.busy {
                break;
            }
            if cycles > patience {
                let command = total - self.commands.len();
                return Err(EngineError::Hang { cycles, command, commands: total, expected });
            }
            self.collect(driver, &fired);
            driver.clock_edge()?;
            if let Some((address_a, address_b)) = fired.read {
                let (a, b, piece) = banks;
                driver.answer_read(
                    self.panels_a.get(a, piece).word(address_a),
                    self.panels_b.get(b, piece).word(address_b),
                );
            }
            if fired.command
                && let Some(command) = self.commands.pop_front()
            {
                banks = self.accept(driver, &command);
                self.offer_command(driver);
            }
            if fired.preload
                && let Some((tile, _)) = self.preloads.next()
            {
                self.preloads.advance(tile.rows_live);
                self.offer_preload(driver);
            }
            if fired.seed {
                self.seeds.advance(1);
                self.offer_seed(driver);
            }
            driver.drive();
        }
        let (counters, cycles) = driver.counters();
        let macs = (schedule.m * schedule.k * schedule.n) as u64;
        let stats = Stats {
            counters,
            cycles,
            tiles: schedule.tiles() as u64,
            tiles_checked: 0,
            macs,
            mac_passes: macs * u64::from(schedule.passes()),
        };
        let values = as_given(self.values, schedule.transposed);
        let sums = self.sums.map(|sums| Sums::Wide(as_given(sums, schedule.transposed)));
        Ok(Outcome { values, sums, stats })
    }

    /// Registers what an accepted command will ask for and bring; returns its panels.
    fn accept(&mut self, driver: &mut Driver, command: &Command) -> (usize, usize, usize) {
        if command.first && self.lowered.bias.is_some() {
            self.preloads.tiles.push_back(*command);
            if self.preloads.tiles.len() == 1 {
                self.offer_preload(driver);
            }
        }
        if command.last {
            if self.product.rounding == Rounding::Stochastic {
                self.seeds.tiles.push_back(*command);
                if self.seeds.tiles.len() == 1 {
                    self.offer_seed(driver);
                }
            }
            self.results.tiles.push_back(*command);
            if self.sums.is_some() {
                self.sum_beats.tiles.push(*command);
            }
        }
        let schedule = &self.lowered.schedule;
        let (rows, cols) = (schedule.band_rows(), self.config.cols());
        (command.row / rows, command.col / cols, schedule.piece(command))
    }

    fn offer_command(&self, driver: &mut Driver) {
        let bias = self.lowered.bias.is_some();
        driver.offer_command(self.commands.front(), &self.lowered.schedule, bias);
    }

    fn offer_preload(&self, driver: &mut Driver) {
        let lowered = self.lowered;
        driver.offer_preload(self.preloads.next().map(|(tile, row)| {
            let columns = tile.col..tile.col + tile.cols_live;
            columns.map(move |column| lowered.bias_on_array(tile.row + row, column))
        }));
    }

    fn offer_seed(&self, driver: &mut Driver) {
        let (path, cols) = (self.product.seed, self.config.cols() as u64);
        driver.offer_seed(
            self.seeds
                .next()
                .map(|(tile, _)| (0..cols).map(move |column| path.column_seed(tile.tile, column))),
        );
    }

    /// Takes the result and sum beats of this cycle. A core with a fault may emit more than was
    /// asked for: that is for the comparison to find, not a reason to stop here.
    fn collect(&mut self, driver: &mut Driver, fired: &Fired) {
        if let Some(sums) = &mut self.sums {
            for (column, sum) in driver.sums() {
                if let Some((tile, row)) = self.sum_beats.take(column)
                    && column < tile.cols_live
                {
                    sums[[tile.row + row, tile.col + column]] = sum;
                }
            }
        }
        if fired.result
            && let Some((tile, row)) = self.results.next()
        {
            let line = self.values.slice_mut(live(&tile, row));
            line.into_iter().zip(driver.results()).for_each(|(to, value)| *to = value);
            self.results.advance(tile.rows_live);
        }
    }
}

/// A matrix of the product, row by row, from one as the array sees it.
fn as_given<T: Clone>(matrix: Array2<T>, transposed: bool) -> Array2<T> {
    if transposed { matrix.reversed_axes().as_standard_layout().into_owned() } else { matrix }
}

/// The part of a tile's row that lies in the product.
fn live(tile: &Command, row: usize) -> SliceInfo<[SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix1> {
    s![tile.row + row, tile.col..tile.col + tile.cols_live]
}
