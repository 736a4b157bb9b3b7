//! The drawn tiles of one product: what they take from it, and what they must come to.
//!
//! Kept are the lines of both operands that some drawn tile reads, as they lie on the array. They make
//! a product of their own, in which a drawn tile has the same lines beside it but another number; its
//! random streams keep the name of the old one.

use std::collections::BTreeSet;

use fxp::{Counters, Format, Requantizer, Rounding, SeedPath, Start};
use ndarray::{Array2, Axis};
use rtlgen::{Config, Cycles, Schedule};
use serde::{Deserialize, Serialize};

use crate::engine::{Operand, Product};
use crate::error::EngineError;
use crate::lower::{Lowered, check_sum_range};
use crate::sampled::{places, truth};

/// What a part is made of, all but its matrices. Rows and columns are those of the array: of a
/// product that lies transposed on it, rows are columns of B.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Lines of the whole product on rows of the array.
    pub rows: usize,
    /// Length of its dot products.
    pub k: usize,
    /// Lines of the whole product on columns of the array.
    pub cols: usize,
    /// Whether rows carry columns of B, and columns rows of A.
    pub transposed: bool,
    /// Rows of a band of tiles.
    pub band: usize,
    /// Width of what lies on the rows.
    pub bits_rows: u32,
    /// Width of what lies on the columns.
    pub bits_cols: u32,
    /// Left shift of the preloads; none where sums start from zero.
    pub preload_shift: Option<u32>,
    /// Bits that the requantizer drops.
    pub shift: i32,
    /// Format of the result.
    pub out: Format,
    /// How it is rounded.
    pub rounding: Rounding,
}

/// The description of a part, as a bundle's header has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Names the product's random streams.
    pub seed: SeedPath,
    /// Shapes, widths and rounding.
    pub shape: Shape,
    /// Numbers of the drawn tiles in the whole product, from 0, rising.
    pub tiles: Vec<u64>,
    /// What the requantizers count of them.
    pub counters: Counters,
    /// What the core counts when one model runs them one after the other.
    pub cycles: Cycles,
}

/// The drawn tiles of one product.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its description.
    pub head: Head,
    /// Lines on rows of the array that some tile reads, (lines, K).
    pub rows: Array2<i32>,
    /// Lines on columns of the array that some tile reads, (lines, K).
    pub cols: Array2<i32>,
    /// What sums start from before the shift, (lines of `rows`, lines of `cols`).
    pub preload: Option<Array2<i32>>,
    /// Expected results, tile by tile, row by row of the array.
    pub values: Vec<i32>,
    /// Their exact sums.
    pub sums: Vec<i128>,
}

/// Where the lines of a part come from.
pub(super) struct Lines {
    /// Lines of the whole product, by line of the part.
    pub rows: Vec<usize>,
    pub cols: Vec<usize>,
    /// Each drawn tile's number in the part.
    pub tiles: Vec<usize>,
    /// Number in the whole product of every tile of the part, drawn or not.
    pub names: Vec<u64>,
}

