//! Drives the policy alone and checks each transition of its state.

use flexmac_fxp::Counters;

use super::*;

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

struct Bench {
    policy: Na2016,
    iteration: u64,
}

impl Bench {
    fn new(config: Na2016Config) -> Self {
        Self { policy: Na2016::new(config, &tensors()).unwrap(), iteration: 0 }
    }

    fn step(&mut self, loss: f64, overflowing: &[usize]) {
        let mut counters = [TensorCounters::default(); 3];
        for tensor in overflowing {
            // Each use in turn, because an overflow of any use counts.
            let counters = &mut counters[*tensor];
            let uses = [&mut counters.forward, &mut counters.backward, &mut counters.update];
            *uses.into_iter().nth(self.iteration as usize % 3).unwrap() = Counters {
                overflow_low: self.iteration % 2,
                overflow_high: 1,
                ..Default::default()
            };
        }
        let observation = Observation { iteration: self.iteration, loss, counters: &counters };
        self.policy.step(&observation);
        self.iteration += 1;
    }

    fn integer_length(&self, tensor: usize) -> i32 {
        self.policy.formats()[tensor].forward.integer_length()
    }

    fn width(&self) -> u32 {
        let width = self.policy.state.width;
        for formats in self.policy.formats().iter() {
            assert_eq!(
                [formats.forward, formats.backward, formats.update].map(Format::bits),
                [width; 3]
            );
        }
        width
    }

    /// Ends I-search for both searching tensors at once.
    fn into_dsearch(config: Na2016Config, first_loss: f64) -> Self {
        let mut bench = Self::new(config);
        bench.step(first_loss, &[WEIGHT, OUTPUT]);
        assert_eq!(bench.policy.phase(), "dsearch");
        bench
    }
}

#[test]
fn starts_wide_with_the_stated_integer_lengths() {
    let bench = Bench::new(Na2016Config::default());
    assert_eq!((bench.width(), bench.policy.phase()), (32, "isearch"));
    assert_eq!([WEIGHT, OUTPUT, LOGITS].map(|t| bench.integer_length(t)), [0, 8, -6]);
}

#[test]
fn isearch_shifts_after_window_plus_one_clean_iterations() {
    let mut bench = Bench::new(Na2016Config::default());
    for shifts in 1..=3 {
        for _ in 0..20 {
            bench.step(1.0, &[]);
            assert_eq!(bench.integer_length(OUTPUT), 9 - shifts);
        }
        bench.step(1.0, &[]);
        assert_eq!(
            (bench.integer_length(WEIGHT), bench.integer_length(OUTPUT)),
            (-shifts, 8 - shifts)
        );
        assert_eq!(bench.integer_length(LOGITS), -6, "the loss gradient's bound is static");
    }
    assert_eq!(bench.width(), 32);
}

#[test]
fn an_overflow_moves_the_point_and_ends_the_tensors_search() {
    let mut bench = Bench::new(Na2016Config::default());
    bench.step(1.0, &[OUTPUT]);
    assert_eq!((bench.integer_length(OUTPUT), bench.integer_length(WEIGHT)), (9, 0));
    assert_eq!(bench.policy.formats()[OUTPUT].forward.frac(), 31 - 9);
    for _ in 0..100 {
        bench.step(1.0, &[]);
    }
    assert_eq!(bench.integer_length(OUTPUT), 9, "settled");
    assert_eq!(bench.integer_length(WEIGHT), -4, "still searching");
    bench.step(1.0, &[OUTPUT]);
    assert_eq!(bench.integer_length(OUTPUT), 10, "overflows move a settled point too");
    assert_eq!((bench.width(), bench.policy.phase()), (32, "isearch"));
}

#[test]
fn the_width_is_the_target_when_all_tensors_have_finished() {
    let mut bench = Bench::new(Na2016Config::default());
    bench.step(1.0, &[OUTPUT]);
    bench.step(1.0, &[WEIGHT]);
    assert_eq!((bench.width(), bench.policy.phase()), (16, "dsearch"));
    let formats = bench.policy.formats();
    assert_eq!((formats[WEIGHT].update.frac(), formats[OUTPUT].backward.frac()), (15 - 1, 15 - 9));
    assert_eq!(formats[LOGITS].backward.frac(), 15 + 6);
    bench.step(1.0, &[WEIGHT]);
    assert_eq!((bench.integer_length(WEIGHT), bench.width()), (2, 16), "overflows move points on");
}

