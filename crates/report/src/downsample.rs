//! Reduces the number of drawn points and keeps every peak.
//!
//! A curve needs only a few points per pixel column. The first, lowest, highest and last point of a
//! column draw the same pixels as all its points. Averages, or every n-th point, would hide spikes.

/// Divides the x range into `columns` equal parts and keeps at most four points of each: first,
/// lowest, highest, last. Few points are returned unchanged. `points` are in order of x.
pub(crate) fn keep_extremes(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    if points.len() <= 4 * columns || first.0 >= last.0 {
        return points.to_vec();
    }
    let width = (last.0 - first.0) / columns as f64;
    // Never negative: x increases.
    let column = |x: f64| (((x - first.0) / width) as usize).min(columns - 1);
    let mut kept = Vec::with_capacity(4 * columns);
    for part in points.chunk_by(|a, b| column(a.0) == column(b.0)) {
        let by_y = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let lowest = (0..part.len()).min_by(by_y).unwrap_or(0);
        let highest = (0..part.len()).max_by(by_y).unwrap_or(0);
        let mut picks = [0, lowest, highest, part.len() - 1];
        picks.sort_unstable();
        for (place, pick) in picks.into_iter().enumerate() {
            if place == 0 || picks[place - 1] != pick {
                kept.push(part[pick]);
            }
        }
    }
    kept
}

/// A half-open range of iterations (start, end) and the value in it.
pub(crate) type Cell<T> = (u64, u64, T);

/// Divides `span` into `columns` columns and gives each the largest value of the cells that overlap
/// it. Adjacent columns with equal values merge. If the span has no more iterations than columns,
/// the cells are returned unchanged. `cells` are in order and do not overlap.
pub(crate) fn column_maxima<T: Ord + Copy>(
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
    fn short_curves_are_unchanged() {
        let points = [(0.0, 1.0), (1.0, 5.0), (2.0, 3.0)];
        assert_eq!(keep_extremes(&points, 1), points);
        assert_eq!(keep_extremes(&[], 10), []);
    }

    #[test]
    fn peaks_and_ends_are_kept() {
        let value = |x: i32| if x == 617 { 9.0 } else { f64::from(x % 7) };
        let mut points: Vec<_> = (0..10_000).map(|x| (f64::from(x), value(x))).collect();
        points[4321].1 = -4.0;
        let kept = keep_extremes(&points, 50);
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
    fn columns_hold_their_maximum() {
        let cells = [(0, 400, 16), (400, 401, 32), (401, 1000, 16)];
        assert_eq!(column_maxima(&cells, (0, 1000), 1000), cells);
        let drawn = column_maxima(&cells, (0, 1000), 10);
        assert_eq!(drawn, [(0, 400, 16), (400, 500, 32), (500, 1000, 16)]);
        // Gaps stay, at odd ratios too.
        assert_eq!(column_maxima(&[(6, 7, 1)], (0, 7), 3), [(5, 7, 1)]);
        let far = u64::MAX - 1;
        assert_eq!(column_maxima(&[(0, 1, 1)], (0, far), 2), [(0, far / 2, 1)]);
    }
}
