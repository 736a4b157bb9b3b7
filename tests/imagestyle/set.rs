//! Whole sets, from photographs made here: the same bytes from a seed, disjoint splits, errors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use flexmac_imagestyle::{
    Encoding, ImageStyleError, Manifest, SetConfig, SplitName, Style, make, photos_in,
};
use image::{Rgb, RgbImage};
use tempfile::TempDir;

const CONFIG: SetConfig =
    SetConfig { seed: 7, size: 24, per_style: 3, test_share: 0.34, encoding: Encoding::Jpeg };

/// Nobody interrupts.
static GO_ON: AtomicBool = AtomicBool::new(false);

/// Six photographs of stripes, each in colours and a direction of its own.
fn photographs() -> TempDir {
    let folder = TempDir::new().unwrap();
    for number in 0..6_u32 {
        let pixel = |x: u32, y: u32| {
            let stripe = (x * (number + 1) + y * (7 - number)) / 8 % 4;
            let shade = |by: u32| (40 * number + 60 * stripe + by * (x + y) / 2) as u8;
            Rgb([shade(1), shade(2), shade(3)])
        };
        let image = RgbImage::from_fn(60 + 30 * number, 50 + 10 * number, pixel);
        image.save(folder.path().join(format!("photo{number}.png"))).unwrap();
    }
    folder
}

/// Path and bytes of every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn set(
    config: &SetConfig,
    photos: &TempDir,
    threads: usize,
) -> (Manifest, BTreeMap<PathBuf, Vec<u8>>) {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("a/set");
    let photos = photos_in(&[photos.path().to_owned()]).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let manifest = pool.install(|| make(config, &photos, &out, &GO_ON)).unwrap();
    let beside: Vec<_> = fs::read_dir(out.parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "nothing is left of the staging folder");
    (manifest, files(&out))
}

#[test]
fn a_set_follows_from_its_seed_on_any_number_of_threads() {
    let photos = photographs();
    let (manifest, first) = set(&CONFIG, &photos, 1);
    assert_eq!(first.len(), 20 * 3 + 4);
    for threads in [1, 2, 3] {
        let (again, files) = set(&CONFIG, &photos, threads);
        assert!(again == manifest && files == first, "{threads} threads");
    }
    let (_, other) = set(&SetConfig { seed: 8, ..CONFIG }, &photos, 2);
    let same = first.iter().filter(|(name, bytes)| other.get(*name) == Some(*bytes));
    let same: Vec<_> = same.map(|(name, _)| name.display().to_string()).collect();
    assert_eq!(same, ["style_names.txt", "test.txt", "train.txt"]);
}

#[test]
fn no_photograph_is_in_both_splits() {
    let photos = photographs();
    // The same photograph again under another name is not another photograph.
    fs::copy(photos.path().join("photo0.png"), photos.path().join("copy.png")).unwrap();
    for seed in 0..8 {
        let (manifest, _) = set(&SetConfig { seed, ..CONFIG }, &photos, 2);
        assert_eq!(manifest.photographs.len(), 6);
        for (split, name) in
            [(&manifest.train, SplitName::Train), (&manifest.test, SplitName::Test)]
        {
            for picture in &split.pictures {
                assert_eq!(manifest.photographs[picture.photograph].split, name);
            }
        }
        let test = |split: &SplitName| *split == SplitName::Test;
        assert_eq!(manifest.photographs.iter().filter(|photo| test(&photo.split)).count(), 2);
        assert_eq!((manifest.train.pictures.len(), manifest.test.pictures.len()), (40, 20));
    }
}

#[test]
fn lists_name_every_picture_and_its_label() {
    for (encoding, extension) in [(Encoding::Jpeg, "jpg"), (Encoding::Png, "png")] {
        let (manifest, files) = set(&SetConfig { encoding, ..CONFIG }, &photographs(), 2);
        for (list, split) in [("train.txt", &manifest.train), ("test.txt", &manifest.test)] {
            let text = String::from_utf8(files[Path::new(list)].clone()).unwrap();
            assert_eq!(text.lines().count(), 20 * split.per_style);
            for line in text.lines() {
                let (path, label) = line.split_once(' ').unwrap();
                let style = Style::ALL[label.parse::<usize>().unwrap()];
                assert_eq!(path.split('/').nth(1).unwrap(), style.folder());
                assert!(path.ends_with(extension), "{path}");
                let image = image::load_from_memory(&files[Path::new(path)]).unwrap();
                assert_eq!((image.width(), image.height()), (24, 24));
            }
        }
        let names = String::from_utf8(files[Path::new("style_names.txt")].clone()).unwrap();
        assert_eq!(names.lines().nth(6), Some("Long Exposure"));
        let json: serde_json::Value =
            serde_json::from_slice(&files[Path::new("manifest.json")]).unwrap();
        assert_eq!(json["photographs"][0]["sha256"].as_str().unwrap().len(), 64);
        assert_eq!((&json["config"]["seed"], &json["styles"][3]), (&7.into(), &"Noir".into()));
    }
}

#[test]
fn mistakes_are_named_and_nothing_is_left() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("set");
    let fails = |config: &SetConfig, photos: &Path, words: &[&str]| {
        let error: ImageStyleError = photos_in(&[photos.to_owned()])
            .and_then(|photos| make(config, &photos, &out, &GO_ON))
            .unwrap_err();
        for word in words {
            assert!(error.to_string().contains(word), "{word:?} is not in: {error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{error}");
    };
    let photos = photographs();
    let here = photos.path();
    fails(&SetConfig { size: 15, ..CONFIG }, here, &["size of 16 to 1024 pixels, found 15"]);
    fails(&SetConfig { per_style: 1, ..CONFIG }, here, &["pictures per style from 2 to 100000"]);
    fails(&SetConfig { test_share: 1.0, ..CONFIG }, here, &["test share between 0 and 1, found 1"]);
    fails(&SetConfig { size: 90, ..CONFIG }, here, &["photo", "expected at least 90x90 pixels"]);
    fails(&CONFIG, &here.join("none"), &["read the photographs of", "none"]);
    let empty = TempDir::new().unwrap();
    fails(&CONFIG, empty.path(), &["expected at least 2 different ones, found 0"]);
    fs::copy(here.join("photo1.png"), empty.path().join("only.png")).unwrap();
    fails(&CONFIG, empty.path(), &["found 1 in "]);
    fs::write(here.join("broken.jpg"), b"\xff\xd8\xffnothing").unwrap();
    fails(&CONFIG, here, &["broken.jpg: expected a JPEG or PNG picture, found"]);

    fs::remove_file(here.join("broken.jpg")).unwrap();
    let photos = photos_in(&[here.to_owned()]).unwrap();
    fs::create_dir(&out).unwrap();
    make(&CONFIG, &photos, &out, &GO_ON).unwrap();
    let error = make(&CONFIG, &photos, &out, &GO_ON).unwrap_err().to_string();
    assert!(error.contains("to be new or an empty folder, found"), "{error}");
}

#[test]
fn a_set_that_is_stopped_leaves_nothing() {
    let photographs = photographs();
    let photos = photos_in(&[photographs.path().to_owned()]).unwrap();
    let folder = TempDir::new().unwrap();
    let stopped = make(&CONFIG, &photos, &folder.path().join("set"), &AtomicBool::new(true));
    assert!(matches!(stopped, Err(ImageStyleError::Stopped)), "{stopped:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
