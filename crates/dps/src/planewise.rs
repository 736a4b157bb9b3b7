//! `planewise`: flexmac's own policy. Every use of every tensor has as few planes as its counters
//! allow, from the first iteration on.
//!
//! - Widths are multiples of the array's chunk: a width between two costs the passes of the wider.
//!   Weights, activations and gradients have their own; biases enter the array as sums, which cost
//!   no pass, and keep their storage format.
//! - Parameters are stored in `storage_bits` and enter the array in fewer.
//! - Ranges start from what the roles bound (pixels, the loss gradient, Xavier weights), shrink to
//!   what the first iterations use, and then follow overflow rates; planes are added where the mean
//!   rounding error says that most values lie below the last place (`operand.rs`).
//! - The loss decides nothing.
//!
//! Made for nearest rounding on the way forward, where a coarse weight or activation should be the
//! nearest one, and stochastic rounding of gradients and updates, where what is lost on average must
//! be nothing. The alternative turned down is a search from wide to narrow as in `na2016`: its first
//! hundred iterations cost more than a thousand narrow ones, and find nothing that the counters do
//! not tell within five.

use serde::{Deserialize, Serialize};

use crate::error::{DpsError, check_count, check_share};
use crate::kind::{Constants, Machine, PolicyKind, Unit, constant};
use crate::operand::{OperandRules, OperandState};
use crate::policy::{Observation, Policy, PolicyState};
use crate::tensor::{FormatTable, Formats, TensorRole, TensorSpec};

pub(crate) const NAME: &str = "planewise";

/// First integer length of activations: 8 bits of which the first iterations give back most.
const FIRST_ACTIVATION: i32 = 8;

/// The policy's constants. Widths of operands are rounded up to whole planes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlanewiseConfig {
    /// Bits of a plane: the array's chunk.
    pub chunk: u32,
    /// Width of the input.
    pub input_bits: u32,
    /// First width of weights as operands, where an image meets each of them once.
    pub weight_bits: u32,
    /// First width of shared weights, a convolution's. The error of one is the same at every place
    /// that it is used at, and so does not average out as the errors of many weights do.
    pub shared_weight_bits: u32,
    /// First width of activations.
    pub activation_bits: u32,
    /// First width of gradients with respect to activations.
    pub gradient_bits: u32,
    /// First width of the loss gradient, which enters the smallest products of the network and
    /// hands its rounding on to all others.
    pub loss_gradient_bits: u32,
    /// Widest operand.
    pub operand_bits_max: u32,
    /// Width of stored parameters and their momentum.
    pub storage_bits: u32,
    /// Share of weights and activations that may overflow at 8 bits; doubled by every bit less.
    pub overflow_limit: f64,
    /// Share of gradients that may overflow, at any width: those cut off are those that teach most.
    pub gradient_overflow_limit: f64,
    /// Mean rounding error, in last places, below which a plane is missing; 0 adds none.
    pub resolution: f64,
    /// Iterations between decisions that need no haste.
    pub window: u32,
    /// Iterations after which every operand takes its widest format; 0 for never. What a run loses to
    /// narrow formats it makes up for at the end, when steps are small; so passes are best saved
    /// before.
    pub widen_at: u64,
}

impl Default for PlanewiseConfig {
    fn default() -> Self {
        Self {
            chunk: 8,
            input_bits: 4,
            weight_bits: 4,
            shared_weight_bits: 8,
            activation_bits: 8,
            gradient_bits: 4,
            loss_gradient_bits: 8,
            operand_bits_max: 8,
            storage_bits: 16,
            overflow_limit: 1.0 / 1024.0,
            gradient_overflow_limit: 1.0 / 4096.0,
            resolution: 0.0,
            window: 20,
            widen_at: 0,
        }
    }
}

impl PlanewiseConfig {
    fn from_constants(constants: &mut dyn Constants, machine: &Machine) -> Self {
        let first = Self::default();
        Self {
            chunk: machine.chunk,
            input_bits: constants.count("input-bits", first.input_bits),
            weight_bits: constants.count("weight-bits", first.weight_bits),
            shared_weight_bits: constants.count("shared-weight-bits", first.shared_weight_bits),
            activation_bits: constants.count("activation-bits", first.activation_bits),
            gradient_bits: constants.count("gradient-bits", first.gradient_bits),
            loss_gradient_bits: constants.count("loss-gradient-bits", first.loss_gradient_bits),
            operand_bits_max: constants.count("operand-bits-max", first.operand_bits_max),
            storage_bits: constants.count("storage-bits", first.storage_bits),
            overflow_limit: constants.share("overflow-limit", first.overflow_limit),
            gradient_overflow_limit: constants
                .share("gradient-overflow-limit", first.gradient_overflow_limit),
            resolution: constants.share("resolution", first.resolution),
            window: constants.count("window", first.window),
            widen_at: constants.iterations("widen-at", first.widen_at),
        }
    }

