//! Properties of every policy: it is deterministic, and a restored policy continues identically.

use flexmac_fxp::Counters;

use crate::*;

fn tensors() -> Vec<TensorSpec> {
    tensor::named([
        TensorRole::Input,
        TensorRole::Weight { shared: false },
        TensorRole::Bias,
        TensorRole::Activation,
        TensorRole::Weight { shared: false },
        TensorRole::Bias,
        TensorRole::Logits { gradient_integer_length: -6 },
    ])
}

/// Every policy, with windows short enough that 300 iterations reach every rule.
fn policies(tensors: &[TensorSpec]) -> Vec<Box<dyn Policy>> {
    let fixed = StaticConfig::new(8, 16, tensors).unwrap();
    let na2016 =
        Na2016Config { isearch_window: 3, dsearch_window: 4, loss_window: 5, ..Default::default() };
    let courbariaux = Courbariaux2014Config { interval: 7, calibration: 9, ..Default::default() };
    let planewise = PlanewiseConfig { chunk: 4, window: 4, ..Default::default() };
    vec![
        Box::new(Static::new(&fixed, tensors)),
        Box::new(Na2016::new(na2016, tensors).unwrap()),
        Box::new(Courbariaux2014::new(courbariaux, tensors).unwrap()),
        Box::new(Taras2018::new(Taras2018Config::default(), tensors).unwrap()),
        Box::new(Planewise::new(planewise, tensors).unwrap()),
    ]
}

