//! The random stream of one array column: a 32-bit maximal-length LFSR that advances 32 bit-steps
//! per emitted value.
//!
//! The state is an element of GF(2)\[x\] modulo a primitive polynomial, in the right-shifting
//! (Galois) form of the RTL module `flexmac_lfsr`. With one bit-step per value, successive words
//! would share 31 bits, which would correlate the stochastic rounding of neighbouring rows; hence
//! 32 bit-steps. The period stays full, because 32 and 2^32 - 1 have no common factor.

use crate::vector::{Kernel, vectorized};

/// Galois feedback mask of x^32 + x^22 + x^2 + x + 1, primitive over GF(2).
pub const LFSR_TAPS: u32 = 0x8020_0003;

/// Random bits used by one rounding.
pub const STREAM_BITS: u32 = 24;

/// Bit-steps between two emitted values.
const LEAP: u64 = 32;

/// Period of the stream in emitted values, and of the register in bit-steps.
const PERIOD: u64 = (1 << 32) - 1;

/// The random stream of one array column.
///
/// ```
/// use flexmac_fxp::Lfsr;
/// let mut walked = Lfsr::new(7);
/// for _ in 0..1000 {
///     walked.step();
/// }
/// let mut jumped = Lfsr::new(7);
/// jumped.skip(1000);
/// assert_eq!(walked, jumped);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lfsr {
    state: u32,
}

impl Lfsr {
    /// A stream that starts in state `seed`. Seed 0 is replaced by 1, as in the RTL: an LFSR never
    /// leaves the all-zero state.
    #[inline(always)]
    pub fn new(seed: u32) -> Self {
        Self { state: if seed == 0 { 1 } else { seed } }
    }

    /// The 32-bit register.
    pub fn state(self) -> u32 {
        self.state
    }

    /// The random word for the current value: the upper 24 bits of the register.
    #[inline(always)]
    pub fn word(self) -> u32 {
        self.state >> (32 - STREAM_BITS)
    }

    /// Advances to the next emitted value.
    pub fn step(&mut self) {
        self.advance();
    }

    /// [`Self::step`], for loops that are vectorized.
    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        self.state = leap(self.state);
    }

    /// Treats `streams` as rows of `columns` and fills all rows after the first: each stream is the
    /// one above it, advanced by one step.
    ///
    /// # Panics
    /// When `columns` is zero.
    pub fn fill_rows(streams: &mut [Self], columns: usize) {
        assert_ne!(columns, 0, "a row has at least one stream");
        vectorized(FillRows { streams, columns });
    }

    /// Advances by `values` emitted values, in time logarithmic in `values`.
    pub fn skip(&mut self, values: u64) {
        let bit_steps = (values % PERIOD) * LEAP % PERIOD;
        self.state = multiply(self.state, power_of_x(bit_steps));
    }
}

struct FillRows<'a> {
    streams: &'a mut [Lfsr],
    columns: usize,
}

impl Kernel for FillRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { streams, columns } = self;
        let mut start = columns;
        while let Some(room) = streams.len().checked_sub(start).filter(|room| *room > 0) {
            if columns >= VECTOR && room >= VECTOR {
                let mut words = [0; VECTOR];
                let above = &streams[start - columns..][..VECTOR];
                for (word, stream) in words.iter_mut().zip(above) {
                    *word = leap(stream.state);
                }
                for (stream, word) in streams[start..][..VECTOR].iter_mut().zip(words) {
                    stream.state = word;
                }
                start += VECTOR;
            } else {
                streams[start].state = leap(streams[start - columns].state);
                start += 1;
            }
        }
    }
}

/// Streams advanced together: one 512-bit vector of states.
pub(crate) const VECTOR: usize = 16;

/// One bit-step: multiplication by x.
const fn bit_step(state: u32) -> u32 {
    (state >> 1) ^ ((state & 1).wrapping_neg() & LFSR_TAPS)
}

