//! The search for the range and the width of one operand. `planewise` runs one for each use of each
//! tensor.
//!
//! A *window* is a number of iterations in a row (`OperandRules::window`) whose counters are added.
//!
//! Range: the integer length grows by a bit at once when an iteration overflows more often than the
//! limit. It shrinks by all top bits that a whole window left unused. Counters do not say how many
//! values a shorter range would cut off. So now and then a range shorter by one bit is *tried*. If
//! it overflows too often, it is taken back, and the wait before the next trial doubles.
//!
//! A window of zeros alone does not move a range that was once in use.
//!
//! Width: values that spread over many LSBs have a mean rounding error of 1/4 LSB (1/3 with
//! stochastic rounding). Values far below an LSB round to zero with an error as small as
//! themselves. So a *small* mean rounding error over a window shows that most values are below the
//! LSB, and a plane is added. This window is separate from the range's, which restarts whenever the
//! range moves: late in training the range of a gradient moves so often that few of its windows
//! end. Planes are never removed.

use std::ops::RangeInclusive;

use flexmac_fxp::{Counters, Format};
use serde::{Deserialize, Serialize};

use crate::zero_search::ZeroSearch;

/// The integer lengths of the search. At the shortest, the search of a tensor of zeros ends.
const INTEGER_LENGTHS: RangeInclusive<i32> = crate::SHORTEST..=crate::LONGEST;

/// Initial wait between two trials, in windows. It doubles up to `LONGEST_WAIT`.
const FIRST_WAIT: u32 = 1;
const LONGEST_WAIT: u32 = 64;

/// The width for which overflow limits are stated; see [`OperandRules::limit`].
const LIMIT_BITS: i32 = 8;

/// The constants of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OperandRules {
    /// Width of a plane in bits; widths are multiples of it.
    pub chunk: u32,
    /// Initial number of planes.
    pub planes: u32,
    /// Largest number of planes.
    pub planes_max: u32,
    /// Whether the range can move.
    pub searches: bool,
    /// Longest integer length, for values with a known bound.
    pub bound: i32,
    /// Share of values that may overflow.
    pub overflow_limit: f64,
    /// Whether the limit is for 8 bits and doubles for every bit less: with a coarser LSB, rounding
    /// the values in range costs more than cutting off a few.
    pub limit_by_width: bool,
    /// Mean rounding error, in LSBs, below which a plane is added.
    pub resolution: f64,
    /// Iterations in a window.
    pub window: u32,
}

/// The state of a search: everything that later decisions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperandState {
    /// Integer length, sign excluded.
    pub integer_length: i32,
    /// Planes in use.
    pub planes: u32,
    /// Whether the range has once been fully used. Before that, it shrinks after every iteration.
    pub settled: bool,
    /// Whether the present range is a trial.
    pub trying: bool,
    /// Windows before the next trial.
    pub wait: u32,
    /// The wait, in windows, if the next trial fails.
    pub next_wait: u32,
    /// Iterations so far in the window of the range.
    pub iterations: u32,
    /// Counters of these iterations.
    pub seen: Counters,
    /// Iterations so far in the window of the width.
    pub width_iterations: u32,
    /// Counters of these iterations.
    pub width_seen: Counters,
    /// Before the range has been used: whether there were only zeros.
    #[serde(default, skip_serializing_if = "ZeroSearch::is_values")]
    pub zeros: ZeroSearch,
}

impl OperandRules {
    /// Width in bits of `planes` planes.
    fn bits(&self, planes: u32) -> u32 {
        (planes * self.chunk).clamp(flexmac_fxp::MIN_BITS, flexmac_fxp::MAX_BITS)
    }

    /// Share of values that may overflow at a width of `bits`.
    fn limit(&self, bits: u32) -> f64 {
        if self.limit_by_width {
            // Widths are at most 32.
            self.overflow_limit * f64::from(LIMIT_BITS - bits as i32).exp2()
        } else {
            self.overflow_limit
        }
    }

    /// The initial state of a search.
    pub(crate) fn start(&self, integer_length: i32) -> OperandState {
        OperandState {
            integer_length: integer_length.min(self.bound),
            planes: self.planes,
            settled: false,
            trying: false,
            wait: FIRST_WAIT,
            next_wait: 2 * FIRST_WAIT,
            iterations: 0,
            seen: Counters::default(),
            width_iterations: 0,
            width_seen: Counters::default(),
            zeros: ZeroSearch::Values,
        }
    }

