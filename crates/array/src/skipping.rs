//! Plane skipping: the plan of a GEMM whose operands are known.
//!
//! A *panel* is what a command reads of one operand: the live lines of a tile over a piece of K. A
//! plane that is sign extension in every element of a panel changes no sum, and neither does a
//! panel of zeros. So each command has the planes that its two panels need, a command with a panel
//! of zeros is left out, and a tile without any other command keeps one of a single word, which
//! emits its results. Sums are exact, so results and counters are those without skipping.
//!
//! A shorter piece of K needs fewer planes, and each command has its own drains. The length of the
//! pieces is therefore chosen by the cycle model, for each GEMM.

use crate::config::ArrayConfig;
use crate::cycles::{Cycles, latency};
use crate::schedule::{Command, Schedule};

/// The plan of one GEMM with skipped planes: its pieces of K, and the planes of every panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippingPlan {
    schedule: Schedule,
    /// The pieces of K: piece i begins at `bounds[i]` and ends before `bounds[i + 1]`.
    bounds: Vec<usize>,
    piece_length: usize,
    /// Planes of the panels on the rows, 0 for zeros: band by band, piece by piece.
    planes_a: Vec<u8>,
    /// The same on the columns.
    planes_b: Vec<u8>,
}

/// What an array does in a GEMM with skipped planes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkippedWork {
    /// Cycles, if nothing is ever late.
    pub cycles: Cycles,
    /// Multiply-accumulates times passes: for each command, live rows * live columns * length of
    /// its piece of K * planes of A * planes of B.
    pub mac_passes: u64,
    /// Rows that the requantizer of each column accepts from its drain chain.
    pub captured_rows: u64,
    /// Bits of operand words written to the banks, each plane of a command once.
    pub loaded_bits: u64,
}

impl SkippedWork {
    /// Adds the work of another array, or of a GEMM that ran after this one.
    pub fn add(&mut self, other: &Self) {
        self.cycles.add(&other.cycles);
        self.mac_passes += other.mac_passes;
        self.captured_rows += other.captured_rows;
        self.loaded_bits += other.loaded_bits;
    }
}

impl Schedule {
    /// The lengths of pieces of K among which a plan with skipped planes chooses, the longest
    /// first: that of a command without skipping, and, where they are shorter, powers of two times
    /// the length whose words take as many slots as a band takes to drain, from half of it on. A
    /// drain hides behind a piece of that length, however few planes the piece has.
    pub fn piece_lengths(&self) -> Vec<usize> {
        let longest = self.longest_piece();
        let drained = self.band_rows().min(self.m) * self.lanes();
        let half = (drained / 2).next_multiple_of(self.lanes()).max(self.lanes());
        let mut lengths: Vec<_> =
            std::iter::successors(Some(drained), |length| length.checked_mul(2))
                .take_while(|length| *length < longest.min(self.k))
                .chain([half.min(longest)])
                .filter(|length| *length < self.k)
                .collect();
        lengths.push(longest);
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        lengths
    }

    /// Where pieces of `length` begin, and K: what is left at the end of K is a piece of its own, or
    /// part of the last one if both fit one command.
    ///
    /// # Panics
    /// When `length` is 0 or longer than a command.
    pub fn piece_bounds(&self, length: usize) -> Vec<usize> {
        assert!((1..=self.longest_piece()).contains(&length), "a length that a command has");
        let whole = (self.k / length).max(1);
        let last = (whole - 1) * length;
        let mut bounds: Vec<_> = (0..whole).map(|piece| piece * length).collect();
        if self.k - last > self.longest_piece() {
            bounds.push(whole * length);
        }
        bounds.push(self.k);
        bounds
    }

    /// The bounds of the pieces of all [`Self::piece_lengths`]: the pieces whose widths
    /// [`SkippingPlan::fastest`] takes.
    pub fn piece_grid(&self) -> Vec<usize> {
        let lengths = self.piece_lengths();
        let mut grid: Vec<_> =
            lengths.into_iter().flat_map(|length| self.piece_bounds(length)).collect();
        grid.sort_unstable();
        grid.dedup();
        grid
    }
}

