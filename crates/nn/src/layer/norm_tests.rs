//! Batch normalization in fixed point and in float, against its definition element by element.

use flexmac_array::ArraySpec;
use flexmac_dps::{FormatTable, Formats, TensorCounters};
use flexmac_engine::{Engine, FloatEngine, ReferenceEngine};
use flexmac_fxp::{Format, Rounding};
use ndarray::Array2;

use super::{BatchNorm, Layer};
use crate::element::Number;
use crate::init::Initial;
use crate::pass::{LayerId, Pass, Statistics, host_format};
use crate::plan::NetPlan;
use crate::spec::{LayerSpec, NetSpec, Shape};

const BATCH: usize = 3;
const CHANNELS: usize = 5;
const SHAPE: Shape = Shape { height: 40, width: 9, channels: CHANNELS };
const NET: &str = r#"{"name": "n", "input": {"height": 40, "width": 9, "channels": 2}, "layers": [
    {"type": "conv", "name": "c", "channels_out": 5, "kernel": 1},
    {"type": "batch-norm", "name": "bn", "momentum": 0.25, "epsilon": 0.001},
    {"type": "inner-product", "name": "ip", "outputs": 2}]}"#;

/// Numbers of the plan's tensors.
const INPUT: usize = 3;
const SCALE: usize = 4;
const SHIFT: usize = 5;
const OUTPUT: usize = 6;

fn format(bits: u32, frac: i32) -> Format {
    Format::new(bits, frac).unwrap()
}

fn formats() -> FormatTable {
    let mut formats = vec![Formats::uniform(format(8, 4)); 10];
    formats[INPUT].backward = format(9, 11);
    formats[SCALE] = Formats { update: format(16, 13), ..Formats::uniform(format(4, 2)) };
    formats[SHIFT] = Formats { update: format(16, 14), ..Formats::uniform(format(4, 2)) };
    formats[OUTPUT] = Formats { backward: format(10, 9), ..Formats::uniform(format(12, 8)) };
    FormatTable::new(formats)
}

/// Scale 2^-13 (6000 + 700 c) and shift 2^-14 (-4000 + 1500 c) of channel c.
fn layer<T: Number>(formats: &FormatTable, input_gradient: bool) -> BatchNorm<T> {
    let spec: NetSpec = serde_json::from_str(NET).unwrap();
    let plan = NetPlan::new(&spec, BATCH).unwrap();
    let LayerSpec::BatchNorm(norm) = &spec.layers[1] else { panic!("a batch norm") };
    let id = LayerId { index: 1, name: "bn".to_owned() };
    let initial = Initial { seed: 1, formats };
    let mut layer = BatchNorm::new(id, &plan.layers()[1], norm, input_gradient, &initial);
    for (param, values) in layer.params_mut().into_iter().zip([scales(), shifts()]) {
        let (format, words) = (param.format(), flexmac_fxp::Words::None);
        let target = &mut param.values_mut();
        let target = target.as_slice_mut().unwrap();
        T::quantize(&values, format, Rounding::Nearest, words, target);
    }
    layer
}

fn scales() -> Vec<f64> {
    (0..CHANNELS).map(|c| (6000.0 + 700.0 * c as f64) / 8192.0).collect()
}

fn shifts() -> Vec<f64> {
    (0..CHANNELS).map(|c| (-4000.0 + 1500.0 * c as f64) / 16384.0).collect()
}

