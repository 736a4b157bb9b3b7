//! `courbariaux2014`: dynamic fixed point (Courbariaux, Bengio, David, "Training deep neural
//! networks with low precision multiplications", 2014, arXiv:1412.7024).
//!
//! All operands have one width, and stored parameters a larger one. Each tensor, and each gradient,
//! has a scaling factor, a power of two that is kept as an integer length. Every `interval`
//! iterations it is updated: it doubles (one bit more) if the overflow rate is above the limit, and
//! halves (one bit less) if half the range would keep the rate within the limit.
//!
//! Differences from the paper:
//! - The array counts overflows of the range in use, but not of half of it. Half the range is known
//!   to suffice if the OR of magnitudes has its top bit clear: then *nothing* reached the upper
//!   half. So ranges shrink somewhat later than in the paper, never earlier.
//! - The paper finds initial scaling factors by training some epochs at high precision, and then
//!   starts again. Here the same run continues: in its first `calibration` iterations all widths
//!   are `calibration_bits`, and each iteration removes all unused bits from the integer lengths.
//! - A value of the array at a limit counts as an overflow, as everywhere in flexmac.
//! - A tensor that showed only zeros keeps its scaling factor: zeros fit any range.
//!
//! All widths include the sign: the paper's 9 and 11 bits are 10 and 12 here.

use flexmac_fxp::{Counters, Format};
use serde::{Deserialize, Serialize};

use crate::error::DpsError;
use crate::kind::{ArrayLimits, Constants, PolicyKind, Unit, constant};
use crate::policy::{Observation, Policy, PolicyState};
use crate::tensor::{FormatTable, Formats, TensorRole, TensorSpec};

pub(crate) const NAME: &str = "courbariaux2014";

/// The policy's constants. Defaults are those of the authors' published commands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Courbariaux2014Config {
    /// Width of every operand.
    pub bits: u32,
    /// Width of stored parameters.
    pub storage_bits: u32,
    /// Initial integer length of every tensor.
    pub integer_length: i32,
    /// Share of a tensor's values that may overflow.
    pub overflow_limit: f64,
    /// Iterations between two updates of the scaling factors.
    pub interval: u32,
    /// Iterations of calibration, which finds the initial scaling factors.
    pub calibration: u32,
    /// Width of every tensor during calibration.
    pub calibration_bits: u32,
}

impl Default for Courbariaux2014Config {
    fn default() -> Self {
        Self {
            bits: 10,
            storage_bits: 12,
            integer_length: 5,
            overflow_limit: 1e-4,
            interval: 100,
            calibration: 100,
            calibration_bits: 32,
        }
    }
}

impl Courbariaux2014Config {
    fn from_constants(constants: &mut dyn Constants, limits: &ArrayLimits) -> Self {
        let first = Self::default();
        Self {
            bits: constants.count("bits", first.bits.min(limits.max_bits)),
            storage_bits: constants.count("storage-bits", first.storage_bits),
            integer_length: constants.integer_length("first-il", first.integer_length),
            overflow_limit: constants.share("overflow-limit", first.overflow_limit),
            interval: constants.count("interval", first.interval),
            calibration: constants.count("calibration", first.calibration),
            calibration_bits: constants.count("max-width", limits.max_bits),
        }
    }

    fn check(&self) -> Result<(), DpsError> {
        for bits in [self.bits, self.storage_bits, self.calibration_bits] {
            Format::new(bits, 0).map_err(|source| DpsError::Format { policy: NAME, source })?;
        }
        crate::error::check_share(NAME, "overflow limit", self.overflow_limit)?;
        crate::error::check_count(NAME, "interval", self.interval)
    }
}

/// A scaling factor, and the counters since its last update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingFactorState {
    /// Integer length, sign excluded.
    pub integer_length: i32,
    /// Counters of the current interval.
    pub seen: Counters,
}

/// The policy's state: everything that later steps depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Courbariaux2014State {
    /// Iterations done.
    pub iterations: u64,
    /// Of activations and parameters, by tensor.
    pub values: Vec<ScalingFactorState>,
    /// Of gradients, by tensor.
    pub gradients: Vec<ScalingFactorState>,
}

/// The policy `courbariaux2014`.
#[derive(Debug, Clone)]
pub struct Courbariaux2014 {
    config: Courbariaux2014Config,
    roles: Vec<TensorRole>,
    state: Courbariaux2014State,
    table: FormatTable,
}

impl Courbariaux2014 {
    /// The policy in its initial state, for a network's `tensors`.
    ///
    /// # Errors
    /// [`DpsError`] when a constant is out of range.
    pub fn new(config: Courbariaux2014Config, tensors: &[TensorSpec]) -> Result<Self, DpsError> {
        config.check()?;
        let roles: Vec<_> = tensors.iter().map(|tensor| tensor.role).collect();
        let group = |bound: i32| ScalingFactorState {
            integer_length: config.integer_length.min(bound),
            seen: Counters::default(),
        };
        let state = Courbariaux2014State {
            iterations: 0,
            values: vec![group(i32::MAX); roles.len()],
            gradients: roles.iter().map(|role| group(role.gradient_bound())).collect(),
        };
        let table = table(&config, &roles, &state);
        Ok(Self { config, roles, state, table })
    }

