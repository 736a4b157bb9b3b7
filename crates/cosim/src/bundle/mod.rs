//! Bundles: files with the sampled tiles of an iteration, which can be checked later, on any
//! machine.
//!
//! The format of a file:
//!
//! | bytes | content |
//! | --- | --- |
//! | 8 | `FLEXMACB` |
//! | 4 | version of the format, little-endian like every number |
//! | 8 | bytes of the header |
//! | header | JSON: [`Header`] |
//! | rest | the matrices of each part, row by row: rows and columns, in 1, 2 or 4 bytes per element (the fewest that hold its width); preloads and results in 4; sums in 16 |
//! | 32 | SHA-256 of all bytes before |
//!
//! The sizes of the matrices follow from the header. The same run writes the same bytes. A file has
//! at most [`bounded::DATA`] bytes, its header at most [`bounded::TEXT`].

mod check;
mod engine;
mod part;

use flexmac_array::{ArrayConfig, ArraySpec};
use flexmac_fileio::bounded;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use check::{BundleChecker, Merged, Verdict, WrongTile};
pub use engine::BundlingEngine;
pub use part::{Part, PartHeader, Shape};

use crate::error::BundleError;
use flexmac_engine::Sample;

const MAGIC: &[u8; 8] = b"FLEXMACB";
const VERSION: u32 = 1;
const CHECKSUM: usize = 32;

/// The header of a bundle: data common to all parts, and a description of each part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The array.
    pub config: ArraySpec,
    /// The run's seed.
    pub run: u64,
    /// The iteration, from 0.
    pub iteration: u64,
    /// The sampling rate.
    pub rate: f64,
    /// Number of tiles of all GEMMs of the iteration.
    pub tiles: u64,
    /// The GEMMs that have sampled tiles.
    pub parts: Vec<PartHeader>,
}

/// The sampled tiles of one iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The array.
    pub config: ArrayConfig,
    /// The run's seed.
    pub run: u64,
    /// The iteration, from 0.
    pub iteration: u64,
    /// The sampling rate.
    pub rate: f64,
    /// Number of tiles of all GEMMs of the iteration.
    pub tiles: u64,
    /// The sampled tiles, GEMM by GEMM.
    pub parts: Vec<Part>,
}

impl Bundle {
    /// The name of the file of an iteration's bundle.
    pub fn file_name(iteration: u64) -> String {
        format!("iteration-{iteration:08}.bundle")
    }

    /// Number of sampled tiles in the bundle.
    pub fn drawn(&self) -> u64 {
        self.parts.iter().map(|part| part.header.tiles.len() as u64).sum()
    }

    /// Encodes the bundle as the bytes of its file.
    ///
    /// # Errors
    /// [`BundleError::Content`] if it is too large to be read back.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let header = Header {
            config: self.config.spec().clone(),
            run: self.run,
            iteration: self.iteration,
            rate: self.rate,
            tiles: self.tiles,
            parts: self.parts.iter().map(|part| part.header.clone()).collect(),
        };
        let header = serde_json::to_vec(&header).expect("numbers and names make JSON");
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        check_length("header", bounded::TEXT, header.len())?;
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        for part in &self.parts {
            let shape = &part.header.shape;
            for (lines, bits) in [(&part.rows, shape.bits_rows), (&part.cols, shape.bits_cols)] {
                let size = element_bytes(bits);
                lines.iter().for_each(|value| bytes.extend(&value.to_le_bytes()[..size]));
            }
            let preload = part.preload.iter().flatten();
            preload.chain(&part.values).for_each(|value| bytes.extend(value.to_le_bytes()));
            part.sums.iter().for_each(|sum| bytes.extend(sum.to_le_bytes()));
        }
        bytes.extend(Sha256::digest(&bytes));
        check_length("bundle", bounded::DATA, bytes.len())?;
        Ok(bytes)
    }

    /// Decodes the bytes of a file.
    ///
    /// # Errors
    /// [`BundleError::Content`] if it is not a bundle, or was cut or altered; [`BundleError::Gemm`]
    /// for numbers that the array cannot compute with.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut rest = Reader { bytes };
        let magic = rest.take("magic", MAGIC.len() as u128)?;
        if magic != MAGIC {
            let expected = format!("{:?}", String::from_utf8_lossy(MAGIC));
            return Err(refuse("magic", expected, format!("{:?}", String::from_utf8_lossy(magic))));
        }
        let version = rest.number("version", 4)?;
        if version != u64::from(VERSION) {
            return Err(refuse("version", VERSION, version));
        }
        let (whole, sum) = match bytes.len().checked_sub(CHECKSUM) {
            Some(at) => bytes.split_at(at),
            None => return Err(refuse("length", format!("more than {CHECKSUM}"), bytes.len())),
        };
        if Sha256::digest(whole).as_slice() != sum {
            return Err(refuse(
                "checksum",
                format!("that of the {} bytes before it", whole.len()),
                "another: the file was cut or altered",
            ));
        }
        let length = rest.number("length of the header", 8)?;
        let header = rest.take("header", length.into())?;
        check_length("header", bounded::TEXT, header.len())?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|error| refuse("header", "the JSON of a bundle", error))?;
        let config =
            header.config.check().map_err(|error| refuse("array", "a legal one", error))?;
        if config.style().is_float() {
            let found = format!("style {}", config.style());
            return Err(refuse("array", "one of integers", &found));
        }
        if Sample::new(header.rate).is_none() {
            return Err(refuse("rate", "above 0 and at most 1", header.rate));
        }
        let mut drawn = 0;
        let mut parts = Vec::new();
        for part in header.parts {
            part.check(&config)?;
            drawn += part.tiles.len() as u64;
            parts.push(rest.part(&config, part)?);
        }
        if rest.bytes.len() != CHECKSUM {
            let found = rest.bytes.len().saturating_sub(CHECKSUM);
            return Err(refuse("bytes after the last part", 0, found));
        }
        if drawn > header.tiles {
            return Err(refuse("tiles", format!("at least the {drawn} drawn"), header.tiles));
        }
        let Header { run, iteration, rate, tiles, .. } = header;
        Ok(Self { config, run, iteration, rate, tiles, parts })
    }
}

