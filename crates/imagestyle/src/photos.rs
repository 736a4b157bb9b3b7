//! Photographs: finds and reads them, and divides them between training and testing.

use std::fs;
use std::path::{Path, PathBuf};

use flexmac_fileio::bounded;
use image::RgbImage;
use image::imageops::{self, FilterType};
use sha2::{Digest, Sha256};

use crate::error::ImageStyleError;
use crate::manifest::{PhotoEntry, SplitName};
use crate::random::Random;

/// The folder of Debian's desktop backgrounds.
pub const BACKGROUNDS: &str = "/usr/share/backgrounds";

/// The packages with the photographs of [`debian_photos`].
pub const PACKAGES: [&str; 2] = ["lomiri-wallpapers-16.04", "mate-backgrounds"];

/// The photographs in Debian's packages, without drawings and without `umang`, which is a gradient.
const PHOTOS: [&str; 26] = [
    "Bridge_by_Sander_Klootwijk.jpg",
    "Dragonfly_by_Bolly.jpg",
    "Picture_0B_by_freespace.jpg",
    "Picture_1A_by_freespace.jpg",
    "Wine_by_Jakkub_Mede.jpg",
    "aitzgorri_by_Aitzol_Berasategi.jpg",
    "analogpattern_by_Peter_Nerlich.jpg",
    "free_by_Peter_Nerlich.jpg",
    "friends_by_Aitzol_Berasategi.jpg",
    "greentock_by_Peter_Nerlich.jpg",
    "life_by_Aitzol_Berasategi.jpg",
    "picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "seeding_by_Clements_Engelhardt.jpg",
    "sunset_by_Aitzol_Berasategi.jpg",
    "mate/nature/Aqua.jpg",
    "mate/nature/Blinds.jpg",
    "mate/nature/Dune.jpg",
    "mate/nature/FreshFlower.jpg",
    "mate/nature/Garden.jpg",
    "mate/nature/GreenMeadow.jpg",
    "mate/nature/LadyBird.jpg",
    "mate/nature/RainDrops.jpg",
    "mate/nature/Storm.jpg",
    "mate/nature/TwoWings.jpg",
    "mate/nature/Wood.jpg",
    "mate/nature/YellowFlower.jpg",
];

/// A photograph is scaled down until its shorter side is this many times the side of a picture. A
/// crop is scaled down by at most this factor; more pixels would only be averaged away.
const OVERSIZE: u32 = 4;

/// The photographs of Debian's packages, in folder `root` (normally [`BACKGROUNDS`]).
///
/// # Errors
/// [`ImageStyleError::PhotosMissing`] if one is missing, because a set depends on all of them.
pub fn debian_photos(root: &Path) -> Result<Vec<PathBuf>, ImageStyleError> {
    let paths: Vec<PathBuf> = PHOTOS.iter().map(|name| root.join(name)).collect();
    match paths.iter().find(|path| !path.is_file()) {
        None => Ok(paths),
        Some(missing) => Err(ImageStyleError::PhotosMissing {
            expected: PHOTOS.len(),
            packages: PACKAGES.join(" "),
            found: paths.iter().filter(|path| path.is_file()).count(),
            missing: missing.clone(),
        }),
    }
}

/// The JPEG and PNG files in `folders`, sorted by path. Does not search their subfolders.
///
/// # Errors
/// [`ImageStyleError::Io`] for a folder that cannot be read.
pub fn photos_in(folders: &[PathBuf]) -> Result<Vec<PathBuf>, ImageStyleError> {
    let mut paths = Vec::new();
    for folder in folders {
        let read = || ImageStyleError::io("read the photographs of", folder);
        for entry in fs::read_dir(folder).map_err(read())? {
            paths.push(entry.map_err(read())?.path());
        }
    }
    paths.retain(|path| {
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        extension.is_some_and(|extension| ["jpg", "jpeg", "png"].iter().any(|e| extension == *e))
    });
    paths.sort();
    Ok(paths)
}

