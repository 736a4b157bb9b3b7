//! `planewise`: flexmac's own policy. Constants set how many planes (slices of `chunk` bits) each
//! use of each tensor has, few from the first iteration on; its counters set the range.
//!
//! - Widths are multiples of the array's chunk, because a width in between costs as many passes as
//!   the next multiple. Weights, activations and gradients have separate widths. Biases are added
//!   to the array's sums, which costs no pass, and keep their storage format.
//! - Parameters are stored with `storage_bits`; the array reads narrower copies.
//! - Initial ranges follow from the role (pixels, loss gradient, Xavier weights). They shrink to
//!   what the first iterations use, then follow overflow rates. If `resolution` is above 0 (the
//!   default, 0, adds no planes), a plane is added when the mean rounding error shows that most
//!   values are below the last place (`operand_search.rs`). `widen_at` adds all planes at once.
//! - The loss plays no part.
//!
//! The policy is meant for nearest rounding in the forward pass, where a coarse weight or
//! activation should be the nearest one, and for stochastic rounding of gradients and updates,
//! whose rounding errors must average to zero. The alternative is a search from wide to narrow
//! formats, as in `na2016`. Its first hundred iterations cost more than a thousand narrow ones, and
//! find what the counters of narrow formats show within five.

use serde::{Deserialize, Serialize};

use crate::error::{DpsError, check_count, check_share};
use crate::kind::{ArrayLimits, Constants, PolicyKind, Unit, constant};
use crate::operand_search::{OperandRules, OperandState};
use crate::policy::{Observation, Policy, PolicyState};
use crate::tensor::{FormatTable, Formats, TensorRole, TensorSpec};

pub(crate) const NAME: &str = "planewise";

/// Initial integer length of activations. The first iterations remove most of these bits.
const FIRST_ACTIVATION: i32 = 8;

/// The policy's constants. Widths of operands are rounded up to whole planes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlanewiseConfig {
    /// Width of a plane in bits: the array's chunk.
    pub chunk: u32,
    /// Width of the input.
    pub input_bits: u32,
    /// Initial width of an inner product's weights as operands. Each is used once per image.
    pub weight_bits: u32,
    /// Initial width of a convolution's weights as operands. The rounding error of a shared weight
    /// is the same wherever it is used, so it does not average out like the errors of many weights.
    pub shared_weight_bits: u32,
    /// Initial width of activations.
    pub activation_bits: u32,
    /// Initial width of gradients with respect to activations.
    pub gradient_bits: u32,
    /// Initial width of the loss gradient. It is an operand of the smallest GEMMs of a network
    /// only, but its rounding error reaches all other gradients.
    pub loss_gradient_bits: u32,
    /// Largest width of an operand.
    pub operand_bits_max: u32,
    /// Width of activations as operands of the weight gradient; 0: that of the forward pass. The
    /// error of this product averages out over the images of a batch, so it tolerates a coarser
    /// activation than the forward pass does.
    pub reused_activation_bits: u32,
    /// Width of weights as operands of the input gradient; 0: that of the forward pass.
    pub reused_weight_bits: u32,
    /// Width of stored parameters and their momentum.
    pub storage_bits: u32,
    /// Share of weights and activations that may overflow at 8 bits; doubled for every bit less.
    pub overflow_limit: f64,
    /// Share of gradients that may overflow, at any width. Overflow cuts off the largest gradients,
    /// from which a network learns most.
    pub gradient_overflow_limit: f64,
    /// Mean rounding error, in LSBs, below which a plane is added; 0 adds none.
    pub resolution: f64,
    /// Iterations in a window, after which unused bits are removed and planes added.
    pub window: u32,
    /// Iterations after which every operand gets its largest width; 0 for never. A run regains what
    /// narrow formats cost at its end, when steps are small. So passes are best saved before.
    pub widen_at: u64,
    /// Iterations after which the weights of the forward pass get their largest width; 0 for never.
    pub widen_weights_at: u64,
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
            reused_activation_bits: 0,
            reused_weight_bits: 0,
            storage_bits: 16,
            overflow_limit: 1.0 / 1024.0,
            gradient_overflow_limit: 1.0 / 4096.0,
            resolution: 0.0,
            window: 20,
            widen_at: 0,
            widen_weights_at: 0,
        }
    }
}

