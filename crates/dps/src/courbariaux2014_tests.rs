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

fn policy(calibration: u32) -> Courbariaux2014 {
    let config = Courbariaux2014Config { interval: 10, calibration, ..Default::default() };
    Courbariaux2014::new(config, &tensors()).unwrap()
}

/// Counters of 10,000 values; the limit of 0.0001 is one value.
fn counters(overflows: u64, magnitude_bits: u32) -> Counters {
    Counters {
        emitted: 10_000,
        overflow_high: overflows,
        magnitude_or: (1 << magnitude_bits) - 1,
        ..Counters::default()
    }
}

/// Steps with the same counters for every use.
fn steps(policy: &mut Courbariaux2014, count: u64, seen: Counters) {
    let seen = TensorCounters { forward: seen, backward: seen, update: seen, ..Default::default() };
    for iteration in 0..count {
        policy.step(&Observation { iteration, loss: 1.0, counters: &[seen; 3] });
    }
}

fn lengths(policy: &Courbariaux2014) -> [i32; 4] {
    let table = policy.formats();
    [table[WEIGHT].update, table[OUTPUT].forward, table[OUTPUT].backward, table[LOGITS].backward]
        .map(Format::integer_length)
}

#[test]
fn widths_are_the_papers_with_the_sign() {
    let table = policy(0).formats().clone();
    assert_eq!([table[WEIGHT].forward, table[OUTPUT].backward].map(Format::bits), [10; 2]);
    assert_eq!([table[WEIGHT].update, table[OUTPUT].update].map(Format::bits), [12, 10]);
    assert_eq!(lengths(&policy(0)), [5, 5, 5, -6]);
}

#[test]
fn a_rate_above_the_limit_doubles_the_factor_at_the_interval() {
    let mut policy = policy(0);
    steps(&mut policy, 9, counters(2, 9));
    assert_eq!(lengths(&policy), [5, 5, 5, -6], "not due");
    steps(&mut policy, 1, counters(2, 9));
    assert_eq!(lengths(&policy), [6, 6, 6, -6], "the loss gradient keeps its bound");
}

#[test]
fn a_rate_at_the_limit_with_the_top_bit_in_use_stays() {
    let mut policy = policy(0);
    steps(&mut policy, 50, counters(1, 11));
    assert_eq!(lengths(&policy)[0], 5, "11 of 11 bits of storage in use");
    let mut policy = self::policy(0);
    steps(&mut policy, 50, counters(1, 9));
    assert_eq!(lengths(&policy)[1..3], [5, 5], "9 of 9 bits of an operand in use");
}

#[test]
fn an_unused_top_bit_halves_the_factor_once_per_interval() {
    let mut policy = policy(0);
    steps(&mut policy, 10, counters(0, 3));
    assert_eq!(lengths(&policy), [4, 4, 4, -7]);
    // If one iteration of an interval needs the bit, it stays.
    steps(&mut policy, 9, counters(0, 3));
    steps(&mut policy, 1, counters(0, 11));
    assert_eq!(lengths(&policy), [4, 4, 4, -7]);
}

#[test]
fn the_rate_is_that_of_the_interval_not_of_an_iteration() {
    let mut policy = policy(0);
    steps(&mut policy, 9, counters(0, 11));
    steps(&mut policy, 1, counters(10, 11));
    assert_eq!(lengths(&policy)[0], 5, "10 of 100,000");
    steps(&mut policy, 9, counters(0, 11));
    steps(&mut policy, 1, counters(11, 11));
    assert_eq!(lengths(&policy)[0], 6);
}

#[test]
fn calibration_is_wide_and_moves_by_all_unused_bits() {
    let mut policy = policy(3);
    assert_eq!((policy.phase(), policy.formats()[OUTPUT].forward.bits()), ("calibration", 32));
    steps(&mut policy, 1, counters(0, 20));
    assert_eq!(lengths(&policy), [-6, -6, -6, -17]);
    steps(&mut policy, 1, counters(1, 31));
    assert_eq!(lengths(&policy), [-5, -5, -5, -16]);
    steps(&mut policy, 1, counters(0, 31));
    assert_eq!((policy.phase(), policy.formats()[OUTPUT].forward.bits()), ("dynamic", 10));
    assert_eq!(policy.formats()[WEIGHT].update.bits(), 12);
    assert_eq!(lengths(&policy), [-5, -5, -5, -16]);
}

#[test]
fn a_tensor_of_zeros_keeps_its_range_and_one_below_the_last_place_stops_somewhere() {
    let mut policy = policy(100);
    let first = lengths(&policy);
    steps(&mut policy, 1000, counters(0, 0));
    assert_eq!(lengths(&policy), first);
    // Values that round to zero, but not exactly, need a shorter range.
    let below = Counters { error_sum: 1, ..counters(0, 0) };
    steps(&mut policy, 4000, below);
    assert_eq!(lengths(&policy), [crate::SHORTEST; 4]);
}

#[test]
fn illegal_constants_are_named() {
    let refused = |config| Courbariaux2014::new(config, &tensors()).unwrap_err().to_string();
    let first = Courbariaux2014Config::default();
    let error = refused(Courbariaux2014Config { interval: 0, ..first });
    assert_eq!(error, "policy courbariaux2014: expected interval of at least 1, found 0");
    let error = refused(Courbariaux2014Config { overflow_limit: f64::NAN, ..first });
    assert_eq!(error, "policy courbariaux2014: expected overflow limit in 0..1, found NaN");
    refused(Courbariaux2014Config { storage_bits: 33, ..first });
}
