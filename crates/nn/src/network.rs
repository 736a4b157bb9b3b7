//! Builds the layers of a plan and runs them forward and backward.

use flexmac_fxp::Patches;
use ndarray::Array2;

use crate::element::Number;
use crate::error::NnError;
use crate::host::Part;
use crate::init::Initial;
use crate::layer::add::{Add, Shortcut, sum_of};
use crate::layer::{BatchNorm, Buffer, Conv, GroupedConv, InnerProduct, Layer, LayerContext};
use crate::param::Param;
use crate::pass::{LayerId, Pass};
use crate::plan::{LayerPlan, NetPlan};
use crate::spec::{LayerSpec, Shape};
use crate::wires::{Gradients, Values};

/// A network with its parameters.
pub struct Network<T: Number> {
    nodes: Vec<Node<T>>,
    /// How many layers read the images, and the output of each layer.
    readers: Vec<usize>,
}

/// A layer and where its input comes from.
struct Node<T: Number> {
    operation: Operation<T>,
    /// Place of the input among the outputs: 0 is the images, 1 the output of layer 0.
    source: usize,
    input_tensor: usize,
    output_tensor: usize,
}

enum Operation<T: Number> {
    Layer(Box<dyn Layer<T>>),
    /// The sum with the output at this place, of this tensor.
    Add(Add, (usize, usize)),
    /// The input is the output.
    Branch,
}

impl<T: Number> Network<T> {
    /// Builds the plan's network with initial parameters, drawn from `seed` and rounded to
    /// `formats`. All engines start from the same real numbers.
    pub fn new(plan: &NetPlan, seed: u64, formats: &flexmac_dps::FormatTable) -> Self {
        let initial = Initial { seed, formats };
        let mut readers = vec![0; plan.layers().len() + 1];
        let mut trained = vec![false];
        let mut nodes = Vec::new();
        for (index, layer) in plan.layers().iter().enumerate() {
            let place = |layer: Option<usize>| layer.map_or(0, |layer| layer + 1);
            let source = place(layer.source);
            readers[source] += 1;
            let operation = match layer.spec {
                LayerSpec::Branch(_) => Operation::Branch,
                LayerSpec::Add(_) => {
                    let with = place(layer.added);
                    readers[with] += 1;
                    Operation::Add(
                        add(index, layer, plan),
                        (with, added(layer, plan).output_tensor),
                    )
                }
                _ => Operation::Layer(build(index, layer, trained[source], &initial)),
            };
            let added = layer.added.is_some_and(|added| trained[added + 1]);
            trained.push(trained[source] || added || layer.spec.has_parameters());
            let (input_tensor, output_tensor) = (layer.input_tensor, layer.output_tensor);
            nodes.push(Node { operation, source, input_tensor, output_tensor });
        }
        // The class scores go to the loss.
        *readers.last_mut().expect("the images have a place") += 1;
        Self { nodes, readers }
    }

