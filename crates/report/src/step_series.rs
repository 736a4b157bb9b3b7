//! A value that seldom changes, stored as its changes.

use serde::Serialize;

/// A step function of the iterations: each new value, with its first iteration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StepSeries<T>(Vec<(u64, T)>);

impl<T: PartialEq> StepSeries<T> {
    /// A series without values.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds the value at `iteration`. Iterations must increase.
    pub fn push(&mut self, iteration: u64, value: T) {
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((iteration, value));
        }
    }

    /// The changes; the first value is the first change.
    pub fn changes(&self) -> &[(u64, T)] {
        &self.0
    }

    /// Half-open ranges of iterations (start, end) with their values; the last range ends at `end`.
    pub fn spans(&self, end: u64) -> impl Iterator<Item = (u64, u64, &T)> {
        let ends = self.0.iter().skip(1).map(|(from, _)| *from).chain([end]);
        self.0.iter().zip(ends).map(|((from, value), to)| (*from, to, value))
    }

    /// The last value.
    pub fn last(&self) -> Option<&T> {
        self.0.last().map(|(_, value)| value)
    }

    /// The series of a function of the value; equal neighbours merge.
    pub fn map<U: PartialEq>(&self, part: impl Fn(&T) -> U) -> StepSeries<U> {
        let mut series = StepSeries::new();
        self.0.iter().for_each(|(from, value)| series.push(*from, part(value)));
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_merge() {
        let mut series = StepSeries::new();
        for (at, bits) in [(0, 32), (1, 32), (2, 16), (3, 16), (5, 32)] {
            series.push(at, bits);
        }
        assert_eq!(series.changes(), [(0, 32), (2, 16), (5, 32)]);
        let spans: Vec<_> = series.spans(7).collect();
        assert_eq!(spans, [(0, 2, &32), (2, 5, &16), (5, 7, &32)]);
        assert_eq!(series.map(|bits| bits / 100).changes(), [(0, 0)]);
        assert_eq!((series.last(), StepSeries::<u8>::new().last()), (Some(&32), None));
    }
}
