//! `na2016`: one width for all tensors, an integer length per tensor (Na and Mukhopadhyay,
//! "Speeding up convolutional neural network training with dynamic precision scaling and flexible
//! multiplier-accumulator", ISLPED 2016), implemented after the authors' published code
//! (docs/policies.md).
//!
//! There are two stages. In *I-search* all tensors have the maximum width while each searches for
//! its shortest integer length: the length shrinks by a bit after every `isearch_window` + 1
//! iterations without overflow, until the tensor overflows. Iterations in which a tensor showed only
//! zeros move nothing, because zeros fit any range. When all tensors have finished, or have shown
//! only zeros in their last `isearch_window` + 1 iterations and so have nothing to search for,
//! *D-search* uses the target width, and jumps to the maximum width when the smoothed loss stops
//! falling.
//!
//! All widths include the sign: one bit more than in the paper and its code.

use std::collections::VecDeque;

use flexmac_fxp::Format;
use serde::{Deserialize, Serialize};

use crate::error::DpsError;
use crate::kind::{ArrayLimits, Constants, PolicyKind, Unit, constant};
use crate::loss_average::LossAverage;
use crate::policy::{Observation, Policy, PolicyState, TensorCounters};
use crate::tensor::{FormatTable, Formats, TensorRole, TensorSpec};

pub(crate) const NAME: &str = "na2016";

/// The remembered loss before the first jump: larger than any real loss.
const NO_LOSS_YET: f64 = 1e7;

/// The policy's constants. Defaults are those of the authors' LeNet run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Na2016Config {
    /// Maximum width: in I-search and after a jump.
    pub max_bits: u32,
    /// Target width: the initial width of D-search.
    pub target_bits: u32,
    /// By how many bits a jump raises the target width.
    pub step_bits: u32,
    /// An integer length shrinks after this many iterations plus one without overflow.
    pub isearch_window: u32,
    /// Maxima of the smoothed loss that pass before the next one makes the width jump, while the
    /// loss rises without a break. After a smoothed loss that is not the maximum of its window, the
    /// next maximum jumps at once.
    pub dsearch_window: u32,
    /// Number of losses in the smoothed loss, and of smoothed losses in the window.
    pub loss_window: u32,
    /// Initial integer length of parameters.
    pub parameter_integer_length: i32,
    /// Initial integer length of the input and of activations.
    pub activation_integer_length: i32,
}

impl Default for Na2016Config {
    fn default() -> Self {
        Self {
            max_bits: 32,
            target_bits: 16,
            step_bits: 16,
            isearch_window: 20,
            dsearch_window: 20,
            loss_window: 100,
            parameter_integer_length: 0,
            activation_integer_length: 8,
        }
    }
}

impl Na2016Config {
    fn from_constants(constants: &mut dyn Constants, limits: &ArrayLimits) -> Self {
        let first = Self::default();
        let max_bits = constants.count("max-width", limits.max_bits);
        Self {
            max_bits,
            target_bits: constants.count("target-width", first.target_bits.min(max_bits)),
            step_bits: constants.count("step-width", first.step_bits),
            isearch_window: constants.count("isearch-window", first.isearch_window),
            dsearch_window: constants.count("dsearch-window", first.dsearch_window),
            loss_window: constants.count("loss-window", first.loss_window),
            ..first
        }
    }

    fn check(&self) -> Result<(), DpsError> {
        for bits in [self.max_bits, self.target_bits] {
            Format::new(bits, 0).map_err(|source| DpsError::Format { policy: NAME, source })?;
        }
        let constant = |name, expected: String, found| {
            Err(DpsError::Constant { policy: NAME, name, expected, found })
        };
        if self.target_bits > self.max_bits {
            let expected = format!("at most the maximum width {}", self.max_bits);
            return constant("target width", expected, self.target_bits);
        }
        if self.loss_window == 0 {
            return constant("loss window", "of at least 1".to_owned(), 0);
        }
        Ok(())
    }
}

/// The stage of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchStage {
    /// The width is the maximum; integer lengths shrink.
    ISearch,
    /// The loss decides the width.
    DSearch,
}

