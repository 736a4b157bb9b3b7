//! Small files that mean gigabytes, and files without an end: each is one clear error of the program,
//! within the memory stated in docs/robustness.md, and leaves nothing behind.

use std::fs;
use std::io::Write;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::npy::{Dtype, Matrix, encode_as};
use crate::support::{Bench, SMALL, one_error, words};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Address space of the program: twice the bound of a file of data, as a buffer grows, and its own.
const MEMORY_KIB: u32 = 3_000_000;

fn limited(bench: &Bench, line: &str) -> Output {
    let script = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_flexmac")])
        .args(words(line))
        .current_dir(bench.path(""))
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .unwrap()
}

/// Requires exit 2, one error that contains `expected`, and the folder as it was.
fn refused(bench: &Bench, line: &str, expected: &str) {
    let before = bench.files("");
    let begin = Instant::now();
    let output = limited(bench, line);
    let progress = |line: &&str| !line.starts_with("synth: ");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "flexmac {line}: {:?}\n{stderr}", output.status);
    let error = one_error(&output);
    assert!(error.contains(expected), "flexmac {line}: {expected:?} is not in {error}");
    assert!(error.lines().filter(progress).count() <= 12, "{error}");
    assert!(begin.elapsed() < Duration::from_secs(60), "flexmac {line}");
    let (before, after) =
        (before.keys().collect::<Vec<_>>(), bench.files("").into_keys().collect::<Vec<_>>());
    let after: Vec<_> = after.iter().collect();
    assert_eq!(before, after, "flexmac {line}");
}

/// A gzip file of `head` and more than a gibibyte of zeros: the same member again and again.
fn gzip_bomb(head: &[u8]) -> Vec<u8> {
    let member = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    [member(head), member(&vec![0; 16 << 20]).repeat(65)].concat()
}

#[test]
fn operands_that_declare_more_than_they_hold_take_no_memory_and_no_time() {
    let bench = Bench::with_design(&SMALL);
    bench.write("b.npy", &Matrix::new(3, 2, [1, 2, 3, 4, 5, 6]));
    let huge = encode_as(1, "<i4", false, "(1000000, 1000000)", &[0; 64]);
    fs::write(bench.path("huge.npy"), huge).unwrap();
    let long = [&b"\x93NUMPY\x02\x00\xff\xff\xff\xff"[..], b"x"].concat();
    fs::write(bench.path("header.npy"), long).unwrap();
    bench.write_as("f.npy", &Matrix::new(3, 2, [1, 2, 3, 4, 5, 6]), Dtype::F32, false);
    let gemm = |a: &str| {
        format!(
            "gemm --config d --engine reference --a {a} --b b.npy --bits-a 8 --bits-b 8 --out c.npy"
        )
    };
    let expected = "expected the 1000000000000 elements of its shape, found 64 bytes";
    refused(&bench, &gemm("huge.npy"), expected);
    refused(&bench, &gemm("header.npy"), "expected a header of 4294967295 bytes, found 1");
    // A parser that goes back and tries again doubles its time with every level.
    let header = format!("{{'shape': (1,), 'descr': {}\n", "{'a':".repeat(40));
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let deep = [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &[0; 8]].concat();
    fs::write(bench.path("deep.npy"), deep).unwrap();
    refused(&bench, &gemm("deep.npy"), "expected an array of plain numbers, found \"{'shape'");
    refused(&bench, &gemm("/dev/zero"), "expected at most 1073741824 bytes, found more");
    fs::File::create(bench.path("hole.npy")).unwrap().set_len(1 << 40).unwrap();
    let output = limited(&bench, &gemm("hole.npy"));
    assert!(one_error(&output).contains("expected at most 1073741824 bytes, found 1099511627776"));
}

#[test]
fn archives_that_unpack_without_end_are_refused() {
    let bench = Bench::with_design(&SMALL);
    fs::create_dir(bench.path("data")).unwrap();
    let images = [&[0, 0, 8, 3][..], &1_400_000_u32.to_be_bytes(), &[0, 0, 0, 28, 0, 0, 0, 28]];
    fs::write(bench.path("data/train-images-idx3-ubyte.gz"), gzip_bomb(&images.concat())).unwrap();
    for name in ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::write(bench.path("data").join(name), b"").unwrap();
    }
    let line = "train --net mlp --iters 1 --data data --out run";
    refused(&bench, line, "expected at most 1073741824 bytes unpacked, found more");
    fs::write(bench.path("bomb.lib.gz"), gzip_bomb(b"library (x) { /*")).unwrap();
    let output = limited(&bench, "synth --config d --liberty bomb.lib.gz --out s");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("cannot decompress bomb.lib.gz: expected at most 1073741824"),
        "{error}"
    );
}

#[test]
fn pictures_of_a_gigapixel_are_refused() {
    let bench = Bench::new();
    let mut png = Vec::new();
    let image = image::GrayImage::new(1, 1);
    image.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    // Width and height in the header, and its checksum.
    png[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    fs::write(bench.path("p.png"), png).unwrap();
    for list in ["train.txt", "test.txt"] {
        fs::write(bench.path(list), "p.png 0\n").unwrap();
    }
    let line = "train --net lenet --iters 1 --data train.txt,test.txt --out run";
    refused(
        &bench,
        line,
        "train.txt, line 1: expected a PNG or JPEG picture, found p.png: Memory limit",
    );
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc: u32, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[test]
fn networks_and_flags_beyond_memory_are_refused() {
    let bench = Bench::with_design(&SMALL);
    bench.write("a.npy", &Matrix::new(1, 1, [1]));
    let net = |layers: &str| {
        let input = "{ height = 28, width = 28, channels = 1 }";
        let text = format!("name = 'n'\ninput = {input}\nlayers = [{layers}]\n");
        fs::write(bench.path("n.toml"), text).unwrap();
    };
    let train = "train --data synthetic --iters 1 --out run --net";
    net("{ type = 'inner-product', name = 'i', outputs = 1000000000000 }");
    refused(&bench, &format!("{train} n.toml"), "of at most 1073741824 elements, found 64 x 1 x");
    net(
        "{ type = 'conv', name = 'c', channels_out = 1, kernel = 3000000000, padding = 2999999999 }",
    );
    refused(&bench, &format!("{train} n.toml"), "kernel of at most 1073741824, found 3000000000");
    fs::write(bench.path("n.toml"), "a=".to_owned() + &"[".repeat(100_000)).unwrap();
    refused(&bench, &format!("{train} n.toml"), "expected a network: name, input and a list");
    let batch = format!("{train} mlp --batch 18446744073709551615");
    refused(&bench, &batch, "elements, found 18446744073709551615 x 28 x 28 x 1");
    let threads = "gemm --config d --engine rtl --a a.npy --b a.npy --bits-a 8 --bits-b 8 --out c.npy \
                   --threads 1000000";
    refused(&bench, threads, "'--threads <N>': expected a number from 1 to 1024");
    let arrays = format!("{train} mlp --arrays 1000000");
    refused(&bench, &arrays, "'--arrays <N>': expected a number from 1 to 1024");
}