    fn calibrating(&self) -> bool {
        self.state.iterations < self.config.calibration.into()
    }
}

impl ScalingFactorState {
    /// Doubles, halves or keeps the scaling factor after an interval.
    fn update(&mut self, bits: u32, limit: f64, bound: i32) {
        if self.seen.emitted == 0 {
            return;
        }
        if self.seen.overflow_rate() > limit {
            self.integer_length = crate::lengthened(self.integer_length).min(bound);
        } else if self.seen.magnitude_bits() < bits - 1 && !self.seen.only_zeros() {
            self.integer_length = (self.integer_length - 1).max(crate::SHORTEST);
        }
        self.seen = Counters::default();
    }

    /// Removes the bits that the last iteration left unused, or adds one if it overflowed. Zeros
    /// leave no bits unused.
    fn calibrate(&mut self, bits: u32, bound: i32) {
        if self.seen.emitted == 0 {
            return;
        }
        // At most 31. The class scores have more bits than these: their format is not the policy's.
        let unused = (bits - 1).saturating_sub(self.seen.magnitude_bits()) as i32;
        let length = match self.seen.overflows() {
            0 if self.seen.only_zeros() => self.integer_length,
            0 => self.integer_length - unused,
            _ => crate::lengthened(self.integer_length),
        };
        self.integer_length = length.clamp(crate::SHORTEST, bound);
        self.seen = Counters::default();
    }
}

fn table(
    config: &Courbariaux2014Config,
    roles: &[TensorRole],
    state: &Courbariaux2014State,
) -> FormatTable {
    let calibrating = state.iterations < config.calibration.into();
    let (bits, storage_bits) = if calibrating {
        (config.calibration_bits, config.calibration_bits)
    } else {
        (config.bits, config.storage_bits)
    };
    let format = |bits, group: &ScalingFactorState| {
        Format::with_integer_length(bits, group.integer_length)
            .expect("the configuration's widths were checked")
    };
    let groups = roles.iter().zip(&state.values).zip(&state.gradients);
    let formats = groups.map(|((role, value), gradient)| Formats {
        forward: format(bits, value),
        backward: format(bits, if role.is_parameter() { value } else { gradient }),
        update: format(if role.is_parameter() { storage_bits } else { bits }, value),
        reused: None,
    });
    FormatTable::new(formats.collect())
}

impl Policy for Courbariaux2014 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn phase(&self) -> &'static str {
        if self.calibrating() { "calibration" } else { "dynamic" }
    }

    fn formats(&self) -> &FormatTable {
        &self.table
    }

    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable {
        let counters = observation.counters;
        assert_eq!(counters.len(), self.roles.len(), "one counter set per tensor");
        let calibrating = self.calibrating();
        self.state.iterations += 1;
        let since = self.state.iterations.saturating_sub(self.config.calibration.into());
        let due = since.is_multiple_of(self.config.interval.into());
        let limit = self.config.overflow_limit;
        for (tensor, (role, counters)) in self.roles.iter().zip(counters).enumerate() {
            // The copy of a parameter has the stored values, so the counters of storage serve both.
            let (seen, bits) = match (role.is_parameter(), calibrating) {
                (true, true) => (&counters.update, self.config.calibration_bits),
                (true, false) => (&counters.update, self.config.storage_bits),
                (false, true) => (&counters.forward, self.config.calibration_bits),
                (false, false) => (&counters.forward, self.config.bits),
            };
            let gradient_bits =
                if calibrating { self.config.calibration_bits } else { self.config.bits };
            let groups = [
                (&mut self.state.values[tensor], seen, bits, i32::MAX),
                (
                    &mut self.state.gradients[tensor],
                    &counters.backward,
                    gradient_bits,
                    role.gradient_bound(),
                ),
            ];
            for (group, seen, bits, bound) in groups {
                group.seen.merge(seen);
                if calibrating {
                    group.calibrate(bits, bound);
                } else if due {
                    group.update(bits, limit, bound);
                }
            }
        }
        self.table = table(&self.config, &self.roles, &self.state);
        &self.table
    }

    fn state(&self) -> PolicyState {
        PolicyState::new(NAME, &self.state)
    }

    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError> {
        self.state = state.read(NAME, self.roles.len(), |state: &Courbariaux2014State| {
            [state.values.len(), state.gradients.len()]
        })?;
        self.table = table(&self.config, &self.roles, &self.state);
        Ok(())
    }
}

/// The policy's entry in [`POLICIES`](crate::POLICIES).
pub(crate) const KIND: PolicyKind = PolicyKind {
    name: NAME,
    about: "Courbariaux, Bengio, David 2014: fixed widths, overflow rates move binary points",
    heading: "Policy courbariaux2014",
    constants: &[
        constant(
            "interval",
            Unit::Count,
            "Iterations between two updates of the scaling factors [default: 100]",
        ),
        constant(
            "calibration",
            Unit::Count,
            "Iterations of calibration, which finds the initial scaling factors [default: 100]",
        ),
    ],
    forward_rounding: None,
    make: |constants, limits, tensors| {
        let config = Courbariaux2014Config::from_constants(constants, limits);
        Ok(Box::new(Courbariaux2014::new(config, tensors)?))
    },
};

#[cfg(test)]
#[path = "courbariaux2014_tests.rs"]
mod tests;