/// Real numbers that are multiples of 2^-frac, with another mean and spread in each channel.
fn draw(seed: usize, frac: i32, limit: i32) -> Vec<f64> {
    let value = |index: usize| {
        let hash = ((seed * 7919 + index) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let channel = (index % CHANNELS) as i32;
        let raw = (hash % (2 * limit as u64 + 1)) as i32 - limit;
        f64::from(raw / (channel + 1) + channel * limit / 7) / f64::from(frac).exp2()
    };
    (0..BATCH * SHAPE.len()).map(value).collect()
}

fn batch<T: Number>(values: &[f64], format: Format) -> Array2<T> {
    let mut out = Array2::from_elem((BATCH, SHAPE.len()), T::default());
    let (words, target) = (flexmac_fxp::Words::None, out.as_slice_mut().unwrap());
    T::quantize(values, format, Rounding::Nearest, words, target);
    out
}

fn at<T: Number, R>(
    engine: &mut dyn Engine<T>,
    (rounding, training): (Rounding, bool),
    act: impl FnOnce(&mut Pass<'_, T>) -> R,
) -> (R, Vec<TensorCounters>) {
    let plan = NetPlan::new(&serde_json::from_str(NET).unwrap(), BATCH).unwrap();
    let mut statistics = Statistics::new(10);
    let mut pass = Pass {
        engine,
        tensors: plan.tensors(),
        formats: &formats(),
        rounding,
        run: 3,
        iteration: 7,
        training,
        statistics: &mut statistics,
    };
    let result = act(&mut pass);
    (result, statistics.tensors)
}

fn reference() -> ReferenceEngine {
    ReferenceEngine::new(ArraySpec::default().check().unwrap())
}

/// The definition, channel by channel.
struct Expected {
    mean: Vec<f64>,
    variance: Vec<f64>,
    output: Vec<f64>,
    of_scale: Vec<f64>,
    of_shift: Vec<f64>,
    of_input: Vec<f64>,
}

fn expected(x: &[f64], dy: &[f64]) -> Expected {
    let (scale, shift) = (scales(), shifts());
    let count = (x.len() / CHANNELS) as f64;
    let of = |c: usize, value: &dyn Fn(usize) -> f64| -> f64 {
        (c..x.len()).step_by(CHANNELS).map(value).sum()
    };
    let channels = 0..CHANNELS;
    let mean: Vec<_> = channels.clone().map(|c| of(c, &|i| x[i]) / count).collect();
    let variance: Vec<_> =
        channels.clone().map(|c| of(c, &|i| (x[i] - mean[c]).powi(2)) / count).collect();
    let root: Vec<_> = variance.iter().map(|variance| (variance + 0.001).sqrt()).collect();
    let normal = |i: usize| (x[i] - mean[i % CHANNELS]) / root[i % CHANNELS];
    let of_scale: Vec<_> = channels.clone().map(|c| of(c, &|i| dy[i] * normal(i))).collect();
    let of_shift: Vec<_> = channels.map(|c| of(c, &|i| dy[i])).collect();
    let output = |i: usize| normal(i) * scale[i % CHANNELS] + shift[i % CHANNELS];
    // Ioffe and Szegedy 2015, section 3, with both sums over the batch written out.
    let of_input = |i: usize| {
        let c = i % CHANNELS;
        scale[c] / root[c] * (dy[i] - of_shift[c] / count - normal(i) * of_scale[c] / count)
    };
    Expected {
        output: (0..x.len()).map(output).collect(),
        of_input: (0..x.len()).map(of_input).collect(),
        mean,
        variance,
        of_scale,
        of_shift,
    }
}

fn near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance * (1.0 + expected.abs()), "{index}: {found}, {expected}");
    }
}

#[test]
fn a_training_step_rounds_output_and_gradient_once() {
    let (x, dy) = (draw(1, 19, 3 << 19), draw(2, 9, 300));
    let expected = expected(&x, &dy);
    let formats = formats();
    let mut layer = layer::<i32>(&formats, true);
    let (input, gradient) = (batch(&x, host_format()), batch(&dy, formats[OUTPUT].backward));
    let mode = (Rounding::Nearest, true);
    let ((output, back), counters) = at(&mut reference(), mode, |pass| {
        let output = layer.forward(input, pass).unwrap();
        (output, layer.backward(gradient, pass).unwrap().unwrap())
    });
    let rounded = |values: &[f64], format: Format| batch::<i32>(values, format);
    assert_eq!(output, rounded(&expected.output, formats[OUTPUT].forward));
    assert_eq!(back, rounded(&expected.of_input, formats[INPUT].backward));
    let elements = (BATCH * SHAPE.len()) as u64;
    assert_eq!(counters[OUTPUT].forward.emitted, elements);
    assert_eq!(counters[INPUT].backward.emitted, elements);
    assert_eq!(counters[INPUT].forward.emitted, 0);
    near(&layer.params()[0].gradient(), &expected.of_scale, 1e-12);
    near(&layer.params()[1].gradient(), &expected.of_shift, 1e-12);
    // Running numbers: a quarter of the way from 0 and 1, the variance unbiased, in single precision.
    let count = (BATCH * SHAPE.len() / CHANNELS) as f64;
    let running: Vec<Vec<f64>> = layer.buffers().iter().map(|buffer| buffer.values()).collect();
    let mean: Vec<_> = expected.mean.iter().map(|mean| 0.25 * mean).collect();
    let spread = |variance: &f64| 0.75 + 0.25 * variance * count / (count - 1.0);
    near(&running[0], &mean, 1e-7);
    near(&running[1], &expected.variance.iter().map(spread).collect::<Vec<_>>(), 1e-7);
}