#[test]
fn an_overflow_of_the_loss_gradient_changes_nothing() {
    let mut bench = Bench::new(Na2016Config::default());
    bench.step(1.0, &[LOGITS]);
    assert_eq!(bench.integer_length(LOGITS), -6);
    assert_eq!(bench.policy.phase(), "isearch");
}

#[test]
fn dsearch_jumps_only_after_the_window_of_maxima() {
    let mut bench = Bench::into_dsearch(Na2016Config::default(), 1.0);
    // The loss rises from the start: after 20 maxima, the 21st jumps.
    for rise in 1..=20 {
        bench.step(1.0 + f64::from(rise), &[]);
        assert_eq!((bench.width(), bench.policy.state.increases), (16, rise));
    }
    bench.step(30.0, &[]);
    assert_eq!((bench.width(), bench.policy.state.increases), (32, 0));
    assert_eq!(bench.policy.state.remembered, 1.0, "the smallest smoothed loss of the ring");
}

#[test]
fn once_the_loss_has_fallen_the_next_maximum_jumps_at_once() {
    let mut bench = Bench::into_dsearch(Na2016Config { loss_window: 2, ..Default::default() }, 2.0);
    bench.step(1.0, &[]); // smoothed 1.5: not the maximum
    assert_eq!((bench.policy.state.increases, bench.width()), (20, 16));
    bench.step(4.0, &[]); // smoothed 2.5: the maximum
    assert_eq!((bench.policy.state.increases, bench.width()), (0, 32));
    assert_eq!(bench.policy.state.remembered, 1.5);
}

#[test]
fn at_maximum_width_maxima_wait_and_a_lower_loss_falls_back() {
    let config = Na2016Config { loss_window: 2, dsearch_window: 3, ..Default::default() };
    let mut bench = Bench::into_dsearch(config, 2.0);
    bench.step(1.0, &[]);
    bench.step(4.0, &[]);
    assert_eq!((bench.width(), bench.policy.state.remembered), (32, 1.5));
    // Maxima at maximum width: the counter reaches the window, then starts again.
    for (loss, increases) in [(5.0, 1), (6.0, 2), (7.0, 3), (8.0, 0), (9.0, 1)] {
        bench.step(loss, &[]);
        assert_eq!((bench.width(), bench.policy.state.increases), (32, increases));
        assert_eq!(bench.policy.state.remembered, 1.5, "only a jump remembers");
    }
    bench.step(0.5, &[]); // smoothed 4.75: lower, but not below the remembered loss
    assert_eq!((bench.width(), bench.policy.state.increases), (32, 3));
    bench.step(0.5, &[]); // smoothed 0.5
    assert_eq!(bench.width(), 16);
}

#[test]
fn a_jump_raises_the_target_while_it_is_below_maximum_less_step() {
    let config =
        Na2016Config { target_bits: 8, step_bits: 8, loss_window: 2, ..Default::default() };
    let mut bench = Bench::into_dsearch(config, 2.0);
    for (round, target) in [16, 24, 24, 24].into_iter().enumerate() {
        let level = -100.0 * round as f64; // below the losses of the round before
        bench.step(level + 1.0, &[]);
        bench.step(level + 300.0, &[]);
        assert_eq!((bench.width(), bench.policy.state.target), (32, target));
        bench.step(level - 50.0, &[]);
        bench.step(level - 50.0, &[]); // below the remembered loss
        assert_eq!(bench.width(), target);
    }
}

#[test]
fn the_published_target_and_step_never_raise() {
    let mut bench = Bench::into_dsearch(Na2016Config { loss_window: 2, ..Default::default() }, 2.0);
    bench.step(1.0, &[]);
    bench.step(9.0, &[]);
    assert_eq!((bench.width(), bench.policy.state.target), (32, 16));
}

#[test]
fn a_restored_policy_continues_identically() {
    let config = Na2016Config { loss_window: 5, isearch_window: 3, ..Default::default() };
    let mut walked = Bench::new(config);
    let trace = |i: u64| (f64::from(((i * 37) % 11) as u32) / 3.0, i % 9 == 5);
    for i in 0..60 {
        let (loss, overflow) = trace(i);
        walked.step(loss, if overflow { &[WEIGHT, OUTPUT] } else { &[] });
        if i == 30 {
            let text = serde_json::to_string(&walked.policy.state()).unwrap();
            let mut copy = Bench::new(config);
            copy.policy.restore(&serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(copy.policy.formats(), walked.policy.formats());
        }
    }
    let mut resumed = Bench::new(config);
    for i in 0..60 {
        let (loss, overflow) = trace(i);
        resumed.step(loss, if overflow { &[WEIGHT, OUTPUT] } else { &[] });
        let state = resumed.policy.state();
        resumed.policy = Na2016::new(config, &tensors()).unwrap();
        resumed.policy.restore(&state).unwrap();
    }
    assert_eq!(resumed.policy.state(), walked.policy.state());
}

#[test]
fn a_foreign_state_is_refused() {
    let mut policy = Na2016::new(Na2016Config::default(), &tensors()).unwrap();
    let error = policy
        .restore(&PolicyState::new("static", &serde_json::json!({})))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "policy na2016: expected a saved state of na2016 with 3 tensors, found one of static"
    );
    let fewer = Na2016::new(Na2016Config::default(), &tensors()[..2]).unwrap().state();
    let error = policy.restore(&fewer).unwrap_err().to_string();
    assert!(error.ends_with("found one of na2016 with 2 tensors"), "{error}");
}

