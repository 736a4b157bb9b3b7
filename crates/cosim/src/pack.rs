//! Operands as the array's banks hold them: plane by plane, one word of digits per address.
//!
//! Word w of plane i holds, for every row (or column) r of the panel and lane v, the P bits
//! [iP, iP+P) of element k = w * lanes + v, at bit (r * lanes + v) * P. Floats are packed as the
//! integers of their bits, in one plane.

use std::ops::Range;
use std::sync::OnceLock;

use flexmac_array::{ArrayConfig, Schedule, Style};
use ndarray::ArrayView2;

/// What rows and columns beyond the product carry: a value that shows in results and counters if
/// the array ever took it for live.
pub(crate) const DEAD: i128 = 0x2d2d_2d2d_2d2d;

/// What fills the lanes of A that a word has beyond K: times the 0 of B it must add nothing, and
/// between floats only -0 does.
fn padding(style: Style) -> i128 {
    match style {
        Style::Flex | Style::Fixed => 0,
        Style::Fp32 => i128::from((-0.0_f32).to_bits()),
    }
}

/// One command's operand bank: `planes * words` port words.
#[derive(Debug)]
pub(crate) struct Panel {
    digits: Vec<u32>,
    width: usize,
}

impl Panel {
    /// The port word at a bank address; none beyond the panel, where only a faulty core reads.
    pub fn word(&self, address: usize) -> Option<&[u32]> {
        self.digits.get(address * self.width..(address + 1) * self.width)
    }
}

/// Every bank of one operand, each packed when it is first read, by whichever thread reads it.
#[derive(Debug)]
pub(crate) struct Panels<'a> {
    config: &'a ArrayConfig,
    schedule: Schedule,
    /// (lines, K): one line per array row or column.
    lines: ArrayView2<'a, i32>,
    /// Lines of a band, at most the array's `ports`.
    live: usize,
    ports: usize,
    planes: u32,
    pad: i128,
    /// Pieces of K, as commands take them.
    pieces: Vec<Range<usize>>,
    panels: Vec<OnceLock<Panel>>,
}

impl<'a> Panels<'a> {
    /// The operand on the rows, (lines, K): one panel per band of tiles and piece of K.
    pub fn of_a(config: &'a ArrayConfig, schedule: &Schedule, a: ArrayView2<'a, i32>) -> Self {
        let ports = (schedule.band_rows(), config.rows());
        Self::new(config, schedule, a, ports, (schedule.planes_a, padding(config.style())))
    }

    /// The operand on the columns, (K, lines): one panel per band of array columns and piece of K.
    pub fn of_b(config: &'a ArrayConfig, schedule: &Schedule, b: ArrayView2<'a, i32>) -> Self {
        let ports = (config.cols(), config.cols());
        Self::new(config, schedule, b.reversed_axes(), ports, (schedule.planes_b, 0))
    }

    fn new(
        config: &'a ArrayConfig,
        schedule: &Schedule,
        lines: ArrayView2<'a, i32>,
        (live, ports): (usize, usize),
        (planes, pad): (u32, i128),
    ) -> Self {
        let pieces: Vec<_> =
            schedule.tile_commands(0).map(|command| command.k..command.k + command.k_len).collect();
        let count = lines.nrows().div_ceil(live) * pieces.len();
        let panels = (0..count).map(|_| OnceLock::new()).collect();
        Self { config, schedule: *schedule, lines, live, ports, planes, pad, pieces, panels }
    }

    /// The panel of a band of rows (columns) for a piece of K.
    pub fn get(&self, band: usize, piece: usize) -> &Panel {
        self.panels[band * self.pieces.len() + piece].get_or_init(|| {
            let first = band * self.live;
            let last = self.lines.nrows().min(first + self.live);
            let k = self.pieces[piece].clone();
            let words = self.schedule.words(k.len());
            let values = self.lines.slice(ndarray::s![first..last, k]);
            pack_panel(self.config, words, values, (self.ports, self.planes, self.pad))
        })
    }
}

fn pack_panel(
    config: &ArrayConfig,
    words: usize,
    piece: ArrayView2<'_, i32>,
    (ports, planes, pad): (usize, u32, i128),
) -> Panel {
    let (lanes, chunk) = (config.lanes(), config.chunk());
    let width = (ports * lanes * chunk as usize).div_ceil(32);
    let mut digits = vec![0; planes as usize * words * width];
    let mut put = |line: usize, k: usize, value: i128| {
        let bit = (line * lanes + k % lanes) * chunk as usize;
        for plane in 0..planes {
            let address = plane as usize * words + k / lanes;
            let word = &mut digits[address * width..(address + 1) * width];
            put_bits(word, bit, chunk, value >> (plane * chunk));
        }
    };
    for (line, values) in piece.outer_iter().enumerate() {
        for (k, value) in values.iter().enumerate() {
            put(line, k, (*value).into());
        }
    }
    for line in piece.nrows()..ports {
        (0..piece.ncols()).for_each(|k| put(line, k, DEAD));
    }
    if pad != 0 {
        for line in 0..ports {
            (piece.ncols()..words * lanes).for_each(|k| put(line, k, pad));
        }
    }
    Panel { digits, width }
}

/// Writes the low `bits` bits of `value` at bit `offset` of a port image whose bits there are 0.
pub(crate) fn put_bits(image: &mut [u32], offset: usize, bits: u32, value: i128) {
    let mut rest = value;
    let mut offset = offset;
    let mut left = bits as usize;
    while left > 0 {
        let room = (32 - offset % 32).min(left);
        // At most 32 bits, masked.
        let piece = (rest & ((1 << room) - 1)) as u32;
        image[offset / 32] |= piece << (offset % 32);
        rest >>= room;
        offset += room;
        left -= room;
    }
}

/// Reads `bits` bits at bit `offset` of a port image as a two's complement number.
pub(crate) fn get_signed(image: &[u32], offset: usize, bits: u32) -> i128 {
    let mut value = 0_i128;
    let mut done = 0;
    while done < bits as usize {
        let at = offset + done;
        let room = (32 - at % 32).min(bits as usize - done);
        let piece = (u64::from(image[at / 32] >> (at % 32))) & ((1 << room) - 1);
        value |= i128::from(piece) << done;
        done += room;
    }
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
    fn digits_land_where_the_array_reads_them() {
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
        let panels = Panels::of_a(&config, &schedule, a.view());
        let digit = |band, address, line: usize, lane: usize| {
            let bit = (line * 3 + lane) * 4;
            panels.get(band, 0).word(address).unwrap()[bit / 32] >> (bit % 32) & 15
        };
        // Three planes of two words; k = 3 is lane 0 of word 1.
        assert_eq!([digit(0, 0, 0, 0), digit(0, 0, 0, 1), digit(0, 1, 0, 0)], [1, 2, 4]);
        assert_eq!([digit(0, 0, 1, 0), digit(0, 2, 1, 0), digit(0, 4, 1, 0)], [15, 15, 15]);
        assert_eq!([digit(0, 1, 1, 0), digit(0, 3, 1, 0), digit(0, 5, 1, 0)], [0, 0, 14]);
        // The last band has one live row.
        assert_eq!([digit(1, 0, 0, 0), digit(1, 0, 1, 0), digit(1, 2, 1, 0)], [7, 13, 2]);
    }
}