/// 32 bit-steps at once, with shifts and XORs only, so that the compiler can vectorize it over many
/// streams.
///
/// Let bit t of `out` be the bit shifted out at step t. Each such bit flips, among others, bits 0,
/// 1 and 21, which are shifted out 1, 2 and 22 steps later. Hence out = state + u out, where
/// u = z + z^2 + z^22 and z is a left shift. Over GF(2), 1/(1 + u) = (1 + u)(1 + u^2)(1 + u^4)...; five
/// factors suffice for 32 bits. After the last step, bit t has moved from its feedback positions
/// 31, 21, 1 and 0 to t, t-10, t-30 and t-31.
#[inline(always)]
const fn leap(state: u32) -> u32 {
    let mut out = state;
    out ^= (out << 1) ^ (out << 2) ^ (out << 22);
    out ^= (out << 2) ^ (out << 4);
    out ^= (out << 4) ^ (out << 8);
    out ^= (out << 8) ^ (out << 16);
    out ^= out << 16;
    out ^ (out >> 10) ^ (out >> 30) ^ (out >> 31)
}

/// x^0: in this bit order the most significant bit is the constant term.
const ONE: u32 = 1 << 31;

/// Product of two field elements.
fn multiply(a: u32, b: u32) -> u32 {
    let mut shifted = b;
    let mut product = 0;
    for bit in (0..32).rev() {
        if a >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = bit_step(shifted);
    }
    product
}

/// x^n by repeated squaring.
fn power_of_x(mut n: u64) -> u32 {
    let mut base = bit_step(ONE);
    let mut power = ONE;
    while n > 0 {
        if n & 1 == 1 {
            power = multiply(power, base);
        }
        base = multiply(base, base);
        n >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x has order 2^32 - 1 exactly when its power is 1 there and at no maximal proper divisor.
    #[test]
    fn the_register_is_maximal() {
        assert_eq!(power_of_x(PERIOD), ONE);
        let primes = [3, 5, 17, 257, 65537];
        assert_eq!(primes.iter().product::<u64>(), PERIOD);
        for prime in primes {
            assert_ne!(power_of_x(PERIOD / prime), ONE, "order divides (2^32-1)/{prime}");
        }
        // 32 shares no factor with the order, so 32 bit-steps per value keep the full period.
        assert!(primes.iter().all(|prime| !LEAP.is_multiple_of(*prime)));
    }

    #[test]
    fn a_leap_is_32_bit_steps() {
        for seed in [1, 2, 0x8000_0000, 0xdead_beef, u32::MAX] {
            let walked = (0..32).fold(seed, |state, _| bit_step(state));
            assert_eq!(leap(seed), walked);
        }
    }

    #[test]
    fn skipping_equals_stepping() {
        let mut walked = Lfsr::new(0x1234_5678);
        for count in 0..600 {
            let mut jumped = Lfsr::new(0x1234_5678);
            jumped.skip(count);
            assert_eq!(jumped, walked, "after {count}");
            walked.step();
        }
        let mut around = Lfsr::new(99);
        around.skip(PERIOD);
        assert_eq!(around, Lfsr::new(99));
    }

    #[test]
    fn rows_step_on_from_those_above() {
        for columns in [1, 3, 15, 16, 20, 40] {
            for rows in [1, 2, 5] {
                let seed = |n| Lfsr::new(n as u32 * 77 + 5);
                let mut streams: Vec<_> = (0..rows * columns).map(seed).collect();
                Lfsr::fill_rows(&mut streams, columns);
                for (n, stream) in streams.iter().enumerate() {
                    let mut walked = seed(n % columns);
                    walked.skip((n / columns) as u64);
                    assert_eq!(*stream, walked, "{columns} columns, element {n}");
                }
            }
        }
    }

    #[test]
    fn zero_is_not_a_state() {
        assert_eq!(Lfsr::new(0), Lfsr::new(1));
    }

    #[test]
    fn words_look_uniform_and_uncorrelated() {
        const COUNT: u32 = 200_000;
        let mut lfsr = Lfsr::new(2016);
        let mut previous = 0.5;
        let (mut mean, mut correlation) = (0.0, 0.0);
        for _ in 0..COUNT {
            let unit = f64::from(lfsr.word()) / f64::from(1_u32 << STREAM_BITS);
            mean += unit;
            correlation += (unit - 0.5) * (previous - 0.5);
            previous = unit;
            lfsr.step();
        }
        let count = f64::from(COUNT);
        assert!((mean / count - 0.5).abs() < 0.003, "mean {}", mean / count);
        assert!((correlation / count * 12.0).abs() < 0.01, "lag-1 {}", correlation / count * 12.0);
    }
}
