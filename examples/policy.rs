//! A precision policy of one's own: widths follow the loss.
//!
//! Every tensor has 8 bits until the loss has not improved for a while, then 16. After each iteration a
//! tensor whose values overflowed gets one more integer bit.
//!
//! Run it: `cargo run --release -p flexmac-examples --example policy`

use anyhow::Result;
use flexmac_array::ArraySpec;
use flexmac_dataset::synthetic;
use flexmac_dps::{
    DpsError, FormatTable, Formats, Observation, Policy, PolicyState, TensorRole, TensorSpec,
};
use flexmac_engine::ReferenceEngine;
use flexmac_fxp::Format;
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_train::{Trainer, TrainerConfig};
use serde::{Deserialize, Serialize};

/// Iterations without a better loss after which the width doubles.
const PATIENCE: u32 = 3;

/// Width of stored parameters, which must hold small updates.
const STORAGE_BITS: u32 = 24;

/// All that the next iterations depend on; it travels in checkpoints.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    bits: u32,
    /// Integer length by tensor.
    integer_lengths: Vec<i32>,
    best_loss: f64,
    since_best: u32,
}

struct LossDriven {
    tensors: Vec<TensorSpec>,
    state: State,
    table: FormatTable,
}

impl LossDriven {
    const NAME: &'static str = "loss-driven";

    fn new(tensors: &[TensorSpec]) -> Self {
        // Parameters and images are below 1 in magnitude, activations start with three integer bits.
        let integer_length = |tensor: &TensorSpec| match tensor.role {
            TensorRole::Activation => 3,
            _ => 0,
        };
        let state = State {
            bits: 8,
            integer_lengths: tensors.iter().map(integer_length).collect(),
            best_loss: f64::MAX,
            since_best: 0,
        };
        let table = Self::table(tensors, &state);
        Self { tensors: tensors.to_vec(), state, table }
    }

    fn table(tensors: &[TensorSpec], state: &State) -> FormatTable {
        let format = |bits, integer_length| {
            Format::with_integer_length(bits, integer_length).expect("8, 16 and 24 bits are legal")
        };
        let formats = tensors.iter().zip(&state.integer_lengths).map(|(tensor, integer_length)| {
            let gradient = match tensor.role {
                // What the loss allows at most; the policy only chooses the width.
                TensorRole::Logits { gradient_integer_length } => gradient_integer_length,
                _ => -5,
            };
            Formats {
                forward: format(state.bits, *integer_length),
                backward: format(state.bits, gradient),
                update: format(STORAGE_BITS, *integer_length),
                reused: None,
            }
        });
        FormatTable::new(formats.collect())
    }
}

impl Policy for LossDriven {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn phase(&self) -> &'static str {
        if self.state.bits == 8 { "narrow" } else { "wide" }
    }

    fn formats(&self) -> &FormatTable {
        &self.table
    }

    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable {
        let state = &mut self.state;
        if observation.loss < state.best_loss {
            (state.best_loss, state.since_best) = (observation.loss, 0);
        } else {
            state.since_best += 1;
        }
        if state.since_best > PATIENCE {
            state.bits = 16;
        }
        // The counters are those that the requantizers in the RTL keep.
        for (integer_length, counters) in state.integer_lengths.iter_mut().zip(observation.counters)
        {
            if counters.forward.overflows() > 0 {
                *integer_length += 1;
            }
        }
        self.table = Self::table(&self.tensors, state);
        &self.table
    }

    fn state(&self) -> PolicyState {
        PolicyState::new(Self::NAME, &self.state)
    }

    fn restore(&mut self, state: &PolicyState) -> Result<(), DpsError> {
        let lengths = |state: &State| [state.integer_lengths.len()];
        self.state = state.read(Self::NAME, self.tensors.len(), lengths)?;
        self.table = Self::table(&self.tensors, &self.state);
        Ok(())
    }
}

fn main() -> Result<()> {
    let batch = 32;
    let data = synthetic(1, 2000, 500);
    let plan = NetPlan::new(&NetSpec::load("mlp")?, batch)?;
    let policy = Box::new(LossDriven::new(plan.tensors()));
    let mut engine = ReferenceEngine::new(ArraySpec::default().check()?);
    let config = TrainerConfig { batch, ..TrainerConfig::default() };
    let mut trainer = Trainer::<i32>::new(plan, config, policy, &data)?;
    for _ in 0..100 {
        let record = trainer.step(&mut engine, &data)?;
        if record.iteration % 20 == 19 {
            println!(
                "iteration {:3}: {:6}, loss {:.3}, {:.2} passes per multiply-accumulate",
                record.iteration,
                record.phase,
                record.smoothed_loss,
                record.total.mac_passes as f64 / record.total.macs as f64
            );
        }
    }
    let accuracy = trainer.evaluate(&mut engine, &data.test, data.test.len())?;
    println!("accuracy on {} test images: {:.1} %", data.test.len(), 100.0 * accuracy);
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