    /// Computes the class scores of a batch.
    ///
    /// # Shapes
    /// (batch, input length) to (batch, classes).
    ///
    /// # Errors
    /// [`NnError::Engine`] when the engine refuses a GEMM.
    pub fn forward(
        &mut self,
        input: Array2<T>,
        pass: &mut Pass<'_, T>,
    ) -> Result<Array2<T>, NnError> {
        let mut values = Values::new(&self.readers, input);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let input = values.take(node.source);
            let output = match &mut node.operation {
                Operation::Layer(layer) => layer.forward(input, pass)?,
                Operation::Branch => input,
                Operation::Add(add, (with, tensor)) => {
                    let before = (input, pass.output_format(node.input_tensor));
                    let earlier = (values.take(*with), pass.output_format(*tensor));
                    add.forward(before, earlier, pass)
                }
            };
            values.put(index + 1, output);
        }
        Ok(values.take(self.nodes.len()))
    }

    /// Computes the gradients of all parameters, which keep them, from the gradient with respect to
    /// the class scores. Call it after a `forward` with [`Pass::training`].
    ///
    /// # Shapes
    /// `gradient`: (batch, classes).
    ///
    /// # Errors
    /// [`NnError::Engine`] when the engine refuses a GEMM.
    pub fn backward(&mut self, gradient: Array2<T>, pass: &mut Pass<'_, T>) -> Result<(), NnError> {
        let mut gradients = Gradients::new(self.nodes.len() + 1);
        let format = |tensor: usize, pass: &Pass<'_, T>| pass.formats[tensor].backward;
        if let Some(last) = self.nodes.last() {
            gradients.add(self.nodes.len(), (gradient, format(last.output_tensor, pass)));
        }
        for (index, node) in self.nodes.iter_mut().enumerate().rev() {
            let terms = gradients.take(index + 1);
            // A layer gives no gradient if there are no parameters before it.
            let Some(gradient) = merged(terms, index, node.output_tensor, pass) else { continue };
            match &mut node.operation {
                Operation::Layer(layer) => {
                    if let Some(before) = layer.backward(gradient, pass)? {
                        gradients.add(node.source, (before, format(node.input_tensor, pass)));
                    }
                }
                Operation::Branch => {
                    gradients.add(node.source, (gradient, format(node.input_tensor, pass)));
                }
                Operation::Add(add, (with, _)) => {
                    let from = format(node.output_tensor, pass);
                    let [before, earlier] = add.backward(gradient);
                    gradients.add(node.source, (before, from));
                    gradients.add(*with, (earlier, from));
                }
            }
        }
        Ok(())
    }

    fn layers(&self) -> impl Iterator<Item = &dyn Layer<T>> {
        self.nodes.iter().filter_map(|node| match &node.operation {
            Operation::Layer(layer) => Some(layer.as_ref()),
            _ => None,
        })
    }

    fn layers_mut(&mut self) -> impl Iterator<Item = &mut Box<dyn Layer<T>>> {
        self.nodes.iter_mut().filter_map(|node| match &mut node.operation {
            Operation::Layer(layer) => Some(layer),
            _ => None,
        })
    }

    /// All parameters, first layer first, weight before bias.
    pub fn params(&self) -> impl Iterator<Item = &Param<T>> {
        self.layers().flat_map(|layer| layer.params())
    }

    /// All parameters, first layer first, weight before bias.
    pub fn params_mut(&mut self) -> impl Iterator<Item = &mut Param<T>> {
        self.layers_mut().flat_map(|layer| layer.params_mut())
    }

    /// The running means and variances, first layer first, mean before variance.
    pub fn buffers(&self) -> impl Iterator<Item = &Buffer> {
        self.layers().flat_map(|layer| layer.buffers())
    }

    /// The running means and variances, first layer first, mean before variance.
    pub fn buffers_mut(&mut self) -> impl Iterator<Item = &mut Buffer> {
        self.layers_mut().flat_map(|layer| layer.buffers_mut())
    }
}

/// The gradient with respect to the output of layer `index`: the sum of what its readers give,
/// rounded once to its tensor's format. One that has this format already stays as it is.
fn merged<T: Number>(
    mut terms: Vec<(Array2<T>, flexmac_fxp::Format)>,
    index: usize,
    tensor: usize,
    pass: &mut Pass<'_, T>,
) -> Option<Array2<T>> {
    let to = pass.formats[tensor].backward;
    match &terms[..] {
        [] => return None,
        [(_, format)] if *format == to || !T::FIXED => return terms.pop().map(|(term, _)| term),
        _ => {}
    }
    let mut sum = pass.memory(terms[0].0.dim());
    let host = pass.host(index, tensor);
    let counters = host.quantize_with(Part::Merged, &mut sum, to, sum_of(&terms));
    pass.statistics.tensors[tensor].backward.merge(&counters);
    terms.into_iter().for_each(|(term, _)| pass.recycle(term));
    Some(sum)
}

