//! Weights from one run into another: `flexmac weights export` and `train --init-weights`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const RUN: [&str; 10] = [
    "train",
    "--net",
    "mlp",
    "--data",
    "synthetic",
    "--batch",
    "8",
    "--policy",
    "static",
    "--iters",
];

fn flexmac(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flexmac")).args(flags).output().unwrap()
}

fn succeed(flags: &[&str]) {
    let output = flexmac(flags);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn refused(flags: &[&str], words: &[&str]) {
    let output = flexmac(flags);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

fn weights(run: &Path) -> Vec<Vec<u8>> {
    ["ip1.weight", "ip1.bias", "ip2.weight", "ip2.bias", "ip1.weight.momentum"]
        .map(|name| fs::read(run.join("weights").join(format!("{name}.npy"))).unwrap())
        .into()
}

#[test]
fn exported_weights_start_another_run_from_either_format() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    succeed(&[&RUN[..], &["8", "--out", &at("first")]].concat());
    for format in ["safetensors", "npz"] {
        let file = at(&format!("w.{format}"));
        succeed(&["weights", "export", &at("first"), "--format", format, "--out", &file]);
        let out = at(format);
        succeed(&[&RUN[..], &["5", "--init-weights", &file, "--out", &out]].concat());
    }
    let (npz, safetensors) = (folder.path().join("npz"), folder.path().join("safetensors"));
    assert!(weights(&npz) == weights(&safetensors));
    succeed(&[&RUN[..], &["5", "--out", &at("random")]].concat());
    assert!(weights(&npz) != weights(&folder.path().join("random")));

    // A run that lost its checkpoints begins again, from the same first weights.
    let kept = weights(&npz);
    fs::remove_dir_all(npz.join("checkpoints")).unwrap();
    fs::remove_dir_all(npz.join("weights")).unwrap();
    succeed(&["train", "--resume", "--out", &at("npz")]);
    assert!(weights(&npz) == kept);
    // Unless they are other ones by now.
    fs::remove_dir_all(npz.join("checkpoints")).unwrap();
    succeed(&["weights", "export", &at("random"), "--format", "npz", "--out", &at("w.npz")]);
    refused(&["train", "--resume", "--out", &at("npz")], &["first weights: expected"]);
}

#[test]
fn weights_that_do_not_fit_name_the_tensor() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    succeed(&[&RUN[..], &["1", "--out", &at("run")]].concat());
    let file = at("w.npz");
    succeed(&["weights", "export", &at("run"), "--format", "npz", "--out", &file]);
    let other = ["train", "--net", "lenet-small", "--data", "synthetic", "--init-weights", &file];
    refused(
        &other,
        &["w.npz, tensor conv1.weight: expected one of shape [8, 5, 5, 1], found none"],
    );

    let net = at("wide.toml");
    let layers = "{ type = 'inner-product', name = 'ip1', outputs = 17 }, \
                  { type = 'inner-product', name = 'ip2', outputs = 10 }";
    let text = format!(
        "name = 'wide'\ninput = {{ height = 28, width = 28, channels = 1 }}\nlayers = [{layers}]"
    );
    fs::write(&net, text).unwrap();
    let other = ["train", "--net", &net, "--data", "synthetic", "--init-weights", &file];
    refused(&other, &["tensor ip1.weight: expected shape [17, 784], found [16, 784]"]);
    fs::write(&file, "PK").unwrap();
    let torn = ["train", "--net", "mlp", "--data", "synthetic", "--init-weights", &file];
    refused(&torn, &["w.npz: expected a whole npz file"]);
    refused(
        &["weights", "export", &at("none"), "--format", "npz", "--out", &file],
        &["config.json"],
    );
}