fn refuse(what: &'static str, expected: impl ToString, found: impl ToString) -> BundleError {
    BundleError::Content { what, expected: expected.to_string(), found: found.to_string() }
}

fn check_length(what: &'static str, most: u64, found: usize) -> Result<(), BundleError> {
    if found as u64 > most {
        let expected = format!("at most {most} bytes (a lower rate draws fewer tiles)");
        return Err(refuse(what, expected, found));
    }
    Ok(())
}

/// Bytes per element: the smallest of 1, 2 and 4 that holds a width in bits.
fn element_bytes(bits: u32) -> usize {
    match bits {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// Reads the remaining bytes of a file.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, what: &'static str, length: u128) -> Result<&'a [u8], BundleError> {
        match usize::try_from(length).ok().and_then(|length| self.bytes.split_at_checked(length)) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => Err(refuse(what, format!("{length} bytes"), self.bytes.len())),
        }
    }

    /// A number of up to 8 bytes.
    fn number(&mut self, what: &'static str, length: usize) -> Result<u64, BundleError> {
        let taken = self.take(what, length as u128)?;
        Ok(taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Two's complement numbers of `size` bytes each.
    fn numbers(
        &mut self,
        what: &'static str,
        count: u128,
        size: usize,
    ) -> Result<impl Iterator<Item = i128> + use<'a>, BundleError> {
        let unused = i128::BITS - 8 * size as u32; // sizes are 1 to 16
        Ok(self.take(what, count * size as u128)?.chunks_exact(size).map(move |chunk| {
            let number = chunk.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte));
            (number << unused) as i128 >> unused
        }))
    }

    fn matrix(
        &mut self,
        what: &'static str,
        shape: (usize, usize),
        size: usize,
    ) -> Result<Array2<i32>, BundleError> {
        let count = shape.0 as u128 * shape.1 as u128;
        // Cannot truncate: at most 4 bytes each.
        let values = self.numbers(what, count, size)?.map(|value| value as i32).collect();
        Ok(Array2::from_shape_vec(shape, values).expect("as many as the shape has"))
    }

    fn part(&mut self, config: &ArrayConfig, header: PartHeader) -> Result<Part, BundleError> {
        let lines = header.lines(config);
        let shape = &header.shape;
        let (rows, cols) = (lines.rows.count, lines.cols.count);
        let mut of = |what, lines, bits| self.matrix(what, (lines, shape.k), element_bytes(bits));
        let on_rows = of("operand on the rows", rows, shape.bits_rows)?;
        let on_cols = of("operand on the columns", cols, shape.bits_cols)?;
        let preload = match shape.preload_shift {
            Some(_) => Some(self.matrix("preloads", (rows, cols), 4)?),
            None => None,
        };
        let mut part = Part {
            header,
            rows: on_rows,
            cols: on_cols,
            preload,
            values: Vec::new(),
            sums: Vec::new(),
        };
        let schedule = part.lowered(config).schedule;
        let live = |tile: &usize| {
            let tile = schedule.tile_commands(*tile).next().expect("a tile has a command");
            (tile.rows_live * tile.cols_live) as u128
        };
        let results = lines.tiles.iter().map(live).sum();
        // Cannot truncate: 4 bytes each.
        part.values = self.numbers("results", results, 4)?.map(|value| value as i32).collect();
        part.sums = self.numbers("sums", results, 16)?.collect();
        part.check(config)?;
        Ok(part)
    }
}
