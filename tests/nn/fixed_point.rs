//! One convolution and one inner product, forward and backward, against plain integer loops.
//!
//! The oracle knows neither patches nor products: it indexes images directly, sums in 128 bits and
//! rounds with the definition of docs/arithmetic.md.

use flexmac_array::ArraySpec;
use flexmac_dps::{FormatTable, Formats};
use flexmac_engine::ReferenceEngine;
use flexmac_fxp::{Format, Role, Rounding};
use flexmac_nn::{HostRounding, LayerSpec, NetPlan, NetSpec, Network, Pass, Shape, Statistics};
use ndarray::Array2;

const BATCH: usize = 2;
const INPUT: Shape = Shape { height: 6, width: 5, channels: 2 };
const KERNEL: usize = 3;
const MIDDLE: Shape = Shape { height: 3, width: 3, channels: 3 };
const CLASSES: usize = 4;
const PADDING: usize = 1;
const STRIDE: usize = 2;

fn format(bits: u32, frac: i32) -> Format {
    Format::new(bits, frac).unwrap()
}

/// Formats of all uses, all different, so that none can be taken for another.
fn formats(plan: &NetPlan) -> FormatTable {
    let reused = |bits, frac| Some(format(bits, frac));
    let named = |name: &str| match name {
        "data" => Formats { reused: reused(6, 4), ..Formats::uniform(format(10, 7)) },
        "a.weight" => Formats::uniform(format(12, 10)),
        "b.weight" => Formats { reused: reused(6, 5), ..Formats::uniform(format(12, 10)) },
        // Finer than the sums of `a`: 7 + 10 fraction bits.
        "a.bias" => Formats::uniform(format(16, 19)),
        "b.bias" => Formats::uniform(format(12, 9)),
        "a" => Formats {
            forward: format(11, 8),
            backward: format(9, 10),
            update: format(2, 0),
            reused: reused(7, 6),
        },
        "b" => Formats::uniform(format(13, 14)),
        other => panic!("{other}"),
    };
    FormatTable::new(plan.tensors().iter().map(|tensor| named(&tensor.name)).collect())
}

/// floor(sum 2^-shift + 1/2) or floor(sum 2^-shift), saturated; counts values at the limits.
fn round(sum: i128, shift: i32, to: Format, rounding: Rounding, overflows: &mut u64) -> i32 {
    let rounded = if shift <= 0 {
        sum << -shift
    } else {
        let half = if rounding == Rounding::Nearest { 1 << (shift - 1) } else { 0 };
        (sum + half).div_euclid(1 << shift)
    };
    let (min, max) = (i128::from(to.min_raw()), i128::from(to.max_raw()));
    *overflows += u64::from(rounded <= min || rounded >= max);
    rounded.clamp(min, max) as i32
}

