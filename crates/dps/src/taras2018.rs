//! `taras2018`: two thresholds, one per side of the point (Taras and Stuart, "Quantization error as
//! a metric for dynamic precision scaling in neural net training", 2018, arXiv:1801.08621).
//!
//! After every iteration, for each use of each tensor: the integer part grows by a bit if the
//! overflow rate is above its limit, else it shrinks by one; the fraction grows by a bit if the
//! mean rounding error is above its limit, else it shrinks by one. So formats follow the data and
//! oscillate around what both limits require. The paper uses stochastic rounding.
//!
//! Differences from the paper:
//! - The paper's error is relative to each value. The array sums |error| in LSBs and has no sum of
//!   values. So the error here is relative to the largest magnitude of the iteration, 2^(magnitude
//!   bits): it is smaller than the paper's for the same data.
//! - Limits, initial formats and granularity (one format per tensor and use) are our choice.
//! - The search of a tensor of zeros ends at the shortest integer length: the tensor gets back the
//!   format that it had, and keeps it until it has a value.
//! - Widths stay within `bits_min` and `bits_max`. If both parts do not fit, the integer part does.

use flexmac_fxp::{Counters, Format};
use serde::{Deserialize, Serialize};

use crate::error::DpsError;
use crate::kind::{ArrayLimits, Constants, PolicyKind, Unit, constant};
use crate::policy::{Observation, Policy, PolicyState};
use crate::tensor::{FormatTable, Formats, TensorRole, TensorSpec};
use crate::zero_search::ZeroSearch;

pub(crate) const NAME: &str = "taras2018";

/// The policy's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Taras2018Config {
    /// Share of values that may overflow.
    pub overflow_limit: f64,
    /// Largest mean |rounding error|, as a share of the largest magnitude.
    pub error_limit: f64,
    /// Initial width of every tensor.
    pub bits: u32,
    /// Initial integer length of every tensor.
    pub integer_length: i32,
    /// Narrowest width.
    pub bits_min: u32,
    /// Widest width.
    pub bits_max: u32,
}

impl Default for Taras2018Config {
    fn default() -> Self {
        Self {
            overflow_limit: 1e-4,
            error_limit: 1e-4,
            bits: 16,
            integer_length: 4,
            bits_min: 4,
            bits_max: 32,
        }
    }
}

impl Taras2018Config {
    fn from_constants(constants: &mut dyn Constants, limits: &ArrayLimits) -> Self {
        let first = Self::default();
        let bits_max = constants.count("max-width", limits.max_bits);
        Self {
            overflow_limit: constants.share("overflow-limit", first.overflow_limit),
            error_limit: constants.share("error-limit", first.error_limit),
            bits: constants.count("bits", first.bits.min(bits_max)),
            integer_length: constants.integer_length("first-il", first.integer_length),
            bits_min: constants.count("min-width", first.bits_min),
            bits_max,
        }
    }

    fn check(&self) -> Result<(), DpsError> {
        for bits in [self.bits_min, self.bits, self.bits_max] {
            Format::new(bits, 0).map_err(|source| DpsError::Format { policy: NAME, source })?;
        }
        if !(self.bits_min..=self.bits_max).contains(&self.bits) {
            return Err(DpsError::Constant {
                policy: NAME,
                name: "first width",
                expected: format!("in {}..={}", self.bits_min, self.bits_max),
                found: self.bits,
            });
        }
        crate::error::check_share(NAME, "overflow limit", self.overflow_limit)?;
        crate::error::check_share(NAME, "error limit", self.error_limit)
    }

    /// The format after an iteration with counters `seen`; `bound` is the longest integer length.
    fn next(&self, now: Format, seen: &Counters, bound: i32, zeros: &mut ZeroSearch) -> Format {
        if seen.emitted == 0 {
            return now;
        }
        if let Some(format) = zeros.step(seen, now) {
            return format;
        }
        let (mut integer_length, mut frac) = (now.integer_length(), now.frac());
        let overflowed = seen.overflow_rate() > self.overflow_limit;
        integer_length =
            if overflowed { crate::lengthened(integer_length) } else { integer_length - 1 };
        integer_length = integer_length.clamp(crate::SHORTEST, bound);
        let error = seen.mean_error() / f64::from(seen.magnitude_bits()).exp2();
        frac += if error > self.error_limit { 1 } else { -1 };
        let (min, max) = (self.bits_min as i32, self.bits_max as i32); // 2..=32
        let bits = (integer_length + frac + 1).clamp(min, max);
        // The integer part keeps its length: the fraction takes the rest of the width.
        Format::with_integer_length(bits as u32, integer_length)
            .expect("widths between two legal ones are legal")
    }
}

