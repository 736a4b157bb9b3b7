//! Packs operands in the format of the array's operand banks: plane by plane, one word per address.
//!
//! Word w of plane i holds bits [i * chunk, (i + 1) * chunk) of element k = w * lanes + v of every
//! row (or column) r, at bit (r * lanes + v) * chunk, for all lanes v. Lanes beyond K hold zeros.
//! Floats are packed as the integers of their bits, in one plane. On a float array a bank of B holds
//! a word of every block of columns at consecutive addresses.

use std::ops::Range;
use std::sync::OnceLock;

use flexmac_array::{ArrayConfig, Schedule};
use ndarray::ArrayView2;

/// The operand in dead rows and columns (outside the GEMM): a value that would show in results and
/// counters if the array used it.
pub(crate) const DEAD: i64 = 0x2d2d_2d2d_2d2d;

/// The contents of an operand bank for one command: one port word for each plane and word.
#[derive(Debug)]
pub(crate) struct OperandBank {
    words: Vec<u32>,
    /// 32-bit words per port word.
    width: usize,
}

impl OperandBank {
    /// The port word at a bank address; none outside the bank, where only a faulty core reads.
    pub fn word(&self, address: usize) -> Option<&[u32]> {
        self.words.get(address * self.width..(address + 1) * self.width)
    }
}

/// All banks of one operand. Each is packed when it is first read, by the thread that reads it.
#[derive(Debug)]
pub(crate) struct OperandBanks<'a> {
    config: &'a ArrayConfig,
    schedule: Schedule,
    /// (lines, K), one line per row or column of the result.
    lines: ArrayView2<'a, i32>,
    /// Lines per band, at most `ports`.
    live: usize,
    /// Rows or columns of the array.
    ports: usize,
    planes: u32,
    /// Blocks of `ports` lines in a band.
    blocks: usize,
    /// The pieces of K, one per command of a tile.
    pieces: Vec<Range<usize>>,
    banks: Vec<OnceLock<OperandBank>>,
}

impl<'a> OperandBanks<'a> {
    /// The operand on the rows of the array, (lines, K): one bank per band of rows and piece of K.
    /// The pieces lie between `bounds`.
    pub fn of_a(
        config: &'a ArrayConfig,
        (schedule, bounds): (&Schedule, &[usize]),
        a: ArrayView2<'a, i32>,
    ) -> Self {
        let sizes = (schedule.band_rows(), config.rows());
        Self::new(config, (schedule, bounds), a, sizes, (schedule.planes_a, 1))
    }

    /// The operand on the columns, (K, lines): one bank per band of columns and piece of K.
    pub fn of_b(
        config: &'a ArrayConfig,
        (schedule, bounds): (&Schedule, &[usize]),
        b: ArrayView2<'a, i32>,
    ) -> Self {
        let sizes = (schedule.band_cols(), config.cols());
        let planes = (schedule.planes_b, config.results_per_pe());
        Self::new(config, (schedule, bounds), b.reversed_axes(), sizes, planes)
    }

    fn new(
        config: &'a ArrayConfig,
        (schedule, bounds): (&Schedule, &[usize]),
        lines: ArrayView2<'a, i32>,
        (live, ports): (usize, usize),
        (planes, blocks): (u32, usize),
    ) -> Self {
        let pieces: Vec<_> = bounds.windows(2).map(|ends| ends[0]..ends[1]).collect();
        let count = lines.nrows().div_ceil(live) * pieces.len();
        let banks = (0..count).map(|_| OnceLock::new()).collect();
        Self { config, schedule: *schedule, lines, live, ports, planes, blocks, pieces, banks }
    }

    /// The bank of a band of rows (columns) and a piece of K.
    pub fn get(&self, band: usize, piece: usize) -> &OperandBank {
        self.banks[band * self.pieces.len() + piece].get_or_init(|| {
            let first = band * self.live;
            let last = self.lines.nrows().min(first + self.live);
            let k = self.pieces[piece].clone();
            let words = self.schedule.words(k.len());
            let values = self.lines.slice(ndarray::s![first..last, k]);
            pack_bank(self.config, words, values, (self.ports, self.planes, self.blocks))
        })
    }
}

