//! Drives the policy alone with synthetic counters.

use super::*;
use crate::TensorCounters;

const WEIGHT: usize = 0;
const OUTPUT: usize = 1;
const LOGITS: usize = 2;

fn tensors() -> Vec<TensorSpec> {
    crate::tensor::named([
        TensorRole::Weight { shared: false },
        TensorRole::Activation,
        TensorRole::Logits { gradient_integer_length: -6 },
    ])
}

/// Counters of 10,000 values; `error` is the mean rounding error in 1/256 LSB.
fn counters(overflows: u64, magnitude_bits: u32, error: u64) -> Counters {
    Counters {
        emitted: 10_000,
        overflow_low: overflows,
        overflow_high: 0,
        magnitude_or: ((1_u64 << magnitude_bits) - 1) as u32,
        error_sum: 10_000 * error,
    }
}

fn step(policy: &mut Taras2018, seen: TensorCounters) {
    policy.step(&Observation { iteration: 0, loss: 1.0, counters: &[seen; 3] });
}

fn step_all(policy: &mut Taras2018, seen: Counters) {
    step(
        policy,
        TensorCounters { forward: seen, backward: seen, update: seen, ..Default::default() },
    );
}

fn policy() -> Taras2018 {
    Taras2018::new(Taras2018Config::default(), &tensors()).unwrap()
}

fn output(policy: &Taras2018) -> String {
    policy.formats()[OUTPUT].forward.to_string()
}

#[test]
fn each_threshold_moves_its_side_of_the_point() {
    // 85 / 256 LSB relative to 2^15: 0.00001. Relative to 2^8: 0.0013.
    let cases = [
        (counters(2, 15, 85), "s5.10"),
        (counters(1, 15, 85), "s3.10"),
        (counters(2, 8, 85), "s5.12"),
        (counters(0, 8, 85), "s3.12"),
    ];
    for (seen, after) in cases {
        let mut policy = policy();
        assert_eq!(output(&policy), "s4.11");
        step_all(&mut policy, seen);
        assert_eq!(output(&policy), after);
        assert_eq!(policy.formats()[WEIGHT].forward, policy.formats()[WEIGHT].update);
    }
}

#[test]
fn each_use_has_a_format_of_its_own() {
    let mut policy = policy();
    let seen = TensorCounters {
        forward: counters(9, 15, 85),
        backward: counters(0, 8, 85),
        ..Default::default()
    };
    step(&mut policy, seen);
    let formats = policy.formats()[OUTPUT];
    assert_eq!(
        (formats.forward.to_string(), formats.backward.to_string()),
        ("s5.10".into(), "s3.12".into())
    );
    assert_eq!(policy.formats()[WEIGHT].update.to_string(), "s4.11", "nothing was emitted");
}

#[test]
fn widths_stay_in_their_limits_and_the_integer_part_goes_first() {
    let mut policy = policy();
    for _ in 0..40 {
        step_all(&mut policy, counters(9, 3, 128));
    }
    let format = policy.formats()[OUTPUT].forward;
    assert_eq!((format.bits(), format.integer_length()), (32, crate::LONGEST));
    for _ in 0..200 {
        step_all(&mut policy, counters(0, 3, 0));
    }
    let format = policy.formats()[OUTPUT].forward;
    assert_eq!((format.bits(), format.integer_length()), (4, crate::SHORTEST));
}

#[test]
fn the_loss_gradient_keeps_its_bound() {
    let mut policy = policy();
    assert_eq!(policy.formats()[LOGITS].backward.integer_length(), -6);
    step_all(&mut policy, counters(9, 15, 85));
    assert_eq!(policy.formats()[LOGITS].backward.integer_length(), -6);
    step_all(&mut policy, counters(0, 15, 85));
    assert_eq!(policy.formats()[LOGITS].backward.integer_length(), -7);
}

#[test]
fn illegal_constants_are_named() {
    let refused = |config| Taras2018::new(config, &tensors()).unwrap_err().to_string();
    let first = Taras2018Config::default();
    let error = refused(Taras2018Config { bits_min: 20, ..first });
    assert_eq!(error, "policy taras2018: expected first width in 20..=32, found 16");
    let error = refused(Taras2018Config { error_limit: 1.0, ..first });
    assert_eq!(error, "policy taras2018: expected error limit in 0..1, found 1");
    refused(Taras2018Config { bits_max: 40, ..first });
}
