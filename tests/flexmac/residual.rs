//! Residual networks from the command line: checked against RTL, resumed, exported, on moved images.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Normalizations, a sum whose shortcut skips places and adds channels, and a projected shortcut.
const NETWORK: &str = r#"
name = "residual"
input = { height = 28, width = 28, channels = 1 }
layers = [
  { type = "conv", name = "a", channels_out = 3, kernel = 3, stride = 4 },
  { type = "batch-norm", name = "n", bias_decay_mult = 0 },
  { type = "relu", name = "r" },
  { type = "conv", name = "b", channels_out = 5, kernel = 3, padding = 1, stride = 2 },
  { type = "batch-norm", name = "m", momentum = 0.2 },
  { type = "add", name = "s", with = "r" },
  { type = "relu", name = "q" },
  { type = "branch", name = "p", from = "r" },
  { type = "conv", name = "d", channels_out = 5, kernel = 1, stride = 2 },
  { type = "add", name = "t", with = "q" },
  { type = "inner-product", name = "e", outputs = 10 },
]
"#;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("net.toml"), NETWORK).unwrap();
        Self(folder)
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn flexmac(&self, flags: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_flexmac"))
            .args(flags)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn succeed(&self, flags: &[&str]) -> String {
        let output = self.flexmac(flags);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, flags: &[&str], words: &str) {
        let output = self.flexmac(flags);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }

    /// A run of the network to `out`.
    fn train(&self, out: &str, iterations: &str, more: &[&str]) -> String {
        let flags = ["train", "--net", "net.toml", "--data", "synthetic", "--batch", "8"];
        let rest = ["--policy", "planewise", "--iters", iterations, "--out", out];
        self.succeed(&[&flags[..], &rest, more].concat())
    }

    /// The history and every file of the weights.
    fn results(&self, out: &str) -> Vec<(String, Vec<u8>)> {
        let run = self.0.path().join(out);
        let weights = fs::read_dir(run.join("weights")).unwrap();
        let mut paths: Vec<_> = weights.map(|entry| entry.unwrap().path()).collect();
        paths.push(run.join("history.jsonl"));
        paths.sort();
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
    }
}

#[test]
fn every_tile_of_a_residual_network_equals_the_rtl() {
    let folder = Folder::new();
    let gen_flags = ["gen", "--rows", "3", "--cols", "5", "--lanes", "3", "--chunk", "4"];
    folder.succeed(&[&gen_flags[..], &["--max-k", "64", "--out", "array"]].concat());
    let checked = ["--config", "array", "--engine", "checked", "--skip-planes"];
    let said = folder.train("checked", "3", &checked);
    assert!(said.contains("mismatches 0") && said.contains("all were checked"), "{said}");
    folder.train("reference", "3", &["--config", "array", "--skip-planes"]);
    let (checked, reference) = (folder.results("checked"), folder.results("reference"));
    for ((name, checked), (_, reference)) in checked.iter().zip(&reference) {
        // The history counts the tiles that were checked.
        assert!(name == "history.jsonl" || checked == reference, "{name}");
    }
    assert_eq!(checked.len(), reference.len());
}

#[test]
fn running_means_survive_an_interruption() {
    let folder = Folder::new();
    folder.train("whole", "14", &["--eval-every", "5", "--eval-images", "32"]);
    folder.train("halved", "6", &["--eval-every", "5", "--eval-images", "32"]);
    folder.succeed(&["train", "--resume", "--iters", "14", "--out", "halved"]);
    let (whole, halved) = (folder.results("whole"), folder.results("halved"));
    assert_eq!(whole.len(), halved.len());
    for ((name, whole), (_, halved)) in whole.iter().zip(&halved) {
        // The history has the accuracy at the end of the first part.
        assert!(name == "history.jsonl" || whole == halved, "{name} differs");
    }
    let has = |name: &str| whole.iter().any(|(found, _)| found == name);
    assert!(
        has("n.running_mean.npy") && has("m.running_var.npy") && !has("n.running_var.momentum.npy")
    );
}

#[test]
fn exported_weights_have_scale_shift_and_running_numbers() {
    let folder = Folder::new();
    folder.train("first", "20", &[]);
    for format in ["safetensors", "npz"] {
        let file = format!("w.{format}");
        folder.succeed(&["weights", "export", "first", "--format", format, "--out", &file]);
        // Where training starts is where it ended: the next losses are low at once.
        folder.train(format, "2", &["--init-weights", &file]);
    }
    assert!(folder.results("npz") == folder.results("safetensors"));
    folder.train("random", "2", &[]);
    assert!(folder.results("npz") != folder.results("random"));
    // A network without normalizations has no use for theirs, and a file of such a network lacks them.
    let plain = NETWORK.replace("\"batch-norm\"", "\"relu\"").replace(", bias_decay_mult = 0", "");
    fs::write(folder.at("plain.toml"), plain.replace(", momentum = 0.2", "")).unwrap();
    let flags = ["train", "--data", "synthetic", "--iters", "1", "--init-weights"];
    let output = folder.flexmac(&[&flags[..], &["w.npz", "--net", "plain.toml"]].concat());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("skipped what the network has not") && text.contains("n.running_mean"),
        "{text}"
    );
    let plain = ["train", "--net", "plain.toml", "--data", "synthetic", "--iters", "1"];
    folder.succeed(&[&plain[..], &["--out", "plain"]].concat());
    folder.succeed(&["weights", "export", "plain", "--format", "npz", "--out", "plain.npz"]);
    let words = "tensor n.weight: expected one of shape [3]";
    folder.refused(&[&flags[..], &["plain.npz", "--net", "net.toml"]].concat(), words);
}

#[test]
fn moved_and_mirrored_images_replay_and_change_training_only() {
    let folder = Folder::new();
    let weights = |out: &str| {
        let results = folder.results(out).into_iter();
        results.filter(|(name, _)| name != "history.jsonl").collect::<Vec<_>>()
    };
    let trained = |flags: &[&str]| {
        let out = format!("run-{}", flags.concat());
        folder.train(&out, "4", flags);
        weights(&out)
    };
    let plain = trained(&[]);
    assert!(trained(&["--pad", "0", "--mirror", "false"]) == plain);
    let moved = trained(&["--pad", "3"]);
    let mirrored = trained(&["--mirror", "true"]);
    assert!(moved != plain && mirrored != plain && moved != mirrored);
    folder.train("resumed", "2", &["--pad", "3"]);
    folder.succeed(&["train", "--resume", "--iters", "4", "--out", "resumed"]);
    assert!(weights("resumed") == moved, "every iteration has its own moves");
    folder.refused(&["train", "--resume", "--out", "resumed", "--pad", "2"], "pad");
}