impl PlanewiseConfig {
    fn from_constants(constants: &mut dyn Constants, limits: &ArrayLimits) -> Self {
        let first = Self::default();
        Self {
            chunk: limits.chunk,
            input_bits: constants.count("input-bits", first.input_bits),
            weight_bits: constants.count("weight-bits", first.weight_bits),
            shared_weight_bits: constants.count("shared-weight-bits", first.shared_weight_bits),
            activation_bits: constants.count("activation-bits", first.activation_bits),
            gradient_bits: constants.count("gradient-bits", first.gradient_bits),
            loss_gradient_bits: constants.count("loss-gradient-bits", first.loss_gradient_bits),
            operand_bits_max: constants.count("operand-bits-max", first.operand_bits_max),
            reused_activation_bits: constants
                .count("reused-activation-bits", first.reused_activation_bits),
            reused_weight_bits: constants.count("reused-weight-bits", first.reused_weight_bits),
            storage_bits: constants.count("storage-bits", first.storage_bits),
            overflow_limit: constants.share("overflow-limit", first.overflow_limit),
            gradient_overflow_limit: constants
                .share("gradient-overflow-limit", first.gradient_overflow_limit),
            resolution: constants.share("resolution", first.resolution),
            window: constants.count("window", first.window),
            widen_at: constants.iterations("widen-at", first.widen_at),
            widen_weights_at: constants.iterations("widen-weights-at", first.widen_weights_at),
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
        let reused = [self.reused_activation_bits, self.reused_weight_bits];
        for bits in widths.into_iter().chain(reused.into_iter().filter(|bits| *bits > 0)) {
            flexmac_fxp::Format::new(bits, 0)
                .map_err(|source| DpsError::Format { policy: NAME, source })?;
        }
        check_share(NAME, "overflow limit", self.overflow_limit)?;
        check_share(NAME, "gradient overflow limit", self.gradient_overflow_limit)?;
        check_share(NAME, "resolution", self.resolution)?;
        check_count(NAME, "window", self.window)
    }

    /// Number of planes that hold `bits`.
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

    /// The rules of a use whose format never changes.
    fn fixed(&self, bits: u32) -> OperandRules {
        let planes_max = self.planes(bits);
        OperandRules { searches: false, planes_max, ..self.operand(bits) }
    }

    /// The rules of what the backward pass reads of a tensor whose values have the rules `forward`.
    /// `None` if that is what the forward pass reads.
    fn reused(&self, role: TensorRole, forward: OperandRules) -> Option<OperandRules> {
        let bits = match role {
            TensorRole::Input | TensorRole::Activation | TensorRole::HostOutput => {
                self.reused_activation_bits
            }
            TensorRole::Weight { .. } => self.reused_weight_bits,
            TensorRole::Bias
            | TensorRole::Normalization
            | TensorRole::Normalized
            | TensorRole::Logits { .. } => 0,
        };
        let planes = self.planes(bits);
        (bits > 0).then_some(OperandRules { planes, planes_max: planes, ..forward })
    }

    /// The rules of stored parameters: one width, and no overflow is accepted.
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
        let rules = match role {
            TensorRole::Logits { .. } => self.operand(self.loss_gradient_bits),
            // No operand: its width costs no passes.
            TensorRole::HostOutput => self.storage(),
            _ => self.operand(self.gradient_bits),
        };
        OperandRules {
            bound: role.gradient_bound(),
            overflow_limit: self.gradient_overflow_limit,
            limit_by_width: false,
            ..rules
        }
    }
}

/// The searches of one tensor, by use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorState {
    /// Of values in the forward pass.
    pub forward: OperandState,
    /// Of gradients.
    pub backward: OperandState,
    /// Of stored values.
    pub update: OperandState,
    /// Of the copy that the backward pass reads, if the policy's constants ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<OperandState>,
}

/// The policy's state: everything that later steps depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanewiseState {
    /// The searches, by tensor.
    pub tensors: Vec<TensorState>,
}

/// The rules of one tensor, by use.
#[derive(Debug, Clone, Copy)]
struct TensorRules {
    role: TensorRole,
    forward: OperandRules,
    backward: OperandRules,
    update: OperandRules,
    reused: Option<OperandRules>,
}

impl TensorRules {
    fn new(config: &PlanewiseConfig, role: TensorRole) -> Self {
        let forward = match role {
            // Pixels are at most 1. That the value 1 saturates costs less than one more bit.
            TensorRole::Input => config.fixed(config.input_bits),
            TensorRole::Weight { shared: true } => config.operand(config.shared_weight_bits),
            TensorRole::Weight { shared: false } => config.operand(config.weight_bits),
            TensorRole::Activation | TensorRole::HostOutput => {
                config.operand(config.activation_bits)
            }
            // These are never operands.
            TensorRole::Bias
            | TensorRole::Normalization
            | TensorRole::Normalized
            | TensorRole::Logits { .. } => config.fixed(config.storage_bits),
        };
        let (backward, update) = (config.gradient(role), config.storage());
        Self { role, forward, backward, update, reused: config.reused(role, forward) }
    }

    fn start(&self) -> TensorState {
        let is_activation = matches!(self.role, TensorRole::Activation | TensorRole::HostOutput);
        let first = if is_activation { FIRST_ACTIVATION } else { 0 };
        // Scales begin at 1.
        let stored = i32::from(self.role == TensorRole::Normalization);
        TensorState {
            forward: self.forward.start(first),
            backward: self.backward.start(0),
            // Biases and momentum start at zero and must not shrink the range before they grow.
            update: OperandState { settled: true, ..self.update.start(stored) },
            reused: self.reused.map(|rules| rules.start(first)),
        }
    }

