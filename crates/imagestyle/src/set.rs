//! Makes a set: crops, styled pictures, lists and the manifest.
//!
//! A picture depends only on the seed and its number, so pictures are made on all cores. The set is
//! written to a temporary folder, which is renamed when it is complete.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::ImageStyleError;
use crate::manifest::{Crop, Manifest, PictureEntry, SplitEntry, SplitName};
use crate::photos::{self, Photo};
use crate::picture::Picture;
use crate::random::Random;
use crate::styles::Style;

/// Legal sides of a picture, in pixels.
const SIZES: std::ops::RangeInclusive<u32> = 16..=1024;

/// JPEG quality.
const QUALITY: u8 = 92;

/// The settings of a set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SetConfig {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Height and width of a picture in pixels, 16 to 1024.
    pub size: u32,
    /// Pictures of each style, in both splits together, 2 to 100,000.
    pub per_style: usize,
    /// Share of photographs, and of pictures, for testing; above 0 and below 1.
    pub test_share: f64,
    /// File format of the pictures.
    pub encoding: Encoding,
}

/// File format of the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// JPEG with quality 92.
    Jpeg,
    /// PNG, lossless.
    Png,
}

impl Encoding {
    fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }
}

/// Makes a set in `out`, a new or empty folder: `train/STYLE/NNNNN.jpg`, `test/STYLE/NNNNN.jpg`,
/// `train.txt` and `test.txt` (a path and a label per line), `style_names.txt`, `manifest.json`.
///
/// Stops when `stop` is set; it is read before each picture.
///
/// # Errors
/// [`ImageStyleError`] for settings out of range, unusable photographs, an occupied `out`, files
/// that cannot be written, or a stop. `out` is then unchanged.
///
/// ```no_run
/// use std::path::Path;
/// use std::sync::atomic::AtomicBool;
///
/// use flexmac_imagestyle::{BACKGROUNDS, Encoding, SetConfig, debian_photos, make};
///
/// let encoding = Encoding::Jpeg;
/// let config = SetConfig { seed: 1, size: 64, per_style: 10, test_share: 0.2, encoding };
/// let photos = debian_photos(Path::new(BACKGROUNDS))?;
/// let manifest = make(&config, &photos, Path::new("set"), &AtomicBool::new(false))?;
/// assert_eq!(manifest.train.pictures.len(), 20 * 8);
/// # Ok::<(), flexmac_imagestyle::ImageStyleError>(())
/// ```
pub fn make(
    config: &SetConfig,
    photos: &[PathBuf],
    out: &Path,
    stop: &AtomicBool,
) -> Result<Manifest, ImageStyleError> {
    let test = check(config)?;
    check_out(out)?;
    let photos = read_photos(config, photos)?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(ImageStyleError::io("create folder", parent))?;
    let staging = tempfile::Builder::new()
        .prefix(".image-style-")
        .tempdir_in(parent)
        .map_err(ImageStyleError::io("create a folder in", parent))?;
    let manifest = Manifest {
        kind: "image-style",
        flexmac: env!("CARGO_PKG_VERSION"),
        config: *config,
        styles: Style::ALL.map(|style| style.name).into(),
        photographs: photos.iter().map(|photo| photo.entry.clone()).collect(),
        train: write_split(
            config,
            &photos,
            staging.path(),
            SplitName::Train,
            config.per_style - test,
            stop,
        )?,
        test: write_split(config, &photos, staging.path(), SplitName::Test, test, stop)?,
    };
    let names = manifest.styles.join("\n") + "\n";
    write(&staging.path().join("style_names.txt"), names.as_bytes())?;
    let json = serde_json::to_string_pretty(&manifest).expect("a manifest is plain data") + "\n";
    write(&staging.path().join("manifest.json"), json.as_bytes())?;
    set_default_permissions(staging.path())?;
    if out.is_dir() {
        fs::remove_dir(out).map_err(ImageStyleError::io("replace the empty folder", out))?;
    }
    fs::rename(staging.path(), out).map_err(ImageStyleError::io("move the set to", out))?;
    Ok(manifest)
}

/// Checks the settings. Returns the number of test pictures of each style.
fn check(config: &SetConfig) -> Result<usize, ImageStyleError> {
    let setting =
        |name, expected, found: String| Err(ImageStyleError::Setting { name, expected, found });
    if !SIZES.contains(&config.size) {
        return setting("size", "of 16 to 1024 pixels", config.size.to_string());
    }
    if !(2..=100_000).contains(&config.per_style) {
        return setting("pictures per style", "from 2 to 100000", config.per_style.to_string());
    }
    if !(config.test_share > 0.0 && config.test_share < 1.0) {
        return setting("test share", "between 0 and 1", config.test_share.to_string());
    }
    // Exact: at most 100,000.
    let test = (config.per_style as f64 * config.test_share).round() as usize;
    Ok(test.clamp(1, config.per_style - 1))
}

