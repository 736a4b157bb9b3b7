//! Layers and networks: forward and backward passes, parameters, the loss.
//!
//! Everything is written once over [`Number`]: raw integers with a [`flexmac_fxp::Format`] on the
//! fixed-point engines, `f32` on the float one. The three GEMMs of each layer (output, input gradient,
//! weight gradient) go through [`flexmac_engine::Engine`]; all other arithmetic is done here, on the
//! host, the same for every engine. So two engines that agree in their GEMMs train the same weights,
//! bit for bit.
//!
//! [`NetSpec`] describes a network, [`NetPlan`] checks it and numbers its tensors, [`Network`] runs it.
//! This crate trains nothing by itself: `flexmac-train` does.
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

pub use element::Number;
pub use error::{EngineFailure, NnError};
pub use gemms::{LayerGemm, Source, TensorUse, gemms};
pub use host::{HostRounding, Part};
pub use layer::avg_pool::AvgPoolSpec;
pub use layer::dropout::DropoutSpec;
pub use layer::lrn::LrnSpec;
pub use layer::max_pool::MaxPoolSpec;
pub use layer::relu::ReluSpec;
pub use loss::{Loss, correct, softmax_loss};
pub use network::Network;
pub use param::{Param, UpdateStep};
pub use pass::{LOGITS_INTEGER_LENGTH, LayerId, Pass, Statistics, logits_format};
pub use plan::{LayerPlan, NetPlan};
pub use random::{Purpose, SplitMix};
pub use spec::{LayerSpec, NetSpec, Shape};
