//! A whole set: crops, styles, files, lists, manifest.
//!
//! A picture follows from the seed and its number alone, so pictures are made on all cores. They go
//! into a folder beside the set's, which takes its name when everything is there.

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

/// Sides of a picture.
const SIZES: std::ops::RangeInclusive<u32> = 16..=1024;

/// JPEG quality.
const QUALITY: u8 = 92;

/// What a set should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SetConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// Side of a picture in pixels.
    pub size: u32,
    /// Pictures of each style, both splits together.
    pub per_style: usize,
    /// Share of photographs, and of pictures, that is for testing.
    pub test_share: f64,
    /// How pictures are stored.
    pub encoding: Encoding,
}

/// How pictures are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// JPEG of quality 92, as photographs are.
    Jpeg,
    /// PNG, without loss.
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

/// Makes a set in `out`, a new or empty folder: `train/STYLE/NNNNN.jpg` and `test/...`, `train.txt`
/// and `test.txt` (path and label a line), `style_names.txt`, `manifest.json`.
///
/// # Errors
/// [`ImageStyleError`] for settings out of range, unusable photographs, an occupied `out`, files
/// that cannot be written, and `stop` once it is set; `out` is then as it was.
pub fn make(
    config: &SetConfig,
    photos: &[PathBuf],
    out: &Path,
    stop: &AtomicBool,
) -> Result<Manifest, ImageStyleError> {
    let test = check(config)?;
    check_place(out)?;
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
    open_to_all(staging.path())?;
    if out.is_dir() {
        fs::remove_dir(out).map_err(ImageStyleError::io("replace the empty folder", out))?;
    }
    fs::rename(staging.path(), out).map_err(ImageStyleError::io("move the set to", out))?;
    Ok(manifest)
}

/// Checks the settings; returns how many pictures of each style are for testing.
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
    // At most 100,000.
    let test = (config.per_style as f64 * config.test_share).round() as usize;
    Ok(test.clamp(1, config.per_style - 1))
}

fn check_place(out: &Path) -> Result<(), ImageStyleError> {
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
    // The first in order that fails, whatever the threads did.
    all.into_iter().collect()
}

/// Makes the pictures of a split and its list.
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
    // Fewer than 2^32 pictures, 2^8 styles.
    let number = (split as u64) << 40 | u64::from(style.label()) << 32 | index as u64;
    let mut random = Random::new(config.seed, number);
    let photograph = own[random.below(own.len())];
    let image = &photos[photograph].image;
    let crop = random_crop(image, config.size, &mut random);
    let mut picture = Picture::from_image(&cut(image, crop, config.size));
    style.apply(&mut picture, &mut random);
    let extension = config.encoding.extension();
    let file = format!("{}/{}/{index:05}.{extension}", split.name(), style.folder());
    write(&root.join(&file), &encode(&picture.to_image(), config.encoding))?;
    Ok(PictureEntry { file, label: style.label(), photograph, crop })
}

/// A square somewhere in a photograph, as large as a picture or larger.
fn random_crop(image: &RgbImage, size: u32, random: &mut Random) -> Crop {
    let (width, height) = image.dimensions();
    let largest = width.min(height);
    // All are image sides.
    let mut below = |bound: u32| random.below(bound as usize + 1) as u32;
    let side = size + below(largest - size);
    Crop { x: below(width - side), y: below(height - side), side, mirrored: below(1) == 1 }
}

fn cut(image: &RgbImage, crop: Crop, size: u32) -> RgbImage {
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

/// Temporary folders are for their owner alone; a set is like any other folder.
fn open_to_all(folder: &Path) -> Result<(), ImageStyleError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder, permissions)
            .map_err(ImageStyleError::io("set permissions of", folder))?;
    }
    Ok(())
}
