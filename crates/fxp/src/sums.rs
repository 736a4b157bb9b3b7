//! Exact sums of a GEMM, in the cheapest type that holds every possible sum.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, LinalgScalar};
use rayon::prelude::*;

use crate::exp2;

/// Exact sums, (M, N), stored row by row. All variants hold integers; two values are equal if their
/// integers are, whatever the types.
#[derive(Debug, Clone)]
pub enum Sums {
    /// At most 2^24 in magnitude.
    Single(Array2<f32>),
    /// At most 2^53 in magnitude.
    Double(Array2<f64>),
    /// Below 2^31 in magnitude.
    Short(Array2<i32>),
    /// Below 2^62 in magnitude.
    Narrow(Array2<i64>),
    /// 2^62 or more in magnitude.
    Wide(Array2<i128>),
}

/// Rows of [`Sums`], writable.
#[derive(Debug)]
pub enum SumsViewMut<'a> {
    /// Rows of [`Sums::Single`].
    Single(ArrayViewMut2<'a, f32>),
    /// Rows of [`Sums::Double`].
    Double(ArrayViewMut2<'a, f64>),
    /// Rows of [`Sums::Short`].
    Short(ArrayViewMut2<'a, i32>),
    /// Rows of [`Sums::Narrow`].
    Narrow(ArrayViewMut2<'a, i64>),
    /// Rows of [`Sums::Wide`].
    Wide(ArrayViewMut2<'a, i128>),
}

/// Evaluates `$body` on the array inside, whatever its type.
macro_rules! each {
    ($all:ident, $of:expr, $sums:ident => $body:expr) => {
        match $of {
            $all::Single($sums) => $body,
            $all::Double($sums) => $body,
            $all::Short($sums) => $body,
            $all::Narrow($sums) => $body,
            $all::Wide($sums) => $body,
        }
    };
}

impl Sums {
    /// The sum at (row, column).
    pub fn get(&self, row: usize, column: usize) -> i128 {
        each!(Self, self, sums => sums[[row, column]].widened())
    }

    /// (M, N).
    pub fn dim(&self) -> (usize, usize) {
        each!(Self, self, sums => sums.dim())
    }

    /// The first `rows` rows, writable.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn rows_mut(&mut self, rows: usize) -> SumsViewMut<'_> {
        let slice = ndarray::s![..rows, ..];
        match self {
            Self::Single(sums) => SumsViewMut::Single(sums.slice_mut(slice)),
            Self::Double(sums) => SumsViewMut::Double(sums.slice_mut(slice)),
            Self::Short(sums) => SumsViewMut::Short(sums.slice_mut(slice)),
            Self::Narrow(sums) => SumsViewMut::Narrow(sums.slice_mut(slice)),
            Self::Wide(sums) => SumsViewMut::Wide(sums.slice_mut(slice)),
        }
    }

    /// All rows, writable.
    pub fn view_mut(&mut self) -> SumsViewMut<'_> {
        self.rows_mut(self.dim().0)
    }

    /// Splits the sums into bands of at most `rows` rows and calls `fill` with each band and its
    /// first row, on all cores.
    pub(crate) fn par_bands(&mut self, rows: usize, fill: impl Fn(SumsViewMut<'_>, usize) + Sync) {
        fn bands<'a, S: Send + Sync>(
            sums: &'a mut Array2<S>,
            rows: usize,
            fill: impl Fn(ArrayViewMut2<'a, S>, usize) + Sync,
        ) {
            let bands = sums.axis_chunks_iter_mut(Axis(0), rows).into_par_iter().enumerate();
            bands.for_each(|(band, sums)| fill(sums, band * rows));
        }
        match self {
            Self::Single(sums) => bands(sums, rows, |s, row| fill(SumsViewMut::Single(s), row)),
            Self::Double(sums) => bands(sums, rows, |s, row| fill(SumsViewMut::Double(s), row)),
            Self::Short(sums) => bands(sums, rows, |s, row| fill(SumsViewMut::Short(s), row)),
            Self::Narrow(sums) => bands(sums, rows, |s, row| fill(SumsViewMut::Narrow(s), row)),
            Self::Wide(sums) => bands(sums, rows, |s, row| fill(SumsViewMut::Wide(s), row)),
        }
    }

    /// Adds sums of the same shape and type.
    pub(crate) fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Single(sums), Self::Single(other)) => *sums += other,
            (Self::Double(sums), Self::Double(other)) => *sums += other,
            (Self::Short(sums), Self::Short(other)) => *sums += other,
            (Self::Narrow(sums), Self::Narrow(other)) => *sums += other,
            (Self::Wide(sums), Self::Wide(other)) => *sums += other,
            _ => unreachable!("parts of one GEMM have one type"),
        }
    }
}

impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        let (rows, columns) = self.dim();
        let mut places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        self.dim() == other.dim()
            && places.all(|(row, column)| self.get(row, column) == other.get(row, column))
    }
}

