//! Shape inference: checks a network description, computes the layers' shapes, numbers the tensors.

use flexmac_dps::{TensorRole, TensorSpec};

use crate::error::NnError;
use crate::layer::add::Shortcut;
use crate::layer::batch_norm::{RUNNING_MEAN, RUNNING_VARIANCE};
use crate::layer::{Misfit, Window, at_least_one};
use crate::spec::{InputGradient, LayerSpec, Multipliers, NetSpec, Shape};

/// A layer with its shapes and tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPlan {
    /// The description.
    pub spec: LayerSpec,
    /// Shape of the input, per image.
    pub input: Shape,
    /// Shape of the output, per image.
    pub output: Shape,
    /// The tensor that gives the input's format.
    pub input_tensor: usize,
    /// The tensor that gives the output's format. Convolution, inner product, batch normalization
    /// and sums have their own; all other layers use their input's, because they select values or
    /// keep their range.
    pub output_tensor: usize,
    /// Number of the layer whose output is the input; `None` for the images.
    pub source: Option<usize>,
    /// Number of the layer whose output a sum adds.
    pub added: Option<usize>,
}

impl LayerPlan {
    /// Number of the weight tensor, for layers with parameters.
    pub fn weight_tensor(&self) -> usize {
        self.output_tensor - 2
    }

    /// Number of the bias tensor, for layers with parameters.
    pub fn bias_tensor(&self) -> usize {
        self.output_tensor - 1
    }
}

/// A checked network: layers with shapes, and numbered tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct NetPlan {
    name: String,
    input: Shape,
    classes: usize,
    layers: Vec<LayerPlan>,
    tensors: Vec<TensorSpec>,
}

/// Largest number in a description. Also the most elements (4 GiB) of a batch's patches or outputs
/// at one layer, and of a layer's weights: more is refused here instead of running out of memory
/// later.
pub(crate) const MOST_ELEMENTS: usize = 1 << 30;

/// Most layers of a network.
const MOST_LAYERS: usize = 4096;

/// The names that [`is_name`] accepts, in words.
const NAME: &str = "a name of 1 to 100 letters, digits, '_', '-' and '.', not beginning with '.'";

/// Whether a layer may have this name. Names become file names in the run folder.
fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=100).contains(&name.len()) && name.chars().all(legal) && !name.starts_with('.')
}