/// The policy's state: everything that later steps depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taras2018State {
    /// The formats, by tensor.
    pub formats: FormatTable,
    /// Whether there were only zeros, by tensor: of forward (or stored) values and of gradients.
    /// None where every tensor has values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zeros: Vec<[ZeroSearch; 2]>,
}

/// The policy `taras2018`.
#[derive(Debug, Clone)]
pub struct Taras2018 {
    config: Taras2018Config,
    roles: Vec<TensorRole>,
    table: FormatTable,
    zeros: Vec<[ZeroSearch; 2]>,
}

impl Taras2018 {
    /// The policy in its initial state, for a network's `tensors`.
    ///
    /// # Errors
    /// [`DpsError`] when a constant is out of range.
    pub fn new(config: Taras2018Config, tensors: &[TensorSpec]) -> Result<Self, DpsError> {
        config.check()?;
        let roles: Vec<_> = tensors.iter().map(|tensor| tensor.role).collect();
        let format = |bound: i32| {
            Format::with_integer_length(config.bits, config.integer_length.min(bound))
                .expect("the configuration's widths were checked")
        };
        let formats = |role: &TensorRole| Formats {
            backward: format(if role.is_parameter() { i32::MAX } else { role.gradient_bound() }),
            ..Formats::uniform(format(i32::MAX))
        };
        let table = FormatTable::new(roles.iter().map(formats).collect());
        let zeros = vec![Default::default(); roles.len()];
        Ok(Self { config, roles, table, zeros })
    }
}

impl Policy for Taras2018 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn phase(&self) -> &'static str {
        "dynamic"
    }

    fn formats(&self) -> &FormatTable {
        &self.table
    }

    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable {
        let counters = observation.counters;
        assert_eq!(counters.len(), self.roles.len(), "one counter set per tensor");
        let (config, mut next) = (self.config, Vec::new());
        let tensors = self.roles.iter().zip(self.table.iter()).zip(counters).zip(&mut self.zeros);
        for (((role, now), seen), [forward_zeros, backward_zeros]) in tensors {
            if role.is_parameter() {
                // One format for storage and for GEMMs, as in the paper.
                let update = config.next(now.update, &seen.update, i32::MAX, forward_zeros);
                next.push(Formats::uniform(update));
                continue;
            }
            let forward = config.next(now.forward, &seen.forward, i32::MAX, forward_zeros);
            let bound = role.gradient_bound();
            let backward = config.next(now.backward, &seen.backward, bound, backward_zeros);
            next.push(Formats { forward, backward, update: forward, reused: None });
        }
        self.table = FormatTable::new(next);
        &self.table
    }

    fn state(&self) -> PolicyState {
        let none = self.zeros.iter().flatten().all(ZeroSearch::is_values);
        let zeros = if none { Vec::new() } else { self.zeros.clone() };
        PolicyState::new(NAME, &Taras2018State { formats: self.table.clone(), zeros })
    }

    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError> {
        let saved: Taras2018State =
            state.read(NAME, self.roles.len(), |state: &Taras2018State| {
                let zeros =
                    if state.zeros.is_empty() { state.formats.len() } else { state.zeros.len() };
                [state.formats.len(), zeros]
            })?;
        self.table = saved.formats;
        self.zeros = saved.zeros;
        self.zeros.resize(self.roles.len(), Default::default());
        Ok(())
    }
}

/// The policy's entry in [`POLICIES`](crate::POLICIES).
pub(crate) const KIND: PolicyKind = PolicyKind {
    name: NAME,
    about: "Taras and Stuart 2018: overflows set the integer part, rounding errors the fraction",
    heading: "Policy taras2018",
    constants: &[
        constant(
            "error-limit",
            Unit::Share,
            "Largest mean |rounding error|, as a share of the largest magnitude [default: 0.0001]",
        ),
        constant("min-width", Unit::Bits, "Narrowest format [default: 4]"),
    ],
    forward_rounding: None,
    make: |constants, limits, tensors| {
        let config = Taras2018Config::from_constants(constants, limits);
        Ok(Box::new(Taras2018::new(config, tensors)?))
    },
};

#[cfg(test)]
#[path = "taras2018_tests.rs"]
mod tests;
