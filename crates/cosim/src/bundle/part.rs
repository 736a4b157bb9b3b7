//! The sampled tiles of one GEMM: the operands they need, and the results to expect.
//!
//! A part stores the lines of both operands that its tiles read, in the layout of the array. (A
//! line is a row of one operand or a column of the other.) These lines form a smaller GEMM. In it,
//! a sampled tile has another number, so its random streams are selected by its original number.

use std::collections::{BTreeMap, BTreeSet};

use flexmac_array::{ArrayConfig, Cycles, Schedule};
use flexmac_engine::{GemmError, IntegerGemm, Skipping, check_sum_range};
use flexmac_fxp::{Counters, Format, Requantizer, Rounding, SeedPath, Start};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::BundleError;
use crate::sampled::{expected_results, positions};

/// Sizes, widths and rounding of a part's GEMM. Rows and columns are those of the array: if the
/// GEMM is transposed, rows are columns of B.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows of the whole GEMM, on rows of the array.
    pub rows: usize,
    /// Length of the dot products.
    pub k: usize,
    /// Columns of the whole GEMM, on columns of the array.
    pub cols: usize,
    /// Whether columns of B lie on rows of the array, and rows of A on its columns.
    pub transposed: bool,
    /// Rows of a band of tiles.
    pub band: usize,
    /// Width in bits of the operand on the rows.
    pub bits_rows: u32,
    /// Width in bits of the operand on the columns.
    pub bits_cols: u32,
    /// Left shift of the preloads in bits; none if sums start from zero.
    pub preload_shift: Option<u32>,
    /// Right shift of the requantizer in bits.
    pub shift: i32,
    /// Format of the result.
    pub out: Format,
    /// Rounding mode of the result.
    pub rounding: Rounding,
}

/// What a bundle's header says of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartHeader {
    /// Selects the GEMM's random streams.
    pub seed: SeedPath,
    /// Sizes, widths and rounding.
    pub shape: Shape,
    /// Numbers of the sampled tiles in the whole GEMM, from 0, ascending.
    pub tiles: Vec<u64>,
    /// Expected counters of these tiles.
    pub counters: Counters,
    /// Expected cycles when one model runs these tiles one after the other.
    pub cycles: Cycles,
    /// Length of the pieces of K if planes are skipped; none without skipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece_length: Option<usize>,
}

/// The sampled tiles of one GEMM.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What the bundle's header says of it.
    pub header: PartHeader,
    /// The lines on rows of the array that the tiles read, (lines, K).
    pub rows: Array2<i32>,
    /// The lines on columns of the array that the tiles read, (lines, K).
    pub cols: Array2<i32>,
    /// Preloads before the shift, (lines of `rows`, lines of `cols`).
    pub preload: Option<Array2<i32>>,
    /// Expected results, tile by tile, row by row of the array.
    pub values: Vec<i32>,
    /// Expected exact sums, in the same order.
    pub sums: Vec<i128>,
}

/// The relation between a part and its whole GEMM.
pub(super) struct Lines {
    pub rows: Side,
    pub cols: Side,
    /// The numbers of the sampled tiles in the part.
    pub tiles: Vec<usize>,
    /// The number of each tile in the whole GEMM, by its number in the part.
    pub whole_tiles: BTreeMap<u64, u64>,
}

/// The lines on one side of the array (rows or columns) that the sampled tiles read, in groups. A
/// group is the lines that are on the array at the same time: those of one tile.
pub(super) struct Side {
    /// Numbers of the groups in the whole GEMM, ascending.
    groups: Vec<u64>,
    /// Lines per group. The last group of the whole GEMM may have fewer.
    size: usize,
    /// Number of lines in all groups.
    pub count: usize,
}

impl Side {
    /// These groups, on a side that has `all` lines in the whole GEMM.
    fn new(groups: BTreeSet<u64>, size: usize, all: usize) -> Self {
        let groups = Vec::from_iter(groups);
        // The end of the last group, below 2^41.
        let end = groups.last().map_or(0, |last| (*last as usize + 1) * size);
        let count = groups.len() * size - end.saturating_sub(all);
        Self { groups, size, count }
    }

    /// The number in the whole GEMM of a line of the part.
    pub fn line(&self, line: usize) -> usize {
        self.groups[line / self.size] as usize * self.size + line % self.size
    }

    /// The numbers in the whole GEMM of all lines of the part.
    fn lines(&self) -> Vec<usize> {
        (0..self.count).map(|line| self.line(line)).collect()
    }

    /// The index of a group in this part.
    fn index(&self, group: u64) -> usize {
        self.groups.binary_search(&group).expect("a group of this part")
    }
}