impl NetPlan {
    /// Checks a description and numbers its tensors: 0 is the input, then follow weight, bias and
    /// output of each layer with parameters, and the output of each sum. `batch`, the images per
    /// iteration, bounds the gradient of the loss.
    ///
    /// # Errors
    /// [`NnError::Layer`] for a malformed layer, one that does not fit its input, or one with more
    /// than 2^30 elements in a batch or in its weights; [`NnError::Setting`] for an empty batch.
    pub fn new(spec: &NetSpec, batch: usize) -> Result<Self, NnError> {
        if batch == 0 {
            let (expected, found) = ("of at least 1".to_owned(), "0".to_owned());
            return Err(NnError::Setting { name: "batch", expected, found });
        }
        let check = Check { network: &spec.name };
        if spec.layers.len() > MOST_LAYERS {
            let expected = format!("at most {MOST_LAYERS} layers");
            return Err(check.refuse("list", expected, spec.layers.len()));
        }
        let Shape { height, width, channels } = spec.input;
        check.elements("input", "an image", [batch, height, width, channels])?;
        if spec.input.is_empty() {
            return Err(check.refuse("input", "a shape of at least 1x1x1", spec.input));
        }
        let mut plan = Self {
            name: spec.name.clone(),
            input: spec.input,
            classes: 0,
            layers: Vec::new(),
            tensors: vec![TensorSpec { name: "data".to_owned(), role: TensorRole::Input }],
        };
        let last = spec.layers.iter().rposition(LayerSpec::has_output_tensor);
        for (index, layer) in spec.layers.iter().enumerate() {
            let name = layer.name();
            let number = || format!("number {}", index + 1);
            if !is_name(name) {
                return Err(check.refuse(&number(), NAME, format!("{name:?}")));
            }
            if plan.layers.iter().any(|earlier| earlier.spec.name() == name)
                || plan.tensors.iter().any(|earlier| earlier.name == name)
            {
                return Err(check.refuse(&number(), "a name of its own", format!("{name:?}")));
            }
            let source = match layer {
                LayerSpec::Branch(branch) => Some(check.earlier(&plan, name, &branch.from)?),
                _ => index.checked_sub(1),
            };
            let added = match layer {
                LayerSpec::Add(add) => Some(check.earlier(&plan, name, &add.with)?),
                _ => None,
            };
            let (input, input_tensor) = plan.output(source);
            let output = check.output(layer, input)?;
            if let Some(added) = added {
                check.sum(name, plan.layers[added].output, output)?;
            }
            check.size(layer, input, output, batch)?;
            check.multipliers(layer)?;
            let mut output_tensor = input_tensor;
            if layer.has_output_tensor() {
                let role = if Some(index) == last {
                    let gradient_integer_length = gradient_integer_length(batch);
                    TensorRole::Logits { gradient_integer_length }
                } else if is_normalized(spec, index) {
                    TensorRole::Normalized
                } else if !layer.has_gemms() {
                    TensorRole::HostOutput
                } else {
                    TensorRole::Activation
                };
                if layer.has_parameters() {
                    let shared = output.height * output.width > 1;
                    let [weight, bias] = if layer.has_gemms() {
                        [TensorRole::Weight { shared }, TensorRole::Bias]
                    } else {
                        [TensorRole::Normalization; 2]
                    };
                    for (suffix, role) in [("weight", weight), ("bias", bias)] {
                        plan.tensors.push(TensorSpec { name: format!("{name}.{suffix}"), role });
                    }
                }
                plan.tensors.push(TensorSpec { name: name.to_owned(), role });
                output_tensor = plan.tensors.len() - 1;
            }
            let spec = layer.clone();
            let layer =
                LayerPlan { spec, input, output, input_tensor, output_tensor, source, added };
            plan.layers.push(layer);
        }
        if !spec.layers.iter().any(LayerSpec::has_gemms) {
            return Err(check.refuse("list", "at least one conv or inner-product", "none"));
        }
        check.every_output_is_read(&plan)?;
        let (shape, _) = plan.output(plan.layers.len().checked_sub(1));
        plan.classes = shape.len();
        Ok(plan)
    }

    /// Shape and tensor of a layer's output; of the images for `None`.
    fn output(&self, layer: Option<usize>) -> (Shape, usize) {
        match layer {
            Some(layer) => (self.layers[layer].output, self.layers[layer].output_tensor),
            None => (self.input, 0),
        }
    }

