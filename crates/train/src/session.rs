//! A whole run: iterations, evaluations, histories, results.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flexmac_dataset::Dataset;
use flexmac_engine::Engine;
use flexmac_nn::Number;
use flexmac_record::{IterationRecord, RunResult};
use ndarray_npy::WritableElement;

use crate::error::TrainError;
use crate::folder::RunFolder;
use crate::trainer::Trainer;

/// How long to train and how often to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingSchedule {
    /// Iterations in all.
    pub iterations: u64,
    /// Iterations between two evaluations; 0 for the end only.
    pub evaluate_every: u64,
    /// Test images of an evaluation on the way.
    pub evaluate_images: usize,
    /// Test images of the last evaluation.
    pub final_images: usize,
    /// Iterations between two checkpoints; with 0 there is one only at the end and at a stop.
    pub checkpoint_every: u64,
}

/// The engines of a run.
pub struct Engines<'a, T: Number> {
    /// Trains.
    pub train: &'a mut dyn Engine<T>,
    /// Evaluates. Apart from the first, so that a run on the Verilated model need not spend minutes
    /// on test images: the reference engine gives the same scores.
    pub evaluate: &'a mut dyn Engine<T>,
}

impl TrainingSchedule {
    /// Whether a run that has done so many iterations can go on by it.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for an end that is past, or evaluation of nothing.
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

/// Trains until `schedule` ends or `stop` is set, which is looked at after each iteration. A stopped
/// run is evaluated and written like one that ended, except that its history gains nothing that the
/// run would not have had without the stop: so it can be resumed as if it had not been stopped.
/// `watch` sees every iteration as it is done.
///
/// # Errors
/// Those of [`Trainer::step`] and of writing; the histories then end before the failing iteration,
/// and earlier checkpoints are as they were.
pub fn run<T>(
    trainer: &mut Trainer<T>,
    engines: &mut Engines<'_, T>,
    data: &Dataset,
    schedule: &TrainingSchedule,
    mut folder: Option<&mut RunFolder>,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(&IterationRecord),
) -> Result<RunResult, TrainError>
where
    T: Number + WritableElement,
{
    schedule.check(trainer.iteration())?;
    let start = Instant::now();
    let mut train_seconds = 0.0;
    let mut accuracy = None;
    // A run that was killed between its last checkpoint and its result has none left to do.
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
            // A multiple of 0 is only 0.
            if last || stopped || done.is_multiple_of(schedule.checkpoint_every) {
                folder.checkpoint(trainer)?;
            }
        }
        watch(&record);
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
        iterations: trainer.iteration(),
        stopped: trainer.iteration() < schedule.iterations,
        loss: totals.loss,
        smoothed_loss: totals.smoothed_loss,
        accuracy,
        accuracy_images: schedule.final_images.min(data.test.len()),
        total: totals.products,
        wrong_tiles_bound: flexmac_engine::wrong_tiles_bound(
            totals.products.tiles,
            totals.products.tiles_checked,
        ),
        passes_per_mac: totals.products.mac_passes as f64 / totals.products.macs as f64,
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