impl SkippingPlan {
    /// The plan with the fewest cycles among those of all [`Schedule::piece_lengths`], the longest
    /// pieces among equals; and what the array does under it. The widths are those of the panels, in
    /// bits and two's complement, 0 for zeros: band by band of rows (columns), for the pieces of
    /// [`Schedule::piece_grid`].
    ///
    /// # Panics
    /// When a list has another length.
    pub fn fastest(
        config: &ArrayConfig,
        schedule: &Schedule,
        widths_a: &[u8],
        widths_b: &[u8],
    ) -> (Self, SkippedWork) {
        let grid = schedule.piece_grid();
        let plans = schedule.piece_lengths().into_iter().map(|length| {
            let bounds = schedule.piece_bounds(length);
            let join = |widths: &[u8]| joined(widths, &grid, &bounds);
            let plan = Self::cut(config, schedule, length, &join(widths_a), &join(widths_b));
            let work = plan.work_of_tiles(config, 0..schedule.tiles());
            (plan, work)
        });
        plans.min_by_key(|(_, work)| work.cycles.busy).expect("a length at least")
    }

    /// The plan with pieces of a given length: widths as for [`Self::fastest`], for the pieces of
    /// [`Schedule::piece_bounds`].
    ///
    /// # Panics
    /// When a list has another length.
    pub fn cut(
        config: &ArrayConfig,
        schedule: &Schedule,
        piece_length: usize,
        widths_a: &[u8],
        widths_b: &[u8],
    ) -> Self {
        let bounds = schedule.piece_bounds(piece_length);
        let pieces = bounds.len() - 1;
        let bands = schedule.tiles() / schedule.tiles_across();
        assert_eq!(widths_a.len(), bands * pieces, "a width for each panel on the rows");
        assert_eq!(
            widths_b.len(),
            schedule.tiles_across() * pieces,
            "a width for each panel on the columns"
        );
        // Cannot truncate: an operand has at most 32 planes.
        let planes = |widths: &[u8]| -> Vec<u8> {
            widths.iter().map(|bits| config.planes((*bits).into()) as u8).collect()
        };
        Self {
            schedule: *schedule,
            bounds,
            piece_length,
            planes_a: planes(widths_a),
            planes_b: planes(widths_b),
        }
    }

    /// The plan without data.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The length of the pieces of K; the last one may have another.
    pub fn piece_length(&self) -> usize {
        self.piece_length
    }

    /// Where the pieces of K begin, and K.
    pub fn bounds(&self) -> &[usize] {
        &self.bounds
    }

    /// The index of a command's piece of K, from 0.
    pub fn piece(&self, command: &Command) -> usize {
        self.bounds.partition_point(|bound| *bound <= command.k) - 1
    }

    /// The commands of a tile, in order of K.
    pub fn tile_commands(&self, tile: usize) -> impl Iterator<Item = Command> {
        let like = self.schedule.tile_commands(tile).next().expect("a tile has a command");
        let needed: Vec<_> = self.panels(tile).collect();
        let alone = needed.is_empty().then(|| Command {
            planes_a: 1,
            planes_b: 1,
            k: 0,
            k_len: self.one_word(),
            first: true,
            last: true,
            ..like
        });
        let (count, bounds) = (needed.len(), &self.bounds);
        let some = needed.into_iter().enumerate().map(move |(index, (piece, planes))| Command {
            k: bounds[piece],
            k_len: bounds[piece + 1] - bounds[piece],
            planes_a: planes.0,
            planes_b: planes.1,
            first: index == 0,
            last: index + 1 == count,
            ..like
        });
        alone.into_iter().chain(some)
    }

    /// The length of the only command of a tile in which every piece has a panel of zeros. The
    /// products of its first word are zeros, whatever the other panel holds.
    fn one_word(&self) -> usize {
        self.schedule.lanes().min(self.bounds[1])
    }