fn draw(seed: usize, index: usize, limit: i32) -> i32 {
    let hash = ((seed * 7919 + index) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    (hash % (2 * limit as u64 + 1)) as i32 - limit
}

struct Oracle {
    rounding: Rounding,
    weight_a: Array2<i32>,
    bias_a: Array2<i32>,
    weight_b: Array2<i32>,
    bias_b: Array2<i32>,
}

impl Oracle {
    fn places() -> impl Iterator<Item = (usize, usize)> {
        (0..MIDDLE.height).flat_map(|y| (0..MIDDLE.width).map(move |x| (y, x)))
    }

    /// (image index, K index) of every product of filter and image at output (y, x).
    fn taps(y: usize, x: usize) -> Vec<(usize, usize)> {
        let mut taps = Vec::new();
        for fy in 0..KERNEL {
            for fx in 0..KERNEL {
                let (iy, ix) = (y * STRIDE + fy, x * STRIDE + fx);
                let inside = (PADDING..INPUT.height + PADDING).contains(&iy)
                    && (PADDING..INPUT.width + PADDING).contains(&ix);
                for c in (0..INPUT.channels).filter(|_| inside) {
                    let pixel = ((iy - PADDING) * INPUT.width + ix - PADDING) * INPUT.channels + c;
                    taps.push((pixel, (fy * KERNEL + fx) * INPUT.channels + c));
                }
            }
        }
        taps
    }

    fn conv(&self, input: &Array2<i32>, overflows: &mut u64) -> Array2<i32> {
        let mut out = Array2::zeros((BATCH, MIDDLE.len()));
        for b in 0..BATCH {
            for (place, (y, x)) in Self::places().enumerate() {
                for filter in 0..MIDDLE.channels {
                    // 19 fraction bits rounded to the 17 of the sums, to nearest whatever the mode.
                    let bias = (i128::from(self.bias_a[[0, filter]]) + 2).div_euclid(4);
                    let sum = bias
                        + Self::taps(y, x)
                            .into_iter()
                            .map(|(pixel, k)| {
                                i128::from(input[[b, pixel]])
                                    * i128::from(self.weight_a[[filter, k]])
                            })
                            .sum::<i128>();
                    out[[b, place * MIDDLE.channels + filter]] =
                        round(sum, 17 - 8, format(11, 8), self.rounding, overflows);
                }
            }
        }
        out
    }

    fn scores(&self, middle: &Array2<i32>) -> Array2<i32> {
        Array2::from_shape_fn((BATCH, CLASSES), |(b, class)| {
            let products = (0..MIDDLE.len())
                .map(|i| i128::from(middle[[b, i]]) * i128::from(self.weight_b[[class, i]]));
            // Sums have 8 + 10 fraction bits, the bias 9, the scores 31 - 12.
            let sum = products.sum::<i128>() + (i128::from(self.bias_b[[0, class]]) << 9);
            round(sum, 18 - 19, format(32, 19), self.rounding, &mut 0)
        })
    }

    /// A matrix as the backward pass reads it, from `frac` fraction bits to format `to`.
    fn reused(&self, values: &Array2<i32>, frac: i32, to: Format) -> (Array2<i32>, u64) {
        let mut overflows = 0;
        let values = values.mapv(|value| {
            round(i128::from(value), frac - to.frac(), to, self.rounding, &mut overflows)
        });
        (values, overflows)
    }

    /// dMiddle from dScores: 14 + 5 fraction bits to the gradient's 10.
    fn middle_gradient(&self, scores: &Array2<i32>, overflows: &mut u64) -> Array2<i32> {
        let (weight, _) = self.reused(&self.weight_b, 10, format(6, 5));
        Array2::from_shape_fn((BATCH, MIDDLE.len()), |(b, i)| {
            let sum = (0..CLASSES)
                .map(|class| i128::from(scores[[b, class]]) * i128::from(weight[[class, i]]))
                .sum();
            round(sum, 19 - 10, format(9, 10), self.rounding, overflows)
        })
    }

    /// dW of the inner product: 14 + 6 fraction bits to 32 bits of the weight's IL (1) + 8.
    fn inner_weight_gradient(&self, middle: &Array2<i32>, scores: &Array2<i32>) -> Vec<f64> {
        let (middle, _) = self.reused(middle, 8, format(7, 6));
        let sum = |class: usize, i: usize| {
            let products =
                (0..BATCH).map(|b| i128::from(scores[[b, class]]) * i128::from(middle[[b, i]]));
            round(products.sum(), 20 - 22, format(32, 22), self.rounding, &mut 0)
        };
        let sums = (0..CLASSES).flat_map(|class| (0..MIDDLE.len()).map(move |i| (class, i)));
        sums.map(|(class, i)| f64::from(sum(class, i)) * 2_f64.powi(-22)).collect()
    }

    /// dW of the convolution: 10 + 4 fraction bits to 32 bits of the weight's IL (1) + 8.
    fn conv_weight_gradient(&self, input: &Array2<i32>, middle: &Array2<i32>) -> Vec<f64> {
        let (input, _) = self.reused(input, 7, format(6, 4));
        let mut sums = Array2::<i128>::zeros(self.weight_a.dim());
        for b in 0..BATCH {
            for (place, (y, x)) in Self::places().enumerate() {
                for filter in 0..MIDDLE.channels {
                    let gradient = middle[[b, place * MIDDLE.channels + filter]];
                    for (pixel, k) in Self::taps(y, x) {
                        sums[[filter, k]] += i128::from(gradient) * i128::from(input[[b, pixel]]);
                    }
                }
            }
        }
        let out = format(32, 31 - 9);
        let value = |sum: &i128| {
            f64::from(round(*sum, 14 - 22, out, self.rounding, &mut 0)) * 2_f64.powi(-22)
        };
        sums.iter().map(value).collect()
    }

    fn conv_bias_gradient(middle: &Array2<i32>) -> Vec<f64> {
        let sum = |filter: usize| -> i64 {
            let gradients = middle.iter().skip(filter).step_by(MIDDLE.channels);
            gradients.map(|gradient| i64::from(*gradient)).sum()
        };
        (0..MIDDLE.channels).map(|filter| sum(filter) as f64 / 1024.0).collect()
    }
}

fn two_layers() -> NetPlan {
    let name = |name: &str| name.to_owned();
    let layers = vec![
        LayerSpec::Conv {
            name: name("a"),
            channels_out: MIDDLE.channels,
            kernel: KERNEL,
            stride: STRIDE,
            padding: PADDING,
            groups: 1,
            input_gradient: flexmac_nn::InputGradient::Patches,
            multipliers: flexmac_nn::Multipliers::ONE,
        },
        LayerSpec::InnerProduct {
            name: name("b"),
            outputs: CLASSES,
            multipliers: flexmac_nn::Multipliers::ONE,
        },
    ];
    NetPlan::new(&NetSpec { name: name("two"), input: INPUT, layers }, BATCH).unwrap()
}

fn check(rounding: Rounding) {
    let plan = two_layers();
    let formats = formats(&plan);
    let mut network = Network::<i32>::new(&plan, 1, &formats);
    for (number, param) in network.params_mut().enumerate() {
        for (index, value) in param.values_mut().iter_mut().enumerate() {
            *value = draw(number, index, 900);
        }
    }
    for param in network.params_mut() {
        let host = HostRounding {
            rounding,
            run: 9,
            iteration: 4,
            layer: 0,
            role: Role::HostUpdate,
            tensor: param.tensor,
        };
        param.refresh_reused(&formats[param.tensor], &host);
    }
    let values: Vec<_> = network.params().map(|param| param.values().clone()).collect();
    let [weight_a, bias_a, weight_b, bias_b] = values.try_into().unwrap();
    let oracle = Oracle { rounding, weight_a, bias_a, weight_b, bias_b };

    let input = Array2::from_shape_fn((BATCH, INPUT.len()), |(b, i)| draw(50 + b, i, 511));
    let score_gradient = Array2::from_shape_fn((BATCH, CLASSES), |(b, i)| draw(60 + b, i, 4095));
    let mut statistics = Statistics::new(plan.tensors().len());
    let mut pass = Pass {
        engine: &mut ReferenceEngine::new(ArraySpec::default().check().unwrap()),
        tensors: plan.tensors(),
        formats: &formats,
        rounding,
        run: 9,
        iteration: 4,
        training: true,
        statistics: &mut statistics,
    };
    let scores = network.forward(input.clone(), &mut pass).unwrap();
    network.backward(score_gradient.clone(), &mut pass).unwrap();

    let (mut forward, mut backward) = (0, 0);
    let middle = oracle.conv(&input, &mut forward);
    assert_eq!(scores, oracle.scores(&middle), "{rounding}");
    let gradient = oracle.middle_gradient(&score_gradient, &mut backward);
    let found: Vec<_> = network.params().map(|param| param.gradient().to_vec()).collect();
    assert_eq!(found[0], oracle.conv_weight_gradient(&input, &gradient), "{rounding}");
    assert_eq!(found[1], Oracle::conv_bias_gradient(&gradient), "{rounding}");
    assert_eq!(found[2], oracle.inner_weight_gradient(&middle, &score_gradient), "{rounding}");

    let a = plan.layers()[0].output_tensor;
    assert_eq!(statistics.tensors[a].forward.overflows(), forward, "{rounding}");
    assert_eq!(statistics.tensors[a].backward.overflows(), backward, "{rounding}");
    assert!(forward > 0 && backward > 0, "no saturation: {forward} {backward}");
    for (tensor, values, frac, to) in [(0, &input, 7, format(6, 4)), (a, &middle, 8, format(7, 6))]
    {
        let (_, overflows) = oracle.reused(values, frac, to);
        let counted = statistics.tensors[tensor].reused;
        assert_eq!((counted.emitted, counted.overflows()), (values.len() as u64, overflows));
    }
}

#[test]
fn a_step_equals_plain_integer_loops() {
    check(Rounding::Nearest);
    check(Rounding::Truncate);
}

/// The gradient that reaches a convolution's input is the patches' sum, rounded once from the
/// guarded format that the array returns.
#[test]
fn a_convolutions_input_gradient_is_rounded_once_from_guarded_sums() {
    let plan = {
        let conv = |name: &str, channels_out| LayerSpec::Conv {
            name: name.to_owned(),
            channels_out,
            kernel: 2,
            stride: 1,
            padding: 0,
            groups: 1,
            input_gradient: flexmac_nn::InputGradient::Patches,
            multipliers: flexmac_nn::Multipliers::ONE,
        };
        let input = Shape { height: 4, width: 4, channels: 1 };
        let layers = vec![conv("first", 2), conv("second", 3)];
        NetPlan::new(&NetSpec { name: "convs".to_owned(), input, layers }, 1).unwrap()
    };
    let gradient_format = format(12, 9);
    let table = plan.tensors().iter().map(|tensor| match tensor.name.as_str() {
        "first" => Formats { backward: gradient_format, ..Formats::uniform(format(12, 6)) },
        _ => Formats::uniform(format(12, 8)),
    });
    let formats = FormatTable::new(table.collect());
    let mut network = Network::<i32>::new(&plan, 1, &formats);
    let weights: Vec<_> = network.params().map(|param| param.values().clone()).collect();
    let gradient = Array2::from_shape_fn((1, 2 * 2 * 3), |(_, i)| draw(3, i, 600));
    let mut pass = Pass {
        engine: &mut ReferenceEngine::new(ArraySpec::default().check().unwrap()),
        tensors: plan.tensors(),
        formats: &formats,
        rounding: Rounding::Nearest,
        run: 1,
        iteration: 0,
        training: true,
        statistics: &mut Statistics::new(plan.tensors().len()),
    };
    let input = Array2::from_shape_fn((1, 16), |(_, i)| draw(4, i, 200));
    network.forward(input, &mut pass).unwrap();
    network.backward(gradient.clone(), &mut pass).unwrap();

    // dFirst (3x3x2), then the bias gradient of `first`, its sum over places.
    let mut sums = [0_i128; 3 * 3 * 2];
    for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for k in 0..2 * 2 * 2 {
            let patch = (0..3)
                .map(|filter| {
                    i128::from(gradient[[0, (y * 2 + x) * 3 + filter]])
                        * i128::from(weights[2][[filter, k]])
                })
                .sum();
            // 8 + 8 fraction bits to 9 + 8 guard.
            let patch = round(patch, 16 - 17, format(32, 17), Rounding::Nearest, &mut 0);
            let (row, column, channel) = (k / 4, k / 2 % 2, k % 2);
            sums[((y + row) * 3 + x + column) * 2 + channel] += i128::from(patch);
        }
    }
    let rounded = sums.map(|sum| round(sum, 17 - 9, gradient_format, Rounding::Nearest, &mut 0));
    let expected: Vec<_> = (0..2)
        .map(|channel| {
            let sum: i32 = rounded.iter().skip(channel).step_by(2).sum();
            f64::from(sum) * 2_f64.powi(-9)
        })
        .collect();
    assert_eq!(network.params().nth(1).unwrap().gradient(), expected);
}

