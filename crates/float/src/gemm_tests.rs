//! The slow model against the host's fused multiply-add and against cases computed by hand; the fast
//! GEMM against the slow model.

use ndarray::Array2;
use proptest::prelude::*;

use crate::{DotProduct, FloatFormat, FloatRounding, NAN, Overflow, gemm};

const PAIRS: [[FloatFormat; 2]; 6] = [
    [FloatFormat::Binary32; 2],
    [FloatFormat::Bfloat16; 2],
    [FloatFormat::E4m3; 2],
    [FloatFormat::E5m2; 2],
    [FloatFormat::E4m3, FloatFormat::E5m2],
    [FloatFormat::E5m2, FloatFormat::E4m3],
];

/// The kinds of operands of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Encodings drawn evenly, without infinity and NaN.
    Any,
    /// Any encoding at all.
    Special,
    /// Subnormal numbers, zeros, and the smallest normal ones.
    Tiny,
    /// Exponents close together: sums cancel, and end in ties.
    Near,
    /// The largest exponents: sums overflow, and come back.
    Huge,
    /// As in training: near one, over some powers of two.
    Usual,
}

const KINDS: [Kind; 6] =
    [Kind::Any, Kind::Special, Kind::Tiny, Kind::Near, Kind::Huge, Kind::Usual];

/// A linear congruential generator: the upper 32 bits of its state.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn number(&mut self, format: FloatFormat, kind: Kind) -> f32 {
        let (bits, fraction_bits) = (format.bits(), format.fraction_bits());
        let sign = (self.next() & 1) << (bits - 1);
        let fraction = self.next() & ((1 << fraction_bits) - 1);
        // Often few bits, so that sums are ties.
        let fraction = if self.next().is_multiple_of(2) {
            fraction
        } else {
            fraction >> 1 << 1 & !(fraction >> 1)
        };
        let top = (1 << format.exponent_bits()) - 1;
        let field = match kind {
            Kind::Any | Kind::Special => self.next() & top,
            Kind::Tiny => self.next() % 2,
            Kind::Near => format.bias() as u32 + self.next() % 2,
            Kind::Huge => top - 1 - self.next() % 2,
            Kind::Usual => (format.bias() as u32 + 3)
                .saturating_sub((self.next() % 64).leading_zeros() / 2 - 12),
        };
        if kind == Kind::Special && self.next().is_multiple_of(8) {
            return [f32::INFINITY, -f32::INFINITY, NAN, 0.0][(self.next() % 4) as usize];
        }
        if self.next().is_multiple_of(16) {
            return if sign == 0 { 0.0 } else { -0.0 };
        }
        let number = format.decode(sign | field << fraction_bits | fraction);
        if kind != Kind::Special && !number.is_finite() { 1.0 } else { number }
    }

    fn matrix(&mut self, shape: (usize, usize), format: FloatFormat, kind: Kind) -> Array2<f32> {
        Array2::from_shape_simple_fn(shape, || {
            let number = self.number(format, kind);
            if format.has(number) { number } else { NAN }
        })
    }
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits()
}

#[test]
fn one_lane_is_a_fused_multiply_add() {
    let mut draw = Draw(1);
    for formats in PAIRS {
        let dot = DotProduct::new(formats, 1);
        for kind in KINDS {
            for _ in 0..3000 {
                let pairs: Vec<_> = (0..6)
                    .map(|_| (draw.number(formats[0], kind), draw.number(formats[1], kind)))
                    .collect();
                let expected = pairs.iter().fold(0.0_f32, |acc, (a, b)| a.mul_add(*b, acc));
                let expected = if expected.is_nan() { NAN } else { expected + 0.0 };
                let found = dot.of(pairs.iter().copied(), [pairs.len()], None);
                assert!(
                    same(found, expected),
                    "{formats:?} {pairs:?}: {found:e}, not {expected:e}"
                );
            }
        }
    }
}

