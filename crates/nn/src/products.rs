//! Which products an iteration of training runs, without running it: for cost models.
//!
//! `layer/affine.rs` is where they are made; `tests/cost/products.rs` holds the two together.

use dps::Formats;
use fxp::Role;

use crate::plan::NetPlan;
use crate::spec::LayerSpec;

/// The use of a tensor that an operand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
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
    pub way: Way,
}

impl Source {
    /// Its width under a tensor's formats.
    pub fn bits(self, formats: &Formats) -> u32 {
        match self.way {
            Way::Forward => formats.forward.bits(),
            Way::Backward => formats.backward.bits(),
        }
    }
}

/// A product of every iteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerProduct {
    /// The layer.
    pub layer: String,
    /// Its number, layers without parameters included.
    pub index: usize,
    /// Which of its products.
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

impl LayerProduct {
    /// Multiply-accumulates of an iteration.
    pub fn macs(&self) -> u64 {
        let (m, k, n) = self.shape;
        (self.count * m * k * n) as u64
    }
}

/// The products of an iteration of `batch` images, layer by layer: forward, input gradient (where
/// something before the layer learns), weight gradient.
pub fn products(plan: &NetPlan, batch: usize) -> Vec<LayerProduct> {
    let mut products = Vec::new();
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
        let input = Source { tensor: layer.input_tensor, way: Way::Forward };
        let weight = Source { tensor: layer.weight_tensor(), way: Way::Forward };
        let gradient = Source { tensor: layer.output_tensor, way: Way::Backward };
        let mut add = |role, shape, a, b| {
            let layer = layer.spec.name().to_owned();
            products.push(LayerProduct { layer, index, role, count: groups, shape, a, b });
        };
        add(Role::Forward, (m, k, n), input, weight);
        // Tensor 0 is the images: a layer that reads them has nothing before it that learns.
        if layer.input_tensor > 0 {
            add(Role::InputGradient, (m, n, k), gradient, weight);
        }
        add(Role::WeightGradient, (n, m, k), gradient, input);
    }
    products
}