/// Packs the lines of a band over a piece of K: `words` port words per plane.
fn pack_bank(
    config: &ArrayConfig,
    words: usize,
    piece: ArrayView2<'_, i32>,
    (ports, planes, blocks): (usize, u32, usize),
) -> OperandBank {
    let (lanes, chunk) = (config.lanes(), config.chunk());
    let width = (ports * lanes * chunk as usize).div_ceil(32);
    let mut bank = vec![0; planes as usize * words * blocks * width];
    // A slice that divides a word never crosses into the next one.
    let mask = (32 % chunk == 0).then_some(u32::MAX >> (32 - chunk));
    let plane_words = words * blocks * width;
    let mut put = |line: usize, k: usize, value: i64| {
        let bit = (line % ports * lanes + k % lanes) * chunk as usize;
        let first = (k / lanes * blocks + line / ports) * width;
        if let Some(mask) = mask {
            let (mut index, place) = (first + bit / 32, bit % 32);
            for plane in 0..planes {
                // Keeps the slice's bits, on purpose.
                bank[index] |= ((value >> (plane * chunk)) as u32 & mask) << place;
                index += plane_words;
            }
            return;
        }
        for plane in 0..planes {
            let first = plane as usize * plane_words + first;
            let slices = i128::from(value >> (plane * chunk));
            put_bits(&mut bank[first..first + width], bit, chunk, slices);
        }
    };
    for (line, values) in piece.outer_iter().enumerate() {
        for (k, value) in values.iter().enumerate() {
            put(line, k, (*value).into());
        }
    }
    for line in piece.nrows()..ports * blocks {
        (0..piece.ncols()).for_each(|k| put(line, k, DEAD));
    }
    OperandBank { words: bank, width }
}

/// Writes the low `bits` bits of `value` at bit `offset` of a port's words, where all bits must be
/// 0.
pub(crate) fn put_bits(image: &mut [u32], offset: usize, bits: u32, value: i128) {
    let mut rest = value;
    let mut offset = offset;
    let mut left = bits as usize;
    while left > 0 {
        let room = (32 - offset % 32).min(left);
        // Cannot truncate: masked to at most 32 bits.
        let piece = (rest & ((1 << room) - 1)) as u32;
        image[offset / 32] |= piece << (offset % 32);
        rest >>= room;
        offset += room;
        left -= room;
    }
}

/// Reads `bits` bits at bit `offset` of a port's words as a two's complement number.
pub(crate) fn get_signed(image: &[u32], offset: usize, bits: u32) -> i128 {
    debug_assert!(bits <= 96, "a number of at most four words at any offset");
    let first = offset / 32;
    let words = image[first..image.len().min(first + 4)].iter().rev();
    let value = words.fold(0_u128, |value, word| value << 32 | u128::from(*word));
    let value = (value >> (offset % 32)).cast_signed();
    let unused = i128::BITS - bits;
    value << unused >> unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_round_trip_anywhere() {
        for bits in [1, 5, 31, 32, 33, 48, 56, 64, 88] {
            for offset in [0, 1, 17, 31, 32, 63, 100] {
                for value in [0, 1, -1, (1_i128 << (bits - 1)) - 1, -(1_i128 << (bits - 1))] {
                    let fits = value << (i128::BITS - bits) >> (i128::BITS - bits);
                    let mut image = [0; 8];
                    put_bits(&mut image, offset, bits, value);
                    assert_eq!(get_signed(&image, offset, bits), fits, "{bits} at {offset}");
                }
            }
        }
    }

    #[test]
    fn planes_are_where_the_array_reads_them() {
        let spec = flexmac_array::ArraySpec {
            rows: 2,
            cols: 3,
            lanes: 3,
            chunk: 4,
            ..flexmac_array::ArraySpec::default()
        };
        let config = spec.check().unwrap();
        let schedule = Schedule::new(&config, (3, 4, 1), (10, 4));
        let a = ndarray::array![[1, 2, 3, 4], [-1, 0, 0, -512], [7, 0, 0, 0]];
        let banks = OperandBanks::of_a(&config, (&schedule, &[0, 4]), a.view());
        let slice = |band, address, line: usize, lane: usize| {
            let bit = (line * 3 + lane) * 4;
            banks.get(band, 0).word(address).unwrap()[bit / 32] >> (bit % 32) & 15
        };
        // Three planes of two words; k = 3 is lane 0 of word 1.
        assert_eq!([slice(0, 0, 0, 0), slice(0, 0, 0, 1), slice(0, 1, 0, 0)], [1, 2, 4]);
        assert_eq!([slice(0, 0, 1, 0), slice(0, 2, 1, 0), slice(0, 4, 1, 0)], [15, 15, 15]);
        assert_eq!([slice(0, 1, 1, 0), slice(0, 3, 1, 0), slice(0, 5, 1, 0)], [0, 0, 14]);
        // The last band has one live row.
        assert_eq!([slice(1, 0, 0, 0), slice(1, 0, 1, 0), slice(1, 2, 1, 0)], [7, 13, 2]);
    }
}
