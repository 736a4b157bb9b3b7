//! Runs the transcripts in ../errors/cases; ../errors/README.md says what they are.

use std::fs;
use std::path::Path;

use crate::support::npy::{Dtype, Matrix, encode, encode_as, encode_line};
use crate::support::{Bench, SMALL, difference, one_error, words};

/// Files that the commands name: operands good and bad, designs edited by hand, data sets.
fn fixtures() -> Bench {
    let bench = Bench::with_design(&SMALL);
    let file = |name: &str, bytes: Vec<u8>| fs::write(bench.path(name), bytes).unwrap();

    let a = Matrix::new(2, 3, [1, 2, 3, 4, 5, 6]);
    let b = Matrix::new(3, 2, [1, 2, 3, 4, 5, 6]);
    file("a.npy", encode(&a, Dtype::I32, false));
    file("b.npy", encode(&b, Dtype::I32, false));
    file("float32.npy", encode(&b, Dtype::F32, false));
    file("float64.npy", encode(&b, Dtype::F64, false));
    file("bool.npy", encode(&Matrix::filled(3, 2, 1), Dtype::Bool, false));
    file("line.npy", encode_line(&[1, 2, 3], Dtype::I32));
    file("cube.npy", encode_as(1, "<i4", false, "(2, 1, 1)", &[0; 8]));
    file("point.npy", encode_as(1, "<i4", false, "()", &[0; 4]));
    file("no-rows.npy", encode(&Matrix::filled(0, 3, 0), Dtype::I32, false));
    file("no-columns.npy", encode(&Matrix::filled(3, 0, 0), Dtype::I32, false));
    file("no-depth.npy", encode(&Matrix::filled(2, 0, 0), Dtype::I32, false));
    file("no-depth-b.npy", encode(&Matrix::filled(0, 2, 0), Dtype::I32, false));
    file("high.npy", encode(&Matrix::new(2, 3, [1, 2, 3, 4, 128, 129]), Dtype::I32, false));
    file("low.npy", encode(&Matrix::new(3, 2, [1, 2, 3, -9, 5, 6]), Dtype::I8, true));
    file("int64.npy", encode(&Matrix::new(2, 3, [1, 2, 3, 4, 1 << 40, 6]), Dtype::I64, false));
    file("uint32.npy", encode(&Matrix::new(2, 3, [1, 2, 3, 4, 5, 1 << 31]), Dtype::U32, false));
    file("uint64.npy", encode(&Matrix::new(2, 3, [1, 2, -1, 4, 5, 6]), Dtype::U64, false));
    let whole = encode(&a, Dtype::I32, false);
    file("truncated.npy", whole[..whole.len() - 5].to_vec());
    file("header-only.npy", whole[..40].to_vec());
    file("long.npy", [&whole[..], b"tail"].concat());
    file("empty.npy", Vec::new());
    file("text.npy", b"1 2 3\n".to_vec());
    file("huge.npy", encode_as(1, "<i4", false, "(1099511627776, 1099511627776)", &[0; 4]));
    file("negative.npy", encode_as(1, "<i4", false, "(-1, 3)", &[0; 12]));
    file("version9.npy", encode_as(9, "<i4", false, "(1, 1)", &[0; 4]));
    file("bias.npy", encode_line(&[1, -2], Dtype::I32));

    edited(&bench, "illegal", |text| {
        text.replace("\"rows\": 2", "\"rows\": 0").replace("\"chunk\": 4", "\"chunk\": 5")
    });
    edited(&bench, "cut", |text| text[..100].to_owned());
    edited(&bench, "blank", |_| String::new());
    edited(&bench, "listed", |_| "[]\n".to_owned());
    edited(&bench, "misspelt", |text| text.replace("\"rows\"", "\"row\""));
    edited(&bench, "worded", |text| text.replace("\"rows\": 2", "\"rows\": \"two\""));
    edited(&bench, "below-zero", |text| text.replace("\"rows\": 2", "\"rows\": -2"));
    edited(&bench, "fraction", |text| text.replace("\"rows\": 2", "\"rows\": 2.5"));
    edited(&bench, "odd-mode", |text| text.replace("\"nearest\"", "\"floor\""));
    edited(&bench, "odd-style", |text| text.replace("\"flex\"", "\"fp32\""));
    edited(&bench, "binary", |_| "\u{0}\u{1}".to_owned());
    edited(&bench, "no-list", |text| text.to_owned());
    fs::remove_file(bench.path("no-list/flexmac.f")).unwrap();
    edited(&bench, "no-module", |text| text.to_owned());
    fs::remove_file(bench.path("no-module/rtl/flexmac_pe.v")).unwrap();
    bench.run(&["gen", "--rounding", "truncate,stochastic", "--out", "no-nearest"]);

    fs::create_dir(bench.path("foreign")).unwrap();
    file("foreign/notes.txt", b"mine".to_vec());
    fs::create_dir(bench.path("broken-report")).unwrap();
    file("broken-report/report.json", b"{}\n".to_vec());
    data_set(&bench, "bad-labels", &[0, 1, 10], 3);
    data_set(&bench, "few-labels", &[0, 1], 3);
    data_set(&bench, "small-images", &[0, 1, 2], 3);
    data_set(&bench, "no-images", &[], 0);
    data_set(&bench, "cut-images", &[0, 1, 2], 3);
    let images = fs::read(bench.path("cut-images/train-images-idx3-ubyte")).unwrap();
    file("cut-images/train-images-idx3-ubyte", images[..images.len() - 1].to_vec());
    data_set(&bench, "no-idx", &[0, 1, 2], 3);
    file("no-idx/train-labels-idx1-ubyte", b"labels".to_vec());
    data_set(&bench, "bad-gzip", &[0, 1, 2], 3);
    file("bad-gzip/train-labels-idx1-ubyte", b"\x1f\x8b\x08half a stream".to_vec());
    data_set(&bench, "three-files", &[0, 1, 2], 3);
    fs::remove_file(bench.path("three-files/t10k-labels-idx1-ubyte")).unwrap();
    pictures(&bench);
    bench
}