/// A convolution in groups is one over all channels whose other weights are zero: the same outputs,
/// the same gradients of its weights and, through the layer before, of its input.
#[test]
fn a_grouped_convolution_is_a_sparse_one() {
    const GROUPS: usize = 2;
    let plan = |groups| {
        let conv = |name: &str, channels_out, groups| LayerSpec::Conv {
            name: name.to_owned(),
            channels_out,
            kernel: 3,
            stride: 2,
            padding: 1,
            groups,
            input_gradient: flexmac_nn::InputGradient::Patches,
            multipliers: flexmac_nn::Multipliers::ONE,
        };
        let layers = vec![
            conv("first", 4, 1),
            conv("second", 6, groups),
            LayerSpec::InnerProduct {
                name: "scores".to_owned(),
                outputs: 3,
                multipliers: flexmac_nn::Multipliers::ONE,
            },
        ];
        let input = Shape { height: 9, width: 7, channels: 2 };
        NetPlan::new(&NetSpec { name: "groups".to_owned(), input, layers }, BATCH).unwrap()
    };
    let ungrouped = plan(1);
    let table = ungrouped.tensors().iter().map(|tensor| match tensor.name.as_str() {
        "first" => Formats { backward: format(12, 12), ..Formats::uniform(format(12, 6)) },
        _ => Formats::uniform(format(12, 8)),
    });
    let formats = FormatTable::new(table.collect());
    let step = |groups: usize, weight: &Array2<i32>| {
        let plan = plan(groups);
        let mut network = Network::<i32>::new(&plan, 3, &formats);
        network.params_mut().nth(2).unwrap().values_mut().assign(weight);
        let mut statistics = Statistics::new(plan.tensors().len());
        let mut pass = Pass {
            engine: &mut ReferenceEngine::new(ArraySpec::default().check().unwrap()),
            tensors: plan.tensors(),
            formats: &formats,
            rounding: Rounding::Nearest,
            run: 1,
            iteration: 0,
            training: true,
            statistics: &mut statistics,
        };
        let input = Array2::from_shape_fn((BATCH, 9 * 7 * 2), |(b, i)| draw(b, i, 250));
        let scores = network.forward(input, &mut pass).unwrap();
        let gradient = Array2::from_shape_fn((BATCH, 3), |(b, i)| draw(30 + b, i, 500));
        network.backward(gradient, &mut pass).unwrap();
        let gradients: Vec<_> = network.params().map(|param| param.gradient().to_vec()).collect();
        (scores, gradients, statistics.tensors)
    };
    // (6, 3 x 3 x 2) in groups; K runs over filter row, filter column, channel.
    let own = Array2::from_shape_fn((6, 18), |(filter, k)| draw(filter, k, 120));
    let group = |filter: usize| filter / (6 / GROUPS);
    let sparse = Array2::from_shape_fn((6, 36), |(filter, k)| {
        let (place, channel) = (k / 4, k % 4);
        if channel / 2 == group(filter) { own[[filter, place * 2 + channel % 2]] } else { 0 }
    });
    let (scores, gradients, tensors) = step(GROUPS, &own);
    let (expected, mut whole, counted) = step(1, &sparse);
    assert_eq!(scores, expected);
    let kept = |(filter, k): (usize, usize)| {
        let channel = group(filter) * 2 + k % 2;
        whole[2][filter * 36 + k / 2 * 4 + channel]
    };
    whole[2] = (0..6).flat_map(|filter| (0..18).map(move |k| (filter, k))).map(kept).collect();
    assert_eq!(gradients, whole);
    assert!(gradients[0].iter().any(|value| *value != 0.0));
    for (found, expected) in tensors.iter().zip(counted) {
        assert_eq!(found.forward, expected.forward);
        assert_eq!(found.backward.overflows(), expected.backward.overflows());
    }
}

