//! Trains a small network in 16-bit fixed point and prints loss, accuracy and the cycles of the array.
//!
//! Run it: `cargo run --release -p flexmac-examples --example train`

use anyhow::Result;
use flexmac_array::ArraySpec;
use flexmac_dataset::synthetic;
use flexmac_dps::{Static, StaticConfig};
use flexmac_engine::ReferenceEngine;
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_train::{Trainer, TrainerConfig};

/// Images of an iteration.
const BATCH: usize = 32;

fn main() -> Result<()> {
    // Images made from a seed: no download. `flexmac_dataset::DataSource` reads real ones.
    let data = synthetic(1, 2000, 500);
    let plan = NetPlan::new(&NetSpec::load("mlp")?, BATCH)?;

    // 16 bits for every operand of the array, 24 bits for stored parameters.
    let formats = StaticConfig::new(16, 24, plan.tensors())?;
    let policy = Static::new(&formats, plan.tensors());

    // The reference engine computes the bits and the cycles of this array without simulating it.
    let array = ArraySpec { rows: 16, cols: 16, ..ArraySpec::default() }.check()?;
    let mut engine = ReferenceEngine::new(array);

    let config = TrainerConfig { batch: BATCH, ..TrainerConfig::default() };
    let mut trainer = Trainer::<i32>::new(plan, config, Box::new(policy), &data)?;
    for iteration in 0..60 {
        let record = trainer.step(&mut engine, &data)?;
        if iteration % 20 == 19 {
            println!(
                "iteration {}: loss {:.3}, {} cycles",
                record.iteration, record.smoothed_loss, record.total.cycles.busy
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