    /// The format of a state.
    pub(crate) fn format(&self, state: &OperandState) -> Format {
        Format::with_integer_length(self.bits(state.planes), state.integer_length)
            .expect("widths are kept legal")
    }

    /// Updates a state with the counters of one iteration.
    pub(crate) fn step(&self, state: &mut OperandState, counters: &Counters) {
        if counters.emitted == 0 {
            return;
        }
        if self.searches {
            self.search_range(state, counters);
        }
        self.search_width(state, counters);
    }

    /// Adds a plane at the end of a window whose values were mostly below the LSB.
    fn search_width(&self, state: &mut OperandState, counters: &Counters) {
        state.width_seen.merge(counters);
        state.width_iterations += 1;
        if state.width_iterations < self.window {
            return;
        }
        if state.width_seen.mean_error() < self.resolution && state.planes < self.planes_max {
            state.planes += 1;
            // The range's counters refer to the narrower format.
            state.clear();
        }
        (state.width_iterations, state.width_seen) = (0, Counters::default());
    }

    /// Sets the largest number of planes.
    pub(crate) fn widen(&self, state: &mut OperandState) {
        if state.planes < self.planes_max {
            state.planes = self.planes_max;
            // All counters refer to the narrower format.
            state.clear();
            (state.width_iterations, state.width_seen) = (0, Counters::default());
        }
    }

    /// Moves the range if the counters require it, or tries a shorter one.
    fn search_range(&self, state: &mut OperandState, counters: &Counters) {
        state.seen.merge(counters);
        state.iterations += 1;
        let due = state.iterations >= self.window;
        let bits = self.bits(state.planes);
        // Values of this format use at most bits - 1 below the sign. Counters of a wider one, which no run
        // gives, leave none unused.
        let unused = (bits - 1).saturating_sub(state.seen.magnitude_bits());
        if !state.settled
            && let Some(format) = state.zeros.step(counters, self.format(state))
        {
            state.integer_length = format.integer_length();
            state.clear();
            return;
        }
        if counters.overflow_rate() > self.limit(bits) {
            if state.trying {
                state.wait = state.next_wait;
                state.next_wait = (2 * state.next_wait).min(LONGEST_WAIT);
            }
            (state.settled, state.trying) = (true, false);
            self.shift(state, 1);
        } else if state.settled && state.seen.only_zeros() {
            if due {
                state.clear();
            }
        } else if unused > 0 && (due || !state.settled) {
            self.shift(state, -(unused as i32)); // at most 31
        } else {
            state.settled |= unused == 0;
            if due {
                self.end_window(state);
            }
        }
    }

    fn shift(&self, state: &mut OperandState, by: i32) {
        let longest = self.bound.min(*INTEGER_LENGTHS.end());
        state.integer_length = (state.integer_length + by).clamp(*INTEGER_LENGTHS.start(), longest);
        state.clear();
    }

    /// Ends a window in which the range did not have to move.
    fn end_window(&self, state: &mut OperandState) {
        state.clear();
        if state.trying {
            (state.trying, state.wait, state.next_wait) = (false, FIRST_WAIT, 2 * FIRST_WAIT);
        }
        if self.overflow_limit == 0.0 {
            return;
        }
        if state.wait > 0 {
            state.wait -= 1;
        } else {
            state.trying = true;
            self.shift(state, -1);
        }
    }
}