/// Where the 32 bits of patch gradients hold the exact sums, both ways to compute a convolution's input
/// gradient round the same sum once.
#[test]
fn both_forms_of_a_convolutions_input_gradient_are_the_same_sum() {
    let run = |form: &str, padding: usize| {
        let layers = format!(
            r#"{{"type": "conv", "name": "a", "channels_out": 3, "kernel": 3}},
            {{"type": "conv", "name": "b", "channels_out": 4, "kernel": 3, "padding": {padding},
              "input_gradient": "{form}"}}"#
        );
        let input = r#"{"height": 7, "width": 8, "channels": 2}"#;
        let spec = format!(r#"{{"name": "t", "input": {input}, "layers": [{layers}]}}"#);
        let plan = NetPlan::new(&serde_json::from_str(&spec).unwrap(), BATCH).unwrap();
        let table = plan.tensors().iter().map(|tensor| match tensor.name.as_str() {
            "a" => Formats { backward: format(8, 10), ..Formats::uniform(format(9, 5)) },
            "b" => Formats::uniform(format(10, 9)),
            "b.weight" => Formats { reused: Some(format(5, 4)), ..Formats::uniform(format(9, 8)) },
            _ => Formats::uniform(format(9, 7)),
        });
        let table = FormatTable::new(table.collect());
        let mut network = Network::<i32>::new(&plan, 5, &table);
        for param in network.params_mut() {
            let host = HostRounding {
                rounding: Rounding::Nearest,
                run: 1,
                iteration: 1,
                layer: param.layer as u64,
                role: Role::HostUpdate,
                tensor: param.tensor,
            };
            param.refresh_reused(&table[param.tensor], &host);
        }
        let mut statistics = Statistics::new(plan.tensors().len());
        let mut pass = Pass {
            engine: &mut ReferenceEngine::new(ArraySpec::default().check().unwrap()),
            tensors: plan.tensors(),
            formats: &table,
            rounding: Rounding::Nearest,
            run: 9,
            iteration: 4,
            training: true,
            statistics: &mut statistics,
        };
        let images = Array2::from_shape_fn((BATCH, 7 * 8 * 2), |(b, i)| draw(70 + b, i, 255));
        let scores = network.forward(images, &mut pass).unwrap();
        let gradient = Array2::from_shape_fn(scores.dim(), |(b, i)| draw(80 + b, i, 511));
        network.backward(gradient, &mut pass).unwrap();
        let gradients: Vec<_> = network.params().map(flexmac_nn::Param::gradient).collect();
        let a = plan.layers()[0].output_tensor;
        let gemms = flexmac_nn::gemms(&plan, BATCH);
        let macs: Vec<_> = gemms.iter().map(flexmac_nn::LayerGemm::macs).collect();
        let ran: Vec<_> = statistics.gemms.iter().map(|gemm| gemm.stats.macs).collect();
        assert_eq!(macs.iter().sum::<u64>(), ran.iter().sum::<u64>(), "the list is what runs");
        (gradients, statistics.tensors[a].backward)
    };
    for padding in [0, 1, 2] {
        let (patches, convolution) = (run("patches", padding), run("convolution", padding));
        assert_eq!(patches.0, convolution.0, "{padding}");
        assert_eq!(patches.1.emitted, convolution.1.emitted);
        assert_eq!(patches.1.overflows(), convolution.1.overflows());
        assert!(convolution.1.overflows() > 0, "some saturate");
    }
}
