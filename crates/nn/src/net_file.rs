//! Reads network descriptions from TOML: the shipped ones and any file.
//!
//! Layers are parsed one by one after the rest of the file, so that an error about an unknown key
//! names the layer. Parsing everything at once would name only the list of layers.

use std::path::Path;

use flexmac_fileio::bounded;
use serde::Deserialize;
use toml::Value;

use crate::error::NnError;
use crate::spec::{LayerSpec, Multipliers, NetSpec, Shape};

/// Name and text of each network in `nets/`.
const SHIPPED: [(&str, &str); 7] = [
    ("lenet", include_str!("../nets/lenet.toml")),
    ("lenet-small", include_str!("../nets/lenet-small.toml")),
    ("mlp", include_str!("../nets/mlp.toml")),
    ("cifar", include_str!("../nets/cifar.toml")),
    ("resnet20", include_str!("../nets/resnet20.toml")),
    ("alexnet", include_str!("../nets/alexnet.toml")),
    ("alexnet-small", include_str!("../nets/alexnet-small.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetFile {
    name: String,
    input: Shape,
    layers: Vec<Value>,
}

/// Gathers the multipliers of a layer with parameters, which a file has beside its other keys, in
/// the part that [`LayerSpec`] has for them.
fn with_multipliers(mut layer: Value) -> Value {
    let kind = layer.get("type").and_then(Value::as_str);
    let has_parameters = matches!(kind, Some("conv" | "inner-product" | "batch-norm"));
    if let Some(keys) = layer.as_table_mut().filter(|_| has_parameters)
        && !keys.contains_key("multipliers")
    {
        let found = Multipliers::KEYS.into_iter().filter_map(|key| keys.remove_entry(key));
        let found: toml::Table = found.collect();
        if !found.is_empty() {
            keys.insert("multipliers".to_owned(), Value::Table(found));
        }
    }
    layer
}

impl NetSpec {
    /// Names of the shipped networks.
    pub const NAMES: [&'static str; SHIPPED.len()] = {
        let mut names = [""; SHIPPED.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = SHIPPED[index].0;
            index += 1;
        }
        names
    };

    /// The shipped network of this name.
    ///
    /// # Errors
    /// [`NnError::NetworkName`], with the known names.
    pub fn by_name(name: &str) -> Result<Self, NnError> {
        match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            Some((_, text)) => Self::parse(text, name),
            None => Err(NnError::NetworkName {
                expected: Self::NAMES.join(", "),
                found: name.to_owned(),
            }),
        }
    }

    /// The shipped network of this name with the multipliers of its description in Caffe:
    /// `lenet_train_test.prototxt`, `cifar10_quick_train_test.prototxt`, and `train_val.prototxt` of
    /// `bvlc_alexnet`. Biases learn twice as fast as weights, and those of AlexNet do not decay.
    ///
    /// # Errors
    /// [`NnError::NetworkName`] for a network that is not Caffe's, with the names of those that are.
    pub fn by_name_with_caffe_multipliers(name: &str) -> Result<Self, NnError> {
        let twice = Multipliers { bias_lr_mult: 2.0, ..Multipliers::ONE };
        let multipliers = match name {
            "lenet" | "cifar" => twice,
            "alexnet" => Multipliers { bias_decay_mult: 0.0, ..twice },
            _ => {
                let expected = "lenet, cifar, alexnet".to_owned();
                return Err(NnError::NetworkName { expected, found: name.to_owned() });
            }
        };
        let mut spec = Self::by_name(name)?;
        spec.set_multipliers(multipliers);
        Ok(spec)
    }

    /// Loads a network: a file if `name` ends in `.toml`, else a shipped network.
    ///
    /// # Errors
    /// [`NnError::NetworkName`] for an unknown name; [`NnError::Io`] for a file that cannot be
    /// read; [`NnError::Layer`] for a malformed description, with the file and the layer.
    pub fn load(name: &str) -> Result<Self, NnError> {
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Self::by_name(name);
        }
        let text = bounded::text(path, bounded::TEXT).map_err(NnError::io("read network", path))?;
        Self::parse(&text, name)
    }

    /// Parses a description; `source` is its file or name in errors.
    fn parse(text: &str, source: &str) -> Result<Self, NnError> {
        let refuse = |layer: String, expected: &str, error: toml::de::Error| NnError::Layer {
            network: source.to_owned(),
            layer,
            expected: expected.to_owned(),
            found: error.to_string().trim().to_owned(),
        };
        let expected = "a network: name, input and a list of layers";
        let file: NetFile =
            toml::from_str(text).map_err(|error| refuse("list".to_owned(), expected, error))?;
        let layer = |(index, layer): (usize, Value)| {
            let name = match layer.get("name").and_then(Value::as_str) {
                Some(name) => name.to_owned(),
                None => format!("number {}", index + 1),
            };
            LayerSpec::deserialize(with_multipliers(layer))
                .map_err(|error| refuse(name, "a layer with the keys of its type", error))
        };
        let layers = file.layers.into_iter().enumerate().map(layer).collect::<Result<_, _>>()?;
        Ok(Self { name: file.name, input: file.input, layers })
    }

    /// LeNet as in Caffe's `lenet_train_test.prototxt`, which Na and Mukhopadhyay train too:
    /// 431,080 parameters.
    pub fn lenet() -> Self {
        Self::by_name("lenet").expect(SOUND)
    }

    /// A network with one hidden layer of 16 units, for tests: 12,730 parameters.
    pub fn mlp() -> Self {
        Self::by_name("mlp").expect(SOUND)
    }
}

