//! Sets of IDX files whose names or layout differ from MNIST's: EMNIST, QMNIST, KMNIST.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use flexmac_dataset::{
    BatchMode, DataSource, Dataset, DatasetError, FILES, InputSpec, ListOptions, Split, read_labels,
};
use flexmac_nn::Shape;
use tempfile::TempDir;

/// Images of 2 rows and 3 columns; each pixel tells its place.
fn images(count: u32) -> Vec<u8> {
    let head = [2051, count, 2, 3].map(u32::to_be_bytes).concat();
    let pixels = (0..count).flat_map(|image| (0..6).map(move |at| (image * 10 + at) as u8));
    head.into_iter().chain(pixels).collect()
}

fn labels(values: &[u8]) -> Vec<u8> {
    [&[2049, values.len() as u32].map(u32::to_be_bytes).concat()[..], values].concat()
}

/// QMNIST's labels: rows of eight numbers.
fn rows(values: &[i32]) -> Vec<u8> {
    let mut bytes = [0x0c02, values.len() as u32, 8].map(u32::to_be_bytes).concat();
    for (index, label) in values.iter().enumerate() {
        let row = [*label, 4, 1000, index as i32, 36, 999_999, 0, -1];
        bytes.extend(row.map(i32::to_be_bytes).concat());
    }
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes the four files of a set of 3 and 2 images, some of them packed.
fn write(folder: &Path, set: &str, train: &[u8], test: &[u8], packed: bool) {
    let files = [
        ("train-images-idx3-ubyte", images(3)),
        ("train-labels-idx1-ubyte", train.to_vec()),
        ("test-images-idx3-ubyte", images(2)),
        ("test-labels-idx1-ubyte", test.to_vec()),
    ];
    for (name, bytes) in files {
        // Integers have names of their own.
        let name =
            if bytes[2] == 12 { name.replace("idx1-ubyte", "idx2-int") } else { name.into() };
        let (suffix, bytes) = if packed { (".gz", gzip(&bytes)) } else { ("", bytes) };
        fs::write(folder.join(format!("{set}-{name}{suffix}")), bytes).unwrap();
    }
}

fn load(path: &str, classes: usize) -> Result<Dataset, DatasetError> {
    let shape = Shape { height: 3, width: 2, channels: 1 };
    let spec = InputSpec { shape, classes };
    DataSource::parse(path).load_for(1, spec, &ListOptions::default())
}

fn pixels(split: &Split, number: usize) -> Vec<u8> {
    let values = split.batch(&[number], BatchMode::Evaluation).unwrap();
    values.iter().map(|value| (value * 255.0).round() as u8).collect()
}

fn label_list(split: &Split) -> Vec<u8> {
    (0..split.len()).map(|number| split.label(number)).collect()
}

/// Some archives unpack to `train-images.idx3-ubyte`.
#[test]
fn names_may_have_a_dot_before_idx() {
    let dotted = |folder: &Path| {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replace("-idx", ".idx");
            fs::rename(&path, folder.join(name)).unwrap();
        }
    };
    for packed in [false, true] {
        for set in ["emnist-digits", "kmnist"] {
            let folder = TempDir::new().unwrap();
            let place = folder.path().to_str().unwrap();
            write(folder.path(), set, &labels(&[1, 9, 2]), &labels(&[3, 0]), packed);
            let expected = load(place, 10).unwrap();
            dotted(folder.path());
            assert_eq!(load(place, 10).unwrap(), expected);
            assert_eq!(load(&format!("{place}/{set}"), 10).unwrap(), expected);
        }
        // A folder of MNIST's four names.
        let folder = TempDir::new().unwrap();
        let place = folder.path().to_str().unwrap();
        write(folder.path(), "set", &labels(&[1, 9, 2]), &labels(&[3, 0]), packed);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replace("set-", "");
            fs::rename(&path, folder.path().join(name.replace("test-", "t10k-"))).unwrap();
        }
        let expected = load(place, 10).unwrap();
        dotted(folder.path());
        assert_eq!(load(place, 10).unwrap(), expected);
        fs::remove_file(folder.path().join("t10k-labels.idx1-ubyte")).ok();
        fs::remove_file(folder.path().join("t10k-labels.idx1-ubyte.gz")).ok();
        let error = load(place, 10).unwrap_err().to_string();
        assert!(error.contains("t10k-labels-idx1-ubyte"), "{error}");
    }
}