impl Part {
    /// The sampled tiles `drawn` of a GEMM whose results are `expected`.
    pub(super) fn new(
        config: &ArrayConfig,
        lowered: &IntegerGemm<'_>,
        (expected, drawn): (&Array2<i32>, &[usize]),
    ) -> Self {
        let schedule = &lowered.schedule;
        let bits = match schedule.transposed {
            false => (lowered.bits_a, lowered.bits_b),
            true => (lowered.bits_b, lowered.bits_a),
        };
        let shape = Shape {
            rows: schedule.m,
            k: schedule.k,
            cols: schedule.n,
            transposed: schedule.transposed,
            band: schedule.band_rows(),
            bits_rows: bits.0,
            bits_cols: bits.1,
            preload_shift: lowered.bias.map(|start| start.shift),
            shift: lowered.requantizer.shift,
            out: lowered.out,
            rounding: lowered.requantizer.rounding,
        };
        let (sums, counters) = expected_results(config, lowered, drawn);
        let header = PartHeader {
            seed: lowered.seed,
            shape,
            tiles: drawn.iter().map(|tile| *tile as u64).collect(),
            counters,
            cycles: lowered.cycles_of_tiles(config, drawn.iter().copied()),
            piece_length: lowered.skipping.map(|skipping| skipping.plan().piece_length()),
        };
        let lines = header.lines(config);
        let given = |row, col| if shape.transposed { (col, row) } else { (row, col) };
        let (on_rows, on_cols) = lowered.on_array();
        let preload = lowered.bias.map(|start| {
            Array2::from_shape_fn((lines.rows.count, lines.cols.count), |(row, col)| {
                let (row, col) = given(lines.rows.line(row), lines.cols.line(col));
                start.values[[if start.values.nrows() == 1 { 0 } else { row }, col]]
            })
        });
        let of_tiles = drawn.iter().flat_map(|tile| positions(schedule, *tile));
        Self {
            rows: on_rows.select(Axis(0), &lines.rows.lines()),
            cols: on_cols.reversed_axes().select(Axis(0), &lines.cols.lines()),
            preload,
            values: of_tiles.map(|((row, col), _)| expected[given(row, col)]).collect(),
            sums,
            header,
        }
    }

    /// The plan with skipped planes of the part, which is that of the whole GEMM for the sampled
    /// tiles; none without skipping.
    pub(super) fn skipping(&self, config: &ArrayConfig) -> Option<Skipping> {
        let length = self.header.piece_length?;
        let schedule = self.lowered(config).schedule;
        let operands = (self.rows.view().into(), self.cols.t().into());
        Some(Skipping::cut(config, &schedule, operands, length))
    }

    /// The part as a GEMM of its own, without skipping.
    pub(super) fn lowered(&self, config: &ArrayConfig) -> IntegerGemm<'_> {
        let Shape { band, bits_rows, bits_cols, preload_shift, shift, out, rounding, .. } =
            self.header.shape;
        let shape = (self.rows.nrows(), self.rows.ncols(), self.cols.nrows());
        let preload = self.preload.as_ref().zip(preload_shift);
        IntegerGemm {
            a: self.rows.view(),
            b: self.cols.view().reversed_axes(),
            bits_a: bits_rows,
            bits_b: bits_cols,
            bias: preload.map(|(values, shift)| Start { values: values.view(), shift }),
            carried: None,
            requantizer: Requantizer { shift, bits: out.bits(), rounding },
            out,
            sum_frac: out.frac().saturating_add(shift),
            seed: self.header.seed,
            keep_sums: true,
            e5m2: [false; 2],
            skipping: None,
            schedule: Schedule::in_bands(config, shape, (bits_rows, bits_cols), band),
        }
    }

    /// Checks that operands and sums fit their widths.
    pub(super) fn check(&self, config: &ArrayConfig) -> Result<(), BundleError> {
        let shape = &self.header.shape;
        flexmac_fxp::check_range('A', self.rows.view(), shape.bits_rows)?;
        flexmac_fxp::check_range('B', self.cols.view(), shape.bits_cols)?;
        let lowered = self.lowered(config);
        let bits = (shape.bits_rows, shape.bits_cols);
        Ok(check_sum_range(config, shape.k, bits.0, bits.1, lowered.bias.as_ref())?)
    }
}

