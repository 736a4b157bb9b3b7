//! Training on the RTL and on the reference from one seed ends in identical weights, bit for bit.

use flexmac_array::{ArrayConfig, ArraySpec};
use flexmac_cosim::{CheckedEngine, RtlEngine};
use flexmac_dataset::synthetic;
use flexmac_dps::{Na2016, Na2016Config};
use flexmac_engine::{Engine, ReferenceEngine};
use flexmac_fxp::Rounding;
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_record::IterationRecord;
use flexmac_train::{Trainer, TrainerConfig, TrainerState};

const ITERATIONS: u64 = 6;

/// An odd array, so that no dimension of the network divides its own.
fn array() -> ArrayConfig {
    let spec = ArraySpec { rows: 3, cols: 5, lanes: 3, max_k: 100, ..ArraySpec::default() };
    spec.check().unwrap()
}

fn rtl() -> RtlEngine {
    RtlEngine::new(array(), &flexmac_rtlgen::verilog(&array()).unwrap(), None).unwrap()
}

/// A policy hurried enough to leave 32 bits within the run.
fn train(
    engine: &mut dyn Engine<i32>,
    rounding: Rounding,
) -> (TrainerState<i32>, Vec<IterationRecord>) {
    let config = TrainerConfig { batch: 2, rounding, ..TrainerConfig::default() };
    let data = synthetic(config.seed, 64, 8);
    let plan = NetPlan::new(&NetSpec::by_name("lenet-small").unwrap(), config.batch).unwrap();
    let policy = Na2016Config { isearch_window: 0, ..Na2016Config::default() };
    let policy = Box::new(Na2016::new(policy, plan.tensors()).unwrap());
    let mut trainer = Trainer::new(plan, config, policy, &data).unwrap();
    let records = (0..ITERATIONS).map(|_| trainer.step(engine, &data).unwrap()).collect();
    (trainer.state(), records)
}

#[test]
fn rtl_and_reference_train_to_identical_weights() {
    for rounding in Rounding::ALL {
        let (expected, history) = train(&mut ReferenceEngine::new(array()), rounding);
        let (found, rtl_history) = train(&mut rtl(), rounding);
        assert_eq!(found, expected, "{rounding}");
        assert_eq!(rtl_history, history, "{rounding}");
    }
}

#[test]
fn every_tile_of_a_checked_run_is_checked() {
    let (_, history) = train(&mut CheckedEngine::new(rtl()), Rounding::Stochastic);
    for record in history {
        for product in &record.gemms {
            assert_eq!(product.stats.tiles_checked, product.stats.tiles);
            assert!(product.stats.tiles > 0);
        }
    }
}