/// The binary point of a tensor, and its I-search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinaryPointState {
    /// Integer length, sign excluded.
    pub integer_length: i32,
    /// Iterations without overflow since the last shift.
    pub clean: u32,
    /// Whether I-search of this tensor has not ended yet. The logits' gradient has none.
    pub searching: bool,
    /// The last iterations of I-search in a row in which the tensor showed only zeros.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub zeros: u32,
}

/// Saved states of tensors that have values are those of versions that did not count zeros.
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The policy's state: everything that later steps depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Na2016State {
    /// The stage.
    pub stage: SearchStage,
    /// The present width of every tensor.
    pub width: u32,
    /// The target width.
    pub target: u32,
    /// The tensors' binary points, in the order of tensors.
    pub points: Vec<BinaryPointState>,
    /// The smoothed loss.
    pub average: LossAverage,
    /// The window of smoothed losses, newest last.
    pub ring: VecDeque<f64>,
    /// Maxima of the smoothed loss since the last jump or the start. A smoothed loss that is not
    /// the maximum of its window sets this to `dsearch_window`, so that the next maximum jumps.
    pub increases: u32,
    /// The smallest smoothed loss in the window before the last jump.
    pub remembered: f64,
}

/// The policy `na2016`.
#[derive(Debug, Clone)]
pub struct Na2016 {
    config: Na2016Config,
    names: Vec<String>,
    roles: Vec<TensorRole>,
    state: Na2016State,
    table: FormatTable,
    notes: Vec<String>,
}

impl Na2016 {
    /// The policy in its initial state, for a network's `tensors`.
    ///
    /// # Errors
    /// [`DpsError`] when a constant is out of range.
    pub fn new(config: Na2016Config, tensors: &[TensorSpec]) -> Result<Self, DpsError> {
        config.check()?;
        let roles: Vec<_> = tensors.iter().map(|tensor| tensor.role).collect();
        let names = tensors.iter().map(|tensor| tensor.name.clone()).collect();
        let point = |role: &TensorRole| BinaryPointState {
            integer_length: match role {
                TensorRole::Weight { .. } | TensorRole::Bias | TensorRole::Normalization => {
                    config.parameter_integer_length
                }
                TensorRole::Input
                | TensorRole::Activation
                | TensorRole::HostOutput
                | TensorRole::Normalized => config.activation_integer_length,
                TensorRole::Logits { gradient_integer_length } => *gradient_integer_length,
            },
            clean: 0,
            searching: !matches!(role, TensorRole::Logits { .. }),
            zeros: 0,
        };
        let state = Na2016State {
            stage: SearchStage::ISearch,
            width: config.max_bits,
            target: config.target_bits,
            points: roles.iter().map(point).collect(),
            average: LossAverage::new(config.loss_window as usize),
            ring: VecDeque::new(),
            increases: 0,
            remembered: NO_LOSS_YET,
        };
        let table = table(&state);
        Ok(Self { config, names, roles, state, table, notes: Vec::new() })
    }

    /// In either stage: an overflow lengthens the tensor's integer part by a bit.
    fn lengthen_overflowed(&mut self, counters: &[TensorCounters]) {
        assert_eq!(counters.len(), self.roles.len(), "one counter set per tensor");
        for ((point, role), counters) in self.state.points.iter_mut().zip(&self.roles).zip(counters)
        {
            if !matches!(role, TensorRole::Logits { .. }) && counters.overflows() > 0 {
                point.integer_length = crate::lengthened(point.integer_length);
            }
        }
    }

    /// I-search.
    fn search_integer_lengths(&mut self, counters: &[TensorCounters]) {
        for (point, counters) in self.state.points.iter_mut().zip(counters) {
            if !point.searching {
                continue;
            }
            if counters.only_zeros() {
                point.zeros = point.zeros.saturating_add(1);
                continue;
            }
            point.zeros = 0;
            if counters.overflows() > 0 {
                point.searching = false;
            } else if point.clean == self.config.isearch_window {
                point.integer_length -= 1;
                point.clean = 0;
            } else {
                point.clean += 1;
            }
        }
        let window = self.config.isearch_window;
        let ended = |point: &BinaryPointState| !point.searching || point.zeros > window;
        if self.state.points.iter().all(ended) {
            for (point, name) in self.state.points.iter_mut().zip(&self.names) {
                if point.searching {
                    (point.searching, point.zeros) = (false, 0);
                    let il = point.integer_length;
                    self.notes.push(format!(
                        "na2016: the search of tensor {name} ends at integer length {il} without an \
                         overflow, because its values are all 0"
                    ));
                }
            }
            self.state.stage = SearchStage::DSearch;
            self.state.width = self.state.target;
        }
    }

