//! Switching activity of a netlist with probes: how often each net changed, and how often it was 1.
//!
//! Snapshots of all nets are compared word by word. Counts are bit-sliced: each word of bit plane k
//! holds bit k of the counts of 32 nets. A word without a change costs one comparison, a word with
//! changes a few operations for all its nets together.

/// Switching activity over some cycles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// Cycles counted.
    pub cycles: u64,
    /// For each net, the number of changes from one cycle's settled value to the next.
    pub toggles: Vec<u64>,
    /// For each net, the number of cycles in which it settled to 1.
    pub ones: Vec<u64>,
}

/// Counts the activity in a sequence of snapshots.
#[derive(Debug, Default)]
pub(crate) struct ActivityCounter {
    nets: usize,
    cycles: u64,
    last: Option<Vec<u32>>,
    toggles: Sliced,
    ones: Sliced,
}

impl ActivityCounter {
    pub fn new(nets: usize) -> Self {
        let words = nets.div_ceil(32);
        Self {
            nets,
            toggles: Sliced { words, planes: Vec::new() },
            ones: Sliced { words, planes: Vec::new() },
            ..Self::default()
        }
    }

    /// Starts a new GEMM: changes between the last snapshot and the next one are not counted.
    pub fn restart(&mut self) {
        self.last = None;
    }

    /// Adds a snapshot of the nets at the end of a cycle.
    pub fn add(&mut self, snapshot: &[u32]) {
        let Some(last) = &mut self.last else {
            self.last = Some(snapshot.to_vec());
            return;
        };
        self.cycles += 1;
        for (word, (last, now)) in last.iter_mut().zip(snapshot).enumerate() {
            self.toggles.add(word, *last ^ *now);
            self.ones.add(word, *now);
            *last = *now;
        }
    }

    /// Returns the counts and resets them.
    pub fn take(&mut self) -> Activity {
        let fresh = Self::new(self.nets);
        let done = std::mem::replace(self, fresh);
        Activity {
            cycles: done.cycles,
            toggles: done.toggles.counts(self.nets),
            ones: done.ones.counts(self.nets),
        }
    }
}

/// Bit-sliced counters, one per net.
#[derive(Debug, Default)]
struct Sliced {
    /// Words of a bit plane.
    words: usize,
    /// Bit planes, the lowest first.
    planes: Vec<Vec<u32>>,
}

impl Sliced {
    /// Adds 1 to the counter of every set bit of `bits`, the nets of word number `word`.
    fn add(&mut self, word: usize, bits: u32) {
        let mut carry = bits;
        let mut plane = 0;
        while carry != 0 {
            if plane == self.planes.len() {
                self.planes.push(vec![0; self.words]);
            }
            let slot = &mut self.planes[plane][word];
            (*slot, carry) = (*slot ^ carry, *slot & carry);
            plane += 1;
        }
    }

    fn counts(&self, nets: usize) -> Vec<u64> {
        let count = |net: usize| {
            let bit = |plane: &Vec<u32>| u64::from(plane[net / 32] >> (net % 32) & 1);
            self.planes.iter().zip(0..).map(|(plane, weight)| bit(plane) << weight).sum()
        };
        (0..nets).map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_counting_one_by_one() {
        let nets = 70;
        let mut counter = ActivityCounter::new(nets);
        let (mut toggles, mut ones) = (vec![0; nets], vec![0; nets]);
        let mut state = 1_u64;
        let mut last: Option<Vec<u32>> = None;
        for cycle in 0..1000 {
            let mut snapshot: Vec<u32> = (0..3)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 32) as u32 & (state >> 7) as u32 // fewer ones than zeros
                })
                .collect();
            snapshot[2] &= 0x3f;
            if cycle == 500 {
                counter.restart();
                last = None;
            }
            if let Some(last) = &last {
                for net in 0..nets {
                    let bit = |p: &[u32]| u64::from(p[net / 32] >> (net % 32) & 1);
                    toggles[net] += bit(last) ^ bit(&snapshot);
                    ones[net] += bit(&snapshot);
                }
            }
            counter.add(&snapshot);
            last = Some(snapshot);
        }
        let activity = counter.take();
        assert_eq!(activity, Activity { cycles: 998, toggles, ones });
        assert_eq!(counter.take().cycles, 0);
    }
}
