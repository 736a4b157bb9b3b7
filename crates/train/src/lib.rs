//! The training loop: [`Trainer`] does one iteration at a time, [`run`] trains, evaluates and keeps a
//! [`RunFolder`] with histories and checkpoints.
//!
//! Hardware is met only through [`flexmac_engine::Engine`]: this crate needs no Verilog and no simulator.
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
//! let policy = Static::new(plan.tensors(), StaticConfig::default())?;
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
mod session;
mod solver;
mod trainer;
mod weights;

pub use checkpoint::{Checkpoint, load_checkpoint};
pub use error::{Remedy, RunFolderError, StateMismatch, TrainError, WeightsError};
pub use folder::RunFolder;
pub use history_log::Offset;
pub use session::{Engines, TrainingSchedule, run};
pub use solver::Solver;
pub use trainer::{ParamState, Totals, Trainer, TrainerConfig, TrainerState, check_data};
pub use weights::{
    ReadWeights, WeightTensor, WeightsFormat, named_weights, read_weights, write_weights,
};
