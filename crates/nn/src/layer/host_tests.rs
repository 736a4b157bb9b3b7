//! Host layers in fixed point: the exact result is rounded once, with any number of threads.

use flexmac_array::ArraySpec;
use flexmac_dps::{FormatTable, Formats, TensorCounters, TensorRole, TensorSpec};
use flexmac_engine::ReferenceEngine;
use flexmac_fxp::{Format, Rounding};
use ndarray::{Array2, array};

use super::{AvgPool, Dropout, Layer, Lrn, LrnConstants, MaxPool, Window};
use crate::pass::{Pass, Statistics};
use crate::spec::Shape;

/// A pass at one activation in a format of 10 bits, 4 of them after the point, and a gradient of 8
/// bits, 6 of them after the point.
fn at_activation<R>(
    (rounding, iteration, training): (Rounding, u64, bool),
    act: impl FnOnce(&mut Pass<'_, i32>) -> R,
) -> (R, TensorCounters) {
    let (value, gradient) = (Format::new(10, 4).unwrap(), Format::new(8, 6).unwrap());
    let formats = FormatTable::new(vec![Formats { backward: gradient, ..Formats::uniform(value) }]);
    let mut statistics = Statistics::new(1);
    let mut pass = Pass {
        engine: &mut ReferenceEngine::new(ArraySpec::default().check().unwrap()),
        tensors: &[TensorSpec { name: "a".to_owned(), role: TensorRole::Activation }],
        formats: &formats,
        rounding,
        run: 3,
        iteration,
        training,
        statistics: &mut statistics,
    };
    let result = act(&mut pass);
    (result, statistics.tensors[0])
}

/// Output and input gradient of a training step.
fn step(
    layer: &mut dyn Layer<i32>,
    rounding: Rounding,
    input: &Array2<i32>,
    gradient: &Array2<i32>,
) -> ((Array2<i32>, Array2<i32>), TensorCounters) {
    at_activation((rounding, 7, true), |pass| {
        let output = layer.forward(input.clone(), pass).unwrap();
        (output, layer.backward(gradient.clone(), pass).unwrap().unwrap())
    })
}

fn shape(height: usize, width: usize, channels: usize) -> Shape {
    Shape { height, width, channels }
}

#[test]
fn an_average_is_rounded_once() {
    // 3x3, kernel 2, stride 2: right and lower windows extend beyond the edge and divide by less.
    let window = Window { kernel: 2, stride: 2, padding: 0 };
    let mut pool = AvgPool::new((4, 0), (shape(3, 3, 1), shape(2, 2, 1)), window);
    let input = array![[1, 2, 7, 4, 4, -8, 511, 510, -512]];
    let gradient = array![[10, 7, -127, 33]];
    let ((output, back), counters) = step(&mut pool, Rounding::Nearest, &input, &gradient);
    // 11/4, -1/2, 1021/2, -512: nearest rounds halves up.
    assert_eq!(output, array![[3, 0, 511, -512]]);
    assert_eq!(counters.forward.overflows(), 2, "values at a limit count");
    // 10/4, 7/2, 10/4, 7/2, 33; -127/2.
    assert_eq!(back, array![[3, 3, 4, 3, 3, 4, -63, -63, 33]]);
    let ((output, back), _) = step(&mut pool, Rounding::Truncate, &input, &gradient);
    assert_eq!(output, array![[2, -1, 510, -512]]);
    assert_eq!(back, array![[2, 2, 3, 2, 2, 3, -64, -64, 33]]);
}

#[test]
fn overlapping_averages_add_up_before_the_rounding() {
    let window = Window { kernel: 2, stride: 1, padding: 0 };
    let mut pool = AvgPool::new((4, 0), (shape(2, 3, 1), shape(1, 2, 1)), window);
    let ((output, back), _) =
        step(&mut pool, Rounding::Nearest, &array![[1, 2, 3, 4, 5, 6]], &array![[1, 1]]);
    assert_eq!(output, array![[3, 4]]);
    // 1/4 at the ends, 1/4 + 1/4 between.
    assert_eq!(back, array![[0, 1, 0, 0, 1, 0]]);
}

#[test]
fn padding_never_wins_a_maximum() {
    let window = Window { kernel: 2, stride: 2, padding: 1 };
    let mut pool = MaxPool::new((4, 0), (shape(2, 2, 1), shape(2, 2, 1)), window);
    let input = array![[-4, -3, -2, -1]];
    let ((output, back), _) = step(&mut pool, Rounding::Nearest, &input, &array![[1, 2, 3, 4]]);
    assert_eq!((output, back), (input, array![[1, 2, 3, 4]]));
}

#[test]
fn dropout_doubles_what_it_keeps_and_repeats_its_mask() {
    let input = Array2::from_shape_fn((4, 500), |(b, i)| (b * 500 + i) as i32 % 300 + 1);
    let gradient = Array2::from_shape_fn((4, 500), |(b, i)| (b + i) as i32 % 60 + 1);
    let mut layer = Dropout::new((2, 0), 0.5);
    let ((output, back), counters) = step(&mut layer, Rounding::Nearest, &input, &gradient);
    let mut dropped = 0;
    for ((x, y), (dy, dx)) in input.iter().zip(&output).zip(gradient.iter().zip(&back)) {
        let kept = *y != 0;
        dropped += i32::from(!kept);
        assert_eq!(*y, if kept { (2 * x).min(511) } else { 0 });
        assert_eq!(*dx, if kept { 2 * dy } else { 0 });
    }
    assert!((900..1100).contains(&dropped), "{dropped} of 2000");
    assert!(counters.forward.overflows() > 0, "what the factor lifts too far is counted");
    assert_eq!(step(&mut layer, Rounding::Nearest, &input, &gradient).0, (output.clone(), back));
    let mut in_iteration = |iteration, training| {
        let place = (Rounding::Nearest, iteration, training);
        at_activation(place, |pass| layer.forward(input.clone(), pass).unwrap()).0
    };
    assert_ne!(in_iteration(8, true), output);
    assert_eq!(in_iteration(8, false), input);
}

#[test]
fn normalization_is_rounded_once() {
    let constants = LrnConstants { size: 3, alpha: 0.75, beta: 0.75, k: 1.0 };
    let mut layer = Lrn::new((2, 0), 3, constants);
    // 1, -2, 4 and 0, 0, 31 in units of 1/16.
    let input = array![[16, -32, 64, 0, 0, 496]];
    let gradient = array![[64, 0, 0, 0, 64, 0]];
    let ((output, back), _) = step(&mut layer, Rounding::Nearest, &input, &gradient);
    let y = |x: f64, squares: f64| {
        let y = x * (1.0 + 0.25 * squares).powf(-0.75);
        (y * 16.0 + 0.5).floor() as i32
    };
    let expected = [y(1.0, 5.0), y(-2.0, 21.0), y(4.0, 20.0), 0, 0, y(31.0, 31.0 * 31.0)];
    assert_eq!(output, Array2::from_shape_vec((1, 6), expected.to_vec()).unwrap());
    // dy of channel 0 is 1: dx_i = [i = 0] s_0^-b - 2 b a/n x_i x_0 s_0^(-b - 1) for i = 0, 1.
    let s = 1.0 + 0.25 * 5.0_f64;
    let pull = 2.0 * 0.75 * 0.25 * s.powf(-1.75);
    let raw = |value: f64| (value * 64.0 + 0.5).floor() as i32;
    let first = [raw(s.powf(-0.75) - pull), raw(2.0 * pull), 0];
    assert_eq!(back.as_slice().unwrap()[..3], first);
    // Channel 1 of the second pixel is 0, so only its own scale matters: 1 + 0.25 * 31^2.
    let own = raw((1.0 + 0.25 * 961.0_f64).powf(-0.75));
    assert_eq!(back.as_slice().unwrap()[3..], [0, own, 0]);
}

#[test]
fn threads_do_not_matter_under_stochastic_rounding() {
    let (inside, out) = (shape(20, 21, 5), shape(10, 11, 5));
    let window = Window { kernel: 3, stride: 2, padding: 1 };
    let input = Array2::from_shape_fn((3, inside.len()), |(b, i)| {
        ((b * 7919 + i * 104_729) % 1000) as i32 - 500
    });
    let pool_gradient =
        Array2::from_shape_fn((3, out.len()), |(b, i)| ((b * 31 + i * 17) % 200) as i32 - 100);
    let own_gradient = input.map(|value| value / 5);
    let constants = LrnConstants { size: 5, alpha: 0.1, beta: 0.75, k: 2.0 };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mode = Rounding::Stochastic;
            let mut average = AvgPool::new((1, 0), (inside, out), window);
            [
                step(&mut average, mode, &input, &pool_gradient),
                step(&mut Lrn::new((2, 0), 5, constants), mode, &input, &own_gradient),
                step(&mut Dropout::new((3, 0), 0.3), mode, &input, &own_gradient),
            ]
        })
    };
    assert_eq!(run(1), run(3));
}