/// Computed by hand from the definition: the window, its cut toward zero, the order of words.
#[test]
fn words_follow_the_definition() {
    let bf16 = |pairs: &[(f32, f32)], lanes, pieces: &[usize]| {
        DotProduct::new([FloatFormat::Bfloat16; 2], lanes).of(
            pairs.iter().copied(),
            pieces.iter().copied(),
            None,
        )
    };
    let two = |power: i32| f32::powi(2.0, power);
    // 1 * 1 is 2^14 units of 2^-14: the window ends 11 places below, at 2^-25.
    assert_eq!(bf16(&[(1.0, 1.0), (two(-25), 1.0), (-1.0, 1.0)], 3, &[3]), two(-25));
    assert_eq!(bf16(&[(1.0, 1.0), (two(-26), 1.0), (-1.0, 1.0)], 3, &[3]), 0.0);
    // Cut, not rounded; toward zero for both signs.
    assert_eq!(bf16(&[(1.0, 1.0), (1.5 * two(-25), 1.0), (-1.0, 1.0)], 3, &[3]), two(-25));
    assert_eq!(bf16(&[(1.0, 1.0), (-1.5 * two(-25), 1.0), (-1.0, 1.0)], 3, &[3]), -two(-25));
    // The largest exponent is that of the factors: 1.5 * 1.5 = 2.25 has the window of 1.
    assert_eq!(bf16(&[(1.5, 1.5), (two(-25), 1.0), (-1.5, 1.5)], 3, &[3]), two(-25));
    // The next command begins a new word: its products do not meet those before.
    let pairs = [(1.0, 1.0), (two(-26), 1.0), (-1.0, 1.0)];
    assert_eq!(bf16(&pairs, 3, &[1, 2]), 0.0);
    assert_eq!(bf16(&[(1.0, 1.0), (-1.0, 1.0), (two(-26), 1.0)], 2, &[2, 1]), two(-26));
    // A subnormal factor has the exponent of the smallest normal one: 2^-133 * 1 has e = -133 - 7.
    let tiny = two(-133);
    assert_eq!(bf16(&[(tiny, 1.0), (two(-126), two(-30))], 2, &[2]), tiny);
    // fp8: 19 guard bits. 448 * 448 = 14 * 14 * 2^10, so the window ends at 2^-9.
    let e4m3 = DotProduct::new([FloatFormat::E4m3; 2], 2);
    assert_eq!(e4m3.of([(448.0, 448.0), (two(-9), 1.0)], [2], None), 200_704.0);
    assert_eq!(e4m3.of([(256.0, 256.0), (two(-9), 1.0)], [2], None), 65_536.001_953_125_f32);
    // fp32: three guard bits below 48.
    let fp32 = DotProduct::new([FloatFormat::Binary32; 2], 3);
    assert_eq!(fp32.of([(1.0, 1.0), (two(-49), 1.0), (-1.0, 1.0)], [3], None), two(-49));
    assert_eq!(fp32.of([(1.0, 1.0), (two(-50), 1.0), (-1.0, 1.0)], [3], None), 0.0);
}

#[test]
fn specials_follow_the_definition() {
    let dot = DotProduct::new([FloatFormat::Bfloat16; 2], 2);
    let infinity = f32::INFINITY;
    let of = |pairs: &[(f32, f32)], bias| dot.of(pairs.iter().copied(), [pairs.len()], bias);
    let is = |found: f32, expected: f32| assert!(same(found, expected), "{found}, not {expected}");
    is(of(&[(infinity, 0.0), (1.0, 1.0)], None), NAN);
    is(of(&[(infinity, 1.0), (1.0, -infinity)], None), NAN);
    is(of(&[(infinity, -1.0), (1.0, -infinity)], None), -infinity);
    is(of(&[(infinity, 1.0), (1.0, 1.0), (-infinity, 1.0)], None), NAN);
    is(of(&[(1.0, 1.0)], Some(f32::from_bits(0xffff_ffff))), NAN);
    is(of(&[(-0.0, 1.0)], Some(-0.0)), 0.0);
    // Overflow to infinity stays, however negative what follows is.
    let largest = FloatFormat::Bfloat16.largest();
    is(of(&[(largest, largest), (1.0, 1.0), (-largest, largest), (0.0, 0.0)], None), infinity);
    // In one word, the two cancel before they overflow.
    is(of(&[(largest, largest), (-largest, largest), (3.0, 1.0)], None), 3.0);
    // A product below binary32's least number rounds to +0, of either sign.
    let least = f32::from_bits(0x0001_0000);
    is(of(&[(-least, least)], None), 0.0);
}