impl Part {
    /// The drawn tiles of a product whose results are `expected`.
    pub(super) fn new(
        config: &Config,
        lowered: &Lowered<'_>,
        product: &Product<'_, i32>,
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
            out: product.out,
            rounding: product.rounding,
        };
        let (sums, counters) = truth(config, lowered, product, drawn);
        let head = Head {
            seed: product.seed,
            shape,
            tiles: drawn.iter().map(|tile| *tile as u64).collect(),
            counters,
            cycles: schedule.cycles_of_tiles(config, drawn.iter().copied()),
        };
        let lines = head.lines(config);
        let given = |row, col| if shape.transposed { (col, row) } else { (row, col) };
        let (on_rows, on_cols) = lowered.on_array();
        let preload = lowered.bias.map(|start| {
            Array2::from_shape_fn((lines.rows.len(), lines.cols.len()), |(row, col)| {
                let (row, col) = given(lines.rows[row], lines.cols[col]);
                start.values[[if start.values.nrows() == 1 { 0 } else { row }, col]]
            })
        });
        let of_tiles = drawn.iter().flat_map(|tile| places(schedule, *tile));
        Self {
            rows: on_rows.select(Axis(0), &lines.rows),
            cols: on_cols.reversed_axes().select(Axis(0), &lines.cols),
            preload,
            values: of_tiles.map(|((row, col), _)| expected[given(row, col)]).collect(),
            sums,
            head,
        }
    }

    /// The part as a product of its own, and its plan.
    pub(super) fn lowered(&self, config: &Config) -> Lowered<'_> {
        let Shape { band, bits_rows, bits_cols, preload_shift, shift, out, rounding, .. } =
            self.head.shape;
        let shape = (self.rows.nrows(), self.rows.ncols(), self.cols.nrows());
        let preload = self.preload.as_ref().zip(preload_shift);
        Lowered {
            a: self.rows.view(),
            b: self.cols.view().reversed_axes(),
            bits_a: bits_rows,
            bits_b: bits_cols,
            bias: preload.map(|(values, shift)| Start { values: values.view(), shift }),
            carried: None,
            requantizer: Requantizer { shift, bits: out.bits(), rounding },
            schedule: Schedule::in_bands(config, shape, (bits_rows, bits_cols), band),
        }
    }

    /// The part as the product that [`Self::lowered`] is made of.
    pub(super) fn product(&self) -> Result<Product<'_, i32>, EngineError> {
        let shape = &self.head.shape;
        let (rows, cols) = (self.rows.view(), self.cols.view().reversed_axes());
        Ok(Product {
            a: Operand { values: rows, format: Format::new(shape.bits_rows, 0)? },
            b: Operand { values: cols, format: Format::new(shape.bits_cols, 0)? },
            bias: None,
            out: shape.out,
            rounding: shape.rounding,
            seed: self.head.seed,
            keep_sums: true,
        })
    }

    /// Refuses numbers that no engine would have put into a part.
    pub(super) fn check(&self, config: &Config) -> Result<(), EngineError> {
        let shape = &self.head.shape;
        fxp::check_range('A', &self.rows.view(), shape.bits_rows)?;
        fxp::check_range('B', &self.cols.view(), shape.bits_cols)?;
        let lowered = self.lowered(config);
        let bits = (shape.bits_rows, shape.bits_cols);
        check_sum_range(config, shape.k, bits.0, bits.1, lowered.bias.as_ref())
    }
}

impl Head {
    /// Refuses a description that does not fit the array or itself.
    pub(super) fn check(&self, config: &Config) -> Result<(), EngineError> {
        let shape = &self.shape;
        let refuse = |what, expected: String, found: String| {
            Err(EngineError::Bundle { what, expected, found })
        };
        for (what, bits, most) in [
            ("width of the operand on the rows", shape.bits_rows, config.max_bits()),
            ("width of the operand on the columns", shape.bits_cols, config.max_bits()),
            ("width of the result", shape.out.bits(), fxp::MAX_BITS),
        ] {
            if !(fxp::MIN_BITS..=most).contains(&bits) {
                return refuse(what, format!("{} to {most}", fxp::MIN_BITS), bits.to_string());
            }
        }
        if !config.spec().rounding.contains(shape.rounding) {
            let available = config.spec().rounding.clone();
            return Err(EngineError::RoundingAbsent { found: shape.rounding, available });
        }
        // As `flexmac gemm --bias-shift`.
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
        // Lines are counted, so that none of these can be too large for what follows.
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

    /// Which lines the drawn tiles read.
    pub(super) fn lines(&self, config: &Config) -> Lines {
        let Shape { rows, cols, band, .. } = self.shape;
        let across = cols.div_ceil(config.cols()) as u64;
        let bands: BTreeSet<_> = self.tiles.iter().map(|tile| tile / across).collect();
        let columns: BTreeSet<_> = self.tiles.iter().map(|tile| tile % across).collect();
        let (bands, columns) = (Vec::from_iter(bands), Vec::from_iter(columns));
        let lines = |bands: &[u64], height: usize, end: usize| -> Vec<usize> {
            let line = |band: &u64| *band as usize * height; // below the number of lines
            bands.iter().flat_map(|band| line(band)..end.min(line(band) + height)).collect()
        };
        let place = |of: &[u64], name| of.binary_search(&name).expect("its own");
        let number = |tile: &u64| {
            place(&bands, tile / across) * columns.len() + place(&columns, tile % across)
        };
        Lines {
            rows: lines(&bands, band, rows),
            cols: lines(&columns, config.cols(), cols),
            tiles: self.tiles.iter().map(number).collect(),
            names: bands
                .iter()
                .flat_map(|band| columns.iter().map(move |column| band * across + column))
                .collect(),
        }
    }
}
