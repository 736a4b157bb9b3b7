//! Every layer's gradients against numerical differentiation, on the float engine.
//!
//! Each case is a small network; the function differentiated is <r, scores> for a fixed random r,
//! which is linear or piecewise linear in every input, so wide differences lose nothing.

use flexmac_dps::{FormatTable, Policy, Static, StaticConfig};
use flexmac_engine::FloatEngine;
use flexmac_fxp::Rounding;
use flexmac_nn::{
    AddSpec, AvgPoolSpec, BatchNormSpec, BranchSpec, DropoutSpec, LayerSpec, LrnSpec, MaxPoolSpec,
    NetPlan, NetSpec, Network, Pass, ReluSpec, Shape, Statistics,
};
use ndarray::Array2;

const BATCH: usize = 3;
/// How far a parameter is moved each way.
const MOVE: f32 = 1.0 / 256.0;
/// Single-precision sums of a few hundred terms.
const TOLERANCE: f64 = 2e-3;
/// A second difference beyond this means that the move crossed a kink of a pool or a ReLU, where a
/// difference says nothing.
const KINK: f64 = 4e-6;
/// Share of the moves that may cross one.
const KINKS: f64 = 0.4;

struct Case {
    plan: NetPlan,
    formats: FormatTable,
    network: Network<f32>,
    input: Array2<f32>,
    direction: Array2<f32>,
    /// Whether values are those of a training step.
    masked: bool,
    kink: f64,
}

