//! Drives the policy alone with synthetic counters. `operand_search.rs` tests the search of an
//! operand.

use flexmac_fxp::{Counters, Format};

use super::*;
use crate::TensorCounters;

const INPUT: usize = 0;
const WEIGHT: usize = 1;
const BIAS: usize = 2;
const OUTPUT: usize = 3;
const LOGITS: usize = 4;

fn tensors() -> Vec<TensorSpec> {
    crate::tensor::named([
        TensorRole::Input,
        TensorRole::Weight { shared: false },
        TensorRole::Bias,
        TensorRole::Activation,
        TensorRole::Logits { gradient_integer_length: -6 },
    ])
}

fn policy(chunk: u32) -> Planewise {
    Planewise::new(PlanewiseConfig { chunk, ..Default::default() }, &tensors()).unwrap()
}

fn counters(overflows: u64, magnitude_bits: u32, error: u64) -> Counters {
    Counters {
        emitted: 4096,
        overflow_low: overflows,
        overflow_high: 0,
        magnitude_or: (1 << magnitude_bits) - 1,
        error_sum: 4096 * error,
    }
}

fn steps(policy: &mut Planewise, count: u64, seen: TensorCounters) {
    for iteration in 0..count {
        policy.step(&Observation { iteration, loss: 1.0, counters: &[seen; 5] });
    }
}

/// Widths of input, weight, activation, its gradient, and the loss gradient.
fn operand_bits(policy: &Planewise) -> [u32; 5] {
    let table = policy.formats();
    [
        table[INPUT].forward,
        table[WEIGHT].forward,
        table[OUTPUT].forward,
        table[OUTPUT].backward,
        table[LOGITS].backward,
    ]
    .map(Format::bits)
}

#[test]
fn widths_fill_whole_planes_of_the_array() {
    assert_eq!(operand_bits(&policy(4)), [4, 4, 8, 4, 8]);
    assert_eq!(operand_bits(&policy(8)), [8; 5]);
    assert_eq!(operand_bits(&policy(2)), [4, 4, 8, 4, 8]);
    assert_eq!(operand_bits(&policy(16)), [16; 5]);
    let odd =
        PlanewiseConfig { chunk: 4, activation_bits: 6, weight_bits: 2, ..Default::default() };
    let odd = Planewise::new(odd, &tensors()).unwrap();
    assert_eq!(operand_bits(&odd), [4, 4, 8, 4, 8]);
}

#[test]
fn parameters_are_stored_wider_than_they_enter_the_array() {
    let table = policy(4).formats().clone();
    assert_eq!([table[WEIGHT].update, table[BIAS].update].map(Format::bits), [16, 16]);
    assert_eq!(table[BIAS].forward, table[BIAS].update, "a bias enters as it is stored");
}

#[test]
fn calibration_takes_two_iterations() {
    let mut policy = policy(8);
    assert_eq!(policy.phase(), "calibration");
    let first = counters(0, 1, 64); // 6 of 7 bits unused
    steps(
        &mut policy,
        1,
        TensorCounters { forward: first, backward: first, update: first, ..Default::default() },
    );
    let table = policy.formats();
    assert_eq!(table[OUTPUT].forward.to_string(), "s2.5");
    assert_eq!(table[OUTPUT].backward.to_string(), "s-6.13");
    assert_eq!(table[LOGITS].backward.to_string(), "s-12.19");
    assert_eq!(table[WEIGHT].update.to_string(), "s0.15", "storage waits for a window");
    assert_eq!(table[INPUT].forward.to_string(), "s0.7");
    let full = counters(0, 7, 64);
    steps(
        &mut policy,
        1,
        TensorCounters { forward: full, backward: full, update: full, ..Default::default() },
    );
    assert_eq!(policy.phase(), "planes");
    assert_eq!(policy.formats()[OUTPUT].forward.to_string(), "s2.5");
}

#[test]
fn roles_have_their_own_limits() {
    let mut policy = policy(4);
    // 2 in 4,096: within the limit of weights and activations, above that of gradients.
    let seen = TensorCounters {
        forward: counters(2, 3, 64),
        backward: counters(2, 3, 64),
        update: counters(0, 15, 64),
        reused: Counters::default(),
    };
    steps(&mut policy, 1, seen);
    let table = policy.formats();
    assert_eq!(table[WEIGHT].forward.integer_length(), 0);
    assert_eq!(table[OUTPUT].backward.integer_length(), 1);
    assert_eq!(table[LOGITS].backward.integer_length(), -6, "bounded by the loss");
    // A single overflow of stored values moves their range.
    let stored = TensorCounters { update: counters(1, 15, 64), ..Default::default() };
    steps(&mut policy, 1, stored);
    assert_eq!(policy.formats()[WEIGHT].update.integer_length(), 1);
    assert_eq!(policy.formats()[WEIGHT].update.bits(), 16);
}