#[test]
fn emnist_is_transposed_and_its_letters_begin_with_one() {
    for packed in [false, true] {
        let folder = TempDir::new().unwrap();
        let place = folder.path().to_str().unwrap();
        write(folder.path(), "emnist-letters", &labels(&[1, 26, 2]), &labels(&[3, 1]), packed);
        let set = load(place, 26).unwrap();
        assert_eq!((label_list(&set.train), label_list(&set.test)), (vec![0, 25, 1], vec![2, 0]));
        assert_eq!(set.train.shape().to_string(), "3x2x1");
        // Stored as rows 0 1 2, 3 4 5.
        assert_eq!(pixels(&set.train, 0), [0, 3, 1, 4, 2, 5]);
        assert_eq!(pixels(&set.test, 1), [10, 13, 11, 14, 12, 15]);
        // Named, as one of a folder or as four files, it is the same set.
        assert_eq!(load(&format!("{place}/emnist-letters"), 26).unwrap(), set);
        let ends =
            ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"];
        let suffix = if packed { ".gz" } else { "" };
        let files = ends.map(|end| format!("{place}/emnist-letters-{end}-ubyte{suffix}"));
        assert_eq!(load(&files.join(","), 26).unwrap(), set);
        let error = load(place, 25).unwrap_err().to_string();
        assert!(error.ends_with("expected labels from 1 to 25, found label 26 at index 1"));

        // The other sets begin with 0.
        write(folder.path(), "emnist-balanced", &labels(&[0, 46, 2]), &labels(&[3, 1]), packed);
        let set = load(&format!("{place}/emnist-balanced"), 47).unwrap();
        assert_eq!(label_list(&set.train), [0, 46, 2]);
        assert_eq!(pixels(&set.train, 0), [0, 3, 1, 4, 2, 5]);
        let error = load(place, 47).unwrap_err().to_string();
        let expected = "expected one set, or its name behind the folder: ";
        assert!(error.contains(expected) && error.contains("/emnist-balanced, found "), "{error}");
        assert!(error.ends_with("found emnist-balanced, emnist-letters"), "{error}");
        write(folder.path(), "emnist-letters", &labels(&[1, 0, 2]), &labels(&[3, 1]), packed);
        let error = load(&format!("{place}/emnist-letters"), 26).unwrap_err().to_string();
        assert!(error.ends_with("expected labels from 1 to 26, found label 0 at index 1"));
    }
}

#[test]
fn qmnist_has_rows_of_eight_numbers_for_labels() {
    for packed in [false, true] {
        let folder = TempDir::new().unwrap();
        let place = folder.path().to_str().unwrap();
        write(folder.path(), "qmnist", &rows(&[7, 0, 9]), &rows(&[5, 1]), packed);
        let set = load(place, 10).unwrap();
        assert_eq!((label_list(&set.train), label_list(&set.test)), (vec![7, 0, 9], vec![5, 1]));
        // Rows stay rows.
        assert_eq!(set.train.shape().to_string(), "2x3x1");
        assert_eq!(pixels(&set.train, 0), [0, 1, 2, 3, 4, 5]);
        for bad in [10, -1, 256, i32::MIN] {
            write(folder.path(), "qmnist", &rows(&[7, bad, 9]), &rows(&[5, 1]), packed);
            let error = load(place, 10).unwrap_err().to_string();
            let found = format!("expected labels below 10, found label {bad} at index 1");
            assert!(error.ends_with(&found), "{error}");
        }
    }
}

#[test]
fn labels_of_integers_are_checked_like_those_of_bytes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("labels");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read_labels(&path, 10).map_err(|error| error.to_string())
    };
    let whole = rows(&[7, 0, 9]);
    assert_eq!(read(&whole).unwrap(), [7, 0, 9]);
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    let error = read(&whole[..whole.len() - 1]).unwrap_err();
    assert!(error.ends_with("107 bytes, a short file"), "{error}");
    let single = [&[0, 0, 12, 1, 0, 0, 0, 2][..], &[0, 0, 0, 3, 0, 0, 0, 9]].concat();
    assert_eq!(read(&single).unwrap(), [3, 9]);
    for columns in [0_u32, 2, 7, 9] {
        let head = [0x0c02, 1, columns].map(u32::to_be_bytes).concat();
        let error = read(&[head, vec![0; 4 * columns as usize]].concat()).unwrap_err();
        let expected = format!("or rows of 8, found rows of {columns}");
        assert!(error.ends_with(&expected), "{error}");
    }
    let error = read(&[0, 0, 12, 2, 255, 255, 255, 255, 0, 0, 0, 8]).unwrap_err();
    assert!(error.ends_with("found 12 bytes, a short file"), "{error}");
}

#[test]
fn kmnist_is_laid_out_as_mnist() {
    let folder = TempDir::new().unwrap();
    let parts = [images(3), labels(&[1, 2, 9]), images(2), labels(&[0, 4])];
    for (name, bytes) in FILES.iter().zip(parts) {
        fs::write(folder.path().join(format!("{name}.gz")), gzip(&bytes)).unwrap();
    }
    let set = load(folder.path().to_str().unwrap(), 10).unwrap();
    assert_eq!((label_list(&set.train), pixels(&set.train, 0)), (vec![1, 2, 9], (0..6).collect()));
}

#[test]
fn sets_of_which_a_file_is_missing_name_it() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().to_str().unwrap();
    write(folder.path(), "qmnist", &rows(&[7, 0, 9]), &rows(&[5, 1]), true);
    fs::remove_file(folder.path().join("qmnist-test-labels-idx2-int.gz")).unwrap();
    let error = load(place, 10).unwrap_err().to_string();
    let expected =
        "/qmnist-test-labels-idx1-ubyte or qmnist-test-labels-idx1-ubyte.gz, found nothing";
    assert!(error.contains(expected), "{error}");
    let error = load(&format!("{place}/emnist-digits"), 10).unwrap_err().to_string();
    assert!(error.contains("/emnist-digits/train-images-idx3-ubyte"), "{error}");
}
