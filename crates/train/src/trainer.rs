//! One training iteration, and everything that must survive between two of them.
//!
//! Order of an iteration (docs/training.md): parameters follow the formats the policy set; the
//! batch goes forward; loss and its average; backward; update and rounding of parameters; then the
//! policy sees the loss and every overflow of the iteration and settles the next formats.

use std::path::Path;

use flexmac_dataset::{Dataset, Look, Order, Split};
use flexmac_dps::{FormatTable, LossAverage, Observation, Policy, PolicyState};
use flexmac_engine::{Engine, Stats};
use flexmac_fxp::{Format, Role, Rounding};
use flexmac_nn::{
    HostRounding, NetPlan, Network, NnError, Number, Part, Pass, Purpose, SplitMix, Statistics,
    correct, logits_format, softmax_loss,
};
use flexmac_record::IterationRecord;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{StateMismatch, TrainError, WeightsError};
use crate::iteration::record;
use crate::solver::Solver;
use crate::weights::WeightTensor;

/// Settings of a run that change its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrainerConfig {
    /// Images per iteration.
    pub batch: usize,
    /// Seed of weights, order and random streams.
    pub seed: u64,
    /// How everything is rounded, on the array and on the host.
    pub rounding: Rounding,
    /// How the way forward is rounded instead: the input, layer outputs, and the copies of
    /// parameters that enter the array. `None`: like everything else.
    pub forward_rounding: Option<Rounding>,
    /// The solver.
    pub solver: Solver,
    /// Losses averaged in the history's smoothed loss.
    pub loss_window: usize,
}

impl TrainerConfig {
    /// The rounding of the way forward.
    fn forward(&self) -> Rounding {
        self.forward_rounding.unwrap_or(self.rounding)
    }
}

impl Default for TrainerConfig {
    fn default() -> Self {
        Self {
            batch: 64,
            seed: 1,
            rounding: Rounding::Stochastic,
            forward_rounding: None,
            solver: Solver::default(),
            loss_window: 100,
        }
    }
}

/// A network being trained.
pub struct Trainer<T: Number> {
    plan: NetPlan,
    config: TrainerConfig,
    network: Network<T>,
    policy: Box<dyn Policy>,
    order: Order,
    average: LossAverage,
    iteration: u64,
    totals: Totals,
}

/// What the iterations so far came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Cost and counters of all training products.
    pub products: Stats,
    /// Overflows of all tensors.
    pub overflows: u64,
    /// Loss of the last iteration.
    pub loss: f64,
    /// Smoothed loss after it.
    pub smoothed_loss: f64,
}

/// All that the next iterations depend on, besides the settings and the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerState<T> {
    /// The run's seed, from which the order of the images and all random streams follow.
    pub seed: u64,
    /// Iterations done.
    pub iteration: u64,
    /// Parameters in the network's order.
    pub params: Vec<ParamState<T>>,
    /// The policy's state, formats included.
    pub policy: PolicyState,
    /// The smoothed loss.
    pub average: LossAverage,
    /// What the iterations so far came to.
    pub totals: Totals,
}

/// One parameter's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamState<T> {
    /// `conv1.weight`.
    pub name: String,
    /// Format of values and momentum.
    pub format: Format,
    /// Values, row by row.
    pub values: Vec<T>,
    /// Momentum, row by row.
    pub momentum: Vec<T>,
}

