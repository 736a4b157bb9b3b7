//! Finds sets in a folder by the names of their files: CIFAR-10, CIFAR-100, and sets of IDX files
//! whose names begin with that of the set, such as EMNIST's and QMNIST's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DatasetError;

/// What comes behind a set's name in the file of its training images.
const TRAIN_IMAGES: &str = "-train-images-idx3-ubyte";

/// Files of CIFAR-10: five for training, one for testing.
const CIFAR_10: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Files of CIFAR-100: training and testing.
const CIFAR_100: [&str; 2] = ["train.bin", "test.bin"];

/// A set that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SetFolder {
    /// CIFAR-10: the last file is for testing.
    Cifar10(Vec<PathBuf>),
    /// CIFAR-100: likewise.
    Cifar100(Vec<PathBuf>),
    /// IDX files: training images and labels, test images and labels.
    Idx([PathBuf; 4]),
}

impl SetFolder {
    /// The set in a folder, or the set `FOLDER/NAME`, whose IDX files are called
    /// `FOLDER/NAME-train-images-idx3-ubyte` and so on. None if there is nothing like it. `hint` tells
    /// how to get a set of which some files are missing.
    ///
    /// # Errors
    /// [`DatasetError::Missing`] for a set that is incomplete, [`DatasetError::File`] for a folder with
    /// several.
    pub fn find(path: &Path, hint: &str) -> Result<Option<Self>, DatasetError> {
        let set = || path.display().to_string();
        let cifar = |names: &[&str]| {
            let found: Vec<_> = names.iter().map(|name| existing(path, &[name])).collect();
            if found.iter().all(Option::is_none) {
                return Ok(None);
            }
            let name = |(name, found): (&&str, Option<PathBuf>)| {
                found.ok_or_else(|| missing(set(), &path.join(name), hint))
            };
            names.iter().zip(found).map(name).collect::<Result<Vec<_>, _>>().map(Some)
        };
        if let Some(files) = cifar(&CIFAR_10)? {
            return Ok(Some(Self::Cifar10(files)));
        }
        if let Some(files) = cifar(&CIFAR_100)? {
            return Ok(Some(Self::Cifar100(files)));
        }
        let Some((folder, name)) = named(path)? else { return Ok(None) };
        let file = |endings: &[&str]| {
            let names: Vec<_> = endings.iter().map(|ending| format!("{name}-{ending}")).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            existing(&folder, &names).ok_or_else(|| missing(set(), &folder.join(names[0]), hint))
        };
        Ok(Some(Self::Idx([
            file(&["train-images-idx3-ubyte"])?,
            file(&["train-labels-idx1-ubyte", "train-labels-idx2-int"])?,
            file(&["test-images-idx3-ubyte", "t10k-images-idx3-ubyte"])?,
            file(&[
                "test-labels-idx1-ubyte",
                "test-labels-idx2-int",
                "t10k-labels-idx1-ubyte",
                "t10k-labels-idx2-int",
            ])?,
        ])))
    }
}

/// The folder and the name of a set of IDX files.
fn named(path: &Path) -> Result<Option<(PathBuf, String)>, DatasetError> {
    if !path.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let images = format!("{name}{TRAIN_IMAGES}");
        let found = !name.is_empty() && existing(&folder, &[&images]).is_some();
        return Ok(found.then(|| (folder, name.to_owned())));
    }
    let entries = fs::read_dir(path).map_err(DatasetError::io("read", path))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let dotted = dotted(TRAIN_IMAGES);
    let set = |file: String| {
        let file = file.strip_suffix(".gz").unwrap_or(&file);
        let set = file.strip_suffix(TRAIN_IMAGES).or_else(|| file.strip_suffix(&dotted));
        set.map(str::to_owned)
    };
    let mut sets: BTreeSet<_> = names.filter_map(set).collect();
    match sets.len() {
        0 | 1 => Ok(sets.pop_first().map(|name| (path.to_owned(), name))),
        _ => {
            let sets: Vec<_> = sets.into_iter().collect();
            let one = path.join(&sets[0]);
            let expected = format!("one set, or its name behind the folder: {}", one.display());
            Err(DatasetError::File { path: path.to_owned(), expected, found: sets.join(", ") })
        }
    }
}

/// The first of these files that exists in a folder, plain or gzipped, with a dash or a dot before `idx`.
pub(crate) fn existing(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    let spellings = names.iter().flat_map(|name| [(*name).to_owned(), dotted(name)]);
    let paths = spellings.flat_map(|name| [folder.join(&name), folder.join(format!("{name}.gz"))]);
    paths.into_iter().find(|path| path.is_file())
}

/// The name under which some archives unpack a file: `train-images.idx3-ubyte`.
fn dotted(name: &str) -> String {
    name.replace("-idx", ".idx")
}

/// The error for a file of a set that is there neither plain nor gzipped.
pub(crate) fn missing(set: String, file: &Path, hint: &str) -> DatasetError {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    DatasetError::Missing {
        name: set,
        expected: format!("{} or {name}.gz", file.display()),
        hint: hint.to_owned(),
    }
}
