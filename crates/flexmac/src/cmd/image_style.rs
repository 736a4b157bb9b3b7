//! `flexmac data make image-style`: makes a set of stylised pictures.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use flexmac_imagestyle::{
    BACKGROUNDS, Encoding, ImageStyleError, SetConfig, debian_photos, make, photos_in,
};
use serde_json::json;

use crate::exit::Interrupted;
use crate::interrupt;
use crate::shell::word;

/// Pictures in the twenty styles of Flickr Style, made from free photographs
#[derive(Debug, Args)]
pub struct ImageStyleArgs {
    /// Folder for the set, new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Side of a picture in pixels
    #[arg(long, value_name = "N", default_value_t = 256)]
    size: u32,
    /// Pictures of each style, training and test together
    #[arg(long, value_name = "N", default_value_t = 500)]
    per_style: usize,
    /// Share of the photographs, and of the pictures, for testing
    #[arg(long, value_name = "F", default_value_t = 0.2)]
    test_share: f64,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Folders of JPEG and PNG photographs [default: those of Debian's lomiri-wallpapers-16.04 and
    /// mate-backgrounds]
    #[arg(long, value_name = "DIR", num_args = 1..)]
    photos: Vec<PathBuf>,
    /// File format of the pictures
    #[arg(long, value_name = "FORMAT", default_value = "jpeg")]
    format: Format,
    /// Print one JSON record
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Quality 92
    Jpeg,
    /// Lossless
    Png,
}

/// Makes the set.
///
/// # Errors
/// Settings out of range, photographs that are missing or cannot be decoded, an occupied folder.
pub fn run(args: &ImageStyleArgs) -> Result<()> {
    let config = SetConfig {
        seed: args.seed,
        size: args.size,
        per_style: args.per_style,
        test_share: args.test_share,
        encoding: match args.format {
            Format::Jpeg => Encoding::Jpeg,
            Format::Png => Encoding::Png,
        },
    };
    let photos = match args.photos.is_empty() {
        true => debian_photos(Path::new(BACKGROUNDS))?,
        false => photos_in(&args.photos)?,
    };
    let stop = interrupt::flag("ending with nothing made")?;
    let manifest = match make(&config, &photos, &args.out, &stop) {
        Err(error @ ImageStyleError::Stopped) => return Err(Interrupted(error.to_string()).into()),
        made => made?,
    };
    let (train, test) = (manifest.train.pictures.len(), manifest.test.pictures.len());
    let (photos, styles) = (manifest.photographs.len(), manifest.styles.len());
    let out = args.out.display();
    if args.json {
        outln!(
            "{}",
            json!({
                "out": out.to_string(), "train": train, "test": test, "photographs": photos,
                "styles": styles, "size": args.size, "seed": args.seed
            })
        );
    } else {
        outln!("{out}: {train} training and {test} test pictures of {0} x {0}", args.size);
        outln!("{styles} styles, {photos} photographs, none in both splits");
        outln!("train on it: flexmac train --net alexnet --data {}", word(&args.out));
    }
    Ok(())
}