impl PartHeader {
    /// Checks that the description is consistent and fits the array.
    pub(super) fn check(&self, config: &ArrayConfig) -> Result<(), BundleError> {
        let shape = &self.shape;
        let refuse = |what, expected: String, found: String| {
            Err(BundleError::Content { what, expected, found })
        };
        for (what, bits, most) in [
            ("width of the operand on the rows", shape.bits_rows, config.max_bits()),
            ("width of the operand on the columns", shape.bits_cols, config.max_bits()),
            ("width of the result", shape.out.bits(), flexmac_fxp::MAX_BITS),
        ] {
            if !(flexmac_fxp::MIN_BITS..=most).contains(&bits) {
                return refuse(
                    what,
                    format!("{} to {most}", flexmac_fxp::MIN_BITS),
                    bits.to_string(),
                );
            }
        }
        if !config.spec().rounding.contains(shape.rounding) {
            let available = config.spec().rounding.clone();
            return Err(GemmError::RoundingAbsent { found: shape.rounding, available }.into());
        }
        // No engine has a larger shift.
        if let Some(found) = shape.preload_shift.filter(|shift| *shift > 128) {
            return refuse("left shift of preloads", "0 to 128".to_owned(), found.to_string());
        }
        if !(1..=config.rows()).contains(&shape.band) {
            return refuse(
                "rows of a band",
                format!("1 to {}", config.rows()),
                shape.band.to_string(),
            );
        }
        let longest =
            config.command_k(config.planes(shape.bits_rows), config.planes(shape.bits_cols));
        if let Some(found) = self.piece_length.filter(|length| !(1..=longest).contains(length)) {
            return refuse("length of a piece of K", format!("1 to {longest}"), found.to_string());
        }
        // A limit that excludes overflow in all computations below.
        const MOST: usize = 1 << 40;
        let sizes = [shape.rows, shape.k, shape.cols];
        if sizes.iter().any(|size| !(1..=MOST).contains(size)) {
            return refuse("shape", format!("sizes of 1 to {MOST}"), format!("{sizes:?}"));
        }
        let all =
            shape.rows.div_ceil(shape.band) as u128 * shape.cols.div_ceil(config.cols()) as u128;
        let rising = self.tiles.windows(2).all(|pair| pair[0] < pair[1]);
        if self.tiles.is_empty()
            || !rising
            || self.tiles.iter().any(|tile| u128::from(*tile) >= all)
        {
            let expected = format!("at least one, rising, each below {all}");
            return refuse("numbers of tiles", expected, format!("{:?}", self.tiles));
        }
        Ok(())
    }

    /// The lines that the sampled tiles read, and the numbers of these tiles in the part.
    pub(super) fn lines(&self, config: &ArrayConfig) -> Lines {
        let Shape { rows, cols, band, .. } = self.shape;
        let across = cols.div_ceil(config.cols()) as u64;
        let position = |tile: &u64| (tile / across, tile % across);
        let (bands, columns) = self.tiles.iter().map(position).unzip();
        let (rows, cols) = (Side::new(bands, band, rows), Side::new(columns, config.cols(), cols));
        let number = |tile: &u64| {
            let (band, column) = position(tile);
            rows.index(band) * cols.groups.len() + cols.index(column)
        };
        let tiles: Vec<_> = self.tiles.iter().map(number).collect();
        let whole_tiles =
            tiles.iter().map(|tile| *tile as u64).zip(self.tiles.iter().copied()).collect();
        Lines { rows, cols, tiles, whole_tiles }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(
        config: &ArrayConfig,
        (rows, cols, band): (usize, usize, usize),
        tiles: Vec<u64>,
    ) -> PartHeader {
        let shape = Shape {
            rows,
            k: 1,
            cols,
            transposed: false,
            band,
            bits_rows: 8,
            bits_cols: 8,
            preload_shift: None,
            shift: 0,
            out: Format::new(8, 0).unwrap(),
            rounding: Rounding::Nearest,
        };
        let (counters, cycles) = (Counters::default(), Cycles::default());
        let seed = SeedPath::alone(1);
        let header = PartHeader { seed, shape, tiles, counters, cycles, piece_length: None };
        header.check(config).unwrap();
        header
    }

    fn array(rows: u32, cols: u32) -> ArrayConfig {
        flexmac_array::ArraySpec { rows, cols, ..flexmac_array::ArraySpec::default() }
            .check()
            .unwrap()
    }

    #[test]
    fn lines_of_sampled_tiles_are_those_of_the_gemm() {
        // 7 rows in bands of 2 and 8 columns on an array of 3: four bands of three tiles.
        let config = array(4, 3);
        let lines = header(&config, (7, 8, 2), vec![4, 11]).lines(&config);
        assert_eq!(lines.rows.lines(), [2, 3, 6]);
        assert_eq!(lines.cols.lines(), [3, 4, 5, 6, 7]);
        assert_eq!(lines.tiles, [0, 3]);
        assert_eq!(lines.whole_tiles, BTreeMap::from([(0, 4), (3, 11)]));
    }

    #[test]
    fn tiles_on_a_diagonal_take_no_memory_for_tiles_off_it() {
        let (config, count) = (array(1, 1), 300_000);
        let diagonal = (0..count as u64).map(|tile| tile * (count as u64 + 1)).collect();
        let lines = header(&config, (count, count, 1), diagonal).lines(&config);
        let tiles = lines.whole_tiles.len();
        assert_eq!((lines.rows.count, lines.cols.count, tiles), (count, count, count));
        assert_eq!(
            lines.whole_tiles.last_key_value(),
            Some((&(count as u64 * count as u64 - 1), &(count as u64 * count as u64 - 1)))
        );
    }
}