/// A made-up iteration. Its counters depend on the present formats, as those of a network do.
fn step(policy: &mut dyn Policy, iteration: u64) {
    let mut noise = iteration.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |below: u64| {
        noise = (noise ^ (noise >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (noise >> 33) % below
    };
    let mut count = |format: flexmac_fxp::Format, level: i32| {
        // Values reach 2^(level + 0 or 1).
        let reach = level + draw(2) as i32 - format.integer_length();
        let used = (format.bits() as i32 - 1 + reach).clamp(0, format.bits() as i32 - 1);
        Counters {
            emitted: 4000,
            overflow_low: if reach > 0 { draw(40) } else { 0 },
            overflow_high: 0,
            magnitude_or: ((1_u64 << used) - 1) as u32,
            error_sum: 4000 * draw(80),
        }
    };
    let counters: Vec<_> = policy
        .formats()
        .iter()
        .map(|formats| TensorCounters {
            forward: count(formats.forward, 1),
            backward: count(formats.backward, -9),
            update: count(formats.update, -2),
            reused: formats.reused.map_or_else(Default::default, |format| count(format, 2)),
        })
        .collect();
    let loss = 2.0 + draw(64) as f64 / 32.0 - iteration as f64 / 256.0;
    policy.step(&Observation { iteration, loss, counters: &counters });
}

#[test]
fn every_restored_policy_continues_as_if_never_interrupted() {
    let tensors = tensors();
    let count = policies(&tensors).len();
    for number in 0..count {
        let fresh = || policies(&tensors).swap_remove(number);
        let (mut walked, mut resumed) = (fresh(), fresh());
        for iteration in 0..300 {
            step(&mut *walked, iteration);
            step(&mut *resumed, iteration);
            // Serialize, deserialize, and restore into a new policy.
            let text = serde_json::to_string(&resumed.state()).unwrap();
            resumed = fresh();
            resumed.restore(&serde_json::from_str(&text).unwrap()).unwrap();
            let name = walked.name();
            assert_eq!(resumed.formats(), walked.formats(), "{name}, iteration {iteration}");
            assert_eq!(resumed.phase(), walked.phase(), "{name}, iteration {iteration}");
            assert_eq!(resumed.state(), walked.state(), "{name}, iteration {iteration}");
        }
    }
}

#[test]
fn every_dynamic_policy_moves_and_repeats_itself() {
    let tensors = tensors();
    let walk = || {
        let mut policies = policies(&tensors);
        let tables = policies.iter_mut().map(|policy| {
            let first = policy.formats().clone();
            (0..300).for_each(|iteration| step(&mut **policy, iteration));
            (policy.name(), first, policy.formats().clone())
        });
        tables.collect::<Vec<_>>()
    };
    let once = walk();
    assert_eq!(once, walk());
    for (name, first, last) in once {
        assert_eq!(first == last, name == "static", "{name}");
    }
}

#[test]
fn states_of_other_policies_and_networks_are_refused_by_name() {
    let tensors = tensors();
    let states: Vec<_> = policies(&tensors).iter().map(|policy| policy.state()).collect();
    for (number, mut policy) in policies(&tensors).into_iter().enumerate() {
        let name = policy.name();
        for (other, state) in states.iter().enumerate() {
            let restored = policy.restore(state);
            if other == number {
                restored.unwrap();
                continue;
            }
            let error = restored.unwrap_err().to_string();
            assert!(error.starts_with(&format!("policy {name}: expected a saved state of {name}")));
            assert!(error.ends_with(&format!("found one of {}", state.policy())), "{error}");
        }
        if name != "static" {
            let smaller = policies(&tensors[..4]).swap_remove(number).state();
            let error = policy.restore(&smaller).unwrap_err().to_string();
            assert!(error.ends_with(&format!("found one of {name} with 4 tensors")), "{error}");
        }
    }
}

/// Zeros fit any range: whatever the policy, a tensor that shows nothing else ends with the range
/// that it began with, and its first value finds it.
#[test]
fn no_policy_collapses_on_zeros() {
    let tensors = tensors();
    let zeros = Counters { emitted: 100, ..Counters::default() };
    let zeros =
        TensorCounters { forward: zeros, backward: zeros, update: zeros, ..Default::default() };
    let lengths = |policy: &dyn Policy| {
        let of = |formats: &Formats| {
            [formats.forward, formats.backward, formats.update].map(|f| f.integer_length())
        };
        policy.formats().iter().map(of).collect::<Vec<_>>()
    };
    for mut policy in policies(&tensors) {
        let first = lengths(&*policy);
        for iteration in 0..500 {
            let counters = vec![zeros; tensors.len()];
            policy.step(&Observation { iteration, loss: 1.0, counters: &counters });
            let deepest = lengths(&*policy).into_iter().flatten().min().unwrap();
            assert!(deepest >= SHORTEST, "{}: {deepest}", policy.name());
        }
        assert_eq!(lengths(&*policy), first, "{}", policy.name());
        // Not even for an iteration does it shrink again.
        let counters = vec![zeros; tensors.len()];
        for iteration in 500..600 {
            policy.step(&Observation { iteration, loss: 1.0, counters: &counters });
            assert_eq!(lengths(&*policy), first, "{}", policy.name());
        }
    }
}

/// Values far below the last place of the first format look like zeros when nothing rounds up.
/// The searches that begin narrow find their range all the same.
#[test]
fn values_below_the_first_last_place_are_found() {
    let tensors = tensors();
    // Values of about 2^-19.
    let seen = |format: flexmac_fxp::Format| {
        let bits = (-19 + format.frac()).clamp(0, format.bits() as i32 - 1);
        let over = u64::from(-19 > format.integer_length());
        let error_sum = if -19 + format.frac() < -9 { 0 } else { 100 * 60 };
        let magnitude_or = ((1_u64 << bits) - 1) as u32;
        Counters {
            emitted: 100,
            overflow_low: 0,
            overflow_high: 50 * over,
            magnitude_or,
            error_sum,
        }
    };
    for mut policy in policies(&tensors).into_iter().skip(3) {
        for iteration in 0..60 {
            let counters: Vec<_> = (policy.formats().iter())
                .map(|formats| TensorCounters {
                    forward: seen(formats.forward),
                    ..Default::default()
                })
                .collect();
            policy.step(&Observation { iteration, loss: 1.0, counters: &counters });
        }
        let length = policy.formats()[3].forward.integer_length();
        assert!((-21..=-17).contains(&length), "{}: {length}", policy.name());
    }
}
