//! Trains a whole run: iterations, evaluations, checkpoints, histories and the result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flexmac_dataset::Dataset;
use flexmac_engine::Engine;
use flexmac_nn::Number;
use flexmac_record::{IterationRecord, RunResult, Schema};
use ndarray_npy::WritableElement;

use crate::error::TrainError;
use crate::folder::RunFolder;
use crate::trainer::Trainer;

/// How long to train, and how often to evaluate and to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingSchedule {
    /// Number of iterations, including those before a resume.
    pub iterations: u64,
    /// Iterations between two evaluations; 0 evaluates only at the end.
    pub evaluate_every: u64,
    /// Test images of an evaluation before the end.
    pub evaluate_images: usize,
    /// Test images of the last evaluation.
    pub final_images: usize,
    /// Iterations between two checkpoints; 0 writes one only at the end or when the run is stopped.
    pub checkpoint_every: u64,
}

/// The engines of a run.
pub struct Engines<'a, T: Number> {
    /// The engine for training.
    pub train: &'a mut dyn Engine<T>,
    /// The engine for evaluation. A run that trains on the simulated array can evaluate on the
    /// reference engine, which gives the same scores in seconds instead of minutes.
    pub evaluate: &'a mut dyn Engine<T>,
}

impl TrainingSchedule {
    /// Checks the schedule for a run that has already done `done` iterations.
    ///
    /// # Errors
    /// [`TrainError::Setting`] when the schedule has fewer iterations than that or none, or
    /// evaluates no images.
    pub fn check(&self, done: u64) -> Result<(), TrainError> {
        if self.iterations < done.max(1) {
            let expected = format!("of at least {}", done.max(1));
            let found = self.iterations.to_string();
            return Err(TrainError::Setting { name: "iterations", expected, found });
        }
        if self.final_images == 0 || self.evaluate_images == 0 {
            let (expected, found) = ("of at least 1".to_owned(), "0".to_owned());
            return Err(TrainError::Setting { name: "images to evaluate", expected, found });
        }
        Ok(())
    }
}

/// Trains until `schedule` ends or `stop` is set; `stop` is read after each iteration. Calls
/// `on_iteration` with the record of each iteration.
///
/// A stopped run gets a checkpoint, an evaluation, weights and `result.json` like a finished one.
/// The evaluation is not added to the history, so a resumed run writes the history of an
/// uninterrupted one.
///
/// # Errors
/// Those of [`Trainer::step`] and of writing files. The histories then end before the failed
/// iteration, and earlier checkpoints are intact.
///
/// ```
/// use std::sync::atomic::AtomicBool;
///
/// use flexmac_dataset::synthetic;
/// use flexmac_dps::{Static, StaticConfig};
/// use flexmac_engine::FloatEngine;
/// use flexmac_nn::{NetPlan, NetSpec};
/// use flexmac_train::{Engines, Trainer, TrainerConfig, TrainingSchedule, run};
///
/// let plan = NetPlan::new(&NetSpec::mlp(), 8)?;
/// let data = synthetic(1, 40, 10);
/// // A float engine ignores formats, but the trainer asks a policy for them all the same.
/// let formats = StaticConfig::new(16, 16, plan.tensors())?;
/// let policy = Box::new(Static::new(&formats, plan.tensors()));
/// let config = TrainerConfig { batch: 8, ..TrainerConfig::default() };
/// let mut trainer = Trainer::<f32>::new(plan, config, policy, &data)?;
/// let (mut train, mut evaluate) = (FloatEngine, FloatEngine);
/// let mut engines = Engines { train: &mut train, evaluate: &mut evaluate };
/// let schedule = TrainingSchedule {
///     iterations: 3,
///     evaluate_every: 0,
///     evaluate_images: 10,
///     final_images: 10,
///     checkpoint_every: 0,
/// };
/// let stop = AtomicBool::new(false);
/// // No run folder: nothing is written.
/// let result = run(&mut trainer, &mut engines, &data, &schedule, None, &stop, &mut |_| ())?;
/// assert_eq!((result.iterations, result.accuracy_images), (3, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run<T>(
    trainer: &mut Trainer<T>,
    engines: &mut Engines<'_, T>,
    data: &Dataset,
    schedule: &TrainingSchedule,
    mut folder: Option<&mut RunFolder>,
    stop: &AtomicBool,
    on_iteration: &mut dyn FnMut(&IterationRecord),
) -> Result<RunResult, TrainError>
where
    T: Number + WritableElement,
{
    schedule.check(trainer.iteration())?;
    let start = Instant::now();
    let mut train_seconds = 0.0;
    let mut accuracy = None;
    // No iterations are left if the run was killed between its last checkpoint and its result.
    while trainer.iteration() < schedule.iterations {
        let begin = Instant::now();
        let mut record = trainer.step(engines.train, data)?;
        engines.train.end_iteration().map_err(|source| TrainError::EndIteration {
            iteration: record.iteration,
            source: Box::new(source),
        })?;
        let seconds = begin.elapsed().as_secs_f64();
        train_seconds += seconds;

        let done = trainer.iteration();
        let stopped = stop.load(Ordering::Relaxed);
        let last = done == schedule.iterations;
        let images = if last { schedule.final_images } else { schedule.evaluate_images };
        if last || done.is_multiple_of(schedule.evaluate_every) {
            record.accuracy = Some(trainer.evaluate(engines.evaluate, &data.test, images)?);
        }
        accuracy = record.accuracy.filter(|_| last);
        if let Some(folder) = folder.as_deref_mut() {
            folder.append(&record, seconds)?;
            // Only 0 is a multiple of 0, so with 0 this condition is never true.
            if last || stopped || done.is_multiple_of(schedule.checkpoint_every) {
                folder.checkpoint(trainer)?;
            }
        }
        on_iteration(&record);
        if stopped {
            break;
        }
    }
    let accuracy = match accuracy {
        Some(accuracy) => accuracy,
        None => trainer.evaluate(engines.evaluate, &data.test, schedule.final_images)?,
    };
    let totals = trainer.totals();
    let summary = RunResult {
        schema: Schema::CURRENT,
        iterations: trainer.iteration(),
        stopped: trainer.iteration() < schedule.iterations,
        loss: totals.loss,
        smoothed_loss: totals.smoothed_loss,
        accuracy,
        accuracy_images: schedule.final_images.min(data.test.len()),
        total: totals.gemms,
        wrong_tiles_bound: flexmac_engine::wrong_tiles_bound(
            totals.gemms.tiles,
            totals.gemms.tiles_checked,
        ),
        passes_per_mac: totals.gemms.mac_passes as f64 / totals.gemms.macs as f64,
        overflows: totals.overflows,
        train_seconds: folder.as_ref().map_or(train_seconds, |folder| folder.train_seconds()),
        seconds: start.elapsed().as_secs_f64(),
    };
    if let Some(folder) = folder {
        folder.write_weights(trainer.network())?;
        folder.write_json("result.json", &summary)?;
    }
    Ok(summary)
}
