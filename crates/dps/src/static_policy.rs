//! `static`: formats that never change. The baseline for dynamic policies.
//!
//! Activations and their gradients have separate integer lengths, and parameters are stored wider
//! than the array reads them. With fixed formats of 8 bits a network needs both in order to learn.

use flexmac_fxp::Format;
use serde::{Deserialize, Serialize};

use crate::error::DpsError;
use crate::kind::{ArrayLimits, Constants, PolicyKind, Unit, constant};
use crate::policy::{Observation, Policy, PolicyState};
use crate::tensor::{FormatTable, Formats, TensorRole, TensorSpec};

pub(crate) const NAME: &str = "static";

/// The policy's entry in [`POLICIES`](crate::POLICIES).
pub(crate) const KIND: PolicyKind = PolicyKind {
    name: NAME,
    about: "Fixed formats",
    heading: "Policy static",
    constants: &[
        constant("il-input", Unit::IntegerLength, "Integer length of the input [default: 0]"),
        constant("il-parameters", Unit::IntegerLength, "Integer length of parameters [default: 0]"),
        constant(
            "il-activations",
            Unit::IntegerLength,
            "Integer length of activations [default: 4]",
        ),
        constant(
            "il-gradients",
            Unit::IntegerLength,
            "Integer length of gradients [default: the bound of the loss gradient, -6 at batch 64]",
        ),
    ],
    forward_rounding: None,
    make,
};

fn make(
    constants: &mut dyn Constants,
    limits: &ArrayLimits,
    tensors: &[TensorSpec],
) -> Result<Box<dyn Policy>, DpsError> {
    let bits = constants.count("bits", 16.min(limits.max_bits));
    let storage_bits = constants.count("storage-bits", bits.max(16));
    let mut config = StaticConfig::new(bits, storage_bits, tensors)?;
    let mut shift = |name, formats: &mut [&mut Format]| {
        let integer_length = constants.integer_length(name, formats[0].integer_length());
        formats.iter_mut().try_for_each(|format| {
            **format = Format::with_integer_length(format.bits(), integer_length)
                .map_err(|source| DpsError::Format { policy: NAME, source })?;
            Ok(())
        })
    };
    shift("il-input", &mut [&mut config.input])?;
    shift("il-parameters", &mut [&mut config.parameter, &mut config.storage])?;
    shift("il-activations", &mut [&mut config.activation])?;
    shift("il-gradients", &mut [&mut config.gradient])?;
    Ok(Box::new(Static::new(&config, tensors)))
}

/// The formats, by role of the tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticConfig {
    /// Of the images.
    pub input: Format,
    /// Of weights and biases as the array reads them.
    pub parameter: Format,
    /// Of weights, biases and momentum as stored between updates.
    pub storage: Format,
    /// Of layer outputs.
    pub activation: Format,
    /// Of gradients with respect to layer outputs. The loss gradient has the same width.
    pub gradient: Format,
}

impl StaticConfig {
    /// Formats of `bits` for every operand and `storage_bits` for stored parameters.
    ///
    /// The integer lengths fit LeNet on MNIST and Fashion-MNIST with one bit to spare, by the
    /// largest values in 300 iterations of `na2016`: input 0, parameters 0, activations 4 (values
    /// below 2^3), gradients the bound of the loss gradient, -6 at batch 64 (values below 2^-7).
    ///
    /// # Errors
    /// [`DpsError::Format`] when a width is outside 2..=32.
    pub fn new(bits: u32, storage_bits: u32, tensors: &[TensorSpec]) -> Result<Self, DpsError> {
        let format = |bits, integer_length| {
            Format::with_integer_length(bits, integer_length)
                .map_err(|source| DpsError::Format { policy: NAME, source })
        };
        let bound = tensors.iter().find_map(|tensor| match tensor.role {
            TensorRole::Logits { gradient_integer_length } => Some(gradient_integer_length),
            _ => None,
        });
        Ok(Self {
            input: format(bits, 0)?,
            parameter: format(bits, 0)?,
            storage: format(storage_bits, 0)?,
            activation: format(bits, 4)?,
            gradient: format(bits, bound.unwrap_or(0))?,
        })
    }
}

