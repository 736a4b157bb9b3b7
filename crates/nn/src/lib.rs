//! Layers, networks, data, solver and training loop.
//!
//! Everything is written once over [`Number`]: raw integers with a [`fxp::Format`] on the
//! fixed-point engines, `f32` on the float one. The three products of each layer (output, input
//! gradient, weight gradient) go through [`cosim::Engine`]; all other arithmetic is done here,
//! on the host, the same for every engine. So two engines that agree in their products train the
//! same weights, bit for bit.
//!
//! From the outside in: [`NetSpec`] describes a network, [`NetPlan`] checks it and numbers its
//! tensors, a [`dps::Policy`] is made for those tensors, [`Trainer`] does one iteration at a time,
//! and [`run`] trains, evaluates and writes a [`RunFolder`].

mod checkpoint;
pub mod data;
mod element;
mod error;
mod folder;
mod host;
mod init;
mod journal;
pub mod layer;
mod loss;
mod net_file;
mod network;
mod param;
mod pass;
mod plan;
mod products;
mod random;
mod record;
mod session;
mod solver;
mod spec;
mod trainer;
mod weights;

pub use checkpoint::{Checkpoint, load_checkpoint};
pub use element::Number;
pub use error::{EngineFailure, NnError};
pub use folder::RunFolder;
pub use journal::Mark;
pub use layer::avg_pool::AvgPoolSpec;
pub use layer::dropout::DropoutSpec;
pub use layer::lrn::LrnSpec;
pub use layer::max_pool::MaxPoolSpec;
pub use layer::relu::ReluSpec;
pub use network::Network;
pub use param::Param;
pub use pass::{GemmRecord, LOGITS_INTEGER_LENGTH, Pass, Site, Tally};
pub use plan::{LayerPlan, NetPlan};
pub use products::{LayerProduct, Source, Way, products};
pub use record::{IterationRecord, TensorRecord, Widths};
pub use session::{Engines, Schedule, Summary, run};
pub use solver::Solver;
pub use spec::{LayerSpec, NetSpec, Shape};
pub use trainer::{ParamState, Totals, Trainer, TrainerConfig, TrainerState};
pub use weights::{
    ReadWeights, WeightTensor, WeightsFormat, named_weights, read_weights, write_weights,
};