impl<T: Number> Trainer<T> {
    /// A fresh network of `plan` (made for the same batch size) under `policy` (made for the plan's
    /// tensors), to be trained on `data`.
    ///
    /// # Errors
    /// [`TrainError`] when the data do not fit the network or a setting is out of range.
    pub fn new(
        plan: NetPlan,
        config: TrainerConfig,
        policy: Box<dyn Policy>,
        data: &Dataset,
    ) -> Result<Self, TrainError> {
        check_data(data, &plan)?;
        check_config(&config)?;
        let network = Network::new(&plan, config.seed, policy.formats());
        let order = Order::new(config.seed, data.train.len());
        let average = LossAverage::new(config.loss_window);
        let totals = Totals::default();
        Ok(Self { plan, config, network, policy, order, average, iteration: 0, totals })
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// What the iterations so far came to.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The plan trained.
    pub fn plan(&self) -> &NetPlan {
        &self.plan
    }

    /// The network.
    pub fn network(&self) -> &Network<T> {
        &self.network
    }

    /// The formats the next iteration will use.
    pub fn formats(&self) -> &FormatTable {
        self.policy.formats()
    }

    /// Trains on one batch of `data`, the set the trainer was made with.
    ///
    /// # Errors
    /// [`TrainError::Loss`] when the loss is not finite, [`TrainError::Engine`] when the engine refuses a
    /// product or finds a mismatch, [`TrainError::DataLine`] for a picture that can no longer be read. The state is then between two iterations and of no further use.
    pub fn step(
        &mut self,
        engine: &mut dyn Engine<T>,
        data: &Dataset,
    ) -> Result<IterationRecord, TrainError> {
        let iteration = self.iteration;
        let formats = self.policy.formats().clone();
        let phase = self.policy.phase();
        let mut statistics = Statistics::new(formats.len());
        self.follow(&formats, &mut statistics);

        let batch = self.order.batch(iteration, self.config.batch);
        let labels: Vec<_> = batch.iter().map(|image| data.train.label(*image)).collect();
        let pixels = data.train.batch(&batch, Look::Train { seed: self.config.seed, iteration })?;
        let mut pass = Pass {
            engine,
            tensors: self.plan.tensors(),
            formats: &formats,
            rounding: self.config.forward(),
            run: self.config.seed,
            iteration,
            training: true,
            statistics: &mut statistics,
        };
        let input = quantize_images(batch.len(), &pixels, &mut pass);
        drop(pixels);
        let scores = self.network.forward(input, &mut pass)?;
        let loss = softmax_loss(&scores, logits_format(), &labels);
        if !loss.mean.is_finite() {
            return Err(TrainError::Loss { iteration, loss: loss.mean });
        }
        let smoothed_loss = self.average.push(loss.mean);

        pass.rounding = self.config.rounding;
        let gradient = quantize_loss_gradient(&self.plan, &loss.gradient, &mut pass);
        self.network.backward(gradient, &mut pass)?;
        self.update(&mut statistics);

        let observation = Observation { iteration, loss: loss.mean, counters: &statistics.tensors };
        self.policy.step(&observation);
        self.iteration += 1;
        let rate = self.config.solver.rate(iteration);
        let formats = T::FIXED.then_some(&formats);
        let losses = (loss.mean, smoothed_loss);
        let tensors = self.plan.tensors();
        let record = record(iteration, losses, rate, phase, tensors, formats, statistics);
        self.totals.products.add(&record.total);
        self.totals.overflows += record.overflows;
        (self.totals.loss, self.totals.smoothed_loss) = losses;
        Ok(record)
    }

    /// Accuracy on the first `limit` images of a split, by the engine's forward pass. Counters are
    /// thrown away and streams are apart from training's, so evaluation never changes a run.
    ///
    /// # Errors
    /// [`TrainError::Engine`] when the engine refuses a product.
    pub fn evaluate(
        &mut self,
        engine: &mut dyn Engine<T>,
        split: &Split,
        limit: usize,
    ) -> Result<f64, TrainError> {
        let images: Vec<_> = (0..split.len().min(limit)).collect();
        let formats = self.policy.formats().clone();
        let run = SplitMix::new(self.config.seed, Purpose::Evaluation, self.iteration).next();
        let (host, rounding) = (self.host(run), self.config.forward());
        for param in self.network.params_mut() {
            let (tensor, host) = (param.tensor, HostRounding { rounding, ..host(param) });
            param.show(&formats[tensor], &host);
        }
        let mut right = 0;
        for (number, batch) in images.chunks(self.config.batch).enumerate() {
            let mut pass = Pass {
                engine,
                tensors: self.plan.tensors(),
                formats: &formats,
                rounding: self.config.forward(),
                run,
                iteration: number as u64,
                training: false,
                statistics: &mut Statistics::new(formats.len()),
            };
            let labels: Vec<_> = batch.iter().map(|image| split.label(*image)).collect();
            let pixels = split.batch(batch, Look::Test)?;
            let input = quantize_images(batch.len(), &pixels, &mut pass);
            drop(pixels);
            let scores = self.network.forward(input, &mut pass)?;
            right += correct(&scores, &labels);
        }
        // Counts of images are far below 2^53.
        Ok(right as f64 / images.len() as f64)
    }

    /// Replaces all parameters by weights read from `path`, rounded to nearest in the first
    /// formats; momentum becomes zero.
    ///
    /// # Errors
    /// [`TrainError::Weights`] naming the first tensor that is missing, unknown, of another shape or
    /// not finite; nothing has been replaced then.
    pub fn set_weights(&mut self, path: &Path, tensors: &[WeightTensor]) -> Result<(), TrainError> {
        let refuse = |tensor: &str, expected: String, found: String| {
            let (path, tensor) = (path.to_owned(), tensor.to_owned());
            Err(WeightsError::Tensor { path, tensor, expected, found }.into())
        };
        let shapes = self.plan.parameter_shapes();
        let mut own = Vec::new();
        for (name, shape) in &shapes {
            let Some(tensor) = tensors.iter().find(|tensor| tensor.name == *name) else {
                return refuse(name, format!("one of shape {shape:?}"), "none".to_owned());
            };
            if tensor.shape != *shape {
                return refuse(name, format!("shape {shape:?}"), format!("{:?}", tensor.shape));
            }
            if let Some(index) = tensor.values.iter().position(|value| !value.is_finite()) {
                let found = format!("{} at index {index}", tensor.values[index]);
                return refuse(name, "finite numbers".to_owned(), found);
            }
            own.push(tensor);
        }
        let known = |tensor: &&WeightTensor| shapes.iter().any(|(name, _)| *name == tensor.name);
        if let Some(tensor) = tensors.iter().find(|tensor| !known(tensor)) {
            let names: Vec<_> = shapes.iter().map(|(name, _)| name.as_str()).collect();
            return refuse(&tensor.name, format!("only {}", names.join(", ")), "it".to_owned());
        }
        for (param, tensor) in self.network.params_mut().zip(own) {
            let format = param.format();
            let mut values = vec![T::default(); tensor.values.len()];
            T::quantize(&tensor.values, format, Rounding::Nearest, &[], &mut values);
            let momentum = vec![T::default(); values.len()];
            param.restore(format, values, momentum);
        }
        Ok(())
    }

    /// All that the next iterations depend on.
    pub fn state(&self) -> TrainerState<T> {
        let param = |param: &flexmac_nn::Param<T>| ParamState {
            name: param.name.clone(),
            format: param.format(),
            values: param.values().iter().copied().collect(),
            momentum: param.momentum().iter().copied().collect(),
        };
        TrainerState {
            seed: self.config.seed,
            iteration: self.iteration,
            params: self.network.params().map(param).collect(),
            policy: self.policy.state(),
            average: self.average.clone(),
            totals: self.totals.clone(),
        }
    }

    /// Goes back to a saved state of a run with the same settings and data.
    ///
    /// # Errors
    /// [`TrainError::State`] or [`TrainError::Policy`] when it is another network's or policy's.
    pub fn restore(&mut self, state: TrainerState<T>) -> Result<(), TrainError> {
        if state.seed != self.config.seed {
            let (expected, found) = (self.config.seed.to_string(), state.seed.to_string());
            let (expected, found) = (format!("seed {expected}"), format!("seed {found}"));
            return Err(StateMismatch { expected, found }.into());
        }
        let describe = |name: &str, values: usize, momentum: usize| {
            format!("{name} with {values} values and {momentum} of momentum")
        };
        let expected: Vec<_> = self
            .network
            .params()
            .map(|param| describe(&param.name, param.values().len(), param.momentum().len()))
            .collect();
        let found: Vec<_> = state
            .params
            .iter()
            .map(|param| describe(&param.name, param.values.len(), param.momentum.len()))
            .collect();
        if expected != found {
            let join = |list: Vec<String>| list.join(", ");
            return Err(StateMismatch { expected: join(expected), found: join(found) }.into());
        }
        self.policy.restore(&state.policy)?;
        for (param, saved) in self.network.params_mut().zip(state.params) {
            param.restore(saved.format, saved.values, saved.momentum);
        }
        self.average = state.average;
        self.iteration = state.iteration;
        self.totals = state.totals;
        Ok(())
    }

    /// Host rounding of a parameter in the streams of `run`.
    fn host(&self, run: u64) -> impl Fn(&flexmac_nn::Param<T>) -> HostRounding + use<T> {
        let (rounding, iteration) = (self.config.rounding, self.iteration);
        move |param| HostRounding {
            rounding,
            run,
            iteration,
            layer: param.layer as u64,
            role: Role::HostUpdate,
            tensor: param.tensor,
        }
    }

    fn follow(&mut self, formats: &FormatTable, statistics: &mut Statistics) {
        let host = self.host(self.config.seed);
        let forward = self.config.forward();
        for param in self.network.params_mut() {
            let (tensor, host) = (param.tensor, host(param));
            param.follow(&formats[tensor], &host, forward, &mut statistics.tensors[tensor]);
        }
    }

    fn update(&mut self, statistics: &mut Statistics) {
        let step = self.config.solver.step(self.iteration);
        let host = self.host(self.config.seed);
        for param in self.network.params_mut() {
            let host = host(param);
            let counters = param.update(&step, &host);
            statistics.tensors[param.tensor].update.merge(&counters);
        }
    }
}

/// Checks that images and labels fit a network.
///
/// # Errors
/// [`NnError::Layer`] naming the network's input or output, [`TrainError::Setting`] for an empty split.
pub fn check_data(data: &Dataset, plan: &NetPlan) -> Result<(), TrainError> {
    let misfit = |layer: &str, expected: String, found: String| {
        let (network, layer) = (plan.name().to_owned(), layer.to_owned());
        Err(NnError::Layer { network, layer, expected, found }.into())
    };
    for (name, split) in [("training images", &data.train), ("test images", &data.test)] {
        if split.is_empty() {
            let (expected, found) = ("of at least 1".to_owned(), "0".to_owned());
            return Err(TrainError::Setting { name, expected, found });
        }
        if split.shape() != plan.input() {
            let expected = format!("images of {}", plan.input());
            return misfit("input", expected, format!("{name} of {}", split.shape()));
        }
        let largest = usize::from(split.largest_label());
        if largest >= plan.classes() {
            let expected = format!("at least {} outputs for the labels", largest + 1);
            return misfit("output", expected, plan.classes().to_string());
        }
    }
    Ok(())
}

fn check_config(config: &TrainerConfig) -> Result<(), TrainError> {
    let Solver { base_rate, momentum, decay, gamma, power } = config.solver;
    let setting = |name, expected: &str, found: String| {
        Err(TrainError::Setting { name, expected: expected.to_owned(), found })
    };
    if config.batch == 0 {
        return setting("batch", "of at least 1", "0".to_owned());
    }
    if !(base_rate.is_finite() && base_rate > 0.0) {
        return setting("learning rate", "above 0", base_rate.to_string());
    }
    if !(0.0..1.0).contains(&momentum) {
        return setting("momentum", "in 0..1", momentum.to_string());
    }
    for (name, value) in [("weight decay", decay), ("gamma", gamma), ("power", power)] {
        if !(value.is_finite() && value >= 0.0) {
            return setting(name, "of at least 0", value.to_string());
        }
    }
    Ok(())
}

/// Images in the input's format.
fn quantize_images<T: Number>(images: usize, pixels: &[f64], pass: &mut Pass<'_, T>) -> Array2<T> {
    let format = pass.formats[0].forward;
    let mut input = Array2::from_elem((images, pixels.len() / images), T::default());
    let counters = pass.host(0, 0).quantize(Part::Value, pixels, &mut input, format);
    pass.statistics.tensors[0].forward.merge(&counters);
    input
}

/// The gradient with respect to the class scores, in the format the last layer's products take.
fn quantize_loss_gradient<T: Number>(
    plan: &NetPlan,
    gradient: &Array2<f64>,
    pass: &mut Pass<'_, T>,
) -> Array2<T> {
    let last = plan.layers().last().expect("a plan has at least one layer");
    let (index, tensor) = (plan.layers().len() - 1, last.output_tensor);
    let format = pass.formats[tensor].backward;
    let mut rounded = Array2::from_elem(gradient.dim(), T::default());
    let sources = gradient.as_slice().expect("made in row order");
    let counters = pass.host(index, tensor).quantize(Part::Value, sources, &mut rounded, format);
    pass.statistics.tensors[tensor].backward.merge(&counters);
    rounded
}
