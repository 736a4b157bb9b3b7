//! Malformed data files: each is refused by name, with what was expected and found.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use flexmac_dataset::{
    BatchMode, DataSource, DatasetError, FILES, Status, read_images, read_labels,
};
use tempfile::TempDir;

fn images(count: u32, height: u32, width: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    [count, height, width].iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
    bytes.extend((0..count * height * width).map(|i| i as u8));
    bytes
}

fn labels(values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 1];
    bytes.extend((values.len() as u32).to_be_bytes());
    bytes.extend(values);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn file(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    path
}

fn images_error(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, bytes);
    let error = read_images(&path).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
    error
}

#[test]
fn plain_and_gzipped_files_read_the_same() {
    let folder = TempDir::new().unwrap();
    let plain = read_images(&file(&folder, &images(3, 4, 5))).unwrap();
    assert_eq!((plain.count, plain.shape.to_string().as_str()), (3, "4x5x1"));
    assert_eq!(plain.pixels[59], 59);
    assert_eq!(read_images(&file(&folder, &gzip(&images(3, 4, 5)))).unwrap(), plain);
}

#[test]
fn wrong_magic() {
    let error = images_error(&labels(&[1, 2, 3]));
    assert!(error.contains("expected IDX magic [00, 00, 08, 03] (images), found [00, 00, 08, 01]"));
    let mut floats = images(1, 2, 2);
    floats[2] = 0x0d;
    assert!(images_error(&floats).contains("found [00, 00, 0d, 03]"));
}

#[test]
fn short_files() {
    for len in 0..4 {
        let error = images_error(&images(1, 2, 2)[..len]);
        assert!(error.contains("expected an IDX header of 16 bytes (images)"), "{error}");
    }
    assert!(images_error(&images(1, 2, 2)[..15]).contains("found 15 bytes"));
    let error = images_error(&images(2, 3, 3)[..30]);
    assert!(error.contains("expected 34 bytes for dimensions [2, 3, 3] (images)"), "{error}");
    assert!(error.contains("found 30 bytes, a short file"), "{error}");
}

#[test]
fn trailing_bytes() {
    let mut long = images(2, 3, 3);
    long.push(0);
    assert!(images_error(&long).contains("found 35 bytes, bytes after the end"));
}

#[test]
fn dimensions_that_no_memory_holds() {
    let mut huge = vec![0, 0, 8, 3];
    huge.extend([0xff; 12]);
    let error = images_error(&huge);
    assert!(error.contains("found 16 bytes, a short file"), "{error}");
}

#[test]
fn empty_images() {
    assert!(images_error(&images(4, 0, 3)).contains("images of at least 1x1 pixels, found 0x3x1"));
}

#[test]
fn damaged_gzip() {
    let whole = gzip(&images(9, 9, 9));
    assert!(images_error(&whole[..whole.len() / 2]).contains("a whole gzip stream"));
}

#[test]
fn labels_out_of_range() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, &labels(&[0, 9, 10, 11]));
    let error = read_labels(&path, 10).unwrap_err().to_string();
    assert!(error.ends_with("expected labels below 10, found label 10 at index 2"), "{error}");
    assert_eq!(read_labels(&path, 12).unwrap(), [0, 9, 10, 11]);
}

#[test]
fn a_missing_file_is_an_io_error_with_its_path() {
    let error = read_images(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(matches!(error, DatasetError::Io { .. }));
    assert_eq!(error.to_string(), "read /nowhere/at/all");
}

fn folder_with(train_labels: &[u8]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let parts = [images(3, 4, 5), labels(train_labels), gzip(&images(2, 4, 5)), labels(&[9, 0])];
    for (name, bytes) in FILES.iter().zip(parts) {
        let suffix = if bytes.starts_with(&[0x1f]) { ".gz" } else { "" };
        fs::write(folder.path().join(format!("{name}{suffix}")), bytes).unwrap();
    }
    folder
}

#[test]
fn a_folder_of_four_files_is_a_set() {
    let folder = folder_with(&[3, 1, 2]);
    let source = DataSource::parse(folder.path().to_str().unwrap());
    let set = source.load(1).unwrap();
    assert_eq!((set.train.len(), set.test.len(), set.train.label(0)), (3, 2, 3));
    let second = set.train.batch(&[1], BatchMode::Evaluation).unwrap();
    assert_eq!(second[0], 20.0 / 255.0);
    assert!(matches!(source.status(), Status::Ready(_)));
}

#[test]
fn counts_of_images_and_labels_must_agree() {
    let folder = folder_with(&[3, 1, 2, 4]);
    let error = DataSource::Folder(folder.path().to_owned()).load(1).unwrap_err().to_string();
    assert!(error.contains("expected 3 labels, one per image of"), "{error}");
    assert!(error.ends_with("found 4 labels"), "{error}");
}

#[test]
fn missing_sets_say_how_to_get_them() {
    let source = DataSource::parse("/nowhere");
    let error = source.load(1).unwrap_err().to_string();
    assert!(error.contains("expected /nowhere/train-images-idx3-ubyte or"), "{error}");
    assert!(matches!(source.status(), Status::Missing(_)));
    assert!(DataSource::FashionMnist.hint().contains("apt-get install dataset-fashion-mnist"));
    assert!(DataSource::Mnist.hint().contains("flexmac data fetch mnist"));
}
