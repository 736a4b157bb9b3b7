//! Plane skipping of a GEMM: finds the widths of the panels in the operands, and makes the plan of
//! each array.

use std::num::NonZeroUsize;
use std::ops::Range;

use flexmac_array::{ArrayConfig, Schedule, Shard, SkippedWork, SkippingPlan};
use flexmac_fxp::{Matrix, Role, block_widths};

/// The plans of the arrays that share a GEMM whose planes are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipping {
    /// One, or one for each part of K if arrays share K.
    plans: Vec<SkippingPlan>,
    /// What all arrays do; none until it is asked for.
    work: Option<SkippedWork>,
}

impl Skipping {
    /// The plans for up to `arrays` arrays, from the operands A, (M, K), and B, (K, N).
    ///
    /// # Panics
    /// When the shapes are not those of the schedule, or, with several arrays, `role` is not that of
    /// a GEMM.
    pub fn new(
        config: &ArrayConfig,
        schedule: &Schedule,
        (a, b): (Matrix<'_, i32>, Matrix<'_, i32>),
        role: Role,
        arrays: NonZeroUsize,
    ) -> Self {
        let fastest = |schedule: &Schedule, k: Range<usize>| {
            let widths =
                panel_widths(schedule, (a.view(), b.view()), k.start, &schedule.piece_grid());
            SkippingPlan::fastest(config, schedule, &widths.0, &widths.1)
        };
        let (mut found, mut tiles) = (Vec::new(), Vec::new());
        if arrays.get() > 1 {
            for shard in schedule.shards(role, arrays.get()) {
                match shard {
                    Shard::Tiles(own) => tiles.push(own),
                    Shard::Depth(k) => found.push(fastest(&schedule.over(k.len()), k)),
                }
            }
        }
        if found.is_empty() {
            found.push(fastest(schedule, 0..schedule.k));
        }
        let (plans, works): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let of_tiles =
            |own: &Vec<usize>| plans[0].work_of_tiles(config, own.iter().copied()).cycles;
        let shares: Vec<_> = match tiles.as_slice() {
            [] => works.iter().map(|work| work.cycles).collect(),
            tiles => tiles.iter().map(of_tiles).collect(),
        };
        let mut work = SkippedWork::default();
        works.iter().for_each(|own| work.add(own));
        work.cycles = shares.into_iter().max_by_key(|cycles| cycles.busy).expect("an array");
        Self { plans, work: Some(work) }
    }

    /// The plan for one array with pieces of K of a given length. Whole tiles may be missing from
    /// the operands: the plan of every other tile is that of the whole GEMM.
    ///
    /// # Panics
    /// When the shapes are not those of the schedule, or a command cannot be that long.
    pub fn cut(
        config: &ArrayConfig,
        schedule: &Schedule,
        operands: (Matrix<'_, i32>, Matrix<'_, i32>),
        piece_length: usize,
    ) -> Self {
        let bounds = schedule.piece_bounds(piece_length);
        let widths = panel_widths(schedule, operands, 0, &bounds);
        SkippingPlan::cut(config, schedule, piece_length, &widths.0, &widths.1).into()
    }

    /// The plan of the whole GEMM, or of the first part of K if arrays share K.
    pub fn plan(&self) -> &SkippingPlan {
        &self.plans[0]
    }

    /// The plans, in the order in which exact sums pass from array to array if there are several.
    pub fn plans(&self) -> &[SkippingPlan] {
        &self.plans
    }

    /// What all arrays do; cycles are those of the slowest.
    pub fn work(&self, config: &ArrayConfig) -> SkippedWork {
        self.work.unwrap_or_else(|| {
            let plan = self.plan();
            plan.work_of_tiles(config, 0..plan.schedule().tiles())
        })
    }
}

impl From<SkippingPlan> for Skipping {
    /// One array with this plan.
    fn from(plan: SkippingPlan) -> Self {
        Self { plans: vec![plan], work: None }
    }
}

/// The widths of the panels on the rows and on the columns, band by band, for the pieces between
/// `bounds` of the part of K that begins at `start`.
fn panel_widths(
    schedule: &Schedule,
    (a, b): (Matrix<'_, i32>, Matrix<'_, i32>),
    start: usize,
    bounds: &[usize],
) -> (Vec<u8>, Vec<u8>) {
    let k: Vec<_> = bounds.iter().map(|bound| start + bound).collect();
    let bands = |lines: usize, size: usize| -> Vec<usize> {
        (0..lines).step_by(size).chain([lines]).collect()
    };
    let rows = bands(schedule.m, schedule.band_rows());
    let columns = bands(schedule.n, schedule.band_cols());
    // Lines of A are rows of its matrix, lines of B columns.
    let of_a = |lines: &[usize]| block_widths(a.view(), lines, &k);
    let of_b = |lines: &[usize]| block_widths(b.view(), &k, lines).reversed_axes();
    let (on_rows, on_columns) = if schedule.transposed {
        (of_b(&rows), of_a(&columns))
    } else {
        (of_a(&rows), of_b(&columns))
    };
    (on_rows.iter().copied().collect(), on_columns.iter().copied().collect())
}