    /// The network's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shape of one image.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Number of class scores per image.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[LayerPlan] {
        &self.layers
    }

    /// Name and shape of each parameter, as exported to other programs: (channels out, kernel rows,
    /// kernel columns, channels in per group) for a convolution, (outputs, inputs) for an inner
    /// product, (outputs) for a bias, (channels) for scale and shift of a normalization.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let mut shapes = Vec::new();
        for layer in &self.layers {
            let (name, outputs) = (layer.spec.name(), layer.output.channels);
            let weight = match layer.spec {
                LayerSpec::Conv { kernel, groups, .. } => {
                    vec![outputs, kernel, kernel, layer.input.channels / groups]
                }
                LayerSpec::InnerProduct { .. } => vec![outputs, layer.input.len()],
                LayerSpec::BatchNorm(_) => vec![outputs],
                _ => continue,
            };
            shapes.push((format!("{name}.weight"), weight));
            shapes.push((format!("{name}.bias"), vec![outputs]));
        }
        shapes
    }

    /// Name and shape of what a file of weights holds: each parameter, then each buffer.
    pub fn weight_shapes(&self) -> Vec<(String, Vec<usize>)> {
        [self.parameter_shapes(), self.buffer_shapes()].concat()
    }

    /// Name and shape of each buffer: running mean and variance of a batch normalization, (channels)
    /// each.
    pub fn buffer_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let norms = self.layers.iter().filter(|l| matches!(l.spec, LayerSpec::BatchNorm(_)));
        let named = |layer: &LayerPlan, suffix: &str| {
            (format!("{}.{suffix}", layer.spec.name()), vec![layer.output.channels])
        };
        norms
            .flat_map(|l| [RUNNING_MEAN, RUNNING_VARIANCE].map(|suffix| named(l, suffix)))
            .collect()
    }

    /// Why finite numbers cannot be those of the buffer `name`: what is expected and what was found.
    /// `None` if they can, or if no buffer has this name.
    pub fn misfit_of_buffer(&self, name: &str, values: &[f64]) -> Option<(&'static str, String)> {
        self.buffer_shapes().iter().find(|(own, _)| own == name)?;
        let (expected, least) = if name.ends_with(RUNNING_VARIANCE) {
            ("numbers of single precision, of at least 0", 0.0)
        } else {
            ("numbers of single precision", f64::from(f32::MIN))
        };
        let wrong = values.iter().position(|v| !(least..=f64::from(f32::MAX)).contains(v))?;
        Some((expected, format!("{} at index {wrong}", values[wrong])))
    }

    /// The tensors that have formats, by number.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }
}

/// Whether only a batch normalization reads the output of layer `index`, which must have a tensor of
/// its own.
fn is_normalized(spec: &NetSpec, index: usize) -> bool {
    let named = spec.layers[index].name();
    let read_by_name = spec.layers.iter().any(|layer| layer.reads() == Some(named));
    matches!(spec.layers.get(index + 1), Some(LayerSpec::BatchNorm(_))) && !read_by_name
}

/// The smallest integer length IL with 1 / batch <= 2^IL, which bounds (p - onehot) / batch.
fn gradient_integer_length(batch: usize) -> i32 {
    // At most 63.
    -(batch.ilog2() as i32)
}

/// Checks layers and names the network in errors.
struct Check<'a> {
    network: &'a str,
}