/// A format of the same width that holds numbers up to 2, and so scales, which begin at 1.
fn of_scales(format: Format) -> Format {
    let integer_length = format.integer_length().max(1);
    Format::with_integer_length(format.bits(), integer_length).expect("a width that was legal")
}

/// A format of the range of `format` and at least the width of `other`.
fn as_wide(format: Format, other: Format) -> Format {
    let bits = format.bits().max(other.bits());
    Format::with_integer_length(bits, format.integer_length()).expect("a width that was legal")
}

/// The policy has no state to save.
#[derive(Serialize)]
struct NoState {}

/// The policy `static`.
#[derive(Debug, Clone)]
pub struct Static {
    table: FormatTable,
}

impl Static {
    /// The policy with the formats of `config`, for a network's `tensors`.
    pub fn new(config: &StaticConfig, tensors: &[TensorSpec]) -> Self {
        let formats = |tensor: &TensorSpec| match tensor.role {
            TensorRole::Input => Formats::uniform(config.input),
            TensorRole::Weight { .. } | TensorRole::Bias => Formats {
                forward: config.parameter,
                backward: config.parameter,
                update: config.storage,
                reused: None,
            },
            TensorRole::Normalization => Formats::uniform(of_scales(config.storage)),
            TensorRole::HostOutput => Formats {
                forward: config.activation,
                backward: as_wide(config.gradient, config.storage),
                update: config.activation,
                reused: None,
            },
            TensorRole::Activation | TensorRole::Normalized => Formats {
                forward: config.activation,
                backward: config.gradient,
                update: config.activation,
                reused: None,
            },
            TensorRole::Logits { gradient_integer_length } => {
                Formats::with_integer_length(config.gradient.bits(), gradient_integer_length)
                    .expect("a format's width is always legal")
            }
        };
        Self { table: FormatTable::new(tensors.iter().map(formats).collect()) }
    }
}

impl Policy for Static {
    fn name(&self) -> &'static str {
        NAME
    }

    fn phase(&self) -> &'static str {
        "fixed"
    }

    fn formats(&self) -> &FormatTable {
        &self.table
    }

    fn step(&mut self, _observation: &Observation<'_>) -> &FormatTable {
        &self.table
    }

    fn state(&self) -> PolicyState {
        PolicyState::new(NAME, &NoState {})
    }

    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError> {
        if state.policy() == NAME {
            return Ok(());
        }
        let found = state.policy().to_owned();
        Err(DpsError::State { policy: NAME, expected: NAME.to_owned(), found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_keeps_its_formats() {
        let roles = [
            TensorRole::Input,
            TensorRole::Weight { shared: true },
            TensorRole::Activation,
            TensorRole::Logits { gradient_integer_length: -6 },
        ];
        let tensors = roles.map(|role| TensorSpec { name: format!("{role:?}"), role });
        let config = StaticConfig::new(8, 16, &tensors).unwrap();
        let mut policy = Static::new(&config, &tensors);
        let counters = [Default::default(); 4];
        let table =
            policy.step(&Observation { iteration: 0, loss: 1.0, counters: &counters }).clone();
        assert_eq!((table[1].forward.bits(), table[1].update.bits()), (8, 16));
        assert_ne!(table[2].forward, table[2].backward);
        assert_eq!(table[3].backward.to_string(), "s-6.13");
        assert_eq!(policy.formats(), &table);
        policy.restore(&policy.state()).unwrap();
    }

    #[test]
    fn illegal_widths_are_named() {
        let error = StaticConfig::new(33, 16, &[]).unwrap_err();
        assert_eq!(error.to_string(), "policy static");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "format: expected bits in 2..=32 (sign included), found 33");
    }
}