/// The layer whose output a sum adds.
fn added<'a>(layer: &LayerPlan, plan: &'a NetPlan) -> &'a LayerPlan {
    &plan.layers()[layer.added.expect("a sum adds another layer's output")]
}

fn add(index: usize, layer: &LayerPlan, plan: &NetPlan) -> Add {
    let shortcut = Shortcut::new(added(layer, plan).output, layer.output);
    Add { index, tensor: layer.output_tensor, shortcut: shortcut.expect("the plan is checked") }
}

/// Builds one layer; `input_gradient` says whether an earlier layer has parameters.
fn build<T: Number>(
    index: usize,
    plan: &LayerPlan,
    input_gradient: bool,
    initial: &Initial<'_>,
) -> Box<dyn Layer<T>> {
    let id = LayerId { index, name: plan.spec.name().to_owned() };
    match plan.spec {
        LayerSpec::Conv { kernel, stride, padding, groups, input_gradient: form, .. } => {
            let Shape { height, width, channels } = plan.input;
            let channels = channels / groups;
            let patches = Patches { height, width, channels, kernel, stride, padding };
            if groups == 1 {
                Box::new(Conv::new(id, plan, patches, input_gradient.then_some(form), initial))
            } else {
                let parts = (patches, groups);
                Box::new(GroupedConv::new(id, plan, parts, input_gradient, initial))
            }
        }
        LayerSpec::InnerProduct { .. } => {
            Box::new(InnerProduct::new(id, plan, input_gradient, initial))
        }
        LayerSpec::BatchNorm(ref norm) => {
            Box::new(BatchNorm::new(id, plan, norm, input_gradient, initial))
        }
        ref other => {
            let (tensor, input, output) = (plan.input_tensor, plan.input, plan.output);
            other
                .build_host(LayerContext { index, tensor, input, output })
                .expect("the other layers are host layers")
        }
    }
}

#[cfg(test)]
mod tests {
    use flexmac_array::ArraySpec;
    use flexmac_dps::{FormatTable, Formats, TensorRole, TensorSpec};
    use flexmac_engine::ReferenceEngine;
    use flexmac_fxp::{Format, Rounding};
    use ndarray::array;

    use super::*;
    use crate::pass::Statistics;

    /// [`merged`] to a format of 6 bits, 2 of them after the point; returns the overflows too.
    fn merge(terms: Vec<(Array2<i32>, Format)>) -> (Option<Array2<i32>>, u64) {
        let formats = FormatTable::new(vec![Formats::uniform(Format::new(6, 2).unwrap())]);
        let mut statistics = Statistics::new(1);
        let mut pass = Pass {
            engine: &mut ReferenceEngine::new(ArraySpec::default().check().unwrap()),
            tensors: &[TensorSpec { name: "a".to_owned(), role: TensorRole::Activation }],
            formats: &formats,
            rounding: Rounding::Nearest,
            run: 3,
            iteration: 1,
            training: true,
            statistics: &mut statistics,
        };
        let sum = merged(terms, 4, 0, &mut pass);
        (sum, statistics.tensors[0].backward.overflows())
    }

    #[test]
    fn gradients_of_several_readers_are_added_before_they_are_rounded() {
        let [fine, own] = [(8, 4), (6, 2)].map(|(bits, frac)| Format::new(bits, frac).unwrap());
        assert_eq!(merge(Vec::new()), (None, 0));
        let alone = array![[3, -31, 31]];
        assert_eq!(merge(vec![(alone.clone(), own)]), (Some(alone), 0));
        // 5/16 is 1.25 units of 1/4.
        assert_eq!(merge(vec![(array![[5, 6, -6]], fine)]).0, Some(array![[1, 2, -1]]));
        // 5/16 + 1/4, 6/16 + 6/16 + 1/4, 7 + 31/4 saturates.
        let terms =
            vec![(array![[5, 6, 112]], fine), (array![[1, 1, 31]], own), (array![[0, 6, 0]], fine)];
        assert_eq!(merge(terms), (Some(array![[2, 4, 31]]), 1));
    }
}