#[test]
fn an_evaluation_uses_the_running_numbers_and_changes_none() {
    let x = draw(1, 19, 3 << 19);
    let formats = formats();
    let mut layer = layer::<i32>(&formats, true);
    let (mean, variance) = ([0.5, -0.25, 0.0, 2.0, 1.0], [1.0, 0.25, 4.0, 0.0, 9.0]);
    for (buffer, values) in layer.buffers_mut().into_iter().zip([mean, variance]) {
        buffer.values = values.map(|value| value as f32).to_vec();
    }
    let before: Vec<_> = layer.buffers().into_iter().cloned().collect();
    let mode = (Rounding::Truncate, false);
    let forward = |pass: &mut Pass<'_, i32>| layer.forward(batch(&x, host_format()), pass).unwrap();
    let (output, _) = at(&mut reference(), mode, forward);
    let to = formats[OUTPUT].forward;
    for (i, (found, x)) in output.iter().zip(&x).enumerate() {
        let c = i % CHANNELS;
        let y =
            (x - mean[c]) * (scales()[c] * (1.0 / (variance[c] + 0.001_f64).sqrt())) + shifts()[c];
        let raw = (y * f64::from(to.frac()).exp2()).floor();
        let raw = raw.clamp(to.min_raw().into(), to.max_raw().into());
        assert_eq!(f64::from(*found), raw, "{i}");
    }
    assert_eq!(layer.buffers().into_iter().cloned().collect::<Vec<_>>(), before);
}

#[test]
fn floats_follow_the_same_definition() {
    let (x, dy) = (draw(1, 10, 3 << 10), draw(2, 9, 300));
    let expected = expected(&x, &dy);
    let mut layer = layer::<f32>(&formats(), true);
    let (input, gradient) = (batch(&x, host_format()), batch(&dy, host_format()));
    let ((output, back), _) = at(&mut FloatEngine, (Rounding::Nearest, true), |pass| {
        let output = layer.forward(input, pass).unwrap();
        (output, layer.backward(gradient, pass).unwrap().unwrap())
    });
    let reals = |values: Array2<f32>| values.mapv(f64::from).into_raw_vec_and_offset().0;
    near(&reals(output), &expected.output, 1e-6);
    near(&reals(back), &expected.of_input, 1e-6);
}

#[test]
fn results_depend_on_the_mode_not_on_threads() {
    let (x, dy) = (draw(5, 19, 3 << 19), draw(6, 9, 300));
    let run = |threads: usize, rounding| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let formats = formats();
            let mut layer = layer::<i32>(&formats, true);
            let (input, gradient) =
                (batch(&x, host_format()), batch(&dy, formats[OUTPUT].backward));
            let result = at(&mut reference(), (rounding, true), |pass| {
                let output = layer.forward(input, pass).unwrap();
                (output, layer.backward(gradient, pass).unwrap().unwrap())
            });
            let buffers: Vec<_> = layer.buffers().into_iter().cloned().collect();
            (result, layer.params()[0].gradient(), buffers)
        })
    };
    for rounding in Rounding::ALL {
        assert_eq!(run(1, rounding), run(3, rounding), "{rounding}");
    }
    assert_ne!(run(1, Rounding::Stochastic).0, run(1, Rounding::Nearest).0);
}

#[test]
fn one_value_a_channel_has_no_variance() {
    let formats = formats();
    let mut layer = layer::<i32>(&formats, false);
    let input = Array2::from_shape_vec((1, CHANNELS), vec![1, -2, 3, 0, 1 << 30]).unwrap();
    let gradient = Array2::from_elem((1, CHANNELS), 9);
    let ((output, back), _) = at(&mut reference(), (Rounding::Nearest, true), |pass| {
        let output = layer.forward(input, pass).unwrap();
        (output, layer.backward(gradient, pass).unwrap())
    });
    let shift = |c: usize| (shifts()[c] * 256.0 + 0.5).floor() as i32;
    assert_eq!(output, Array2::from_shape_fn((1, CHANNELS), |(_, c)| shift(c)));
    assert_eq!(back, None, "no parameters before the layer");
    assert_eq!(layer.params()[0].gradient(), [0.0; CHANNELS]);
}