fn conv(
    name: &str,
    channels_out: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> LayerSpec {
    LayerSpec::Conv {
        name: name.to_owned(),
        channels_out,
        kernel,
        stride,
        padding,
        groups: 1,
        input_gradient: flexmac_nn::InputGradient::Patches,
        multipliers: flexmac_nn::Multipliers::ONE,
    }
}

fn inner_product(name: &str, outputs: usize) -> LayerSpec {
    LayerSpec::InnerProduct {
        name: name.to_owned(),
        outputs,
        multipliers: flexmac_nn::Multipliers::ONE,
    }
}

fn noise(index: usize) -> f32 {
    // An integer hash, to units of 1/256 in -1..1.
    let hash = (index as u32).wrapping_mul(2_654_435_761) ^ 0x9e37;
    ((hash >> 11) % 512) as f32 / 256.0 - 1.0
}

impl Case {
    fn new(input: Shape, layers: Vec<LayerSpec>) -> Self {
        let spec = NetSpec { name: "case".to_owned(), input, layers };
        let plan = NetPlan::new(&spec, BATCH).unwrap();
        let policy =
            Static::new(&StaticConfig::new(32, 32, plan.tensors()).unwrap(), plan.tensors());
        let formats = policy.formats().clone();
        let network = Network::new(&plan, 11, &formats);
        let input = Array2::from_shape_fn((BATCH, input.len()), |(b, i)| noise(b * 1009 + i));
        let direction =
            Array2::from_shape_fn((BATCH, plan.classes()), |(b, i)| noise(77 + b * 31 + i));
        Self { plan, formats, network, input, direction, masked: false, kink: KINK }
    }

    fn run<R>(
        &mut self,
        training: bool,
        act: impl FnOnce(&mut Network<f32>, &mut Pass<'_, f32>) -> R,
    ) -> R {
        let mut pass = Pass {
            engine: &mut FloatEngine,
            tensors: self.plan.tensors(),
            formats: &self.formats,
            rounding: Rounding::Nearest,
            run: 0,
            iteration: 0,
            training,
            statistics: &mut Statistics::new(self.plan.tensors().len()),
        };
        act(&mut self.network, &mut pass)
    }

    /// <direction, scores(input)>.
    fn value(&mut self, input: Array2<f32>) -> f64 {
        let scores = self.run(self.masked, |network, pass| network.forward(input, pass)).unwrap();
        scores.iter().zip(&self.direction).map(|(s, d)| f64::from(*s) * f64::from(*d)).sum()
    }

    /// Parameter gradients, which a network stores, against differences. The input's gradient shows
    /// in the parameters of the layer before.
    fn check(mut self) {
        let (input, direction) = (self.input.clone(), self.direction.clone());
        self.run(true, |network, pass| {
            network.forward(input, pass).unwrap();
            network.backward(direction, pass).unwrap();
        });
        let params: Vec<_> = self
            .network
            .params()
            .map(|param| (param.name.clone(), param.values().dim(), param.gradient().to_vec()))
            .collect();
        let (mut moves, mut kinks, kink) = (0.0, 0.0, self.kink);
        for (number, (name, (_, columns), gradient)) in params.iter().enumerate() {
            let step = (gradient.len() / 40).max(1);
            for index in (0..gradient.len()).step_by(step) {
                let place = [index / columns, index % columns];
                let mut at = |by: f32| {
                    self.nudge(number, place, by);
                    let value = self.value(self.input.clone());
                    self.nudge(number, place, -by);
                    value
                };
                let (above, here, below) = (at(MOVE), at(0.0), at(-MOVE));
                moves += 1.0;
                if (above + below - 2.0 * here).abs() > kink {
                    kinks += 1.0;
                    continue;
                }
                let numeric = (above - below) / f64::from(2.0 * MOVE);
                let error = (numeric - gradient[index]).abs();
                assert!(
                    error < TOLERANCE * (1.0 + numeric.abs()),
                    "{name}[{place:?}]: numeric {numeric}, backward {}",
                    gradient[index]
                );
            }
        }
        assert!(kinks <= KINKS * moves, "{kinks} kinks in {moves} moves");
    }

    fn nudge(&mut self, number: usize, place: [usize; 2], by: f32) {
        self.network.params_mut().nth(number).unwrap().values_mut()[place] += by;
    }
}

#[test]
fn inner_product_over_inner_product() {
    let input = Shape { height: 2, width: 3, channels: 2 };
    Case::new(input, vec![inner_product("a", 5), inner_product("b", 4)]).check();
}

#[test]
fn convolution_over_convolution() {
    let input = Shape { height: 6, width: 5, channels: 2 };
    Case::new(input, vec![conv("a", 3, 3, 1, 0), conv("b", 4, 2, 1, 0)]).check();
}

#[test]
fn convolution_with_stride_and_padding() {
    let input = Shape { height: 7, width: 6, channels: 2 };
    Case::new(input, vec![conv("a", 3, 3, 2, 1), conv("b", 4, 3, 2, 2), inner_product("c", 3)])
        .check();
}

#[test]
fn max_pool() {
    let input = Shape { height: 7, width: 7, channels: 1 };
    let pool = LayerSpec::MaxPool(MaxPoolSpec {
        name: "pool".to_owned(),
        kernel: 2,
        stride: 2,
        padding: 0,
    });
    Case::new(input, vec![conv("a", 2, 2, 1, 0), pool, inner_product("b", 3)]).check();
}

#[test]
fn max_pool_with_overlapping_hanging_windows() {
    let input = Shape { height: 7, width: 9, channels: 1 };
    let pool = LayerSpec::MaxPool(MaxPoolSpec {
        name: "pool".to_owned(),
        kernel: 3,
        stride: 2,
        padding: 0,
    });
    Case::new(input, vec![conv("a", 2, 2, 1, 0), pool, inner_product("b", 3)]).check();
}

#[test]
fn relu() {
    let input = Shape { height: 2, width: 3, channels: 2 };
    let relu = LayerSpec::Relu(ReluSpec { name: "relu".to_owned() });
    Case::new(input, vec![inner_product("a", 9), relu, inner_product("b", 4)]).check();
}

#[test]
fn max_pool_with_padding() {
    let input = Shape { height: 6, width: 7, channels: 1 };
    let pool = LayerSpec::MaxPool(MaxPoolSpec {
        name: "pool".to_owned(),
        kernel: 3,
        stride: 2,
        padding: 1,
    });
    Case::new(input, vec![conv("a", 2, 2, 1, 0), pool, inner_product("b", 3)]).check();
}

#[test]
fn avg_pool_with_overlapping_hanging_padded_windows() {
    let input = Shape { height: 7, width: 9, channels: 2 };
    for padding in [0, 1] {
        let pool = LayerSpec::AvgPool(AvgPoolSpec {
            name: "pool".to_owned(),
            kernel: 3,
            stride: 2,
            padding,
        });
        Case::new(input, vec![conv("a", 3, 2, 1, 0), pool, inner_product("b", 3)]).check();
    }
}

#[test]
fn convolution_in_groups() {
    let input = Shape { height: 6, width: 5, channels: 4 };
    let grouped = |name: &str, channels_out, kernel, padding, groups| LayerSpec::Conv {
        name: name.to_owned(),
        channels_out,
        kernel,
        stride: 1,
        padding,
        groups,
        input_gradient: flexmac_nn::InputGradient::Patches,
        multipliers: flexmac_nn::Multipliers::ONE,
    };
    Case::new(input, vec![grouped("a", 6, 3, 1, 2), grouped("b", 3, 2, 0, 3)]).check();
}

#[test]
fn dropout() {
    let input = Shape { height: 2, width: 3, channels: 2 };
    let drop = LayerSpec::Dropout(DropoutSpec { name: "drop".to_owned(), ratio: 0.25 });
    let mut case = Case::new(input, vec![inner_product("a", 9), drop, inner_product("b", 4)]);
    // Differences are taken under the mask of the step.
    case.masked = true;
    case.check();
}

#[test]
fn lrn() {
    let input = Shape { height: 2, width: 3, channels: 2 };
    let norm = LayerSpec::Lrn(LrnSpec {
        name: "norm".to_owned(),
        size: 3,
        alpha: 0.5,
        beta: 0.75,
        k: 1.0,
    });
    let mut case = Case::new(input, vec![conv("a", 5, 1, 1, 0), norm, inner_product("b", 4)]);
    // Curved everywhere, so a second difference is no sign of a kink.
    case.kink = 1e-2;
    case.check();
}

fn batch_norm(name: &str) -> LayerSpec {
    LayerSpec::BatchNorm(BatchNormSpec {
        name: name.to_owned(),
        epsilon: 0.1,
        momentum: 0.1,
        multipliers: flexmac_nn::Multipliers::ONE,
    })
}

fn add(name: &str, with: &str) -> LayerSpec {
    LayerSpec::Add(AddSpec { name: name.to_owned(), with: with.to_owned() })
}

/// A case whose scores are curved in the parameters, so that a second difference is no sign of a kink,
/// and whose batch statistics are those of training.
fn curved(input: Shape, layers: Vec<LayerSpec>) {
    let mut case = Case::new(input, layers);
    (case.masked, case.kink) = (true, 1e-2);
    case.check();
}

#[test]
fn batch_normalization() {
    let input = Shape { height: 5, width: 4, channels: 2 };
    curved(input, vec![conv("a", 3, 2, 1, 0), batch_norm("n"), inner_product("b", 4)]);
    // Of an inner product's outputs, of a layer that nothing else normalizes, and as the last layer.
    let twice =
        vec![inner_product("a", 5), batch_norm("n"), batch_norm("m"), inner_product("b", 3)];
    curved(input, twice);
    curved(input, vec![conv("a", 3, 2, 1, 0), inner_product("b", 4), batch_norm("n")]);
}

#[test]
fn a_sum_with_an_earlier_layer() {
    let input = Shape { height: 5, width: 4, channels: 2 };
    let layers = vec![conv("a", 3, 3, 1, 1), conv("b", 3, 3, 1, 1), add("s", "a")];
    Case::new(input, [layers, vec![inner_product("c", 4)]].concat()).check();
    // Read three times, the last time twice by one sum; and the scores are a sum.
    let layers = vec![conv("a", 3, 3, 1, 1), conv("b", 3, 3, 1, 1), add("s", "a"), add("t", "a")];
    Case::new(input, [layers, vec![add("u", "t"), inner_product("c", 4)]].concat()).check();
    let layers = vec![inner_product("a", 4), inner_product("b", 4), add("s", "a")];
    Case::new(input, layers).check();
}

#[test]
fn a_shortcut_to_fewer_places_and_more_channels() {
    let input = Shape { height: 7, width: 6, channels: 2 };
    let layers = vec![conv("a", 3, 3, 1, 1), conv("b", 5, 3, 2, 1), add("s", "a")];
    Case::new(input, [layers, vec![inner_product("c", 3)]].concat()).check();
}

#[test]
fn a_projected_shortcut_is_a_branch() {
    let input = Shape { height: 6, width: 6, channels: 2 };
    let branch = LayerSpec::Branch(BranchSpec { name: "p".to_owned(), from: "a".to_owned() });
    let layers = vec![conv("a", 3, 3, 1, 1), conv("b", 4, 3, 2, 1), batch_norm("n"), branch];
    let tail = vec![conv("c", 4, 1, 2, 0), add("s", "n"), inner_product("d", 3)];
    curved(input, [layers, tail].concat());
}

#[test]
fn an_input_gradient_by_convolution() {
    let input = Shape { height: 6, width: 5, channels: 2 };
    for (kernel, padding) in [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2), (4, 0)] {
        let mut second = conv("b", 4, kernel, 1, padding);
        if let LayerSpec::Conv { input_gradient, .. } = &mut second {
            *input_gradient = flexmac_nn::InputGradient::Convolution;
        }
        Case::new(input, vec![conv("a", 3, 3, 1, 1), second, inner_product("c", 3)]).check();
    }
}
