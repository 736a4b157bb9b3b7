//! Floats as the integers of their bits: the form in which driver and banks transport them.

use flexmac_array::Schedule;
use flexmac_engine::{Gemm, IntegerGemm, Operand};
use flexmac_float::FloatFormat;
use flexmac_fxp::{Format, Requantizer, Role, Rounding, SeedPath, Start};
use ndarray::Array2;

/// The operands of a float GEMM, as the integers of their bits.
pub(crate) struct RawFloats {
    a: Array2<i32>,
    b: Array2<i32>,
    bias: Option<Array2<i32>>,
    e5m2: [bool; 2],
}

impl RawFloats {
    pub fn new(gemm: &Gemm<'_, f32>) -> Self {
        // Reinterprets the same bits, at most 32.
        let bits = |operand: &Operand<'_, f32>| {
            let format = operand.format;
            operand.values.mapv(|value| {
                format.encode(value).expect("an element is a number of its format") as i32
            })
        };
        Self {
            a: bits(&gemm.a),
            b: bits(&gemm.b),
            bias: gemm.bias.map(|bias| bias.values.mapv(|value| value.to_bits() as i32)),
            e5m2: [gemm.a.format, gemm.b.format].map(|format| format == FloatFormat::E5m2),
        }
    }

    /// The GEMM of these bits with the plan `schedule`, for the driver only: rounding, formats and
    /// seed are not used.
    pub fn lowered(&self, schedule: Schedule) -> IntegerGemm<'_> {
        IntegerGemm {
            a: self.a.view(),
            b: self.b.view(),
            bits_a: 32,
            bits_b: 32,
            bias: self.bias.as_ref().map(|bias| Start { values: bias.view(), shift: 0 }),
            carried: None,
            requantizer: Requantizer { shift: 0, bits: 32, rounding: Rounding::Nearest },
            out: Format::new(32, 0).expect("32 bits are legal"),
            sum_frac: 0,
            seed: SeedPath { run: 0, iteration: 0, layer: 0, role: Role::Forward },
            keep_sums: false,
            e5m2: self.e5m2,
            schedule,
            skipping: None,
        }
    }
}
