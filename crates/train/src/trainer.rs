//! The trainer: one training iteration, and the state that must survive between two iterations.
//!
//! Steps of an iteration (docs/training.md): convert parameters to the policy's formats; forward
//! pass; loss and smoothed loss; backward pass; update and round parameters. Then the policy gets
//! the loss and all counters of the iteration and chooses the formats of the next one.

use std::path::Path;

use flexmac_dataset::{BatchMode, Dataset, SampleOrder, Split};
use flexmac_dps::{
    FormatTable, Formats, LossAverage, Observation, Policy, PolicyState, TensorCounters,
};
use flexmac_engine::{Engine, Stats};
use flexmac_fxp::{Format, Role, Rounding, Words, exp2};
use flexmac_nn::{
    Buffer, HostRounding, NetPlan, Network, NnError, Number, Part, Pass, Purpose, SplitMix,
    Statistics, SumLimit, UpdateStep, correct, host_format, in_units_of, softmax_loss,
};
use flexmac_record::{IterationRecord, Solver};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{StateMismatch, TrainError, WeightsError};
use crate::iteration::record;
use crate::loss_scale::{DynamicScale, LossScale};
use crate::trainer_config::TrainerConfig;
use crate::weights::WeightTensor;

/// A network with the state of its training.
///
/// The crate's documentation has an example of one iteration, [`run`](crate::run) one of a whole
/// run.
pub struct Trainer<T: Number> {
    plan: NetPlan,
    config: TrainerConfig,
    network: Network<T>,
    policy: Box<dyn Policy>,
    order: SampleOrder,
    average: LossAverage,
    iteration: u64,
    totals: Totals,
    sum_limit: Option<SumLimit>,
}

/// Totals over all iterations so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Statistics of all training GEMMs. Checkpoints call them `products`.
    #[serde(rename = "products")]
    pub gemms: Stats,
    /// Overflows of all tensors.
    pub overflows: u64,
    /// Loss of the last iteration.
    pub loss: f64,
    /// Smoothed loss after it.
    pub smoothed_loss: f64,
    /// Names of the tensors whose formats were once coarser than the policy proposed, because the
    /// array could not hold the sums. A note reports each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coarsened: Vec<String>,
    /// The state of a dynamic loss scale; none before the first iteration, or without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<DynamicScale>,
}

/// Everything that the next iterations depend on, except the settings and the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerState<T> {
    /// The run's seed, which determines the order of the images and all random streams.
    pub seed: u64,
    /// Iterations done.
    pub iteration: u64,
    /// Parameters, in the network's order.
    pub params: Vec<ParamState<T>>,
    /// Running means and variances, in the network's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buffers: Vec<Buffer>,
    /// The policy's state, including formats.
    pub policy: PolicyState,
    /// The smoothed loss.
    pub average: LossAverage,
    /// Totals so far.
    pub totals: Totals,
}

/// The state of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamState<T> {
    /// Name, for example `conv1.weight`.
    pub name: String,
    /// Format of values and momentum.
    pub format: Format,
    /// Values, row by row.
    pub values: Vec<T>,
    /// Momentum, row by row.
    pub momentum: Vec<T>,
}

impl<T: Number> Trainer<T> {
    /// A trainer for a network of `plan` with initial weights. `plan` must be made for the batch
    /// size of `config`, `policy` for the plan's tensors.
    ///
    /// # Errors
    /// [`TrainError::Network`] when `data` does not fit the network; [`TrainError::Setting`] when a
    /// setting is out of range.
    pub fn new(
        plan: NetPlan,
        config: TrainerConfig,
        policy: Box<dyn Policy>,
        data: &Dataset,
    ) -> Result<Self, TrainError> {
        check_data(data, &plan)?;
        config.check()?;
        let network = Network::new(&plan, config.seed, policy.formats());
        let order = SampleOrder::new(config.seed, data.train.len());
        let average = LossAverage::new(config.loss_window);
        let totals = Totals::default();
        Ok(Self {
            plan,
            config,
            network,
            policy,
            order,
            average,
            iteration: 0,
            totals,
            sum_limit: None,
        })
    }

