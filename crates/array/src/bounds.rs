//! The exact bound on a PE's accumulator, from which its width follows.
//!
//! For each significance s, a PE adds all K products of every plane pair (i, j) with i + j = s.
//! Then it retires the low `chunk` bits as a result digit and shifts right by `chunk`. With P =
//! `chunk`, and `hi_s` and `lo_s` the largest and smallest value of the accumulator during
//! significance s:
//!
//! ```text
//! hi_s = floor(hi_{s-1} / 2^P) + K * sum over the pairs of the largest product of two such planes
//! lo_s = floor(lo_{s-1} / 2^P) + K * sum over the pairs of the smallest product of two such planes
//! ```
//!
//! A plane is unsigned, 0..=2^P-1, except the top one, which is signed, -2^(P-1)..=2^(P-1)-1. To
//! cover partial sums within a significance, each largest product counts as at least 0 and each
//! smallest as at most 0. The accumulator is as wide as the extremes over all pairs of plane counts
//! require.

use crate::parameters::ArraySpec;

#[derive(Clone, Copy)]
struct Interval {
    lo: i128,
    hi: i128,
}

impl Interval {
    fn product(self, other: Self) -> Self {
        let corners =
            [self.lo * other.lo, self.lo * other.hi, self.hi * other.lo, self.hi * other.hi];
        Self {
            lo: corners.into_iter().min().expect("four corners").min(0),
            hi: corners.into_iter().max().expect("four corners").max(0),
        }
    }
}

fn plane(index: u32, count: u32, chunk: u32) -> Interval {
    if index + 1 == count {
        Interval { lo: -(1 << (chunk - 1)), hi: (1 << (chunk - 1)) - 1 }
    } else {
        Interval { lo: 0, hi: (1 << chunk) - 1 }
    }
}

/// Largest and smallest accumulator value during a whole tile of `planes_a` x `planes_b` passes.
fn extremes(planes_a: u32, planes_b: u32, chunk: u32, max_k: u32) -> Interval {
    let mut acc = Interval { lo: 0, hi: 0 };
    let mut worst = acc;
    for significance in 0..planes_a + planes_b - 1 {
        acc = Interval { lo: acc.lo >> chunk, hi: acc.hi >> chunk };
        for i in 0..planes_a {
            let Some(j) = significance.checked_sub(i).filter(|j| *j < planes_b) else { continue };
            let product = plane(i, planes_a, chunk).product(plane(j, planes_b, chunk));
            acc.lo += product.lo * i128::from(max_k);
            acc.hi += product.hi * i128::from(max_k);
        }
        worst = Interval { lo: worst.lo.min(acc.lo), hi: worst.hi.max(acc.hi) };
    }
    worst
}

/// Bits of a two's complement register that holds every value of the interval.
fn signed_bits(interval: Interval) -> u32 {
    let magnitude_bits = |value: i128| i128::BITS - value.leading_zeros();
    magnitude_bits(interval.hi.max(0)).max(magnitude_bits(!interval.lo.min(-1))) + 1
}

/// Bits of one PE's accumulator: those of the bound, but at least one more than the sum over the
/// lanes has. The minimum matters when `max_k` is below the number of lanes.
pub(crate) fn accumulator_bits(spec: &ArraySpec) -> u32 {
    let planes = spec.max_bits.div_ceil(spec.chunk);
    let lane_sum = 2 * spec.chunk + 1 + ceil_log2(spec.lanes);
    (1..=planes)
        .flat_map(|planes_a| (1..=planes).map(move |planes_b| (planes_a, planes_b)))
        .map(|(a, b)| signed_bits(extremes(a, b, spec.chunk, spec.max_k)))
        .fold(lane_sum + 1, u32::max)
}

/// Smallest n with 2^n >= `count`: the bits by which a sum of `count` terms grows, or the bits of
/// an index below `count`.
pub fn ceil_log2(count: u32) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_of_known_intervals() {
        let bits = |lo, hi| signed_bits(Interval { lo, hi });
        assert_eq!(bits(0, 0), 1);
        assert_eq!(bits(-1, 0), 1);
        assert_eq!(bits(-2, 1), 2);
        assert_eq!(bits(-128, 127), 8);
        assert_eq!(bits(-129, 127), 9);
        assert_eq!(bits(-128, 128), 9);
    }

    /// With one plane, the accumulator holds exactly the sums of K products of signed numbers.
    #[test]
    fn single_pass_bound_is_tight() {
        // (-128)^2 = 2^14 needs 16 bits.
        assert_eq!(signed_bits(extremes(1, 1, 8, 1)), 16);
        assert_eq!(signed_bits(extremes(1, 1, 8, 4)), 18);
    }

    /// The closed form of docs/arithmetic.md: magnitudes below K * planes * 2^(2 chunk).
    #[test]
    fn never_wider_than_the_closed_form() {
        for chunk in [2, 4, 8, 16] {
            for max_bits in chunk..=32 {
                for max_k in [16, 17, 100, 4096, 1 << 18] {
                    let spec = ArraySpec { chunk, max_bits, max_k, ..ArraySpec::default() };
                    let planes = max_bits.div_ceil(chunk);
                    let bound = (u64::from(max_k) * u64::from(planes)) << (2 * chunk);
                    let closed = u64::BITS - (bound - 1).leading_zeros() + 1;
                    assert!(accumulator_bits(&spec) <= closed, "{spec:?}");
                }
            }
        }
    }
}
