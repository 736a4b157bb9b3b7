//! The reference engine, which also writes a sample of its tiles to bundles, to check the RTL with
//! later.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use flexmac_engine::{Engine, EngineError, Gemm, GemmResult, ReferenceEngine, Sample, lower};
use flexmac_fileio::atomic;

use super::{Bundle, Part};
use crate::error::BundleError;

/// Computes like [`ReferenceEngine`], and writes one bundle per iteration, with the tiles that a
/// [`CheckedEngine`](crate::CheckedEngine) would check at the same rate.
pub struct BundlingEngine {
    reference: ReferenceEngine,
    sample: Sample,
    rate: f64,
    folder: PathBuf,
    /// The bundle of the current iteration.
    bundle: Option<Bundle>,
}

impl BundlingEngine {
    /// Samples each tile with probability `rate` and writes bundles to `folder`, which must exist.
    /// `None` unless 0 < `rate` <= 1.
    pub fn new(reference: ReferenceEngine, rate: f64, folder: PathBuf) -> Option<Self> {
        let sample = Sample::new(rate)?;
        Some(Self { reference, sample, rate, folder, bundle: None })
    }
}

impl Engine<i32> for BundlingEngine {
    fn gemm(&mut self, gemm: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        let config = self.reference.config();
        let lowered = lower(config, self.reference.layout(), gemm)?;
        let skips = self.reference.skips_planes();
        let skipping = skips.then(|| lowered.find_skipping(config, NonZeroUsize::MIN));
        let lowered = lowered.with_skipping(skipping.as_ref());
        let result = self.reference.integer_gemm(&lowered)?;
        let tiles = lowered.schedule.tiles();
        let drawn = self.sample.of(lowered.seed, tiles);
        let bundle = self.bundle.get_or_insert_with(|| Bundle {
            config: config.clone(),
            run: lowered.seed.run,
            iteration: lowered.seed.iteration,
            rate: self.rate,
            tiles: 0,
            parts: Vec::new(),
        });
        bundle.tiles += tiles as u64;
        if !drawn.is_empty() {
            bundle.parts.push(Part::new(config, &lowered, (&result.values, &drawn)));
        }
        Ok(result)
    }

    fn end_iteration(&mut self) -> Result<(), EngineError> {
        match self.bundle.take() {
            None => Ok(()),
            Some(bundle) => {
                let path = self.folder.join(Bundle::file_name(bundle.iteration));
                let action = "write bundle";
                let written = atomic::write(&path, bundle.encode()?);
                Ok(written.map_err(|source| BundleError::File { action, path, source })?)
            }
        }
    }

    // What it computes is the reference's.
    fn name(&self) -> &'static str {
        "reference"
    }
}