#[test]
fn illegal_constants_are_named() {
    let wide = Na2016Config { target_bits: 24, max_bits: 16, ..Default::default() };
    let error = Na2016::new(wide, &tensors()).unwrap_err().to_string();
    assert_eq!(
        error,
        "policy na2016: expected target width at most the maximum width 16, found 24"
    );
    let none = Na2016Config { loss_window: 0, ..Default::default() };
    assert!(Na2016::new(none, &tensors()).unwrap_err().to_string().contains("loss window"));
    let narrow = Na2016Config { max_bits: 1, ..Default::default() };
    let error = Na2016::new(narrow, &tensors()).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("found 1"));
}

/// Counters of values that are all zero.
fn zeros() -> TensorCounters {
    let zeros = Counters { emitted: 10, ..Counters::default() };
    TensorCounters { forward: zeros, backward: zeros, update: zeros, ..Default::default() }
}

fn step_with(bench: &mut Bench, counters: [TensorCounters; 3]) -> Vec<String> {
    let (iteration, loss) = (bench.iteration, 1.0);
    bench.policy.step(&Observation { iteration, loss, counters: &counters });
    bench.iteration += 1;
    bench.policy.notes()
}

#[test]
fn zeros_move_no_point_and_end_their_search_with_the_others() {
    let used = Counters { emitted: 10, magnitude_or: 1, ..Counters::default() };
    let used = TensorCounters { forward: used, ..TensorCounters::default() };
    let mut over = used;
    over.forward.overflow_high = 1;
    for window in [0, 1, 3, 20] {
        let mut bench = Bench::new(Na2016Config { isearch_window: window, ..Default::default() });
        for _ in 0..100 {
            assert!(step_with(&mut bench, [used, zeros(), used]).is_empty());
        }
        assert_eq!(bench.integer_length(OUTPUT), 8, "window {window}");
        assert!(bench.integer_length(WEIGHT) <= -4);
        let notes = step_with(&mut bench, [over, zeros(), used]);
        let note = "na2016: the search of tensor t1 ends at integer length 8 without an overflow, \
                    because its values are all 0";
        assert_eq!(
            (notes, bench.width(), bench.policy.phase()),
            (vec![note.to_owned()], 16, "dsearch")
        );
        assert!(step_with(&mut bench, [over, zeros(), used]).is_empty(), "said once");
    }
}

#[test]
fn a_tensor_that_wakes_before_the_others_end_searches_on() {
    let used = Counters { emitted: 10, magnitude_or: 1, ..Counters::default() };
    let used = TensorCounters { forward: used, ..TensorCounters::default() };
    let mut over = used;
    over.forward.overflow_high = 1;
    let mut bench = Bench::new(Na2016Config { isearch_window: 1, ..Default::default() });
    for _ in 0..10 {
        step_with(&mut bench, [used, zeros(), used]);
    }
    step_with(&mut bench, [over, used, used]);
    assert_eq!(bench.policy.phase(), "isearch", "its last iteration showed a value");
    step_with(&mut bench, [used, used, used]);
    assert_eq!(bench.integer_length(OUTPUT), 7);
    assert!(step_with(&mut bench, [used, over, used]).is_empty());
    assert_eq!((bench.integer_length(OUTPUT), bench.policy.phase()), (8, "dsearch"));
    // A search in which every tensor is zero ends after one window.
    let mut bench = Bench::new(Na2016Config { isearch_window: 4, ..Default::default() });
    for _ in 0..4 {
        assert!(step_with(&mut bench, [zeros(); 3]).is_empty());
    }
    assert_eq!(step_with(&mut bench, [zeros(); 3]).len(), 2, "the loss gradient has no search");
    assert_eq!(bench.policy.phase(), "dsearch");
}
