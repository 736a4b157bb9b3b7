//! `history.jsonl`: one line of JSON an iteration. It holds no times, so that repeated runs write the same bytes.
//!
//! Every line has its own schema version. A run that 0.1.0 began and a later version resumes has lines of
//! both, and the lines of 0.1.0 stay as they were, because checkpoints hold their length and checksum.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use flexmac_dps::{Formats, TensorCounters};
use flexmac_engine::Stats;
use flexmac_fileio::bounded;
use flexmac_fxp::Role;
use serde::{Deserialize, Serialize};

use crate::error::RecordError;
use crate::file::{RecordFile, parse};
use crate::schema::Schema;

/// The widest operand of each use, in bits, sign included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widths {
    /// Input, activations, and weights as operands.
    pub forward: u32,
    /// Gradients with respect to activations and class scores.
    pub backward: u32,
    /// Stored parameters and momentum.
    pub update: u32,
}

/// One tensor in one iteration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorRecord {
    /// The tensor's name: `data`, a layer's name for its output, `LAYER.weight` or `LAYER.bias`.
    pub name: String,
    /// Its formats in this iteration; none in a float run.
    pub formats: Option<Formats>,
    /// Counters by use.
    pub counters: TensorCounters,
}

/// Cost and counters of one GEMM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GemmRecord {
    /// The layer.
    pub layer: String,
    /// Which of the layer's GEMMs.
    pub role: Role,
    /// Cost and counters, as the engine reports them.
    pub stats: Stats,
    /// Share of zeros in the operand that is no weight (A), 0 to 1. If A holds the patches of images, it is the
    /// share of the images. None in runs from before it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zeros: Option<f64>,
}

/// One iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IterationRecord {
    /// Schema version.
    #[serde(default = "Schema::absent")]
    pub schema: Schema,
    /// Number of the iteration, from 0.
    pub iteration: u64,
    /// Mean loss of the batch, before the update.
    pub loss: f64,
    /// Mean of the last losses.
    pub smoothed_loss: f64,
    /// Learning rate.
    pub rate: f64,
    /// Stage of the policy, by a name of its own.
    pub phase: String,
    /// Widest operands; none in a float run.
    pub widths: Option<Widths>,
    /// Overflows of all tensors. Those of the class scores and their gradient count, whether or not the policy
    /// uses them.
    pub overflows: u64,
    /// Cost and counters of all GEMMs.
    pub total: Stats,
    /// Formats and counters by tensor.
    pub tensors: Vec<TensorRecord>,
    /// Cost and counters by layer and role, in the order in which they ran.
    pub gemms: Vec<GemmRecord>,
    /// Share of test images classified correctly after this iteration, 0 to 1; none where it was not
    /// measured.
    pub accuracy: Option<f64>,
    /// What the run had to decide in this iteration that its reader should know, in sentences without an end
    /// mark: a policy's search that found nothing, formats that the array cannot sum. Mostly none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl IterationRecord {
    /// Header line of `history.csv`.
    pub const CSV_HEADER: &'static str = "iteration,loss,smoothed_loss,rate,phase,forward_bits,\
        backward_bits,update_bits,overflows,macs,mac_passes,cycles,tiles,tiles_checked,accuracy";

    /// The iteration as a line of `history.csv`. Absent values are empty.
    pub fn csv(&self) -> String {
        let bits = |choose: fn(&Widths) -> u32| {
            self.widths.as_ref().map_or(String::new(), |widths| choose(widths).to_string())
        };
        [
            self.iteration.to_string(),
            self.loss.to_string(),
            self.smoothed_loss.to_string(),
            self.rate.to_string(),
            self.phase.clone(),
            bits(|widths| widths.forward),
            bits(|widths| widths.backward),
            bits(|widths| widths.update),
            self.overflows.to_string(),
            self.total.macs.to_string(),
            self.total.mac_passes.to_string(),
            self.total.cycles.busy.to_string(),
            self.total.tiles.to_string(),
            self.total.tiles_checked.to_string(),
            self.accuracy.map_or(String::new(), |accuracy| accuracy.to_string()),
        ]
        .join(",")
    }
}

impl RecordFile for IterationRecord {
    const KIND: &'static str = "an iteration of a run";
}

/// Reads a history line by line, so that a long one costs one line of memory.
///
/// The iterations must count from 0 without a gap. After an error the iterator ends.
#[derive(Debug)]
pub struct HistoryReader {
    path: PathBuf,
    file: BufReader<File>,
    text: Vec<u8>,
    unfinished: bool,
    next: u64,
    ended: bool,
}

impl HistoryReader {
    /// Opens a history. With `unfinished`, a last line that is cut short is left out; otherwise it is an
    /// error.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn open(path: &Path, unfinished: bool) -> Result<Self, RecordError> {
        let file = File::open(path).map(BufReader::new).map_err(RecordError::io(path))?;
        let (path, text) = (path.to_owned(), Vec::new());
        Ok(Self { path, file, text, unfinished, next: 0, ended: false })
    }

    /// An error in the line that was read last.
    pub fn refuse(&self, expected: impl ToString, found: impl ToString) -> RecordError {
        RecordError::value(&self.path, self.line(self.next.saturating_sub(1)), expected, found)
    }

    /// Line of an iteration: one line each, from 1.
    fn line(&self, iteration: u64) -> usize {
        // There are as many lines in the file, so the number fits.
        iteration as usize + 1
    }

    fn read(&mut self) -> Result<Option<IterationRecord>, RecordError> {
        let more = bounded::next_line(&mut self.file, &mut self.text)
            .map_err(RecordError::io(&self.path))?;
        if !more || (self.unfinished && self.text.last() != Some(&b'\n')) {
            if self.next == 0 {
                return Err(RecordError::Empty { path: self.path.clone() });
            }
            return Ok(None);
        }
        let line = self.line(self.next);
        let record: IterationRecord = parse(&self.path, line, &self.text)?;
        if record.iteration != self.next {
            let expected = format!("iteration {}", self.next);
            return Err(RecordError::value(&self.path, line, expected, record.iteration));
        }
        self.next += 1;
        Ok(Some(record))
    }
}

impl Iterator for HistoryReader {
    type Item = Result<IterationRecord, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}