/// Checks that `out` is new or an empty folder.
fn check_out(out: &Path) -> Result<(), ImageStyleError> {
    let occupied =
        |found: &str| ImageStyleError::Occupied { path: out.to_owned(), found: found.to_owned() };
    if out.is_dir() {
        let mut entries = fs::read_dir(out).map_err(ImageStyleError::io("read folder", out))?;
        return match entries.next() {
            None => Ok(()),
            Some(Ok(entry)) => {
                Err(occupied(&format!("{} in it", entry.file_name().to_string_lossy())))
            }
            Some(Err(error)) => Err(ImageStyleError::io("read folder", out)(error)),
        };
    }
    if out.exists() { Err(occupied("a file")) } else { Ok(()) }
}

fn read_photos(config: &SetConfig, paths: &[PathBuf]) -> Result<Vec<Photo>, ImageStyleError> {
    let found = photos::read_all(paths)?;
    let splits = photos::split(found.len(), config.test_share, config.seed);
    let all: Vec<_> = found
        .into_par_iter()
        .zip(splits)
        .map(|(found, split)| found.decode(split, config.size))
        .collect();
    // Reports the first failure in order, independent of threads.
    all.into_iter().collect()
}

/// Makes the pictures and the list of a split.
fn write_split(
    config: &SetConfig,
    photos: &[Photo],
    root: &Path,
    split: SplitName,
    per_style: usize,
    stop: &AtomicBool,
) -> Result<SplitEntry, ImageStyleError> {
    let own: Vec<usize> =
        (0..photos.len()).filter(|index| photos[*index].entry.split == split).collect();
    for style in Style::ALL {
        let folder = root.join(split.name()).join(style.folder());
        fs::create_dir_all(&folder).map_err(ImageStyleError::io("create folder", folder))?;
    }
    let all: Vec<_> = (0..per_style * Style::ALL.len())
        .into_par_iter()
        .map(|number| {
            if stop.load(Ordering::Relaxed) {
                return Err(ImageStyleError::Stopped);
            }
            let style = Style::ALL[number % Style::ALL.len()];
            let index = number / Style::ALL.len();
            write_picture(config, photos, (root, split), (style, index), &own)
        })
        .collect();
    let pictures: Vec<PictureEntry> = all.into_iter().collect::<Result<_, _>>()?;
    let lines: String =
        pictures.iter().map(|picture| format!("{} {}\n", picture.file, picture.label)).collect();
    write(&root.join(format!("{}.txt", split.name())), lines.as_bytes())?;
    Ok(SplitEntry { per_style, pictures })
}

fn write_picture(
    config: &SetConfig,
    photos: &[Photo],
    (root, split): (&Path, SplitName),
    (style, index): (Style, usize),
    own: &[usize],
) -> Result<PictureEntry, ImageStyleError> {
    // There are fewer than 2^32 pictures of a style and fewer than 2^8 styles.
    let number = (split as u64) << 40 | u64::from(style.label()) << 32 | index as u64;
    let mut random = Random::new(config.seed, number);
    let photograph = own[random.below(own.len())];
    let image = &photos[photograph].image;
    let crop = random_crop(image, config.size, &mut random);
    let mut picture = Picture::from_image(&apply_crop(image, crop, config.size));
    style.apply(&mut picture, &mut random);
    let extension = config.encoding.extension();
    let file = format!("{}/{}/{index:05}.{extension}", split.name(), style.folder());
    write(&root.join(&file), &encode(&picture.to_image(), config.encoding))?;
    Ok(PictureEntry { file, label: style.label(), photograph, crop })
}

/// A random square of a photograph, at least as large as a picture.
fn random_crop(image: &RgbImage, size: u32, random: &mut Random) -> Crop {
    let (width, height) = image.dimensions();
    let largest = width.min(height);
    // Bounds are sides of images, so they fit into u32.
    let mut below = |bound: u32| random.below(bound as usize + 1) as u32;
    let side = size + below(largest - size);
    Crop { x: below(width - side), y: below(height - side), side, mirrored: below(1) == 1 }
}

/// The crop, scaled to `size`.
fn apply_crop(image: &RgbImage, crop: Crop, size: u32) -> RgbImage {
    let part = imageops::crop_imm(image, crop.x, crop.y, crop.side, crop.side).to_image();
    let mut part = match crop.side == size {
        true => part,
        false => imageops::resize(&part, size, size, FilterType::Triangle),
    };
    if crop.mirrored {
        imageops::flip_horizontal_in_place(&mut part);
    }
    part
}

fn encode(image: &RgbImage, encoding: Encoding) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = image.dimensions();
    let written = match encoding {
        Encoding::Jpeg => JpegEncoder::new_with_quality(&mut bytes, QUALITY).write_image(
            image,
            width,
            height,
            ExtendedColorType::Rgb8,
        ),
        Encoding::Png => image.write_to(&mut std::io::Cursor::new(&mut bytes), ImageFormat::Png),
    };
    written.expect("a picture of a legal size encodes into memory");
    bytes
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ImageStyleError> {
    fs::File::create(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(ImageStyleError::io("write", path))
}

/// Makes the folder readable by everybody: temporary folders are readable by their owner only.
fn set_default_permissions(folder: &Path) -> Result<(), ImageStyleError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder, permissions)
            .map_err(ImageStyleError::io("set permissions of", folder))?;
    }
    Ok(())
}