impl Check<'_> {
    fn refuse(&self, layer: &str, expected: impl ToString, found: impl ToString) -> NnError {
        NnError::Layer {
            network: self.network.to_owned(),
            layer: layer.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// Refuses an array of more than [`MOST_ELEMENTS`] elements; `factors` are its dimensions.
    fn elements<const N: usize>(
        &self,
        layer: &str,
        what: &str,
        factors: [usize; N],
    ) -> Result<(), NnError> {
        let product = factors.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
        if product.is_some_and(|product| product <= MOST_ELEMENTS) {
            return Ok(());
        }
        let found = factors.map(|n| n.to_string()).join(" x ");
        Err(self.refuse(layer, format!("{what} of at most {MOST_ELEMENTS} elements"), found))
    }

    /// Refuses a layer whose matrices are too large.
    fn size(
        &self,
        layer: &LayerSpec,
        input: Shape,
        output: Shape,
        batch: usize,
    ) -> Result<(), NnError> {
        let name = layer.name();
        let Shape { height, width, channels } = output;
        self.elements(name, "a batch's output", [batch, height, width, channels])?;
        match *layer {
            LayerSpec::Conv { kernel, .. } => {
                let patches = [batch, height, width, kernel, kernel, input.channels];
                self.elements(name, "a batch's patches", patches)?;
                self.elements(name, "weights", [channels, kernel, kernel, input.channels])
            }
            LayerSpec::InnerProduct { outputs, .. } => {
                self.elements(name, "weights", [outputs, input.len()])
            }
            _ => Ok(()),
        }
    }

    fn multipliers(&self, layer: &LayerSpec) -> Result<(), NnError> {
        let values = layer.multipliers().map(Multipliers::all).into_iter().flatten();
        for (key, value) in Multipliers::KEYS.into_iter().zip(values) {
            if !(value.is_finite() && value >= 0.0) {
                return Err(self.refuse(layer.name(), format!("{key} of at least 0"), value));
            }
        }
        Ok(())
    }

    /// Number of the earlier layer `wanted`, which layer `name` reads.
    fn earlier(&self, plan: &NetPlan, name: &str, wanted: &str) -> Result<usize, NnError> {
        let position = plan.layers.iter().position(|layer| layer.spec.name() == wanted);
        position
            .ok_or_else(|| self.refuse(name, "the name of an earlier layer", format!("{wanted:?}")))
    }

    /// Refuses a layer whose output no layer reads.
    fn every_output_is_read(&self, plan: &NetPlan) -> Result<(), NnError> {
        let is_read = |index: usize| {
            let by = |layer: &LayerPlan| [layer.source, layer.added].contains(&Some(index));
            index + 1 == plan.layers.len() || plan.layers.iter().any(by)
        };
        match (0..plan.layers.len()).find(|index| !is_read(*index)) {
            None => Ok(()),
            Some(index) => {
                let expected = "a later layer that reads its output, as an add does by `with`";
                Err(self.refuse(plan.layers[index].spec.name(), expected, "none"))
            }
        }
    }

    /// Checks that the output `added` of an earlier layer reaches the shape of the sum `name`.
    fn sum(&self, name: &str, added: Shape, sum: Shape) -> Result<(), NnError> {
        let fit = Shortcut::new(added, sum).map(|_| ());
        fit.map_err(|misfit| self.refuse(name, misfit.expected, misfit.found))
    }

    fn output(&self, layer: &LayerSpec, input: Shape) -> Result<Shape, NnError> {
        let fit = match *layer {
            LayerSpec::Conv {
                channels_out,
                kernel,
                stride,
                padding,
                groups,
                input_gradient,
                ..
            } => {
                let window = Window { kernel, stride, padding };
                convolved(input, channels_out, groups, window).and_then(|output| {
                    fits_input_gradient(input_gradient, window, groups).map(|()| output)
                })
            }
            LayerSpec::InnerProduct { outputs, .. } => at_least_one("outputs", outputs)
                .map(|()| Shape { height: 1, width: 1, channels: outputs }),
            LayerSpec::BatchNorm(ref norm) => norm.check().map(|()| input),
            LayerSpec::Add(_) | LayerSpec::Branch(_) => Ok(input),
            ref other => other.host_output(input).expect("a host layer"),
        };
        fit.map_err(|misfit| self.refuse(layer.name(), misfit.expected, misfit.found))
    }
}

/// Checks that a convolution can have this GEMM for its input gradient.
fn fits_input_gradient(
    input_gradient: InputGradient,
    window: Window,
    groups: usize,
) -> Result<(), Misfit> {
    if input_gradient == InputGradient::Patches || (window.stride == 1 && groups == 1) {
        return Ok(());
    }
    let found = format!("stride {} and {groups} groups", window.stride);
    Err(Misfit::new("stride 1 and one group for input_gradient \"convolution\"", found))
}

fn convolved(
    input: Shape,
    channels_out: usize,
    groups: usize,
    window: Window,
) -> Result<Shape, Misfit> {
    at_least_one("channels_out", channels_out)?;
    at_least_one("groups", groups)?;
    for (what, channels) in [("input", input.channels), ("output", channels_out)] {
        if !channels.is_multiple_of(groups) {
            return Err(Misfit::new(
                format!("{what} channels that {groups} groups share"),
                channels,
            ));
        }
    }
    let padded = window.padded(input)?;
    let steps = |size: usize| (size - window.kernel) / window.stride + 1;
    Ok(Shape { height: steps(padded.height), width: steps(padded.width), channels: channels_out })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::dropout::DropoutSpec;
    use crate::layer::lrn::LrnSpec;
    use crate::layer::max_pool::MaxPoolSpec;

    #[test]
    fn lenet_has_the_published_shapes_and_tensors() {
        let plan = NetPlan::new(&NetSpec::lenet(), 64).unwrap();
        let shapes: Vec<_> = plan.layers().iter().map(|layer| layer.output.to_string()).collect();
        let expected = ["24x24x20", "12x12x20", "8x8x50", "4x4x50", "1x1x500", "1x1x500", "1x1x10"];
        assert_eq!(shapes, expected);
        let names: Vec<_> = plan.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names.len(), 13);
        assert_eq!(&names[..4], ["data", "conv1.weight", "conv1.bias", "conv1"]);
        let conv2 = &plan.layers()[2];
        assert_eq!((conv2.input_tensor, conv2.weight_tensor(), conv2.output_tensor), (3, 4, 6));
        let logits = TensorRole::Logits { gradient_integer_length: -6 };
        assert_eq!((plan.tensors()[12].role, plan.classes()), (logits, 10));
    }

    #[test]
    fn the_loss_gradient_is_bounded() {
        for batch in 1..300 {
            let bound = f64::powi(2.0, gradient_integer_length(batch));
            assert!(1.0 / batch as f64 <= bound && bound < 2.0 / batch as f64 + f64::EPSILON);
        }
    }

    fn misfit(layers: Vec<LayerSpec>) -> String {
        let input = Shape { height: 6, width: 5, channels: 2 };
        let spec = NetSpec { name: "odd".to_owned(), input, layers };
        NetPlan::new(&spec, 1).unwrap_err().to_string()
    }

    fn conv(kernel: usize, stride: usize, padding: usize) -> LayerSpec {
        LayerSpec::Conv {
            name: "c".to_owned(),
            channels_out: 3,
            kernel,
            stride,
            padding,
            groups: 1,
            input_gradient: InputGradient::Patches,
            multipliers: Multipliers::ONE,
        }
    }

    fn pool(kernel: usize, stride: usize) -> LayerSpec {
        LayerSpec::MaxPool(MaxPoolSpec { name: "p".to_owned(), kernel, stride, padding: 0 })
    }

    #[test]
    fn misfits_name_the_layer_expected_and_found() {
        assert_eq!(
            misfit(vec![conv(7, 1, 0)]),
            "network odd, layer c: expected an input of at least 7x7 with its padding, found 6x5x2"
        );
        assert!(misfit(vec![conv(3, 1, 3)]).contains("padding below the kernel size 3, found 3"));
        assert!(misfit(vec![conv(3, 0, 0)]).contains("stride of at least 1, found 0"));
        let grouped = LayerSpec::Conv {
            name: "c".to_owned(),
            channels_out: 9,
            kernel: 3,
            stride: 1,
            padding: 0,
            groups: 3,
            input_gradient: InputGradient::Patches,
            multipliers: Multipliers::ONE,
        };
        assert!(misfit(vec![grouped]).contains("input channels that 3 groups share, found 2"));
        let lrn = |size, k| {
            LayerSpec::Lrn(LrnSpec { name: "n".to_owned(), size, alpha: 1.0, beta: 0.5, k })
        };
        assert!(misfit(vec![lrn(4, 1.0)]).contains("layer n: expected an odd size, found 4"));
        assert!(misfit(vec![lrn(3, 0.0)]).contains("expected k above 0, found 0"));
        let dropout = LayerSpec::Dropout(DropoutSpec { name: "d".to_owned(), ratio: 1.0 });
        assert!(misfit(vec![dropout]).contains("ratio of at least 0 and below 1, found 1"));
        assert!(misfit(vec![pool(2, 3)]).contains("stride at most the kernel size 2, found 3"));
        assert!(misfit(vec![pool(2, 2)]).contains("at least one conv or inner-product"));
        let twice = misfit(vec![conv(3, 1, 0), conv(3, 1, 0)]);
        assert!(
            twice.contains("layer number 2: expected a name of its own, found \"c\""),
            "{twice}"
        );
    }

    /// The plan of layers in JSON, on images of 6 x 6 x 2.
    fn planned(layers: &str) -> Result<NetPlan, NnError> {
        let input = r#"{"height": 6, "width": 6, "channels": 2}"#;
        let spec = format!(r#"{{"name": "t", "input": {input}, "layers": [{layers}]}}"#);
        NetPlan::new(&serde_json::from_str(&spec).unwrap(), 4)
    }

    #[test]
    fn tensors_have_the_roles_of_what_reads_them() {
        let plan = planned(
            r#"{"type": "conv", "name": "a", "channels_out": 3, "kernel": 3, "padding": 1},
            {"type": "batch-norm", "name": "n"}, {"type": "relu", "name": "r"},
            {"type": "conv", "name": "b", "channels_out": 3, "kernel": 3, "padding": 1},
            {"type": "batch-norm", "name": "m"}, {"type": "add", "name": "s", "with": "b"},
            {"type": "branch", "name": "p", "from": "r"},
            {"type": "add", "name": "t", "with": "s"},
            {"type": "inner-product", "name": "c", "outputs": 2}"#,
        )
        .unwrap();
        let role = |name: &str| plan.tensors().iter().find(|t| t.name == name).unwrap().role;
        assert_eq!(role("a"), TensorRole::Normalized);
        assert_eq!(role("b"), TensorRole::Activation, "a sum reads it too");
        assert_eq!([role("n"), role("m"), role("s")], [TensorRole::HostOutput; 3]);
        assert_eq!(role("n.weight"), TensorRole::Normalization);
        assert_eq!(role("n.bias"), TensorRole::Normalization);
        assert!(matches!(role("c"), TensorRole::Logits { .. }));
        let tensor = |layer: usize| plan.layers()[layer].output_tensor;
        assert_eq!((tensor(2), tensor(6)), (tensor(1), tensor(1)), "a branch is the same tensor");
        assert_eq!((plan.layers()[7].source, plan.layers()[7].added), (Some(6), Some(5)));
        let shapes: Vec<_> = plan.weight_shapes();
        let named = |name: &str| shapes.iter().find(|(own, _)| own == name).unwrap().1.clone();
        assert_eq!((named("n.weight"), named("m.running_var")), (vec![3], vec![3]));
        assert_eq!(shapes.len(), 6 + 4 + 4);
    }

    #[test]
    fn sums_and_branches_that_lead_nowhere_are_refused() {
        let conv = r#"{"type": "conv", "name": "a", "channels_out": 3, "kernel": 3}"#;
        let last = r#"{"type": "inner-product", "name": "z", "outputs": 2}"#;
        let refuse = |layers: &str| planned(&format!("{conv}, {layers}")).unwrap_err().to_string();
        for (layers, expected) in [
            (
                format!(r#"{{"type": "add", "name": "s", "with": "z"}}, {last}"#),
                "layer s: expected the name of an earlier layer, found \"z\"",
            ),
            (
                format!(r#"{{"type": "add", "name": "s", "with": "s"}}, {last}"#),
                "layer s: expected the name of an earlier layer, found \"s\"",
            ),
            (
                format!(r#"{last}, {{"type": "add", "name": "s", "with": "a"}}"#),
                "layer s: expected a layer `with` of the shape 1x1x2 of the sum, or a larger one of \
                 at most 2 channels whose every n-th row and column give it, found 4x4x3",
            ),
            (
                format!(
                    r#"{{"type": "relu", "name": "r"}}, {{"type": "branch", "name": "p", "from": "a"}}, {last}"#
                ),
                "layer r: expected a later layer that reads its output, as an add does by `with`, \
                 found none",
            ),
            (
                format!(r#"{{"type": "batch-norm", "name": "n", "epsilon": 0}}, {last}"#),
                "layer n: expected epsilon above 0, found 0",
            ),
            (
                format!(r#"{{"type": "batch-norm", "name": "n", "momentum": 1.5}}, {last}"#),
                "layer n: expected momentum above 0 and at most 1, found 1.5",
            ),
        ] {
            assert_eq!(refuse(&layers), format!("network t, {expected}"));
        }
        for (keys, found) in [
            (r#""stride": 2"#, "stride 2 and 1 groups"),
            (r#""groups": 3"#, "stride 1 and 3 groups"),
        ] {
            let conv = r#"{"type": "conv", "name": "c", "channels_out": 3, "kernel": 3"#;
            let error = refuse(&format!(r#"{conv}, "input_gradient": "convolution", {keys}}}"#));
            let expected = "stride 1 and one group for input_gradient \"convolution\"";
            assert_eq!(error, format!("network t, layer c: expected {expected}, found {found}"));
        }
        let alone = planned(r#"{"type": "batch-norm", "name": "n"}"#).unwrap_err().to_string();
        assert!(
            alone.ends_with("expected at least one conv or inner-product, found none"),
            "{alone}"
        );
    }

    /// Each of these once caused a panic or an impossible allocation.
    #[test]
    fn sizes_beyond_memory_are_refused_before_memory_is_taken() {
        let refuse = |input: (usize, usize), layer: LayerSpec, batch: usize| {
            let input = Shape { height: input.0, width: input.1, channels: 1 };
            let spec = NetSpec { name: "t".to_owned(), input, layers: vec![layer] };
            NetPlan::new(&spec, batch).unwrap_err().to_string()
        };
        let full = |outputs| LayerSpec::InnerProduct {
            name: "i".to_owned(),
            outputs,
            multipliers: Multipliers::ONE,
        };
        assert_eq!(
            refuse((28, 28), full(1 << 40), 1),
            "network t, layer i: expected a batch's output of at most 1073741824 elements, found 1 \
             x 1 x 1 x 1099511627776"
        );
        let error = refuse((1 << 32, 1 << 32), full(10), 1);
        assert!(error.contains("layer input: expected an image of at most"), "{error}");
        let error = refuse((28, 28), full(10), usize::MAX);
        assert!(error.contains("found 18446744073709551615 x 28 x 28 x 1"), "{error}");
        let error = refuse((1 << 15, 1 << 14), full(1 << 10), 1);
        assert!(error.contains("weights of at most"), "{error}");
        let error = refuse((28, 28), conv(1 << 14, 1, (1 << 14) - 1), 1);
        assert!(error.contains("a batch's patches of at most"), "{error}");
        let error = refuse((28, 28), conv(usize::MAX, 1, usize::MAX - 1), 1);
        assert!(error.contains("kernel of at most"), "{error}");
        let spec = NetSpec {
            name: "t".to_owned(),
            input: Shape { height: 1, width: 1, channels: 1 },
            layers: vec![full(1); 4097],
        };
        let error = NetPlan::new(&spec, 1).unwrap_err().to_string();
        assert!(error.contains("at most 4096 layers, found 4097"), "{error}");
    }

    #[test]
    fn strides_padding_and_hanging_windows() {
        let input = Shape { height: 227, width: 227, channels: 3 };
        let spec = NetSpec {
            name: "alexnet-head".to_owned(),
            input,
            layers: vec![conv(11, 4, 0), pool(3, 2)],
        };
        let plan = NetPlan::new(&spec, 1).unwrap();
        assert_eq!(plan.layers()[0].output.to_string(), "55x55x3");
        assert_eq!(plan.layers()[1].output.to_string(), "27x27x3");
        // 6x5 by 2/2: the last column's window hangs over the edge.
        let check = Check { network: "t" };
        let odd = Shape { height: 6, width: 5, channels: 2 };
        assert_eq!(check.output(&pool(2, 2), odd).unwrap().to_string(), "3x3x2");
        assert_eq!(check.output(&conv(3, 2, 1), odd).unwrap().to_string(), "3x3x3");
    }
}
