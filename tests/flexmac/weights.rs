//! Weights from one run into another: `flexmac weights export` and `train --init-weights`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use tempfile::TempDir;

use crate::support::npy::encode_as;

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

/// The bytes of a zip file of these entries, stored or deflated.
fn zip(deflate: bool, entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    let (mut file, mut directory) = (vec![], vec![]);
    for (name, bytes) in entries {
        let mut packed = bytes.clone();
        if deflate {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            packed = encoder.finish().unwrap();
        }
        let (sum, from) = (crc(bytes), file.len() as u32);
        let mut about = vec![20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 33, 0];
        about.extend(sum.to_le_bytes());
        about.extend((packed.len() as u32).to_le_bytes());
        about.extend((bytes.len() as u32).to_le_bytes());
        about.extend((name.len() as u16).to_le_bytes());
        about.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&about);
        file.extend(name.as_bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&about);
        directory.extend([0; 10]);
        directory.extend(from.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (from, count) = (file.len() as u32, entries.len() as u16);
    let end = [&[0; 4][..], &count.to_le_bytes(), &count.to_le_bytes()].concat();
    file.extend(&directory);
    file.extend(b"PK\x05\x06");
    file.extend(end);
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(from.to_le_bytes());
    file.extend([0, 0]);
    file
}

/// An array as NumPy writes it.
fn npy(descriptor: &str, shape: &str, elements: Vec<u8>) -> Vec<u8> {
    encode_as(1, descriptor, false, shape, &elements)
}

/// Weights of the network of [`one`], exact in every type: an eighth of -24 to 24.
fn weight(index: usize) -> f64 {
    ((index * 7) % 49) as f64 / 8.0 - 3.0
}

/// The float16 of such a number.
fn half(value: f64) -> u16 {
    if value == 0.0 {
        return 0;
    }
    let (sign, magnitude) = (u16::from(value < 0.0) << 15, value.abs());
    let exponent = magnitude.log2().floor() as i32;
    let fraction = (magnitude / 2_f64.powi(exponent) - 1.0) * 1024.0;
    sign | ((exponent + 15) as u16) << 10 | fraction as u16
}

type Encode = fn(f64) -> Vec<u8>;

/// NumPy's descriptors of floats, and what they mean.
const ENCODINGS: [(&str, Encode); 6] = [
    ("<f2", |value| half(value).to_le_bytes().to_vec()),
    (">f2", |value| half(value).to_be_bytes().to_vec()),
    ("<f4", |value| (value as f32).to_le_bytes().to_vec()),
    (">f4", |value| (value as f32).to_be_bytes().to_vec()),
    ("<f8", |value| value.to_le_bytes().to_vec()),
    (">f8", |value| value.to_be_bytes().to_vec()),
];

/// A network of one inner product of 784 x 10.
fn one(folder: &Path) -> String {
    let net = folder.join("one.toml");
    let text = "name = 'one'\ninput = { height = 28, width = 28, channels = 1 }\n\
                layers = [{ type = 'inner-product', name = 'ip1', outputs = 10 }]";
    fs::write(&net, text).unwrap();
    net.display().to_string()
}

fn weights_of_one(encode: Encode) -> (Vec<u8>, Vec<u8>) {
    let weight = (0..7840).flat_map(|index| encode(weight(index))).collect();
    let bias = (0..10).flat_map(|index| encode(self::weight(index + 3))).collect();
    (weight, bias)
}

fn train(net: &str, file: &Path, out: &Path, more: &[&str]) -> Output {
    let (file, out) = (file.display().to_string(), out.display().to_string());
    let args = ["--data", "synthetic", "--iters", "1", "--batch", "4", "--policy", "static"];
    let first = ["train", "--net", net, "--init-weights", &file, "--out", &out, "--force"];
    flexmac(&[&first[..], &args, more].concat())
}

fn trained(out: &Path) -> Vec<Vec<u8>> {
    let names = ["ip1.weight", "ip1.bias"].map(|name| format!("weights/{name}.npy"));
    names.map(|name| fs::read(out.join(name)).unwrap()).into()
}

#[test]
fn floats_of_every_width_and_order_are_read_exactly_stored_or_deflated() {
    let folder = TempDir::new().unwrap();
    let net = one(folder.path());
    let out = folder.path().join("out");
    let mut first = None;
    let mut check = |file: &Path| {
        let output = train(&net, file, &out, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}", file.display());
        let weights = trained(&out);
        assert!(*first.get_or_insert(weights.clone()) == weights, "{}", file.display());
        assert!(!stderr.contains("skipped"), "{stderr}");
    };
    for (descriptor, encode) in ENCODINGS {
        for deflate in [false, true] {
            let (weight, bias) = weights_of_one(encode);
            let entries = [
                ("ip1.weight.npy", npy(descriptor, "(10, 784)", weight)),
                ("ip1.bias.npy", npy(descriptor, "(10,)", bias)),
            ];
            let file = folder.path().join(format!("w{}{deflate}.npz", &descriptor[1..]));
            fs::write(&file, zip(deflate, &entries)).unwrap();
            check(&file);
        }
    }
    let brain: Encode = |value| (value as f32).to_le_bytes()[2..].to_vec();
    for (dtype, encode) in
        [("BF16", brain), ("F16", ENCODINGS[0].1), ("F32", ENCODINGS[2].1), ("F64", ENCODINGS[4].1)]
    {
        let file = folder.path().join("w.safetensors");
        fs::write(&file, safetensors(dtype, encode, "")).unwrap();
        check(&file);
    }
}

/// A file of safetensors with the weights of [`one`], and `more` in its header.
fn safetensors(dtype: &str, encode: Encode, more: &str) -> Vec<u8> {
    let (weight, bias) = weights_of_one(encode);
    let (split, end) = (weight.len(), weight.len() + bias.len());
    let entry = |shape: &str, from: usize, to: usize| {
        format!("{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
    };
    let (weight_entry, bias_entry) = (entry("[10,784]", 0, split), entry("[10]", split, end));
    let header = format!("{{{more}\"ip1.weight\":{weight_entry},\"ip1.bias\":{bias_entry}}}");
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &weight, &bias].concat()
}

#[test]
fn entries_that_the_network_has_not_are_skipped_with_one_note() {
    let folder = TempDir::new().unwrap();
    let net = one(folder.path());
    let (out, file) = (folder.path().join("out"), folder.path().join("w.npz"));
    let (weight, bias) = weights_of_one(ENCODINGS[2].1);
    let own = [
        ("ip1.weight.npy", npy("<f4", "(10, 784)", weight)),
        ("ip1.bias.npy", npy("<f4", "(10,)", bias)),
    ];
    fs::write(&file, zip(false, &own)).unwrap();
    assert!(train(&net, &file, &out, &[]).status.success());
    let alone = trained(&out);
    let others = [
        ("epoch.npy", npy("<i8", "()", vec![3, 0, 0, 0, 0, 0, 0, 0])),
        ("classes.npy", npy("<U1", "(2,)", vec![97, 0, 0, 0, 98, 0, 0, 0])),
        ("optimizer.npy", npy("|O", "()", b"\x80\x03N.".to_vec())),
        ("fc9.weight.npy", npy("<f4", "(1, 1)", vec![0, 0, 192, 127])),
        ("readme.txt", b"hello".to_vec()),
        ("a\x1b[2J.npy", npy("<f4", "(1,)", vec![0; 4])),
        // Another program's, not flexmac's.
        ("formats.npy", npy("<i4", "(1,)", vec![0; 4])),
    ];
    for deflate in [false, true] {
        fs::write(&file, zip(deflate, &[&own[..], &others].concat())).unwrap();
        let output = train(&net, &file, &out, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let notes: Vec<_> = stderr.lines().filter(|line| line.contains("skipped")).collect();
        let names = "w.npz: skipped what the network has not: epoch, classes, optimizer, \
                     fc9.weight, readme.txt, a\\u{1b}[2J, formats";
        assert!(notes.len() == 1 && notes[0].ends_with(names), "{stderr}");
        assert!(trained(&out) == alone);
    }
    let file = folder.path().join("w.safetensors");
    let epoch = "\"epoch\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[0,0]},";
    fs::write(&file, safetensors("F32", ENCODINGS[2].1, epoch)).unwrap();
    let output = train(&net, &file, &out, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("skipped what the network has not: epoch\n"), "{stderr}");
    assert!(trained(&out) == alone);
}

#[test]
fn tensors_that_are_missing_or_of_another_type_or_shape_are_refused() {
    let folder = TempDir::new().unwrap();
    let net = one(folder.path());
    let file = folder.path().join("w.npz");
    let (weight, bias) = weights_of_one(ENCODINGS[2].1);
    let good = ("ip1.weight.npy", npy("<f4", "(10, 784)", weight.clone()));
    let longs = [0; 80].to_vec();
    let cases = [
        (
            ("ip1.b.npy", npy("<f4", "(10,)", bias.clone())),
            "tensor ip1.bias: expected one of shape [10], found none of that name; the file has \
             ip1.b, ip1.weight",
        ),
        (
            ("ip1.bias.npy", npy("<i8", "(10,)", longs)),
            "tensor ip1.bias: expected float16, float32 or float64, found the element type '<i8'",
        ),
        (("ip1.bias.npy", npy("<V2", "(10,)", vec![0; 20])), "found the element type '<V2'"),
        (
            ("ip1.bias.npy", npy("<f4", "(10, 1)", bias.clone())),
            "tensor ip1.bias: expected shape [10], found [10, 1]",
        ),
        (
            ("ip1.bias.npy", npy("<f4", "(9,)", bias.clone())),
            "found 40 bytes for shape [9] of '<f4'",
        ),
        (
            ("ip1.bias.npy", npy("<f4", "(10,)", bias[..39].to_vec())),
            "found 39 bytes for shape [10] of '<f4'",
        ),
        (("ip1.bias.npy", b"x".to_vec()), "tensor ip1.bias: expected float16, float32 or float64"),
    ];
    for (bad, expected) in cases {
        fs::write(&file, zip(true, &[good.clone(), bad])).unwrap();
        let output = train(&net, &file, &folder.path().join("out"), &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{expected}: {stderr}");
        assert!(stderr.contains(expected), "{expected:?} is not in: {stderr}");
        assert_eq!(stderr.trim().lines().count(), 1, "{stderr}");
        assert!(!folder.path().join("out").exists());
    }
    // A few kilobytes that would be much more than the network takes.
    let zeros = vec![0; 80 << 20];
    let bomb = ("ip1.bias.npy", npy("<f4", "(20971520,)", zeros));
    fs::write(&file, zip(true, &[good, bomb])).unwrap();
    let output = train(&net, &file, &folder.path().join("out"), &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("tensor ip1.bias: expected at most 67108864 bytes, found more"));
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    // Any bit of the packed data that flips is found by the checksum or before.
    let good = [("ip1.weight.npy", weight), ("ip1.bias.npy", bias)].map(|(name, data)| {
        (name, npy("<f4", if name.contains('w') { "(10, 784)" } else { "(10,)" }, data))
    });
    let whole = zip(true, &good);
    for at in [50, 100, 150] {
        let mut torn = whole.clone();
        torn[at] ^= 4;
        fs::write(&file, torn).unwrap();
        let output = train(&net, &file, &folder.path().join("out"), &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("w.npz: expected a whole npz file"), "{at}: {stderr}");
    }
}

#[test]
fn columns_behind_a_convolution_are_taken_in_the_order_that_is_named() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let word = |name: &str| at(name).display().to_string();
    let run = ["train", "--net", "lenet-small", "--data", "synthetic", "--batch", "4"];
    let few = ["--policy", "static", "--iters", "2", "--out"];
    succeed(&[&run[..], &few, &[&word("run")]].concat());
    let export = |order: &[&str], name: &str| {
        let file = word(name);
        let args = ["weights", "export", &word("run"), "--format", "npz", "--out", &file];
        let output = flexmac(&[&args[..], order].concat());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        stderr
    };
    let told = |stderr: &str, order: &str| {
        let line = format!("columns of ip1.weight (of 4x4x16) are ordered by {order}");
        assert!(stderr.contains(&line), "{line:?} is not in: {stderr}");
    };
    told(&export(&[], "own.npz"), "row, column, channel (hwc");
    told(&export(&["--order", "hwc"], "hwc.npz"), "row, column, channel (hwc");
    told(&export(&["--order", "chw"], "chw.npz"), "channel, row, column (chw");
    assert!(fs::read(at("own.npz")).unwrap() == fs::read(at("hwc.npz")).unwrap());

    // What PyTorch would have made of the same weights: element (channel, row, column) of each row.
    let read = |name: &str| values(&fs::read(at(name)).unwrap(), "ip1.weight.npy");
    let (own, chw) = (read("own.npz"), read("chw.npz"));
    assert!(own != chw && own.len() % 256 == 0);
    for (own, chw) in own.chunks(256).zip(chw.chunks(256)) {
        for channel in 0..16 {
            for row in 0..4 {
                for column in 0..4 {
                    let there = chw[channel * 16 + row * 4 + column];
                    assert_eq!(there, own[row * 64 + column * 16 + channel]);
                }
            }
        }
    }
    let bias = |name: &str| values(&fs::read(at(name)).unwrap(), "ip1.bias.npy");
    assert_eq!(bias("own.npz"), bias("chw.npz"));

    let start = |file: &str, order: &[&str], out: &str| {
        let (file, out) = (word(file), word(out));
        let args = [&run[..], &few, &[&out, "--init-weights", &file], order].concat();
        let output = flexmac(&args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        stderr
    };
    told(&start("own.npz", &[], "a"), "row, column, channel (hwc");
    told(&start("chw.npz", &["--init-order", "chw"], "b"), "channel, row, column (chw");
    start("own.npz", &["--init-order", "hwc"], "c");
    start("chw.npz", &[], "d");
    let end = |out: &str| fs::read(at(out).join("weights/ip1.weight.npy")).unwrap();
    assert!(end("a") == end("b") && end("a") == end("c"), "the same weights in either order");
    assert!(end("a") != end("d"), "another order, other weights");
    let config = |out: &str| fs::read_to_string(at(out).join("config.json")).unwrap();
    assert!(!config("a").contains("init-order") && config("b").contains("init-order"));

    // A run that lost its checkpoints begins again in its own order.
    let kept = end("b");
    for lost in ["checkpoints", "weights"] {
        fs::remove_dir_all(at("b").join(lost)).unwrap();
    }
    succeed(&["train", "--resume", "--out", &word("b")]);
    assert!(end("b") == kept);
    let resume = ["train", "--resume", "--init-order", "chw", "--init-weights"];
    refused(
        &[&resume[..], &[&word("own.npz"), "--out", &word("a")]].concat(),
        &["--init-order: expected none, as the resumed run was started without, found chw"],
    );
    refused(&["train", "--init-order", "chw"], &["--init-weights"]);
    refused(
        &[&run[..], &["--init-weights", &word("own.npz"), "--init-order", "nchw"]].concat(),
        &["expected hwc (row, column, channel) or chw (channel, row, column)"],
    );
}

/// The floats of an entry of an npz file that is stored: single precision, little-endian.
fn values(zip: &[u8], entry: &str) -> Vec<f32> {
    let at = zip.windows(entry.len()).position(|bytes| bytes == entry.as_bytes()).unwrap();
    let npy = &zip[at..];
    let npy = &npy[npy.windows(6).position(|bytes| bytes == b"\x93NUMPY").unwrap()..];
    let header = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    let text = String::from_utf8_lossy(&npy[10..header]);
    assert!(text.contains("<f4"), "{text}");
    let shape = text.split(['(', ')']).nth(1).unwrap();
    let elements = shape.split(',').filter_map(|n| n.trim().parse::<usize>().ok()).product();
    let data = npy[header..].chunks(4).take(elements);
    data.map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

#[test]
fn a_network_without_such_columns_says_nothing_of_their_order() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    succeed(&[&RUN[..], &["1", "--out", &at("run")]].concat());
    let export = ["weights", "export", &at("run"), "--format", "npz", "--out", &at("w.npz")];
    let output = flexmac(&[&export[..], &["--order", "chw"]].concat());
    assert!(output.status.success() && output.stderr.is_empty());
    let chw = fs::read(folder.path().join("w.npz")).unwrap();
    succeed(&export);
    assert!(fs::read(folder.path().join("w.npz")).unwrap() == chw);
    let output = flexmac(&[&RUN[..], &["1", "--init-weights", &at("w.npz")]].concat());
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("columns of"));
}