    fn check(&self) -> Result<(), DpsError> {
        let widths = [
            self.chunk,
            self.input_bits,
            self.weight_bits,
            self.shared_weight_bits,
            self.activation_bits,
            self.gradient_bits,
            self.loss_gradient_bits,
            self.operand_bits_max,
            self.storage_bits,
        ];
        for bits in widths {
            flexmac_fxp::Format::new(bits, 0)
                .map_err(|source| DpsError::Format { policy: NAME, source })?;
        }
        check_share(NAME, "overflow limit", self.overflow_limit)?;
        check_share(NAME, "gradient overflow limit", self.gradient_overflow_limit)?;
        check_share(NAME, "resolution", self.resolution)?;
        check_count(NAME, "window", self.window)
    }

    /// Whole planes that hold `bits`.
    fn planes(&self, bits: u32) -> u32 {
        bits.div_ceil(self.chunk)
    }

    fn operand(&self, bits: u32) -> OperandRules {
        OperandRules {
            chunk: self.chunk,
            planes: self.planes(bits),
            planes_max: self.planes(self.operand_bits_max.max(bits)),
            searches: true,
            bound: i32::MAX,
            overflow_limit: self.overflow_limit,
            limit_by_width: true,
            resolution: self.resolution,
            window: self.window,
        }
    }

    /// A use whose format never changes.
    fn fixed(&self, bits: u32) -> OperandRules {
        let planes_max = self.planes(bits);
        OperandRules { searches: false, planes_max, ..self.operand(bits) }
    }

    /// Stored parameters: one width, and nothing may be cut off.
    fn storage(&self) -> OperandRules {
        OperandRules {
            chunk: 1,
            planes: self.storage_bits,
            planes_max: self.storage_bits,
            overflow_limit: 0.0,
            ..self.operand(self.storage_bits)
        }
    }

    fn gradient(&self, role: TensorRole) -> OperandRules {
        let bits = match role {
            TensorRole::Logits { .. } => self.loss_gradient_bits,
            _ => self.gradient_bits,
        };
        OperandRules {
            bound: role.gradient_bound(),
            overflow_limit: self.gradient_overflow_limit,
            limit_by_width: false,
            ..self.operand(bits)
        }
    }
}

/// One tensor's uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseState {
    /// On the way forward.
    pub forward: OperandState,
    /// Its gradient.
    pub backward: OperandState,
    /// As stored.
    pub update: OperandState,
}

/// All that the policy's next steps depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanewiseState {
    /// By tensor.
    pub tensors: Vec<UseState>,
}

/// One tensor's rules.
#[derive(Debug, Clone, Copy)]
struct UseRules {
    role: TensorRole,
    forward: OperandRules,
    backward: OperandRules,
    update: OperandRules,
}

impl UseRules {
    fn new(config: &PlanewiseConfig, role: TensorRole) -> Self {
        let forward = match role {
            // Pixels are at most 1; that 1 itself saturates costs less than a bit.
            TensorRole::Input => config.fixed(config.input_bits),
            TensorRole::Weight { shared: true } => config.operand(config.shared_weight_bits),
            TensorRole::Weight { shared: false } => config.operand(config.weight_bits),
            TensorRole::Activation => config.operand(config.activation_bits),
            // Never operands.
            TensorRole::Bias | TensorRole::Logits { .. } => config.fixed(config.storage_bits),
        };
        Self { role, forward, backward: config.gradient(role), update: config.storage() }
    }

    fn start(&self) -> UseState {
        let first = if self.role == TensorRole::Activation { FIRST_ACTIVATION } else { 0 };
        UseState {
            forward: self.forward.start(first),
            backward: self.backward.start(0),
            // Biases and momentum start at zero: they must not shrink a range before they grow.
            update: OperandState { settled: true, ..self.update.start(0) },
        }
    }

    fn formats(&self, state: &UseState) -> Formats {
        let forward = self.forward.format(&state.forward);
        let update = self.update.format(&state.update);
        match self.role {
            TensorRole::Weight { .. } => Formats { forward, backward: forward, update },
            TensorRole::Bias => Formats::uniform(update),
            _ => {
                let backward = self.backward.format(&state.backward);
                Formats { forward, backward, update: forward }
            }
        }
    }
}