/// Pictures good and bad, lists of them, photographs.
fn pictures(bench: &Bench) {
    let picture = |name: &str, side: u32| {
        let image = image::RgbImage::from_fn(side, side, |x, y| image::Rgb([x as u8, y as u8, 9]));
        image.save(bench.path(name)).unwrap();
    };
    let list = |name: &str, text: &str| fs::write(bench.path(name), text).unwrap();
    fs::create_dir(bench.path("lists")).unwrap();
    picture("lists/good.png", 40);
    list("lists/broken.png", "\u{89}PNG");
    let whole = fs::read(bench.path("lists/good.png")).unwrap();
    fs::write(bench.path("lists/cut.png"), &whole[..whole.len() - 40]).unwrap();
    list("lists/good.txt", "good.png 0\n");
    list("lists/no-label.txt", "good.png 0\ngood.png\n");
    list("lists/high-label.txt", "good.png 0\n\n# ten classes\ngood.png 10\n");
    list("lists/missing.txt", "good.png 0\nnone.png 1\n");
    list("lists/broken.txt", "broken.png 0\n");
    list("lists/cut.txt", "good.png 0\ncut.png 0\n");
    list("lists/empty.txt", "# nothing\n");
    fs::create_dir(bench.path("photos")).unwrap();
    picture("photos/one.png", 40);
    fs::copy(bench.path("photos/one.png"), bench.path("photos/again.png")).unwrap();
    fs::create_dir(bench.path("two-photos")).unwrap();
    picture("two-photos/one.png", 40);
    picture("two-photos/two.png", 30);
    fs::create_dir(bench.path("bad-photos")).unwrap();
    picture("bad-photos/one.png", 40);
    list("bad-photos/two.jpg", "no picture");
}

/// A copy of the design `d` whose config.json is edited.
fn edited(bench: &Bench, name: &str, edit: impl FnOnce(&str) -> String) {
    for (path, bytes) in bench.files("d") {
        let target = bench.path(name).join(&path);
        match path.strip_suffix('/') {
            Some(_) => fs::create_dir_all(target).unwrap(),
            None => {
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::write(target, bytes).unwrap();
            }
        }
    }
    let config = bench.path(name).join("config.json");
    fs::write(&config, edit(&fs::read_to_string(&config).unwrap())).unwrap();
}

/// A folder of IDX files: 2 x 2 images, the same in both splits.
fn data_set(bench: &Bench, name: &str, labels: &[u8], images: u32) {
    fs::create_dir(bench.path(name)).unwrap();
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let mut pixels: Vec<u8> = words(&[0x803, images, 2, 2]);
    pixels.extend(vec![7; images as usize * 4]);
    let mut classes: Vec<u8> = words(&[0x801, u32::try_from(labels.len()).unwrap()]);
    classes.extend(labels);
    for split in ["train", "t10k"] {
        let put = |what: &str, bytes: &[u8]| {
            fs::write(bench.path(name).join(format!("{split}-{what}-ubyte")), bytes).unwrap();
        };
        put("images-idx3", &pixels);
        put("labels-idx1", &classes);
    }
}

/// Runs every command of a transcript; returns the transcript as it is now.
fn replay(bench: &Bench, transcript: &str) -> String {
    let mut found = String::new();
    let mut commands = 0;
    for line in transcript.lines() {
        if line.starts_with("# ") {
            let gap = if found.is_empty() { "" } else { "\n" };
            found += &format!("{gap}{line}\n");
        }
        let Some(command) = line.strip_prefix("$ flexmac") else { continue };
        commands += 1;
        let before = bench.files("");
        let output = bench.command(&words(command)).output().unwrap();
        let error = one_error(&output);
        assert_eq!(output.status.code(), Some(2), "{line}\n{error}");
        assert_eq!(bench.files(""), before, "{line} changed the folder");
        found += &format!("{line}\n{}\n", error.trim_end());
    }
    assert!(commands > 0, "no command in the transcript");
    found
}

/// The transcript of one command group, compared with what happens.
fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/errors/cases");
    let path = folder.join(name);
    let transcript = fs::read_to_string(&path).unwrap();
    let found = replay(&fixtures(), &transcript);
    if std::env::var_os("UPDATE_ERRORS").is_some() {
        fs::write(&path, found).unwrap();
    } else if let Some(difference) = difference(&transcript, &found) {
        panic!("tests/errors/cases/{name}: - expected, + found\n{difference}");
    }
}

#[test]
fn gen_errors() {
    check("gen.txt");
}

#[test]
fn gemm_errors() {
    check("gemm.txt");
}

#[test]
fn design_errors() {
    check("design.txt");
}

#[test]
fn train_errors() {
    check("train.txt");
}

#[test]
fn data_errors() {
    check("data.txt");
}

#[test]
fn cost_errors() {
    check("cost.txt");
}

#[test]
fn power_errors() {
    check("power.txt");
}

#[test]
fn usage_errors() {
    check("usage.txt");
}

#[test]
fn every_transcript_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/errors/cases");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "cost.txt",
            "data.txt",
            "design.txt",
            "gemm.txt",
            "gen.txt",
            "power.txt",
            "train.txt",
            "usage.txt"
        ]
    );
}