const SOUND: &str = "a test parses every shipped network";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::NetPlan;

    /// Weights and biases of a network.
    fn parameters(plan: &NetPlan) -> usize {
        let count = |layer: &crate::plan::LayerPlan| match layer.spec {
            LayerSpec::Conv { kernel, groups, .. } => {
                (kernel * kernel * layer.input.channels / groups + 1) * layer.output.channels
            }
            LayerSpec::InnerProduct { outputs, .. } => (layer.input.len() + 1) * outputs,
            LayerSpec::BatchNorm(_) => 2 * layer.output.channels,
            _ => 0,
        };
        plan.layers().iter().map(count).sum()
    }

    #[test]
    fn every_shipped_network_is_sound_and_of_its_known_size() {
        // Caffe's `bvlc_alexnet` has 60,965,224 parameters for 1000 classes; this one has 20
        // classes. ResNet-20's 269,722 have 688 biases of convolutions beside them.
        let known =
            [431_080, 11_978, 12_730, 145_578, 269_722 + 688, 60_965_224 - 980 * 4097, 1_289_332];
        for (name, size) in NetSpec::NAMES.into_iter().zip(known) {
            let spec = NetSpec::by_name(name).unwrap();
            assert_eq!(spec.name, name);
            let plan = NetPlan::new(&spec, 64).unwrap();
            assert_eq!(parameters(&plan), size, "{name}");
        }
        let error = NetSpec::by_name("lenet5").unwrap_err().to_string();
        let names = "lenet, lenet-small, mlp, cifar, resnet20, alexnet, alexnet-small";
        assert_eq!(error, format!("network: expected one of {names}, found \"lenet5\""));
    }

    #[test]
    fn alexnet_has_the_published_shapes() {
        let plan = NetPlan::new(&NetSpec::by_name("alexnet").unwrap(), 1).unwrap();
        let shape = |name: &str| {
            let layer = plan.layers().iter().find(|layer| layer.spec.name() == name).unwrap();
            layer.output.to_string()
        };
        let names = ["conv1", "pool1", "conv2", "pool2", "conv4", "pool5", "fc6", "fc8"];
        let expected = [
            "55x55x96",
            "27x27x96",
            "27x27x256",
            "13x13x256",
            "13x13x384",
            "6x6x256",
            "1x1x4096",
            "1x1x20",
        ];
        assert_eq!(names.map(shape), expected);
    }

    #[test]
    fn multipliers_are_keys_of_layers_with_parameters() {
        let head = "name = 'n'\ninput = { height = 4, width = 4, channels = 1 }\n";
        let layers = "layers = [
            { type = 'conv', name = 'c', kernel = 3, channels_out = 2, bias_lr_mult = 2, bias_decay_mult = 0 },
            { type = 'relu', name = 'r' },
            { type = 'inner-product', name = 'i', outputs = 2, lr_mult = 0.5, decay_mult = 3 },
            { type = 'inner-product', name = 'o', outputs = 2 },
        ]";
        let spec = NetSpec::parse(&format!("{head}{layers}"), "my.toml").unwrap();
        let found: Vec<_> =
            spec.layers.iter().map(|layer| layer.multipliers().map(Multipliers::all)).collect();
        assert_eq!(
            found,
            [Some([1.0, 1.0, 2.0, 0.0]), None, Some([0.5, 3.0, 1.0, 1.0]), Some([1.0; 4])]
        );
        // A run's config.json holds them, and of a layer without any it is as it was.
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<NetSpec>(&text).unwrap(), spec);
        assert!(text.ends_with(r#"{"type":"inner-product","name":"o","outputs":2}]}"#), "{text}");
        let error =
            misfit(&format!("{head}layers = [{{ type = 'relu', name = 'r', lr_mult = 1 }}]"));
        assert!(error.contains("unknown field `lr_mult`"), "{error}");
        let error = misfit(&format!(
            "{head}layers = [{{ type = 'inner-product', name = 'i', outputs = 1, lr_mult = 'x' }}]"
        ));
        assert!(error.contains("layer i") && error.contains("expected f64"), "{error}");
        for (value, found) in [("-1", "-1"), ("nan", "NaN"), ("inf", "inf")] {
            let text = format!(
                "{head}layers = [{{ type = 'inner-product', name = 'i', outputs = 1, bias_lr_mult = {value} }}]"
            );
            let spec = NetSpec::parse(&text, "my.toml").unwrap();
            let error = NetPlan::new(&spec, 1).unwrap_err().to_string();
            let expected =
                format!("network n, layer i: expected bias_lr_mult of at least 0, found {found}");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn the_multipliers_of_caffe_are_those_of_its_prototxt() {
        for (name, bias_decay) in [("lenet", 1.0), ("cifar", 1.0), ("alexnet", 0.0)] {
            let spec = NetSpec::by_name_with_caffe_multipliers(name).unwrap();
            let found: Vec<_> = spec.layers.iter().filter_map(LayerSpec::multipliers).collect();
            assert!(found.len() >= 4);
            assert!(found.iter().all(|of| of.all() == [1.0, 1.0, 2.0, bias_decay]), "{name}");
            let plain = NetSpec::by_name(name).unwrap();
            assert!(
                plain
                    .layers
                    .iter()
                    .filter_map(LayerSpec::multipliers)
                    .all(|of| of.all() == [1.0; 4])
            );
        }
        for name in ["mlp", "lenet-small", "my.toml"] {
            let error = NetSpec::by_name_with_caffe_multipliers(name).unwrap_err().to_string();
            let expected =
                format!("network: expected one of lenet, cifar, alexnet, found {name:?}");
            assert_eq!(error, expected);
        }
    }

    fn misfit(text: &str) -> String {
        NetSpec::parse(text, "my.toml").unwrap_err().to_string()
    }

    #[test]
    fn mistakes_name_file_layer_and_key() {
        let head = "name = 'n'\ninput = { height = 4, width = 4, channels = 1 }\n";
        let error = misfit(&format!("{head}layers = [{{ type = 'relu', name = 'r', slope = 1 }}]"));
        assert!(error.starts_with("network my.toml, layer r: expected a layer"), "{error}");
        assert!(error.contains("unknown field `slope`"), "{error}");
        let error = misfit(&format!("{head}layers = [{{ type = 'conv', kernel = 3 }}]"));
        assert!(error.starts_with("network my.toml, layer number 1:"), "{error}");
        assert!(error.contains("missing field `name`"), "{error}");
        let error = misfit(&format!("{head}layers = [{{ type = 'convolve', name = 'c' }}]"));
        assert!(error.contains("unknown variant `convolve`, expected one of `conv`"), "{error}");
        let error = misfit(&format!("{head}layers = []\nbatch = 3"));
        assert!(error.contains("unknown field `batch`"), "{error}");
        assert!(misfit("layers = [").contains("expected a network"));
        let error = NetSpec::load("/nowhere/n.toml").unwrap_err().to_string();
        assert_eq!(error, "read network /nowhere/n.toml");
    }
}
