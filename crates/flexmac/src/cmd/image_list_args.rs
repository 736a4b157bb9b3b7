//! Flags of `flexmac train` for image lists: scaling, cropping, mirroring, mean, memory.

use anyhow::{Result, bail};
use clap::Args;
use flexmac_dataset::{Crop, DEFAULT_MEMORY, DataSource, ListOptions, Mean};
use flexmac_nn::Shape;

use crate::settings::Settings;

/// Bytes of a mebibyte.
const MIB: u64 = 1 << 20;

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
    /// Whether training mirrors half of its pictures: true or false [default: true]
    #[arg(long, value_name = "BOOL")]
    mirror: Option<bool>,
    /// What is subtracted from pixels: train (each channel's mean over the training pictures),
    /// none, or numbers from 0 to 255, red,green,blue [default: train]
    #[arg(long, value_name = "MEAN")]
    mean: Option<Mean>,
    /// Memory for pictures; a list whose pictures do not fit is decoded batch by batch, with the
    /// same results [default: 4096]
    #[arg(long, value_name = "MIB")]
    data_memory: Option<u64>,
}

impl ImageListArgs {
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
                ("--mirror", self.mirror.is_some()),
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
