//! Operand memory, by a stated model: energy per bit read.
//!
//! Source of the default: Horowitz, "Computing's energy problem (and what we can do about it)",
//! ISSCC 2014, figure 1.1.9: 10 pJ to read 64 bits from an 8-kbyte cache in 45 nm at 0.9 V, 0.156 pJ
//! a bit. It is carried to the cell library by C V^2: the input capacitance of the library's
//! smallest inverter over that of a 45 nm library (NanGate FreePDK45 INV_X1, 1.70 fF), and the
//! square of the supply over 0.9 V.

use flexmac_synth::liberty::Library;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Energy of reading a bit at 45 nm and 0.9 V.
const HOROWITZ_PJ: f64 = 10.0 / 64.0;
/// Supply it holds for.
const HOROWITZ_V: f64 = 0.9;
/// Input capacitance of the smallest inverter at 45 nm.
const INVERTER_45NM_FF: f64 = 1.70;

/// Where the energy per bit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemorySource {
    /// Given by the user.
    Given,
    /// Horowitz 2014, scaled by C V^2.
    Scaled,
}

/// The operand memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Energy per bit read.
    pub pj_per_bit: f64,
    /// Where it comes from.
    pub source: MemorySource,
    /// Bits read in a pass-cycle.
    pub bits_per_pass_cycle: usize,
}

impl Memory {
    /// The memory of `bits` read in a pass-cycle; `given` pJ per bit, or scaled to the library.
    ///
    /// # Errors
    /// [`Error::Library`] when the library has no inverter or no supply to scale by.
    pub fn new(library: &Library, bits: usize, given: Option<f64>) -> Result<Self, Error> {
        let missing = |expected| Error::Library { library: library.name.clone(), expected };
        let (pj_per_bit, source) = match given {
            Some(pj) => (pj, MemorySource::Given),
            None => {
                let (_, inverter_ff) = library.inverter().ok_or_else(|| {
                    missing("an inverter to scale the memory by (or give --memory-pj-per-bit)")
                })?;
                let supply = library.voltage_v.ok_or_else(|| {
                    missing("nom_voltage to scale the memory by (or give --memory-pj-per-bit)")
                })?;
                (scaled(inverter_ff, supply), MemorySource::Scaled)
            }
        };
        Ok(Self { pj_per_bit, source, bits_per_pass_cycle: bits })
    }

    /// Energy of the operands of a pass-cycle.
    pub fn pass_cycle_pj(&self) -> f64 {
        self.pj_per_bit * self.bits_per_pass_cycle as f64
    }
}

fn scaled(inverter_ff: f64, supply_v: f64) -> f64 {
    HOROWITZ_PJ * (inverter_ff / INVERTER_45NM_FF) * (supply_v / HOROWITZ_V).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_scales_to_itself_and_by_c_v_squared() {
        assert!((scaled(1.70, 0.9) - 0.15625).abs() < 1e-12);
        assert!((scaled(3.40, 1.8) - 8.0 * 0.15625).abs() < 1e-12);
    }

    #[test]
    fn a_library_without_an_inverter_needs_a_number() {
        let text =
            "library (l) { time_unit : \"1ns\"; capacitive_load_unit (1, pf); cell (X) { } }";
        let library = Library::parse(text.as_bytes()).expect("parses");
        let error = Memory::new(&library, 64, None).expect_err("no inverter");
        assert_eq!(
            error.to_string(),
            "library l: expected an inverter to scale the memory by (or give --memory-pj-per-bit), \
             found none"
        );
        let memory = Memory::new(&library, 64, Some(0.5)).expect("given");
        assert_eq!((memory.pass_cycle_pj(), memory.source), (32.0, MemorySource::Given));
    }
}
