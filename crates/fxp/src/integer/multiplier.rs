//! The vector instructions that multiply and add.

use super::{Bits16, Bits32, Line, Width};

/// Multiplies lines of B by pairs of terms of A and accumulates the products modulo 2^32 or 2^64.
pub(super) trait Multiplier: Copy {
    type Width: Width;
    /// A line of B in registers.
    type Loaded: Copy;
    /// Sums of a line's columns in registers.
    type Sums: Copy;
    /// The same sums in memory.
    type Stored: Copy + AsRef<[Self::Sum]>;
    /// One sum.
    type Sum: Copy + Into<i64>;

    /// Most rows of A in a tile.
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

/// A vector in memory, aligned so that it can be stored by one instruction.
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

    /// Lines of B per panel. Together with the rows of a tile, this uses all vector registers for
    /// sums.
    const PANEL_V3: usize = 1;
    const PANEL_V4: usize = 3;

    // AVX-512 with VNNI. Code compiled for it is that of AVX-512; the compiler makes one instruction
    // (vpdpwssd) of a product of pairs and the addition that follows.
    pulp::simd_type! {
        pub(crate) struct Vnni {
            pub avx512f: "avx512f",
            pub avx512bw: "avx512bw",
            pub avx512cd: "avx512cd",
            pub avx512dq: "avx512dq",
            pub avx512vl: "avx512vl",
            pub avx512vnni: "avx512vnni",
            pub bmi1: "bmi1",
            pub bmi2: "bmi2",
            pub fma: "fma",
            pub lzcnt: "lzcnt",
            pub popcnt: "popcnt",
        }
    }

    /// The integer vector instructions of this processor.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum VectorUnit {
        /// AVX2.
        V3(V3),
        /// AVX-512.
        V4(V4),
        /// AVX-512 with VNNI.
        Vnni(V4, Vnni),
    }

    impl VectorUnit {
        /// The best instruction set of this processor.
        pub fn detect() -> Option<Self> {
            Self::all().last()
        }

        /// All instruction sets of this processor, best last.
        pub fn all() -> impl Iterator<Item = Self> {
            let vnni = V4::try_new().zip(Vnni::try_new()).map(|(v4, vnni)| Self::Vnni(v4, vnni));
            let units = [V3::try_new().map(Self::V3), V4::try_new().map(Self::V4), vnni];
            units.into_iter().flatten()
        }

        /// Whether one instruction multiplies bytes and adds the products in 32 bits.
        pub fn has_byte_products(self) -> bool {
            matches!(self, Self::Vnni(..))
        }

        /// Most lines in a panel.
        pub fn panel(self) -> usize {
            match self {
                Self::V3(_) => PANEL_V3,
                Self::V4(_) | Self::Vnni(..) => PANEL_V4,
            }
        }
    }

    /// An instruction set together with an operand width.
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
        /// The first terms in the low halves of the lanes, then the second terms.
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
pub(crate) use x86::VectorUnit;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::With;

/// Integer vector instructions: none is supported on this architecture.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Debug, Clone, Copy)]
pub(crate) enum VectorUnit {}

#[cfg(not(target_arch = "x86_64"))]
impl VectorUnit {
    /// None.
    pub fn detect() -> Option<Self> {
        None
    }

    /// None.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::empty()
    }

    /// Whether one instruction multiplies bytes and adds the products in 32 bits.
    pub fn has_byte_products(self) -> bool {
        match self {}
    }

    /// Most lines in a panel.
    pub fn panel(self) -> usize {
        match self {}
    }
}