/// The policy.
#[derive(Debug, Clone)]
pub struct Planewise {
    rules: Vec<UseRules>,
    widen_at: u64,
    state: PlanewiseState,
    table: FormatTable,
}

impl Planewise {
    /// The policy at its start for `tensors`.
    ///
    /// # Errors
    /// [`DpsError`] when a constant is out of range.
    pub fn new(config: PlanewiseConfig, tensors: &[TensorSpec]) -> Result<Self, DpsError> {
        config.check()?;
        let rules: Vec<_> = tensors.iter().map(|spec| UseRules::new(&config, spec.role)).collect();
        let state = PlanewiseState { tensors: rules.iter().map(UseRules::start).collect() };
        let table = table(&rules, &state);
        Ok(Self { rules, widen_at: config.widen_at, state, table })
    }
}

fn table(rules: &[UseRules], state: &PlanewiseState) -> FormatTable {
    let tensors = rules.iter().zip(&state.tensors);
    FormatTable::new(tensors.map(|(rules, state)| rules.formats(state)).collect())
}

impl Policy for Planewise {
    fn name(&self) -> &'static str {
        NAME
    }

    fn phase(&self) -> &'static str {
        let settled = |(rules, state): (&UseRules, &UseState)| {
            rules.role.is_parameter() || !rules.forward.searches || state.forward.settled
        };
        let all = self.rules.iter().zip(&self.state.tensors).all(settled);
        if all { "planes" } else { "calibration" }
    }

    fn formats(&self) -> &FormatTable {
        &self.table
    }

    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable {
        assert_eq!(observation.counters.len(), self.rules.len(), "one counter set per tensor");
        let tensors = self.state.tensors.iter_mut().zip(&self.rules).zip(observation.counters);
        for ((state, rules), counters) in tensors {
            rules.forward.step(&mut state.forward, &counters.forward);
            rules.backward.step(&mut state.backward, &counters.backward);
            rules.update.step(&mut state.update, &counters.update);
            if observation.iteration + 1 == self.widen_at {
                rules.forward.widen(&mut state.forward);
                rules.backward.widen(&mut state.backward);
            }
        }
        self.table = table(&self.rules, &self.state);
        &self.table
    }

    fn state(&self) -> PolicyState {
        PolicyState::new(NAME, &self.state)
    }

    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError> {
        self.state =
            state.read(NAME, self.rules.len(), |state: &PlanewiseState| [state.tensors.len()])?;
        self.table = table(&self.rules, &self.state);
        Ok(())
    }
}

/// The policy as a choice.
pub(crate) const KIND: PolicyKind = PolicyKind {
    name: NAME,
    about: "As few planes as the counters allow, by use of each tensor",
    heading: "Policy planewise (widths are rounded up to the array's chunk)",
    constants: &[
        constant("input-bits", Unit::Bits, "Width of the input [default: 4]"),
        constant(
            "weight-bits",
            Unit::Bits,
            "First width of an inner product's weights as operands [default: 4]",
        ),
        constant(
            "shared-weight-bits",
            Unit::Bits,
            "First width of a convolution's weights as operands [default: 8]",
        ),
        constant("activation-bits", Unit::Bits, "First width of activations [default: 8]"),
        constant("gradient-bits", Unit::Bits, "First width of gradients [default: 4]"),
        constant("loss-gradient-bits", Unit::Bits, "First width of the loss gradient [default: 8]"),
        constant("operand-bits-max", Unit::Bits, "Widest operand [default: 8]"),
        constant(
            "gradient-overflow-limit",
            Unit::Share,
            "Share of gradients that may overflow [default: 0.000244140625]",
        ),
        constant(
            "resolution",
            Unit::Share,
            "Mean rounding error, in last places, below which a plane is missing; 0 adds none \
             [default: 0]",
        ),
        constant(
            "window",
            Unit::Count,
            "Iterations between decisions that need no haste [default: 20]",
        ),
        constant(
            "widen-at",
            Unit::Iterations,
            "Iterations after which every operand takes its widest format; 0 for never [default: 0]",
        ),
    ],
    forward_rounding: Some(flexmac_fxp::Rounding::Nearest),
    make: |constants, machine, tensors| {
        let config = PlanewiseConfig::from_constants(constants, machine);
        Ok(Box::new(Planewise::new(config, tensors)?))
    },
};

#[cfg(test)]
#[path = "planewise_tests.rs"]
mod tests;
