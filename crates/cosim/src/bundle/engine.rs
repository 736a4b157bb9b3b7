//! The reference, leaving a sample of its tiles in bundles for the RTL to be checked with later.

use std::path::PathBuf;

use super::{Bundle, Part};
use crate::engine::{Engine, Outcome, Product};
use crate::error::EngineError;
use crate::lower::lower;
use crate::reference::ReferenceEngine;
use crate::sample::Sample;

/// Computes what the reference computes, and writes one bundle an iteration, of the tiles that the
/// checked engine would check at the same rate.
pub struct BundlingEngine {
    reference: ReferenceEngine,
    sample: Sample,
    rate: f64,
    folder: PathBuf,
    /// Of the iteration under way.
    bundle: Option<Bundle>,
}

impl BundlingEngine {
    /// Draws each tile with probability `rate`, above 0 and at most 1, into bundles in `folder`,
    /// which must be there. `None` if the rate is not one.
    pub fn new(reference: ReferenceEngine, rate: f64, folder: PathBuf) -> Option<Self> {
        let sample = Sample::new(rate)?;
        Some(Self { reference, sample, rate, folder, bundle: None })
    }
}

impl Engine<i32> for BundlingEngine {
    fn gemm(&mut self, product: &Product<'_, i32>) -> Result<Outcome<i32>, EngineError> {
        let outcome = self.reference.gemm(product)?;
        let config = self.reference.config();
        let lowered = lower(config, self.reference.layout(), product)?;
        let tiles = lowered.schedule.tiles();
        let drawn = self.sample.of(product.seed, tiles);
        let bundle = self.bundle.get_or_insert_with(|| Bundle {
            config: config.clone(),
            run: product.seed.run,
            iteration: product.seed.iteration,
            rate: self.rate,
            tiles: 0,
            parts: Vec::new(),
        });
        bundle.tiles += tiles as u64;
        if !drawn.is_empty() {
            bundle.parts.push(Part::new(config, &lowered, product, (&outcome.values, &drawn)));
        }
        Ok(outcome)
    }

    fn end_iteration(&mut self) -> Result<(), EngineError> {
        match self.bundle.take() {
            None => Ok(()),
            Some(bundle) => {
                let path = self.folder.join(Bundle::file_name(bundle.iteration));
                whole::write(&path, bundle.encode()?).map_err(|source| EngineError::File {
                    action: "write bundle",
                    path,
                    source,
                })
            }
        }
    }

    fn name(&self) -> &'static str {
        "reference"
    }
}
