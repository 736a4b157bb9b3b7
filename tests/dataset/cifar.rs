//! The binary version of CIFAR-10 and CIFAR-100, in folders.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use flexmac_dataset::{BatchMode, DataSource, Dataset, DatasetError, InputSpec, ListOptions};
use flexmac_nn::Shape;
use tempfile::TempDir;

const SHAPE: Shape = Shape { height: 32, width: 32, channels: 3 };

/// Names and first pictures of CIFAR-10's files of two pictures each.
const TEN: [(&str, u8); 6] = [
    ("data_batch_1.bin", 0),
    ("data_batch_2.bin", 2),
    ("data_batch_3.bin", 4),
    ("data_batch_4.bin", 6),
    ("data_batch_5.bin", 8),
    ("test_batch.bin", 10),
];

/// The pixel of a picture: another one at each place, within what a byte distinguishes.
fn pixel(picture: u8, channel: usize, row: usize, column: usize) -> u8 {
    (usize::from(picture) * 31 + channel * 101 + row * 7 + column * 3) as u8
}

/// A record: labels, then the planes of red, green and blue.
fn record(labels: &[u8], picture: u8) -> Vec<u8> {
    let mut bytes = labels.to_vec();
    for channel in 0..3 {
        for row in 0..32 {
            bytes.extend((0..32).map(|column| pixel(picture, channel, row, column)));
        }
    }
    bytes
}

fn ten(folder: &Path) {
    for (name, first) in TEN {
        let records = [record(&[first % 10], first), record(&[(first + 1) % 10], first + 1)];
        fs::write(folder.join(name), records.concat()).unwrap();
    }
}

fn hundred(folder: &Path) {
    fs::write(folder.join("train.bin"), [record(&[19, 99], 0), record(&[3, 7], 1)].concat())
        .unwrap();
    fs::write(folder.join("test.bin"), record(&[0, 42], 2)).unwrap();
}

fn load(source: &DataSource, classes: usize) -> Result<Dataset, DatasetError> {
    source.load_for(1, InputSpec { shape: SHAPE, classes }, &ListOptions::default())
}

fn check_picture(set: &flexmac_dataset::Split, number: usize, picture: u8) {
    let values = set.batch(&[number], BatchMode::Evaluation).unwrap();
    for row in 0..32 {
        for column in 0..32 {
            for channel in 0..3 {
                let found = values[(row * 32 + column) * 3 + channel];
                let expected = f64::from(pixel(picture, channel, row, column)) / 255.0;
                assert_eq!(found, expected, "{picture}: {row}, {column}, {channel}");
            }
        }
    }
}

#[test]
fn the_six_files_of_cifar_10_are_a_set() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let source = DataSource::parse(folder.path().to_str().unwrap());
    let set = load(&source, 10).unwrap();
    assert_eq!((set.train.len(), set.test.len(), set.train.shape()), (10, 2, SHAPE));
    for picture in 0..10 {
        assert_eq!(set.train.label(picture), picture as u8);
        check_picture(&set.train, picture, picture as u8);
    }
    assert_eq!((set.test.label(0), set.test.label(1)), (0, 1));
    check_picture(&set.test, 1, 11);

    // Gzipped, it is the same.
    let plain = fs::read(folder.path().join("test_batch.bin")).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&plain).unwrap();
    fs::write(folder.path().join("test_batch.bin.gz"), packed.finish().unwrap()).unwrap();
    fs::remove_file(folder.path().join("test_batch.bin")).unwrap();
    assert_eq!(load(&source, 10).unwrap(), set);
}

#[test]
fn cifar_100_has_fine_and_coarse_labels() {
    let folder = TempDir::new().unwrap();
    hundred(folder.path());
    let labels = |set: &Dataset| (set.train.label(0), set.train.label(1), set.test.label(0));
    let path = folder.path().to_owned();
    let fine = load(&DataSource::Folder(path.clone()), 100).unwrap();
    assert_eq!(labels(&fine), (99, 7, 42));
    let coarse = load(&DataSource::CoarseCifar100(path.clone()), 20).unwrap();
    assert_eq!(labels(&coarse), (19, 3, 0));
    for set in [&fine, &coarse] {
        check_picture(&set.train, 1, 1);
        check_picture(&set.test, 0, 2);
    }
    let error = load(&DataSource::Folder(path), 20).unwrap_err().to_string();
    assert!(error.ends_with("expected labels below 20, found label 99 in record 0"), "{error}");

    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let coarse = DataSource::CoarseCifar100(folder.path().to_owned());
    let error = load(&coarse, 20).unwrap_err().to_string();
    assert!(error.contains("expected CIFAR-100, which has coarse labels"), "{error}");
}

#[test]
fn files_that_are_missing_or_damaged_are_named() {
    let folder = TempDir::new().unwrap();
    let source = DataSource::Folder(folder.path().to_owned());
    let error = |classes| load(&source, classes).unwrap_err().to_string();
    for (name, _) in TEN {
        ten(folder.path());
        fs::remove_file(folder.path().join(name)).unwrap();
        let found = error(10);
        assert!(found.contains(&format!("/{name} or {name}.gz, found nothing there")), "{found}");
    }
    ten(folder.path());
    let path = folder.path().join("data_batch_3.bin");
    for bytes in [vec![], vec![0; 3072], vec![0; 3074], vec![0; 2 * 3073 - 1]] {
        fs::write(&path, &bytes).unwrap();
        let found = error(10);
        let expected = format!(
            "data_batch_3.bin: expected records of 3073 bytes (labels, then 32x32x3 pixels), found \
             {} bytes",
            bytes.len()
        );
        assert!(found.ends_with(&expected), "{found}");
    }
    fs::write(&path, [record(&[9], 0), record(&[10], 0)].concat()).unwrap();
    // A network of more classes does not make the file a right one.
    for classes in [10, 300] {
        let found = error(classes);
        assert!(found.ends_with("expected labels below 10, found label 10 in record 1"), "{found}");
    }
    fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
    assert!(error(10).contains("data_batch_3.bin: expected a whole gzip stream"));
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("train.bin"), record(&[0, 1], 0)).unwrap();
    let found = load(&DataSource::Folder(folder.path().to_owned()), 100).unwrap_err().to_string();
    assert!(found.contains("/test.bin or test.bin.gz, found nothing there"), "{found}");
}