    /// D-search. `smoothed` is the newest entry of the ring.
    fn search_width(&mut self, smoothed: f64) {
        let state = &mut self.state;
        let max_bits = self.config.max_bits;
        if state.ring.iter().all(|loss| *loss <= smoothed) {
            if state.increases == self.config.dsearch_window {
                if state.width < max_bits {
                    state.remembered = state.ring.iter().copied().fold(f64::INFINITY, f64::min);
                    if state.target < max_bits.saturating_sub(self.config.step_bits) {
                        state.target += self.config.step_bits;
                    }
                    state.width = max_bits;
                }
                state.increases = 0;
            } else {
                state.increases += 1;
            }
        } else {
            state.increases = self.config.dsearch_window;
            if smoothed < state.remembered && state.width == max_bits {
                state.width = state.target;
            }
        }
    }
}

/// The formats of a state: every tensor has its width; the fraction has width - 1 - integer length
/// bits.
fn table(state: &Na2016State) -> FormatTable {
    let formats = |point: &BinaryPointState| {
        Formats::with_integer_length(state.width, point.integer_length).expect(
            "the configuration's widths were checked, and the target never exceeds the maximum",
        )
    };
    FormatTable::new(state.points.iter().map(formats).collect())
}

impl Policy for Na2016 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn phase(&self) -> &'static str {
        match self.state.stage {
            SearchStage::ISearch => "isearch",
            SearchStage::DSearch => "dsearch",
        }
    }

    fn formats(&self) -> &FormatTable {
        &self.table
    }

    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable {
        let smoothed = self.state.average.push(observation.loss);
        if self.state.ring.len() == self.config.loss_window as usize {
            self.state.ring.pop_front();
        }
        self.state.ring.push_back(smoothed);
        self.lengthen_overflowed(observation.counters);
        match self.state.stage {
            SearchStage::ISearch => self.search_integer_lengths(observation.counters),
            SearchStage::DSearch => self.search_width(smoothed),
        }
        self.table = table(&self.state);
        &self.table
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn state(&self) -> PolicyState {
        PolicyState::new(NAME, &self.state)
    }

    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError> {
        let saved: Na2016State =
            state.read(NAME, self.roles.len(), |state: &Na2016State| [state.points.len()])?;
        for bits in [saved.width, saved.target] {
            Format::new(bits, 0).map_err(|source| DpsError::Format { policy: NAME, source })?;
        }
        self.state = saved;
        self.table = table(&self.state);
        Ok(())
    }
}

/// The policy's entry in [`POLICIES`](crate::POLICIES).
pub(crate) const KIND: PolicyKind = PolicyKind {
    name: NAME,
    about: "Na and Mukhopadhyay, ISLPED 2016: one width, which follows the loss",
    heading: "Policy na2016",
    constants: &[
        constant(
            "target-width",
            Unit::Bits,
            "Initial width of D-search [default: 16, or max-width if smaller]",
        ),
        constant("step-width", Unit::Bits, "Bits by which a jump raises the target [default: 16]"),
        constant(
            "isearch-window",
            Unit::Count,
            "Iterations without overflow before an integer length shrinks [default: 20]",
        ),
        constant(
            "dsearch-window",
            Unit::Count,
            "Maxima of the smoothed loss before a jump [default: 20]",
        ),
        constant(
            "loss-window",
            Unit::Count,
            "Number of losses in the smoothed loss [default: 100]",
        ),
    ],
    forward_rounding: None,
    make: |constants, limits, tensors| {
        let config = Na2016Config::from_constants(constants, limits);
        Ok(Box::new(Na2016::new(config, tensors)?))
    },
};

#[cfg(test)]
#[path = "na2016_tests.rs"]
mod tests;
