//! Keeps formats to those whose sums the array can hold.
//!
//! The sums of a GEMM are exact: their last place is that of the products, and they must hold the
//! bias too. So operands with a fine last place and a bias of a large range may need wider sums
//! than the array has. A policy knows neither K nor which operands meet, so it may propose such
//! formats. Then the operand with the finest last place loses fraction bits, one by one, until the
//! sums fit. Its range stays, so overflows mean what the policy takes them for. The alternative, a
//! shorter range of the bias, would lose the value that makes the sum large.

use flexmac_dps::{FormatTable, Formats};
use flexmac_engine::sum_bits_needed;
use flexmac_fxp::{Counters, Format, MIN_BITS};

use crate::element::Number;
use crate::gemms::{LayerGemm, OperandSource, TensorUse, gemms};
use crate::network::Network;
use crate::param::Param;
use crate::plan::NetPlan;

/// The sums that a network needs, and those that an array has.
#[derive(Debug, Clone)]
pub struct SumLimit {
    sum_bits: u32,
    /// The GEMMs of an iteration, each with the tensor of the bias it adds.
    gemms: Vec<(LayerGemm, Option<usize>)>,
}

impl SumLimit {
    /// The limit for training `plan` with `batch` images on an array with sums of `sum_bits` bits.
    pub fn new(plan: &NetPlan, batch: usize, sum_bits: u32) -> Self {
        let bias = |gemm: &LayerGemm| {
            let layer = &plan.layers()[gemm.index];
            (gemm.role == flexmac_fxp::Role::Forward).then(|| layer.bias_tensor())
        };
        let gemms = gemms(plan, batch).into_iter().map(|gemm| {
            let bias = bias(&gemm);
            (gemm, bias)
        });
        Self { sum_bits, gemms: gemms.collect() }
    }

    /// The formats nearest to `formats` whose sums fit, with the present biases of `network`, which
    /// must be in `formats`; `None` if `formats` fit as they are.
    pub fn fit<T: Number>(
        &self,
        network: &Network<T>,
        formats: &FormatTable,
    ) -> Option<FormatTable> {
        let mut fitted: Vec<Formats> = formats.iter().copied().collect();
        for (gemm, bias) in &self.gemms {
            let bias = bias.and_then(|tensor| {
                network.params().find(|param| param.tensor == tensor).map(Param::largest_operand)
            });
            self.fit_gemm(gemm, bias, &mut fitted);
        }
        let fitted = FormatTable::new(fitted);
        (fitted != *formats).then_some(fitted)
    }

    fn fit_gemm(&self, gemm: &LayerGemm, bias: Option<(Format, u32)>, formats: &mut [Formats]) {
        loop {
            let [a, b] = [gemm.a, gemm.b].map(|source| *format_of(source, formats));
            let sum_frac = a.frac() + b.frac();
            let bias = match bias {
                // A bias with finer bits is rounded to the grid of the sums.
                Some((format, largest)) => match u32::try_from(sum_frac - format.frac()) {
                    Ok(shift) => (largest, shift),
                    Err(_) => (largest.div_ceil(2), 0),
                },
                None => (0, 0),
            };
            let bias = (u128::from(bias.0), bias.1);
            if sum_bits_needed(gemm.shape.1, a.bits(), b.bits(), bias) <= self.sum_bits {
                return;
            }
            let is_a = match (a.bits() > MIN_BITS, b.bits() > MIN_BITS) {
                (true, false) => true,
                (false, true) => false,
                // Without a bias only widths count.
                _ if bias.0 == 0 && a.bits() != b.bits() => a.bits() > b.bits(),
                _ => a.frac() >= b.frac(),
            };
            let format = format_of(if is_a { gemm.a } else { gemm.b }, formats);
            *format = coarser(*format);
        }
    }
}

/// A bit less of the fraction: a narrower format of the same range or, where there is none, one of a
/// longer range.
fn coarser(format: Format) -> Format {
    let bits = (format.bits() - 1).max(MIN_BITS);
    Format::new(bits, format.frac() - 1).expect("a width between two legal ones")
}

fn format_of(source: OperandSource, formats: &mut [Formats]) -> &mut Format {
    let formats = &mut formats[source.tensor];
    match source.tensor_use {
        TensorUse::Forward => &mut formats.forward,
        TensorUse::Backward => &mut formats.backward,
        TensorUse::Reused => formats.reused.as_mut().unwrap_or(&mut formats.forward),
    }
}

/// The counters that format `proposed` would have shown, from those of a coarser one of no shorter
/// range: the same values in finer units.
pub fn in_units_of(proposed: Format, used: Format, seen: &Counters) -> Counters {
    // The fraction of the coarser one is shorter.
    let finer = (proposed.frac() - used.frac()).unsigned_abs();
    if finer == 0 {
        return *seen;
    }
    let largest = proposed.max_raw().unsigned_abs();
    let magnitude = u64::from(seen.magnitude_or) << finer.min(32);
    Counters {
        magnitude_or: u32::try_from(magnitude).map_or(largest, |bits| bits.min(largest)),
        error_sum: seen.error_sum.saturating_mul(1 << finer.min(63)),
        ..*seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarser_format_loses_fraction_first_then_gains_range() {
        let at = |bits, frac| Format::new(bits, frac).unwrap();
        assert_eq!(coarser(at(8, 10)), at(7, 9));
        assert_eq!(coarser(at(7, 9)).integer_length(), at(8, 10).integer_length());
        assert_eq!(coarser(at(2, 3)), at(2, 2));
    }

    #[test]
    fn counters_are_told_in_the_units_of_the_policy() {
        let at = |bits, frac| Format::new(bits, frac).unwrap();
        let seen = Counters {
            emitted: 9,
            overflow_high: 1,
            overflow_low: 2,
            magnitude_or: 5,
            error_sum: 7,
        };
        let told = in_units_of(at(16, 12), at(12, 8), &seen);
        assert_eq!(told, Counters { magnitude_or: 80, error_sum: 112, ..seen });
        // The range was lengthened too: more than the proposed one holds is all of it.
        assert_eq!(in_units_of(at(4, 12), at(4, 8), &seen).magnitude_or, 7);
        assert_eq!(in_units_of(at(32, 90), at(2, 0), &seen).magnitude_or, i32::MAX as u32);
        assert_eq!(in_units_of(at(8, 3), at(8, 3), &seen), seen);
        let zeros = Counters { emitted: 3, ..Counters::default() };
        assert!(in_units_of(at(32, 59), at(2, 29), &zeros).only_zeros());
    }
}
