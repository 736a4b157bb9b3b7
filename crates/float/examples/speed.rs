//! The speed of [`gemm`] on the shapes of LeNet's GEMMs, in multiply-accumulates a second.
//!
//! `cargo run --release -p flexmac-float --example speed`

use std::time::Instant;

use flexmac_float::{FloatFormat, FloatRounding, Overflow, gemm};
use ndarray::Array2;

fn main() {
    for (m, k, n) in
        [(4096, 500, 50), (50, 4096, 500), (36864, 25, 20), (20, 36864, 25), (64, 800, 500)]
    {
        for (format, lanes) in [
            (FloatFormat::Bfloat16, 4),
            (FloatFormat::Bfloat16, 1),
            (FloatFormat::E4m3, 8),
            (FloatFormat::Binary32, 4),
            (FloatFormat::Binary32, 8),
        ] {
            let (a, b) = (matrix((m, k), format), matrix((k, n), format));
            let start = Instant::now();
            gemm((a.view(), b.view()), [format; 2], lanes, &[k], None).expect("numbers of it");
            let rate = (m * k * n) as f64 / start.elapsed().as_secs_f64() / 1e9;
            println!("({m}, {k}) x ({k}, {n}), {format}, {lanes} lanes: {rate:.2} GMAC/s");
        }
    }
}

/// Numbers of both signs around one, over some powers of two, as in training.
fn matrix(shape: (usize, usize), format: FloatFormat) -> Array2<f32> {
    Array2::from_shape_fn(shape, |(row, column)| {
        let mixed = (row * 7919 + column * 104_729) as u32;
        let mixed = mixed.wrapping_mul(0x9e37_79b9) >> 8;
        let (sign, power) = (1.0 - 2.0 * f64::from(mixed & 1), f64::from(mixed >> 1 & 7) - 4.0);
        let fraction = 1.0 + f64::from(mixed >> 4 & 0xff) / 256.0;
        let value = sign * fraction * power.exp2();
        format.round(value, FloatRounding::Nearest, Overflow::Saturate, 0)
    })
}
