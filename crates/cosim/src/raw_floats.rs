//! Floats as the integers of their bits: the form in which driver and banks transport them.

use flexmac_array::Schedule;
use flexmac_engine::{Gemm, IntegerGemm};
use flexmac_fxp::{Format, Requantizer, Role, Rounding, SeedPath, Start};
use ndarray::{Array2, ArrayView2};

/// The operands of a float GEMM, as the integers of their bits.
pub(crate) struct RawFloats {
    a: Array2<i32>,
    b: Array2<i32>,
    bias: Option<Array2<i32>>,
}

impl RawFloats {
    pub fn new(gemm: &Gemm<'_, f32>) -> Self {
        // Reinterprets the same 32 bits.
        let raw = |values: ArrayView2<'_, f32>| values.mapv(|value| value.to_bits() as i32);
        Self {
            a: raw(gemm.a.values),
            b: raw(gemm.b.values),
            bias: gemm.bias.map(|bias| raw(bias.values)),
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
            schedule,
            skipping: None,
        }
    }
}