#[test]
fn gradients_below_their_lsb_get_a_plane() {
    let seen = |error| TensorCounters {
        forward: counters(0, 7, 64),
        backward: counters(0, 3, error),
        update: counters(0, 15, 64),
        reused: Counters::default(),
    };
    let config = PlanewiseConfig { chunk: 4, resolution: 1.0 / 64.0, ..Default::default() };
    let mut policy = Planewise::new(config, &tensors()).unwrap();
    steps(&mut policy, 20, seen(4));
    assert_eq!(operand_bits(&policy), [4, 4, 8, 4, 8], "1/64 LSB is the limit");
    steps(&mut policy, 20, seen(3));
    assert_eq!(operand_bits(&policy), [4, 4, 8, 8, 8]);
    steps(&mut policy, 200, seen(3));
    assert_eq!(operand_bits(&policy), [4, 4, 8, 8, 8], "8 bits are the most");

    let mut policy = self::policy(4);
    steps(&mut policy, 200, seen(0));
    assert_eq!(operand_bits(&policy), [4, 4, 8, 4, 8], "not unless a resolution is asked for");
}

#[test]
fn all_operands_widen_at_the_given_iteration() {
    let config = PlanewiseConfig { chunk: 4, widen_at: 30, ..Default::default() };
    let mut policy = Planewise::new(config, &tensors()).unwrap();
    let seen = TensorCounters { forward: counters(0, 3, 64), ..Default::default() };
    let step = |policy: &mut Planewise, iteration| {
        policy.step(&Observation { iteration, loss: 1.0, counters: &[seen; 5] });
    };
    (0..29).for_each(|iteration| step(&mut policy, iteration));
    assert_eq!(operand_bits(&policy), [4, 4, 8, 4, 8]);
    let point = policy.formats()[WEIGHT].forward.integer_length();
    step(&mut policy, 29);
    assert_eq!(operand_bits(&policy), [4, 8, 8, 8, 8], "the input has what it needs");
    assert_eq!(policy.formats()[WEIGHT].forward.integer_length(), point, "the range stays");
    (30..100).for_each(|iteration| step(&mut policy, iteration));
    assert_eq!(operand_bits(&policy), [4, 8, 8, 8, 8]);
}

#[test]
fn shared_weights_have_a_width_of_their_own() {
    let mut tensors = tensors();
    tensors[WEIGHT].role = TensorRole::Weight { shared: true };
    let config = PlanewiseConfig { chunk: 4, ..Default::default() };
    let policy = Planewise::new(config, &tensors).unwrap();
    assert_eq!(operand_bits(&policy), [4, 8, 8, 4, 8]);
}

#[test]
fn illegal_constants_are_named() {
    let refused = |config| Planewise::new(config, &tensors()).unwrap_err().to_string();
    let first = PlanewiseConfig::default();
    assert_eq!(
        refused(PlanewiseConfig { window: 0, ..first }),
        "policy planewise: expected window of at least 1, found 0"
    );
    assert_eq!(
        refused(PlanewiseConfig { gradient_overflow_limit: -0.5, ..first }),
        "policy planewise: expected gradient overflow limit in 0..1, found -0.5"
    );
    refused(PlanewiseConfig { chunk: 0, ..first });
    refused(PlanewiseConfig { operand_bits_max: 64, ..first });
}

/// What the backward pass reads of input, weight and output.
fn reused_bits(policy: &Planewise) -> [Option<u32>; 3] {
    [INPUT, WEIGHT, OUTPUT].map(|tensor| policy.formats()[tensor].reused.map(Format::bits))
}

#[test]
fn the_backward_pass_reads_narrower_copies() {
    let config = |chunk| PlanewiseConfig {
        chunk,
        input_bits: 8,
        weight_bits: 8,
        reused_activation_bits: 4,
        reused_weight_bits: 4,
        ..Default::default()
    };
    let mut policy = Planewise::new(config(4), &tensors()).unwrap();
    assert_eq!(reused_bits(&policy), [Some(4); 3]);
    assert!(policy.formats()[BIAS].reused.is_none() && policy.formats()[LOGITS].reused.is_none());
    // A copy has a range of its own.
    let seen = TensorCounters {
        forward: counters(0, 7, 64),
        reused: counters(0, 1, 64),
        ..Default::default()
    };
    let before = policy.formats()[OUTPUT];
    steps(&mut policy, 1, seen);
    let after = policy.formats()[OUTPUT];
    assert_eq!(after.forward, before.forward);
    let shorter = before.reused().integer_length() - 2;
    assert_eq!(after.reused().integer_length(), shorter, "2 of 3 bits unused");

    // As many planes as the forward pass: no copy.
    assert_eq!(reused_bits(&Planewise::new(config(8), &tensors()).unwrap()), [None; 3]);
    let error = Planewise::new(PlanewiseConfig { reused_weight_bits: 33, ..config(4) }, &[]);
    assert!(error.is_err());
}

#[test]
fn weights_of_the_forward_pass_widen_alone() {
    let config = PlanewiseConfig {
        chunk: 4,
        reused_weight_bits: 4,
        widen_weights_at: 3,
        ..Default::default()
    };
    let mut policy = Planewise::new(config, &tensors()).unwrap();
    let seen = counters(0, 3, 64);
    let seen = TensorCounters { forward: seen, backward: seen, update: seen, reused: seen };
    steps(&mut policy, 2, seen);
    assert_eq!((operand_bits(&policy), reused_bits(&policy)), ([4, 4, 8, 4, 8], [None; 3]));
    policy.step(&Observation { iteration: 2, loss: 1.0, counters: &[seen; 5] });
    assert_eq!(operand_bits(&policy), [4, 8, 8, 4, 8]);
    assert_eq!(reused_bits(&policy), [None, Some(4), None], "the backward pass reads 4 bits still");
}
