//! The GEMMs of a training iteration, without running them: for cost models.
//!
//! `layer/affine.rs` makes them; `tests/cost` compares the two.

use flexmac_dps::Formats;
use flexmac_fxp::Role;

use crate::plan::NetPlan;
use crate::spec::LayerSpec;

/// The use of a tensor that an operand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorUse {
    /// An activation, or the copy of a weight.
    Forward,
    /// A gradient with respect to an activation.
    Backward,
}

/// Where an operand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Number of the tensor.
    pub tensor: usize,
    /// Which of its formats.
    pub tensor_use: TensorUse,
}

impl Source {
    /// Its width under a tensor's formats.
    pub fn bits(self, formats: &Formats) -> u32 {
        match self.tensor_use {
            TensorUse::Forward => formats.forward.bits(),
            TensorUse::Backward => formats.backward.bits(),
        }
    }
}

/// A GEMM of every iteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerGemm {
    /// The layer.
    pub layer: String,
    /// Its number, layers without parameters included.
    pub index: usize,
    /// Which of its GEMMs.
    pub role: Role,
    /// How often, with operands of their own: groups of a convolution.
    pub count: usize,
    /// M, K and N: A is (M, K), B is (K, N).
    pub shape: (usize, usize, usize),
    /// What A is.
    pub a: Source,
    /// What B is.
    pub b: Source,
}

impl LayerGemm {
    /// Multiply-accumulates of an iteration.
    pub fn macs(&self) -> u64 {
        let (m, k, n) = self.shape;
        (self.count * m * k * n) as u64
    }
}

/// The GEMMs of an iteration of `batch` images, layer by layer: forward, input gradient (where
/// something before the layer learns), weight gradient.
pub fn gemms(plan: &NetPlan, batch: usize) -> Vec<LayerGemm> {
    let mut gemms = Vec::new();
    for (index, layer) in plan.layers().iter().enumerate() {
        let (places, groups, k) = match layer.spec {
            LayerSpec::Conv { kernel, groups, .. } => {
                let places = layer.output.height * layer.output.width;
                (places, groups, kernel * kernel * layer.input.channels / groups)
            }
            LayerSpec::InnerProduct { .. } => (1, 1, layer.input.len()),
            _ => continue,
        };
        let (m, n) = (batch * places, layer.output.channels / groups);
        let input = Source { tensor: layer.input_tensor, tensor_use: TensorUse::Forward };
        let weight = Source { tensor: layer.weight_tensor(), tensor_use: TensorUse::Forward };
        let gradient = Source { tensor: layer.output_tensor, tensor_use: TensorUse::Backward };
        let mut add = |role, shape, a, b| {
            let layer = layer.spec.name().to_owned();
            gemms.push(LayerGemm { layer, index, role, count: groups, shape, a, b });
        };
        add(Role::Forward, (m, k, n), input, weight);
        // Tensor 0 is the images: a layer that reads them has nothing before it that learns.
        if layer.input_tensor > 0 {
            add(Role::InputGradient, (m, n, k), gradient, weight);
        }
        add(Role::WeightGradient, (n, m, k), gradient, input);
    }
    gemms
}