    /// The pieces of K of a tile in which no panel is zero, with the planes of both panels.
    fn panels(&self, tile: usize) -> impl Iterator<Item = (usize, (u32, u32))> {
        let pieces = self.bounds.len() - 1;
        let across = self.schedule.tiles_across();
        let (band, column) = (tile / across, tile % across);
        let a = &self.planes_a[band * pieces..][..pieces];
        let b = &self.planes_b[column * pieces..][..pieces];
        let planes = a.iter().zip(b).map(|(a, b)| (u32::from(*a), u32::from(*b)));
        planes.enumerate().filter(|(_, (a, b))| *a > 0 && *b > 0)
    }

    /// What the array does in some tiles of the GEMM alone, run one after the other in the given
    /// order.
    pub fn work_of_tiles(
        &self,
        config: &ArrayConfig,
        tiles: impl IntoIterator<Item = usize>,
    ) -> SkippedWork {
        let schedule = &self.schedule;
        let line_bits = config.lanes() as u64 * u64::from(config.chunk());
        let (rows_bits, cols_bits) =
            (config.rows() as u64 * line_bits, config.cols() as u64 * line_bits);
        let mut work = SkippedWork::default();
        let mut draining = 0; // live rows of the previous capture; none at the start
        for tile in tiles {
            let rows = schedule.tile_rows(tile) as u64;
            let live = rows * schedule.tile_cols(tile) as u64;
            let mut add = |k_len: usize, planes: (u32, u32)| {
                let words = schedule.words(k_len) as u64;
                let (a, b) = (u64::from(planes.0), u64::from(planes.1));
                work.cycles.compute += words * a * b;
                work.cycles.busy += command_slots(words, (a, b), rows, draining);
                work.mac_passes += live * k_len as u64 * a * b;
                work.captured_rows += rows * (a + b - 1);
                work.loaded_bits += words * (a * rows_bits + b * cols_bits);
                draining = rows;
            };
            let mut empty = true;
            for (piece, planes) in self.panels(tile) {
                add(self.bounds[piece + 1] - self.bounds[piece], planes);
                empty = false;
            }
            if empty {
                add(self.one_word(), (1, 1));
            }
        }
        work.cycles.stall = work.cycles.busy - work.cycles.compute;
        work.cycles.busy += draining + latency(config);
        work
    }
}

/// Slots of a command of `words` words and planes (a, b), of `rows` live rows, that follows a
/// capture of `before` rows. Of the pairs of planes with the sum s, there is one at s = 0; their
/// number rises to the smaller of a and b, stays, and falls to one.
fn command_slots(words: u64, (a, b): (u64, u64), rows: u64, before: u64) -> u64 {
    let (few, many) = (a.min(b), a.max(b));
    let steady = (many - few + 1) * (words * few).max(rows);
    let sides: u64 = (1..few).map(|pairs| 2 * (words * pairs).max(rows)).sum();
    steady + sides - words.max(rows) + words.max(before)
}