impl OperandState {
    fn clear(&mut self) {
        (self.iterations, self.seen) = (0, Counters::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: OperandRules = OperandRules {
        chunk: 4,
        planes: 2,
        planes_max: 3,
        searches: true,
        bound: i32::MAX,
        overflow_limit: 1.0 / 1024.0,
        limit_by_width: true,
        resolution: 1.0 / 64.0,
        window: 5,
    };

    /// Counters of 1,024 values; `error` is the mean rounding error in 1/256 LSB.
    fn counters(overflows: u64, magnitude_bits: u32, error: u64) -> Counters {
        Counters {
            emitted: 1024,
            overflow_low: overflows / 2,
            overflow_high: overflows - overflows / 2,
            magnitude_or: (1 << magnitude_bits) - 1,
            error_sum: 1024 * error,
        }
    }

    fn steps(rules: &OperandRules, state: &mut OperandState, count: u32, counters: &Counters) {
        (0..count).for_each(|_| rules.step(state, counters));
    }

    #[test]
    fn the_first_iterations_find_the_range_at_once() {
        let mut state = RULES.start(8);
        assert_eq!(RULES.format(&state).to_string(), "s8.-1");
        RULES.step(&mut state, &counters(0, 2, 64));
        assert_eq!((state.integer_length, state.settled), (3, false));
        RULES.step(&mut state, &counters(0, 7, 64));
        assert_eq!((state.integer_length, state.settled), (3, true));
        steps(&RULES, &mut state, 3, &counters(0, 6, 64));
        assert_eq!(state.integer_length, 3, "a settled range waits for its window");
    }

    #[test]
    fn overflows_beyond_the_limit_move_the_point_at_once() {
        let mut state = RULES.start(3);
        RULES.step(&mut state, &counters(1, 7, 64));
        assert_eq!(state.integer_length, 3, "1 in 1,024 is the limit");
        RULES.step(&mut state, &counters(2, 7, 64));
        assert_eq!((state.integer_length, state.iterations), (4, 0));
    }

    #[test]
    fn the_limit_depends_on_the_width_if_the_rules_say_so() {
        let share = |rules: OperandRules| [4, 8, 16].map(|bits| 1024.0 * rules.limit(bits));
        assert_eq!(share(RULES), [16.0, 1.0, 1.0 / 256.0]);
        assert_eq!(share(OperandRules { limit_by_width: false, ..RULES }), [1.0; 3]);
    }

    #[test]
    fn unused_bits_are_removed_after_a_window() {
        let mut state = RULES.start(3);
        RULES.step(&mut state, &counters(0, 7, 64));
        steps(&RULES, &mut state, 4, &counters(0, 5, 64));
        assert_eq!(state.integer_length, 3, "the window saw the top bit in use");
        steps(&RULES, &mut state, 5, &counters(0, 5, 64));
        assert_eq!(state.integer_length, 1);
    }

    #[test]
    fn counters_of_a_wider_format_leave_no_bit_unused() {
        let mut state = RULES.start(3);
        RULES.step(&mut state, &counters(0, 12, 64));
        assert_eq!((state.integer_length, state.settled), (3, true), "of 7 bits");
    }

    #[test]
    fn a_shorter_range_is_tried_and_taken_back_with_longer_waits() {
        let mut state = RULES.start(3);
        let (fits, cut) = (counters(1, 7, 64), counters(9, 7, 64));
        let mut tries = Vec::new();
        for iteration in 0..200 {
            let seen = if state.integer_length < 3 { &cut } else { &fits };
            RULES.step(&mut state, seen);
            if state.trying {
                assert_eq!(state.integer_length, 2);
                tries.push(iteration);
            } else {
                assert_eq!(state.integer_length, 3);
            }
        }
        let waits: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(waits, [16, 26, 46, 86], "3, 5, 9, 17 windows and the failing iteration");
    }

    #[test]
    fn a_shorter_range_that_suffices_is_kept() {
        let mut state = RULES.start(3);
        steps(&RULES, &mut state, 15, &counters(1, 7, 64));
        assert_eq!((state.integer_length, state.trying), (2, false));
    }

    #[test]
    fn a_small_rounding_error_adds_a_plane_up_to_the_most() {
        let mut state = RULES.start(3);
        // Range and width have separate windows, so a range that moves often does not delay the
        // width.
        steps(&RULES, &mut state, 5, &counters(2, 7, 3));
        assert_eq!(state.integer_length, 8);
        state.integer_length = 3;
        assert_eq!((state.planes, RULES.format(&state).to_string().as_str()), (3, "s3.8"));
        steps(&RULES, &mut state, 5, &counters(1, 11, 3));
        assert_eq!(state.planes, 3);
        let mut even = RULES.start(3);
        steps(&RULES, &mut even, 50, &counters(1, 7, 4));
        assert_eq!(even.planes, 2, "1/64 is not below 1/64");
    }

    #[test]
    fn bounds_hold_and_empty_counters_change_nothing() {
        let rules = OperandRules { bound: -6, ..RULES };
        let mut state = rules.start(0);
        rules.step(&mut state, &counters(500, 7, 64));
        assert_eq!(state.integer_length, -6);
        let before = state;
        rules.step(&mut state, &Counters::default());
        assert_eq!(state, before);
        steps(&rules, &mut state, 1000, &counters(0, 0, 0));
        assert_eq!(state.integer_length, -6, "zeros fit any range");
        let fixed = OperandRules { searches: false, ..RULES };
        let mut state = fixed.start(0);
        steps(&fixed, &mut state, 100, &counters(500, 7, 64));
        assert_eq!(state.integer_length, 0);
    }
}
