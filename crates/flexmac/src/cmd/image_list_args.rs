//! Flags of `flexmac train` for the pictures: scaling, cropping, mirroring, mean, memory.

use anyhow::{Result, bail};
use clap::Args;
use flexmac_dataset::{Crop, DEFAULT_MEMORY, DataSource, Dataset, ListOptions, Mean};
use flexmac_nn::Shape;

use crate::settings::Settings;

/// Bytes of a mebibyte.
const MIB: u64 = 1 << 20;

/// Largest border of `--pad`.
const MOST_PAD: u32 = 4096;

/// How pictures of image lists become the network's input
#[derive(Debug, Args)]
#[command(next_help_heading = "Image lists")]
pub struct ImageListArgs {
    /// Side to which pictures are scaled before they are cropped [default: that of the input times
    /// 256 / 227]
    #[arg(long, value_name = "PIXELS")]
    resize: Option<usize>,
    /// Where training crops a picture to the input: random or centre; tests crop the centre
    /// [default: random]
    #[arg(long, value_name = "WHERE")]
    crop: Option<Crop>,
    /// Whether training mirrors half of its pictures, those of other data too: true or false
    /// [default: true, for other data false]
    #[arg(long, value_name = "BOOL")]
    mirror: Option<bool>,
    /// Other data than image lists: black pixels on each side of an image, from which training crops
    /// the image's size at random [default: 0]
    #[arg(long, value_name = "PIXELS")]
    pad: Option<u32>,
    /// What is subtracted from pixels: train (each channel's mean over the training pictures),
    /// none, or numbers from 0 to 255, red,green,blue [default: train]
    #[arg(long, value_name = "MEAN")]
    mean: Option<Mean>,
    /// Memory for pictures; a list whose pictures do not fit is decoded batch by batch, with the
    /// same results [default: 4096]
    #[arg(long, value_name = "MIB")]
    data_memory: Option<u64>,
}

/// How training images of other data than image lists are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moves {
    pad: u32,
    mirror: bool,
}

impl Moves {
    /// The set with moved training images.
    pub fn apply(self, data: Dataset) -> Dataset {
        if self == (Self { pad: 0, mirror: false }) {
            return data;
        }
        // 32 bits.
        data.with_moved_images(self.pad as usize, self.mirror)
    }
}

impl ImageListArgs {
    /// Decides how training images are moved, if the data are not image lists.
    ///
    /// # Errors
    /// `--pad` although the data are image lists, or a border of over 4096 pixels.
    pub fn settle_moves(&self, source: &DataSource, settings: &mut Settings) -> Result<Moves> {
        if source.has_image_lists() {
            if self.pad.is_some() {
                bail!(
                    "--pad: expected other data than image lists, whose pictures --resize makes \
                     larger than the crop, found --data {}",
                    source.name()
                );
            }
            return Ok(Moves { pad: 0, mirror: false });
        }
        let pad = settings.take_given("pad", &self.pad, 0)?;
        if pad > MOST_PAD {
            bail!("--pad: expected at most {MOST_PAD} pixels, found {pad}");
        }
        Ok(Moves { pad, mirror: settings.take_given("mirror", &self.mirror, false)? })
    }

    /// Decides the options, if the data are image lists.
    ///
    /// # Errors
    /// Flags although the data are not image lists.
    pub fn settle(
        &self,
        source: &DataSource,
        input: Shape,
        settings: &mut Settings,
    ) -> Result<ListOptions> {
        let defaults = ListOptions::default();
        if !source.has_image_lists() {
            let given = [
                ("--resize", self.resize.is_some()),
                ("--crop", self.crop.is_some()),
                ("--mean", self.mean.is_some()),
                ("--data-memory", self.data_memory.is_some()),
            ];
            return match given.iter().find(|(_, given)| *given) {
                None => Ok(defaults),
                Some((flag, _)) => bail!(
                    "{flag}: expected image lists (--data DIR with train.txt and test.txt, or \
                     TRAIN.txt,TEST.txt), found --data {}",
                    source.name()
                ),
            };
        }
        let side = settings.take("resize", &self.resize, defaults.side(input));
        let memory = settings.take("data-memory", &self.data_memory, DEFAULT_MEMORY / MIB);
        Ok(ListOptions {
            resize: Some(side),
            crop: settings.take("crop", &self.crop, defaults.crop),
            mirror: settings.take("mirror", &self.mirror, defaults.mirror),
            mean: settings.take("mean", &self.mean, defaults.mean),
            memory: memory.saturating_mul(MIB),
        })
    }
}