/// The widths of pieces that are each some neighbouring pieces of a grid, band by band: those of
/// the widest.
fn joined(widths: &[u8], grid: &[usize], bounds: &[usize]) -> Vec<u8> {
    let ends: Vec<_> = bounds
        .iter()
        .map(|bound| grid.binary_search(bound).expect("the grid has all bounds"))
        .collect();
    let bands = widths.chunks_exact(grid.len() - 1);
    assert!(bands.remainder().is_empty(), "a width for each piece of every band");
    bands
        .flat_map(|band| {
            ends.windows(2)
                .map(|ends| *band[ends[0]..ends[1]].iter().max().expect("a piece is not empty"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ArraySpec;
    use crate::schedule::Layout;
    use crate::style::Style;

    /// Widths of panels, many of them 0 and few above `most` / 2.
    fn widths(count: usize, most: u32, state: &mut u64) -> Vec<u8> {
        let mut draw = |below: u32| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*state >> 33) as u32 % below
        };
        (0..count)
            .map(|_| {
                let width = draw(most + 1);
                let narrow = draw(3) > 0;
                if draw(4) == 0 { 0 } else { (if narrow { width / 2 } else { width }) as u8 }
            })
            .collect()
    }

    /// Cycles and passes, command by command, in the order in which the sequencer runs them.
    fn walked(plan: &SkippingPlan, config: &ArrayConfig) -> SkippedWork {
        let schedule = plan.schedule();
        let mut work = SkippedWork::default();
        let mut draining = 0;
        for command in (0..schedule.tiles()).flat_map(|tile| plan.tile_commands(tile)) {
            let words = schedule.words(command.k_len) as u64;
            let (a, b) = (command.planes_a, command.planes_b);
            for s in 0..a + b - 1 {
                let pairs = (0..a).filter(|i| *i <= s && s - i < b).count() as u64;
                work.cycles.compute += words * pairs;
                work.cycles.busy += (words * pairs).max(draining);
                draining = command.rows_live as u64;
                work.captured_rows += draining;
            }
            let macs = command.rows_live * command.cols_live * command.k_len;
            work.mac_passes += macs as u64 * u64::from(a * b);
            let lines = config.rows() as u64 * u64::from(a) + config.cols() as u64 * u64::from(b);
            work.loaded_bits += words * lines * config.lanes() as u64 * u64::from(config.chunk());
        }
        work.cycles.stall = work.cycles.busy - work.cycles.compute;
        work.cycles.busy += draining + latency(config);
        work
    }

    fn configs() -> Vec<ArrayConfig> {
        let fixed =
            ArraySpec { style: Style::Fixed, chunk: 8, max_bits: 8, ..ArraySpec::default() };
        let odd = |rows, cols, lanes, chunk, max_k| ArraySpec {
            rows,
            cols,
            lanes,
            chunk,
            max_k,
            ..ArraySpec::default()
        };
        [odd(3, 5, 3, 2, 7), odd(1, 1, 1, 2, 1), odd(8, 8, 8, 4, 4096), odd(5, 2, 2, 8, 100), fixed]
            .into_iter()
            .map(|spec| spec.check().unwrap())
            .collect()
    }

    const SHAPES: [(usize, usize, usize); 7] =
        [(1, 1, 1), (7, 17, 11), (20, 250, 33), (3, 5, 5), (9, 1500, 5), (2, 8, 90), (25, 128, 20)];

    /// Every schedule with random widths, of which there may be none above 0.
    fn each(mut test: impl FnMut(&ArrayConfig, &Schedule, &[u8], &[u8])) {
        let mut state = 1;
        for config in configs() {
            for shape in SHAPES {
                for layout in Layout::ALL {
                    for bits in [(8, 8), (2, 7), (config.max_bits(), 8)] {
                        let schedule = Schedule::laid_out(&config, layout, shape, bits);
                        let pieces = schedule.piece_grid().len() - 1;
                        let across = schedule.tiles_across();
                        let bands = schedule.tiles() / across;
                        let own = if schedule.transposed { (bits.1, bits.0) } else { bits };
                        let a = widths(bands * pieces, own.0, &mut state);
                        let b = widths(across * pieces, own.1, &mut state);
                        test(&config, &schedule, &a, &b);
                        test(&config, &schedule, &vec![0; a.len()], &b);
                    }
                }
            }
        }
    }

    #[test]
    fn closed_form_equals_the_walk() {
        each(|config, schedule, a, b| {
            let (plan, work) = SkippingPlan::fastest(config, schedule, a, b);
            assert_eq!(work, walked(&plan, config), "{schedule:?}");
        });
    }

    #[test]
    fn commands_cover_what_is_not_zero_once() {
        each(|config, schedule, a, b| {
            let (plan, _) = SkippingPlan::fastest(config, schedule, a, b);
            let grid = schedule.piece_grid();
            let across = schedule.tiles_across();
            for tile in 0..schedule.tiles() {
                let commands: Vec<_> = plan.tile_commands(tile).collect();
                assert!(commands.first().is_some_and(|command| command.first));
                assert!(commands.last().is_some_and(|command| command.last));
                let firsts = commands.iter().filter(|command| command.first).count();
                let lasts = commands.iter().filter(|command| command.last).count();
                assert_eq!((firsts, lasts), (1, 1));
                assert!(commands.is_sorted_by(|a, b| a.k + a.k_len <= b.k), "{commands:?}");
                for command in &commands {
                    assert!(command.k_len <= schedule.longest_piece() && command.k_len > 0);
                    assert!(command.planes_a > 0 && command.planes_b > 0);
                    assert_eq!(plan.bounds()[plan.piece(command)], command.k);
                }
                for (piece, ends) in grid.windows(2).enumerate() {
                    let of = |widths: &[u8], band| widths[band * (grid.len() - 1) + piece];
                    let (a, b) = (of(a, tile / across), of(b, tile % across));
                    let run = commands
                        .iter()
                        .find(|c| c.k <= ends[0] && ends[1] <= c.k + c.k_len)
                        .map_or((0, 0), |c| (c.planes_a, c.planes_b));
                    if a > 0 && b > 0 {
                        assert!(run.0 >= config.planes(a.into()), "{run:?} for {a} x {b} bits");
                        assert!(run.1 >= config.planes(b.into()), "{run:?} for {a} x {b} bits");
                    }
                    assert!(run.0 <= schedule.planes_a && run.1 <= schedule.planes_b);
                }
            }
        });
    }

    #[test]
    fn skipping_is_never_slower() {
        each(|config, schedule, a, b| {
            let (_, work) = SkippingPlan::fastest(config, schedule, a, b);
            let full = schedule.cycles(config);
            assert!(work.cycles.busy <= full.busy, "{schedule:?}");
        });
    }

    /// With every panel at full width, nothing is skipped and nothing is cut.
    #[test]
    fn full_panels_give_the_plan_without_skipping() {
        for config in configs() {
            for shape in SHAPES {
                let bits = (config.max_bits(), config.max_bits());
                let schedule = Schedule::new(&config, shape, bits);
                let pieces = schedule.piece_grid().len() - 1;
                let across = schedule.tiles_across();
                let full = |bands| vec![config.max_bits() as u8; bands * pieces];
                let bands = schedule.tiles() / across;
                let (plan, work) =
                    SkippingPlan::fastest(&config, &schedule, &full(bands), &full(across));
                let commands = (0..schedule.tiles()).flat_map(|tile| plan.tile_commands(tile));
                if plan.piece_length() == schedule.longest_piece() {
                    assert!(commands.eq(schedule.commands()));
                    assert_eq!(work.cycles, schedule.cycles(&config));
                    assert_eq!(work.captured_rows, schedule.captured_rows(&config));
                }
                let macs = (shape.0 * shape.1 * shape.2) as u64;
                assert_eq!(work.mac_passes, macs * u64::from(schedule.passes()));
            }
        }
    }

    #[test]
    fn pieces_cover_k_and_fit_a_command() {
        each(|_, schedule, _, _| {
            for length in schedule.piece_lengths() {
                let bounds = schedule.piece_bounds(length);
                assert!(bounds[0] == 0 && *bounds.last().unwrap() == schedule.k);
                let fits = |ends: &[usize]| ends[1] - ends[0] <= schedule.longest_piece();
                assert!(bounds.is_sorted_by(|a, b| a < b) && bounds.windows(2).all(fits));
            }
        });
    }

    /// Values that are small in one half of K and large in the other: a cut saves passes.
    #[test]
    fn k_is_cut_where_that_saves_passes() {
        let config = ArraySpec { lanes: 8, chunk: 4, ..ArraySpec::default() }.check().unwrap();
        let schedule = Schedule::new(&config, (16, 2048, 16), (8, 8));
        let grid = schedule.piece_grid();
        let narrow: Vec<_> = grid[1..].iter().map(|end| if *end <= 1024 { 4 } else { 8 }).collect();
        let bands = schedule.tiles() / schedule.tiles_across();
        let a = narrow.repeat(bands);
        let b = vec![8; schedule.tiles_across() * narrow.len()];
        let (plan, work) = SkippingPlan::fastest(&config, &schedule, &a, &b);
        assert_eq!(plan.piece_length(), 1024, "the longest that separates them");
        let whole = (16 * 2048 * 16) as u64;
        assert_eq!(work.mac_passes, whole / 2 * 2 + whole / 2 * 4);
    }
}
