//! Lists the GEMMs of a training iteration without running them, for cost models.
//!
//! `layer/affine.rs` runs these GEMMs; `tests/cost` checks that both agree.

use flexmac_dps::Formats;
use flexmac_fxp::Role;

use crate::plan::NetPlan;
use crate::spec::{InputGradient, LayerSpec, Shape};

/// Which of a tensor's uses an operand is. Each use has its own format ([`Formats`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorUse {
    /// An activation, or the copy of a weight that the array reads.
    Forward,
    /// A gradient with respect to an activation.
    Backward,
    /// An activation or a weight as the backward pass reads it.
    Reused,
}

/// The tensor that an operand comes from, and the use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperandSource {
    /// Number of the tensor.
    pub tensor: usize,
    /// Which use, and so which of its formats.
    pub tensor_use: TensorUse,
}

impl OperandSource {
    /// The operand's width in bits, sign included, given the tensor's formats.
    pub fn bits(self, formats: &Formats) -> u32 {
        match self.tensor_use {
            TensorUse::Forward => formats.forward.bits(),
            TensorUse::Backward => formats.backward.bits(),
            TensorUse::Reused => formats.reused().bits(),
        }
    }
}

/// One GEMM of a layer, or one per group of a grouped convolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerGemm {
    /// Name of the layer.
    pub layer: String,
    /// Number of the layer; layers without parameters count too.
    pub index: usize,
    /// Forward, input gradient or weight gradient.
    pub role: Role,
    /// Number of such GEMMs in an iteration, each with its own operands: the groups of a
    /// convolution.
    pub count: usize,
    /// (M, K, N): A is (M, K), B is (K, N).
    pub shape: (usize, usize, usize),
    /// Source of A.
    pub a: OperandSource,
    /// Source of B.
    pub b: OperandSource,
    /// Whether the layer's input has passed a ReLU since the last layer with a tensor of its own, so
    /// that many of its values are zero.
    pub after_relu: bool,
}

impl LayerGemm {
    /// Multiply-accumulates of all `count` GEMMs, in one iteration.
    pub fn macs(&self) -> u64 {
        let (m, k, n) = self.shape;
        (self.count * m * k * n) as u64
    }
}

/// The GEMMs of a training iteration with `batch` images, layer by layer: forward, input gradient
/// (unless no earlier layer has parameters), weight gradient.
///
/// ```
/// use flexmac_nn::{NetPlan, NetSpec, gemms};
///
/// let plan = NetPlan::new(&NetSpec::mlp(), 64)?;
/// let shapes: Vec<_> = gemms(&plan, 64).iter().map(|gemm| gemm.shape).collect();
/// // ip1 forward, ip1 weight gradient; ip2 forward, input gradient, weight gradient.
/// let ip1 = [(64, 784, 16), (16, 64, 784)];
/// let ip2 = [(64, 16, 10), (64, 10, 16), (10, 64, 16)];
/// assert_eq!(shapes, [&ip1[..], &ip2[..]].concat());
/// # Ok::<(), flexmac_nn::NnError>(())
/// ```
pub fn gemms(plan: &NetPlan, batch: usize) -> Vec<LayerGemm> {
    let mut gemms = Vec::new();
    // Whether the output of each layer has passed a ReLU since it was computed.
    let mut rectified = Vec::new();
    for (index, layer) in plan.layers().iter().enumerate() {
        let after_relu = layer.source.is_some_and(|source| rectified[source]);
        let is_relu = matches!(layer.spec, LayerSpec::Relu(_));
        rectified.push(is_relu || (after_relu && !layer.spec.has_output_tensor()));
        let (places, groups, k) = match layer.spec {
            LayerSpec::Conv { kernel, groups, .. } => {
                let places = layer.output.height * layer.output.width;
                (places, groups, kernel * kernel * layer.input.channels / groups)
            }
            LayerSpec::InnerProduct { .. } => (1, 1, layer.input.len()),
            _ => continue,
        };
        let (m, n) = (batch * places, layer.output.channels / groups);
        let of = |tensor, tensor_use| OperandSource { tensor, tensor_use };
        let input = |tensor_use| of(layer.input_tensor, tensor_use);
        let weight = |tensor_use| of(layer.weight_tensor(), tensor_use);
        let gradient = of(layer.output_tensor, TensorUse::Backward);
        let mut add = |role, shape, a, b| {
            let layer = layer.spec.name().to_owned();
            gemms.push(LayerGemm { layer, index, role, count: groups, shape, a, b, after_relu });
        };
        add(Role::Forward, (m, k, n), input(TensorUse::Forward), weight(TensorUse::Forward));
        // Tensor 0 is the images: no layer before this one has a tensor of its own.
        if layer.input_tensor > 0 {
            let shape = match layer.spec {
                LayerSpec::Conv {
                    input_gradient: InputGradient::Convolution,
                    kernel,
                    channels_out,
                    ..
                } => {
                    let Shape { height, width, channels } = layer.input;
                    (batch * height * width, kernel * kernel * channels_out, channels)
                }
                _ => (m, n, k),
            };
            add(Role::InputGradient, shape, gradient, weight(TensorUse::Reused));
        }
        add(Role::WeightGradient, (n, m, k), gradient, input(TensorUse::Reused));
    }
    gemms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::NetSpec;

    /// LeNet has one ReLU, before its last layer; in AlexNet every layer but the first has one before it.
    #[test]
    fn layers_behind_a_relu_are_found_by_structure() {
        let after_relu = |name: &str| {
            let plan = NetPlan::new(&NetSpec::load(name).unwrap(), 1).unwrap();
            let gemms = gemms(&plan, 1).into_iter();
            let forward = gemms.filter(|gemm| gemm.role == Role::Forward && gemm.after_relu);
            forward.map(|gemm| gemm.layer).collect::<Vec<_>>()
        };
        assert_eq!(after_relu("lenet"), ["ip2"]);
        let behind = ["conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"];
        assert_eq!(after_relu("alexnet"), behind);
    }
}
