//! The training loop: [`Trainer`] trains one iteration at a time; [`run`] trains a whole run with
//! evaluations, and with histories and checkpoints in a [`RunFolder`].
//!
//! All GEMMs run on a [`flexmac_engine::Engine`], so this crate needs neither Verilog nor a
//! simulator. A [`Policy`](flexmac_dps::Policy) chooses the formats of each iteration. The method
//! is stochastic gradient descent with momentum, as in Caffe; docs/training.md describes it in
//! full.
//!
//! ```
//! use flexmac_array::ArraySpec;
//! use flexmac_dataset::synthetic;
//! use flexmac_dps::{Static, StaticConfig};
//! use flexmac_engine::ReferenceEngine;
//! use flexmac_nn::{NetPlan, NetSpec};
//! use flexmac_train::{Trainer, TrainerConfig};
//!
//! let plan = NetPlan::new(&NetSpec::load("lenet-small")?, 4)?;
//! let data = synthetic(1, 40, 10);
//! let formats = StaticConfig::new(16, 16, plan.tensors())?;
//! let policy = Static::new(&formats, plan.tensors());
//! let config = TrainerConfig { batch: 4, ..TrainerConfig::default() };
//! let mut trainer = Trainer::<i32>::new(plan, config, Box::new(policy), &data)?;
//! let mut engine = ReferenceEngine::new(ArraySpec::default().check()?);
//! let record = trainer.step(&mut engine, &data)?;
//! assert!(record.loss.is_finite());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod error;
mod folder;
mod history_log;
mod iteration;
mod loss_scale;
mod session;
mod trainer;
mod trainer_config;
mod weights;

pub use checkpoint::{Checkpoint, load_checkpoint};
pub use error::{Remedy, RunFolderError, StateMismatch, TrainError, WeightsError};
pub use flexmac_record::{RateSchedule, Solver};
pub use folder::RunFolder;
pub use history_log::Offset;
pub use loss_scale::{DynamicScale, LossScale};
pub use session::{Engines, TrainingSchedule, run};
pub use trainer::{ParamState, Totals, Trainer, TrainerState, check_data};
pub use trainer_config::TrainerConfig;
pub use weights::{
    FlattenOrder, ReadWeights, WeightTensor, WeightsFormat, named_weights, read_weights,
    write_weights,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