impl SumsViewMut<'_> {
    pub(crate) fn nrows(&self) -> usize {
        each!(Self, self, sums => sums.nrows())
    }

    pub(crate) fn dim(&self) -> (usize, usize) {
        each!(Self, self, sums => sums.dim())
    }

    /// Adds piece_sums * 2^shift. The sums must be integers.
    pub(crate) fn add_shifted<F: Carrier>(&mut self, piece_sums: &Array2<F>, shift: u32) {
        fn add<F: Carrier, S: IntegerAccumulator>(
            sums: &mut ArrayViewMut2<'_, S>,
            piece_sums: &Array2<F>,
            shift: u32,
        ) {
            sums.zip_mut_with(piece_sums, |sum, piece| sum.add_shifted(piece.to_integer(), shift));
        }
        match self {
            Self::Short(sums) => add(sums, piece_sums, shift),
            Self::Narrow(sums) => add(sums, piece_sums, shift),
            Self::Wide(sums) => add(sums, piece_sums, shift),
            Self::Single(_) | Self::Double(_) => unreachable!("floats are summed in place"),
        }
    }

    /// Writes the initial sums: zero, or the values of `start` from row `first` on.
    pub(crate) fn begin(&mut self, start: Option<&Start<'_>>, first: usize) {
        each!(Self, self, sums => begin(sums, start, first));
    }
}

fn begin<S: Accumulator>(sums: &mut ArrayViewMut2<'_, S>, start: Option<&Start<'_>>, first: usize) {
    let Some(start) = start else {
        sums.fill(S::zero());
        return;
    };
    if start.values.nrows() == 1 {
        let row = start.values.row(0).mapv(|value| S::shifted(value, start.shift));
        sums.outer_iter_mut().for_each(|mut sums| sums.assign(&row));
    } else {
        let rows = start.values.slice(ndarray::s![first..first + sums.nrows(), ..]);
        sums.zip_mut_with(&rows, |sum, value| *sum = S::shifted(*value, start.shift));
    }
}

/// The initial sums of a GEMM (a bias): values * 2^shift.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// (1, N), the same for every row, or (M, N).
    pub values: ArrayView2<'a, i32>,
    /// Left shift in bits; the shifted values must be below 2^102 in magnitude.
    pub shift: u32,
}

impl Start<'_> {
    /// The initial sum at (row, column).
    pub fn at(&self, row: usize, column: usize) -> i128 {
        let row = if self.values.nrows() == 1 { 0 } else { row };
        i128::shifted(self.values[[row, column]], self.shift)
    }

    /// The largest magnitude of an initial sum.
    pub fn magnitude(&self) -> u128 {
        let largest = self.values.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0);
        if largest == 0 { 0 } else { u128::from(largest) << self.shift }
    }
}

/// A type that holds sums.
pub(crate) trait Accumulator: LinalgScalar + Send + Sync {
    /// value * 2^shift; must fit the type.
    fn shifted(value: i32, shift: u32) -> Self;

    /// The sum as an integer.
    fn widened(self) -> i128;
}

/// An integer type to which sums of pieces are added.
pub(crate) trait IntegerAccumulator: Accumulator {
    /// Adds piece_sum * 2^shift.
    fn add_shifted(&mut self, piece_sum: i64, shift: u32);

    /// A whole sum, which fits the type.
    #[inline(always)]
    fn of_product(sum: i64) -> Self {
        let mut whole = Self::zero();
        whole.add_shifted(sum, 0);
        whole
    }
}

/// A float type that holds pieces, and sums of their products, exactly.
pub(crate) trait Carrier: Accumulator {
    fn from_piece(piece: i32) -> Self;
    fn to_integer(self) -> i64;
}

macro_rules! float_accumulator {
    ($float:ty) => {
        impl Accumulator for $float {
            fn shifted(value: i32, shift: u32) -> Self {
                if value == 0 {
                    return 0.0; // for any shift
                }
                // Exact: the plan chose this type because it holds the result.
                value as Self * exp2(shift as i32) as Self
            }

            fn widened(self) -> i128 {
                self as i128 // exact: holds an integer
            }
        }

        impl Carrier for $float {
            fn from_piece(piece: i32) -> Self {
                piece as Self // exact: pieces are as narrow as the plan requires
            }

            fn to_integer(self) -> i64 {
                self as i64 // exact: holds an integer of at most 2^53
            }
        }
    };
}

float_accumulator!(f32);
float_accumulator!(f64);

impl Accumulator for i32 {
    fn shifted(value: i32, shift: u32) -> Self {
        // Zero may have any shift; all other values fit.
        if value == 0 { 0 } else { value << shift }
    }

    fn widened(self) -> i128 {
        self.into()
    }
}

impl IntegerAccumulator for i32 {
    #[inline(always)]
    fn add_shifted(&mut self, piece_sum: i64, shift: u32) {
        // Intermediate totals may wrap past 32 bits; the final one fits, by its bound.
        *self = self.wrapping_add((piece_sum as Self).wrapping_shl(shift));
    }
}

impl Accumulator for i64 {
    fn shifted(value: i32, shift: u32) -> Self {
        // Zero may have any shift; all other values fit.
        if value == 0 { 0 } else { Self::from(value) << shift }
    }

    fn widened(self) -> i128 {
        self.into()
    }
}

impl IntegerAccumulator for i64 {
    #[inline(always)]
    fn add_shifted(&mut self, piece_sum: i64, shift: u32) {
        // Intermediate totals may wrap past 64 bits; the final one fits, by its bound.
        *self = self.wrapping_add(piece_sum.wrapping_shl(shift));
    }
}

impl Accumulator for i128 {
    fn shifted(value: i32, shift: u32) -> Self {
        // Zero may have any shift; all other values fit.
        if value == 0 { 0 } else { Self::from(value) << shift }
    }

    fn widened(self) -> i128 {
        self
    }
}

impl IntegerAccumulator for i128 {
    #[inline(always)]
    fn add_shifted(&mut self, piece_sum: i64, shift: u32) {
        *self += Self::from(piece_sum) << shift;
    }
}
