//! A value that seldom changes, kept as its changes.

use serde::Serialize;

/// Values over iterations: each change with the iteration from which it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Track<T>(Vec<(u64, T)>);

impl<T: PartialEq> Track<T> {
    /// A track without values.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes in the value at `iteration`, which must follow the last one's.
    pub fn push(&mut self, iteration: u64, value: T) {
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((iteration, value));
        }
    }

    /// The changes, first value included.
    pub fn changes(&self) -> &[(u64, T)] {
        &self.0
    }

    /// First iteration, the one after the last, and the value between them, up to `end`.
    pub fn spans(&self, end: u64) -> impl Iterator<Item = (u64, u64, &T)> {
        let ends = self.0.iter().skip(1).map(|(from, _)| *from).chain([end]);
        self.0.iter().zip(ends).map(|((from, value), to)| (*from, to, value))
    }

    /// The last value.
    pub fn last(&self) -> Option<&T> {
        self.0.last().map(|(_, value)| value)
    }

    /// The track of a part or function of the value; equal neighbours merge.
    pub fn map<U: PartialEq>(&self, part: impl Fn(&T) -> U) -> Track<U> {
        let mut track = Track::new();
        self.0.iter().for_each(|(from, value)| track.push(*from, part(value)));
        track
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_merge() {
        let mut track = Track::new();
        for (at, bits) in [(0, 32), (1, 32), (2, 16), (3, 16), (5, 32)] {
            track.push(at, bits);
        }
        assert_eq!(track.changes(), [(0, 32), (2, 16), (5, 32)]);
        let spans: Vec<_> = track.spans(7).collect();
        assert_eq!(spans, [(0, 2, &32), (2, 5, &16), (5, 7, &32)]);
        assert_eq!(track.map(|bits| bits / 100).changes(), [(0, 0)]);
        assert_eq!((track.last(), Track::<u8>::new().last()), (Some(&32), None));
    }
}