    fn formats(&self, state: &TensorState) -> Formats {
        let forward = self.forward.format(&state.forward);
        let update = self.update.format(&state.update);
        // A copy of as many planes would cost as many passes as the forward pass's, and be coarser.
        let reused = match (self.reused, state.reused) {
            (Some(rules), Some(reused)) if reused.planes < state.forward.planes => {
                Some(rules.format(&reused))
            }
            _ => None,
        };
        match self.role {
            TensorRole::Weight { .. } => Formats { forward, backward: forward, update, reused },
            TensorRole::Bias | TensorRole::Normalization => Formats::uniform(update),
            _ => {
                let backward = self.backward.format(&state.backward);
                Formats { forward, backward, update: forward, reused }
            }
        }
    }
}

/// The policy `planewise`.
#[derive(Debug, Clone)]
pub struct Planewise {
    rules: Vec<TensorRules>,
    widen_at: u64,
    widen_weights_at: u64,
    state: PlanewiseState,
    table: FormatTable,
}

impl Planewise {
    /// The policy in its initial state, for a network's `tensors`.
    ///
    /// # Errors
    /// [`DpsError`] when a constant is out of range.
    pub fn new(config: PlanewiseConfig, tensors: &[TensorSpec]) -> Result<Self, DpsError> {
        config.check()?;
        let rules: Vec<_> =
            tensors.iter().map(|spec| TensorRules::new(&config, spec.role)).collect();
        let state = PlanewiseState { tensors: rules.iter().map(TensorRules::start).collect() };
        let table = table(&rules, &state);
        let (widen_at, widen_weights_at) = (config.widen_at, config.widen_weights_at);
        Ok(Self { rules, widen_at, widen_weights_at, state, table })
    }
}

fn table(rules: &[TensorRules], state: &PlanewiseState) -> FormatTable {
    let tensors = rules.iter().zip(&state.tensors);
    FormatTable::new(tensors.map(|(rules, state)| rules.formats(state)).collect())
}

impl Policy for Planewise {
    fn name(&self) -> &'static str {
        NAME
    }

    fn phase(&self) -> &'static str {
        let settled = |(rules, state): (&TensorRules, &TensorState)| {
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
            if let (Some(rules), Some(state)) = (&rules.reused, &mut state.reused) {
                rules.step(state, &counters.reused);
            }
            let next = observation.iteration + 1;
            let is_weight = matches!(rules.role, TensorRole::Weight { .. });
            if next == self.widen_at || (is_weight && next == self.widen_weights_at) {
                rules.forward.widen(&mut state.forward);
            }
            if next == self.widen_at {
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

/// The policy's entry in [`POLICIES`](crate::POLICIES).
pub(crate) const KIND: PolicyKind = PolicyKind {
    name: NAME,
    about: "As few planes as the counters allow, for each use of each tensor",
    heading: "Policy planewise (widths are rounded up to the array's chunk)",
    constants: &[
        constant("input-bits", Unit::Bits, "Width of the input [default: 4]"),
        constant(
            "weight-bits",
            Unit::Bits,
            "Initial width of an inner product's weights as operands [default: 4]",
        ),
        constant(
            "shared-weight-bits",
            Unit::Bits,
            "Initial width of a convolution's weights as operands [default: 8]",
        ),
        constant("activation-bits", Unit::Bits, "Initial width of activations [default: 8]"),
        constant("gradient-bits", Unit::Bits, "Initial width of gradients [default: 4]"),
        constant(
            "loss-gradient-bits",
            Unit::Bits,
            "Initial width of the loss gradient [default: 8]",
        ),
        constant("operand-bits-max", Unit::Bits, "Largest width of an operand [default: 8]"),
        constant(
            "reused-activation-bits",
            Unit::Count,
            "Width of activations as operands of the weight gradient; 0: that of the forward pass \
             [default: 0]",
        ),
        constant(
            "reused-weight-bits",
            Unit::Count,
            "Width of weights as operands of the input gradient; 0: that of the forward pass \
             [default: 0]",
        ),
        constant(
            "gradient-overflow-limit",
            Unit::Share,
            "Share of gradients that may overflow [default: 0.000244140625]",
        ),
        constant(
            "resolution",
            Unit::Share,
            "Mean rounding error, in LSBs, below which a plane is added; 0 adds none [default: 0]",
        ),
        constant(
            "window",
            Unit::Count,
            "Iterations after which unused bits are removed and planes added [default: 20]",
        ),
        constant(
            "widen-at",
            Unit::Iterations,
            "Iterations after which every operand gets its largest width; 0 for never [default: 0]",
        ),
        constant(
            "widen-weights-at",
            Unit::Iterations,
            "Iterations after which the weights of the forward pass get their largest width; 0 for \
             never [default: 0]",
        ),
    ],
    forward_rounding: Some(flexmac_fxp::Rounding::Nearest),
    make: |constants, limits, tensors| {
        let config = PlanewiseConfig::from_constants(constants, limits);
        Ok(Box::new(Planewise::new(config, tensors)?))
    },
};

#[cfg(test)]
#[path = "planewise_tests.rs"]
mod tests;
