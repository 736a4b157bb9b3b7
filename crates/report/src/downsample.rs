//! Fewer points for drawing, with every peak kept.
//!
//! A curve has no use for more than a few points per pixel column. Keeping each column's first,
//! least, greatest and last point draws the same ink as the whole curve; averaging or picking every
//! n-th point would hide the spikes that a reader looks for.

/// Points of `points`, which rise in x: all of them when few, otherwise at most four for each of
/// `columns` equal parts of the x range.
pub(crate) fn min_max(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= 4 * columns || first.0 >= last.0 {
        return points.to_vec();
    }
    let width = (last.0 - first.0) / columns as f64;
    // Never negative, as x rises.
    let column = |x: f64| (((x - first.0) / width) as usize).min(columns - 1);
    let mut kept = Vec::with_capacity(4 * columns);
    for part in points.chunk_by(|a, b| column(a.0) == column(b.0)) {
        let by_y = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let least = (0..part.len()).min_by(by_y).unwrap_or(0);
        let greatest = (0..part.len()).max_by(by_y).unwrap_or(0);
        let mut picks = [0, least, greatest, part.len() - 1];
        picks.sort_unstable();
        for (place, pick) in picks.into_iter().enumerate() {
            if place == 0 || picks[place - 1] != pick {
                kept.push(part[pick]);
            }
        }
    }
    kept
}

/// A stretch of iterations, the second number excluded, and the value in it.
pub(crate) type Cell<T> = (u64, u64, T);

/// Cells, in order and without overlap, redrawn on a grid of at most `columns` columns over
/// `span`: a column holds the greatest of the values that touch it; equal neighbours merge.
/// Cells are returned as they are when the span has no more iterations than columns.
pub(crate) fn greatest<T: Ord + Copy>(
    cells: &[Cell<T>],
    span: (u64, u64),
    columns: u64,
) -> Vec<Cell<T>> {
    let length = span.1.saturating_sub(span.0);
    if length <= columns {
        return cells.to_vec();
    }
    // Widened so that no product overflows; each quotient is at most `columns` or in the span.
    let column_of =
        |at: u64| (u128::from(at - span.0) * u128::from(columns) / u128::from(length)) as usize;
    let start_of = |column: usize| {
        let offset = (column as u128 * u128::from(length)).div_ceil(u128::from(columns));
        span.0 + offset as u64
    };
    let mut grid: Vec<Option<T>> = vec![None; columns as usize];
    for (from, to, value) in cells.iter().filter(|(from, to, _)| from < to) {
        for place in &mut grid[column_of(*from)..=column_of(to - 1)] {
            *place = (*place).max(Some(*value));
        }
    }
    let mut merged: Vec<Cell<T>> = Vec::new();
    for (column, value) in grid.into_iter().enumerate() {
        let Some(value) = value else { continue };
        let (from, to) = (start_of(column), start_of(column + 1));
        match merged.last_mut() {
            Some(last) if last.1 == from && last.2 == value => last.1 = to,
            _ => merged.push((from, to, value)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_curves_stay_whole() {
        let points = [(0.0, 1.0), (1.0, 5.0), (2.0, 3.0)];
        assert_eq!(min_max(&points, 1), points);
        assert_eq!(min_max(&[], 10), []);
    }

    #[test]
    fn every_peak_and_both_ends_survive() {
        let value = |x: i32| if x == 617 { 9.0 } else { f64::from(x % 7) };
        let mut points: Vec<_> = (0..10_000).map(|x| (f64::from(x), value(x))).collect();
        points[4321].1 = -4.0;
        let kept = min_max(&points, 50);
        assert!(kept.len() <= 200, "{}", kept.len());
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        assert!(kept.contains(&(617.0, 9.0)) && kept.contains(&(4321.0, -4.0)));
        assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[9999]));
        // Each column keeps its own extremes.
        for column in 0..50 {
            let inside = |p: &&(f64, f64)| (p.0 / 9999.0 * 50.0) as usize == column;
            let range = |points: &[(f64, f64)]| {
                let ys = || points.iter().filter(inside).map(|p| p.1);
                (ys().fold(f64::MAX, f64::min), ys().fold(f64::MIN, f64::max))
            };
            assert_eq!(range(&kept), range(&points), "column {column}");
        }
    }

    #[test]
    fn columns_hold_their_greatest() {
        let cells = [(0, 400, 16), (400, 401, 32), (401, 1000, 16)];
        assert_eq!(greatest(&cells, (0, 1000), 1000), cells);
        let drawn = greatest(&cells, (0, 1000), 10);
        assert_eq!(drawn, [(0, 400, 16), (400, 500, 32), (500, 1000, 16)]);
        // Gaps stay, at odd ratios too.
        assert_eq!(greatest(&[(6, 7, 1)], (0, 7), 3), [(5, 7, 1)]);
        let far = u64::MAX - 1;
        assert_eq!(greatest(&[(0, 1, 1)], (0, far), 2), [(0, far / 2, 1)]);
    }
}