/// Compares a GEMM with the slow model, element by element.
fn check(
    draw: &mut Draw,
    (m, k, n): (usize, usize, usize),
    formats: [FloatFormat; 2],
    lanes: usize,
    kind: Kind,
) {
    let a = draw.matrix((m, k), formats[0], kind);
    let b = draw.matrix((k, n), formats[1], kind);
    let first = draw.next() as usize % k + 1;
    let pieces = if first < k { vec![first, k - first] } else { vec![k] };
    let bias = match draw.next() % 3 {
        0 => None,
        1 => Some(draw.matrix((1, n), FloatFormat::Binary32, kind)),
        _ => Some(draw.matrix((m, n), FloatFormat::Binary32, kind)),
    };
    let found =
        gemm((a.view(), b.view()), formats, lanes, &pieces, bias.as_ref().map(|bias| bias.view()))
            .unwrap();
    let dot = DotProduct::new(formats, lanes);
    for ((row, column), found) in found.indexed_iter() {
        let products = a.row(row).into_iter().copied().zip(b.column(column).into_iter().copied());
        let bias =
            bias.as_ref().map(|bias| bias[[if bias.nrows() == 1 { 0 } else { row }, column]]);
        let expected = dot.of(products, pieces.iter().copied(), bias);
        assert!(
            same(*found, expected),
            "{formats:?} lanes {lanes} {kind:?} C[{row},{column}]: {found:e}, not {expected:e}"
        );
    }
    // Strided operands too.
    let (a, b) = (a.t().as_standard_layout().into_owned(), b.t().as_standard_layout().into_owned());
    let strided =
        gemm((a.t(), b.t()), formats, lanes, &pieces, bias.as_ref().map(|bias| bias.view()))
            .unwrap();
    assert!(strided.iter().zip(&found).all(|(a, b)| same(*a, *b)));
}

#[test]
fn the_fast_gemm_is_the_slow_model() {
    let mut draw = Draw(2);
    for formats in PAIRS {
        for kind in KINDS {
            for lanes in [1, 2, 3, 4, 5, 8, 16, 17] {
                check(&mut draw, (3, 21, 37), formats, lanes, kind);
            }
            check(&mut draw, (2, 600, 5), formats, 4, kind);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_fast_gemm_is_the_slow_model_for_any_shape(
        m in 1_usize..6, k in 1_usize..60, n in 1_usize..70, pair in 0_usize..6, kind in 0_usize..6,
        lanes in 1_usize..=16, seed in any::<u64>(),
    ) {
        check(&mut Draw(seed), (m, k, n), PAIRS[pair], lanes, KINDS[kind]);
    }
}

#[test]
fn numbers_of_other_formats_are_refused() {
    let good = Array2::from_elem((2, 2), 1.0_f32);
    for (format, value, shown) in [
        (FloatFormat::Bfloat16, 1.001, "1.001"),
        (FloatFormat::E4m3, 480.0, "480"),
        (FloatFormat::E4m3, f32::INFINITY, "inf"),
        (FloatFormat::E4m3, 1e-4, "0.0001"),
        (FloatFormat::E5m2, 1.125, "1.125"),
        (FloatFormat::E5m2, 65536.0, "65536"),
        (FloatFormat::E5m2, f32::from_bits(1), "0.000000000000000000000000000000000000000000001"),
    ] {
        let mut bad = good.clone();
        bad[[1, 0]] = value;
        for (name, a, b) in [("A", &bad, &good), ("B", &good, &bad)] {
            let error =
                gemm((a.view(), b.view()), [format; 2], 4, &[2], None).unwrap_err().to_string();
            let expected =
                format!("gemm: operand {name}[1,0] = {shown} is no number of format {format}");
            assert!(error.starts_with(&expected), "{error}");
        }
        let rounded = format.round(value.into(), FloatRounding::Nearest, Overflow::Saturate, 0);
        bad[[1, 0]] = rounded;
        assert!(gemm((bad.view(), good.view()), [format; 2], 4, &[2], None).is_ok());
    }
}