    /// Coarsens the formats that the policy proposes where sums might need more than `sum_bits`
    /// bits, the width of the array's sums ([`SumLimit`]). Without a limit, an engine refuses a
    /// GEMM whose sums do not fit.
    #[must_use]
    pub fn with_sum_bits(mut self, sum_bits: u32) -> Self {
        self.sum_limit = Some(SumLimit::new(&self.plan, self.config.batch, sum_bits));
        self
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// Totals over all iterations so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The network's plan.
    pub fn plan(&self) -> &NetPlan {
        &self.plan
    }

    /// The network.
    pub fn network(&self) -> &Network<T> {
        &self.network
    }

    /// The formats of the next iteration, as the policy proposes them.
    pub fn formats(&self) -> &FormatTable {
        self.policy.formats()
    }

    /// Trains one iteration, on the next batch of `data`, which must be the set given to
    /// [`Trainer::new`].
    ///
    /// # Errors
    /// [`TrainError::Loss`] when the loss is not finite; [`TrainError::Network`] when the engine
    /// refuses a GEMM or finds a mismatch; [`TrainError::Data`] for a picture that can no longer be
    /// read. After an error the trainer is within an iteration: do not use it any more.
    pub fn step(
        &mut self,
        engine: &mut dyn Engine<T>,
        data: &Dataset,
    ) -> Result<IterationRecord, TrainError> {
        // On a thread of the pool: from outside, every parallel loop would wait for one to wake.
        rayon::scope(|_| self.step_in_pool(engine, data))
    }

    fn step_in_pool(
        &mut self,
        engine: &mut dyn Engine<T>,
        data: &Dataset,
    ) -> Result<IterationRecord, TrainError> {
        let iteration = self.iteration;
        let proposed = self.policy.formats().clone();
        let phase = self.policy.phase();
        let mut statistics = Statistics::new(proposed.len());
        self.apply_formats(&proposed, &mut statistics);
        let host = self.host(self.config.seed);
        let (formats, mut notes) = match self.fit_sums(&proposed, host, Some(&mut statistics)) {
            Some(fitted) => {
                let notes = self.note_coarsened(&proposed, &fitted);
                (fitted, notes)
            }
            None => (proposed.clone(), Vec::new()),
        };

        let batch = self.order.batch(iteration, self.config.batch);
        let labels: Vec<_> = batch.iter().map(|image| data.train.label(*image)).collect();
        let pixels =
            data.train.batch(&batch, BatchMode::Training { seed: self.config.seed, iteration })?;
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
        let loss = softmax_loss(&scores, host_format(), &labels);
        if !loss.mean.is_finite() {
            return Err(TrainError::Loss { iteration, loss: loss.mean });
        }
        let smoothed_loss = self.average.push(loss.mean);

        pass.rounding = self.config.rounding;
        let scale = self.loss_scale();
        let loss_gradient = if scale == 1.0 { loss.gradient } else { loss.gradient * scale };
        let gradient = quantize_loss_gradient(&self.plan, &loss_gradient, &mut pass);
        self.network.backward(gradient, &mut pass)?;
        let (update, note) = self.after_backward();
        if update {
            self.update(scale, &mut statistics);
        }
        notes.extend(note);

        // The policy sees counters in the units of the formats that it proposed.
        let counters = in_proposed_units(&proposed, &formats, &statistics.tensors);
        let observation = Observation { iteration, loss: loss.mean, counters: &counters };
        self.policy.step(&observation);
        notes.extend(self.policy.notes());
        self.iteration += 1;
        let rate = self.config.solver.rate(iteration);
        let formats = T::FIXED.then_some(&formats);
        let losses = (loss.mean, smoothed_loss);
        let tensors = self.plan.tensors();
        let mut record = record(iteration, losses, rate, phase, tensors, formats, statistics);
        record.notes = notes;
        self.totals.gemms.add(&record.total);
        self.totals.overflows += record.overflows;
        (self.totals.loss, self.totals.smoothed_loss) = losses;
        Ok(record)
    }

    /// Accuracy (0 to 1) on the first `limit` images of a split. Drops the counters and uses random
    /// streams of its own, so an evaluation never changes training.
    ///
    /// # Errors
    /// [`TrainError::Network`] when the engine refuses a GEMM; [`TrainError::Data`] for a picture
    /// that can no longer be read.
    pub fn evaluate(
        &mut self,
        engine: &mut dyn Engine<T>,
        split: &Split,
        limit: usize,
    ) -> Result<f64, TrainError> {
        rayon::scope(|_| self.evaluate_in_pool(engine, split, limit))
    }

    fn evaluate_in_pool(
        &mut self,
        engine: &mut dyn Engine<T>,
        split: &Split,
        limit: usize,
    ) -> Result<f64, TrainError> {
        let images: Vec<_> = (0..split.len().min(limit)).collect();
        let mut formats = self.policy.formats().clone();
        let run = SplitMix::new(self.config.seed, Purpose::Evaluation, self.iteration).next();
        let (host, rounding) = (self.host(run), self.config.forward());
        for param in self.network.params_mut() {
            let (tensor, host) = (param.tensor, HostRounding { rounding, ..host(param) });
            param.refresh_copy(&formats[tensor], &host);
        }
        if let Some(fitted) = self.fit_sums(&formats, self.host(run), None) {
            formats = fitted;
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
            let pixels = split.batch(batch, BatchMode::Evaluation)?;
            let input = quantize_images(batch.len(), &pixels, &mut pass);
            drop(pixels);
            let scores = self.network.forward(input, &mut pass)?;
            right += correct(&scores, &labels);
        }
        // Exact: there are far fewer than 2^53 images.
        Ok(right as f64 / images.len() as f64)
    }

    /// Replaces all parameters and running means and variances by `tensors`, rounded to nearest in
    /// the storage formats, and sets momentum to zero. `path` is the tensors' file, for errors.
    ///
    /// # Errors
    /// [`TrainError::Weights`] with the first tensor that is missing, unknown, of another shape or
    /// not finite. Then no parameter has changed.
    pub fn set_weights(&mut self, path: &Path, tensors: &[WeightTensor]) -> Result<(), TrainError> {
        let refuse = |tensor: &str, expected: String, found: String| {
            let (path, tensor) = (path.to_owned(), tensor.to_owned());
            Err(WeightsError::Tensor { path, tensor, expected, found }.into())
        };
        let shapes = self.plan.weight_shapes();
        let mut own = Vec::new();
        for (name, shape) in &shapes {
            let Some(tensor) = tensors.iter().find(|tensor| tensor.name == *name) else {
                return refuse(name, format!("one of shape {shape:?}"), "none".to_owned());
            };
            if tensor.shape != *shape {
                let order = match shape.len() {
                    4 => " (channels out, row, column, channel in)",
                    _ => "",
                };
                let expected = format!("shape {shape:?}{order}");
                return refuse(name, expected, format!("{:?}", tensor.shape));
            }
            if let Some(index) = tensor.values.iter().position(|value| !value.is_finite()) {
                let found = format!("{} at index {index}", tensor.values[index]);
                return refuse(name, "finite numbers".to_owned(), found);
            }
            if let Some((expected, found)) = self.plan.misfit_of_buffer(name, &tensor.values) {
                return refuse(name, expected.to_owned(), found);
            }
            own.push(tensor);
        }
        let known = |tensor: &&WeightTensor| shapes.iter().any(|(name, _)| *name == tensor.name);
        if let Some(tensor) = tensors.iter().find(|tensor| !known(tensor)) {
            let names: Vec<_> = shapes.iter().map(|(name, _)| name.as_str()).collect();
            let expected = format!("one of {}", names.join(", "));
            return refuse(&tensor.name, expected, "another name".to_owned());
        }
        let (parameters, buffers) = own.split_at(self.plan.parameter_shapes().len());
        for (buffer, tensor) in self.network.buffers_mut().zip(buffers) {
            // In single precision, as buffers are.
            buffer.values = tensor.values.iter().map(|value| *value as f32).collect();
        }
        for (param, tensor) in self.network.params_mut().zip(parameters) {
            let format = param.format();
            let mut values = vec![T::default(); tensor.values.len()];
            T::quantize(&tensor.values, format, Rounding::Nearest, Words::None, &mut values);
            let momentum = vec![T::default(); values.len()];
            param.restore(format, values, momentum);
        }
        Ok(())
    }

    /// The state to save: everything that the next iterations depend on.
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
            buffers: self.network.buffers().cloned().collect(),
            policy: self.policy.state(),
            average: self.average.clone(),
            totals: self.totals.clone(),
        }
    }

    /// Restores a saved state. Settings and data must be those of the run that saved it.
    ///
    /// # Errors
    /// [`TrainError::State`] when the state belongs to another seed or network;
    /// [`TrainError::Policy`] when it belongs to another policy.
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
            .chain(
                self.network.buffers().map(|buffer| describe(&buffer.name, buffer.values.len(), 0)),
            )
            .collect();
        let found: Vec<_> = state
            .params
            .iter()
            .map(|param| describe(&param.name, param.values.len(), param.momentum.len()))
            .chain(
                state.buffers.iter().map(|buffer| describe(&buffer.name, buffer.values.len(), 0)),
            )
            .collect();
        if expected != found {
            let join = |list: Vec<String>| list.join(", ");
            return Err(StateMismatch { expected: join(expected), found: join(found) }.into());
        }
        self.policy.restore(&state.policy)?;
        for (param, saved) in self.network.params_mut().zip(state.params) {
            param.restore(saved.format, saved.values, saved.momentum);
        }
        for (buffer, saved) in self.network.buffers_mut().zip(state.buffers) {
            *buffer = saved;
        }
        self.average = state.average;
        self.iteration = state.iteration;
        self.totals = state.totals;
        Ok(())
    }

    /// How the host rounds each parameter in this iteration; `run` is the seed of the streams.
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

    /// Converts the parameters to their storage formats, and makes the copies that the array reads.
    fn apply_formats(&mut self, formats: &FormatTable, statistics: &mut Statistics) {
        let host = self.host(self.config.seed);
        let forward = self.config.forward();
        for param in self.network.params_mut() {
            let (tensor, host) = (param.tensor, host(param));
            param.apply_formats(&formats[tensor], &host, forward, &mut statistics.tensors[tensor]);
        }
    }

    /// The formats with which the sums of all GEMMs fit; `None` if they fit with those proposed.
    /// Where a format changes, the copy that the array reads is made again, and its counters are
    /// replaced.
    fn fit_sums(
        &mut self,
        proposed: &FormatTable,
        host: impl Fn(&flexmac_nn::Param<T>) -> HostRounding,
        mut statistics: Option<&mut Statistics>,
    ) -> Option<FormatTable> {
        let limit = self.sum_limit.as_ref().filter(|_| T::FIXED)?;
        let fitted = limit.fit(&self.network, proposed)?;
        let rounding = self.config.forward();
        let mut nobodys = TensorCounters::default();
        for param in self.network.params_mut() {
            let (tensor, host) = (param.tensor, host(param));
            let (new, old) = (&fitted[tensor], &proposed[tensor]);
            let counters = match &mut statistics {
                Some(statistics) => &mut statistics.tensors[tensor],
                None => &mut nobodys,
            };
            if new.forward != old.forward {
                counters.forward = param.refresh_copy(new, &HostRounding { rounding, ..host });
            }
            if new.reused != old.reused {
                counters.reused = param.refresh_reused(new, &host);
            }
        }
        Some(fitted)
    }

    /// Notes on the tensors whose formats are coarser than proposed for the first time.
    fn note_coarsened(&mut self, proposed: &FormatTable, fitted: &FormatTable) -> Vec<String> {
        let mut notes = Vec::new();
        let tensors = self.plan.tensors().iter().zip(proposed.iter().zip(fitted.iter()));
        for (tensor, (proposed, fitted)) in tensors {
            let name = &tensor.name;
            if proposed == fitted || self.totals.coarsened.contains(name) {
                continue;
            }
            let uses = [
                (proposed.forward, fitted.forward),
                (proposed.backward, fitted.backward),
                (proposed.reused(), fitted.reused()),
            ];
            let (from, to) = uses.into_iter().find(|(from, to)| from != to).unwrap_or(uses[0]);
            notes.push(format!(
                "tensor {name} has format {to} instead of {from}, whose sums may be too wide for the \
                 array"
            ));
            self.totals.coarsened.push(name.clone());
        }
        notes
    }

    /// What the gradient of the loss is multiplied by in this iteration.
    fn loss_scale(&self) -> f64 {
        let exponent = match self.config.loss_scale {
            LossScale::Constant(exponent) => exponent,
            LossScale::Dynamic => self.totals.loss_scale.unwrap_or_default().exponent,
        };
        exp2(exponent)
    }

    /// With a dynamic loss scale, chooses that of the next iteration. Returns whether the gradients
    /// may be used, and a note on a change.
    fn after_backward(&mut self) -> (bool, Option<String>) {
        if self.config.loss_scale != LossScale::Dynamic {
            return (true, None);
        }
        let finite = self.network.params().all(flexmac_nn::Param::gradient_is_finite);
        let (next, changed) = self.totals.loss_scale.unwrap_or_default().after(finite);
        self.totals.loss_scale = Some(next);
        let kept = if finite { "" } else { ", a gradient was not finite: parameters stay" };
        let note = (changed || !finite).then(|| {
            format!("loss scale {} from the next iteration on{kept}", exp2(next.exponent))
        });
        (finite, note)
    }

    /// Updates all parameters by their gradients, which are those of the loss times `scale`.
    fn update(&mut self, scale: f64, statistics: &mut Statistics) {
        let step = update_step(&self.config.solver, self.iteration, scale);
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
/// [`NnError::Layer`] for the network's input or output; [`TrainError::Setting`] for an empty
/// split.
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

/// Converts counters from the units of the formats used to those of the formats proposed.
fn in_proposed_units(
    proposed: &FormatTable,
    used: &FormatTable,
    counters: &[TensorCounters],
) -> Vec<TensorCounters> {
    let formats = proposed.iter().zip(used.iter()).zip(counters);
    let tensor =
        |((proposed, used), counters): ((&Formats, &Formats), &TensorCounters)| TensorCounters {
            forward: in_units_of(proposed.forward, used.forward, &counters.forward),
            backward: in_units_of(proposed.backward, used.backward, &counters.backward),
            update: counters.update,
            reused: in_units_of(proposed.reused(), used.reused(), &counters.reused),
        };
    formats.map(tensor).collect()
}

/// Rounds images to the input's format.
fn quantize_images<T: Number>(images: usize, pixels: &[f64], pass: &mut Pass<'_, T>) -> Array2<T> {
    let format = pass.formats[0].forward;
    let mut input = Array2::from_elem((images, pixels.len() / images), T::default());
    let counters = pass.host(0, 0).quantize(Part::Value, pixels, &mut input, format);
    pass.statistics.tensors[0].forward.merge(&counters);
    input
}

/// Rounds the gradient with respect to the class scores to its format, in which the last layer's
/// GEMMs read it.
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

/// The constants of the update of an iteration.
fn update_step(solver: &Solver, iteration: u64, scale: f64) -> UpdateStep {
    let (momentum, decay) = (solver.momentum, solver.decay);
    UpdateStep { rate: solver.rate(iteration), momentum, decay, scale }
}
