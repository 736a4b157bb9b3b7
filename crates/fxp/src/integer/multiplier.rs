//! The instructions: what a machine multiplies at once.

use super::{Bits16, Bits32, Line, Width};

/// Multiplies lines of B by pairs of terms of A and adds the products up, modulo 2^32 or 2^64.
pub(super) trait Multiplier: Copy {
    type Width: Width;
    /// A line of B in registers.
    type Loaded: Copy;
    /// Sums of a line's columns in registers.
    type Sums: Copy;
    /// The same in memory.
    type Stored: Copy + AsRef<[Self::Sum]>;
    /// One of them.
    type Sum: Copy + Into<i64>;

    /// Rows of A that a tile has at most.
    const ROWS: usize;

    fn zero(self) -> Self::Sums;
    fn load(self, line: &Line) -> Self::Loaded;
    fn add_products(
        self,
        sums: Self::Sums,
        pair: <Self::Width as Width>::Pair,
        line: Self::Loaded,
    ) -> Self::Sums;
    fn store(self, sums: Self::Sums) -> Self::Stored;
}

/// Where a vector is stored at once.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Aligned<T>(pub T);

impl<T, const N: usize> AsRef<[T]> for Aligned<[T; N]> {
    #[inline(always)]
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256i, __m512i};

    use pulp::cast;
    use pulp::x86::{V3, V4};

    use super::*;

    /// Lines of B in a panel: with the rows of a tile, as many sums as there are registers for.
    const PANEL_V3: usize = 1;
    const PANEL_V4: usize = 3;

    /// A machine with integer vectors.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum Machine {
        /// AVX2.
        V3(V3),
        /// AVX-512.
        V4(V4),
    }

    impl Machine {
        /// The best this machine can do.
        pub fn detect() -> Option<Self> {
            Self::all().last()
        }

        /// All that this machine can do, best last.
        pub fn all() -> impl Iterator<Item = Self> {
            V3::try_new().map(Self::V3).into_iter().chain(V4::try_new().map(Self::V4))
        }

        /// Lines of a panel, at most.
        pub fn panel(self) -> usize {
            match self {
                Self::V3(_) => PANEL_V3,
                Self::V4(_) => PANEL_V4,
            }
        }
    }

    /// An instruction set, multiplying operands of a width.
    #[derive(Clone, Copy)]
    pub(in super::super) struct With<I, W>(pub I, pub W);

    impl Multiplier for With<V4, Bits16> {
        type Width = Bits16;
        type Loaded = __m512i;
        type Sums = __m512i;
        type Stored = Aligned<[i32; 16]>;
        type Sum = i32;

        const ROWS: usize = 8;

        #[inline(always)]
        fn zero(self) -> __m512i {
            self.0.avx512f._mm512_setzero_si512()
        }

        #[inline(always)]
        fn load(self, line: &Line) -> __m512i {
            cast(line.0)
        }

        #[inline(always)]
        fn add_products(self, sums: __m512i, pair: i32, line: __m512i) -> __m512i {
            let pair = self.0.avx512f._mm512_set1_epi32(pair);
            let products = self.0.avx512bw._mm512_madd_epi16(pair, line);
            self.0.avx512f._mm512_add_epi32(sums, products)
        }

        #[inline(always)]
        fn store(self, sums: __m512i) -> Aligned<[i32; 16]> {
            Aligned(cast(sums))
        }
    }

    impl Multiplier for With<V4, Bits32> {
        type Width = Bits32;
        /// First terms in the low halves of lanes, then second ones.
        type Loaded = [__m512i; 2];
        type Sums = __m512i;
        type Stored = Aligned<[i64; 8]>;
        type Sum = i64;

        const ROWS: usize = 8;

        #[inline(always)]
        fn zero(self) -> __m512i {
            self.0.avx512f._mm512_setzero_si512()
        }

        #[inline(always)]
        fn load(self, line: &Line) -> [__m512i; 2] {
            let first = cast(line.0);
            [first, self.0.avx512f._mm512_srli_epi64::<32>(first)]
        }

        #[inline(always)]
        fn add_products(self, sums: __m512i, pair: [i32; 2], line: [__m512i; 2]) -> __m512i {
            let v = self.0.avx512f;
            let first = v._mm512_mul_epi32(v._mm512_set1_epi32(pair[0]), line[0]);
            let second = v._mm512_mul_epi32(v._mm512_set1_epi32(pair[1]), line[1]);
            v._mm512_add_epi64(v._mm512_add_epi64(sums, first), second)
        }

        #[inline(always)]
        fn store(self, sums: __m512i) -> Aligned<[i64; 8]> {
            Aligned(cast(sums))
        }
    }

    impl Multiplier for With<V3, Bits16> {
        type Width = Bits16;
        type Loaded = [__m256i; 2];
        type Sums = [__m256i; 2];
        type Stored = Aligned<[i32; 16]>;
        type Sum = i32;

        const ROWS: usize = 4;

        #[inline(always)]
        fn zero(self) -> [__m256i; 2] {
            [self.0.avx._mm256_setzero_si256(); 2]
        }

        #[inline(always)]
        fn load(self, line: &Line) -> [__m256i; 2] {
            cast(line.0)
        }

        #[inline(always)]
        fn add_products(
            self,
            mut sums: [__m256i; 2],
            pair: i32,
            line: [__m256i; 2],
        ) -> [__m256i; 2] {
            let pair = self.0.avx._mm256_set1_epi32(pair);
            for half in 0..2 {
                let products = self.0.avx2._mm256_madd_epi16(pair, line[half]);
                sums[half] = self.0.avx2._mm256_add_epi32(sums[half], products);
            }
            sums
        }

        #[inline(always)]
        fn store(self, sums: [__m256i; 2]) -> Aligned<[i32; 16]> {
            Aligned(cast(sums))
        }
    }

    impl Multiplier for With<V3, Bits32> {
        type Width = Bits32;
        type Loaded = [[__m256i; 2]; 2];
        type Sums = [__m256i; 2];
        type Stored = Aligned<[i64; 8]>;
        type Sum = i64;

        const ROWS: usize = 4;

        #[inline(always)]
        fn zero(self) -> [__m256i; 2] {
            [self.0.avx._mm256_setzero_si256(); 2]
        }

        #[inline(always)]
        fn load(self, line: &Line) -> [[__m256i; 2]; 2] {
            let first: [__m256i; 2] = cast(line.0);
            let v = self.0.avx2;
            [first, [v._mm256_srli_epi64::<32>(first[0]), v._mm256_srli_epi64::<32>(first[1])]]
        }

        #[inline(always)]
        fn add_products(
            self,
            mut sums: [__m256i; 2],
            pair: [i32; 2],
            line: [[__m256i; 2]; 2],
        ) -> [__m256i; 2] {
            let v = self.0.avx2;
            for term in 0..2 {
                let operand = self.0.avx._mm256_set1_epi32(pair[term]);
                for half in 0..2 {
                    let products = v._mm256_mul_epi32(operand, line[term][half]);
                    sums[half] = v._mm256_add_epi64(sums[half], products);
                }
            }
            sums
        }

        #[inline(always)]
        fn store(self, sums: [__m256i; 2]) -> Aligned<[i64; 8]> {
            Aligned(cast(sums))
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::Machine;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::With;

/// A machine with integer vectors: there is none known here.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Machine {}

#[cfg(not(target_arch = "x86_64"))]
impl Machine {
    /// None.
    pub fn detect() -> Option<Self> {
        None
    }

    /// None.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::empty()
    }

    /// Lines of a panel, at most.
    pub fn panel(self) -> usize {
        match self {}
    }
}
