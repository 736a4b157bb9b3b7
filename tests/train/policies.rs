//! Every dynamic policy trains a network to an accuracy, at a number of passes, and resumes from a
//! saved state.

use flexmac_array::ArraySpec;
use flexmac_dataset::{Dataset, synthetic};
use flexmac_dps::{
    Courbariaux2014, Courbariaux2014Config, Planewise, PlanewiseConfig, Policy, Taras2018,
    Taras2018Config, TensorSpec,
};
use flexmac_engine::ReferenceEngine;
use flexmac_fxp::Rounding;
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_record::IterationRecord;
use flexmac_train::{Solver, Trainer, TrainerConfig};

/// Seed 1, 150 iterations of 16 images; chance is 0.1. The bound of `training.rs`.
const MLP_ACCURACY: f64 = 0.85;

/// `taras2018` shortens the range of stored weights every other iteration and loses the largest:
/// 0.764 where the others pass 0.85 (docs/policies.md, "Limits").
const TARAS_ACCURACY: f64 = 0.70;

type Make = fn(&[TensorSpec]) -> Box<dyn Policy>;

const POLICIES: [(&str, Make); 4] = [
    ("courbariaux2014", |tensors| {
        let config = Courbariaux2014Config { calibration: 10, interval: 10, ..Default::default() };
        Box::new(Courbariaux2014::new(config, tensors).unwrap())
    }),
    ("taras2018", |tensors| Box::new(Taras2018::new(Taras2018Config::default(), tensors).unwrap())),
    ("planewise on chunk 8", |tensors| planewise(8, tensors)),
    ("planewise on chunk 4", |tensors| planewise(4, tensors)),
];

fn planewise(chunk: u32, tensors: &[TensorSpec]) -> Box<dyn Policy> {
    let config = PlanewiseConfig { chunk, ..Default::default() };
    Box::new(Planewise::new(config, tensors).unwrap())
}

fn array(chunk: u32) -> ReferenceEngine {
    ReferenceEngine::new(ArraySpec { chunk, ..ArraySpec::default() }.check().unwrap())
}

fn trainer(make: Make, forward: Option<Rounding>, data: &Dataset) -> Trainer<i32> {
    let config = TrainerConfig {
        batch: 16,
        forward_rounding: forward,
        solver: Solver { base_rate: 0.05, ..Solver::default() },
        ..TrainerConfig::default()
    };
    let plan = NetPlan::new(&NetSpec::by_name("mlp").unwrap(), config.batch).unwrap();
    let policy = make(plan.tensors());
    Trainer::new(plan, config, policy, data).unwrap()
}

fn passes_per_mac(record: &IterationRecord) -> f64 {
    record.total.mac_passes as f64 / record.total.macs as f64
}

#[test]
fn an_mlp_learns_under_every_policy() {
    let data = synthetic(1, 2000, 500);
    for (name, make) in POLICIES {
        let mut trainer = trainer(make, Some(Rounding::Nearest), &data);
        for _ in 0..150 {
            trainer.step(&mut array(8), &data).unwrap();
        }
        let accuracy = trainer.evaluate(&mut array(8), &data.test, usize::MAX).unwrap();
        let bound = if name == "taras2018" { TARAS_ACCURACY } else { MLP_ACCURACY };
        assert!(accuracy > bound, "{name}: {accuracy}");
    }
}

#[test]
fn planewise_costs_one_pass_on_chunk_8_and_fewer_than_2_5_on_chunk_4() {
    let data = synthetic(1, 400, 20);
    for (chunk, make, most) in [(8, POLICIES[2].1, 1.0), (4, POLICIES[3].1, 2.5)] {
        let mut trainer = trainer(make, Some(Rounding::Nearest), &data);
        for _ in 0..40 {
            let record = trainer.step(&mut array(chunk), &data).unwrap();
            let passes = passes_per_mac(&record);
            assert!(passes <= most, "chunk {chunk}: {passes}");
            assert_eq!(record.widths.unwrap().update, 16);
        }
    }
}

#[test]
fn every_policy_goes_on_bit_for_bit_from_a_saved_training_state() {
    let data = synthetic(3, 200, 20);
    for (name, make) in POLICIES {
        let make = || trainer(make, Some(Rounding::Nearest), &data);
        let mut whole = make();
        (0..25).for_each(|_| drop(whole.step(&mut array(4), &data).unwrap()));
        let saved = serde_json::to_string(&whole.state()).unwrap();
        let mut resumed = make();
        resumed.restore(serde_json::from_str(&saved).unwrap()).unwrap();
        for trainer in [&mut whole, &mut resumed] {
            (0..25).for_each(|_| drop(trainer.step(&mut array(4), &data).unwrap()));
        }
        assert!(resumed.state() == whole.state(), "{name}");
    }
}

#[test]
fn forward_rounding_is_of_the_way_forward_alone() {
    let data = synthetic(3, 200, 20);
    let first = |forward| {
        let mut trainer = trainer(POLICIES[2].1, forward, &data);
        trainer.step(&mut array(8), &data).unwrap()
    };
    // Nothing said is everything as `rounding` says.
    let stochastic = first(None);
    assert_eq!(stochastic, first(Some(Rounding::Stochastic)));
    let nearest = first(Some(Rounding::Nearest));
    let error = |record: &IterationRecord, tensor: usize| {
        let counters = record.tensors[tensor].counters;
        (counters.forward.mean_error(), counters.backward.mean_error())
    };
    // Input, weight and output of the first layer lose at most half a last place, 1/4 on average.
    let weight = (error(&nearest, 1).0, error(&stochastic, 1).0);
    assert!(weight.0 < 0.27 && weight.1 > 0.3, "{weight:?}");
    assert!(error(&nearest, 3).0 < error(&stochastic, 3).0);
    // Gradients of the output stay stochastic: not all at most half a place.
    assert!(error(&nearest, 6).1 > 0.27, "{:?}", error(&nearest, 6));
}