/// A photograph's file, not decoded yet.
#[derive(Debug, Clone)]
pub(crate) struct PhotoFile {
    pub path: PathBuf,
    pub sha256: String,
    bytes: Vec<u8>,
}

/// Reads all files. Drops duplicates, so that no photograph is in both splits. Sorts by digest, so
/// that names and folders make no difference.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<PhotoFile>, ImageStyleError> {
    let mut all: Vec<PhotoFile> = Vec::new();
    for path in paths {
        let bytes = bounded::read(path, bounded::DATA)
            .map_err(ImageStyleError::io("read photograph", path))?;
        let sha256: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if all.iter().all(|other| other.sha256 != sha256) {
            all.push(PhotoFile { path: path.clone(), sha256, bytes });
        }
    }
    all.sort_by(|a, b| a.sha256.cmp(&b.sha256));
    if all.len() < 2 {
        let names = paths.iter().filter_map(|path| path.parent()).map(|f| f.display().to_string());
        let mut names: Vec<_> = names.collect();
        names.dedup();
        let folders =
            if names.is_empty() { "the folders given".to_owned() } else { names.join(", ") };
        return Err(ImageStyleError::TooFewPhotos { found: all.len(), folders });
    }
    Ok(all)
}

/// A photograph in memory.
#[derive(Debug)]
pub(crate) struct Photo {
    pub entry: PhotoEntry,
    pub image: RgbImage,
}

impl PhotoFile {
    /// Decodes the photograph for pictures of `size` pixels a side.
    pub fn decode(self, split: SplitName, size: u32) -> Result<Photo, ImageStyleError> {
        let refuse = |expected: &str, found: String| ImageStyleError::Photo {
            path: self.path.clone(),
            expected: expected.to_owned(),
            found,
        };
        let decoded = flexmac_dataset::decode_picture(&self.bytes)
            .map_err(|error| refuse("a JPEG or PNG picture", error))?;
        let (width, height) = (decoded.width(), decoded.height());
        let shorter = width.min(height);
        if shorter < size {
            let expected = format!("at least {size}x{size} pixels");
            return Err(refuse(&expected, format!("{width}x{height}")));
        }
        let mut image = decoded.into_rgb8();
        let kept = shorter.min(OVERSIZE * size);
        if kept < shorter {
            // At least `kept`, because a side is at least `shorter`.
            let scaled =
                |side: u32| (u64::from(side) * u64::from(kept) / u64::from(shorter)) as u32;
            let filter = FilterType::Triangle;
            image = imageops::resize(&image, scaled(width), scaled(height), filter);
        }
        let entry =
            PhotoEntry { file: self.path.clone(), sha256: self.sha256, split, width, height };
        Ok(Photo { entry, image })
    }
}

/// The split of each of `count` photographs: `share` of them are for testing, at least one, not
/// all.
pub(crate) fn split(count: usize, share: f64, seed: u64) -> Vec<SplitName> {
    // A number of files is far below 2^53.
    let test = ((count as f64 * share).round() as usize).clamp(1, count - 1);
    let mut splits = vec![SplitName::Train; count];
    splits[..test].fill(SplitName::Test);
    Random::new(seed, u64::MAX).shuffle(&mut splits);
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_packages_are_named_with_the_command_that_installs_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(PHOTOS[0]), b"").unwrap();
        let error = debian_photos(folder.path()).unwrap_err().to_string();
        assert!(error.contains("expected 26 of Debian's"), "{error}");
        assert!(error.contains("found 1: ") && error.contains("Dragonfly_by_Bolly.jpg is missing"));
        assert!(error.contains("apt-get install lomiri-wallpapers-16.04 mate-backgrounds"));
    }

    #[test]
    fn both_splits_have_photographs_at_any_share() {
        for share in [0.0, 0.2, 0.5, 1.0] {
            let splits = split(10, share, 1);
            let test = splits.iter().filter(|split| **split == SplitName::Test).count();
            let expected = ((10.0 * share) as usize).clamp(1, 9);
            assert_eq!((splits.len(), test), (10, expected));
        }
        assert_ne!(split(26, 0.2, 1), split(26, 0.2, 2));
    }
}
