//! Layers and networks: forward and backward passes, parameters, the loss.
//!
//! All code is generic over [`Number`]: raw integers with a [`flexmac_fxp::Format`] for fixed-point
//! engines, `f32` for the float engine. The three GEMMs of a layer (forward, input gradient, weight
//! gradient) run on a [`flexmac_engine::Engine`]. All other arithmetic runs here on the host, and
//! is the same for every engine. So two engines with equal GEMM results train the same weights, bit
//! for bit.
//!
//! [`NetSpec`] describes a network, [`NetPlan`] checks it and numbers its tensors, [`Network`] runs
//! it. The training loop is in `flexmac-train`.
//!
//! ```
//! use flexmac_nn::{NetPlan, NetSpec};
//!
//! let plan = NetPlan::new(&NetSpec::lenet(), 64)?;
//! assert_eq!(plan.classes(), 10);
//! # Ok::<(), flexmac_nn::NnError>(())
//! ```

mod element;
mod error;
mod gemms;
mod host;
mod init;
pub mod layer;
mod loss;
mod net_file;
mod network;
mod param;
mod pass;
mod plan;
mod random;
mod spec;
mod sum_limit;
mod wires;

pub use element::Number;
pub use error::{EngineFailure, NnError};
pub use gemms::{LayerGemm, OperandSource, TensorUse, gemms};
pub use host::{HostRounding, Part};
pub use layer::Buffer;
pub use layer::add::{AddSpec, BranchSpec};
pub use layer::avg_pool::AvgPoolSpec;
pub use layer::batch_norm::BatchNormSpec;
pub use layer::dropout::DropoutSpec;
pub use layer::lrn::LrnSpec;
pub use layer::max_pool::MaxPoolSpec;
pub use layer::relu::ReluSpec;
pub use loss::{Loss, correct, softmax_loss};
pub use network::Network;
pub use param::{Param, UpdateStep};
pub use pass::{HOST_INTEGER_LENGTH, LayerId, Pass, Statistics, host_format};
pub use plan::{LayerPlan, NetPlan};
pub use random::{Purpose, SplitMix};
pub use spec::{InputGradient, LayerSpec, Multipliers, NetSpec, Shape};
pub use sum_limit::{SumLimit, in_units_of};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
